#include "cluster/answer.h"

#include "cluster/send.h"
#include "cluster/store.h"
#include "cluster/trust.h"
#include "cluster/view.h"

static enum cluster_effect_kind effect_of(const struct op *op, enum answer answer)
{
    bool cancels = op->kind == CLUSTER_OP_CANCEL;
    switch (answer) {
    case ANSWER_DONE:
        return cancels ? CLUSTER_CANCEL_DONE : CLUSTER_RELEASED;
    case ANSWER_WAIT_OVER:
        return cancels ? CLUSTER_CANCEL_NO_QUORUM : CLUSTER_COLLECT_PENDING;
    case ANSWER_ENDED:
        return cancels ? CLUSTER_CANCEL_CONFLICT : CLUSTER_COLLECT_GONE;
    case ANSWER_NEVER_HEARD:
        return cancels ? CLUSTER_CANCEL_UNKNOWN : CLUSTER_COLLECT_UNKNOWN;
    default:
        return cancels ? CLUSTER_CANCEL_NO_QUORUM : CLUSTER_COLLECT_NO_QUORUM;
    }
}

static void count(struct cluster *c, const struct op *op, enum answer answer)
{
    if (op->kind != CLUSTER_OP_COLLECT) {
        return;
    }
    c->counters.claims_pending += answer == ANSWER_WAIT_OVER;
    c->counters.claims_gone += answer == ANSWER_ENDED;
    c->counters.claims_unknown += answer == ANSWER_NEVER_HEARD;
    c->counters.claims_no_quorum += answer == ANSWER_NO_QUORUM_LEFT;
}

static enum msg_answer msg_answer_of(enum answer answer)
{
    switch (answer) {
    case ANSWER_DONE:
        return ANSWER_CANCELED;
    case ANSWER_ENDED:
        return ANSWER_CONFLICT;
    case ANSWER_NEVER_HEARD:
        return ANSWER_UNKNOWN;
    default:
        return ANSWER_NO_QUORUM;
    }
}

void answer_claim(struct cluster *c, const struct op *op, enum answer answer,
                  enum invocation_state end)
{
    struct invocation_view view;
    bool known = view_find(&view, c, &op->guid, op->tenant);
    bool ended = answer == ANSWER_ENDED || answer == ANSWER_DONE;
    if (ended && !invocation_state_is_final(view.state)) {
        view.known = true;
        view.state = end;
    }
    view.client_id = effects_keep(&c->effects, view.client_id);
    count(c, op, answer);
    if (op->asker != 0) {
        struct msg m;
        const struct invocation *inv = known ? store_find(c, &op->guid) : NULL;
        answer_message(c, &m, &view, inv);
        m.status.request = op->asker_request;
        m.status.answer = (uint8_t)msg_answer_of(answer);
        send_control(c, op->asker, &m);
        return;
    }
    struct cluster_effect *e = effects_add(&c->effects, effect_of(op, answer));
    e->ticket = op->ticket.value;
    e->view = view;
}

void answer_serve(struct cluster *c, const struct op *op, struct result *result,
                  const struct invocation_view *view)
{
    struct cluster_effect *e = effects_add(&c->effects, CLUSTER_COLLECT_SERVE);
    e->ticket = op->ticket.value;
    e->result = *result;
    e->view = *view;
    e->view.client_id = effects_keep(&c->effects, view->client_id);
    *result = (struct result){0};
}

void answer_peek(struct cluster *c, const struct op *op, const struct invocation *inv)
{
    struct cluster_effect *e = effects_add(&c->effects, CLUSTER_COLLECT_PEEKED);
    e->ticket = op->ticket.value;
    view_of_entry(&e->view, c, inv);
    e->view.client_id = effects_keep(&c->effects, e->view.client_id);
    e->result = (struct result){.status = inv->status,
                                .failed = inv->state == INVOCATION_FAILED,
                                .headers = inv->headers,
                                .body = inv->body};
    e->found = inv->has_payload;
}

void answer_status(struct cluster *c, const struct op *op, const struct invocation_view *view)
{
    if (op->asker != 0) {
        struct msg m;
        answer_message(c, &m, view, store_find_of(c, &op->guid, op->tenant));
        m.status.request = op->asker_request;
        m.status.answer = view->known                        ? ANSWER_STATUS
                          : trust_may_be_known(c, &op->guid) ? ANSWER_NO_QUORUM
                                                             : ANSWER_UNKNOWN;
        send_control(c, op->asker, &m);
        return;
    }
    struct cluster_effect *e = effects_add(&c->effects, CLUSTER_STATUS);
    e->ticket = op->ticket.value;
    e->view = *view;
    e->view.client_id = effects_keep(&c->effects, view->client_id);
    e->view.unsure = view->unsure || (!view->known && trust_may_exist(c, &op->guid));
}

/* --- views that travel -------------------------------------------------------------------- */

/* 0 stays 0; else the span plus one, so that "now" is told from "not known". */
static uint64_t ago(const struct cluster *c, uint64_t at_ms)
{
    return at_ms == 0 ? 0 : span_ms(at_ms, c->now_ms) + 1;
}

static uint64_t point(const struct cluster *c, uint64_t ago_ms)
{
    if (ago_ms == 0) {
        return 0;
    }
    return ago_ms - 1 < c->now_ms ? c->now_ms - (ago_ms - 1) : 1;
}

void answer_message(struct cluster *c, struct msg *out, const struct invocation_view *view,
                    const struct invocation *entry)
{
    *out = (struct msg){.kind = MSG_STATUS};
    struct msg_status *m = &out->status;
    m->entry.guid = view->guid;
    for (uint32_t i = 0; entry != NULL && i < entry->arbiter_count; i++) {
        m->entry.arbiters[i] = nodes_at(&c->nodes, inv_arbiter(entry, i))->id;
        m->entry.arbiter_count = (uint8_t)(i + 1);
    }
    if (entry != NULL) {
        m->entry.origin = m->entry.arbiters[0];
        m->entry.seq = entry->seq;
    }
    m->function = view->function;
    m->tenant = view->tenant;
    m->node_name = effects_keep(&c->effects, view->node);
    m->client_id = effects_keep(&c->effects, view->client_id);
    m->state = (uint8_t)view->state;
    m->webhook = (uint8_t)view->webhook;
    m->result_status = view->result_status;
    m->attempt = view->attempt;
    m->created_ago_ms = ago(c, view->created_at_ms);
    m->started_ago_ms = ago(c, view->started_at_ms);
    m->completed_ago_ms = ago(c, view->completed_at_ms);
    m->ended_ago_ms = ago(c, view->ended_at_ms);
    if (view->expires_at_ms != 0) {
        bool is_ahead = view->expires_at_ms > c->now_ms;
        m->expires_left_ms = (is_ahead ? view->expires_at_ms - c->now_ms : 0) + 1;
    }
    m->queue_position = view->progress.queue_position;
    m->estimate_ms = view->progress.estimate_ms;
}

void answer_view(struct cluster *c, struct invocation_view *out, const struct msg_status *m)
{
    *out = (struct invocation_view){
        .known = m->answer != ANSWER_UNKNOWN && m->answer != ANSWER_NO_QUORUM,
        .guid = m->entry.guid,
        .function = effects_keep(&c->effects, m->function),
        .node = effects_keep(&c->effects, m->node_name),
        .client_id = effects_keep(&c->effects, m->client_id),
        .state = (enum invocation_state)m->state,
        .result_status = m->result_status,
        .attempt = m->attempt,
        .created_at_ms = point(c, m->created_ago_ms),
        .started_at_ms = point(c, m->started_ago_ms),
        .completed_at_ms = point(c, m->completed_ago_ms),
        .ended_at_ms = point(c, m->ended_ago_ms),
        .expires_at_ms = m->expires_left_ms == 0 ? 0 : c->now_ms + m->expires_left_ms - 1,
        .progress = {m->queue_position, m->estimate_ms},
        .webhook = (enum webhook_state)(m->webhook & 3),
    };
}
