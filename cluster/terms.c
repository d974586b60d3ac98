#include "cluster/terms_inner.h"

#include "cluster/arbiter.h"
#include "cluster/send.h"
#include "cluster/store.h"

struct extra *terms_extra(const struct cluster *c, const struct invocation *inv)
{
    return inv->extra == 0 ? NULL : extra_at(c, inv->extra);
}

uint8_t terms_of(const struct cluster *c, const struct invocation *inv)
{
    return c->turned_count == 0 || inv->extra == 0 ? 0 : extra_at(c, inv->extra)->term;
}

uint16_t terms_voter(const struct cluster *c, const struct invocation *inv, uint32_t i)
{
    return terms_of(c, inv) == 0 ? inv_arbiter(inv, i) : extra_at(c, inv->extra)->voters[i];
}

bool terms_is_voter(const struct cluster *c, const struct invocation *inv, uint16_t node)
{
    bool is = false;
    for (uint32_t i = 0; i < inv->arbiter_count && terms_of(c, inv) > 0; i++) {
        is = is || terms_voter(c, inv, i) == node;
    }
    return is;
}

void terms_tell(const struct cluster *c, const struct invocation *inv, struct msg_term *out)
{
    *out = (struct msg_term){.number = terms_of(c, inv)};
    for (uint32_t i = 0; i < inv->arbiter_count && out->number > 0; i++) {
        out->voters[i] = nodes_at(&c->nodes, terms_voter(c, inv, i))->id;
        out->is_chosen = extra_at(c, inv->extra)->is_chosen;
    }
}

bool terms_are_same(const struct msg_term *a, const struct msg_term *b)
{
    return a->number == b->number && memcmp(a->voters, b->voters, sizeof a->voters) == 0;
}

bool terms_is_later(const struct msg_term *than, const struct msg_term *m)
{
    return m->number > than->number || (m->number == than->number && m->is_chosen &&
                                        !than->is_chosen && !terms_are_same(than, m));
}

void terms_forget(struct cluster *c, struct extra *x)
{
    c->turned_count -= x->term > 0;
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX; i++) {
        nodes_drop(&c->nodes, x->voters[i]);
    }
}

bool terms_is_untold(const struct cluster *c, const struct invocation *inv)
{
    const struct extra *x = terms_extra(c, inv);
    return x != NULL && x->term > 0 && x->is_chosen && x->untold != 0;
}

bool terms_is_unsure(const struct cluster *c, const struct invocation *inv)
{
    const struct extra *x = terms_extra(c, inv);
    return x != NULL && x->term > 0 && !x->is_chosen;
}

/* --- moving ------------------------------------------------------------------------------ */

bool terms_may_move(const struct cluster *c, const struct invocation *inv)
{
    return !inv_votes_here(inv) ||
           (!inv->is_over && !inv->is_bound && !arbiter_has_given(c, inv));
}

bool terms_move(struct cluster *c, struct invocation *inv, const struct msg_term *to)
{
    struct extra *x = terms_may_move(c, inv) ? store_extra(c, inv) : NULL;
    uint16_t voters[MSG_ARBITERS_MAX] = {0};
    bool ok = x != NULL;
    for (uint32_t i = 0; i < inv->arbiter_count && ok; i++) {
        voters[i] = nodes_take(&c->nodes, &to->voters[i]);
        ok = voters[i] != 0;
    }
    if (!ok) {
        for (uint32_t i = 0; i < MSG_ARBITERS_MAX; i++) {
            nodes_drop(&c->nodes, voters[i]);
        }
        store_trim(c, inv);
        return false;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < inv->arbiter_count; i++) {
        kept |= voters[i] == terms_voter(c, inv, i) ? 1u << i : 0;
    }
    /* What was not chosen here is not known to be the one that this one follows. */
    bool knows_before = to->number == x->term + 1u && (x->term == 0 || x->is_chosen);
    x->kept = (uint8_t)(knows_before ? kept : 0);
    arbiter_vacate(c, inv, inv->seats & ~kept);
    inv->seats = inv->seats & kept & 7u;
    terms_forget(c, x);
    memcpy(x->voters, voters, sizeof voters);
    x->term = to->number;
    x->is_chosen = false;
    x->untold = 0;
    c->turned_count++;
    terms_wake_later(c); /* who knows whether it was chosen may never say so: it is asked */
    return true;
}

void terms_take_chosen(struct cluster *c, struct invocation *inv)
{
    struct extra *x = extra_at(c, inv->extra);
    x->is_chosen = true;
    x->begun = 0;
    for (uint32_t i = 0; i < inv->arbiter_count; i++) {
        bool may = !c->is_draining; /* else what it lacks may be its heir's already */
        if (x->voters[i] == SELF && !inv_has_seat(inv, i) && may) {
            inv->seats = (inv->seats | 1u << i) & 7u;
            c->is_heir = true;
        }
    }
}

bool terms_follow(struct cluster *c, struct invocation *inv, const struct msg_term *m)
{
    struct msg_term own;
    terms_tell(c, inv, &own);
    if (!terms_is_later(&own, m)) {
        return terms_are_same(&own, m);
    }
    bool ok = terms_move(c, inv, m);
    if (ok && m->is_chosen) {
        terms_take_chosen(c, inv);
    }
    return ok;
}

/* --- saying ------------------------------------------------------------------------------ */

void terms_say(struct cluster *c, uint16_t to, const struct invocation *inv,
               enum msg_turn_what what, const struct msg_term *term)
{
    struct msg m = {.kind = MSG_TURN};
    m.turn.guid = inv->guid;
    m.turn.origin = nodes_at(&c->nodes, inv->origin)->id;
    m.turn.seq = inv->seq;
    m.turn.what = (uint8_t)what;
    struct msg_term own;
    terms_tell(c, inv, &own);
    m.turn.seats = terms_are_same(&own, term) ? inv->seats & 7u : 0;
    m.turn.ready = inv_is_ready(inv);
    m.turn.term = *term;
    send_control(c, to, &m);
}

void terms_say_own(struct cluster *c, uint16_t to, const struct invocation *inv,
                   enum msg_turn_what what)
{
    struct msg_term term;
    terms_tell(c, inv, &term);
    terms_say(c, to, inv, what, &term);
}
