#include "cluster/locate.h"

#include "cluster/members.h"
#include "cluster/ops.h"
#include "cluster/seats.h"
#include "cluster/send.h"
#include "cluster/store.h"
#include "cluster/trust.h"

static bool ask(struct cluster *c, struct op *op, uint16_t node)
{
    uint64_t number = ops_number(c, op);
    if (number == 0) {
        return false;
    }
    struct msg m = {.kind = op->kind == CLUSTER_OP_ASK_CANCEL ? MSG_CANCEL : MSG_STATUS_REQ};
    m.ask.request = number;
    m.ask.guid = op->guid;
    m.ask.tenant = names_at(&c->names, op->tenant);
    op->target = node;
    return send_control(c, node, &m);
}

/* Any of its arbiters, when its header is here. */
static uint32_t ask_arbiters(struct cluster *c, struct op *op, const struct invocation *inv)
{
    for (uint32_t i = 0; i < inv->arbiter_count; i++) {
        uint16_t node = seats_voter(c, &inv->guid, inv_arbiter(inv, i), i);
        if (node != SELF && trust_is_alive(c, node) && ask(c, op, node)) {
            return 1;
        }
    }
    return 0;
}

static uint32_t ask_everybody(struct cluster *c, struct op *op)
{
    uint32_t asked = 0;
    for (struct list *l = c->members->all.next; l != &c->members->all; l = l->next) {
        const struct member *m = list_item(l, struct member, link);
        if (trust_is_reachable(c, m->node) && asked < UINT8_MAX) {
            asked += ask(c, op, m->node);
        }
    }
    return asked;
}

bool locate_ask(struct cluster *c, struct op *op)
{
    if (c->members == NULL) {
        return false;
    }
    const struct invocation *inv = store_find_of(c, &op->guid, op->tenant);
    uint16_t home = inv != NULL ? (uint16_t)inv->origin : trust_home_of(c, &op->guid);
    op->tries = 1;
    if (home == SELF) {
        return false; /* what was ours is known here, or forgotten by all */
    }
    if (home != 0 && trust_is_reachable(c, home)) {
        return ask(c, op, home);
    }
    /* Its home is dead, or was never heard of here: one of the others may hold a copy. */
    uint32_t asked = inv != NULL ? ask_arbiters(c, op, inv) : ask_everybody(c, op);
    op->tries = (uint8_t)asked;
    return asked > 0;
}
