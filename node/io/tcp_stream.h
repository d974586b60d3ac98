/* One TCP connection, accepted or dialled: bytes in, bytes out, and a single way to die.
 *
 * Streams of a listener that was given TLS (tcp_listener_secure()) are encrypted, and their
 * owner does not notice: nothing is read before the handshake is done, and what is written
 * waits for it; when it fails, on_end says ERR_CLOSED. What a write counts as sent has left TLS
 * for the system, to the last record.
 *
 * It knows no protocol, keeps no buffer and has no time limit: its owner lends the memory
 * that is read into, and decides when it took too long. No delay is asked of the system
 * (TCP_NODELAY).
 *
 * Life: tcp_stream_accept() or tcp_stream_dial() allocates; the memory goes away by itself
 * after libuv has given the handle back. tcp_stream_close() may be called at any time and any
 * number of times, also from inside an event; on_closed is its answer, comes exactly once,
 * from a later loop turn, and is the last event. After tcp_stream_close() no other event
 * comes, except on_written for what was still queued, so that its memory may go. */
#ifndef NODE_IO_TCP_STREAM_H
#define NODE_IO_TCP_STREAM_H

#include "base/bytes.h"
#include "base/err.h"
#include "io/address.h"
#include "io/loop.h"

struct tcp_stream;
struct tcp_listener;

struct tcp_stream_events {
    /* Dialled streams only. 0: connected; ERR_REFUSED, ERR_TIMEOUT, ERR_CLOSED: close it. */
    void (*on_open)(void *owner, int rc);
    /* Where the next bytes shall go, at most *size. NULL: nowhere just now; asked again when
     * the system reports bytes the next time. */
    uint8_t *(*on_room)(void *owner, size_t *size);
    void (*on_data)(void *owner, struct bytes data); /* lies where on_room said */
    /* 0: the other side sends no more. ERR_CLOSED: the connection is broken. */
    void (*on_end)(void *owner, int rc);
    /* A queued write is done (0) or will never be (ERR_CLOSED); in the order of the writes. */
    void (*on_written)(void *owner, int rc);
    void (*on_closed)(void *owner);
};

/* Takes the connection that `l` has just announced. ERR_NOMEM: the listener announces it
 * again later; ERR_CLOSED: it is gone already. */
int tcp_stream_accept(struct tcp_stream **out, struct tcp_listener *l,
                      const struct tcp_stream_events *events, void *owner);

/* Starts to connect; on_open tells the outcome. ERR_NOMEM, ERR_IO: nothing was started. */
int tcp_stream_dial(struct tcp_stream **out, struct loop *loop, const union address *to,
                    const struct tcp_stream_events *events, void *owner);

/* ERR_CLOSED: closing, or the connection is broken: close it. */
int tcp_stream_read_start(struct tcp_stream *s);
void tcp_stream_read_stop(struct tcp_stream *s);

enum { TCP_STREAM_QUEUED = 1 };

#define TCP_STREAM_PARTS_MAX 8u

/* Writes `parts` (at most TCP_STREAM_PARTS_MAX), trying at once. 0: everything is with the
 * system and no event follows. TCP_STREAM_QUEUED: the rest waits, the memory behind `parts`
 * must stay until on_written. ERR_CLOSED, ERR_NOMEM: close the stream. */
int tcp_stream_write(struct tcp_stream *s, const struct bytes *parts, size_t count);

/* Bytes queued, not yet with the system. */
size_t tcp_stream_unsent_size(const struct tcp_stream *s);

/* Tells the other side that nothing more comes. Only when nothing is queued. */
void tcp_stream_send_end(struct tcp_stream *s);

/* Before tcp_stream_close(): what the system still holds for the other side is thrown away, and
 * it hears of a reset. Else the system keeps it for minutes for one who does not read. */
void tcp_stream_forsake(struct tcp_stream *s);

/* ERR_CLOSED: the connection is broken. */
int tcp_stream_peer(const struct tcp_stream *s, union address *out);
int tcp_stream_local(const struct tcp_stream *s, union address *out);

void tcp_stream_close(struct tcp_stream *s);

#endif
