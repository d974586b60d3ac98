/* TLS over a connected, non-blocking socket that its owner watches: opened bytes out of it,
 * plain ones into it. What the system does not take at once waits here, bounded: nothing new is
 * sealed before it has gone. The socket stays the owner's. */
#ifndef NODE_IO_TLS_PIPE_H
#define NODE_IO_TLS_PIPE_H

#include "base/bytes.h"
#include "crypto/tls.h"

struct tls_pipe;

#define TLS_PIPE_BATCH_SIZE 65536u /* bytes sealed before they are sent */
#define TLS_PIPE_BATCHES    4u     /* in one tls_pipe_write(), while the system takes them */

/* ERR_NOMEM. `t` stays the caller's. */
int tls_pipe_new(struct tls_pipe **out, struct tls *t, bool dials, int fd);

/* 0: open. TLS_WAITS: until the socket is readable. ERR_REFUSED: see tls_pipe_explain(); the
 * other side has been told. */
int tls_pipe_shake(struct tls_pipe *p);

/* As peer_stream_read(), as many records as fit. */
int tls_pipe_read(struct tls_pipe *p, uint8_t *to, size_t size, size_t *got);

/* There is more to read though the socket may have nothing: read again on a later turn. */
bool tls_pipe_has_more(const struct tls_pipe *p);

/* Seals and sends some of the runs, most often with one call of the system; *sent: how much of
 * them is done with. 0 of it: what was sealed before has to go first. ERR_CLOSED: nobody reads
 * any more. */
int tls_pipe_write(struct tls_pipe *p, const struct bytes *runs, size_t count, size_t *sent);

/* Sends what waits. ERR_CLOSED: nobody reads any more. */
int tls_pipe_flush(struct tls_pipe *p);
bool tls_pipe_has_unsent(const struct tls_pipe *p);

/* Seals the word that nothing more comes; flush it. Once is enough. */
void tls_pipe_end(struct tls_pipe *p);

/* As tls_session_is_trusted(). */
bool tls_pipe_is_trusted(const struct tls_pipe *p);

/* Why it failed, static; NULL: it has not. */
const char *tls_pipe_explain(const struct tls_pipe *p);

void tls_pipe_free(struct tls_pipe **p); /* accepts a pointer to NULL */

#endif
