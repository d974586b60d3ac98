#include "cluster/ops.h"

#include "cluster/accept.h"
#include "cluster/claims.h"
#include "cluster/questions.h"
#include "cluster/survey.h"

#include "base/unreachable.h"

#include <assert.h>
#include <stdlib.h>

static struct op *op_new(struct cluster *c, enum op_kind kind)
{
    uint32_t handle = pool_new(&c->ops);
    if (handle == 0) {
        return NULL;
    }
    struct op *op = op_at(c, handle);
    memset(op, 0, sizeof *op);
    op->kind = (uint8_t)kind;
    op->due_at_ms = UINT64_MAX;
    return op;
}

struct op *ops_new(struct cluster *c, uint64_t ticket, enum op_kind kind)
{
    assert(ticket != 0 && ops_find(c, ticket) == NULL);
    struct op *op = op_new(c, kind);
    if (op != NULL) {
        op->ticket.value = ticket;
        if (table_add(&c->by_ticket, pool_handle(&c->ops, op)) != 0) {
            pool_free(&c->ops, pool_handle(&c->ops, op));
            return NULL;
        }
    }
    return op;
}

struct op *ops_new_internal(struct cluster *c, enum op_kind kind)
{
    struct op *op = op_new(c, kind);
    if (op != NULL && ops_number(c, op) == 0) {
        pool_free(&c->ops, pool_handle(&c->ops, op));
        return NULL;
    }
    return op;
}

static struct op *find(const struct cluster *c, const struct table *t, uint64_t value)
{
    struct op_key key = {value, 0};
    struct guid as_guid;
    memcpy(as_guid.at, &key, sizeof as_guid.at);
    uint32_t handle = table_find(t, &as_guid);
    return handle == 0 ? NULL : op_at(c, handle);
}

struct op *ops_find(const struct cluster *c, uint64_t ticket)
{
    return find(c, &c->by_ticket, ticket);
}

uint64_t ops_number(struct cluster *c, struct op *op)
{
    if (op->number.value == 0) {
        op->number.value = ++c->op_serial;
        if (table_add(&c->by_number, pool_handle(&c->ops, op)) != 0) {
            op->number.value = 0;
        }
    }
    return op->number.value;
}

struct op *ops_by_number(const struct cluster *c, uint64_t number)
{
    return number == 0 ? NULL : find(c, &c->by_number, number);
}

static void *number_at(const void *owner, uint32_t handle)
{
    return &op_at(owner, handle)->number;
}

static uint64_t due_at(const void *owner, const void *item)
{
    (void)owner;
    return ((const struct op *)item)->due_at_ms;
}

int ops_init(struct cluster *c, uint64_t hash_key)
{
    pool_init(&c->ops, sizeof(struct op), c);
    struct wheel_config wheel = {
        .pool = &c->ops, .link_offset = offsetof(struct op, wheel), .due_at_ms = due_at};
    wheel_init(&c->op_timers, &wheel, c->now_ms);
    struct table_config by_ticket = {
        .pool = &c->ops, .next_offset = offsetof(struct op, ticket_next), .key = hash_key};
    struct table_config by_number = {.at = number_at,
                                     .owner = c,
                                     .next_offset = offsetof(struct op, number_next) -
                                                    offsetof(struct op, number),
                                     .key = hash_key};
    int rc = table_init(&c->by_ticket, &by_ticket);
    return rc != 0 ? rc : table_init(&c->by_number, &by_number);
}

void ops_set_timer(struct cluster *c, struct op *op, uint64_t at_ms)
{
    uint32_t handle = pool_handle(&c->ops, op);
    wheel_remove(&c->op_timers, handle);
    op->due_at_ms = at_ms;
    if (at_ms != UINT64_MAX) {
        wheel_add(&c->op_timers, handle);
    }
}

void ops_forget_ticket(struct cluster *c, struct op *op)
{
    if (op->ticket.value != 0) {
        table_remove(&c->by_ticket, pool_handle(&c->ops, op));
        op->ticket.value = 0;
    }
}

void ops_free(struct cluster *c, struct op *op)
{
    assert(op->watch == 0);
    uint32_t handle = pool_handle(&c->ops, op);
    wheel_remove(&c->op_timers, handle);
    ops_forget_ticket(c, op);
    if (op->number.value != 0) {
        table_remove(&c->by_number, handle);
    }
    result_drop(&op->result);
    free(op->text);
    if (op->kind == CLUSTER_OP_ENTRUST || op->kind == CLUSTER_OP_TURN) {
        nodes_drop(&c->nodes, op->target);
        nodes_drop(&c->nodes, op->holder);
    }
    c->turns_open -= op->kind == CLUSTER_OP_TURN;
    pool_free(&c->ops, handle);
}

static void due(struct cluster *c, struct op *op)
{
    switch ((enum op_kind)op->kind) {
    case CLUSTER_OP_COLLECT:
    case CLUSTER_OP_FREE:
    case CLUSTER_OP_CANCEL:
        claims_timeout(c, op);
        break;
    case CLUSTER_OP_STATUS:
    case CLUSTER_OP_ASK_CANCEL:
    case CLUSTER_OP_REGISTER:
    case CLUSTER_OP_RESOLVE:
        questions_timeout(c, op);
        break;
    case CLUSTER_OP_ACCEPT:
    case CLUSTER_OP_EXEC:
    case CLUSTER_OP_ENTRUST:
    case CLUSTER_OP_TURN:
        accept_timeout(c, op);
        break;
    case CLUSTER_OP_SURVEY:
    case CLUSTER_OP_REPORT:
        survey_timeout(c, op);
        break;
    default:
        UNREACHABLE("not a kind of question");
    }
}

void ops_due(struct cluster *c, uint32_t limit)
{
    for (uint32_t i = 0; i < limit; i++) {
        uint32_t handle = wheel_pop(&c->op_timers, c->now_ms);
        if (handle == 0) {
            return;
        }
        op_at(c, handle)->due_at_ms = UINT64_MAX;
        due(c, op_at(c, handle));
    }
}

static void free_all_in(struct cluster *c, const struct table *t)
{
    for (uint32_t handle = table_any(t); handle != 0; handle = table_any(t)) {
        struct op *op = op_at(c, handle);
        op->watch = 0;
        ops_free(c, op);
    }
}

void ops_fini(struct cluster *c)
{
    if (c->by_ticket.segments != NULL && c->by_number.segments != NULL) {
        free_all_in(c, &c->by_ticket);
        free_all_in(c, &c->by_number);
    }
    table_fini(&c->by_ticket);
    table_fini(&c->by_number);
    pool_fini(&c->ops);
}
