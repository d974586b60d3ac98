/* The end of a run: everything works again, so everything must succeed; then everything has
 * ended, so nothing may be left. */
#include "host.h"

#include "cluster/links.h"

#define LIVENESS_INV   1000000u /* numbers of the posts made here */
#define COLLECT_MS     3000u
#define TTL_LEFT_MS    4000u
#define QUIET_SLACK_US 9000000u /* tombstones, digests, names */
#define SLOW_NET_US    10000u   /* beyond that copies may take longer than 250 ms */

static void check_view_of(struct sim *s, struct host *h)
{
    struct cluster_member m;
    uint32_t alive = 0, running = 0;
    for (uint32_t i = 0; cluster_member_at(h->cluster, host_now_ms(h), i, &m); i++) {
        const struct host *other = truth_member(s, &m.node_id);
        if (other != NULL && m.state == MEMBER_ALIVE) {
            alive++;
        } else if (other == NULL && m.state != MEMBER_DEAD) {
            sim_fail(s, "V1", "node %u believes in a node that is dead", h->slot);
        }
    }
    for (uint32_t i = 0; i < s->slot_count; i++) {
        running += s->hosts[i] != NULL && !s->hosts[i]->draining;
    }
    if (alive < running) {
        sim_fail(s, "V1", "node %u sees %u of %u nodes alive", h->slot, alive, running);
    }
    const char *why = "";
    if (!h->draining && !cluster_is_ready(h->cluster, &why)) {
        sim_fail(s, "L5", "node %u is not ready: %s", h->slot, why);
    }
}

/* Who had died before the home knew of it can be an arbiter all the same, and never votes. */
static bool has_majority(const struct sim *s, const struct record *r)
{
    uint32_t living = 0;
    for (uint32_t i = 0; i < r->arbiter_count; i++) {
        living += truth_member(s, &r->arbiters[i]) != NULL;
    }
    uint32_t quorum = s->options.available ? 1 : r->arbiter_count / 2 + 1;
    return r->arbiter_count == 0 || living >= quorum;
}

/* Somebody asks for it with a token: who leaves before the last byte keeps it. */
static bool may_be_kept(const struct sim *s, const struct record *r)
{
    bool may = false;
    for (uint32_t i = s->first_ask; i < s->ask_count; i++) {
        const struct ask *a = &s->asks[i];
        may = may || (a->record == (uint32_t)(r - s->records) && a->token != 0 &&
                      a->stage != ASK_DONE);
    }
    return may;
}

/* L2: ready, a majority of its arbiters lives, and nobody has died who might hold a vote for
 * ever. */
static bool must_be_collectable(const struct sim *s, const struct record *r)
{
    bool lost = r->deaths_at_accept != s->history.deaths || !has_majority(s, r);
    bool touched = r->taken_us != 0 || r->cancel_asked || r->token_served || r->release_asked ||
                   may_be_kept(s, r) || (lost && !truth_only_drained(s, r)) ||
                   (r->flags & (POST_WEBHOOK | POST_DROP_RESULT | POST_LOSS_DROP));
    uint64_t left_us = s->now_us + TTL_LEFT_MS * 1000ull;
    return r->stage == STAGE_ACCEPTED && !touched && r->first_done_us != 0 &&
           r->first_done_us + r->ttl_ms * 980ull > left_us;
}

static void collect_old(struct sim *s)
{
    for (uint32_t i = 0; i < s->record_count; i++) {
        if (must_be_collectable(s, &s->records[i])) {
            uint32_t slot = (uint32_t)rng_below(&s->rng, s->slot_count);
            struct ask *a = client_new(s, ASK_COLLECT, i, slot);
            a->wait_ms = COLLECT_MS;
            a->must_succeed = true;
            client_send(s, a);
        }
    }
}

static void post_fresh(struct sim *s)
{
    for (uint32_t i = 0; i < 2 * s->slot_count; i++) {
        uint32_t inv = LIVENESS_INV + i;
        struct plan_op post = {.op = PLAN_POST,
                               .arg = {inv, i % s->slot_count, 100, 20, 0, 4000, 0}};
        client_begin(s, &post);
        struct record *r = truth_of_inv(s, inv);
        if (r != NULL && r->stage == STAGE_ASKED) {
            uint32_t slot = (uint32_t)rng_below(&s->rng, s->slot_count);
            struct ask *a = client_new(s, ASK_COLLECT, (uint32_t)(r - s->records), slot);
            a->wait_ms = COLLECT_MS;
            a->must_succeed = true;
            a->stage = ASK_WAITS;
            r->first_waiting = (uint32_t)(a - s->asks);
        }
    }
}

void final_begin_liveness(struct sim *s)
{
    for (uint32_t i = 0; s->slot_count > 1 && i < s->slot_count; i++) {
        if (s->hosts[i] != NULL) {
            check_view_of(s, s->hosts[i]);
        }
    }
    collect_old(s);
    post_fresh(s);
}

void final_note_answer(struct sim *s, const struct ask *a, const struct cluster_effect *fx)
{
    const struct record *r = &s->records[a->record];
    bool was_late = fx->kind == CLUSTER_COLLECT_GONE && r->delivered_count > 0;
    bool is_full =
        fx->kind == CLUSTER_COLLECT_NO_QUORUM && !truth_has_room(host_at(s, a->slot), r);
    if (fx->kind != CLUSTER_COLLECT_SERVE && !was_late && !is_full) {
        sim_fail(s, "L2", "nothing is wrong, and ask %u about inv %u gets effect %u",
                 (unsigned)(a - s->asks), r->inv, (unsigned)fx->kind);
    }
}

void final_check_liveness(struct sim *s)
{
    for (uint32_t i = 0; i < 2 * s->slot_count; i++) {
        const struct record *r = truth_of_inv(s, LIVENESS_INV + i);
        bool excused = r == NULL || s->options.budget_kib <= SMALL_BUDGET_KIB ||
                       (r->stage == STAGE_REFUSED && s->net.delay_us > SLOW_NET_US);
        if (!excused && r->delivered_count != 1) {
            sim_fail(s, "L2", "nothing is wrong, and inv %u is %s", r->inv,
                     r->stage == STAGE_ACCEPTED ? "not collected" : "not accepted");
        }
    }
}

uint64_t final_quiet_span_us(const struct sim *s)
{
    uint64_t ttl_ms = 0;
    for (uint32_t i = 0; i < s->record_count; i++) {
        ttl_ms = s->records[i].ttl_ms > ttl_ms ? s->records[i].ttl_ms : ttl_ms;
    }
    return (ttl_ms + s->options.retention_ms + s->options.redelivery_ms) * 1010ull +
           QUIET_SLACK_US;
}

/* M3: no live entries, no votes, no waiting claims, no names, equal watermarks. */
static void check_empty(struct sim *s, struct host *h)
{
    struct cluster_sizes z = cluster_sizes(h->cluster);
    if (z.invocations + z.payloads + z.claims + z.votes + z.names + z.tombstones > 0) {
        sim_fail(s, "M3",
                 "node %u still has %zu invocations %zu bodies %zu claims %zu votes %zu names "
                 "%zu tombstones",
                 h->slot, z.invocations, z.payloads, z.claims, z.votes, z.names, z.tombstones);
    }
    uint64_t low = 0, high = 0;
    cluster_watermarks(h->cluster, &low, &high);
    if (low < high) {
        sim_fail(s, "M3", "node %u: watermarks %llu and %llu", h->slot, (unsigned long long)low,
                 (unsigned long long)high);
    }
    if (h->works != NULL) {
        sim_fail(s, "M3", "node %u still has work", h->slot);
    }
}

/* W1 and the conservation law: whoever was told 202 got a result, or an honest end, as long
 * as one holder of a confirmed copy never died. */
static void check_conserved(struct sim *s, const struct record *r)
{
    bool ended = r->ready_us != 0 || r->canceled_us != 0 || r->cancel_asked ||
                 r->release_asked || (r->flags & (POST_LOSS_DROP | POST_DROP_RESULT));
    if (r->stage != STAGE_ACCEPTED || (!truth_has_holder(s, r) && !truth_only_drained(s, r))) {
        return;
    }
    if (!ended) {
        sim_fail(s, "W1", "inv %u was accepted, and has no end; holders %u", r->inv,
                 r->holder_count);
    } else if (r->count_count == 0 && !(s->died[r->home_incarnation] && s->history.disturbed)) {
        /* The two sides of a partition may leave an orphan's end to each other. */
        sim_fail(s, "C", "inv %u was accepted, and its end is counted nowhere", r->inv);
    }
}

void final_check_quiet(struct sim *s)
{
    for (uint32_t i = 0; i < s->record_count; i++) {
        check_conserved(s, &s->records[i]);
    }
    for (uint32_t i = 0; i < s->slot_count; i++) {
        if (s->hosts[i] != NULL) {
            check_empty(s, s->hosts[i]);
        }
    }
}
