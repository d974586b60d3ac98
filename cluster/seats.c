#include "cluster/seats.h"

#include "cluster/claims.h"
#include "cluster/handoff.h"
#include "cluster/send.h"
#include "cluster/store.h"
#include "cluster/terms.h"

#include <stdlib.h>

enum {
    MOVES_MAX = 512,
    MOVE_STAYS_MS = 600 * 1000, /* though no entry refers to it: one may still come */
    HOPS_MAX = 8,               /* an heir may have left in its turn, and so on */
};

struct move {
    uint16_t node, holder; /* a reference to each */
    uint64_t noted_at_ms;
};

struct moves {
    uint32_t count;
    struct move at[MOVES_MAX];
};

static struct move *find(const struct cluster *c, uint16_t node)
{
    for (uint32_t i = 0; c->moves != NULL && i < c->moves->count; i++) {
        if (c->moves->at[i].node == node) {
            return &c->moves->at[i];
        }
    }
    return NULL;
}

static void forget(struct cluster *c, struct move *m)
{
    nodes_at(&c->nodes, m->node)->heir = 0;
    nodes_drop(&c->nodes, m->node);
    nodes_drop(&c->nodes, m->holder);
    *m = c->moves->at[--c->moves->count];
}

void seats_fini(struct cluster *c)
{
    while (c->moves != NULL && c->moves->count > 0) {
        forget(c, &c->moves->at[0]);
    }
    free(c->moves);
    c->moves = NULL;
}

static bool is_heir_known(const struct cluster *c)
{
    return c->moves != NULL || c->is_heir || c->turned_count > 0 || handoff_heir(c) != 0;
}

uint16_t seats_heir_of(const struct cluster *c, uint16_t node)
{
    for (uint32_t hop = 0; nodes_at(&c->nodes, node)->heir != 0 && hop < HOPS_MAX; hop++) {
        node = nodes_at(&c->nodes, node)->heir;
    }
    return node;
}

uint16_t seats_voter(const struct cluster *c, const struct guid *guid, uint16_t arbiter,
                     uint32_t i)
{
    if (!is_heir_known(c)) {
        return arbiter;
    }
    const struct invocation *inv = store_find(c, guid);
    if (inv != NULL && inv_has_seat(inv, i)) {
        return SELF;
    }
    if (inv != NULL && terms_of(c, inv) > 0) {
        arbiter = terms_voter(c, inv, i);
    }
    arbiter = seats_heir_of(c, arbiter);
    bool is_given = arbiter == SELF && inv != NULL && handoff_heir(c) != 0;
    return is_given ? handoff_heir(c) : arbiter;
}

static struct move *make(struct cluster *c, const struct guid *id)
{
    if (c->moves == NULL) {
        c->moves = calloc(1, sizeof *c->moves);
    }
    uint16_t node = c->moves == NULL ? 0 : nodes_take(&c->nodes, id);
    if (node == 0) {
        return NULL;
    }
    struct move *m = find(c, node);
    if (m != NULL) {
        nodes_drop(&c->nodes, node); /* it is counted once */
        return m;
    }
    if (c->moves->count == MOVES_MAX) {
        forget(c, &c->moves->at[0]);
    }
    m = &c->moves->at[c->moves->count++];
    *m = (struct move){.node = node};
    return m;
}

void seats_note(struct cluster *c, const struct guid *node, uint16_t holder)
{
    if (guid_equal(node, &nodes_at(&c->nodes, holder)->id)) {
        return;
    }
    struct move *m = make(c, node);
    if (m == NULL) {
        return; /* no memory: it is asked in vain */
    }
    nodes_share(&c->nodes, holder);
    nodes_drop(&c->nodes, m->holder);
    m->holder = nodes_at(&c->nodes, m->node)->heir = holder;
    m->noted_at_ms = c->now_ms;
}

uint32_t seats_list_own(const struct cluster *c, struct guid out[MSG_MOVED_MAX])
{
    uint32_t n = 0;
    out[n++] = c->config.node_id;
    for (uint32_t i = 0; c->moves != NULL && i < c->moves->count && n < MSG_MOVED_MAX; i++) {
        if (c->moves->at[i].holder == SELF) {
            out[n++] = nodes_at(&c->nodes, c->moves->at[i].node)->id;
        }
    }
    return n;
}

void seats_tell(struct cluster *c, uint16_t to)
{
    struct guid *nodes = effects_scratch(&c->effects, MSG_MOVED_MAX * sizeof *nodes);
    uint32_t count = nodes == NULL || c->moves == NULL ? 0 : seats_list_own(c, nodes);
    if (count < 2 || handoff_heir(c) != 0) {
        return; /* only itself; or they are an heir's already */
    }
    struct msg m = {.kind = MSG_MOVED};
    m.moved.holder = c->config.node_id;
    m.moved.count = count - 1;
    m.moved.nodes = nodes + 1;
    if (to == 0) {
        send_to_all(c, &m);
    } else {
        send_control(c, to, &m);
    }
}

void seats_on_moved(struct cluster *c, struct member *from, const struct msg_moved *m)
{
    uint16_t holder = nodes_take(&c->nodes, &m->holder);
    if (holder == 0) {
        return;
    }
    for (uint32_t i = 0; i < m->count; i++) {
        seats_note(c, &m->nodes[i], holder);
    }
    if (holder == SELF) {
        seats_tell(c, 0); /* by the leaver: it is ours to say so, and the leaver's to hear */
    }
    handoff_on_moved(c, from, m);
    nodes_drop(&c->nodes, holder);
    claims_on_members(c);
}

void seats_sweep(struct cluster *c)
{
    for (uint32_t i = 0; c->moves != NULL && i < c->moves->count;) {
        struct move *m = &c->moves->at[i];
        bool is_old = c->now_ms >= m->noted_at_ms + MOVE_STAYS_MS;
        if (is_old && nodes_at(&c->nodes, m->node)->refs == 1) {
            forget(c, m);
        } else {
            i++;
        }
    }
    if (c->moves != NULL && c->moves->count == 0) {
        free(c->moves);
        c->moves = NULL;
    }
}
