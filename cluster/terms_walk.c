#include "cluster/terms.h"

#include "cluster/digest.h"
#include "cluster/placement.h"
#include "cluster/seats.h"
#include "cluster/store.h"
#include "cluster/trust.h"

enum {
    STEP = 1024,     /* entries looked at in one call */
    OPEN_MAX = 64,   /* seats under way at a time */
    ROUND_MS = 1000, /* from one look at all of them to the next, while there is need */
    OPEN_FULL_MS = 10,
    TERM_MAX = 200, /* of an entry: far more than it lives through */
};

static uint16_t voter_now(const struct cluster *c, const struct invocation *inv, uint32_t i)
{
    return seats_voter(c, &inv->guid, inv_arbiter(inv, i), i);
}

/* It was this node's to inherit, and never came: who left was asked for it in an earlier term.
 */
static bool is_missing(const struct cluster *c, const struct invocation *inv, uint32_t i)
{
    return voter_now(c, inv, i) == SELF && !inv_has_seat(inv, i) && !terms_is_unsure(c, inv);
}

static bool is_vacant(const struct cluster *c, const struct invocation *inv, uint32_t i)
{
    return trust_is_dead(c, voter_now(c, inv, i)) || is_missing(c, inv, i);
}

/* The first seat that nobody has; else the second seat of one that has two. */
static uint32_t seat_to_give(const struct cluster *c, const struct invocation *inv)
{
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX; i++) {
        if (is_vacant(c, inv, i)) {
            return i;
        }
    }
    for (uint32_t i = 1; i < MSG_ARBITERS_MAX; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (voter_now(c, inv, i) == voter_now(c, inv, k)) {
                return i;
            }
        }
    }
    return MSG_ARBITERS_MAX;
}

static bool may_take(const struct cluster *c, uint16_t node)
{
    const struct member *m = members_of_node(c, node);
    return node == SELF || (members_is_alive(m) && m->is_streaming && m->takes_terms);
}

bool terms_plan(const struct cluster *c, const struct invocation *inv, struct terms_plan *out)
{
    bool may = !c->config.available && !c->is_draining && inv->arbiter_count == 3 &&
               inv_votes_here(inv) && !inv->is_over && !inv->is_bound &&
               terms_of(c, inv) < TERM_MAX;
    uint32_t seat = may ? seat_to_give(c, inv) : MSG_ARBITERS_MAX;
    if (seat == MSG_ARBITERS_MAX) {
        return false;
    }
    uint16_t others[2] = {voter_now(c, inv, (seat + 1) % 3), voter_now(c, inv, (seat + 2) % 3)};
    uint16_t all[] = {others[0], others[1], voter_now(c, inv, seat)};
    uint16_t witness = others[0] == SELF ? others[1] : others[0];
    bool is_among = others[0] == SELF || others[1] == SELF;
    if (!is_among || !may_take(c, witness)) {
        return false;
    }
    uint16_t spare = placement_spare(c, &inv->guid, all, 3);
    if (spare == 0 && is_vacant(c, inv, seat)) {
        spare = witness; /* not this node: it may be about to do what the dead one died of */
    }
    *out = (struct terms_plan){.seat = (uint8_t)seat, .holder = spare, .witness = witness};
    return spare != 0 && spare != SELF;
}

/* --- all entries ------------------------------------------------------------------------ */

static bool is_first_alive(const struct cluster *c, const struct invocation *inv)
{
    uint32_t i = 0;
    while (i < inv->arbiter_count && trust_is_dead(c, voter_now(c, inv, i))) {
        i++;
    }
    return i < inv->arbiter_count && voter_now(c, inv, i) == SELF;
}

void terms_wake(struct cluster *c)
{
    c->members->turns = (struct turns){.walk = walk_begin()};
    members_wake(c, c->now_ms);
}

void terms_wake_later(struct cluster *c)
{
    struct turns *t = &c->members->turns;
    if (t->walk.origin != 0) {
        t->found = true; /* another round follows the one that is under way */
        return;
    }
    *t = (struct turns){.walk = walk_begin(), .round_at_ms = c->now_ms + ROUND_MS};
    members_wake(c, t->round_at_ms);
}

uint64_t terms_tick(struct cluster *c)
{
    struct turns *t = &c->members->turns;
    if (t->walk.origin == 0 || c->config.available || c->is_draining) {
        return UINT64_MAX;
    }
    if (c->now_ms < t->round_at_ms) {
        return t->round_at_ms;
    }
    uint32_t steps = STEP;
    struct invocation *inv = NULL;
    while (c->turns_open < OPEN_MAX && (inv = walk_next(c, &t->walk, &steps)) != NULL) {
        struct terms_plan plan;
        bool is_ours =
            is_first_alive(c, inv) || terms_is_untold(c, inv) || terms_is_unsure(c, inv);
        bool is_needed = is_ours && (terms_begin(c, inv) || terms_plan(c, inv, &plan));
        /* Who has got a seat of one that died keeps a copy, too. */
        bool is_copied = terms_of(c, inv) == 0 || !digest_fetch_body(c, inv);
        t->found = t->found || is_needed || !is_copied;
    }
    if (!walk_is_over(c, &t->walk)) {
        return c->now_ms + (c->turns_open >= OPEN_MAX ? OPEN_FULL_MS : 0);
    }
    *t = t->found ? (struct turns){.walk = walk_begin(), .round_at_ms = c->now_ms + ROUND_MS}
                  : (struct turns){0};
    return t->walk.origin == 0 ? UINT64_MAX : t->round_at_ms;
}
