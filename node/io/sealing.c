#include "io/sealing.h"

#include "base/err.h"

/* At most `max` bytes that lie together. None: the end. */
static struct bytes next_piece(struct sealing *p, size_t max)
{
    while (p->at < p->count && p->done == p->runs[p->at].size) {
        p->at++;
        p->done = 0;
    }
    if (p->at == p->count) {
        return bytes_of(NULL, 0);
    }
    size_t left = p->runs[p->at].size - p->done;
    struct bytes piece = bytes_of(p->runs[p->at].at + p->done, left < max ? left : max);
    p->done += piece.size;
    return piece;
}

int sealing_record(struct sealing *from, struct tls_session *to, size_t *size)
{
    uint8_t stage[TLS_RECORD_MAX];
    struct bytes piece = next_piece(from, sizeof stage);
    *size = piece.size;
    if (piece.size == sizeof stage) {
        return tls_session_write(to, piece);
    }
    for (size_t staged = 0; piece.size > 0; *size = staged) {
        memcpy(stage + staged, piece.at, piece.size);
        staged += piece.size;
        piece = next_piece(from, sizeof stage - staged);
    }
    return tls_session_write(to, bytes_of(stage, *size));
}
