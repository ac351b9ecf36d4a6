// How long servers take from exec to the first accepted connection and to the first octet of an answer to GET of a path.
//
//   startup RUNS PORT/PATH COMMAND [ARGUMENT...] [-- PORT/PATH COMMAND [ARGUMENT...]]...
//
// prints a line for each start: which server (from 0), and the two times in microseconds. They run in turn, each told its port
// by PORT (0: a free one for each start), with BIND=127.0.0.1. In C, and with the clock read just before execve, so that
// nothing but the servers is measured.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_SERVERS = 16, GIVE_UP_NS = 2000000000 };

static long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static struct sockaddr_in free_port(void) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    int s = socket(AF_INET, SOCK_STREAM, 0);
    if (s < 0 || bind(s, (struct sockaddr *)&a, size) != 0 || getsockname(s, (struct sockaddr *)&a, &size) != 0)
        die("free port");
    close(s);
    return a;
}

// server: PORT/PATH, and then what to run.
static void run(int number, char **server, long *exec_at) {
    struct sockaddr_in there = free_port();
    struct linger reset = {1, 0};
    char byte, port[16], request[1024];
    long to_accept, to_answer;
    int s, length;
    pid_t child;

    if (atoi(server[0]) != 0)
        there.sin_port = htons(atoi(server[0]));
    length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", strchr(server[0], '/'));
    snprintf(port, sizeof port, "%d", ntohs(there.sin_port));
    setenv("PORT", port, 1);
    *exec_at = 0;
    child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC); // So that the program has 0 to 2, as a container has.
        setpgid(0, 0);
        dup2(null, 1);
        dup2(null, 2);
        *exec_at = now();
        execv(server[1], server + 1);
        _exit(127);
    }
    while (*(volatile long *)exec_at == 0)
        ;
    for (;;) {
        s = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(s, (struct sockaddr *)&there, sizeof there) == 0)
            break;
        close(s);
        if (errno != ECONNREFUSED || now() - *exec_at > GIVE_UP_NS)
            die(server[1]);
    }
    to_accept = now() - *exec_at;
    if (send(s, request, length, 0) < 0 || recv(s, &byte, 1, 0) != 1)
        die("answer");
    to_answer = now() - *exec_at;
    setsockopt(s, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(s);
    // All that it has started too, so that its port is free again.
    kill(-child, SIGKILL);
    while (waitpid(-1, 0, 0) > 0)
        ;
    printf("%d %.1f %.1f\n", number, to_accept / 1e3, to_answer / 1e3);
}

int main(int count, char **argument) {
    char **servers[MOST_SERVERS];
    long runs = count > 3 ? atol(argument[1]) : 0;
    long *exec_at = mmap(0, sizeof *exec_at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int number = 0;

    for (int i = 2; i < count && number < MOST_SERVERS; i++) {
        if (!strchr(argument[i], '/') || i + 1 >= count)
            runs = 0;
        servers[number++] = argument + i;
        while (argument[i] && strcmp(argument[i], "--") != 0)
            i++;
        argument[i] = 0;
    }
    if (runs < 1)
        return fprintf(stderr, "startup RUNS PORT/PATH COMMAND [ARGUMENT...] [-- PORT/PATH COMMAND [ARGUMENT...]]...\n"), 2;
    setenv("BIND", "127.0.0.1", 1);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    setvbuf(stdout, 0, _IOFBF, 1 << 16);
    // Each has every place in the order equally often.
    for (long i = 0; i < runs; i++)
        for (int k = 0; k < number; k++) {
            int which = (k + i) % number;
            run(which, servers[which], exec_at);
        }
}
