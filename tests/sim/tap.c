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

/* NULL: there have been too many to look at all. */
static struct tap_term *term_of(struct tap *t, const struct msg_term *is)
{
    if (is->number == 0) {
        return &t->terms[0];
    }
    for (uint32_t i = 1; i <= t->term_count; i++) {
        const struct msg_term *have = &t->terms[i].is;
        if (have->number == is->number &&
            memcmp(have->voters, is->voters, sizeof have->voters) == 0) {
            return &t->terms[i];
        }
    }
    if (t->term_count + 1 == TERMS_MAX) {
        return NULL;
    }
    t->terms[++t->term_count].is = *is;
    return &t->terms[t->term_count];
}

/* Before the callback is ready it is a promise, unless it is there to cancel. */
static bool is_vote(const struct tap_claim *claim, const struct msg_grant *g)
{
    return claim != NULL && (g->ready || claim->purpose == CLAIM_CANCEL);
}

#define VOTES_MAX (TERMS_MAX * MSG_ARBITERS_MAX)

static struct tap_vote *vote_at(struct tap *t, uint32_t n)
{
    return &t->terms[n / MSG_ARBITERS_MAX].votes[n % MSG_ARBITERS_MAX];
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
        r->seq = e->seq;
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
    struct tap_term *t = term_of(r->tap, &g->term);
    if (t == NULL) {
        return;
    }
    struct tap_vote *v = &t->votes[claim->seat];
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
    for (uint32_t i = 0; i < VOTES_MAX && r != NULL; i++) {
        struct tap_vote *v = vote_at(tap_of(r), i);
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
            truth_end_heard(r, arbiter);
        }
        for (uint32_t n = 0; n < VOTES_MAX && r != NULL; n++) {
            struct tap_vote *v = vote_at(tap_of(r), n);
            bool is_its =
                v->voter == 0 || v->voter == arbiter->incarnation || v->voter == VOTER_NONE;
            v->no.counter = is_its ? 0 : v->no.counter;
        }
    }
}

static void end_arrived(struct host *h, const struct msg_deleted *m)
{
    struct sim *s = h->sim;
    for (uint32_t n = s->first_record; n < s->record_count; n++) {
        struct record *r = &s->records[n];
        bool is_its = r->arbiter_count > 0 && guid_equal(&r->arbiters[0], &m->origin);
        for (uint32_t i = 0; i < m->count && is_its; i++) {
            if (m->seqs[i] == r->seq) {
                truth_end_heard(r, h);
            }
        }
    }
}

/* Its own votes, too, when it is one of the arbiters. */
static void own_vote_settled(struct host *taker, const struct msg_taken *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        struct record *r = truth_find(taker->sim, &m->at[i].guid);
        for (uint32_t n = 0; n < VOTES_MAX && r != NULL; n++) {
            struct tap_vote *v = vote_at(tap_of(r), n);
            v->no.counter = v->voter == taker->incarnation ? 0 : v->no.counter;
        }
    }
}

/* In the term of the last SEAT that said so. */
static void seats_moved(struct sim *s, const struct guid *guid, uint32_t seats, uint32_t voter)
{
    struct record *r = truth_find(s, guid);
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX && r != NULL; i++) {
        if ((seats >> i & 1u) != 0) {
            tap_of(r)->terms[tap_of(r)->given_term].votes[i].voter = voter;
        }
    }
}

/* Who says so has those seats in that term; nobody else did, and nobody else will. */
static void seats_told(struct host *voter, const struct msg_turn *m)
{
    struct record *r = truth_find(voter->sim, &m->guid);
    bool says = m->what == TURN_MOVED || m->what == TURN_CHOSEN || m->what == TURN_TAKEN;
    struct tap_term *t = r == NULL || !says ? NULL : term_of(tap_of(r), &m->term);
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX && t != NULL; i++) {
        struct tap_vote *v = &t->votes[i];
        if ((m->seats >> i & 1u) == 0 || v->voter == voter->incarnation) {
            continue;
        }
        if (v->voter != 0) {
            sim_fail(voter->sim, "S4", "node %u says that it has another's seat of inv %u",
                     voter->slot, r->inv);
        }
        v->voter = voter->incarnation;
    }
}

static bool tells_of(const struct msg_seat *m, const struct msg_claim_no *no)
{
    bool tells = false;
    for (uint32_t i = 0; i < m->count; i++) {
        tells = tells || same_no(&m->at[i].no, no);
    }
    return tells;
}

/* Sent again, it may find the heir voting already. What the leaver had of its own votes and
 * does not tell of, it has given back to itself. */
static void seats_left(const struct host *leaver, const struct msg_seat *m)
{
    struct record *r = truth_find(leaver->sim, &m->guid);
    struct tap_term *t = r == NULL ? NULL : term_of(tap_of(r), &m->term);
    if (t != NULL) {
        r->tap->given_term = (uint32_t)(t - r->tap->terms);
    }
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX && t != NULL; i++) {
        struct tap_vote *v = &t->votes[i];
        bool is_left =
            (m->seats >> i & 1u) != 0 && (v->voter == 0 || v->voter == leaver->incarnation);
        bool is_own = guid_equal(&v->no.node, &leaver->node_id);
        if (is_left && is_own && !tells_of(m, &v->no)) {
            v->no = (struct msg_claim_no){.counter = 0};
        }
        v->voter = is_left ? VOTER_NONE : v->voter;
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
    const struct tap_term *t = term_of(r->tap, &g->term);
    if (t != NULL) {
        uint32_t term = (uint32_t)(t - r->tap->terms);
        note_grant(r->tap, &(struct tap_grant){claimer->incarnation, term, claim->seat, g->no});
    }
}

/* A vote for a claim of the leaver's own goes with the seat, and was on no wire before. */
static void own_votes_given(struct host *leaver, const struct msg_seat *m)
{
    struct record *r = truth_find(leaver->sim, &m->guid);
    for (uint32_t i = 0; i < m->count && r != NULL; i++) {
        const struct msg_place *p = &m->at[i];
        bool own = guid_equal(&p->no.node, &leaver->node_id) && !p->waits;
        if (own && (m->ready || p->purpose == CLAIM_CANCEL)) {
            uint32_t term = tap_of(r)->given_term;
            note_grant(r->tap, &(struct tap_grant){leaver->incarnation, term, p->seat, p->no});
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

static uint32_t seats_in(const struct tap *tap, uint32_t term, uint32_t claimer)
{
    uint32_t seats = 0;
    for (uint32_t i = 0; i < tap->grant_count; i++) {
        const struct tap_grant *g = &tap->grants[i];
        seats |= g->claimer == claimer && g->term == term ? 1u << g->seat : 0;
    }
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX; i++) {
        seats |= tap->terms[term].votes[i].voter == claimer ? 1u << i : 0;
    }
    return seats;
}

uint32_t tap_votes_of(const struct record *r, uint32_t claimer, uint32_t own)
{
    uint32_t most = (uint32_t)__builtin_popcount(own);
    for (uint32_t t = 0; r->tap != NULL && t <= r->tap->term_count; t++) {
        uint32_t seats = seats_in(r->tap, t, claimer) | (t == 0 ? own : 0);
        uint32_t votes = (uint32_t)__builtin_popcount(seats);
        most = votes > most ? votes : most;
    }
    return most;
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
        seats_left(from, &m->seat);
        own_votes_given(from, &m->seat);
        break;
    case MSG_TURN:
        seats_told(from, &m->turn);
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
    case MSG_DELETE:
        end_arrived(to, &m->deleted);
        break;
    default:
        break;
    }
}
