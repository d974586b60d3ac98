#include "core/core_state.h"

#include <assert.h>
#include <stdlib.h>

static uint32_t total_concurrency(const struct core_config *config)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < config->function_count; i++) {
        sum += config->functions[i].concurrency;
    }
    return sum;
}

struct core *core_new(const struct core_config *config, uint64_t now_ms)
{
    struct core *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    c->config = *config;
    c->now_ms = now_ms;
    c->rng.state = config->seed;
    core_webhook_init(c);
    c->functions = functions_new(config->functions, config->function_count, rng_next(&c->rng));
    c->works = works_new(total_concurrency(config), config->budget);
    c->node_name = malloc(config->node_name.size + 1);
    if (c->functions == NULL || c->works == NULL || c->node_name == NULL) {
        core_free(&c);
        return NULL;
    }
    if (config->node_name.size > 0) {
        memcpy(c->node_name, config->node_name.at, config->node_name.size);
    }
    c->config.node_name = bytes_of(c->node_name, config->node_name.size);
    c->cluster = config->cluster;
    return c;
}

static void free_all_work(struct core *c)
{
    for (uint32_t i = 0; i < functions_count(c->functions); i++) {
        struct function *f = functions_at(c->functions, i);
        while (!list_is_empty(&f->queue)) {
            work_free(c->works, list_item(f->queue.next, struct work, link));
        }
    }
    works_free_running(c->works);
}

void core_free(struct core **c)
{
    struct core *mine = *c;
    *c = NULL;
    if (mine == NULL) {
        return;
    }
    struct core_effect left;
    while (mine->cluster != NULL && core_next_effect(mine, &left)) {
        if (left.kind == EFFECT_REPLY) {
            result_drop(&left.reply.result);
        }
    }
    if (mine->functions != NULL && mine->works != NULL) {
        free_all_work(mine);
    }
    core_webhook_free_all(mine);
    cluster_free(&mine->cluster);
    works_free(&mine->works);
    functions_free(&mine->functions);
    free(mine->node_name);
    free(mine);
}

/* --- effects ---------------------------------------------------------------------------- */

struct core_effect *core_add_effect(struct core *c, enum core_effect_kind kind)
{
    assert(c->effect_count < EFFECTS_MAX);
    struct core_effect *fx = &c->effects[(c->effect_first + c->effect_count) % EFFECTS_MAX];
    c->effect_count++;
    memset(fx, 0, sizeof *fx);
    fx->kind = kind;
    return fx;
}

bool core_has_room(const struct core *c)
{
    return c->effect_count + EFFECTS_ROOM_FOR_ONE_STEP <= EFFECTS_MAX;
}

static void leave_when_done(struct core *c)
{
    if (c->finishing && !c->leaving && works_count(c->works) == 0) {
        c->leaving = true;
        cluster_finish(c->cluster, c->now_ms);
    }
}

/* The cluster's effects are handled one at a time, only when all of ours have been taken: so
 * what one of them borrows is still alive when the driver looks at what came of it. */
bool core_next_effect(struct core *c, struct core_effect *out)
{
    while (c->effect_count == 0) {
        struct cluster_effect fx;
        if (!cluster_next_effect(c->cluster, &fx)) {
            leave_when_done(c);
            if (!cluster_next_effect(c->cluster, &fx)) {
                return false;
            }
        }
        core_handle(c, &fx);
    }
    *out = c->effects[c->effect_first];
    c->effect_count--;
    /* An empty ring begins at its front again, whose memory is warm. */
    c->effect_first = c->effect_count == 0 ? 0 : (c->effect_first + 1) % EFFECTS_MAX;
    return true;
}

void core_reply(struct core *c, struct call *call, struct op_reply *reply)
{
    assert(call->stage != STAGE_DONE);
    call->stage = reply->report_sent ? STAGE_SERVING : STAGE_DONE;
    c->refused[reply->outcome]++;
    struct core_effect *fx = core_add_effect(c, EFFECT_REPLY);
    fx->call = call;
    fx->reply = *reply;
}

void core_reply_plain(struct core *c, struct call *call, enum op_outcome outcome)
{
    struct op_reply reply = {.outcome = outcome, .info.retry_after_s = 1};
    core_reply(c, call, &reply);
}

uint64_t core_wall_ms(const struct core *c, uint64_t monotonic_ms)
{
    return monotonic_ms == 0 ? 0 : monotonic_ms + c->config.wall_offset_ms;
}

/* --- events ----------------------------------------------------------------------------- */

static void move_clock(struct core *c, uint64_t now_ms)
{
    assert(now_ms >= c->now_ms);
    c->now_ms = now_ms;
}

void core_request(struct core *c, uint64_t now_ms, struct call *call,
                  const uint8_t random[GUID_SIZE])
{
    move_clock(c, now_ms);
    assert(call->stage == STAGE_NEW);
    if (call->op->kind == OP_INVOKE) {
        call->id = guid_make(random, c->config.home_tag);
        core_invoke(c, call);
    } else {
        core_ask(c, call);
    }
}

void core_leave(struct core *c, uint64_t now_ms, struct call *call)
{
    move_clock(c, now_ms);
    struct work *w = call->work;
    if (w != NULL) {
        if (w->inv == NULL) {
            core_invoke_unregister(c, call);
        }
        w->call = NULL;
        call->work = NULL;
        if (w->inv == NULL) { /* synchronous, or not accepted yet: nobody else can ask */
            struct function *f = w->function;
            core_run_abandon(c, w);
            core_run_next(c, f);
        }
    }
    if (call->stage != STAGE_DONE) {
        cluster_leave(c->cluster, now_ms, call_ticket(call));
    }
    call->stage = STAGE_DONE;
}

void core_sent(struct core *c, uint64_t now_ms, struct call *call, bool complete)
{
    move_clock(c, now_ms);
    assert(call->stage == STAGE_SERVING);
    call->stage = STAGE_DONE;
    cluster_sent(c->cluster, now_ms, call_ticket(call), complete);
}

uint64_t core_deadline_ms(const struct core *c)
{
    uint64_t works = works_deadline_ms(c->works);
    uint64_t cluster = cluster_deadline_ms(c->cluster);
    uint64_t webhooks = alarms_deadline_ms(&c->webhook_alarms);
    uint64_t ours = works < webhooks ? works : webhooks;
    return ours < cluster ? ours : cluster;
}

void core_tick(struct core *c, uint64_t now_ms)
{
    move_clock(c, now_ms);
    struct work *w;
    while (core_has_room(c) && (w = work_due(c->works, now_ms)) != NULL) {
        core_run_due(c, w);
    }
    core_webhook_due(c);
    if (cluster_deadline_ms(c->cluster) <= now_ms) {
        cluster_tick(c->cluster, now_ms);
    }
}

void core_drain(struct core *c, uint64_t now_ms)
{
    move_clock(c, now_ms);
    if (!c->draining) {
        c->draining = true;
        cluster_drain(c->cluster, now_ms);
    }
}

void core_finish(struct core *c, uint64_t now_ms)
{
    move_clock(c, now_ms);
    assert(c->draining);
    c->finishing = true;
}

bool core_has_memory(const struct core *c)
{
    uint32_t count = functions_count(c->functions);
    bool has = count == 0;
    for (uint32_t i = 0; i < count && !has; i++) {
        has = budget_is_free(c->config.budget,
                             function_result_size(functions_at(c->functions, i)));
    }
    return has;
}

bool core_is_draining(const struct core *c)
{
    return c->draining;
}

bool core_abandon(struct core *c)
{
    struct work *w = NULL;
    while (core_has_room(c) && (w = work_any_running(c->works)) != NULL) {
        core_run_abandon(c, w);
    }
    return w != NULL;
}

const struct functions *core_functions(const struct core *c)
{
    for (uint32_t i = 0; i < functions_count(c->functions); i++) {
        struct function *f = functions_at(c->functions, i);
        struct cluster_here here = cluster_here(c->cluster, f->spec.name);
        f->stats.ready = here.ready;
        f->stats.ready_bytes = here.ready_bytes;
    }
    return c->functions;
}

struct cluster *core_cluster(const struct core *c)
{
    return c->cluster;
}

void core_note_refused(struct core *c, enum op_outcome reason)
{
    assert(reason < OUT_COUNT);
    c->refused[reason]++;
}

uint64_t core_refused(const struct core *c, enum op_outcome reason)
{
    assert(reason < OUT_COUNT);
    return c->refused[reason];
}
