/* Pieces of memory on their way into TLS: record by record, from where they lie when they are
 * large, gathered when they are small. For node/io only. */
#ifndef NODE_IO_SEALING_H
#define NODE_IO_SEALING_H

#include "base/bytes.h"
#include "crypto/tls.h"

/* Begin with { .runs, .count }. */
struct sealing {
    const struct bytes *runs;
    size_t count, at, done; /* sealed: all before runs[at], and `done` bytes of it */
};

/* Seals the next record; *size: bytes of the runs in it, 0: they are all sealed. ERR_IO: the
 * connection is broken. */
int sealing_record(struct sealing *from, struct tls_session *to, size_t *size);

#endif
