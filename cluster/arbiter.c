#include "cluster/arbiter.h"

#include "cluster/claims.h"
#include "cluster/handoff.h"
#include "cluster/members.h"
#include "cluster/places.h"
#include "cluster/publish.h"
#include "cluster/send.h"
#include "cluster/store.h"
#include "cluster/terms.h"
#include "cluster/trust.h"

#include <assert.h>

#define ALL_SEATS ((1u << MSG_ARBITERS_MAX) - 1)

static const struct guid no_token;

static bool has_token(const struct guid *token)
{
    return !guid_equal(token, &no_token);
}

/* --- telling claimers ------------------------------------------------------------------------
 */

static void tell_granted(struct cluster *c, const struct invocation *inv,
                         const struct place *place)
{
    struct msg m = {.kind = MSG_GRANT};
    m.grant.guid = inv->guid;
    m.grant.no = (struct msg_claim_no){nodes_at(&c->nodes, place->node)->id, place->counter};
    m.grant.ready = inv_is_ready(inv);
    m.grant.has_payload = inv->has_payload;
    terms_tell(c, inv, &m.grant.term);
    if (place->node == SELF) {
        claims_on_grant(c, SELF, &m.grant);
    } else {
        send_control(c, place->node, &m);
    }
}

static void tell_denied(struct cluster *c, const struct guid *guid, uint16_t node,
                        uint64_t counter, enum msg_deny_why why)
{
    struct msg m = {.kind = MSG_DENY};
    m.deny.guid = *guid;
    m.deny.no = (struct msg_claim_no){nodes_at(&c->nodes, node)->id, counter};
    m.deny.why = (uint8_t)why;
    const struct invocation *inv = c->turned_count == 0 ? NULL : store_find(c, guid);
    if (inv != NULL) {
        terms_tell(c, inv, &m.deny.term);
    }
    if (node == SELF) { /* it had asked one that has left its seat to us */
        claims_on_deny(c, SELF, &m.deny);
    } else {
        send_control(c, node, &m);
    }
}

static enum msg_deny_why why_of(enum invocation_state end)
{
    return end == INVOCATION_COLLECTED ? DENY_COLLECTED
           : end == INVOCATION_EXPIRED ? DENY_EXPIRED
                                       : DENY_CANCELED;
}

/* --- the machine ---------------------------------------------------------------------------
 */

bool arbiter_counts(const struct invocation *inv, uint8_t purpose)
{
    return inv_is_ready(inv) || purpose == CLAIM_CANCEL;
}

static bool is_canceling(const struct cluster *c, const struct seat *s)
{
    return s->holders != 0 && place_at(c, s->holders)->purpose == CLAIM_CANCEL;
}

/* The vote is for the token that its first holder named. */
static bool shares_token(const struct cluster *c, const struct seat *s,
                         const struct guid *token)
{
    return has_token(token) && s->holders != 0 &&
           guid_equal(&place_at(c, s->holders)->token, token);
}

static struct place place_of(const struct arbiter_claim *claim)
{
    return (struct place){.counter = claim->counter,
                          .token = claim->token,
                          .node = claim->node,
                          .purpose = claim->purpose};
}

static enum arbiter_answer vote(struct cluster *c, const struct invocation *inv, struct seat *s,
                                const struct arbiter_claim *claim)
{
    struct place place = place_of(claim);
    bool shares = shares_token(c, s, &claim->token);
    if (claim->purpose == CLAIM_FREE && !shares && !inv->is_bound) {
        return ARBITER_UNBOUND;
    }
    if (s->holders == 0 || shares) {
        return places_hold(c, s, &place) ? ARBITER_GRANTED : ARBITER_FULL;
    }
    if (inv->is_bound) {
        return ARBITER_COLLECTED;
    }
    return places_line_up(c, s, &place) ? ARBITER_HELD : ARBITER_FULL;
}

enum arbiter_answer arbiter_claim(struct cluster *c, struct invocation *inv,
                                  const struct arbiter_claim *claim)
{
    assert(inv_has_seat(inv, claim->seat));
    struct extra *x = inv->is_over ? NULL : store_extra(c, inv);
    if (x == NULL) {
        return !inv->is_over      ? ARBITER_FULL
               : inv->is_bound    ? ARBITER_COLLECTED
               : inv->is_canceled ? ARBITER_CANCELED
                                  : ARBITER_EXPIRED;
    }
    struct seat *s = &x->seats[claim->seat];
    if (*places_find(c, &s->holders, claim->node, claim->counter) != 0) {
        return ARBITER_GRANTED;
    }
    if (terms_is_asking(c, inv)) {
        return ARBITER_FULL;
    }
    if (claim->purpose == CLAIM_CANCEL && !inv_is_ready(inv) && !inv->is_bound &&
        !is_canceling(c, s)) {
        places_step_back(c, s);
    }
    if (*places_find(c, &s->line, claim->node, claim->counter) != 0) {
        return ARBITER_HELD;
    }
    enum arbiter_answer answer = vote(c, inv, s, claim);
    store_trim(c, inv);
    return answer;
}

/* S4: a vote that nobody holds any more goes to the first in line. The last thing that its
 * caller does: what the grant leads to may end the entry. */
static void pass_on(struct cluster *c, struct invocation *inv, uint32_t seat)
{
    struct seat *s = &extra_at(c, inv->extra)->seats[seat];
    bool is_free = inv_has_seat(inv, seat) && s->holders == 0 && !inv->is_bound;
    while (is_free && s->line != 0 && trust_is_dead(c, place_at(c, s->line)->node)) {
        places_leave_line(c, s, &s->line); /* it could never give the vote back */
    }
    if (!is_free || s->line == 0) {
        store_trim(c, inv);
        return;
    }
    struct place copy = *places_advance(c, s);
    tell_granted(c, inv, &copy);
}

/* True: that claim had the vote of the seat, or a place in its line. */
static bool give_back(struct cluster *c, struct invocation *inv, uint32_t seat, uint16_t node,
                      uint64_t counter)
{
    struct seat *s = &extra_at(c, inv->extra)->seats[seat];
    uint32_t *link = places_find(c, &s->line, node, counter);
    if (*link != 0) {
        places_leave_line(c, s, link);
        store_trim(c, inv);
        return true;
    }
    if (*places_find(c, &s->holders, node, counter) == 0) {
        return false;
    }
    if (!inv->is_bound) { /* else taken by a token: the vote stays with it to the end */
        places_give_back(c, s, node, counter);
        pass_on(c, inv, seat);
    }
    return true;
}

void arbiter_release(struct cluster *c, struct invocation *inv, uint16_t node, uint64_t counter)
{
    struct guid guid = inv->guid;
    bool was_here = false;
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX && !was_here && inv->extra != 0; i++) {
        was_here = give_back(c, inv, i, node, counter);
    }
    handoff_release(c, &guid, node, counter); /* it may be a seat that was given away */
}

/* To nodes that have died: they have seen nothing of it. */
static void break_promises(struct cluster *c, struct seat *s)
{
    uint32_t *link = &s->holders;
    while (*link != 0) {
        struct place p = *place_at(c, *link);
        if (p.purpose != CLAIM_CANCEL && trust_is_dead(c, p.node)) {
            places_give_back(c, s, p.node, p.counter);
        } else {
            link = &place_at(c, *link)->next;
        }
    }
}

/* Those who have the vote of that seat hear of it again. The entry may end of it. */
static void tell_holders(struct cluster *c, struct invocation *inv, const struct seat *s)
{
    struct place told[HOLDERS_MAX];
    uint32_t count = 0;
    for (uint32_t handle = s->holders; handle != 0; handle = told[count++].next) {
        told[count] = *place_at(c, handle);
    }
    struct guid guid = inv->guid;
    for (uint32_t i = 0; i < count && store_find(c, &guid) == inv; i++) {
        tell_granted(c, inv, &told[i]);
    }
}

static void seat_ready(struct cluster *c, struct invocation *inv, uint32_t seat)
{
    struct seat *s = &extra_at(c, inv->extra)->seats[seat];
    if (s->holders == 0) {
        return;
    }
    if (!inv->is_bound) {
        break_promises(c, s);
    }
    if (s->holders == 0) {
        pass_on(c, inv, seat);
        return;
    }
    tell_holders(c, inv, s);
}

void arbiter_tell_promised(struct cluster *c, const struct guid *guid)
{
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX; i++) {
        struct invocation *inv = store_find(c, guid);
        if (inv == NULL || inv->extra == 0 || inv_is_ready(inv)) {
            return;
        }
        tell_holders(c, inv, &extra_at(c, inv->extra)->seats[i]);
    }
}

void arbiter_ready(struct cluster *c, struct invocation *inv)
{
    struct guid guid = inv->guid;
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX && inv != NULL && inv->extra != 0; i++) {
        if (inv_has_seat(inv, i)) {
            seat_ready(c, inv, i);
            inv = store_find(c, &guid); /* that vote may have ended it */
        }
    }
}

/* Those in that chain are told, if there is a reason; then it is empty. */
static void chain_end(struct cluster *c, const struct guid *guid, uint32_t *chain,
                      const enum msg_deny_why *why)
{
    while (*chain != 0) {
        const struct place *p = place_at(c, *chain);
        if (why != NULL && p->node != SELF) {
            tell_denied(c, guid, p->node, p->counter, *why);
        }
        places_pop(c, chain);
    }
}

/* The seat's vote is its token's now, and nobody else's. */
static void keep_seat_for_token(struct cluster *c, const struct guid *guid, struct seat *s,
                                const struct arbiter_claim *claim)
{
    static const enum msg_deny_why why = DENY_COLLECTED;
    if (!shares_token(c, s, &claim->token)) {
        /* A majority of others voted for the token: this vote can win nothing any more. */
        chain_end(c, guid, &s->holders, &why);
        s->holder_count = 0;
    }
    if (s->holders == 0) {
        struct place place = place_of(claim);
        places_hold(c, s, &place);
    }
    chain_end(c, guid, &s->line, &why);
    s->line_count = 0;
    s->line_last = 0;
}

/* Kept for its token until `redeliver_ms` have passed: everybody else is told that it is
 * collected. */
static void keep_for_token(struct cluster *c, struct invocation *inv,
                           const struct arbiter_taken *t)
{
    struct extra *x = store_extra(c, inv);
    if (x == NULL) {
        store_end(c, inv, INVOCATION_COLLECTED);
        return;
    }
    struct arbiter_claim claim = {
        .counter = t->counter, .node = t->node, .purpose = CLAIM_COLLECT, .token = t->token};
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX; i++) {
        if (inv_has_seat(inv, i)) {
            keep_seat_for_token(c, &inv->guid, &x->seats[i], &claim);
        }
    }
    inv->is_bound = 1;
    uint64_t until = c->now_ms + t->redeliver_ms;
    if (until < store_deadline_ms(c, inv)) {
        store_set_deadline(c, inv, until);
    }
    struct guid guid = inv->guid;
    claims_on_bound(c, &guid, &t->token);
}

bool arbiter_tell_bound(struct cluster *c, const struct invocation *inv, uint16_t to)
{
    uint32_t holder = 0;
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX && inv->extra != 0; i++) {
        uint32_t first = extra_at(c, inv->extra)->seats[i].holders;
        holder = first == 0 ? holder : first;
    }
    uint64_t until_ms = store_deadline_ms(c, inv);
    if (holder == 0 || until_ms <= c->now_ms) {
        return true; /* no vote of this node was taken, or none is any more */
    }
    uint64_t left_ms = until_ms - c->now_ms;
    struct msg_taken_item *item = effects_scratch(&c->effects, sizeof *item);
    if (item == NULL) {
        return false;
    }
    *item = (struct msg_taken_item){
        .guid = inv->guid,
        .no = {.node = c->config.node_id},
        .state = INVOCATION_COLLECTED,
        .webhook = inv->webhook,
        .token = place_at(c, holder)->token,
        .redeliver_ms = (uint32_t)(left_ms < UINT32_MAX ? left_ms : UINT32_MAX)};
    struct msg m = {.kind = MSG_TAKEN, .taken = {.count = 1, .at = item}};
    return send_control(c, to, &m) && send_bulk(c, to, &m);
}

/* Who took it need not be told so. */
static void forget_taker(struct cluster *c, const struct invocation *inv,
                         const struct arbiter_taken *t)
{
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX && inv->extra != 0; i++) {
        places_give_back(c, &extra_at(c, inv->extra)->seats[i], t->node, t->counter);
    }
}

void arbiter_taken(struct cluster *c, struct invocation *inv, const struct arbiter_taken *t)
{
    if (inv->is_over) {
        return;
    }
    if (t->webhook == WEBHOOK_DELIVERED || t->webhook == WEBHOOK_FAILED) {
        inv->webhook = t->webhook & 3u; /* who collects may still believe that it is pending */
    }
    if (has_token(&t->token) && t->redeliver_ms > 0) {
        if (!inv->is_bound) {
            keep_for_token(c, inv, t);
        }
        return;
    }
    forget_taker(c, inv, t);
    /* What runs here ends at once; TAKEN may also come before the callback. */
    bool may_wait = t->end == INVOCATION_CANCELED ? !inv->is_known : inv_is_ready(inv);
    if (may_wait && !publish_is_owner(c, inv)) {
        store_hold_over(c, inv, t->end);
    } else {
        store_end(c, inv, t->end);
    }
}

/* --- the end ---------------------------------------------------------------------------------
 */

/* The votes of those seats (bits) are nobody's any more, and nobody waits for them. NULL `why`:
 * nobody is told. */
static void end_seats(struct cluster *c, struct invocation *inv, uint32_t seats,
                      const enum msg_deny_why *why)
{
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX && inv->extra != 0; i++) {
        struct seat *s = &extra_at(c, inv->extra)->seats[i];
        if ((seats >> i & 1u) != 0) {
            chain_end(c, &inv->guid, &s->holders, why);
            chain_end(c, &inv->guid, &s->line, why);
            *s = (struct seat){0};
        }
    }
}

void arbiter_vacate(struct cluster *c, struct invocation *inv, uint32_t seats)
{
    static const enum msg_deny_why why = DENY_FULL;
    end_seats(c, inv, seats, &why);
}

void arbiter_end(struct cluster *c, struct invocation *inv, enum invocation_state end)
{
    enum msg_deny_why why = why_of(end);
    end_seats(c, inv, ALL_SEATS, &why);
}

void arbiter_forget(struct cluster *c, struct invocation *inv)
{
    end_seats(c, inv, ALL_SEATS, NULL);
}

/* --- leaving -------------------------------------------------------------------------------
 */

static bool put_place(struct cluster *c, const struct guid *guid, struct extra *x,
                      const struct msg_place *from)
{
    struct seat *s = &x->seats[from->seat];
    struct place place = {.counter = from->no.counter,
                          .token = from->token,
                          .node = nodes_take(&c->nodes, &from->no.node),
                          .purpose = from->purpose};
    bool ok = place.node != 0 &&
              (from->waits ? places_line_up(c, s, &place) : places_hold(c, s, &place));
    if (!ok && from->waits && place.node != 0) {
        tell_denied(c, guid, place.node, place.counter, DENY_FULL); /* it asks again */
        ok = true;
    }
    nodes_drop(&c->nodes, place.node);
    return ok;
}

bool arbiter_inherit(struct cluster *c, struct invocation *inv, const struct msg_seat *m)
{
    uint32_t news = m->seats & ~(uint32_t)inv->seats;
    struct extra *x = m->count == 0 ? NULL : store_extra(c, inv);
    bool ok = m->count == 0 || x != NULL;
    for (uint32_t i = 0; i < m->count && ok; i++) {
        ok = (news >> m->at[i].seat & 1u) == 0 || put_place(c, &inv->guid, x, &m->at[i]);
    }
    if (ok) {
        inv->seats = (inv->seats | news) & 7u;
        c->is_heir = true;
        return true;
    }
    end_seats(c, inv, news, NULL);
    store_trim(c, inv);
    return false;
}

void arbiter_resume(struct cluster *c, const struct guid *guid, uint32_t promised)
{
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX; i++) {
        struct invocation *inv = store_find(c, guid); /* the last grant may have ended it */
        if (inv == NULL || inv->extra == 0) {
            return;
        }
        if ((promised >> i & 1u) != 0 && inv_is_ready(inv) &&
            extra_at(c, inv->extra)->seats[i].holders != 0) {
            seat_ready(c, inv, i);
        } else {
            pass_on(c, inv, i);
        }
    }
}

/* --- messages -------------------------------------------------------------------------------
 */

static enum msg_deny_why why_not_here(const struct cluster *c, const struct msg_claim *m)
{
    uint16_t tenant = names_find_tenant(&c->names, m->tenant);
    const struct tomb *t = store_tomb_of(c, &m->guid, tenant);
    return t == NULL ? DENY_UNKNOWN : why_of((enum invocation_state)t->state);
}

/* The seat that is meant by a claim that names none: this node's, as an arbiter. */
static uint32_t own_seat(const struct invocation *inv)
{
    uint32_t i = 0;
    while (i + 1 < inv->arbiter_count && inv_arbiter(inv, i) != SELF) {
        i++;
    }
    return i;
}

static void answer_claim(struct cluster *c, struct invocation *inv,
                         const struct arbiter_claim *claim)
{
    static const enum msg_deny_why why[] = {
        [ARBITER_HELD] = DENY_HELD,           [ARBITER_FULL] = DENY_FULL,
        [ARBITER_COLLECTED] = DENY_COLLECTED, [ARBITER_EXPIRED] = DENY_EXPIRED,
        [ARBITER_CANCELED] = DENY_CANCELED,   [ARBITER_UNBOUND] = DENY_UNBOUND,
    };
    struct guid guid = inv->guid;
    struct place place = place_of(claim);
    enum arbiter_answer answer = arbiter_claim(c, inv, claim);
    if (answer == ARBITER_GRANTED) {
        tell_granted(c, inv, &place);
    } else {
        tell_denied(c, &guid, claim->node, claim->counter, why[answer]);
    }
}

void arbiter_on_claim(struct cluster *c, uint16_t from, const struct msg_claim *m)
{
    struct invocation *inv = store_find(c, &m->guid);
    bool is_known = inv != NULL && inv_is_of(c, inv, names_find_tenant(&c->names, m->tenant));
    if (!is_known || (!inv_is_arbiter(inv, SELF) && m->seat == 0)) {
        tell_denied(c, &m->guid, from, m->no.counter, why_not_here(c, m)); /* A3 */
        return;
    }
    const struct member *asker = members_of_node(c, from);
    if (terms_of(c, inv) > 0 && (asker == NULL || !asker->takes_terms)) {
        tell_denied(c, &m->guid, from, m->no.counter,
                    DENY_FULL); /* it would count it wrongly */
        return;
    }
    uint32_t seat = m->seat == 0 ? own_seat(inv) : m->seat - 1u;
    if (!inv_has_seat(inv, seat)) {
        if (!handoff_claim(c, m, seat)) { /* a seat that will come, or was lost */
            tell_denied(c, &m->guid, from, m->no.counter, DENY_FULL);
        }
        return;
    }
    struct arbiter_claim claim = {.counter = m->no.counter,
                                  .node = nodes_take(&c->nodes, &m->no.node),
                                  .seat = (uint8_t)seat,
                                  .purpose = m->purpose,
                                  .token = m->token};
    if (claim.node != 0) {
        answer_claim(c, inv, &claim);
        nodes_drop(&c->nodes, claim.node);
    }
}

void arbiter_on_release(struct cluster *c, uint16_t from, const struct msg_release *m)
{
    (void)from; /* it may have come by the one who had the seat before */
    struct invocation *inv = store_find(c, &m->guid);
    uint16_t node = nodes_find(&c->nodes, &m->no.node);
    if (inv != NULL && node != 0) {
        arbiter_release(c, inv, node, m->no.counter);
    }
}

static void on_taken_item(struct cluster *c, uint16_t from, const struct msg_taken_item *item,
                          uint64_t aged_ms)
{
    struct msg_taken_item left = *item;
    left.redeliver_ms = outbox_redeliver_left(item->redeliver_ms, aged_ms);
    handoff_taken(c, &left);
    struct invocation *inv = store_find(c, &item->guid);
    if (inv == NULL) {
        return;
    }
    uint16_t node = nodes_find(&c->nodes, &item->no.node);
    struct arbiter_taken t = {.counter = item->no.counter,
                              .node = node == 0 ? from : node,
                              .end = item->state == INVOCATION_CANCELED ? INVOCATION_CANCELED
                                                                        : INVOCATION_COLLECTED,
                              .webhook = (enum webhook_state)(item->webhook & 3),
                              .token = item->token,
                              .redeliver_ms = left.redeliver_ms};
    arbiter_taken(c, inv, &t);
}

void arbiter_on_taken(struct cluster *c, uint16_t from, const struct msg_taken *m,
                      uint64_t aged_ms)
{
    for (uint32_t i = 0; i < m->count; i++) {
        on_taken_item(c, from, &m->at[i], aged_ms);
    }
}
