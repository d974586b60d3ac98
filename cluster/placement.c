#include "cluster/placement.h"

#include "cluster/members.h"

#include "base/hash.h"

enum { LAGGING_MS = 1000 };

/* The same at every node, so no key of ours. */
#define PLACE_KEY    0x3c6ef372fe94f82bu
#define REGISTER_KEY 0x510e527fade682d1u

static uint64_t weight(const struct cluster *c, uint16_t node, uint64_t thing)
{
    return hash_16(nodes_at(&c->nodes, node)->id.at, thing);
}

static bool keeps_up(const struct cluster *c, const struct member *m)
{
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        uint64_t since = m->flows[lane].behind_since_ms;
        if (since != 0 && c->now_ms > since + LAGGING_MS) {
            return false;
        }
    }
    return true;
}

static bool may_hold(const struct cluster *c, const struct member *m)
{
    return m->state == MEMBER_ALIVE && !m->is_leaving && m->is_streaming && keeps_up(c, m);
}

/* How many of those chosen are in another zone than `m`. */
static uint32_t zones_apart(const struct cluster *c, const struct member *m,
                            const uint16_t chosen[], uint32_t count)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct member *other = members_of_node(c, chosen[i]);
        n += !bytes_equal(m->zone, other == NULL ? c->config.zone : other->zone);
    }
    return n;
}

static bool is_chosen(uint16_t node, const uint16_t chosen[], uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (chosen[i] == node) {
            return true;
        }
    }
    return false;
}

/* The best one that is not chosen yet; 0: none. `knows_terms`: of those that do. */
static uint16_t best_of(const struct cluster *c, uint64_t thing, const uint16_t chosen[],
                        uint32_t count, bool knows_terms)
{
    uint16_t best = 0;
    uint32_t best_apart = 0;
    uint64_t best_weight = 0;
    for (const struct list *l = c->members->all.next; l != &c->members->all; l = l->next) {
        const struct member *m = list_item(l, struct member, link);
        bool fits = may_hold(c, m) && (m->takes_terms || !knows_terms);
        if (!fits || is_chosen(m->node, chosen, count)) {
            continue;
        }
        uint32_t apart = zones_apart(c, m, chosen, count);
        uint64_t w = weight(c, m->node, thing);
        if (best == 0 || apart > best_apart || (apart == best_apart && w > best_weight)) {
            best = m->node;
            best_apart = apart;
            best_weight = w;
        }
    }
    return best;
}

uint32_t placement_arbiters(const struct cluster *c, const struct guid *guid,
                            uint16_t out[MSG_ARBITERS_MAX])
{
    out[0] = SELF;
    out[1] = out[2] = 0;
    uint32_t count = 1;
    uint64_t thing = hash_16(guid->at, PLACE_KEY);
    while (c->members != NULL && count < MSG_ARBITERS_MAX) {
        uint16_t next = best_of(c, thing, out, count, false);
        if (next == 0) {
            break;
        }
        out[count++] = next;
    }
    bool gives_later = c->members != NULL && !c->config.available;
    for (; gives_later && count < MSG_ARBITERS_MAX; count++) {
        out[count] = out[count - 1];
    }
    return count;
}

uint16_t placement_spare(const struct cluster *c, const struct guid *guid,
                         const uint16_t others[], uint32_t count)
{
    return best_of(c, hash_16(guid->at, PLACE_KEY), others, count, true);
}

uint16_t placement_registrar(const struct cluster *c, const struct guid *name)
{
    if (c->members == NULL) {
        return SELF;
    }
    uint64_t thing = hash_16(name->at, REGISTER_KEY);
    uint16_t best = SELF;
    uint64_t best_weight = c->is_draining ? 0 : weight(c, SELF, thing);
    for (const struct list *l = c->members->all.next; l != &c->members->all; l = l->next) {
        const struct member *m = list_item(l, struct member, link);
        bool fits = m->state == MEMBER_ALIVE || m->state == MEMBER_SUSPECT;
        uint64_t w = fits && !m->is_leaving ? weight(c, m->node, thing) : 0;
        if (w > best_weight) {
            best = m->node;
            best_weight = w;
        }
    }
    return best;
}

static bool is_better_heir(const struct cluster *c, const struct member *a,
                           const struct member *b)
{
    bool zone_a = bytes_equal(a->zone, c->config.zone);
    bool zone_b = bytes_equal(b->zone, c->config.zone);
    return zone_a != zone_b ? zone_a : a->came_at_ms > b->came_at_ms;
}

uint16_t placement_heir(const struct cluster *c)
{
    const struct member *best = NULL;
    for (const struct list *l = c->members->all.next; l != &c->members->all; l = l->next) {
        const struct member *m = list_item(l, struct member, link);
        bool fits = may_hold(c, m) && m->takes_seats;
        if (fits && (best == NULL || is_better_heir(c, m, best))) {
            best = m;
        }
    }
    return best == NULL ? 0 : best->node;
}
