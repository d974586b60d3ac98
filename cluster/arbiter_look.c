/* What the votes of an entry look like: questions only, nothing changes. */
#include "cluster/arbiter.h"

#include "cluster/places.h"

bool arbiter_holds(const struct cluster *c, const struct invocation *inv, uint16_t node,
                   uint64_t counter)
{
    bool holds = false;
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX && inv->extra != 0; i++) {
        struct seat *s = &extra_at(c, inv->extra)->seats[i];
        holds = holds || *places_find(c, &s->holders, node, counter) != 0;
    }
    return holds;
}

bool arbiter_has_given(const struct cluster *c, const struct invocation *inv)
{
    bool has = false;
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX && inv->extra != 0; i++) {
        const struct seat *s = &extra_at(c, inv->extra)->seats[i];
        has = has || (s->holders != 0 &&
                      (inv_is_ready(inv) || place_at(c, s->holders)->purpose == CLAIM_CANCEL));
    }
    return has;
}

bool arbiter_holds_for_node(const struct cluster *c, const struct invocation *inv,
                            uint16_t node)
{
    bool holds = false;
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX && inv->extra != 0; i++) {
        uint32_t handle = extra_at(c, inv->extra)->seats[i].holders;
        for (; handle != 0; handle = place_at(c, handle)->next) {
            holds = holds || place_at(c, handle)->node == node;
        }
    }
    return holds;
}

static uint32_t describe_chain(const struct cluster *c, uint32_t handle, uint32_t seat,
                               bool waits, struct msg_place *out)
{
    uint32_t n = 0;
    for (; handle != 0; handle = place_at(c, handle)->next) {
        const struct place *p = place_at(c, handle);
        out[n++] = (struct msg_place){.seat = (uint8_t)seat,
                                      .waits = waits,
                                      .purpose = p->purpose,
                                      .no = {nodes_at(&c->nodes, p->node)->id, p->counter},
                                      .token = p->token};
    }
    return n;
}

uint32_t arbiter_describe(const struct cluster *c, const struct invocation *inv, uint32_t seats,
                          struct msg_place out[MSG_PLACES_MAX])
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX && inv->extra != 0; i++) {
        const struct seat *s = &extra_at(c, inv->extra)->seats[i];
        if ((seats >> i & 1u) != 0) {
            n += describe_chain(c, s->holders, i, false, out + n);
            n += describe_chain(c, s->line, i, true, out + n);
        }
    }
    return n;
}
