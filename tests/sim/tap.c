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

static struct tap_vote *vote_of(struct tap *t, uint32_t arbiter)
{
    struct tap_vote *free_vote = NULL;
    for (uint32_t i = 0; i < VOTES_MAX; i++) {
        if (t->votes[i].arbiter == arbiter) {
            return &t->votes[i];
        }
        if (t->votes[i].arbiter == 0 && free_vote == NULL) {
            free_vote = &t->votes[i];
        }
    }
    if (free_vote != NULL) {
        *free_vote = (struct tap_vote){.arbiter = arbiter};
    }
    return free_vote;
}

static struct tap_claim claim_of(const struct tap *t, const struct msg_claim_no *no)
{
    for (uint32_t i = 0; i < CLAIMS_MAX; i++) {
        if (same_no(&t->claims[i].no, no)) {
            return t->claims[i];
        }
    }
    return (struct tap_claim){.purpose = CLAIM_COLLECT};
}

/* Before the callback is ready it is a promise, unless it is there to cancel. */
static bool is_vote(const struct record *r, const struct msg_grant *g)
{
    return g->ready || (r->tap != NULL && claim_of(r->tap, &g->no).purpose == CLAIM_CANCEL);
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

static void learn_claim(struct sim *s, const struct msg_claim *c)
{
    struct record *r = truth_find(s, &c->guid);
    if (r != NULL) {
        struct tap *t = tap_of(r);
        t->claims[t->claim_count++ % CLAIMS_MAX] =
            (struct tap_claim){.no = c->no, .token = c->token, .purpose = c->purpose};
    }
}

/* --- votes -----------------------------------------------------------------------------------
 */

/* S4: none -> n, n -> n, or after RELEASE n; a token's vote may move within the token. */
static void vote_given(struct host *arbiter, const struct msg_grant *g)
{
    struct record *r = truth_find(arbiter->sim, &g->guid);
    struct tap_vote *v = r == NULL ? NULL : vote_of(tap_of(r), arbiter->incarnation);
    if (v == NULL || !is_vote(r, g)) {
        return;
    }
    struct guid token = claim_of(r->tap, &g->no).token;
    bool held = v->no.counter != 0 && !same_no(&v->no, &g->no);
    bool within_token = !is_zero(&token) && guid_equal(&token, &v->token);
    if (held && !within_token) {
        sim_fail(arbiter->sim, "S4", "node %u gave its vote on inv %u away while it was held",
                 arbiter->slot, r->inv);
    }
    v->no = g->no;
    v->token = token;
}

static void vote_returned(struct host *arbiter, const struct msg_release *m)
{
    struct record *r = truth_find(arbiter->sim, &m->guid);
    struct tap_vote *v = r == NULL ? NULL : vote_of(tap_of(r), arbiter->incarnation);
    if (v != NULL && same_no(&v->no, &m->no)) {
        v->no = (struct msg_claim_no){.counter = 0};
        v->token = (struct guid){{0}};
    }
}

/* Who finished has it for good: a vote that another still holds here is worth nothing. */
static void vote_settled(struct host *arbiter, const struct msg_taken *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        struct record *r = truth_find(arbiter->sim, &m->at[i].guid);
        struct tap_vote *v = r == NULL ? NULL : vote_of(tap_of(r), arbiter->incarnation);
        if (v != NULL) {
            v->no = (struct msg_claim_no){.counter = 0};
        }
    }
}

static void grant_arrived(struct host *claimer, uint32_t arbiter, const struct msg_grant *g)
{
    struct record *r = truth_find(claimer->sim, &g->guid);
    if (r == NULL || !is_vote(r, g)) {
        return;
    }
    struct tap *t = tap_of(r);
    for (uint32_t i = 0; i < t->grant_count; i++) {
        if (t->grants[i].arbiter == arbiter && same_no(&t->grants[i].no, &g->no)) {
            return;
        }
    }
    struct tap_grant *to = &t->grants[t->grant_count % GRANTS_MAX];
    t->grant_count += t->grant_count < GRANTS_MAX;
    *to = (struct tap_grant){arbiter, claimer->incarnation, g->no};
}

static void grant_returned(struct host *claimer, uint32_t arbiter, const struct msg_release *m)
{
    struct record *r = truth_find(claimer->sim, &m->guid);
    struct tap *t = r == NULL ? NULL : tap_of(r);
    for (uint32_t i = 0; t != NULL && i < t->grant_count; i++) {
        if (t->grants[i].arbiter == arbiter && same_no(&t->grants[i].no, &m->no)) {
            t->grants[i] = t->grants[--t->grant_count];
            i--;
        }
    }
}

uint32_t tap_grants_of(const struct record *r, uint32_t claimer)
{
    uint32_t n = 0;
    for (uint32_t i = 0; r->tap != NULL && i < r->tap->grant_count; i++) {
        bool first = r->tap->grants[i].claimer == claimer;
        for (uint32_t j = 0; first && j < i; j++) {
            first = r->tap->grants[j].claimer != claimer ||
                    r->tap->grants[j].arbiter != r->tap->grants[i].arbiter;
        }
        n += first;
    }
    return n;
}

static void forget_arbiter(struct tap *t, uint32_t incarnation)
{
    for (uint32_t v = 0; v < VOTES_MAX; v++) {
        if (t->votes[v].arbiter == incarnation) {
            t->votes[v] = (struct tap_vote){.arbiter = 0};
        }
    }
}

void tap_forget(struct sim *s, uint32_t incarnation)
{
    for (uint32_t i = s->first_record; i < s->record_count; i++) {
        if (s->records[i].tap != NULL) {
            forget_arbiter(s->records[i].tap, incarnation);
        }
    }
}

/* --- all messages ---------------------------------------------------------------------- */

void tap_sent(struct host *from, uint32_t to_incarnation, const struct msg *m)
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
        grant_returned(from, to_incarnation, &m->release);
        break;
    case MSG_CLAIM:
        learn_claim(from->sim, &m->claim);
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
        grant_arrived(to, from_incarnation, &m->grant);
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
