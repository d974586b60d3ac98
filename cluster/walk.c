#include "cluster/walk.h"

#include "cluster/store.h"

struct walk walk_begin(void)
{
    return (struct walk){.origin = SELF};
}

bool walk_is_over(const struct cluster *c, const struct walk *w)
{
    return w->origin >= c->nodes.room;
}

struct invocation *walk_next(const struct cluster *c, struct walk *w, uint32_t *steps)
{
    while (*steps > 0 && !walk_is_over(c, w)) {
        (*steps)--;
        const struct node *n = nodes_at(&c->nodes, w->origin);
        struct invocation *inv =
            n == NULL ? NULL : store_next_live(c, w->origin, &w->seq, n->seqs.high);
        if (inv == NULL) {
            *w = (struct walk){.origin = (uint16_t)(w->origin + 1u)};
        } else if (inv_votes_here(inv)) {
            return inv;
        }
    }
    return NULL;
}
