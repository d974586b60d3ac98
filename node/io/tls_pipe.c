#include "io/tls_pipe.h"

#include "base/text.h"
#include "io/sealing.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

/* A batch in its records; each may be 256 bytes longer sealed (RFC 8446 5.2). */
#define SEALED_ROOM (TLS_PIPE_BATCH_SIZE + 8 * 256u)

/* And what TLS itself has to say. Who makes it say more, and reads nothing, goes. */
#define SEALED_MAX (SEALED_ROOM + 32768u)

struct tls_pipe {
    struct tls_session *session;
    struct text sealed; /* to be sent, from `sent` on */
    size_t sent;
    int fd;
    bool is_drained; /* the socket gave less than was asked for: it has no more now */
    bool ended;
};

static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static int pull(void *owner, uint8_t *to, size_t size, size_t *got)
{
    struct tls_pipe *p = owner;
    if (p->is_drained) {
        *got = 0;
        return 0;
    }
    ssize_t n = recv(p->fd, to, size, 0);
    *got = n > 0 ? (size_t)n : 0;
    p->is_drained = n > 0 && *got < size;
    if (n > 0 || (n < 0 && would_block())) {
        return 0;
    }
    return n == 0 ? ERR_CLOSED : ERR_IO;
}

static bool push(void *owner, struct bytes sealed)
{
    struct tls_pipe *p = owner;
    if (p->sealed.size - p->sent + sealed.size > SEALED_MAX) {
        return false;
    }
    text_add(&p->sealed, sealed);
    return !text_failed(&p->sealed);
}

int tls_pipe_new(struct tls_pipe **out, struct tls *t, bool dials, int fd)
{
    *out = NULL;
    struct tls_pipe *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return ERR_NOMEM;
    }
    p->fd = fd;
    const struct tls_wire wire = {pull, push, p};
    int rc = tls_session_new(&p->session, t, dials, &wire);
    if (rc != 0) {
        tls_pipe_free(&p);
    }
    *out = p;
    return rc;
}

bool tls_pipe_has_unsent(const struct tls_pipe *p)
{
    return p->sent < p->sealed.size;
}

int tls_pipe_flush(struct tls_pipe *p)
{
    if (!tls_pipe_has_unsent(p)) {
        return 0;
    }
    ssize_t took = send(p->fd, p->sealed.at + p->sent, p->sealed.size - p->sent, MSG_NOSIGNAL);
    if (took < 0 && !would_block()) {
        return ERR_CLOSED;
    }
    p->sent += took > 0 ? (size_t)took : 0;
    if (tls_pipe_has_unsent(p)) {
        return 0;
    }
    p->sent = 0;
    text_clear(&p->sealed);
    return 0;
}

int tls_pipe_shake(struct tls_pipe *p)
{
    p->is_drained = false;
    int rc = tls_session_shake(p->session);
    (void)tls_pipe_flush(p); /* a broken connection shows when it is read */
    return rc;
}

int tls_pipe_read(struct tls_pipe *p, uint8_t *to, size_t size, size_t *got)
{
    *got = 0;
    if (!tls_session_is_open(p->session)) {
        return tls_session_failure(p->session) == TLS_FINE ? 0 : ERR_IO;
    }
    size_t one;
    int rc;
    p->is_drained = false;
    do {
        rc = tls_session_read(p->session, to + *got, size - *got, &one);
        *got += one;
    } while (rc == 0 && one > 0 && *got < size);
    return *got > 0 ? 0 : rc; /* an error comes again with the next call */
}

bool tls_pipe_has_more(const struct tls_pipe *p)
{
    return tls_session_is_open(p->session) && !tls_session_is_dry(p->session);
}

/* Seals one batch and sends it. */
static int write_batch(struct tls_pipe *p, struct sealing *from, size_t *size)
{
    size_t one = 0;
    int rc = text_reserve(&p->sealed, SEALED_ROOM) == NULL ? ERR_NOMEM : 0;
    *size = 0;
    do {
        rc = rc == 0 ? sealing_record(from, p->session, &one) : rc;
        *size += one;
    } while (rc == 0 && one > 0 && *size < TLS_PIPE_BATCH_SIZE);
    return rc == 0 ? tls_pipe_flush(p) : rc;
}

int tls_pipe_write(struct tls_pipe *p, const struct bytes *runs, size_t count, size_t *sent)
{
    struct sealing from = {.runs = runs, .count = count};
    size_t size = TLS_PIPE_BATCH_SIZE;
    *sent = 0;
    if (tls_pipe_flush(p) != 0) {
        return ERR_CLOSED;
    }
    if (!tls_session_is_open(p->session)) {
        return 0;
    }
    for (unsigned i = 0; i < TLS_PIPE_BATCHES && size >= TLS_PIPE_BATCH_SIZE; i++) {
        if (tls_pipe_has_unsent(p)) {
            return 0;
        }
        if (write_batch(p, &from, &size) != 0) {
            return ERR_CLOSED;
        }
        *sent += size;
    }
    return 0;
}

void tls_pipe_end(struct tls_pipe *p)
{
    if (!p->ended) {
        p->ended = true;
        tls_session_end(p->session);
    }
}

bool tls_pipe_is_trusted(const struct tls_pipe *p)
{
    return tls_session_is_trusted(p->session);
}

const char *tls_pipe_explain(const struct tls_pipe *p)
{
    return tls_session_explain(p->session);
}

void tls_pipe_free(struct tls_pipe **p)
{
    struct tls_pipe *mine = *p;
    *p = NULL;
    if (mine == NULL) {
        return;
    }
    tls_session_free(&mine->session);
    text_fini(&mine->sealed);
    free(mine);
}
