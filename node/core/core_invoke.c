/* From a client's request to an accepted invocation:
 *
 *   core_invoke                what cannot run is refused here, before anything is kept
 *   -> STAGE_REGISTER_KEY      with an Idempotency-Key; known: -> STAGE_REPLAY
 *   -> STAGE_REGISTER_ID       with an id that the client chose; known: -> STAGE_ID_TAKEN
 *   -> STAGE_ACCEPT            copies are made; confirmed: queued, 202
 *   -> STAGE_WAIT              only with wait=N: the client collects on the same connection
 *
 * A synchronous request goes to the queue straight away and is kept nowhere else. */
#include "core/core_state.h"

#include "base/hash.h"

#include <assert.h>

#define FINGERPRINT_KEY 0x5ca1ab1e0ddba11u

static void refuse(struct core *c, struct call *call, enum op_outcome outcome,
                   const struct function *f)
{
    struct op_reply reply = {.outcome = outcome};
    reply.info.retry_after_s = f == NULL ? 1 : function_retry_after_s(f, f->queued);
    core_reply(c, call, &reply);
}

static bool is_full(const struct function *f)
{
    return f->running + f->queued + f->accepting >= f->spec.concurrency + f->spec.queue;
}

/* What runs already may still go beyond it: accepted work is finished. */
static bool is_beyond_share(const struct core *c, const struct op_request *op)
{
    uint64_t limit = op->tenant_share == 0 ? c->config.tenant_bytes_max
                                           : (uint64_t)budget_whole(c->config.budget)->limit /
                                                 100 * op->tenant_share;
    if (limit == 0 || op->tenant.size == 0) {
        return false;
    }
    uint64_t size = op->invoke.request.headers.size + buf_size(op->invoke.body);
    return cluster_tenant_bytes(c->cluster, op->tenant) + size > limit;
}

/* Of what makes two requests the same: method, path, query and body. */
static uint64_t fingerprint_of(const struct op_invoke *in)
{
    uint64_t h = hash_bytes(in->request.method, FINGERPRINT_KEY);
    h = hash_bytes(in->request.path, h);
    h = hash_bytes(in->request.query, h);
    return hash_bytes(buf_view(in->body), h);
}

static uint32_t keep_ms(const struct function *f)
{
    return f->spec.timeout_ms + f->spec.ttl_ms;
}

/* The scope of an idempotency key, and of the id of a link in a chain, is its function. The
 * names share one buffer: first the function's, then a zero byte, then the key. */
struct scoped_key {
    char text[512];
    size_t size;
};

static struct bytes scope_key(struct scoped_key *k, const struct op_invoke *in,
                              struct bytes key)
{
    size_t name_size = in->function.size;
    assert(name_size + 1 + key.size <= sizeof k->text); /* dialects limit both to 255 */
    memcpy(k->text, in->function.at, name_size);
    k->text[name_size] = '\0';
    memcpy(k->text + name_size + 1, key.at, key.size);
    k->size = name_size + 1 + key.size;
    return bytes_of(k->text, k->size);
}

static struct cluster_name key_name(struct scoped_key *k, const struct op_request *op)
{
    return (struct cluster_name){.space = ID_IDEMPOTENCY,
                                 .tenant = op->tenant,
                                 .key = scope_key(k, &op->invoke, op->invoke.idempotency_key)};
}

static struct cluster_name id_name(struct scoped_key *k, const struct call *call)
{
    const struct op_request *op = call->op;
    struct bytes id = op->invoke.client_id.text;
    return (struct cluster_name){.space = (uint8_t)op->invoke.client_id.space,
                                 .tenant = op->tenant,
                                 .key = call->is_link ? scope_key(k, &op->invoke, id) : id};
}

static void register_key(struct core *c, struct call *call, const struct function *f)
{
    struct scoped_key key;
    struct cluster_register r = {
        .ticket = call_ticket(call),
        .name = key_name(&key, call->op),
        .guid = call->id,
        .fingerprint = fingerprint_of(&call->op->invoke),
        .keep_ms = keep_ms(f),
    };
    call->fingerprint = r.fingerprint;
    call->stage = STAGE_REGISTER_KEY;
    cluster_register(c->cluster, c->now_ms, &r);
}

static void register_id(struct core *c, struct call *call, const struct function *f)
{
    struct scoped_key key;
    struct cluster_register r = {
        .ticket = call_ticket(call),
        .name = id_name(&key, call),
        .guid = call->id,
        .keep_ms = keep_ms(f),
    };
    call->stage = STAGE_REGISTER_ID;
    cluster_register(c->cluster, c->now_ms, &r);
}

/* What was registered for this call belongs to nobody after all. */
void core_invoke_unregister(struct core *c, const struct call *call)
{
    const struct op_invoke *in = &call->op->invoke;
    bool has_id = call->stage == STAGE_REGISTER_ID || call->stage == STAGE_ACCEPT;
    bool has_key = has_id || call->stage == STAGE_REGISTER_KEY || call->stage == STAGE_ID_TAKEN;
    if (has_key && in->idempotency_key.size > 0) {
        struct scoped_key key;
        struct cluster_name name = key_name(&key, call->op);
        cluster_unregister(c->cluster, c->now_ms, &name, &call->id);
    }
    if (has_id && in->client_id.space != ID_GUID) {
        struct scoped_key key;
        struct cluster_name name = id_name(&key, call);
        cluster_unregister(c->cluster, c->now_ms, &name, &call->id);
    }
}

/* Not accepted after all: nothing of it stays. */
static void give_up(struct core *c, struct call *call, enum op_outcome outcome)
{
    const struct function *f = call->work->function;
    core_invoke_unregister(c, call);
    work_free(c->works, call->work);
    call->work = NULL;
    refuse(c, call, outcome, f);
}

static struct work *new_work(struct core *c, struct call *call, struct function *f)
{
    const struct op_invoke *in = &call->op->invoke;
    struct request *request;
    if (request_new(&request, c->config.budget, &in->request, in->body) != 0) {
        return NULL;
    }
    struct work *w = work_new(c->works, f, request, c->now_ms);
    request_drop(&request);
    if (w == NULL) {
        return NULL;
    }
    w->guid = call->id;
    w->call = call;
    uint32_t deadline_ms = f->spec.deadline_ms;
    if (in->deadline_ms > 0 && (deadline_ms == 0 || in->deadline_ms < deadline_ms)) {
        deadline_ms = in->deadline_ms;
    }
    if (deadline_ms > 0) {
        w->deadline_at_ms = c->now_ms + deadline_ms;
    }
    call->work = w;
    return w;
}

static void keep(struct core *c, struct call *call, struct function *f)
{
    const struct op_invoke *in = &call->op->invoke;
    struct work *w = call->work;
    call->stage = STAGE_ACCEPT;
    struct cluster_accept a = {
        .guid = call->id,
        .function = f->spec.name,
        .tenant = call->op->tenant,
        .request = w->request,
        .ttl_ms = in->ttl_ms > 0 ? in->ttl_ms : f->spec.ttl_ms,
        .run_limit_ms =
            w->deadline_at_ms == UINT64_MAX ? 0 : (uint32_t)(w->deadline_at_ms - c->now_ms),
        .on_node_loss = f->spec.on_node_loss,
        .max_attempts = f->spec.max_attempts,
        .client_id = in->client_id.space == ID_GUID ? bytes_of(NULL, 0) : in->client_id.text,
        .client_id_space = (uint8_t)in->client_id.space,
        .callback_url = in->callback_url,
        .drop_result = in->drop_result,
        .work = w,
    };
    if (cluster_accept(c->cluster, c->now_ms, &a, &w->inv) != 0) {
        give_up(c, call, OUT_NO_MEMORY);
    }
}

static void run_synchronously(struct core *c, struct call *call)
{
    struct work *w = call->work;
    call->stage = STAGE_SYNC;
    if (call->op->invoke.client_id.space != ID_GUID) {
        w->client_id = call->op->invoke.client_id.text;
    }
    core_run_admit(c, w);
}

void core_invoke(struct core *c, struct call *call)
{
    const struct op_invoke *in = &call->op->invoke;
    struct function *f = functions_find(c->functions, in->function);
    if (f == NULL) {
        core_reply_plain(c, call, OUT_UNKNOWN_FUNCTION);
    } else if (c->draining) {
        refuse(c, call, OUT_DRAINING, f);
    } else if (is_full(f)) {
        refuse(c, call, OUT_QUEUE_FULL, f);
    } else if (is_beyond_share(c, call->op)) {
        refuse(c, call, OUT_TENANT_FULL, f);
    } else if (!budget_is_free(c->config.budget, function_result_size(f)) ||
               new_work(c, call, f) == NULL) {
        refuse(c, call, OUT_NO_MEMORY, f);
    } else if (in->mode == INVOKE_SYNC) {
        run_synchronously(c, call);
    } else if (in->idempotency_key.size > 0) {
        register_key(c, call, f);
    } else if (in->client_id.space != ID_GUID) {
        register_id(c, call, f);
    } else {
        keep(c, call, f);
    }
}

/* A name is taken as long as what it named is known; the registrar may remember it longer. */
static void ask_owner_of_name(struct core *c, struct call *call, const struct guid *owner,
                              enum call_stage stage)
{
    struct guid first = *owner;
    call->stage = (uint8_t)stage;
    cluster_status(c->cluster, c->now_ms, call_ticket(call), &first, call->op->tenant);
}

static void key_registered(struct core *c, struct call *call, const struct cluster_effect *fx)
{
    struct function *f = call->work->function;
    if (fx->found) {
        call->mismatch = fx->fingerprint != call->fingerprint;
        ask_owner_of_name(c, call, &fx->guid, STAGE_REPLAY);
    } else if (call->op->invoke.client_id.space != ID_GUID) {
        register_id(c, call, f);
    } else {
        keep(c, call, f);
    }
}

void core_invoke_registered(struct core *c, struct call *call, const struct cluster_effect *fx)
{
    if (fx->kind == CLUSTER_REGISTER_FAILED) {
        give_up(c, call, OUT_NOT_REPLICATED);
    } else if (call->stage == STAGE_REGISTER_KEY) {
        key_registered(c, call, fx);
    } else if (fx->found) {
        ask_owner_of_name(c, call, &fx->guid, STAGE_ID_TAKEN);
    } else {
        keep(c, call, call->work->function);
    }
}

static void key_owner_known(struct core *c, struct call *call,
                            const struct invocation_view *view)
{
    if (call->mismatch) {
        give_up(c, call, OUT_IDEMPOTENCY_MISMATCH);
        return;
    }
    struct op_reply reply = {.outcome = OUT_ACCEPTED, .info = core_info(c, call, view)};
    work_free(c->works, call->work);
    call->work = NULL;
    core_reply(c, call, &reply);
}

/* A function that calls another one passes the call id on: the two are links of a chain. The id
 * goes on naming the first; this one is found by its GUID. */
static bool is_next_link(const struct call *call, const struct invocation_view *view)
{
    const struct op_invoke *in = &call->op->invoke;
    return !call->is_link && in->client_id.space == ID_CALL &&
           !bytes_equal(view->function, in->function);
}

/* What the name named may be forgotten, or was never accepted because its client left in the
 * middle: then the name is free for this request. */
void core_invoke_name_owner(struct core *c, struct call *call,
                            const struct invocation_view *view)
{
    struct function *f = call->work->function;
    struct guid stale = view->guid;
    bool is_key = call->stage == STAGE_REPLAY;
    if (view->unsure) {
        give_up(c, call, OUT_NO_QUORUM); /* its owner cannot be asked now */
    } else if (view->known && is_key) {
        key_owner_known(c, call, view);
    } else if (view->known && is_next_link(call, view)) {
        call->is_link = true;
        register_id(c, call, f);
    } else if (view->known) {
        call->stage = STAGE_REGISTER_KEY; /* the id is another's, the key was ours */
        give_up(c, call, OUT_ID_IN_USE);
    } else if (is_key) {
        struct scoped_key key;
        struct cluster_name name = key_name(&key, call->op);
        cluster_unregister(c->cluster, c->now_ms, &name, &stale);
        register_key(c, call, f);
    } else {
        struct scoped_key key;
        struct cluster_name name = id_name(&key, call);
        cluster_unregister(c->cluster, c->now_ms, &name, &stale);
        register_id(c, call, f);
    }
}

static void reply_accepted(struct core *c, struct call *call, const struct work *w)
{
    struct op_reply reply = {.outcome = OUT_ACCEPTED};
    struct invocation_info *info = &reply.info;
    info->guid = w->guid;
    info->client_id = w->client_id;
    info->function = w->function->spec.name;
    info->node = c->config.node_name;
    info->state = INVOCATION_QUEUED;
    info->created_at_ms = core_wall_ms(c, w->created_at_ms);
    info->queue_position = w->function->queued + 1;
    info->retry_after_s = function_retry_after_s(w->function, w->function->queued);
    core_reply(c, call, &reply);
}

void core_invoke_accepted(struct core *c, struct invocation *inv)
{
    struct work *w = invocation_work(inv);
    struct call *call = w->call;
    struct function *f = w->function;
    w->client_id = invocation_client_id(inv);
    f->stats.accepted++;
    w->call = NULL;
    if (call != NULL) {
        call->work = NULL;
    }
    if (call != NULL && call->op->invoke.mode == INVOKE_ASYNC_WAIT) {
        uint64_t wait = call->op->invoke.wait_ms;
        struct cluster_collect collect = {
            .ticket = call_ticket(call),
            .guid = w->guid,
            .tenant = call->op->tenant,
            .wait_ms = (uint32_t)(wait > c->config.wait_max_ms ? c->config.wait_max_ms : wait),
        };
        call->stage = STAGE_WAIT;
        cluster_collect(c->cluster, c->now_ms, &collect);
    } else if (call != NULL) {
        reply_accepted(c, call, w);
    }
    core_run_admit(c, w);
}

void core_invoke_refused(struct core *c, struct invocation *inv)
{
    struct work *w = invocation_work(inv);
    if (w->call != NULL) {
        give_up(c, w->call, OUT_NOT_REPLICATED);
    } else {
        work_free(c->works, w);
    }
}
