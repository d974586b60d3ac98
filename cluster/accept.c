#include "cluster/accept.h"

#include "cluster/entries.h"
#include "cluster/entrust.h"
#include "cluster/handoff.h"
#include "cluster/holdings.h"
#include "cluster/members.h"
#include "cluster/ops.h"
#include "cluster/payload.h"
#include "cluster/placement.h"
#include "cluster/publish.h"
#include "cluster/send.h"
#include "cluster/store.h"
#include "cluster/streams.h"
#include "cluster/takeover.h"
#include "cluster/terms.h"
#include "cluster/trust.h"

#include <assert.h>

/* How long copies may take. A large body gets the time that a busy network of 1 Gbit/s needs
 * for two of them: else the largest that is allowed could never be accepted there. */
enum { COPIES_MS = 250, COPIES_BYTES_A_MS = 16 * 1024 };

static uint64_t copies_due_ms(const struct cluster *c, const struct request *r)
{
    return c->now_ms + COPIES_MS + buf_size(r->body) / COPIES_BYTES_A_MS;
}

/* --- at the home ---------------------------------------------------------------------------
 */

static int fill(struct cluster *c, struct invocation *inv, const struct cluster_accept *a)
{
    struct extra *x = store_extra(c, inv);
    if (x == NULL) {
        return ERR_FULL;
    }
    int rc = store_set_texts(c, inv, a->client_id, a->callback_url);
    if (rc != 0) {
        return rc;
    }
    holdings_set_request(c, inv, request_share(a->request));
    x->work = a->work;
    x->id_space = a->client_id_space;
    x->max_attempts = a->max_attempts;
    inv->on_node_loss = a->on_node_loss & 3u;
    inv->drop_result = a->drop_result;
    inv->ttl_or_completed = a->ttl_ms;
    if (a->run_limit_ms > 0) {
        store_set_deadline(c, inv, c->now_ms + a->run_limit_ms);
    }
    return 0;
}

/* Copies go out; the answer waits for as many confirmations as are wanted and possible. */
static int spread(struct cluster *c, struct invocation *inv)
{
    uint32_t others = inv_others(inv);
    uint32_t needed = c->config.accept_acks < others ? c->config.accept_acks : others;
    if (needed == 0) {
        store_accepted(c, inv); /* the callback itself will be the first that they hear of it */
        return 0;
    }
    struct op *op = ops_new_internal(c, CLUSTER_OP_ACCEPT);
    if (op == NULL) {
        return ERR_NOMEM;
    }
    op->guid = inv->guid;
    op->acks_needed = (uint8_t)needed;
    list_push_back(&c->accepts, &op->claims);
    extra_at(c, inv->extra)->accept_op = pool_handle(&c->ops, op);
    ops_set_timer(c, op, copies_due_ms(c, extra_at(c, inv->extra)->request));
    for (uint32_t i = 1; i <= others; i++) {
        struct member *to = members_of_node(c, inv_arbiter(inv, i));
        if (to == NULL || !streams_send_accept(c, to, inv)) {
            op->naks++; /* its link has just gone */
        }
    }
    return 0;
}

int cluster_accept(struct cluster *c, uint64_t now_ms, const struct cluster_accept *a,
                   struct invocation **out)
{
    c->now_ms = now_ms;
    *out = NULL;
    struct store_spec spec = {.guid = a->guid,
                              .seq = c->last_seq + 1,
                              .created_at_ms = now_ms,
                              .function = names_keep_of(&c->names, a->tenant, a->function)};
    if (spec.function == 0) {
        return ERR_NOMEM;
    }
    if (c->is_draining) {
        return ERR_FULL;
    }
    spec.arbiter_count = (uint8_t)placement_arbiters(c, &a->guid, spec.arbiters);
    struct invocation *inv;
    int rc = store_new(c, &spec, &inv);
    if (rc != 0) {
        return rc;
    }
    c->last_seq++;
    rc = fill(c, inv, a);
    if (rc == 0) {
        inv->is_known = 1;
        *out = inv;
        rc = spread(c, inv);
    }
    if (rc != 0) {
        *out = NULL;
        inv->is_known = 0;
        store_undo(c, inv);
    }
    return rc;
}

/* The op is done: its entry does not know it any more. */
static void op_done(struct cluster *c, struct op *op, struct invocation *inv)
{
    extra_at(c, inv->extra)->accept_op = 0;
    if (op->kind == CLUSTER_OP_ACCEPT) {
        list_remove(&op->claims);
    }
    ops_free(c, op);
}

void accept_forget(struct cluster *c, struct invocation *inv)
{
    if (inv->extra != 0 && extra_at(c, inv->extra)->accept_op != 0) {
        op_done(c, op_at(c, extra_at(c, inv->extra)->accept_op), inv);
    }
}

void accept_settle(struct cluster *c, struct invocation *inv)
{
    uint32_t handle = inv->extra == 0 ? 0 : extra_at(c, inv->extra)->accept_op;
    if (handle != 0 && op_at(c, handle)->kind == CLUSTER_OP_ACCEPT) {
        op_done(c, op_at(c, handle), inv);
        store_accepted(c, inv);
    }
}

static void refuse(struct cluster *c, struct op *op, struct invocation *inv)
{
    op_done(c, op, inv);
    store_refuse(c, inv);
}

void accept_timeout(struct cluster *c, struct op *op)
{
    struct invocation *inv = store_find(c, &op->guid);
    assert(inv != NULL); /* accept_forget() */
    if (op->kind == CLUSTER_OP_EXEC) {
        takeover_timeout(c, op, inv);
        return;
    }
    if (op->kind == CLUSTER_OP_ENTRUST) {
        entrust_timeout(c, op, inv);
        return;
    }
    if (op->kind == CLUSTER_OP_TURN) {
        terms_timeout(c, op, inv);
        return;
    }
    c->counters.accept_timeouts++;
    refuse(c, op, inv);
}

static struct op *op_of(const struct cluster *c, const struct guid *guid,
                        struct invocation **inv)
{
    *inv = store_find(c, guid);
    if (*inv == NULL || (*inv)->extra == 0) {
        return NULL;
    }
    uint32_t handle = extra_at(c, (*inv)->extra)->accept_op;
    return handle == 0 ? NULL : op_at(c, handle);
}

/* An arbiter answers once, however often it was asked. False: it has done so before. */
static bool note_answer(struct op *op, const struct invocation *inv, uint16_t from)
{
    for (uint32_t i = 1; i <= inv_others(inv); i++) {
        if (inv_arbiter(inv, i) == from) {
            bool is_first = ((op->heard_from >> i) & 1) == 0;
            op->heard_from |= (uint8_t)(1u << i);
            return is_first;
        }
    }
    return true;
}

void accept_on_link_up(struct cluster *c, struct member *to)
{
    for (struct list *l = c->accepts.next, *after; l != &c->accepts; l = after) {
        const struct op *op = list_item(l, struct op, claims);
        struct invocation *inv = store_find(c, &op->guid);
        after = l->next;
        assert(inv != NULL); /* accept_forget() */
        for (uint32_t i = 1; i <= inv_others(inv); i++) {
            if (inv_arbiter(inv, i) == to->node && ((op->heard_from >> i) & 1) == 0) {
                (void)streams_send_accept(c, to, inv); /* else time tells */
            }
        }
    }
}

void accept_on_ack(struct cluster *c, uint16_t from, const struct msg_ack *m)
{
    struct invocation *inv;
    struct op *op = op_of(c, &m->guid, &inv);
    if (op == NULL) {
        return;
    }
    if (op->kind == CLUSTER_OP_EXEC) {
        takeover_on_ack(c, op, inv, from, m->attempt);
        return;
    }
    if (op->kind == CLUSTER_OP_ENTRUST) {
        entrust_on_ack(c, op, inv, m->attempt);
        return;
    }
    if (op->kind != CLUSTER_OP_ACCEPT || !note_answer(op, inv, from)) {
        return;
    }
    op->acks++;
    if (m->attempt == 0 && op->acks >= op->acks_needed) {
        op_done(c, op, inv);
        store_accepted(c, inv);
    }
}

void accept_on_nak(struct cluster *c, uint16_t from, const struct msg_ack *m)
{
    struct invocation *inv;
    struct op *op = op_of(c, &m->guid, &inv);
    c->counters.accept_naks++;
    if (op != NULL && op->kind == CLUSTER_OP_ENTRUST && m->attempt != 0) {
        entrust_on_nak(c, op, inv, m);
        return;
    }
    if (op == NULL || op->kind != CLUSTER_OP_ACCEPT || !note_answer(op, inv, from)) {
        return;
    }
    op->naks++;
    if (inv_others(inv) - op->naks < op->acks_needed) {
        refuse(c, op, inv);
    }
}

/* --- at an arbiter -------------------------------------------------------------------------
 */

void accept_confirm(struct cluster *c, uint16_t to, const struct guid *guid, uint8_t attempt)
{
    struct msg m = {.kind = MSG_ACCEPT_ACK};
    m.ack.guid = *guid;
    m.ack.attempt = attempt;
    send_control(c, to, &m);
}

/* Of an orphan it may be what was missing to run it. */
static void copy_is_here(struct cluster *c, uint16_t from, const struct invocation *inv)
{
    accept_confirm(c, from, &inv->guid, 0);
    if (trust_is_dead(c, (uint16_t)inv->origin)) {
        takeover_wake(c);
    }
}

static void decline(struct cluster *c, uint16_t to, const struct guid *guid, enum msg_nak why)
{
    struct msg m = {.kind = MSG_ACCEPT_NAK};
    m.ack.guid = *guid;
    m.ack.why = (uint8_t)why;
    send_control(c, to, &m);
}

static int keep_copy(struct cluster *c, struct invocation *inv, const struct msg_accept *m,
                     uint64_t aged_ms)
{
    struct extra *x = store_extra(c, inv);
    if (x == NULL) {
        return ERR_FULL;
    }
    int rc = x->texts != NULL ? 0 : store_set_texts(c, inv, m->client_id, m->callback_url);
    if (rc != 0) {
        return rc;
    }
    x->is_partial = false; /* an earlier one that did not come whole makes way */
    holdings_set_request(c, inv, request_share(m->request));
    x->id_space = m->id_space;
    x->max_attempts = m->max_attempts;
    inv->attempt = m->attempt > inv->attempt ? m->attempt : inv->attempt; /* EXEC was faster */
    inv->on_node_loss = m->on_node_loss & 3u;
    inv->drop_result = m->drop_result;
    inv->ttl_or_completed = m->ttl_ms;
    if (m->run_left_ms > 0) {
        uint64_t left = m->run_left_ms > aged_ms ? m->run_left_ms - aged_ms : 0;
        store_set_deadline(c, inv, c->now_ms + left);
    }
    return 0;
}

/* A new entry, or the one here that has no request yet. NULL: `*why` says why not. */
static struct invocation *entry_for(struct cluster *c, const struct msg_accept *m,
                                    uint64_t aged_ms, enum msg_nak *why)
{
    struct invocation *inv = store_find(c, &m->entry.guid);
    *why = NAK_ENDED;
    if (inv == NULL) {
        struct entries_told told = {.entry = &m->entry,
                                    .function = m->function,
                                    .tenant = m->tenant,
                                    .created_ago_ms = m->created_ago_ms + aged_ms};
        int rc = entries_new(c, &told, &inv);
        *why = rc == ERR_INUSE ? NAK_ENDED : NAK_FULL;
    }
    return inv;
}

/* The callback overtook its request, on the other lane. Where it is to be brought to must be
 * known here all the same: this node may have to do it. */
static void keep_texts(struct cluster *c, struct invocation *inv, const struct msg_accept *m)
{
    struct extra *x = m->callback_url.size == 0 || inv->is_over ? NULL : store_extra(c, inv);
    if (x == NULL) {
        return;
    }
    if (x->texts == NULL) {
        store_set_texts(c, inv, m->client_id, m->callback_url); /* no room: nobody is told */
    }
    store_trim(c, inv);
}

/* While this node leaves: its copy and its vote still find an heir. */
static bool hands_on(const struct cluster *c)
{
    return handoff_heir(c) != 0 && !c->is_finishing;
}

/* What is in the message has been charged. */
static size_t body_to_come(const struct msg_accept *m)
{
    return m->body_size > MSG_CHUNK_MAX ? (size_t)m->body_size : 0;
}

void accept_on_accept(struct cluster *c, uint16_t from, const struct msg_accept *m,
                      uint64_t aged_ms)
{
    bool no_room = m->no_room || !budget_is_free(c->budget, body_to_come(m));
    if (no_room || (c->is_draining && !hands_on(c))) {
        decline(c, from, &m->entry.guid, no_room ? NAK_FULL : NAK_LEAVING);
        return;
    }
    enum msg_nak why;
    bool was_here = store_find(c, &m->entry.guid) != NULL;
    struct invocation *inv = entry_for(c, m, aged_ms, &why);
    if (inv == NULL) {
        decline(c, from, &m->entry.guid, why);
        return;
    }
    bool has_copy = invocation_request(inv) != NULL && !extra_at(c, inv->extra)->is_partial;
    if (inv_is_ready(inv) || has_copy) {
        keep_texts(c, inv, m);
        accept_confirm(c, from, &m->entry.guid, 0);
        return;
    }
    bool follows = m->body_size > MSG_CHUNK_MAX;
    bool ok = keep_copy(c, inv, m, aged_ms) == 0;
    if (ok && follows) {
        struct payload_coming body = {
            .guid = inv->guid, .of = PAYLOAD_REQUEST, .size = m->body_size};
        ok = payload_expect(c, from, &body);
        if (ok) {
            /* Not a copy before it is whole: the request waits in the assembly's shadow. */
            extra_at(c, inv->extra)->is_partial = true;
        }
    }
    if (!ok) {
        decline(c, from, &m->entry.guid, NAK_FULL);
        if (!was_here) {
            store_forget(c, inv);
        }
        return;
    }
    if (!follows) {
        copy_is_here(c, from, inv);
    }
}

void accept_request_complete(struct cluster *c, struct invocation *inv, uint16_t from,
                             struct buf *body)
{
    struct extra *x = inv == NULL || inv->extra == 0 ? NULL : extra_at(c, inv->extra);
    if (x == NULL || x->request == NULL || !x->is_partial || inv_is_ready(inv)) {
        buf_drop(&body);
        return;
    }
    holdings_set_request_body(c, inv, body);
    x->is_partial = false;
    copy_is_here(c, from, inv);
}
