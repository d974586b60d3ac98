/* A listening TCP socket. It announces connections; whoever owns it takes each one with
 * tcp_stream_accept() or turns it away with tcp_listener_refuse(), from inside on_connection.
 * A connection that is not taken (no memory) is announced again a little later. */
#ifndef NODE_IO_LISTENER_H
#define NODE_IO_LISTENER_H

#include "base/err.h"
#include "io/address.h"
#include "io/loop.h"

struct tcp_listener;
struct tls;
struct uv_tcp_s;

struct tcp_listener_events {
    void *owner;
    void (*on_connection)(void *owner);
    void (*on_closed)(void *owner); /* the last event; may be NULL */
};

/* ERR_INUSE: another process has the port. ERR_IO: the address is not ours, or the system
 * refuses. ERR_NOMEM. `em` says it. Port 0 asks the system for one. */
int tcp_listener_open(struct tcp_listener **out, struct loop *loop, const union address *at,
                      const struct tcp_listener_events *events, struct errmsg *em);

/* Connections from now on are TLS. `t` stays the caller's, until the last of them is closed. */
void tcp_listener_secure(struct tcp_listener *l, struct tls *t);

/* As bound. */
void tcp_listener_address(const struct tcp_listener *l, union address *out);

/* Accepts the announced connection and closes it at once. */
void tcp_listener_refuse(struct tcp_listener *l);

void tcp_listener_close(struct tcp_listener **l); /* accepts a pointer to NULL */

/* For tcp_stream.c only. NULL: plain. */
struct tls *tcp_listener_tls(const struct tcp_listener *l);

/* Likewise: moves the announced connection into `into`. 0 or a libuv error. */
int tcp_listener_hand_over(struct tcp_listener *l, struct uv_tcp_s *into);
struct loop *tcp_listener_loop(const struct tcp_listener *l);

#endif
