/* Takes what it is sent, in receives of at most SIZE bytes: first 8 bytes that
   say how many follow (the highest first), then those. When all are there it
   answers with one byte. One client after another.

       cc -O2 -o sink sink.c && ./sink 16384 127.0.0.1:8090 */

#include <stdint.h>
#include <unistd.h>

#include "listen.h"

/* One message: 0, or -1 at its end. */
static int take(int client, char *buffer, size_t size) {
    unsigned char head[8];
    uint64_t left = 0;
    if (recv(client, head, sizeof head, MSG_WAITALL) != sizeof head) {
        return -1;
    }
    for (size_t i = 0; i < sizeof head; i++) {
        left = left << 8 | head[i];
    }
    while (left > 0) {
        ssize_t got = recv(client, buffer, left < size ? left : size, 0);
        if (got <= 0) {
            return -1;
        }
        left -= (uint64_t)got;
    }
    return send(client, "!", 1, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

int main(int argc, char **argv) {
    size_t size = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
    char *buffer = malloc(size);
    if (size == 0 || !buffer) {
        fprintf(stderr, "a size and an address: 16384 127.0.0.1:8090\n");
        return 2;
    }
    int listener = listen_at(argv[2], 100);
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0) {
            perror("accept");
            return 1;
        }
        while (take(client, buffer, size) == 0) {
        }
        close(client);
    }
}
