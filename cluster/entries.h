/* Entries that others tell of: CREATE and DELETE. Removal always wins: what has ended here, by
 * number, is never created again (invariant S3, rule A4). */
#ifndef CLUSTER_ENTRIES_H
#define CLUSTER_ENTRIES_H

#include "cluster/members.h"

/* What ACCEPT and CREATE tell alike. */
struct entries_told {
    const struct msg_entry *entry;
    struct bytes function, tenant;
    uint64_t created_ago_ms;
};

/* An entry of that identity. ERR_INUSE: it has ended, or was here. ERR_MALFORMED: it makes no
 * sense. ERR_FULL, ERR_NOMEM, ERR_TOOBIG. */
int entries_new(struct cluster *c, const struct entries_told *e, struct invocation **out);

void entries_on_create(struct cluster *c, uint16_t from, const struct msg_create *m,
                       uint64_t aged_ms);
void entries_on_deleted(struct cluster *c, uint16_t from, const struct msg_deleted *m);

/* That number has ended, `end` says how. */
void entries_end(struct cluster *c, uint16_t origin, uint64_t seq, enum invocation_state end);

/* It has, and nobody says how: as is known here, if it was to end; else that is not told here.
 */
void entries_end_somehow(struct cluster *c, uint16_t origin, uint64_t seq);

#endif
