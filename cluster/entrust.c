#include "cluster/entrust.h"

#include "cluster/accept.h"
#include "cluster/ops.h"
#include "cluster/send.h"
#include "cluster/store.h"
#include "cluster/streams.h"
#include "cluster/takeover.h"

enum {
    STEP = 256,            /* entries looked at in one call */
    ROUND_MS = 100,        /* from one look at all of them to the next */
    ANSWER_MS = 300,       /* for EXEC to be confirmed */
    COPY_MS = 1500,        /* for a copy that was lacking, and then EXEC */
    RUN_ON_MS = 10 * 1000, /* what runs when the drain begins has so long to end */
};

/* The first arbiter after the home that stays. NULL: none. */
static struct member *successor(const struct cluster *c, const struct invocation *inv)
{
    for (uint32_t i = 1; i < inv->arbiter_count; i++) {
        struct member *m = members_of_node(c, inv_arbiter(inv, i));
        if (members_is_alive(m) && !m->is_leaving) {
            return m->is_streaming ? m : NULL;
        }
    }
    return NULL;
}

static bool may_go(const struct cluster *c, const struct invocation *inv)
{
    const struct extra *x = inv->extra == 0 ? NULL : extra_at(c, inv->extra);
    if (x == NULL || inv_is_ready(inv) || x->work == NULL || x->request == NULL ||
        x->accept_op != 0 || x->stays) {
        return false;
    }
    bool may_again =
        inv->on_node_loss == ON_NODE_LOSS_REEXECUTE && inv->attempt < x->max_attempts;
    bool had_its_time = c->now_ms >= c->members->drain_since_ms + RUN_ON_MS;
    return inv->state == INVOCATION_QUEUED || (may_again && had_its_time);
}

static bool ask(struct cluster *c, const struct op *op, const struct invocation *inv)
{
    struct msg m = {.kind = MSG_EXEC};
    m.exec.guid = inv->guid;
    m.exec.origin = c->config.node_id;
    m.exec.seq = inv->seq;
    m.exec.executor = nodes_at(&c->nodes, op->target)->id;
    m.exec.attempt = (uint8_t)(inv->attempt + 1);
    return send_control(c, op->target, &m);
}

static void entrust(struct cluster *c, struct invocation *inv, const struct member *to)
{
    struct op *op = ops_new_internal(c, CLUSTER_OP_ENTRUST);
    if (op == NULL) {
        return;
    }
    op->guid = inv->guid;
    op->target = to->node;
    nodes_share(&c->nodes, op->target);
    extra_at(c, inv->extra)->accept_op = pool_handle(&c->ops, op);
    ops_set_timer(c, op, c->now_ms + ANSWER_MS);
    effects_add(&c->effects, CLUSTER_STOP)->inv = inv; /* it must not begin meanwhile */
    store_queued(c, inv);
    ask(c, op, inv);
}

uint64_t entrust_tick(struct cluster *c)
{
    struct members *ms = c->members;
    const struct seqmap *seqs = &nodes_at(&c->nodes, SELF)->seqs;
    if (c->pending_count == 0) {
        return UINT64_MAX;
    }
    if (c->now_ms < ms->entrust_at_ms) {
        return ms->entrust_at_ms;
    }
    for (uint32_t i = 0; i < STEP; i++) {
        struct invocation *inv = store_next_live(c, SELF, &ms->entrust_seq, seqs->high);
        if (inv == NULL) {
            ms->entrust_seq = 0;
            ms->entrust_at_ms = c->now_ms + ROUND_MS;
            return ms->entrust_at_ms;
        }
        const struct member *to = may_go(c, inv) ? successor(c, inv) : NULL;
        if (to != NULL) {
            entrust(c, inv, to);
        }
    }
    return c->now_ms;
}

static void over(struct cluster *c, struct op *op, struct invocation *inv)
{
    extra_at(c, inv->extra)->accept_op = 0;
    ops_free(c, op);
}

void entrust_on_ack(struct cluster *c, struct op *op, struct invocation *inv, uint8_t attempt)
{
    if (attempt == inv->attempt + 1u) {
        c->counters.handed_over++;
        over(c, op, inv);
    } else if (attempt == 0 && op->tries > 0) {
        ask(c, op, inv); /* the copy that it lacked is there */
    }
}

/* Nobody else does it, as far as is known. */
static void run_here(struct cluster *c, struct op *op, struct invocation *inv)
{
    over(c, op, inv);
    if (!inv_is_ready(inv)) {
        extra_at(c, inv->extra)->stays = true;
        effects_add(&c->effects, CLUSTER_EXECUTE)->inv = inv;
    }
    store_trim(c, inv);
}

void entrust_on_nak(struct cluster *c, struct op *op, struct invocation *inv,
                    const struct msg_ack *m)
{
    struct member *to = members_of_node(c, op->target);
    if (m->why != NAK_FULL || op->tries > 0 || to == NULL || !streams_send_accept(c, to, inv)) {
        run_here(c, op, inv);
        return;
    }
    op->tries = 1;
    ops_set_timer(c, op, c->now_ms + COPY_MS);
}

void entrust_timeout(struct cluster *c, struct op *op, struct invocation *inv)
{
    run_here(c, op, inv);
}

/* --- at the other one --------------------------------------------------------------------- */

static void refuse(struct cluster *c, uint16_t to, const struct msg_exec *m, enum msg_nak why)
{
    struct msg nak = {.kind = MSG_ACCEPT_NAK};
    nak.ack.guid = m->guid;
    nak.ack.attempt = m->attempt;
    nak.ack.why = (uint8_t)why;
    send_control(c, to, &nak);
}

void entrust_on_exec(struct cluster *c, struct member *from, const struct msg_exec *m)
{
    struct invocation *inv = store_find(c, &m->guid);
    uint16_t origin = nodes_find(&c->nodes, &m->origin);
    bool has_ended =
        origin != 0 && seqmap_has_ended(&nodes_at(&c->nodes, origin)->seqs, m->seq);
    bool is_done = inv == NULL ? has_ended : inv_is_ready(inv) || inv->is_over || inv->is_known;
    if (!is_done && c->is_draining) {
        refuse(c, from->node, m, NAK_LEAVING);
    } else if (!is_done && (inv == NULL || !takeover_has_request(c, inv))) {
        refuse(c, from->node, m, NAK_FULL);
    } else {
        accept_confirm(c, from->node, &m->guid, m->attempt);
        if (!is_done) {
            inv->attempt = m->attempt == 0 ? 0 : (uint8_t)(m->attempt - 1);
            store_adopt(c, inv);
            effects_add(&c->effects, CLUSTER_EXECUTE)->inv = inv;
        }
    }
}
