/* The body of an answer while it arrives: one struct buf that grows with what comes and ends
 * exactly as long as what came. Every byte is charged before it is allocated, and there is a
 * limit on the whole.
 *
 * Bytes are written straight into the room that intake_room() hands out, so that nothing is
 * copied. When the length is known beforehand, intake_expect() makes the one allocation that
 * is needed. */
#ifndef NODE_HANDLERS_INTAKE_H
#define NODE_HANDLERS_INTAKE_H

#include "base/buf.h"
#include "base/err.h"

/* Public only so that its owner can embed it: fields are private to intake.c. */
struct intake {
    struct budget *budget;
    size_t max;      /* bytes that may come at all */
    struct buf *buf; /* NULL: nothing has come */
    size_t used;     /* bytes of it */
    int rc;          /* the first error, kept */
    int refusal;     /* what becomes of `rc` if one more byte comes; 0: there is room */
    uint8_t spill;   /* where that byte goes */
};

void intake_init(struct intake *in, struct budget *budget, size_t max);

/* Drops what has come. */
void intake_fini(struct intake *in);

/* So many bytes will come in all. ERR_TOOBIG: over the limit; ERR_FULL, ERR_NOMEM. */
int intake_expect(struct intake *in, uint64_t size);

/* Room for at least one byte; NULL after an error. Asking never fails when nothing follows:
 * only when a byte comes for which there is no room does intake_error() become ERR_TOOBIG
 * (it would be more than `max`), ERR_FULL or ERR_NOMEM. */
uint8_t *intake_room(struct intake *in, size_t *size);
void intake_commit(struct intake *in, size_t size);

/* Copies, for sources that have buffers of their own. ERR_TOOBIG, ERR_FULL, ERR_NOMEM. */
int intake_append(struct intake *in, struct bytes b);

/* The first error since intake_init(), or 0. */
int intake_error(const struct intake *in);

/* Puts `text` before all that came; for the rare answer that needs it. ERR_FULL, ERR_NOMEM. */
int intake_prepend(struct intake *in, struct bytes text);

/* What came, cut to its length; NULL when nothing did. The reference is the caller's; the
 * intake is empty again. */
struct buf *intake_take(struct intake *in);

#endif
