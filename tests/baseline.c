// The floor that tests/footprint compares the start of probeserver with: a static server that does nothing but answer.
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";

int main(void) {
    const char *port = getenv("PORT");
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(atoi(port ? port : "8080"))};
    char request[2048];
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);

    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) != 0 || listen(listener, 4096) != 0)
        return 1;
    for (;;) {
        int client = accept(listener, 0, 0);
        if (client < 0)
            continue;
        while (read(client, request, sizeof request) > 0)
            if (write(client, answer, sizeof answer - 1) < 0)
                break;
        close(client);
    }
}
