/* Time limits of very many connections with one timer.
 *
 * There are few kinds of waiting, and each has one span. So a list per kind, ordered by
 * arrival, is ordered by deadline too: beginning, renewing and ending a wait moves one link
 * and allocates nothing. The timer is armed for the earliest deadline there may be; when a
 * renewed wait makes it fire too early, it looks and goes back to sleep. */
#ifndef NODE_HTTP_WAITS_H
#define NODE_HTTP_WAITS_H

#include "base/list.h"
#include "io/loop.h"

#include <stdint.h>

enum http_wait_kind {
    HTTP_WAIT_FIRST,  /* for the first byte of a connection */
    HTTP_WAIT_IDLE,   /* for the first byte of another request */
    HTTP_WAIT_HEAD,   /* for the end of its head */
    HTTP_WAIT_BODY,   /* for more of its body */
    HTTP_WAIT_WRITE,  /* for the client to take more of the answer */
    HTTP_WAIT_HALF,   /* for an answer to a client that has ended its side */
    HTTP_WAIT_LINGER, /* for the client to notice that this was the last answer */
    HTTP_WAIT_COUNT,
};

struct timer;

/* Embedded in what waits; fields are private to http_waits.c. */
struct http_wait {
    struct list link;
    uint64_t due_at_ms;
    uint8_t kind;
};

/* Embedded in its owner; likewise. */
struct http_waits {
    struct loop *loop;
    struct timer *timer;
    uint64_t armed_at_ms; /* UINT64_MAX: the timer is off */
    struct list lists[HTTP_WAIT_COUNT];
    uint32_t spans_ms[HTTP_WAIT_COUNT];
    void (*on_due)(void *owner, struct http_wait *w);
    void *owner;
};

/* Spans are set by the caller before the first wait; 0: for ever. `on_due` gets a wait that
 * is ended already. False: out of memory. */
bool http_waits_init(struct http_waits *ws, struct loop *loop,
                     void (*on_due)(void *owner, struct http_wait *w), void *owner);

/* All waits must have ended. */
void http_waits_fini(struct http_waits *ws);

void http_wait_init(struct http_wait *w);

/* Begins a wait, anew if it had begun already, of whatever kind. */
void http_wait_begin(struct http_waits *ws, struct http_wait *w, enum http_wait_kind kind);

void http_wait_end(struct http_wait *w); /* harmless when none has begun */

/* The wait of that kind that began first, if it began at least `age_ms` ago, or NULL. Kinds
 * without a span have none. */
struct http_wait *http_waits_eldest(const struct http_waits *ws, enum http_wait_kind kind,
                                    uint32_t age_ms);

#endif
