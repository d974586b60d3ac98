/* One TCP connection between two nodes, and the socket that accepts them.
 *
 * A stream tells when something can be done; its owner then reads into, or gathers out of,
 * memory of its own choice: nothing is buffered or copied here, as long as it is plain. It
 * refuses to know what the bytes mean. How they are read and written stands in a table of
 * functions, so that an encrypted stream is another table, not another user.
 *
 * Life: peer_stream_dial() or the listener's on_accepted gives a stream to its owner;
 * peer_stream_close() ends it at once: no event comes after it, also when it is called from
 * inside one, and the memory goes away by itself on a later turn of the loop.
 */
#ifndef NODE_IO_PEER_STREAM_H
#define NODE_IO_PEER_STREAM_H

#include "base/err.h"
#include "io/address.h"
#include "io/loop.h"

struct peer_stream;
struct tls;

struct peer_stream_events {
    /* Of a dialled stream, once: 0; ERR_REFUSED: nobody listens there; ERR_IO: no way there.
     * After an error only peer_stream_close() is left. */
    void (*on_open)(void *owner, int rc);
    void (*on_readable)(void *owner); /* read until less came than was asked for */
    void (*on_writable)(void *owner); /* after a write that was not taken whole */
    void *owner;
};

/* Begins to connect. ERR_IO: no socket (descriptors), or the address cannot be used. */
int peer_stream_dial(struct peer_stream **out, struct loop *l, const union address *to,
                     const struct peer_stream_events *events);

/* From here on the stream is TLS (crypto/tls.h): nothing is read and on_open does not come
 * before the other side has proven itself; when it cannot, on_open says ERR_IO, or reading
 * does, and peer_stream_explain() why. Right after peer_stream_dial(), or before
 * peer_stream_listen_to(). How long it may take is the owner's to decide. ERR_NOMEM: close it.
 */
int peer_stream_secure(struct peer_stream *s, struct tls *t);

/* Why TLS failed, for people, static; NULL: it did not. */
const char *peer_stream_explain(const struct peer_stream *s);

/* False: the peer has proven itself with what was withdrawn since (crypto/tls.h). */
bool peer_stream_is_trusted(const struct peer_stream *s);

/* Who hears the events of an accepted stream; it is silent before. */
void peer_stream_listen_to(struct peer_stream *s, const struct peer_stream_events *events);

/* 0 and *got: what there was; 0 bytes: nothing now, on_readable comes. ERR_CLOSED: the other
 * side has sent its last byte. ERR_IO: the connection is broken. */
int peer_stream_read(struct peer_stream *s, uint8_t *to, size_t size, size_t *got);

/* Hands over as much of the runs as the system takes, in one call; *sent says how much. When it
 * is less than all, on_writable comes. ERR_CLOSED: nobody reads any more. */
int peer_stream_write(struct peer_stream *s, const struct bytes *runs, size_t count,
                      size_t *sent);

/* Tells the other side that nothing more comes; reading goes on. */
void peer_stream_send_end(struct peer_stream *s);

/* Who is at the other end. */
const union address *peer_stream_address(const struct peer_stream *s);

void peer_stream_close(struct peer_stream **s); /* accepts a pointer to NULL */

/* --- the listener ------------------------------------------------------------------------ */

struct peer_listener;

struct peer_listener_events {
    void (*on_accepted)(void *owner, struct peer_stream *s); /* the owner's to close */
    void *owner;
};

/* Fills `em` for people. ERR_INUSE: the address is taken. ERR_IO: it cannot be had. */
int peer_listener_open(struct peer_listener **out, struct loop *l, const union address *at,
                       const struct peer_listener_events *events, struct errmsg *em);

/* Where it listens; the port is the true one when 0 was asked for. */
union address peer_listener_address(const struct peer_listener *p);

void peer_listener_close(struct peer_listener **p); /* accepts a pointer to NULL */

#endif
