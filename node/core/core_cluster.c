/* What the cluster decided, and what this node makes of it: one function per effect. */
#include "core/core_state.h"

#include "base/unreachable.h"

#include <assert.h>

static struct call *call_of(const struct cluster_effect *fx)
{
    assert(fx->ticket != 0);
    return (struct call *)(uintptr_t)fx->ticket;
}

/* --- an invocation of ours -----------------------------------------------------------------
 */

static void on_stop(struct core *c, struct invocation *inv)
{
    struct work *w = invocation_work(inv);
    if (w != NULL) {
        struct function *f = w->function;
        core_run_abandon(c, w);
        core_run_next(c, f);
    }
}

static void on_ready(struct core *c, const struct cluster_effect *fx)
{
    struct function *f = functions_find(c->functions, fx->view.function);
    on_stop(c, fx->inv); /* another executor was faster */
    if (invocation_callback_url(fx->inv).size > 0) {
        core_webhook_begin(c, fx->inv);
    }
    if (f != NULL) {
        f->stats.failed += fx->view.state == INVOCATION_FAILED;
    }
}

static void on_ended(struct core *c, const struct cluster_effect *fx)
{
    struct function *f = functions_find(c->functions, fx->view.function);
    bool was_ready = fx->view.result_status != 0;
    if (!was_ready) {
        on_stop(c, fx->inv);
    } else if (invocation_work(fx->inv) != NULL) { /* ready ones have no work but a webhook */
        core_webhook_end(c, invocation_work(fx->inv));
    }
    if (f == NULL) {
        return;
    }
    switch (fx->kind) {
    case CLUSTER_COLLECTED:
        f->stats.collected++;
        f->stats.delivered += fx->view.webhook == WEBHOOK_DELIVERED;
        break;
    case CLUSTER_EXPIRED:
        f->stats.expired++;
        break;
    case CLUSTER_CANCELED:
        f->stats.canceled++;
        break;
    default:
        f->stats.elsewhere++;
        break;
    }
}

static void on_adopted(struct core *c, const struct invocation *inv)
{
    struct function *f = functions_find(c->functions, invocation_function(inv));
    if (f != NULL) {
        f->stats.taken_over++;
    }
}

static void on_ask_progress(struct core *c, const struct cluster_effect *fx)
{
    struct cluster_progress p = {0};
    const struct work *w = invocation_work(fx->inv);
    if (w != NULL) {
        p.queue_position = work_queue_position(w);
        p.estimate_ms = function_estimate_ms(w->function, p.queue_position);
    }
    cluster_answer_progress(c->cluster, c->now_ms, fx->ticket, &p);
}

/* --- a client's claim ------------------------------------------------------------------------
 */

static void reply_view(struct core *c, const struct cluster_effect *fx, enum op_outcome outcome)
{
    struct call *call = call_of(fx);
    struct op_reply reply = {.outcome = outcome, .info.retry_after_s = 1};
    if (fx->view.known) {
        reply.info = core_info(c, call, &fx->view);
    }
    core_reply(c, call, &reply);
}

static uint64_t duration_ms(const struct invocation_view *view)
{
    return view->started_at_ms == 0 ? 0 : view->completed_at_ms - view->started_at_ms;
}

static void on_serve(struct core *c, const struct cluster_effect *fx)
{
    struct call *call = call_of(fx);
    struct op_reply reply = {
        .outcome = OUT_RESULT,
        .info = core_info(c, call, &fx->view),
        .result = fx->result,
        .duration_ms = duration_ms(&fx->view),
        .was_waiting = call->stage == STAGE_WAIT,
        .report_sent = true,
    };
    core_reply(c, call, &reply);
}

static void on_peeked(struct core *c, const struct cluster_effect *fx)
{
    struct call *call = call_of(fx);
    struct op_reply reply = {
        .outcome = OUT_READY,
        .info = core_info(c, call, &fx->view),
        .result = fx->result,
        .duration_ms = duration_ms(&fx->view),
        .is_elsewhere = !fx->found,
    };
    reply.result.headers = fx->result.headers == NULL ? NULL : buf_share(fx->result.headers);
    reply.result.body = fx->result.body == NULL ? NULL : buf_share(fx->result.body);
    core_reply(c, call, &reply);
}

/* A client that posted with wait=N still learns that it was accepted. */
static void on_not_served(struct core *c, const struct cluster_effect *fx,
                          enum op_outcome outcome)
{
    struct call *call = call_of(fx);
    if (call->stage == STAGE_WAIT) {
        struct op_reply reply = {.outcome = OUT_ACCEPTED,
                                 .info = core_info(c, call, &fx->view)};
        reply.info.guid = call->id;
        core_reply(c, call, &reply);
    } else if (outcome == OUT_UNKNOWN) {
        core_ask_unknown(c, call);
    } else {
        reply_view(c, fx, outcome);
    }
}

static void on_status(struct core *c, const struct cluster_effect *fx)
{
    struct call *call = call_of(fx);
    struct bytes wanted = call->op->function;
    if (call->stage == STAGE_REPLAY || call->stage == STAGE_ID_TAKEN) {
        core_invoke_name_owner(c, call, &fx->view);
    } else if (fx->view.unsure) {
        core_reply_plain(c, call, OUT_NO_QUORUM);
    } else if (!fx->view.known) {
        core_ask_unknown(c, call);
    } else if (wanted.size > 0 && !bytes_equal(wanted, fx->view.function)) {
        core_reply_plain(c, call, OUT_UNKNOWN);
    } else {
        reply_view(c, fx, OUT_STATUS);
    }
}

static void on_link(struct core *c, const struct cluster_effect *fx)
{
    struct core_effect *out = core_add_effect(c, EFFECT_LINK);
    out->link_kind = fx->kind;
    out->link = fx->link;
}

/* --- the table of contents
 * -------------------------------------------------------------------- */

static void on_survey(struct core *c, const struct cluster_effect *fx)
{
    struct core_survey *s = &core_add_effect(c, EFFECT_SURVEY)->survey;
    s->kind = fx->kind;
    s->ticket = fx->ticket;
    s->topic = fx->fingerprint;
    s->node = fx->view.node;
    s->text = fx->text;
}

static void handle_claim(struct core *c, struct cluster_effect *fx)
{
    if (ticket_is_webhook(fx->ticket)) {
        core_webhook_claimed(c, fx);
        return;
    }
    switch (fx->kind) {
    case CLUSTER_COLLECT_SERVE:
        on_serve(c, fx);
        break;
    case CLUSTER_COLLECT_PEEKED:
        on_peeked(c, fx);
        break;
    case CLUSTER_COLLECT_PENDING:
        on_not_served(c, fx, OUT_PENDING);
        break;
    case CLUSTER_COLLECT_GONE:
        on_not_served(c, fx, OUT_GONE);
        break;
    case CLUSTER_COLLECT_UNKNOWN:
        on_not_served(c, fx, OUT_UNKNOWN);
        break;
    case CLUSTER_COLLECT_NO_QUORUM:
        on_not_served(c, fx, OUT_NO_QUORUM);
        break;
    case CLUSTER_RELEASED:
        reply_view(c, fx, OUT_RELEASED);
        break;
    default:
        UNREACHABLE("not an effect on a claim");
    }
}

static void handle_question(struct core *c, struct cluster_effect *fx)
{
    switch (fx->kind) {
    case CLUSTER_STATUS:
        on_status(c, fx);
        break;
    case CLUSTER_CANCEL_DONE:
        reply_view(c, fx, OUT_CANCELED);
        break;
    case CLUSTER_CANCEL_CONFLICT:
        reply_view(c, fx, OUT_CONFLICT);
        break;
    case CLUSTER_CANCEL_UNKNOWN:
        core_ask_unknown(c, call_of(fx));
        break;
    case CLUSTER_CANCEL_NO_QUORUM:
        reply_view(c, fx, OUT_NO_QUORUM);
        break;
    case CLUSTER_REGISTERED:
    case CLUSTER_REGISTER_FAILED:
        core_invoke_registered(c, call_of(fx), fx);
        break;
    case CLUSTER_RESOLVED:
        core_ask_resolved(c, call_of(fx), fx);
        break;
    default:
        handle_claim(c, fx);
    }
}

void core_handle(struct core *c, struct cluster_effect *fx)
{
    switch (fx->kind) {
    case CLUSTER_ACCEPTED:
        core_invoke_accepted(c, fx->inv);
        break;
    case CLUSTER_REFUSED:
        core_invoke_refused(c, fx->inv);
        break;
    case CLUSTER_ADOPTED:
        on_adopted(c, fx->inv);
        break;
    case CLUSTER_EXECUTE:
        core_run_take_over(c, fx->inv);
        break;
    case CLUSTER_STOP:
        on_stop(c, fx->inv);
        break;
    case CLUSTER_READY:
        on_ready(c, fx);
        break;
    case CLUSTER_COLLECTED:
    case CLUSTER_EXPIRED:
    case CLUSTER_CANCELED:
    case CLUSTER_DROPPED:
        on_ended(c, fx);
        break;
    case CLUSTER_ASK_PROGRESS:
        on_ask_progress(c, fx);
        break;
    case CLUSTER_DIAL:
    case CLUSTER_SEND:
    case CLUSTER_CLOSE:
    case CLUSTER_MEMBER:
        on_link(c, fx);
        break;
    case CLUSTER_ASK_REPORT:
    case CLUSTER_REPORT:
    case CLUSTER_SURVEY_DONE:
        on_survey(c, fx);
        break;
    case CLUSTER_DRAINED:
        core_add_effect(c, EFFECT_DRAINED);
        break;
    default:
        handle_question(c, fx);
    }
}
