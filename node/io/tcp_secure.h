/* The TLS of one TCP connection, for tcp_stream.c only: sealed bytes on the side of libuv,
 * plain ones on the side of the owner.
 *
 *   in   libuv reads into one room that all streams share; the session opens records from there
 *        right into the owner's room. What the owner does not want now is kept, at most one
 *        room full, and nothing is read meanwhile.
 *   out  a write is sealed in batches: the next one when the system has taken the last.
 *
 * So a connection holds TCP_SECURE_ROOM unread, and TCP_SECURE_BATCH unsent, beside what
 * OpenSSL needs for itself. */
#ifndef NODE_IO_TCP_SECURE_H
#define NODE_IO_TCP_SECURE_H

#include "crypto/tls.h"
#include "io/tcp_stream.h"

#include <uv.h>

#define TCP_SECURE_ROOM  16384u /* bytes */
#define TCP_SECURE_BATCH 32768u /* bytes */

struct tcp_secure;

struct tcp_stream {
    const struct tcp_stream_events *events;
    void *owner;
    uv_tcp_t tcp;
    struct tcp_secure *secure; /* NULL: plain */
    bool closing;
};

/* In tcp_stream.c: libuv reads, until uv_read_stop(). ERR_CLOSED. */
int tcp_stream_read_socket(struct tcp_stream *s);

/* Makes s->secure, and begins. ERR_NOMEM, ERR_CLOSED: close the stream. */
int tcp_secure_new(struct tcp_stream *s, struct loop *loop, struct tls *t);

/* Where libuv may read to. */
uint8_t *tcp_secure_room(size_t *size);

/* What it has read, or with `end` (ERR_CLOSED, ERR_IO) that no more comes. */
void tcp_secure_received(struct tcp_stream *s, struct bytes sealed, int end);

/* What tcp_stream.h says of the functions of these names. */
int tcp_secure_read_start(struct tcp_stream *s);
void tcp_secure_read_stop(struct tcp_stream *s);
int tcp_secure_write(struct tcp_stream *s, const struct bytes *parts, size_t count);

/* Bytes of writes that libuv has not been given. */
size_t tcp_secure_unsealed_size(const struct tcp_stream *s);

/* Tells the other side that nothing more comes, if that can be said at once. */
void tcp_secure_end(struct tcp_stream *s);

/* Before the handle is closed, and after that. */
void tcp_secure_close(struct tcp_stream *s);
void tcp_secure_free(struct tcp_stream *s);

#endif
