/* What the core must do next: a queue that is filled during a call and emptied after it.
 *
 * Two rings that are used again and again, one of them for what concerns links, because those
 * are large and rare. What an effect borrows is kept until the next one is asked for: an
 * invocation that has ended, the references in a message, and small arrays and texts in the
 * scratch memory.
 */
#ifndef CLUSTER_EFFECTS_H
#define CLUSTER_EFFECTS_H

#include "cluster/links.h"
#include "cluster/pool.h"

struct scratch_block;

struct effects {
    struct cluster_effect *ring;
    uint32_t room, first, count;
    struct link_effect *links;
    uint32_t link_room, link_first, link_count;
    uint32_t ended; /* entry whose end was just taken; freed at the next question */
    struct link_effect last_link;
    bool has_last_link;
    struct scratch_block *scratch;
};

/* ERR_NOMEM. */
int effects_init(struct effects *es);
void effects_fini(struct effects *es); /* drops what was not taken */

/* A cleared one at the end of the queue. Never fails: the queue is ours, and short. */
struct cluster_effect *effects_add(struct effects *es, enum cluster_effect_kind kind);

/* For DIAL, SEND, CLOSE, MEMBER. NULL: no memory; the caller gives the link up. References in
 * its message are the queue's from then on. */
struct link_effect *effects_add_link(struct effects *es, enum cluster_effect_kind kind);

/* Memory that lives until the queue has been emptied. NULL: none. */
void *effects_scratch(struct effects *es, size_t size);

/* A copy in scratch memory; empty when there is none. */
struct bytes effects_keep(struct effects *es, struct bytes text);

/* False: the queue is empty. An entry to be freed now is returned in *ended, else 0. */
bool effects_next(struct effects *es, struct cluster_effect *out, uint32_t *ended);

#endif
