/* Questions that take time (struct op): made, found again by ticket or by number, timed,
 * answered once. Who asked may be the core of this node or another node. */
#ifndef CLUSTER_OPS_H
#define CLUSTER_OPS_H

#include "cluster/state.h"

/* ERR_NOMEM: ops_fini() is still to be called. */
int ops_init(struct cluster *c, uint64_t hash_key);
void ops_fini(struct cluster *c);

/* For a ticket of the core. NULL: no memory. */
struct op *ops_new(struct cluster *c, uint64_t ticket, enum op_kind kind);

/* For another node, or for the cluster itself. */
struct op *ops_new_internal(struct cluster *c, enum op_kind kind);

/* NULL: unknown, or answered already. */
struct op *ops_find(const struct cluster *c, uint64_t ticket);

/* A number that names this op and no later one; and back. 0: no memory. */
uint64_t ops_number(struct cluster *c, struct op *op);
struct op *ops_by_number(const struct cluster *c, uint64_t number);

/* UINT64_MAX: no timer. */
void ops_set_timer(struct cluster *c, struct op *op, uint64_t at_ms);

/* Its caller has had the last word: the ticket may be used again. */
void ops_forget_ticket(struct cluster *c, struct op *op);

/* Forgets it. Nothing is answered, and no watch is left: claims.h does that. */
void ops_free(struct cluster *c, struct op *op);

/* At most `limit` timers that are due. */
void ops_due(struct cluster *c, uint32_t limit);

#endif
