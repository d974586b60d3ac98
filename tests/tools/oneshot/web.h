/* One HTTP/1.1 connection of a test client: connects when something is sent, keeps the
 * connection, reads one answer at a time without blocking. It knows nothing of callbacks.
 * The owner keeps `struct web` where it is; the bytes of an answer are the connection's own
 * until the next call. */
#ifndef TESTS_ONESHOT_WEB_H
#define TESTS_ONESHOT_WEB_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct web {
    int epoll, fd; /* fd -1: not connected */
    struct sockaddr_in to;
    char *out, *in;
    size_t out_size, out_sent, out_room, in_size, in_room;
    bool is_asking; /* an answer is owed */
    bool closes;    /* the answer says that the connection ends with it */
    void *owner;
};

struct web_answer {
    int code;
    const char *id; /* what follows the last slash of Location, or NULL */
    size_t id_size;
    const char *body;
    size_t body_size;
    bool is_delivered; /* X-Callback: delivered, whatever the code */
    bool has_retry_after;
};

enum web_event {
    WEB_NOTHING,
    WEB_ANSWER,
    WEB_BROKEN, /* ended before the answer was whole; it is closed */
};

void web_init(struct web *w, int epoll, void *owner);

/* Room of `size` bytes to write a request to; ends the program when there is no memory. */
char *web_room(struct web *w, size_t size);

/* Sends what was written there. A connection to another address is closed first. False: nobody
 * listens there. */
bool web_send(struct web *w, const struct sockaddr_in *to, size_t size);

/* Takes what epoll reported. */
enum web_event web_handle(struct web *w, struct web_answer *out);

/* Had the answer begun to arrive when the connection broke? Asked before web_close(). */
bool web_has_begun(const struct web *w);

/* Was anything sent on it? Asked before web_close(). Else nobody listened there. */
bool web_was_sent(const struct web *w);

void web_close(struct web *w);
void web_free(struct web *w);

#endif
