/* The chat of step 7, in C: what examples/07_first_server.rs does, with the
   same calls. One client after another.

       cc -O2 -o blocking blocking.c && ./blocking 127.0.0.1:8090 */

#include <sys/time.h>
#include <unistd.h>

#include "listen.h"

#define GREETING "Hello, client!"
#define PREFIX "Server received: "
#define PREFIX_SIZE (sizeof PREFIX - 1)

/* Sends everything: 0, or -1. */
static int send_all(int client, const char *data, size_t size) {
    while (size > 0) {
        ssize_t sent = send(client, data, size, MSG_NOSIGNAL);
        if (sent < 0) {
            return -1;
        }
        data += sent;
        size -= (size_t)sent;
    }
    return 0;
}

static void serve(int client) {
    /* One that takes nothing for a second is given up. */
    const struct timeval limit = {.tv_sec = 1};
    if (setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0
        || send_all(client, GREETING, sizeof GREETING - 1) < 0) {
        return;
    }
    /* The prefix stands there once for all, and what is received behind it:
       the reply leaves in one piece. */
    char reply[PREFIX_SIZE + 1024] = PREFIX;
    ssize_t got;
    while ((got = recv(client, reply + PREFIX_SIZE, 1024, 0)) > 0
           && send_all(client, reply, PREFIX_SIZE + (size_t)got) == 0) {
    }
}

int main(int argc, char **argv) {
    int listener = listen_at(argv[argc - 1], 100);
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0) {
            perror("accept"); /* A shortage of open files passes. */
            usleep(100000);
            continue;
        }
        serve(client);
        close(client);
    }
}
