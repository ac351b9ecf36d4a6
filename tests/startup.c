// How long two servers take from exec to the first accepted connection and to the first octet of an answer.
//
//   startup RUNS SERVER SERVER     prints a line each: the medians in microseconds
//
// They run in turn, each on a free port of its own that it learns from PORT, with BIND=127.0.0.1. In C, and with the clock
// read just before execve, so that nothing but the servers is measured.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_RUNS = 10000, GIVE_UP_NS = 2000000000 };
static long accepted[2][MOST_RUNS], answered[2][MOST_RUNS];

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

static void run(char *server, long *exec_at, long *to_accept, long *to_answer) {
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct sockaddr_in there = free_port();
    struct linger reset = {1, 0};
    char byte, port[16];
    int s;
    pid_t child;

    snprintf(port, sizeof port, "%d", ntohs(there.sin_port));
    setenv("PORT", port, 1);
    *exec_at = 0;
    child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 1);
        dup2(null, 2);
        *exec_at = now();
        execl(server, server, (char *)0);
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
            die(server);
    }
    *to_accept = now() - *exec_at;
    if (send(s, request, sizeof request - 1, 0) < 0 || recv(s, &byte, 1, 0) != 1)
        die("answer");
    *to_answer = now() - *exec_at;
    setsockopt(s, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(s);
    kill(child, SIGKILL);
    waitpid(child, 0, 0);
}

static int order(const void *a, const void *b) {
    long x = *(const long *)a, y = *(const long *)b;
    return (x > y) - (x < y);
}

int main(int count, char **argument) {
    long runs = count == 4 ? atol(argument[1]) : 0;
    long *exec_at = mmap(0, sizeof *exec_at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (runs < 1 || runs > MOST_RUNS)
        return fprintf(stderr, "startup RUNS SERVER SERVER\n"), 2;
    setenv("BIND", "127.0.0.1", 1);
    for (long i = 0; i < runs; i++)
        for (int k = 0; k < 2; k++) {
            int which = (k + i) % 2;
            run(argument[2 + which], exec_at, &accepted[which][i], &answered[which][i]);
        }
    for (int which = 0; which < 2; which++) {
        qsort(accepted[which], runs, sizeof(long), order);
        qsort(answered[which], runs, sizeof(long), order);
        printf("%.1f %.1f\n", accepted[which][runs / 2] / 1e3, answered[which][runs / 2] / 1e3);
    }
}
