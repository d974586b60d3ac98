#include "tap.h"

#include "host.h"

#include <assert.h>
#include <stdlib.h>

static bool same_no(const struct msg_claim_no *a, const struct msg_claim_no *b)
{
    return a->counter == b->counter && guid_equal(&a->node, &b->node);
}

static bool is_zero(const struct guid *g)
{
    static const struct guid zero;
    return guid_equal(g, &zero);
}

static struct tap *tap_of(struct record *r)
{
    if (r->tap == NULL) {
        r->tap = calloc(1, sizeof *r->tap);
        assert(r->tap != NULL);
    }
    return r->tap;
}

static const struct tap_claim *claim_of(const struct tap *t, const struct msg_claim_no *no)
{
    for (uint32_t i = 0; i < CLAIMS_MAX; i++) {
        if (same_no(&t->claims[i].no, no)) {
            return &t->claims[i];
        }
    }
    return NULL;
}

/* Before the callback is ready it is a promise, unless it is there to cancel. */
static bool is_vote(const struct tap_claim *claim, const struct msg_grant *g)
{
    return claim != NULL && (g->ready || claim->purpose == CLAIM_CANCEL);
}

/* --- what is learned ------------------------------------------------------------------------
 */

static void learn_arbiters(struct sim *s, const struct msg_entry *e)
{
    struct record *r = truth_find(s, &e->guid);
    if (r == NULL) {
        return;
    }
    if (r->arbiter_count == 0) {
        r->arbiter_count = e->arbiter_count;
        memcpy(r->arbiters, e->arbiters, e->arbiter_count * sizeof e->arbiters[0]);
        return;
    }
    bool same = r->arbiter_count == e->arbiter_count &&
                memcmp(r->arbiters, e->arbiters, e->arbiter_count * sizeof e->arbiters[0]) == 0;
    if (!same) {
        sim_fail(s, "A", "the arbiters of inv %u are not the same in all messages", r->inv);
    }
}

static void learn_holder(struct sim *s, uint32_t from, const struct msg_ack *ack)
{
    struct record *r = truth_find(s, &ack->guid);
    if (r != NULL && ack->attempt == 0 && r->stage == STAGE_ASKED &&
        r->holder_count < HOLDERS_MAX) {
        r->holders[r->holder_count++] = from;
    }
}

static void learn_claim(struct record *r, const struct tap_claim *claim)
{
    if (r != NULL && claim_of(tap_of(r), &claim->no) == NULL) {
        struct tap *t = tap_of(r);
        t->claims[t->claim_count++ % CLAIMS_MAX] = *claim;
    }
}

static void learn_asked(struct sim *s, const struct msg_claim *c)
{
    struct tap_claim claim = {
        .no = c->no, .token = c->token, .seat = c->seat - 1u, .purpose = c->purpose};
    if (c->seat > 0) {
        learn_claim(truth_find(s, &c->guid), &claim);
    }
}

/* The leaver's own claims were never on the wire before. */
static void learn_places(struct sim *s, const struct msg_seat *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        const struct msg_place *p = &m->at[i];
        struct tap_claim claim = {
            .no = p->no, .token = p->token, .seat = p->seat, .purpose = p->purpose};
        learn_claim(truth_find(s, &m->guid), &claim);
    }
}

/* --- votes -----------------------------------------------------------------------------------
 */

/* S4: none -> n, n -> n, or after RELEASE n; a token's vote may move within the token. And it
 * is given by one node only: who has given the seat away has no vote any more. */
static void vote_given(struct host *arbiter, const struct msg_grant *g)
{
    struct record *r = truth_find(arbiter->sim, &g->guid);
    const struct tap_claim *claim = r == NULL ? NULL : claim_of(tap_of(r), &g->no);
    if (!is_vote(claim, g)) {
        return;
    }
    struct tap_vote *v = &r->tap->votes[claim->seat];
    bool own = guid_equal(&v->no.node, &arbiter->node_id); /* given back without a message */
    bool held = v->no.counter != 0 && !same_no(&v->no, &g->no) && !own;
    bool within_token = !is_zero(&claim->token) && guid_equal(&claim->token, &v->token);
    if (held && !within_token) {
        sim_fail(arbiter->sim, "S4", "node %u gave its vote on inv %u away while it was held",
                 arbiter->slot, r->inv);
    }
    if (v->voter != 0 && v->voter != arbiter->incarnation) {
        sim_fail(arbiter->sim, "S4", "node %u votes on inv %u for a seat that is another's",
                 arbiter->slot, r->inv);
    }
    v->voter = arbiter->incarnation;
    v->no = g->no;
    v->token = claim->token;
}

static void vote_returned(struct host *arbiter, const struct msg_release *m)
{
    struct record *r = truth_find(arbiter->sim, &m->guid);
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX && r != NULL; i++) {
        struct tap_vote *v = &tap_of(r)->votes[i];
        if (same_no(&v->no, &m->no)) {
            v->no = (struct msg_claim_no){.counter = 0};
            v->token = (struct guid){{0}};
        }
    }
}

/* Who finished has it for good: a vote that another still holds here is worth nothing. */
static void vote_settled(struct host *arbiter, const struct msg_taken *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        struct record *r = truth_find(arbiter->sim, &m->at[i].guid);
        if (r != NULL) {
            r->taken_heard = true;
        }
        for (uint32_t n = 0; n < MSG_ARBITERS_MAX && r != NULL; n++) {
            struct tap_vote *v = &tap_of(r)->votes[n];
            bool is_its =
                v->voter == 0 || v->voter == arbiter->incarnation || v->voter == VOTER_NONE;
            v->no.counter = is_its ? 0 : v->no.counter;
        }
    }
}

/* Its own votes, too, when it is one of the arbiters. */
static void own_vote_settled(struct host *taker, const struct msg_taken *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        struct record *r = truth_find(taker->sim, &m->at[i].guid);
        for (uint32_t n = 0; n < MSG_ARBITERS_MAX && r != NULL; n++) {
            struct tap_vote *v = &tap_of(r)->votes[n];
            v->no.counter = v->voter == taker->incarnation ? 0 : v->no.counter;
        }
    }
}

static void seats_moved(struct sim *s, const struct guid *guid, uint32_t seats, uint32_t voter)
{
    struct record *r = truth_find(s, guid);
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX && r != NULL; i++) {
        if ((seats >> i & 1u) != 0) {
            tap_of(r)->votes[i].voter = voter;
        }
    }
}

/* Sent again, it may find the heir voting already. */
static void seats_left(struct sim *s, uint32_t leaver, const struct msg_seat *m)
{
    struct record *r = truth_find(s, &m->guid);
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX && r != NULL; i++) {
        struct tap_vote *v = &tap_of(r)->votes[i];
        if ((m->seats >> i & 1u) != 0 && (v->voter == 0 || v->voter == leaver)) {
            v->voter = VOTER_NONE;
        }
    }
}

static void note_grant(struct tap *t, const struct tap_grant *grant)
{
    for (uint32_t i = 0; i < t->grant_count; i++) {
        if (same_no(&t->grants[i].no, &grant->no)) {
            return;
        }
    }
    t->grants[t->grant_count % GRANTS_MAX] = *grant;
    t->grant_count += t->grant_count < GRANTS_MAX;
}

static void grant_arrived(struct host *claimer, const struct msg_grant *g)
{
    struct record *r = truth_find(claimer->sim, &g->guid);
    const struct tap_claim *claim = r == NULL ? NULL : claim_of(tap_of(r), &g->no);
    if (!is_vote(claim, g)) {
        return;
    }
    note_grant(r->tap, &(struct tap_grant){claimer->incarnation, claim->seat, g->no});
}

/* A vote for a claim of the leaver's own goes with the seat, and was on no wire before. */
static void own_votes_given(struct host *leaver, const struct msg_seat *m)
{
    struct record *r = truth_find(leaver->sim, &m->guid);
    for (uint32_t i = 0; i < m->count && r != NULL; i++) {
        const struct msg_place *p = &m->at[i];
        bool own = guid_equal(&p->no.node, &leaver->node_id) && !p->waits;
        if (own && (m->ready || p->purpose == CLAIM_CANCEL)) {
            note_grant(tap_of(r), &(struct tap_grant){leaver->incarnation, p->seat, p->no});
        }
    }
}

static void grant_returned(struct host *claimer, const struct msg_release *m)
{
    struct record *r = truth_find(claimer->sim, &m->guid);
    struct tap *t = r == NULL ? NULL : tap_of(r);
    for (uint32_t i = 0; t != NULL && i < t->grant_count; i++) {
        if (same_no(&t->grants[i].no, &m->no)) {
            t->grants[i] = t->grants[--t->grant_count];
            i--;
        }
    }
}

uint32_t tap_seats_of(const struct record *r, uint32_t claimer)
{
    uint32_t seats = 0;
    for (uint32_t i = 0; r->tap != NULL && i < r->tap->grant_count; i++) {
        const struct tap_grant *g = &r->tap->grants[i];
        seats |= g->claimer == claimer ? 1u << g->seat : 0;
    }
    for (uint32_t i = 0; r->tap != NULL && i < MSG_ARBITERS_MAX; i++) {
        seats |= r->tap->votes[i].voter == claimer ? 1u << i : 0;
    }
    return seats;
}

/* --- all messages ---------------------------------------------------------------------- */

void tap_sent(struct host *from, const struct msg *m)
{
    switch (m->kind) {
    case MSG_ACCEPT:
        learn_arbiters(from->sim, &m->accept.entry);
        break;
    case MSG_CREATE:
        learn_arbiters(from->sim, &m->create.entry);
        break;
    case MSG_GRANT:
        vote_given(from, &m->grant);
        break;
    case MSG_RELEASE:
        grant_returned(from, &m->release);
        break;
    case MSG_CLAIM:
        learn_asked(from->sim, &m->claim);
        break;
    case MSG_TAKEN:
        own_vote_settled(from, &m->taken);
        break;
    case MSG_SEAT:
        learn_places(from->sim, &m->seat);
        seats_left(from->sim, from->incarnation, &m->seat);
        own_votes_given(from, &m->seat);
        break;
    case MSG_SEAT_ACK:
        if (m->seat_ack.why == SEAT_TAKEN) {
            seats_moved(from->sim, &m->seat_ack.guid, m->seat_ack.seats, from->incarnation);
        }
        break;
    default:
        break;
    }
}

void tap_arrives(struct host *to, uint32_t from_incarnation, const struct msg *m)
{
    switch (m->kind) {
    case MSG_ACCEPT_ACK:
        learn_holder(to->sim, from_incarnation, &m->ack);
        break;
    case MSG_GRANT:
        grant_arrived(to, &m->grant);
        break;
    case MSG_RELEASE:
        vote_returned(to, &m->release);
        break;
    case MSG_TAKEN:
        vote_settled(to, &m->taken);
        break;
    default:
        break;
    }
}
