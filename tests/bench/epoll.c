// The floor that scripts/bench compares with: one thread, one epoll set, and nothing parsed. Every CRLFCRLF that is read is a
// request, and every request gets the same answer, as long as the one that probeserver gives to /healthz.
//
//   PORT    where to listen, on 127.0.0.1
//   CLOSE   set: closes after the first answer, since it does not read the client's Connection: close
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const char answer[] = "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nServer: probeserver\r\nProbe-Pod: localhost\r\n"
                             "Probe-Version: 0.0.0\r\nContent-Type: application/json\r\nContent-Length: 19\r\n\r\n{ \"status\": \"ok\" }\n";
enum { ANSWER = sizeof answer - 1, MOST = 1024, FILES = 20000 };
static char answers[MOST * ANSWER], received[16384];
// How much of CRLFCRLF each connection has sent last.
static unsigned char matched[FILES];

static int requests(unsigned char *state, const char *bytes, long length) {
    int count = 0;
    // What nearly every read is: one request, whole.
    if (*state == 0 && length >= 4 && memcmp(bytes + length - 4, "\r\n\r\n", 4) == 0 && memmem(bytes, length - 4, "\r\n\r\n", 4) == 0)
        return 1;
    for (long i = 0; i < length; i++) {
        *state = bytes[i] == "\r\n\r\n"[*state] ? *state + 1 : bytes[i] == '\r';
        if (*state == 4)
            *state = 0, count++;
    }
    return count;
}

int main(void) {
    const char *port = getenv("PORT");
    int once = getenv("CLOSE") != 0, one = 1, set = epoll_create1(EPOLL_CLOEXEC);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(atoi(port ? port : "8080"))};
    struct epoll_event events[256], event = {.events = EPOLLIN, .data.fd = listener};
    struct rlimit files;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) != 0 || listen(listener, 4096) != 0)
        return 1;
    epoll_ctl(set, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(set, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            int client = events[i].data.fd;
            if (client == listener) {
                while ((client = accept4(listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                    if (client >= FILES) {
                        close(client);
                        continue;
                    }
                    matched[client] = 0;
                    event.data.fd = client;
                    epoll_ctl(set, EPOLL_CTL_ADD, client, &event);
                }
                continue;
            }
            long length = recv(client, received, sizeof received, 0);
            if (length <= 0) {
                close(client);
                continue;
            }
            int count = requests(&matched[client], received, length);
            if (count == 0)
                continue;
            long owed = (long)(count > MOST ? MOST : count) * ANSWER;
            // Touched only where somebody pipelines, so that it does not count as memory elsewhere.
            if (count > 1 && answers[owed - 1] == 0)
                for (long at = 0; at < owed; at += ANSWER)
                    memcpy(answers + at, answer, ANSWER);
            // A client that does not read its answers is none that this server has to please.
            if (send(client, count > 1 ? answers : answer, owed, MSG_NOSIGNAL) != owed || count > MOST || once)
                close(client);
        }
    }
}
