#include "io/tls_pipe.h"

#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define KEPT_ROOM 16384u /* bytes that an empty queue of sealed bytes may go on holding */

struct tls_pipe {
    struct tls_session *session;
    struct text sealed; /* to be sent, from `sent` on */
    size_t sent;
    int fd;
    bool ended;
};

static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static int pull(void *owner, uint8_t *to, size_t size, size_t *got)
{
    const struct tls_pipe *p = owner;
    ssize_t n = recv(p->fd, to, size, 0);
    *got = n > 0 ? (size_t)n : 0;
    if (n > 0 || (n < 0 && would_block())) {
        return 0;
    }
    return n == 0 ? ERR_CLOSED : ERR_IO;
}

static bool push(void *owner, struct bytes sealed)
{
    struct tls_pipe *p = owner;
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
    if (p->sealed.room > KEPT_ROOM) {
        text_fini(&p->sealed);
    }
    return 0;
}

int tls_pipe_shake(struct tls_pipe *p)
{
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

/* Pieces smaller than a record are gathered, larger ones are sealed from where they lie. */
static int seal(struct tls_pipe *p, const struct bytes *runs, size_t count, size_t *done)
{
    uint8_t stage[TLS_RECORD_MAX];
    size_t staged = 0;
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0 && *done < TLS_PIPE_BATCH_SIZE; i++) {
        struct bytes rest = runs[i];
        while (rest.size > 0 && rc == 0 && *done < TLS_PIPE_BATCH_SIZE) {
            size_t room = TLS_RECORD_MAX - staged;
            struct bytes piece = bytes_of(rest.at, rest.size < room ? rest.size : room);
            if (piece.size < TLS_RECORD_MAX) {
                memcpy(stage + staged, piece.at, piece.size);
                staged += piece.size;
            }
            rest = bytes_of(rest.at + piece.size, rest.size - piece.size);
            *done += piece.size;
            if (piece.size == TLS_RECORD_MAX) {
                rc = tls_session_write(p->session, piece);
            } else if (staged == TLS_RECORD_MAX) {
                rc = tls_session_write(p->session, bytes_of(stage, staged));
                staged = 0;
            }
        }
    }
    return rc == 0 && staged > 0 ? tls_session_write(p->session, bytes_of(stage, staged)) : rc;
}

int tls_pipe_write(struct tls_pipe *p, const struct bytes *runs, size_t count, size_t *sent)
{
    *sent = 0;
    if (tls_pipe_flush(p) != 0) {
        return ERR_CLOSED;
    }
    if (tls_pipe_has_unsent(p) || !tls_session_is_open(p->session)) {
        return 0;
    }
    if (seal(p, runs, count, sent) != 0) {
        return ERR_CLOSED;
    }
    return tls_pipe_flush(p);
}

void tls_pipe_end(struct tls_pipe *p)
{
    if (!p->ended) {
        p->ended = true;
        tls_session_end(p->session);
    }
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
