#include "cluster/store.h"

#include "cluster/accept.h"
#include "cluster/arbiter.h"
#include "cluster/claims.h"
#include "cluster/holdings.h"
#include "cluster/payload.h"
#include "cluster/publish.h"
#include "cluster/send.h"
#include "cluster/terms.h"
#include "cluster/trust.h"
#include "cluster/view.h"

#include <assert.h>
#include <stdlib.h>

/* What an entry costs beyond its buffers: itself, its place in the table and in a seqmap. */
#define ENTRY_CHARGE (sizeof(struct invocation) + 8)
#define EXTRA_CHARGE (sizeof(struct extra))

#define EXTRA_HANDLE_MAX (1u << 28) /* what an entry has room for */

#define DEADLINE_MAX (UINT32_MAX - 1)

#define HOLD_OVER_MS 3000 /* more than a silent node is believed in */

bool store_charge(struct cluster *c, size_t size)
{
    while (!budget_charge(c->budget, size)) {
        if (tombs_oldest(&c->tombs) == NULL) {
            return false;
        }
        tombs_forget_oldest(&c->tombs);
        c->counters.tombstones_pressed++;
    }
    return true;
}

/* --- what this node answers for ----------------------------------------------------------- */

static void here_add(struct cluster *c, const struct invocation *inv)
{
    struct cluster_here *here = names_here(&c->names, inv->function);
    here->pending += !inv_is_ready(inv);
    here->ready += inv_is_ready(inv);
    here->ready_bytes += inv_is_ready(inv) ? invocation_bytes(inv) : 0;
}

static void here_take(struct cluster *c, const struct invocation *inv)
{
    struct cluster_here *here = names_here(&c->names, inv->function);
    here->pending -= !inv_is_ready(inv);
    here->ready -= inv_is_ready(inv);
    here->ready_bytes -= inv_is_ready(inv) ? invocation_bytes(inv) : 0;
}

static void tell_ready(struct cluster *c, struct invocation *inv)
{
    struct cluster_effect *e = effects_add(&c->effects, CLUSTER_READY);
    e->inv = inv;
    view_of_entry(&e->view, c, inv);
}

void store_accepted(struct cluster *c, struct invocation *inv)
{
    assert(inv->is_known);
    here_add(c, inv);
    effects_add(&c->effects, CLUSTER_ACCEPTED)->inv = inv;
}

void store_adopt(struct cluster *c, struct invocation *inv)
{
    assert(!inv->is_known);
    inv->is_known = 1;
    here_add(c, inv);
    effects_add(&c->effects, CLUSTER_ADOPTED)->inv = inv;
    if (inv_is_ready(inv)) {
        tell_ready(c, inv);
    }
}

struct cluster_here cluster_here(const struct cluster *c, struct bytes function)
{
    uint16_t name = names_find(&c->names, function);
    return name == 0 ? (struct cluster_here){0} : c->names.at[name].here;
}

/* --- creating --------------------------------------------------------------------------- */

/* A node that will never have peers needs no numbers. */
static bool has_numbers(const struct cluster *c)
{
    return c->members != NULL;
}

static int enter_tables(struct cluster *c, struct invocation *inv, uint32_t handle)
{
    struct seqmap *seqs = &nodes_at(&c->nodes, inv->origin)->seqs;
    if (has_numbers(c)) {
        int rc = seqmap_put(seqs, inv->seq, handle);
        if (rc != 0) {
            return rc;
        }
    }
    if (table_add(&c->by_guid, handle) != 0) {
        if (has_numbers(c)) {
            seqmap_end(seqs, inv->seq); /* was live, so it cannot fail */
        }
        return ERR_NOMEM;
    }
    return 0;
}

int store_new(struct cluster *c, const struct store_spec *spec, struct invocation **out)
{
    *out = NULL;
    if (store_find(c, &spec->guid) != NULL) {
        return ERR_INUSE; /* what has ended is known by its number: tombstones are not asked */
    }
    if (!store_charge(c, ENTRY_CHARGE)) {
        return ERR_FULL;
    }
    uint32_t handle = pool_new(&c->invocations);
    if (handle == 0) {
        budget_return(c->budget, ENTRY_CHARGE);
        return ERR_NOMEM;
    }
    struct invocation *inv = inv_at(c, handle);
    memset(inv, 0, sizeof *inv);
    inv->guid = spec->guid;
    inv->created = (spec->created_at_ms - c->epoch_ms) & (((uint64_t)1 << 38) - 1);
    inv->origin = spec->arbiters[0] & 0xfffu;
    inv->arbiter1 = spec->arbiters[1] & 0xfffu;
    inv->arbiter2 = spec->arbiters[2] & 0xfffu;
    inv->arbiter_count = spec->arbiter_count & 3u;
    uint32_t seats = 0;
    for (uint32_t i = 0; i < spec->arbiter_count; i++) {
        seats |= spec->arbiters[i] == SELF ? 1u << i : 0;
    }
    inv->seats = seats & 7u;
    inv->seq = spec->seq & (SEQ_END - 1);
    inv->function = spec->function & 0x3fffu;
    inv->deadline = DEADLINE_NONE;
    inv->state = INVOCATION_QUEUED;
    int rc = enter_tables(c, inv, handle);
    if (rc != 0) {
        pool_free(&c->invocations, handle);
        budget_return(c->budget, ENTRY_CHARGE);
        return rc;
    }
    holdings_add(c, inv, ENTRY_CHARGE);
    nodes_share(&c->nodes, inv->origin);
    nodes_share(&c->nodes, inv->arbiter1);
    nodes_share(&c->nodes, inv->arbiter2);
    c->pending_count += inv_is_ours(inv);
    *out = inv;
    return 0;
}

/* --- the side struct ---------------------------------------------------------------------- */

struct extra *store_extra(struct cluster *c, struct invocation *inv)
{
    if (inv->extra != 0) {
        return extra_at(c, inv->extra);
    }
    if (!store_charge(c, EXTRA_CHARGE)) {
        return NULL;
    }
    uint32_t handle = pool_new(&c->extras);
    if (handle >= EXTRA_HANDLE_MAX) {
        pool_free(&c->extras, handle);
        handle = 0;
    }
    if (handle == 0) {
        budget_return(c->budget, EXTRA_CHARGE);
        return NULL;
    }
    struct extra *x = extra_at(c, handle);
    memset(x, 0, sizeof *x);
    inv->extra = handle & (EXTRA_HANDLE_MAX - 1);
    return x;
}

static size_t texts_size(const struct extra *x)
{
    return (size_t)x->client_id_size + x->callback_url_size;
}

static void extra_free(struct cluster *c, struct invocation *inv)
{
    struct extra *x = extra_at(c, inv->extra);
    assert(!extra_has_votes(x) && x->accept_op == 0);
    if (x->texts != NULL) {
        budget_return(c->budget, texts_size(x));
        free(x->texts);
    }
    holdings_drop_request(c, inv);
    terms_forget(c, x);
    pool_free(&c->extras, inv->extra);
    inv->extra = 0;
    budget_return(c->budget, EXTRA_CHARGE);
}

void store_trim(struct cluster *c, struct invocation *inv)
{
    if (inv->extra == 0 || !inv_is_ready(inv)) {
        return;
    }
    const struct extra *x = extra_at(c, inv->extra);
    if (x->work == NULL && x->texts == NULL && x->accept_op == 0 && x->term == 0 &&
        !extra_has_votes(x)) {
        extra_free(c, inv);
    }
}

int store_set_texts(struct cluster *c, struct invocation *inv, struct bytes client_id,
                    struct bytes callback_url)
{
    size_t size = client_id.size + callback_url.size;
    struct extra *x = extra_at(c, inv->extra);
    assert(x->texts == NULL);
    if (size == 0) {
        return 0;
    }
    if (client_id.size > MSG_KEY_MAX || callback_url.size > MSG_URL_MAX ||
        !store_charge(c, size)) {
        return ERR_FULL;
    }
    x->texts = malloc(size);
    if (x->texts == NULL) {
        budget_return(c->budget, size);
        return ERR_NOMEM;
    }
    if (client_id.size > 0) {
        memcpy(x->texts, client_id.at, client_id.size);
    }
    if (callback_url.size > 0) {
        memcpy(x->texts + client_id.size, callback_url.at, callback_url.size);
    }
    x->client_id_size = (uint16_t)client_id.size;
    x->callback_url_size = (uint16_t)callback_url.size;
    return 0;
}

/* --- moving ----------------------------------------------------------------------------- */

uint64_t store_deadline_ms(const struct cluster *c, const struct invocation *inv)
{
    return inv->deadline == DEADLINE_NONE ? UINT64_MAX
                                          : inv_created_at_ms(c, inv) + inv->deadline;
}

void store_set_deadline(struct cluster *c, struct invocation *inv, uint64_t at_ms)
{
    uint32_t handle = pool_handle(&c->invocations, inv);
    wheel_remove(&c->deadlines, handle);
    if (at_ms == UINT64_MAX) {
        inv->deadline = DEADLINE_NONE;
        return;
    }
    uint64_t after = span_ms(inv_created_at_ms(c, inv), at_ms);
    inv->deadline = (uint32_t)(after < DEADLINE_MAX ? after : DEADLINE_MAX);
    if (inv_is_ready(inv)) {
        wheel_add(&c->deadlines, handle); /* until then it is the core that ends the run */
    }
}

static uint32_t span_since(const struct cluster *c, const struct invocation *inv,
                           uint64_t at_ms)
{
    uint64_t after = span_ms(inv_created_at_ms(c, inv), at_ms);
    return (uint32_t)(after < DEADLINE_MAX ? after : DEADLINE_MAX);
}

void store_running(struct cluster *c, struct invocation *inv)
{
    assert(inv->state == INVOCATION_QUEUED || inv->state == INVOCATION_RUNNING);
    inv->state = INVOCATION_RUNNING;
    if (inv->attempt < UINT8_MAX) {
        inv->attempt++;
    }
    inv->started = span_since(c, inv, c->now_ms) + 1;
}

void store_queued(struct cluster *c, struct invocation *inv)
{
    (void)c;
    assert(inv->state == INVOCATION_QUEUED || inv->state == INVOCATION_RUNNING);
    inv->state = INVOCATION_QUEUED;
}

static void take_payload(struct cluster *c, struct invocation *inv, const struct result *result)
{
    assert(!inv->has_payload);
    inv->headers = result->headers;
    inv->body = result->body;
    inv->has_payload = 1;
    c->payloads++;
    holdings_add(c, inv, invocation_bytes(inv));
}

/* It runs no more, and its request is not needed again. */
static void leave_pending(struct cluster *c, struct invocation *inv)
{
    c->pending_count -= inv_is_ours(inv);
    if (has_numbers(c)) {
        seqmap_set_ready(&nodes_at(&c->nodes, inv->origin)->seqs, inv->seq);
    }
    if (inv->extra != 0) {
        holdings_drop_request(c, inv);
    }
}

void store_ready(struct cluster *c, struct invocation *inv, const struct store_result *r)
{
    assert(!inv_is_ready(inv) && !invocation_state_is_final((enum invocation_state)inv->state));
    accept_settle(c, inv);
    if (inv->is_known) {
        here_take(c, inv);
    }
    inv->state = r->result.failed ? INVOCATION_FAILED : INVOCATION_SUCCEEDED;
    inv->status = r->result.status & 0x3ffu;
    inv->ttl_or_completed = span_since(c, inv, r->completed_at_ms);
    leave_pending(c, inv);
    if (r->has_payload) {
        take_payload(c, inv, &r->result);
    }
    uint64_t expires = r->expires_at_ms;
    if (inv->is_bound && expires > c->now_ms + c->config.redelivery_ms) {
        expires = c->now_ms + c->config.redelivery_ms; /* TAKEN came before the callback */
    }
    store_set_deadline(c, inv, expires);
    if (inv->is_known) {
        here_add(c, inv);
        tell_ready(c, inv);
    }
    store_trim(c, inv);
}

void store_set_payload(struct cluster *c, struct invocation *inv, struct result *result)
{
    if (inv->is_known) {
        here_take(c, inv);
    }
    take_payload(c, inv, result);
    inv->state = result->failed ? INVOCATION_FAILED : INVOCATION_SUCCEEDED;
    inv->status = result->status & 0x3ffu;
    if (inv->is_known) {
        here_add(c, inv);
    }
    *result = (struct result){0};
}

/* --- ending ------------------------------------------------------------------------------- */

static void bury(struct cluster *c, const struct invocation *inv, enum invocation_state end)
{
    struct tomb t = {
        .guid = inv->guid,
        .created = inv->created,
        .origin = inv->origin,
        .function = inv->function,
        .seq = inv->seq,
        .state = end & 7u,
        .webhook = inv->webhook,
        .attempt = inv->attempt,
        .status = inv->status,
        .started = inv->started,
        .completed = inv->status == 0 ? 0 : inv->ttl_or_completed + 1,
        .ended = span_since(c, inv, c->now_ms) + 1,
    };
    tombs_add(&c->tombs, &t);
}

static void leave_tables(struct cluster *c, struct invocation *inv, uint32_t handle)
{
    table_remove(&c->by_guid, handle);
    wheel_remove(&c->deadlines, handle);
    payload_forget(c, inv);
    accept_forget(c, inv);
    struct seqmap *seqs = &nodes_at(&c->nodes, inv->origin)->seqs;
    if (has_numbers(c) && seqmap_get(seqs, inv->seq) == handle) {
        int rc = seqmap_end(seqs, inv->seq);
        assert(rc == 0); /* it was live */
    }
    nodes_drop(&c->nodes, inv->arbiter1);
    nodes_drop(&c->nodes, inv->arbiter2);
    nodes_drop(&c->nodes, inv->origin);
    c->pending_count -= inv_is_ours(inv) && !inv_is_ready(inv);
}

static void drop_payload(struct cluster *c, struct invocation *inv)
{
    c->payloads -= inv->has_payload;
    inv->has_payload = 0;
    holdings_take(c, inv, invocation_bytes(inv));
    buf_drop(&inv->headers);
    buf_drop(&inv->body);
}

static enum cluster_effect_kind effect_of(enum invocation_state end)
{
    return end == INVOCATION_COLLECTED ? CLUSTER_COLLECTED
           : end == INVOCATION_EXPIRED ? CLUSTER_EXPIRED
                                       : CLUSTER_CANCELED;
}

static void tell_core(struct cluster *c, struct invocation *inv, enum cluster_effect_kind kind,
                      enum invocation_state end)
{
    struct cluster_effect *e = effects_add(&c->effects, kind);
    e->inv = inv;
    e->ticket = pool_handle(&c->invocations, inv);
    view_of_entry(&e->view, c, inv);
    e->view.state = end;
    e->view.ended_at_ms = c->now_ms;
}

/* Where it has ended first: there it is counted and told to others. */
enum where { ENDS_HERE, ENDED_ELSEWHERE, ENDED_LONG_AGO };

static void end_entry(struct cluster *c, struct invocation *inv, enum invocation_state end,
                      enum where where)
{
    bool elsewhere = where != ENDS_HERE;
    assert(invocation_state_is_final(end));
    assert(!invocation_state_is_final((enum invocation_state)inv->state)); /* S3 */
    uint32_t handle = pool_handle(&c->invocations, inv);
    bool is_orphan = !inv->is_known && !inv_is_ours(inv) && end == INVOCATION_CANCELED;
    if (is_orphan && !elsewhere && publish_is_owner(c, inv)) {
        store_adopt(c, inv); /* canceled before it could be taken over: its end counts here */
    }
    bool is_known = inv->is_known;
    uint16_t tenant = names_tenant(&c->names, inv->function);
    struct guid guid = inv->guid;
    accept_settle(c, inv);
    if (is_known) {
        here_take(c, inv);
        bool counts = !elsewhere && publish_is_owner(c, inv);
        tell_core(c, inv, counts ? effect_of(end) : CLUSTER_DROPPED, end);
    }
    if (where != ENDED_LONG_AGO) {
        bury(c, inv, end);
    }
    if (!elsewhere) {
        publish_ended(c, inv, end);
    }
    arbiter_end(c, inv, end);
    leave_tables(c, inv, handle);
    inv->state = end & 7u;
    drop_payload(c, inv);
    if (!is_known) {
        store_free(c, handle);
    }
    claims_on_end(c, &guid, tenant, end);
}

void store_end(struct cluster *c, struct invocation *inv, enum invocation_state how)
{
    end_entry(c, inv, how, ENDS_HERE);
}

void store_end_elsewhere(struct cluster *c, struct invocation *inv, enum invocation_state how)
{
    end_entry(c, inv, how, ENDED_ELSEWHERE);
}

void store_end_forgotten(struct cluster *c, struct invocation *inv)
{
    end_entry(c, inv, INVOCATION_EXPIRED, ENDED_LONG_AGO);
}

void store_refuse(struct cluster *c, struct invocation *inv)
{
    assert(inv->is_known);
    uint32_t handle = pool_handle(&c->invocations, inv);
    tell_core(c, inv, CLUSTER_REFUSED, INVOCATION_CANCELED);
    publish_ended(c, inv, INVOCATION_CANCELED);
    arbiter_end(c, inv, INVOCATION_CANCELED);
    leave_tables(c, inv, handle);
    inv->state = INVOCATION_CANCELED;
    drop_payload(c, inv);
}

void store_undo(struct cluster *c, struct invocation *inv)
{
    uint32_t handle = pool_handle(&c->invocations, inv);
    leave_tables(c, inv, handle);
    inv->state = INVOCATION_CANCELED;
    store_free(c, handle);
}

void store_forget(struct cluster *c, struct invocation *inv)
{
    uint32_t handle = pool_handle(&c->invocations, inv);
    seqmap_forget(&nodes_at(&c->nodes, inv->origin)->seqs, inv->seq);
    leave_tables(c, inv, handle);
    inv->state = INVOCATION_CANCELED;
    store_free(c, handle);
}

void store_free(struct cluster *c, uint32_t handle)
{
    struct invocation *inv = inv_at(c, handle);
    assert(invocation_state_is_final((enum invocation_state)inv->state));
    if (inv->extra != 0) {
        extra_free(c, inv);
    }
    holdings_take(c, inv, ENTRY_CHARGE);
    pool_free(&c->invocations, handle);
    budget_return(c->budget, ENTRY_CHARGE);
}

/* --- time is over ----------------------------------------------------------------------------
 */

void store_hold_over(struct cluster *c, struct invocation *inv, enum invocation_state end)
{
    struct guid guid = inv->guid;
    uint16_t tenant = names_tenant(&c->names, inv->function);
    inv->is_over = 1;
    inv->is_bound = end == INVOCATION_COLLECTED;
    inv->is_canceled = end == INVOCATION_CANCELED;
    if (inv->is_known) {
        here_take(c, inv);
    }
    if (!inv_is_ready(inv)) { /* as if there had been a callback, and it were gone */
        accept_settle(c, inv);
        inv->state = INVOCATION_FAILED;
        leave_pending(c, inv);
    }
    drop_payload(c, inv);
    if (inv->is_known) {
        here_add(c, inv);
    }
    arbiter_end(c, inv, end);
    store_set_deadline(c, inv, c->now_ms + HOLD_OVER_MS);
    store_trim(c, inv);
    claims_on_end(c, &guid, tenant, end);
}

/* It has not told of the end for so long: who collected or canceled it may have died before
 * saying so there. */
static void remind_home(struct cluster *c, const struct invocation *inv)
{
    struct msg_taken_item item = {.guid = inv->guid,
                                  .no = {.node = c->config.node_id},
                                  .state = (uint8_t)inv_end(inv),
                                  .webhook = inv->webhook};
    send_taken(c, (uint16_t)inv->origin, &item);
}

void store_expire_one(struct cluster *c, struct invocation *inv)
{
    enum invocation_state end = inv_end(inv);
    bool is_owner = publish_is_owner(c, inv);
    if (!inv->is_over && !is_owner && inv_votes_here(inv)) {
        store_hold_over(c, inv, end);
        return;
    }
    if (!inv->is_known && inv->is_over && is_owner) {
        store_adopt(c, inv);
    }
    if (inv->is_over && end != INVOCATION_EXPIRED && !is_owner &&
        !trust_is_dead(c, (uint16_t)inv->origin)) {
        remind_home(c, inv);
    }
    store_end(c, inv, end);
}

void store_expire(struct cluster *c, uint32_t limit)
{
    for (uint32_t i = 0; i < limit; i++) {
        uint32_t handle = wheel_pop(&c->deadlines, c->now_ms);
        if (handle == 0) {
            break;
        }
        store_expire_one(c, inv_at(c, handle));
    }
}

void store_free_all(struct cluster *c)
{
    uint32_t handle;
    while ((handle = table_any(&c->by_guid)) != 0) {
        struct invocation *inv = inv_at(c, handle);
        arbiter_forget(c, inv);
        leave_tables(c, inv, handle);
        inv->state = INVOCATION_CANCELED;
        drop_payload(c, inv);
        store_free(c, handle);
    }
}
