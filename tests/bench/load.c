// The load generator of scripts/bench: one thread that asks a server on 127.0.0.1 over and over, each connection for the next
// answer as soon as it has the last.
//
//   load PORT PATH CONNECTIONS SECONDS keep|new [PID...]
//
// keep: all requests over the same connections. new: a connection for each request, with Connection: close.
// Prints one line of JSON: requests answered with 200 in the time, what the processes named used of the CPU in that very time
// (their clocks count nanoseconds, while /proc/PID/stat counts hundredths of a second), latencies (for a new connection from
// before connect) and how many answers were none. It reads every answer to its last octet, by its Content-Length.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 4096, WARM_NS = 50000000, STEPS = 64, SLOTS = STEPS * 40 };
static struct connection {
    int socket, length, answered;
    long since;
    char received[8192];
} connections[MOST];
// Counts of latencies, 64 steps for each doubling: exact to 1.6 %.
static long slots[SLOTS];
static char request[1024];
static int set, request_length, fresh, failed, reconnected;
static struct sockaddr_in there = {.sin_family = AF_INET};

static long clock_of(clockid_t id) {
    struct timespec t;
    if (clock_gettime(id, &t) != 0)
        return perror("clock"), exit(1), 0;
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static long cpu(char **pids) {
    long sum = 0;
    for (; *pids; pids++) {
        clockid_t id;
        if (clock_getcpuclockid(atoi(*pids), &id) != 0)
            fprintf(stderr, "load: no process %s\n", *pids), exit(1);
        sum += clock_of(id);
    }
    return sum;
}

static void ask(struct connection *c) {
    c->length = c->answered = 0;
    c->since = fresh ? c->since : clock_of(CLOCK_MONOTONIC);
    if (send(c->socket, request, request_length, MSG_NOSIGNAL) != request_length)
        failed++;
}

static void open_connection(struct connection *c) {
    int one = 1;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

    c->since = clock_of(CLOCK_MONOTONIC);
    c->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!fresh)
        setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->socket, (struct sockaddr *)&there, sizeof there) != 0)
        perror("load: connect"), exit(1);
    epoll_ctl(set, EPOLL_CTL_ADD, c->socket, &event);
    ask(c);
}

// The length of the answer that begins there: 0 when its head is not complete yet, -1 when it is no 200 with a Content-Length.
static int answer_length(const char *bytes, int length) {
    static const char field[] = "content-length:";
    const char *end = memmem(bytes, length, "\r\n\r\n", 4);

    if (!end)
        return 0;
    if (memcmp(bytes, "HTTP/1.1 200 ", 13) != 0)
        return -1;
    for (const char *line = bytes; line < end;) {
        line = (const char *)memchr(line, '\n', end + 2 - line) + 1;
        if ((*line | 32) == 'c' && strncasecmp(line, field, sizeof field - 1) == 0)
            return end + 4 - bytes + atoi(line + sizeof field - 1);
    }
    return -1;
}

// Waits for the server's end of a connection that has its answer, and resets it then: neither side keeps it in TIME_WAIT, of which
// the kernel has only so many, and with too many a connect takes seconds, on any server. True when that ended a request well.
static int finish(struct connection *c) {
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    int got = recv(c->socket, c->received, sizeof c->received, MSG_DONTWAIT);

    if (got < 0 && errno == EAGAIN)
        return 0;
    setsockopt(c->socket, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(c->socket);
    open_connection(c);
    return 1;
}

// True when that ended a request well.
static int receive(struct connection *c) {
    if (c->answered)
        return finish(c);
    int wanted, got = recv(c->socket, c->received + c->length, sizeof c->received - c->length, MSG_DONTWAIT);

    if (got < 0 && errno == EAGAIN)
        return 0;
    c->length += got > 0 ? got : 0;
    wanted = answer_length(c->received, c->length);
    if (got > 0 && (wanted == 0 || c->length < wanted))
        return 0;
    if (got > 0 && wanted == c->length) {
        long took = clock_of(CLOCK_MONOTONIC) - c->since, slot = took;
        if (took >= 2 * STEPS) {
            int power = 63 - __builtin_clzl(took) - 6;
            slot = (long)STEPS * power + (took >> power);
        }
        slots[slot < SLOTS ? slot : SLOTS - 1]++;
        if (!fresh)
            return ask(c), 1;
        c->answered = 1;
        return finish(c);
    }
    // A server may close a kept connection between two requests; anything else is a failure.
    if (got == 0 && c->length == 0 && !fresh)
        reconnected++;
    else
        failed++;
    close(c->socket);
    open_connection(c);
    return 0;
}

static double percentile(long total, double share) {
    long seen = 0, wanted = (long)(total * share);
    for (long slot = 0; slot < SLOTS; slot++) {
        seen += slots[slot];
        if (seen > wanted) {
            long power = slot < 2 * STEPS ? 0 : slot / STEPS - 1;
            return ((slot - STEPS * power) << power) / 1e3;
        }
    }
    return 0;
}

int main(int count, char **argument) {
    struct epoll_event events[256];
    struct rlimit files;
    long begin, end, cpu_begin = 0, requests = 0, own = 0;
    int warm = 0, number = count > 5 ? atoi(argument[3]) : 0;

    if (number < 1 || number > MOST)
        return fprintf(stderr, "load PORT PATH CONNECTIONS SECONDS keep|new [PID...]\n"), 2;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    there.sin_port = htons(atoi(argument[1]));
    fresh = strcmp(argument[5], "new") == 0;
    request_length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: load\r\n%s\r\n", argument[2],
                              fresh ? "Connection: close\r\n" : "");
    set = epoll_create1(EPOLL_CLOEXEC);
    begin = clock_of(CLOCK_MONOTONIC);
    for (int i = 0; i < number; i++)
        open_connection(&connections[i]);
    for (;;) {
        int ready = epoll_wait(set, events, 256, 1000);
        if (ready == 0)
            return fprintf(stderr, "load: no answer within a second\n"), 1;
        for (int i = 0; i < ready; i++)
            requests += receive(events[i].data.ptr);
        end = clock_of(CLOCK_MONOTONIC);
        if (!warm && end - begin > WARM_NS) {
            warm = 1;
            requests = 0;
            memset(slots, 0, sizeof slots);
            begin = clock_of(CLOCK_MONOTONIC);
            cpu_begin = cpu(argument + 6);
            own = clock_of(CLOCK_PROCESS_CPUTIME_ID);
        }
        if (warm && end - begin > atof(argument[4]) * 1e9)
            break;
    }
    printf("{\"requests\":%ld,\"seconds\":%.6f,\"cpu_us\":%.3f,\"client_cpu_us\":%.3f,\"p50_us\":%.2f,\"p99_us\":%.2f,\"p999_us\":%.2f,"
           "\"failed\":%d,\"reconnected\":%d}\n",
           requests, (end - begin) / 1e9, (cpu(argument + 6) - cpu_begin) / 1e3, (clock_of(CLOCK_PROCESS_CPUTIME_ID) - own) / 1e3,
           percentile(requests, 0.5), percentile(requests, 0.99), percentile(requests, 0.999), failed, reconnected);
    return 0;
}
