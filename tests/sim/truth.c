#include "truth.h"

#include "host.h"
#include "tap.h"

#include <assert.h>
#include <stdlib.h>

/* --- records --------------------------------------------------------------------------- */

struct record *truth_find(struct sim *s, const struct guid *guid)
{
    uint32_t n;
    memcpy(&n, guid->at, sizeof n);
    if (n >= s->record_count || !guid_equal(&s->records[n].guid, guid)) {
        return NULL;
    }
    return &s->records[n];
}

struct record *truth_of_inv(struct sim *s, uint32_t inv)
{
    return inv < s->inv_room && s->record_of_inv[inv] != NO_RECORD
               ? &s->records[s->record_of_inv[inv]]
               : NULL;
}

static void index_inv(struct sim *s, uint32_t inv, uint32_t record)
{
    if (inv >= s->inv_room) {
        uint32_t room = inv + 64 > s->inv_room * 2 ? inv + 64 : s->inv_room * 2;
        s->record_of_inv = realloc(s->record_of_inv, room * sizeof *s->record_of_inv);
        assert(s->record_of_inv != NULL);
        for (uint32_t i = s->inv_room; i < room; i++) {
            s->record_of_inv[i] = NO_RECORD;
        }
        s->inv_room = room;
    }
    s->record_of_inv[inv] = record;
}

struct record *truth_add(struct sim *s, uint32_t inv)
{
    if (s->record_count == s->record_room) {
        s->record_room = s->record_room == 0 ? 64 : s->record_room * 2;
        s->records = realloc(s->records, s->record_room * sizeof *s->records);
        assert(s->records != NULL);
    }
    struct record *r = &s->records[s->record_count];
    memset(r, 0, sizeof *r);
    r->inv = inv;
    r->first_waiting = NO_ASK;
    if (inv != NO_RECORD) {
        index_inv(s, inv, s->record_count);
    }
    s->record_count++;
    return r;
}

#define STATUS_NODE_LOST                                                                       \
    502 /* of a callback that the cluster itself makes; functions say 500 */

/* --- executions ------------------------------------------------------------------------ */

void truth_check_start(struct sim *s, const struct record *r, uint32_t attempt)
{
    uint32_t own_retry = r->flags & POST_RETRY ? 1 : 0;
    uint32_t allowed = ATTEMPTS_MAX * (1 + own_retry);
    if (!s->history.disturbed && r->started_count > allowed) {
        sim_fail(s, "W2", "inv %u is run for the %uth time (attempt %u)", r->inv,
                 r->started_count, attempt);
    }
}

void truth_ran(struct sim *s, struct record *r, const struct host *h, uint32_t attempt)
{
    if (r->run_count < RUNS_MAX) {
        r->runs[r->run_count++] = (struct run_note){h->incarnation, attempt, s->now_us};
    }
    r->first_done_us = r->first_done_us == 0 ? s->now_us : r->first_done_us;
    r->done_us = s->now_us;
}

/* Who takes it over may fail it though others have run it: the TTL starts again with that. */
static void note_own_failure(struct sim *s, struct record *r, const struct host *h,
                             const struct invocation_view *view)
{
    uint64_t ago_us = (host_now_ms(h) - view->completed_at_ms) * 1000;
    bool is_own = view->result_status == STATUS_NODE_LOST;
    if (is_own && ago_us < s->now_us && s->now_us - ago_us > r->done_us) {
        r->done_us = s->now_us - ago_us;
    }
}

void truth_ready(struct sim *s, struct record *r, const struct host *h,
                 const struct cluster_effect *fx)
{
    if (r->ready_us == 0) {
        r->ready_us = s->now_us;
    }
    if (r->stage == STAGE_REFUSED && !s->history.disturbed && s->history.deaths == 0) {
        sim_fail(s, "W3", "node %u: inv %u was refused, and is ready", h->slot, r->inv);
    }
    if (r->run_count == 0) {
        /* A failed callback that the cluster itself has made. */
        r->done_us = s->now_us;
        r->first_done_us = r->first_done_us == 0 ? s->now_us : r->first_done_us;
        bool is_held_over = fx->view.state == INVOCATION_CANCELED; /* its end is told next */
        if (fx->view.result_status < 500 && !is_held_over) {
            sim_fail(s, "S2", "inv %u is ready, nothing produced it", r->inv);
        }
    } else {
        note_own_failure(s, r, h, &fx->view);
    }
}

void truth_heard(struct sim *s, const struct guid *guid)
{
    struct record *r = truth_find(s, guid);
    if (r != NULL) {
        r->heard_us = s->now_us;
    }
}

/* --- what is served -------------------------------------------------------------------- */

static bool is_made(const struct record *r, const struct body_mark *m)
{
    for (uint32_t i = 0; i < r->run_count; i++) {
        if (r->runs[i].incarnation == m->incarnation && r->runs[i].attempt == m->attempt) {
            return true;
        }
    }
    return r->run_count == RUNS_MAX;
}

/* S2: a body that an executor of that GUID has produced, whole; or our own problem text. */
static void check_body(struct sim *s, const struct record *r, const struct result *result)
{
    struct bytes body = buf_view(result->body);
    struct body_mark m;
    if (result->failed && (body.size == 0 || body.at[0] == '{')) {
        return; /* the cluster's own words: attempts used up, node lost, too late */
    }
    if (body.size < sizeof m) {
        sim_fail(s, "S2", "inv %u is served with %zu bytes", r->inv, body.size);
        return;
    }
    memcpy(&m, body.at, sizeof m);
    bool whole = body.size == m.size;
    for (size_t i = sizeof m; whole && i < body.size; i++) {
        whole = body.at[i] == (uint8_t)(r->inv & 0xff);
    }
    if (!guid_equal(&m.guid, &r->guid) || !is_made(r, &m) || !whole) {
        sim_fail(s, "S2", "inv %u is served with a body that none of its executions made",
                 r->inv);
    }
}

#define DEADLINE_SLACK_US 300000u

/* S6: not after the deadline. The clocks of nodes differ by up to 2 %, and a span ages on its
 * way by as much as the delay is uncertain. A takeover starts the TTL again. */
static void check_deadline(struct sim *s, const struct record *r, const struct ask *a)
{
    uint64_t ttl_us = r->ttl_ms * 1000ull;
    uint64_t slack_us = DEADLINE_SLACK_US + ttl_us / 50 + 20 * s->net.delay_us +
                        (a->token > 0 ? s->options.redelivery_ms * 1000ull : 0);
    if (r->done_us > 0 && s->now_us > r->done_us + ttl_us + slack_us) {
        sim_fail(s, "S6", "inv %u is served %llu ms after its deadline", r->inv,
                 (unsigned long long)(s->now_us - r->done_us - ttl_us) / 1000);
    }
}

/* S5, as far as the wire shows: votes that came from others, and one of its own. */
static void check_votes(struct sim *s, const struct record *r, const struct host *h)
{
    uint32_t own = 0;
    for (uint32_t i = 0; i < r->arbiter_count; i++) {
        own |= guid_equal(&r->arbiters[i], &h->node_id) ? 1u << i : 0;
    }
    uint32_t quorum = s->options.available ? 1 : r->arbiter_count / 2 + 1;
    uint32_t votes = tap_votes_of(r, h->incarnation, own);
    if (r->arbiter_count > 0 && votes < quorum) {
        sim_fail(s, "S5", "node %u serves inv %u with %u of %u votes", h->slot, r->inv, votes,
                 r->arbiter_count);
    }
}

void truth_check_serve(struct sim *s, struct record *r, const struct ask *a,
                       const struct result *result)
{
    const struct host *h = host_at(s, a->slot);
    r->token_served = r->token_served || a->token > 0;
    r->served_us = r->served_us == 0 ? s->now_us : r->served_us;
    if (r->run_count == 0 && r->ready_us == 0 && r->stage != STAGE_ACCEPTED) {
        sim_fail(s, "S2", "inv %u is served, and was never accepted", r->inv);
    }
    check_body(s, r, result);
    check_deadline(s, r, a);
    check_votes(s, r, h);
}

static uint32_t lost_arbiters(const struct sim *s, const struct record *r)
{
    uint32_t lost = r->arbiter_count;
    for (uint32_t i = 0; i < r->arbiter_count; i++) {
        for (uint32_t slot = 0; slot < s->slot_count; slot++) {
            const struct host *h = s->hosts[slot];
            lost -= h != NULL && guid_equal(&h->node_id, &r->arbiters[i]);
        }
    }
    return lost;
}

/* May a second delivery be excused? Only in available mode, and not after any one crash (S1a).
 */
static bool may_be_twice(const struct sim *s, const struct record *r)
{
    return s->options.available && (s->history.disturbed || lost_arbiters(s, r) > 1);
}

/* A webhook is delivered at least once: who takes over when a node dies in an attempt cannot
 * know whether it has arrived. For all others its receiver is one client. */
static uint64_t claimant_of(const struct sim *s, const struct ask *a)
{
    if (a->kind == ASK_WEBHOOK) {
        return UINT64_MAX;
    }
    return a->token > 0 ? (uint64_t)a->token << 32 : (uint64_t)(a - s->asks) + 1;
}

void truth_delivered(struct sim *s, struct record *r, struct ask *a)
{
    uint64_t claimant = claimant_of(s, a);
    bool again = r->claimant == claimant;
    sim_note(s, "  inv %u is delivered to ask of token %u", r->inv, a->token);
    mark(&s->marks, again ? MARK_REDELIVERY : MARK_COLLECTED);
    if (!again && r->failed_serves > 0) {
        mark(&s->marks, MARK_SECOND_CHANCE);
    }
    bool second = (r->claimant != 0 && !again) || r->canceled_us != 0;
    if (second && may_be_twice(s, r)) {
        mark(&s->marks, MARK_DUPLICATE_COLLECTION);
    } else if (second) {
        sim_fail(s, "S1", "inv %u is delivered a second time, by node %u%s", r->inv, a->slot,
                 r->canceled_us != 0 ? ", and was canceled" : "");
    }
    r->claimant = claimant;
    r->delivered_count++;
    if (r->taken_us == 0) {
        r->taken_us = s->now_us;
        r->taker = a->incarnation;
    }
    truth_expect_gone(s, r);
}

void truth_canceled(struct sim *s, struct record *r)
{
    if (r->claimant != 0 && !may_be_twice(s, r)) {
        sim_fail(s, "S1", "inv %u was delivered, and is canceled", r->inv);
    }
    if (r->canceled_us == 0) {
        r->canceled_us = s->now_us;
        truth_expect_gone(s, r);
    }
}

/* --- endings --------------------------------------------------------------------------- */

/* The conservation law: each ending is counted once in the whole cluster. A node that is no
 * more has taken its counters with it; two sides of a partition may each count. */
void truth_counted(struct sim *s, struct record *r, const struct host *h,
                   enum invocation_state how)
{
    if (how == INVOCATION_EXPIRED) {
        mark(&s->marks, MARK_EXPIRED);
    }
    uint32_t alive = 0;
    for (uint32_t i = 0; i < r->count_count; i++) {
        alive += !s->died[r->counts[i].incarnation];
        if (r->counts[i].incarnation == h->incarnation) {
            sim_fail(s, "C", "node %u counts inv %u twice", h->slot, r->inv);
        }
    }
    if (alive > 0 && !s->history.disturbed && !s->options.available) {
        sim_fail(s, "C", "two nodes have counted the end of inv %u", r->inv);
    }
    if (how == INVOCATION_COLLECTED && !truth_may_be_collected(r)) {
        sim_fail(s, "C", "inv %u is counted as collected, and nobody has it", r->inv);
    }
    if (r->count_count < COUNTS_MAX) {
        r->counts[r->count_count++] = (struct count_note){h->incarnation, how};
    }
}

void truth_check_balance(struct sim *s, const struct host *h)
{
    struct cluster_here here = cluster_here(h->cluster, bytes_text("score"));
    uint64_t came = h->accepted + h->adopted;
    uint64_t left = h->counted + h->dropped + here.pending + here.ready;
    if (came != left) {
        sim_fail(s, "C",
                 "node %u accepted %llu and adopted %llu; counted %llu, dropped %llu, here %u "
                 "and %u",
                 h->slot, (unsigned long long)h->accepted, (unsigned long long)h->adopted,
                 (unsigned long long)h->counted, (unsigned long long)h->dropped, here.pending,
                 here.ready);
    }
}

#define CALM_US 4000000u /* who has died is known to be dead by then */

bool truth_only_drained(const struct sim *s, const struct record *r)
{
    bool was_calm = s->history.losses == 0 || r->accepted_us > s->history.lossy_us + CALM_US;
    return r->losses_at_accept == s->history.losses && was_calm && !s->history.disturbed &&
           !s->options.available && s->options.budget_kib > SMALL_BUDGET_KIB;
}

bool truth_has_holder(const struct sim *s, const struct record *r)
{
    bool any = !s->died[r->home_incarnation];
    for (uint32_t i = 0; i < r->holder_count; i++) {
        any = any || !s->died[r->holders[i]];
    }
    return any;
}

/* Who is gone, or was called dead for good, stays so. Another DEAD may be a mistake: who was
 * only out of reach comes back. */
void truth_check_member(struct sim *s, struct host *h, const struct guid *node, int state,
                        bool final)
{
    for (uint32_t i = 0; i < h->dead_count; i++) {
        if (guid_equal(&h->dead[i], node) && state != MEMBER_DEAD) {
            sim_fail(s, "V1", "node %u revives a dead one", h->slot);
        }
    }
    if (state == MEMBER_DEAD && (final || truth_member(s, node) == NULL)) {
        h->dead = realloc(h->dead, (h->dead_count + 1) * sizeof *h->dead);
        assert(h->dead != NULL);
        h->dead[h->dead_count++] = *node;
    }
}
