/* Questions about an invocation that exists: status, collect, peek, cancel, release. The
 * cluster answers them by GUID; a name that a client chose is resolved first. */
#include "core/core_state.h"

#include "base/err.h"
#include "base/text.h"

#include <assert.h>

#define ENCODED_ID_SIZE_MAX (3 * 255) /* dialects limit ids that clients choose to 255 */

static uint32_t wait_of(const struct core *c, const struct op_request *op)
{
    uint64_t wait = op->wait_ms;
    if (wait == OP_WAIT_DEFAULT) {
        wait = op->default_wait_jube ? c->config.jube_wait_ms : c->config.wait_ms;
    }
    return (uint32_t)(wait > c->config.wait_max_ms ? c->config.wait_max_ms : wait);
}

static void collect(struct core *c, struct call *call)
{
    const struct op_request *op = call->op;
    struct cluster_collect in = {
        .ticket = call_ticket(call),
        .guid = call->id,
        .wait_ms = op->kind == OP_PEEK ? 0 : wait_of(c, op),
        .token = op->claim_token,
        .function = op->function,
        .tenant = op->tenant,
        .peek = op->kind == OP_PEEK,
    };
    cluster_collect(c->cluster, c->now_ms, &in);
}

static void release(struct core *c, const struct call *call)
{
    struct cluster_collect in = {.ticket = call_ticket(call),
                                 .guid = call->id,
                                 .token = call->op->claim_token,
                                 .tenant = call->op->tenant};
    cluster_release(c->cluster, c->now_ms, &in);
}

/* call->id is known: put the question. */
static void ask(struct core *c, struct call *call)
{
    const struct op_request *op = call->op;
    call->stage = STAGE_ASKED;
    switch (op->kind) {
    case OP_STATUS:
        cluster_status(c->cluster, c->now_ms, call_ticket(call), &call->id, op->tenant);
        break;
    case OP_COLLECT:
    case OP_PEEK:
        collect(c, call);
        break;
    case OP_CANCEL:
        cluster_cancel(c->cluster, c->now_ms, call_ticket(call), &call->id, op->tenant);
        break;
    case OP_RELEASE:
        release(c, call);
        break;
    case OP_INVOKE:
        assert(false);
    }
}

static void resolve(struct core *c, struct call *call)
{
    const struct op_id *id = &call->op->id;
    char decoded[ENCODED_ID_SIZE_MAX];
    struct cluster_name name = {.space = (uint8_t)(id->space == ID_GUID ? ID_CALL : id->space),
                                .tenant = call->op->tenant,
                                .key = id->text};
    if (id->is_encoded && id->text.size <= sizeof decoded) { /* a longer one names nothing */
        name.key = bytes_of(decoded, text_percent_decode(decoded, id->text));
    }
    call->stage = STAGE_RESOLVE;
    call->resolved = true;
    cluster_resolve(c->cluster, c->now_ms, call_ticket(call), &name);
}

/* One of ours says so in its version; a client may have chosen any other UUID as its own id,
 * and then the name is the better guess. */
static bool looks_like_ours(const struct guid *g)
{
    return g->at[6] >> 4 == 8;
}

void core_ask(struct core *c, struct call *call)
{
    const struct op_id *id = &call->op->id;
    if (id->space == ID_GUID) {
        call->id = id->guid;
        ask(c, call);
    } else if (guid_parse(&call->id, id->text) == 0 && looks_like_ours(&call->id)) {
        ask(c, call);
    } else {
        resolve(c, call);
    }
}

void core_ask_unknown(struct core *c, struct call *call)
{
    if (!call->resolved && call->op->id.text.size > 0) {
        resolve(c, call);
    } else {
        core_reply_plain(c, call, OUT_UNKNOWN);
    }
}

void core_ask_resolved(struct core *c, struct call *call, const struct cluster_effect *fx)
{
    if (fx->found) {
        call->id = fx->guid;
        ask(c, call);
    } else {
        core_reply_plain(c, call, fx->view.unsure ? OUT_NO_QUORUM : OUT_UNKNOWN);
    }
}

/* The name of a function that this node has too is borrowed from its table, any other one is
 * kept in the call. */
static struct bytes function_name(struct core *c, struct call *call, struct bytes name)
{
    const struct function *f = functions_find(c->functions, name);
    if (f != NULL) {
        return f->spec.name;
    }
    size_t size =
        name.size < sizeof call->function_text ? name.size : sizeof call->function_text;
    if (size > 0) {
        memcpy(call->function_text, name.at, size);
    }
    return bytes_of(call->function_text, size);
}

struct invocation_info core_info(struct core *c, struct call *call,
                                 const struct invocation_view *view)
{
    struct invocation_info info = {
        .guid = view->guid,
        .client_id = view->client_id,
        .function = function_name(c, call, view->function),
        .node = view->node,
        .state = view->state,
        .created_at_ms = core_wall_ms(c, view->created_at_ms),
        .started_at_ms = core_wall_ms(c, view->started_at_ms),
        .completed_at_ms = core_wall_ms(c, view->completed_at_ms),
        .ended_at_ms = core_wall_ms(c, view->ended_at_ms),
        .expires_at_ms = core_wall_ms(c, view->expires_at_ms),
        .queue_position = view->progress.queue_position,
        .attempt = view->attempt,
        .result_status = view->result_status,
        .webhook = view->webhook,
        .retry_after_s = 1,
    };
    uint32_t estimate_ms = view->progress.estimate_ms;
    if (!invocation_state_is_final(view->state) && !invocation_state_is_ready(view->state) &&
        estimate_ms > 0) {
        info.estimated_completion_at_ms = core_wall_ms(c, c->now_ms + estimate_ms);
        uint32_t s = (estimate_ms + 999) / 1000;
        info.retry_after_s = s > 60 ? 60 : s;
    }
    return info;
}
