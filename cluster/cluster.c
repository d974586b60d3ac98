/* The front door: life, time, effects, and the calls that only pass on. */
#include "cluster/state.h"

#include "cluster/answer.h"
#include "cluster/arbiter.h"
#include "cluster/claims.h"
#include "cluster/members.h"
#include "cluster/ops.h"
#include "cluster/publish.h"
#include "cluster/questions.h"
#include "cluster/seats.h"
#include "cluster/send.h"
#include "cluster/store.h"
#include "cluster/streams.h"
#include "cluster/view.h"

#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>

enum {
    EXPIRE_MAX = 512, /* entries ended in one tick: a few milliseconds */
    TIMERS_MAX = 512,
    FORGET_MAX = 4096, /* tombstones */
    NAMES_DUE_MAX = 512,
};

/* Before all that can be: an entry may be older than this node. */
#define EPOCH_BACK_MS ((uint64_t)1 << 36)

static uint64_t entry_due_at(const void *owner, const void *item)
{
    return store_deadline_ms(owner, item);
}

/* --- life -------------------------------------------------------------------------------- */

static struct bytes put_text(char **to, struct bytes text)
{
    struct bytes kept = bytes_of(*to, text.size);
    if (text.size > 0) {
        memcpy(*to, text.at, text.size);
    }
    *to += text.size;
    return kept;
}

static int copy_texts(struct cluster *c, const struct cluster_config *config)
{
    size_t size = config->node_name.size + config->cluster_name.size + config->zone.size +
                  config->advertise.size;
    c->texts = malloc(size + 1);
    if (c->texts == NULL) {
        return ERR_NOMEM;
    }
    char *to = c->texts;
    c->config.node_name = put_text(&to, config->node_name);
    c->config.cluster_name = put_text(&to, config->cluster_name);
    c->config.zone = put_text(&to, config->zone);
    c->config.advertise = put_text(&to, config->advertise);
    return 0;
}

static int init_tables(struct cluster *c)
{
    uint64_t key = rng_next(&c->rng);
    struct table_config by_guid = {.pool = &c->invocations,
                                   .next_offset = offsetof(struct invocation, hash_next),
                                   .key = key};
    struct table_config watched = {
        .pool = &c->watches, .next_offset = offsetof(struct watch, hash_next), .key = key};
    struct wheel_config deadlines = {.pool = &c->invocations,
                                     .link_offset = offsetof(struct invocation, wheel),
                                     .due_at_ms = entry_due_at,
                                     .owner = c};
    pool_init(&c->invocations, sizeof(struct invocation), c);
    pool_init(&c->extras, sizeof(struct extra), c);
    pool_init(&c->places, sizeof(struct place), c);
    pool_init(&c->watches, sizeof(struct watch), c);
    wheel_init(&c->deadlines, &deadlines, c->now_ms);
    names_init(&c->names, key);
    int rc = table_init(&c->by_guid, &by_guid);
    rc = rc != 0 ? rc : table_init(&c->watched, &watched);
    rc = rc != 0 ? rc : ops_init(c, key);
    rc = rc != 0 ? rc : nodes_init(&c->nodes, key);
    rc = rc != 0 ? rc : tombs_init(&c->tombs, c->budget, &c->nodes, key);
    rc = rc != 0 ? rc : registry_init(&c->registry, c->budget, key, c->now_ms);
    return rc != 0 ? rc : effects_init(&c->effects);
}

static int init_self(struct cluster *c)
{
    uint16_t self = nodes_take(&c->nodes, &c->config.node_id);
    if (self == 0 || !nodes_set_name(nodes_at(&c->nodes, self), c->config.node_name)) {
        return ERR_NOMEM;
    }
    assert(self == SELF);
    return c->config.advertise.size == 0 ? 0 : members_init(c);
}

struct cluster *cluster_new(const struct cluster_config *config, uint64_t now_ms)
{
    struct cluster *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    c->config = *config;
    c->budget = config->budget;
    c->now_ms = now_ms;
    c->epoch_ms = now_ms - EPOCH_BACK_MS;
    c->rng.state = config->seed;
    list_init(&c->claims);
    list_init(&c->accepts);
    list_init(&c->assemblies);
    if (copy_texts(c, config) != 0 || init_tables(c) != 0 || init_self(c) != 0) {
        cluster_free(&c);
    }
    return c;
}

void cluster_free(struct cluster **c)
{
    struct cluster *mine = *c;
    *c = NULL;
    if (mine == NULL) {
        return;
    }
    if (mine->effects.ring != NULL) {
        uint32_t ended = mine->effects.ended;
        struct cluster_effect e;
        while (mine->effects.count > 0) {
            effects_next(&mine->effects, &e, &ended);
            if (e.kind == CLUSTER_COLLECT_SERVE) {
                result_drop(&e.result);
            }
            if (ended != 0) {
                store_free(mine, ended);
            }
        }
        if (mine->effects.ended != 0) {
            store_free(mine, mine->effects.ended);
        }
        mine->effects.ended = 0;
        effects_fini(&mine->effects);
    }
    store_free_all(mine);
    ops_fini(mine);
    if (mine->members != NULL) {
        members_fini(mine);
    }
    seats_fini(mine);
    registry_fini(&mine->registry);
    tombs_fini(&mine->tombs);
    nodes_fini(&mine->nodes);
    names_fini(&mine->names);
    table_fini(&mine->by_guid);
    table_fini(&mine->watched);
    pool_fini(&mine->invocations);
    pool_fini(&mine->extras);
    pool_fini(&mine->places);
    pool_fini(&mine->watches);
    free(mine->texts);
    free(mine);
}

uint32_t cluster_home_tag(const struct cluster *c)
{
    return guid_home_tag(&c->config.node_id);
}

/* --- time ------------------------------------------------------------------------------------
 */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t tomb_due_ms(const struct cluster *c, const struct tomb *t)
{
    return c->epoch_ms + t->created + t->ended - 1 + c->config.retention_ms;
}

uint64_t cluster_deadline_ms(const struct cluster *c)
{
    uint64_t due = earlier(wheel_deadline_ms(&c->deadlines), wheel_deadline_ms(&c->op_timers));
    due = earlier(due, wheel_deadline_ms(&c->registry.wheel));
    const struct tomb *oldest = tombs_oldest(&c->tombs);
    if (oldest != NULL) {
        due = earlier(due, tomb_due_ms(c, oldest));
    }
    return c->members == NULL ? due : earlier(due, members_deadline_ms(c));
}

static void forget_tombs(struct cluster *c)
{
    const struct tomb *oldest;
    for (uint32_t i = 0; i < FORGET_MAX && (oldest = tombs_oldest(&c->tombs)) != NULL; i++) {
        if (tomb_due_ms(c, oldest) > c->now_ms) {
            break;
        }
        tombs_forget_oldest(&c->tombs);
    }
}

void cluster_tick(struct cluster *c, uint64_t now_ms)
{
    c->now_ms = now_ms;
    ops_due(c, TIMERS_MAX);
    store_expire(c, EXPIRE_MAX);
    forget_tombs(c);
    questions_tick(c, NAMES_DUE_MAX);
    if (c->members != NULL) {
        members_tick(c);
    }
}

void cluster_flush(struct cluster *c, uint64_t now_ms)
{
    c->now_ms = now_ms;
    if (c->members != NULL) {
        streams_flush(c);
    }
}

/* --- effects ---------------------------------------------------------------------------------
 */

bool cluster_next_effect(struct cluster *c, struct cluster_effect *out)
{
    uint32_t ended;
    bool has = effects_next(&c->effects, out, &ended);
    if (ended != 0) {
        store_free(c, ended);
    }
    return has;
}

/* --- work ------------------------------------------------------------------------------------
 */

/* One message may end several invocations; the core hears of it one by one, and may give the
 * slot of the first to another whose end it has not heard of yet. That is no longer news. */
static bool has_ended(const struct invocation *inv)
{
    return inv_is_ready(inv) || invocation_state_is_final((enum invocation_state)inv->state);
}

void cluster_started(struct cluster *c, uint64_t now_ms, struct invocation *inv)
{
    c->now_ms = now_ms;
    if (!has_ended(inv)) {
        store_running(c, inv);
    }
}

void cluster_requeued(struct cluster *c, uint64_t now_ms, struct invocation *inv)
{
    c->now_ms = now_ms;
    if (!has_ended(inv)) {
        store_queued(c, inv);
    }
}

/* Its home has entrusted it to this node, and still is the one who tells and counts its end. */
static void tell_dropped(struct cluster *c, const struct invocation *inv)
{
    if (publish_is_owner(c, inv)) {
        return;
    }
    struct msg_taken_item item = {
        .guid = inv->guid, .no = {.node = c->config.node_id}, .state = INVOCATION_COLLECTED};
    for (uint32_t i = 0; i <= inv_others(inv); i++) {
        if (inv_arbiter(inv, i) != SELF) {
            send_taken(c, inv_arbiter(inv, i), &item);
        }
    }
}

void cluster_complete(struct cluster *c, uint64_t now_ms, struct invocation *inv,
                      struct result *result)
{
    c->now_ms = now_ms;
    if (has_ended(inv)) {
        c->counters.duplicate_results++; /* another executor was faster */
        result_drop(result);
        return;
    }
    struct store_result r = {.result = *result,
                             .has_payload = true,
                             .completed_at_ms = now_ms,
                             .expires_at_ms = now_ms + inv->ttl_or_completed};
    bool drop = inv->drop_result;
    struct guid guid = inv->guid;
    *result = (struct result){0};
    store_ready(c, inv, &r);
    if (invocation_callback_url(inv).size > 0) {
        inv->webhook = WEBHOOK_PENDING; /* the copies say it too */
    }
    if (drop) {
        tell_dropped(c, inv);
        store_end(c, inv, INVOCATION_COLLECTED);
        return;
    }
    publish_created(c, inv);
    arbiter_ready(c, inv);
    claims_on_ready(c, &guid);
}

void cluster_set_webhook(struct cluster *c, struct invocation *inv, enum webhook_state state)
{
    (void)c;
    inv->webhook = state & 3u;
}

/* --- collecting ----------------------------------------------------------------------------
 */

static struct guid token_hash(struct bytes token)
{
    struct guid hash = {{0}};
    if (token.size > 0) {
        /* The same at every node, so no key of ours. */
        uint64_t low = hash_bytes(token, 0x6a09e667f3bcc908u) | 1;
        uint64_t high = hash_bytes(token, 0xbb67ae8584caa73bu);
        memcpy(hash.at, &low, 8);
        memcpy(hash.at + 8, &high, 8);
    }
    return hash;
}

/* All attempts to deliver an invocation's callback share it; no hash of a text is even. */
static const struct guid webhook_token = {.at = {2}};

static void answer_now(struct cluster *c, uint64_t ticket, enum cluster_effect_kind kind,
                       const struct invocation_view *view)
{
    struct cluster_effect *e = effects_add(&c->effects, kind);
    e->ticket = ticket;
    e->view = *view;
    e->view.client_id = effects_keep(&c->effects, view->client_id);
    c->counters.claims_gone += kind == CLUSTER_COLLECT_GONE;
    c->counters.claims_pending += kind == CLUSTER_COLLECT_PENDING;
    c->counters.claims_unknown += kind == CLUSTER_COLLECT_UNKNOWN;
}

/* What is plain from here, without a claim. True: it was answered. */
static bool answer_from_here(struct cluster *c, const struct cluster_collect *in)
{
    uint16_t tenant = names_find_tenant(&c->names, in->tenant);
    const struct invocation *inv = store_find_of(c, &in->guid, tenant);
    bool is_open = inv != NULL && inv_is_ready(inv) && !inv->is_over && !inv->is_bound;
    struct invocation_view view;
    if ((is_open && in->function.size == 0) || !view_find(&view, c, &in->guid, tenant)) {
        return false; /* nearly always: a claim has to decide */
    }
    if (in->function.size > 0 && !bytes_equal(in->function, view.function)) {
        view = (struct invocation_view){.guid = in->guid};
        answer_now(c, in->ticket, CLUSTER_COLLECT_UNKNOWN, &view);
    } else if (inv == NULL || inv->is_over || (inv->is_bound && in->token.size == 0)) {
        answer_now(c, in->ticket, CLUSTER_COLLECT_GONE, &view);
    } else if (!inv_is_ready(inv) && in->wait_ms == 0) {
        answer_now(c, in->ticket, CLUSTER_COLLECT_PENDING, &view);
    } else {
        return false;
    }
    return true;
}

static void claim(struct cluster *c, const struct cluster_collect *in, enum op_kind kind)
{
    uint16_t tenant;
    bool is_kept = !c->is_finishing && names_keep_tenant(&c->names, in->tenant, &tenant);
    struct op *op = is_kept ? ops_new(c, in->ticket, kind) : NULL;
    if (op == NULL) {
        struct invocation_view view = {.guid = in->guid};
        answer_now(c, in->ticket, CLUSTER_COLLECT_NO_QUORUM, &view);
        return;
    }
    op->guid = in->guid;
    op->token = in->is_webhook ? webhook_token : token_hash(in->token);
    op->is_webhook = in->is_webhook;
    op->wait_until_ms = c->now_ms + in->wait_ms;
    op->purpose = kind == CLUSTER_OP_FREE ? CLAIM_FREE : CLAIM_COLLECT;
    op->is_peek = in->peek;
    op->tenant = tenant;
    op->function = in->function.size == 0 ? 0 : names_keep(&c->names, in->function);
    claims_join(c, op);
}

void cluster_collect(struct cluster *c, uint64_t now_ms, const struct cluster_collect *in)
{
    c->now_ms = now_ms;
    if (!answer_from_here(c, in)) {
        claim(c, in, CLUSTER_OP_COLLECT);
    }
}

void cluster_release(struct cluster *c, uint64_t now_ms, const struct cluster_collect *in)
{
    c->now_ms = now_ms;
    if (!answer_from_here(c, in)) {
        claim(c, in, CLUSTER_OP_FREE);
    }
}

void cluster_sent(struct cluster *c, uint64_t now_ms, uint64_t ticket, bool complete)
{
    c->now_ms = now_ms;
    struct op *op = ops_find(c, ticket);
    if (op != NULL && op->phase == OP_SERVING) {
        claims_sent(c, op, complete);
    }
}

void cluster_leave(struct cluster *c, uint64_t now_ms, uint64_t ticket)
{
    c->now_ms = now_ms;
    struct op *op = ops_find(c, ticket);
    if (op == NULL) {
        return;
    }
    if (op->watch != 0 || op->phase == OP_SERVING) {
        claims_leave(c, op);
    } else {
        questions_leave(c, op);
    }
}

/* --- the end, and figures --------------------------------------------------------------------
 */

void cluster_drain(struct cluster *c, uint64_t now_ms)
{
    c->now_ms = now_ms;
    if (c->is_draining) {
        return;
    }
    c->is_draining = true;
    if (c->members != NULL) {
        members_drain(c);
    }
}

void cluster_finish(struct cluster *c, uint64_t now_ms)
{
    c->now_ms = now_ms;
    assert(c->is_draining);
    if (c->is_finishing) {
        return;
    }
    c->is_finishing = true;
    if (c->members == NULL) {
        c->is_drained = true;
        effects_add(&c->effects, CLUSTER_DRAINED);
    } else {
        members_finish(c);
    }
}

bool cluster_is_ready(const struct cluster *c, const char **why)
{
    if (c->is_draining) {
        *why = "draining";
        return false;
    }
    if (c->members != NULL && !members_are_joined(c)) {
        *why = "joining the cluster";
        return false;
    }
    *why = "ready";
    return true;
}

const struct cluster_counters *cluster_counters(const struct cluster *c)
{
    return &c->counters;
}

struct cluster_sizes cluster_sizes(const struct cluster *c)
{
    return (struct cluster_sizes){
        .invocations = c->by_guid.count,
        .payloads = c->payloads,
        .tombstones = tombs_count(&c->tombs),
        .claims = c->ops.count,
        .votes = c->places.count,
        .names = c->registry.pool.count,
        .members = c->members == NULL ? 1 : members_count(c),
        .links = c->members == NULL ? 0 : members_link_count(c),
    };
}

void cluster_watermarks(const struct cluster *c, uint64_t *low, uint64_t *high)
{
    const struct seqmap *seqs = &nodes_at(&c->nodes, SELF)->seqs;
    *high = c->last_seq + 1;
    *low = c->members != NULL ? seqs->low : c->by_guid.count == 0 ? *high : 1;
}
