#include "cluster/claim_end.h"

#include "cluster/answer.h"
#include "cluster/arbiter.h"
#include "cluster/claims.h"
#include "cluster/ops.h"
#include "cluster/send.h"
#include "cluster/store.h"
#include "cluster/watch.h"

#include <assert.h>

static const struct guid no_token;

/* What is left to do at the arbiters when a claim is no more. */
struct parting {
    struct guid guid;
    uint16_t arbiters[MSG_ARBITERS_MAX]; /* for good, */
    uint16_t voters[MSG_ARBITERS_MAX];   /* and who votes for them now */
    uint64_t counters[MSG_ARBITERS_MAX]; /* 0: nothing was asked there */
    uint32_t count;
    struct op op; /* as it was */
};

/* The claim is forgotten; its votes are not yet given back. */
static void part(struct cluster *c, struct op *op, struct parting *p)
{
    const struct watch *w = watch_of(c, op);
    p->guid = op->guid;
    p->count = w->arbiter_count;
    for (uint32_t i = 0; i < p->count; i++) {
        const struct vote *v = &op->votes[i];
        bool is_there = v->state != VOTE_NONE && v->state != VOTE_YIELDED;
        p->arbiters[i] = w->arbiters[i];
        p->voters[i] = watch_voter(c, w, i);
        p->counters[i] = is_there ? v->counter : 0;
        nodes_share(&c->nodes, p->arbiters[i]);
        nodes_share(&c->nodes, p->voters[i]);
    }
    p->op = *op;
    watch_remove(c, op);
    ops_free(c, op);
}

static void parted(struct cluster *c, struct parting *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        nodes_drop(&c->nodes, p->arbiters[i]);
        nodes_drop(&c->nodes, p->voters[i]);
    }
    claim_wake_line(c, &p->guid);
}

void claim_release_one(struct cluster *c, const struct guid *guid, uint16_t node,
                       uint64_t counter)
{
    if (node != SELF) {
        send_release(c, node, guid, counter);
        return;
    }
    struct invocation *inv = store_find(c, guid);
    if (inv != NULL) {
        arbiter_release(c, inv, SELF, counter);
    }
}

/* Ends the claim without having finished: everything goes back. */
void claim_give_up(struct cluster *c, struct op *op)
{
    struct parting p;
    part(c, op, &p);
    for (uint32_t i = 0; i < p.count; i++) {
        if (p.counters[i] != 0) {
            claim_release_one(c, &p.guid, p.voters[i], p.counters[i]);
        }
    }
    c->counters.claims_released++;
    parted(c, &p);
}

void claim_finish(struct cluster *c, struct op *op, enum answer answer,
                  enum invocation_state end)
{
    answer_claim(c, op, answer, end);
    claim_give_up(c, op);
}

/* The i-th arbiter hears of it, and who votes in its stead: a home that is leaving has given
 * its vote away, and still is the one who tells all others of the end. */
static void tell_taken(struct cluster *c, const struct parting *p, uint32_t i,
                       struct msg_taken_item *item)
{
    item->no = (struct msg_claim_no){c->config.node_id, p->counters[i]};
    if (p->voters[i] != SELF) {
        send_taken(c, p->voters[i], item);
    }
    if (p->arbiters[i] != p->voters[i] && p->arbiters[i] != SELF) {
        send_taken(c, p->arbiters[i], item);
    }
}

/* Where this node has no vote it is a copy that has served: who would tell it so may die. */
static void take_here(struct cluster *c, const struct parting *p, uint32_t i,
                      const struct msg_taken_item *item)
{
    struct invocation *mine = store_find(c, &p->guid);
    bool is_here = p->arbiters[i] == SELF || p->voters[i] == SELF;
    mine = is_here || (mine != NULL && !inv_votes_here(mine)) ? mine : NULL;
    if (mine != NULL) {
        struct arbiter_taken t = {.counter = p->counters[i],
                                  .node = SELF,
                                  .end = (enum invocation_state)item->state,
                                  .webhook = (enum webhook_state)item->webhook,
                                  .token = item->token,
                                  .redeliver_ms = item->redeliver_ms};
        arbiter_taken(c, mine, &t);
    }
}

bool claim_is_by_client_token(const struct op *op)
{
    return !op->is_webhook && !guid_equal(&op->token, &no_token);
}

/* Ends the claim, and with it the entry: everywhere, or for its token only. */
void claim_take(struct cluster *c, struct op *op, enum invocation_state end)
{
    assert(op->has_won); /* S5 */
    bool keeps = op->purpose == CLAIM_COLLECT && claim_is_by_client_token(op);
    const struct invocation *inv = store_find(c, &op->guid);
    struct parting p;
    part(c, op, &p);
    struct msg_taken_item item = {.guid = p.guid,
                                  .state = (uint8_t)end,
                                  .webhook = inv == NULL ? WEBHOOK_NONE : inv->webhook};
    if (keeps) {
        item.token = p.op.token;
        item.redeliver_ms = c->config.redelivery_ms;
    }
    for (uint32_t i = 0; i < p.count; i++) {
        tell_taken(c, &p, i, &item);
    }
    for (uint32_t i = 0; i < p.count; i++) {
        take_here(c, &p, i, &item);
    }
    parted(c, &p);
}

static bool same_token(const struct op *a, const struct op *b)
{
    return !guid_equal(&a->token, &no_token) && guid_equal(&a->token, &b->token);
}

static bool may_begin(const struct cluster *c, const struct op *op)
{
    const struct watch *w = watch_of(c, op);
    if (op->purpose == CLAIM_CANCEL && !w->is_ready) {
        return true; /* it steps before those who wait */
    }
    for (uint32_t handle = w->first; handle != 0; handle = op_at(c, handle)->watch_next) {
        const struct op *other = op_at(c, handle);
        bool bars = other->phase != OP_WAITING && !other->is_peek && !same_token(op, other);
        if (other != op && !op->is_peek && bars && other->tenant == op->tenant) {
            return false;
        }
    }
    return true;
}

/* The first who waits and need not. NULL: none. */
static struct op *next_in_line(const struct cluster *c, const struct guid *guid)
{
    const struct watch *w = watch_find(c, guid);
    uint32_t handle = w == NULL ? 0 : w->first;
    for (; handle != 0; handle = op_at(c, handle)->watch_next) {
        struct op *op = op_at(c, handle);
        if (op->phase == OP_WAITING && may_begin(c, op)) {
            return op;
        }
    }
    return NULL;
}

/* A loop, not a recursion, however many of them end at once. */
void claim_wake_line(struct cluster *c, const struct guid *guid)
{
    if (c->is_waking) {
        return;
    }
    c->is_waking = true;
    struct guid whose = *guid; /* it may lie in an op that ends meanwhile */
    struct op *next;
    while ((next = next_in_line(c, &whose)) != NULL) {
        claims_begin(c, next);
    }
    c->is_waking = false;
}

void claim_forget(struct cluster *c, struct op *op)
{
    struct parting p;
    part(c, op, &p);
    for (uint32_t i = 0; i < p.count; i++) {
        if (p.counters[i] != 0 && p.voters[i] != SELF) {
            send_release(c, p.voters[i], &p.guid, p.counters[i]);
        }
        nodes_drop(&c->nodes, p.arbiters[i]);
        nodes_drop(&c->nodes, p.voters[i]);
    }
}
