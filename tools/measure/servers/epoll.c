/* The chat of step 7, in C, for many clients in one thread: epoll, no call
   that waits but epoll_wait. While a client has not taken a reply, nothing
   more is received from it: so it has room for one reply, and no more. How
   many clients there can be is what `ulimit -n` says.

       cc -O2 -o epoll epoll.c && ./epoll 127.0.0.1:8090 */

#define _GNU_SOURCE /* accept4 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "listen.h"

#define GREETING "Hello, client!"
#define PREFIX "Server received: "
#define PREFIX_SIZE (sizeof PREFIX - 1)
#define EVENTS 512
#define PATIENCE 1000 /* ms, for a client that takes nothing */
#define PAUSE 100     /* ms, when nobody can be accepted */

struct client {
    int fd;
    int waiting;          /* for room to send, and not for what it says */
    int quit;             /* it ends when the reply is sent */
    long since;           /* when it last took something, if it is waiting */
    size_t from, to;      /* what of `reply` is still to be sent */
    struct client *next, *before; /* in the list of those that are waiting */
    char reply[PREFIX_SIZE + 1024];
};

static int epoll, listener;
static long paused;            /* since when nobody is accepted, or 0 */
static struct client *waiting; /* that list */

static long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* What epoll is to tell of a client (or of the listener: NULL). */
static int watch(int how, int fd, unsigned events, struct client *client) {
    struct epoll_event event = {.events = events, .data.ptr = client};
    return epoll_ctl(epoll, how, fd, &event);
}

static void set_waiting(struct client *client, int on) {
    if (on == client->waiting) {
        return;
    }
    client->waiting = on;
    watch(EPOLL_CTL_MOD, client->fd, on ? EPOLLOUT : EPOLLIN, client);
    if (on) {
        client->before = NULL;
        client->next = waiting;
        if (waiting) {
            waiting->before = client;
        }
        waiting = client;
    } else {
        if (client->next) {
            client->next->before = client->before;
        }
        if (client->before) {
            client->before->next = client->next;
        } else {
            waiting = client->next;
        }
    }
}

static void end(struct client *client) {
    set_waiting(client, 0);
    close(client->fd); /* epoll forgets it with that. */
    free(client);
}

/* Sends what is there, or a part. */
static void send_some(struct client *client) {
    ssize_t sent = send(client->fd, client->reply + client->from,
                        client->to - client->from, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        end(client);
        return;
    }
    client->from += sent > 0 ? (size_t)sent : 0;
    if (client->from < client->to) {
        client->since = sent > 0 || !client->waiting ? now() : client->since;
        set_waiting(client, 1);
    } else if (client->quit) {
        end(client);
    } else {
        set_waiting(client, 0);
    }
}

static void receive(struct client *client) {
    char *text = client->reply + PREFIX_SIZE;
    ssize_t got = recv(client->fd, text, 1024, 0);
    if (got < 0 && errno == EAGAIN) {
        return;
    }
    if (got <= 0) {
        end(client);
        return;
    }
    memcpy(client->reply, PREFIX, PREFIX_SIZE);
    client->from = 0;
    client->to = PREFIX_SIZE + (size_t)got;
    client->quit = (got == 4 && memcmp(text, "quit", 4) == 0)
                   || (got == 5 && memcmp(text, "quit\n", 5) == 0)
                   || (got == 6 && memcmp(text, "quit\r\n", 6) == 0);
    send_some(client);
}

/* Everybody who is in the queue. If there is no descriptor or no memory for
   one, the listener is not watched for a while: it would be told at once. */
static void accept_all(void) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED)) {
            return;
        }
        struct client *client = fd < 0 ? NULL : malloc(sizeof *client);
        if (!client) {
            perror("accept");
            if (fd >= 0) {
                close(fd);
            }
            watch(EPOLL_CTL_MOD, listener, 0, NULL);
            paused = now();
            return;
        }
        memset(client, 0, offsetof(struct client, reply));
        client->fd = fd;
        if (watch(EPOLL_CTL_ADD, fd, EPOLLIN, client) < 0) {
            perror("epoll_ctl");
            close(fd);
            free(client);
            continue;
        }
        memcpy(client->reply, GREETING, sizeof GREETING - 1);
        client->to = sizeof GREETING - 1;
        send_some(client);
    }
}

int main(int argc, char **argv) {
    listener = listen_at(argv[argc - 1], 4096);
    epoll = epoll_create1(0);
    if (epoll < 0 || fcntl(listener, F_SETFL, O_NONBLOCK) < 0
        || watch(EPOLL_CTL_ADD, listener, EPOLLIN, NULL) < 0) {
        perror("epoll");
        return 1;
    }
    struct epoll_event events[EVENTS];
    for (;;) {
        int limit = paused || waiting ? PAUSE : -1;
        int number = epoll_wait(epoll, events, EVENTS, limit);
        for (int i = 0; i < number; i++) {
            struct client *client = events[i].data.ptr;
            if (!client) {
                accept_all();
            } else if (client->waiting) {
                send_some(client);
            } else {
                receive(client);
            }
        }
        if (paused && now() - paused >= PAUSE) {
            watch(EPOLL_CTL_MOD, listener, EPOLLIN, NULL);
            paused = 0;
        }
        for (struct client *client = waiting; client;) {
            struct client *next = client->next;
            if (now() - client->since > PATIENCE) {
                end(client);
            }
            client = next;
        }
    }
}
