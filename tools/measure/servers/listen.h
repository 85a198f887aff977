/* What both servers in C begin with: steps 1 to 3. */

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Create, bind, listen at 127.0.0.1:8090 or the like. Says where (port 0 is
   any port), and gives the listener. */
static int listen_at(const char *text, int backlog) {
    char ip[INET_ADDRSTRLEN] = "";
    unsigned short port = 0;
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    if (sscanf(text, "%15[0-9.]:%hu", ip, &port) != 2
        || inet_pton(AF_INET, ip, &address.sin_addr) != 1) {
        fprintf(stderr, "an address, such as 127.0.0.1:8090\n");
        exit(2);
    }
    address.sin_port = htons(port);
    const int on = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0
        || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0
        || bind(listener, (struct sockaddr *)&address, length) < 0
        || listen(listener, backlog) < 0
        || getsockname(listener, (struct sockaddr *)&address, &length) < 0) {
        perror(text);
        exit(1);
    }
    printf("listening on %s:%d\n", ip, ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}
