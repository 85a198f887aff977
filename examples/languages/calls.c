/* The calls of the book, in C. Both ends are in this one thread.

   `calls` makes them all. `calls sigpipe` writes to a peer that has gone, and
   is killed by that. The words at the ends of lines are marks: the book
   quotes these lines. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS had none for long. It has SO_NOSIGPIPE. */
#endif

/* Ends the program with exit status 1 if this does not hold. */
#define CHECK(holds)                                                          \
    if (!(holds)) {                                                           \
        fprintf(stderr, "line %d: %s: %s\n", __LINE__, #holds,                \
                strerror(errno));                                             \
        exit(1);                                                              \
    }

/* The address that the kernel gave to a socket. */
static struct sockaddr_in address_of(int fd) {
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    CHECK(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    return address;
}

/* Sends everything: 0, or -1 and `errno`. */
static int send_all(int fd, const char *data, size_t n) {
    while (n > 0) {
        ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);
        if (sent < 0) {
            return -1;
        }
        data += sent;
        n -= (size_t)sent;
    }
    return 0;
}

static void tcp(void) {
    in_port_t port = 8090;
    struct sockaddr_in address = {.sin_family = AF_INET}; // address
    address.sin_port = htons(port); // address-port
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr); // address-ip
    CHECK(memcmp(&address.sin_port, "\x1f\x9a", 2) == 0); /* 8090, as it travels */
    CHECK(memcmp(&address.sin_addr, "\x7f\0\0\1", 4) == 0);
    address.sin_port = 0; /* From here on: any port that is free. */

    int listener = socket(AF_INET, SOCK_STREAM, 0); // create-tcp
    CHECK(listener >= 0);
    const int on = 1; // reuse-value
    int set_reuse = setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); // reuse
    CHECK(set_reuse == 0);
    int bound = bind(listener, (struct sockaddr *)&address, sizeof address); // bind
    CHECK(bound == 0);
    int listening = listen(listener, 100); // listen
    CHECK(listening == 0);
    address = address_of(listener);
    CHECK(address.sin_port != 0);
    CHECK(htons(8090) == 39455 || htons(8090) == 8090); /* little, big endian */

    int client = socket(AF_INET, SOCK_STREAM, 0);
    int connected = connect(client, (struct sockaddr *)&address, sizeof address); // connect
    CHECK(connected == 0);
    struct sockaddr_in peer;
    socklen_t length = sizeof peer; // length
    int conversation;
    conversation = accept(listener, (struct sockaddr *)&peer, &length); // accept
    CHECK(conversation >= 0 && length == sizeof peer);
    CHECK(peer.sin_port == address_of(client).sin_port);

    const char *data = "你好";
    size_t n = strlen(data);
    char buffer[1024];
    ssize_t sent = send(client, data, n, 0); // send
    CHECK(sent == 6);
    ssize_t got = recv(conversation, buffer, sizeof buffer, 0); // receive
    CHECK(got == 6 && memcmp(buffer, data, 6) == 0);
    CHECK(send_all(conversation, data, n) == 0);
    CHECK(recv(client, buffer, n, MSG_WAITALL) == 6);

    /* Nothing is there, after `limit`. */
    struct timeval limit = {.tv_sec = 0, .tv_usec = 50000}; // limit-value
    int set = setsockopt(conversation, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit); // limit
    CHECK(set == 0);
    CHECK(recv(conversation, buffer, sizeof buffer, 0) == -1);
    CHECK(errno == EAGAIN || errno == EWOULDBLOCK);

    /* A limit of 0 is what a new socket has: no limit. So then only "don't
       wait" can end a receive, at once. */
    struct timeval none = {0}, kept;
    CHECK(setsockopt(conversation, SOL_SOCKET, SO_RCVTIMEO, &none,
                     sizeof none) == 0);
    for (int i = 0; i < 2; i++) {
        socklen_t size = sizeof kept;
        kept = limit;
        CHECK(getsockopt(i == 0 ? conversation : client, SOL_SOCKET,
                         SO_RCVTIMEO, &kept, &size) == 0);
        CHECK(kept.tv_sec == 0 && kept.tv_usec == 0);
    }
    int set_again = fcntl(conversation, F_SETFL, fcntl(conversation, F_GETFL) | O_NONBLOCK); // no-wait
    CHECK(set_again == 0);
    CHECK(recv(conversation, buffer, sizeof buffer, 0) == -1);
    CHECK(errno == EAGAIN || errno == EWOULDBLOCK);
    CHECK(fcntl(conversation, F_SETFL, fcntl(conversation, F_GETFL) & ~O_NONBLOCK) == 0);

    /* The end of the stream, in one direction and then in the other. */
    int told = shutdown(client, SHUT_WR); // shutdown
    CHECK(told == 0);
    CHECK(recv(conversation, buffer, sizeof buffer, 0) == 0);
    int closed = close(conversation); // close
    CHECK(closed == 0);
    CHECK(recv(client, buffer, sizeof buffer, 0) == 0);
    CHECK(close(client) == 0 && close(listener) == 0);
}

static void udp(void) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    CHECK(inet_pton(AF_INET, "127.0.0.1", &address.sin_addr) == 1);
    int receiver = socket(AF_INET, SOCK_DGRAM, 0); // create-udp
    CHECK(receiver >= 0);
    int bound = bind(receiver, (struct sockaddr *)&address, sizeof address); // bind-udp
    CHECK(bound == 0);
    address = address_of(receiver);

    const char *data = "你好";
    size_t n = strlen(data);
    char buffer[1024];
    int sender = socket(AF_INET, SOCK_DGRAM, 0);
    ssize_t sent = sendto(sender, data, n, 0, (struct sockaddr *)&address, sizeof address); // send-to
    CHECK(sent == 6);
    struct sockaddr_in peer;
    socklen_t length = sizeof peer; // length-udp
    ssize_t got = recvfrom(receiver, buffer, sizeof buffer, 0, (struct sockaddr *)&peer, &length); // receive-from
    CHECK(got == 6 && memcmp(buffer, data, 6) == 0);
    CHECK(length == sizeof peer);
    CHECK(peer.sin_port == address_of(sender).sin_port);

    int connected = connect(sender, (struct sockaddr *)&address, sizeof address); // connect-udp
    CHECK(connected == 0);
    CHECK(send(sender, data, n, 0) == 6);
    CHECK(recv(receiver, buffer, sizeof buffer, 0) == 6);
    CHECK(close(sender) == 0 && close(receiver) == 0);
}

/* A listener, and a client that it has not accepted. */
static int meet(int *client) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    CHECK(inet_pton(AF_INET, "127.0.0.1", &address.sin_addr) == 1);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(listener, 100) == 0);
    address = address_of(listener);
    *client = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(*client, (struct sockaddr *)&address, sizeof address) == 0);
    return listener;
}

/* An accepted socket of a non-blocking listener is blocking on Linux. */
static void what_accept_inherits(void) {
    int client, listener = meet(&client);
    struct pollfd ready = {.fd = listener, .events = POLLIN};
    CHECK(poll(&ready, 1, 5000) == 1);
    int flags = fcntl(listener, F_GETFL);
    CHECK(fcntl(listener, F_SETFL, flags | O_NONBLOCK) == 0);
    int conversation = accept(listener, NULL, NULL);
    CHECK(conversation >= 0);
    int inherited = (fcntl(conversation, F_GETFL) & O_NONBLOCK) != 0;
#ifdef __linux__
    CHECK(!inherited);
#else
    CHECK(inherited);
#endif
    CHECK(close(client) == 0 && close(conversation) == 0);
    CHECK(close(listener) == 0);
}

/* A connection whose other end has closed. The first send may still be taken:
   the answer "nobody is here" comes after it. */
static int a_peer_that_has_gone(void) {
    int client, listener = meet(&client);
    CHECK(close(accept(listener, NULL, NULL)) == 0);
    CHECK(close(listener) == 0);
    return client;
}

enum { TRIES = 10000 };

static void broken_pipes(void) {
    const char *data = "x";
    size_t n = 1;
    int client = a_peer_that_has_gone();
    ssize_t sent = 0;
    for (int i = 0; MSG_NOSIGNAL != 0 && sent >= 0 && i < TRIES; i++) {
        sent = send(client, data, n, MSG_NOSIGNAL); // no-signal
    }
    CHECK(MSG_NOSIGNAL == 0 || (sent == -1 && errno == EPIPE));
    CHECK(close(client) == 0);

    client = a_peer_that_has_gone();
    signal(SIGPIPE, SIG_IGN); // ignore-signal
    sent = 0;
    for (int i = 0; sent >= 0 && i < TRIES; i++) {
        sent = send(client, data, n, 0);
    }
    CHECK(sent == -1 && errno == EPIPE);
    CHECK(close(client) == 0);
}

/* Never comes back: the kernel ends the program. */
static void until_the_signal(void) {
    int client = a_peer_that_has_gone();
    for (int i = 0; i < TRIES; i++) {
        if (send(client, "x", 1, 0) < 0) {
            break;
        }
    }
    puts("C: still here");
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "sigpipe") == 0) {
        until_the_signal();
        return 0;
    }
    tcp();
    udp();
    what_accept_inherits();
    broken_pipes();
    puts("C: every call was made");
    return 0;
}
