#include "cluster/fetch.h"

#include "cluster/answer.h"
#include "cluster/claims.h"
#include "cluster/ops.h"
#include "cluster/send.h"
#include "cluster/store.h"
#include "cluster/trust.h"
#include "cluster/view.h"
#include "cluster/votes.h"
#include "cluster/watch.h"

#include <assert.h>

enum {
    WINDOW_SIZE = 1024 * 1024, /* bytes asked for at a time */
    HEDGE_MS = 200,            /* without a chunk for so long, another source is asked */
    NOT_THERE_YET_MS = 20,
};

static void serve(struct cluster *c, struct op *op, struct result *result)
{
    assert(claims_has_quorum(c, op)); /* S5 */
    struct invocation *inv = store_find(c, &op->guid);
    if (inv != NULL && inv_is_ready(inv) && store_deadline_ms(c, inv) <= c->now_ms) {
        /* S6: a node that slept wakes to grants and bodies of long ago. This answers all. */
        result_drop(result);
        store_end(c, inv, INVOCATION_EXPIRED);
        return;
    }
    struct invocation_view view;
    if (!view_find(&view, c, &op->guid, op->tenant)) {
        view.known = true;
        view.function = names_at(&c->names, claims_watch(c, op)->function);
        view.state = result->failed ? INVOCATION_FAILED : INVOCATION_SUCCEEDED;
        view.result_status = result->status;
    }
    op->phase = OP_SERVING;
    ops_set_timer(c, op, UINT64_MAX);
    c->counters.claims_served++;
    answer_serve(c, op, result, &view);
}

static void share_result(struct result *out, const struct invocation *inv)
{
    *out = (struct result){
        .status = inv->status,
        .failed = inv->state == INVOCATION_FAILED,
        .headers = inv->headers == NULL ? NULL : buf_share(inv->headers),
        .body = inv->body == NULL ? NULL : buf_share(inv->body),
    };
}

/* True: the claim is over, or is being served. */
static bool serve_from_here(struct cluster *c, struct op *op)
{
    struct invocation *inv = store_find(c, &op->guid);
    if (inv != NULL && inv_is_ready(inv) && store_deadline_ms(c, inv) <= c->now_ms) {
        store_expire_one(c, inv); /* S6: this node may have slept while the votes were coming */
        return true;
    }
    if (inv == NULL || !inv->has_payload) {
        return false;
    }
    struct result result;
    result_drop(&op->result);
    share_result(&result, inv);
    serve(c, op, &result);
    return true;
}

/* Looks again in a while, but never after the claim's own time (L1). */
static void look_again_in(struct cluster *c, struct op *op, uint32_t span_ms)
{
    uint64_t at = c->now_ms + span_ms;
    uint64_t deadline = votes_deadline_ms(c, op);
    ops_set_timer(c, op, at < deadline ? at : deadline);
}

static void request(struct cluster *c, struct op *op)
{
    const struct watch *w = claims_watch(c, op);
    struct msg m = {.kind = MSG_PAYLOAD_REQ};
    m.payload_req.guid = op->guid;
    m.payload_req.no = (struct msg_claim_no){c->config.node_id, op->votes[op->source].counter};
    m.payload_req.offset = op->received;
    m.payload_req.size = WINDOW_SIZE;
    op->asked_to = op->received + WINDOW_SIZE;
    send_control(c, watch_voter(c, w, op->source), &m);
    look_again_in(c, op, HEDGE_MS);
}

/* The next arbiter that granted and was not tried; false: none. */
static bool choose_source(const struct cluster *c, struct op *op)
{
    const struct watch *w = claims_watch(c, op);
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < w->arbiter_count; i++) {
            const struct vote *v = &op->votes[i];
            uint16_t voter = watch_voter(c, w, i);
            bool fits = v->state == VOTE_GRANTED && voter != SELF &&
                        (op->sources_tried >> i & 1) == 0 && (pass > 0 || v->has_payload) &&
                        trust_is_reachable(c, voter);
            if (fits) {
                op->source = (uint8_t)i;
                op->sources_tried |= (uint8_t)(1u << i);
                return true;
            }
        }
    }
    return false;
}

static void start_over(struct op *op)
{
    result_drop(&op->result);
    op->result = (struct result){0};
    op->received = op->expected = 0;
    op->head_seen = false;
}

static void next_source(struct cluster *c, struct op *op)
{
    start_over(op); /* another arbiter may hold another executor's, equally valid, body */
    if (choose_source(c, op)) {
        c->counters.payload_fetches++;
        request(c, op);
    } else {
        op->sources_tried = 0; /* it is on its way to them */
        votes_ask_spared(c, op);
        look_again_in(c, op, NOT_THERE_YET_MS);
    }
}

void fetch_begin(struct cluster *c, struct op *op)
{
    if (serve_from_here(c, op)) {
        return;
    }
    op->phase = OP_FETCHING;
    op->sources_tried = 0;
    next_source(c, op);
}

void fetch_again(struct cluster *c, struct op *op)
{
    if (op->phase == OP_FETCHING && !serve_from_here(c, op)) {
        next_source(c, op);
    }
}

void fetch_on_arrived(struct cluster *c, struct op *op)
{
    if (op->phase == OP_FETCHING) {
        serve_from_here(c, op);
    }
}

static bool take_head(struct cluster *c, struct op *op, const struct msg_payload *m)
{
    if (m->total > BUF_SIZE_MAX || buf_copy(&op->result.headers, c->budget, m->headers) != 0) {
        return false;
    }
    if (m->total > 0 && buf_new(&op->result.body, c->budget, (size_t)m->total) != 0) {
        return false;
    }
    op->result.status = m->status;
    op->result.failed = m->failed;
    op->expected = (uint32_t)m->total;
    op->head_seen = true;
    return true;
}

void fetch_on_payload(struct cluster *c, uint16_t from, const struct msg_payload *m)
{
    uint16_t node;
    struct op *op = claims_by_counter(c, &m->guid, m->no.counter, &node);
    if (op == NULL || node != from || op->phase != OP_FETCHING ||
        watch_voter(c, claims_watch(c, op), op->source) != from) {
        return;
    }
    if (m->of == PAYLOAD_NONE) {
        next_source(c, op);
        return;
    }
    if (m->of != PAYLOAD_CLAIMED || m->offset != op->received) {
        return;
    }
    if (!op->head_seen && (m->offset != 0 || !take_head(c, op, m))) {
        start_over(op); /* no memory now; the timer asks again */
        return;
    }
    if (m->total != op->expected || m->chunk.size > op->expected - op->received) {
        return;
    }
    if (m->chunk.size > 0) {
        memcpy(op->result.body->data + op->received, m->chunk.at, m->chunk.size);
        op->received += (uint32_t)m->chunk.size;
    }
    if (op->received == op->expected) {
        struct result result = op->result;
        op->result = (struct result){0};
        serve(c, op, &result);
    } else if (op->received >= op->asked_to) {
        request(c, op);
    } else {
        look_again_in(c, op, HEDGE_MS);
    }
}
