/* Running work: into the queue, into a slot, and what its end means.
 *
 *   core_run_admit -> core_run_next -> EFFECT_START -> core_done: answer, failure or retry
 *                                                   -> core_run_due: its time is up */
#include "core/core_state.h"

#include "core/failure.h"

#include <assert.h>

/* What the client calls it in OpenFaaS's way; an id of another kind is no call id. */
static struct bytes chosen_call_id(const struct work *w)
{
    bool is_other = w->inv != NULL && invocation_client_id_space(w->inv) != ID_CALL;
    return is_other ? bytes_of(NULL, 0) : w->client_id;
}

static void start(struct core *c, struct work *w)
{
    struct bytes chosen = chosen_call_id(w);
    if (w->inv != NULL) {
        cluster_started(c->cluster, c->now_ms, w->inv);
    }
    struct core_effect *fx = core_add_effect(c, EFFECT_START);
    fx->function = w->function;
    fx->execution.id = work_execution_id(c->works, w);
    fx->execution.request = w->request;
    fx->execution.guid = w->guid;
    fx->execution.attempt = w->attempt;
    if (chosen.size > 0) {
        fx->execution.call_id = chosen;
    } else {
        guid_print(w->call_id, &w->guid);
        fx->execution.call_id = bytes_of(w->call_id, sizeof w->call_id);
    }
}

void core_run_next(struct core *c, struct function *f)
{
    struct work *w;
    while (core_has_room(c) && (w = work_start_next(c->works, f, c->now_ms)) != NULL) {
        start(c, w);
    }
}

void core_run_admit(struct core *c, struct work *w)
{
    work_enqueue(w, false);
    if (w->deadline_at_ms != UINT64_MAX) {
        work_set_timer(c->works, w, w->deadline_at_ms);
    }
    core_run_next(c, w->function);
}

static void stop(struct core *c, struct work *w)
{
    struct core_effect *fx = core_add_effect(c, EFFECT_STOP);
    fx->function = w->function;
    fx->execution.id = work_execution_id(c->works, w);
    work_stop(c->works, w);
}

void core_run_abandon(struct core *c, struct work *w)
{
    if (w->state == WORK_RUNNING) {
        stop(c, w);
    }
    if (w->inv != NULL) {
        invocation_set_work(w->inv, NULL);
    }
    if (w->call != NULL) {
        w->call->work = NULL;
    }
    work_free(c->works, w);
}

static void reply_synchronous(struct core *c, struct work *w, struct result *result)
{
    struct call *call = w->call;
    struct op_reply reply = {.outcome = OUT_RESULT, .result = *result};
    struct invocation_info *info = &reply.info;
    info->guid = w->guid;
    info->client_id = w->client_id;
    info->function = w->function->spec.name;
    info->node = c->config.node_name;
    info->state = result->failed ? INVOCATION_FAILED : INVOCATION_SUCCEEDED;
    info->created_at_ms = core_wall_ms(c, w->created_at_ms);
    info->started_at_ms = core_wall_ms(c, w->started_at_ms);
    info->completed_at_ms = core_wall_ms(c, c->now_ms);
    info->attempt = w->attempt;
    info->result_status = result->status;
    reply.duration_ms = w->started_at_ms == 0 ? 0 : c->now_ms - w->started_at_ms;
    call->work = NULL;
    core_reply(c, call, &reply);
}

/* The end: the callback goes to the cluster, or the answer to the waiting client. */
static void finish(struct core *c, struct work *w, struct result *result)
{
    if (w->inv != NULL) {
        struct invocation *inv = w->inv;
        invocation_set_work(inv, NULL);
        work_free(c->works, w);
        cluster_complete(c->cluster, c->now_ms, inv, result);
        return;
    }
    assert(w->call != NULL); /* core_leave() abandons synchronous work */
    reply_synchronous(c, w, result);
    work_free(c->works, w);
}

static void finish_failed(struct core *c, struct work *w, enum failure failure,
                          const char *detail)
{
    struct result result = failure_result(failure, detail, &w->guid, c->config.budget);
    finish(c, w, &result);
}

/* True when the work rests for another attempt. */
static bool retry(struct core *c, struct work *w, uint16_t status, uint32_t retry_after_s)
{
    const struct retry_policy *policy = &w->function->spec.retry;
    if (!retry_wants(policy, w->attempt, status)) {
        return false;
    }
    uint64_t at =
        c->now_ms + retry_wait_ms(policy, w->attempt, retry_after_s, rng_next(&c->rng));
    if (at >= w->deadline_at_ms) {
        return false; /* the deadline would come first: this answer is the last */
    }
    w->function->stats.retried++;
    work_set_timer(c->works, w, at);
    if (w->inv != NULL) {
        cluster_requeued(c->cluster, c->now_ms, w->inv);
    }
    return true;
}

static void ended(struct core *c, struct work *w, struct execution_outcome *outcome)
{
    struct function *f = w->function;
    struct result result;
    function_observe(f, c->now_ms - w->started_at_ms);
    if (outcome->end == EXECUTION_ANSWERED) {
        result = outcome->result;
        function_observe_size(f, buf_size(result.headers) + buf_size(result.body));
        result.failed = result.status >= 400;
    } else {
        result_drop(&outcome->result);
        result = failure_result(failure_of(outcome->end), outcome->detail, &w->guid,
                                c->config.budget);
    }
    if (retry(c, w, result.status, outcome->retry_after_s)) {
        result_drop(&result);
    } else {
        finish(c, w, &result);
    }
    core_run_next(c, f);
}

void core_done(struct core *c, uint64_t now_ms, uint64_t execution_id,
               struct execution_outcome *outcome)
{
    assert(now_ms >= c->now_ms);
    c->now_ms = now_ms;
    struct work *w = work_running(c->works, execution_id);
    if (w == NULL) {
        result_drop(&outcome->result);
        return;
    }
    work_stop(c->works, w);
    ended(c, w, outcome);
}

void core_run_due(struct core *c, struct work *w)
{
    struct function *f = w->function;
    bool too_late = c->now_ms >= w->deadline_at_ms;
    if (w->state == WORK_RUNNING) {
        stop(c, w);
        if (too_late) {
            function_observe(f, c->now_ms - w->started_at_ms);
            finish_failed(c, w, FAILURE_DEADLINE, NULL);
        } else {
            struct execution_outcome outcome = {.end = EXECUTION_TIMED_OUT};
            ended(c, w, &outcome);
        }
    } else if (too_late) {
        finish_failed(c, w, FAILURE_DEADLINE, NULL);
    } else {
        assert(w->state == WORK_RESTING);
        work_enqueue(w, true);
        if (w->deadline_at_ms != UINT64_MAX) {
            work_set_timer(c->works, w, w->deadline_at_ms);
        }
    }
    core_run_next(c, f);
}

void core_run_take_over(struct core *c, struct invocation *inv)
{
    struct guid guid = invocation_guid(inv);
    struct function *f = functions_find(c->functions, invocation_function(inv));
    struct request *request = invocation_request(inv);
    struct work *w = f == NULL ? NULL : work_new(c->works, f, request, c->now_ms);
    if (w == NULL) {
        struct result result = failure_result(
            FAILURE_NODE_LOST,
            f == NULL ? "its node died, and this one has no such function" : NULL, &guid,
            c->config.budget);
        cluster_complete(c->cluster, c->now_ms, inv, &result);
        return;
    }
    w->guid = guid;
    w->inv = inv;
    w->attempt = (uint8_t)invocation_attempt(inv);
    w->client_id = invocation_client_id(inv);
    w->deadline_at_ms = invocation_run_deadline_ms(inv);
    invocation_set_work(inv, w);
    core_run_admit(c, w);
}
