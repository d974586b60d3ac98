#include "cluster/watch.h"

#include "cluster/seats.h"
#include "cluster/store.h"
#include "cluster/terms.h"

/* --- watches --------------------------------------------------------------------------- */

static struct watch *watch_at(const struct cluster *c, uint32_t handle)
{
    return pool_at(&c->watches, handle);
}

struct watch *watch_find(const struct cluster *c, const struct guid *guid)
{
    uint32_t handle = c->watches.count == 0 ? 0 : table_find(&c->watched, guid);
    return handle == 0 ? NULL : watch_at(c, handle);
}

struct watch *watch_make(struct cluster *c, const struct guid *guid)
{
    struct watch *w = watch_find(c, guid);
    if (w != NULL) {
        return w;
    }
    uint32_t handle = pool_new(&c->watches);
    if (handle == 0) {
        return NULL;
    }
    w = watch_at(c, handle);
    memset(w, 0, sizeof *w);
    w->guid = *guid;
    if (table_add(&c->watched, handle) != 0) {
        pool_free(&c->watches, handle);
        return NULL;
    }
    return w;
}

static void watch_forget_arbiters(struct cluster *c, struct watch *w)
{
    for (uint32_t i = 0; i < w->arbiter_count; i++) {
        nodes_drop(&c->nodes, w->arbiters[i]);
        nodes_drop(&c->nodes, w->voters[i]);
        w->voters[i] = 0;
    }
    w->arbiter_count = 0;
    w->term = 0;
}

void watch_set_arbiters(struct cluster *c, struct watch *w, const struct invocation *inv)
{
    if (w->arbiter_count > 0) {
        return; /* immutable */
    }
    w->arbiter_count = inv->arbiter_count;
    w->tenant = names_tenant(&c->names, inv->function);
    for (uint32_t i = 0; i < w->arbiter_count; i++) {
        w->arbiters[i] = inv_arbiter(inv, i);
        nodes_share(&c->nodes, w->arbiters[i]);
    }
}

void watch_add(struct cluster *c, struct watch *w, struct op *op)
{
    uint32_t handle = pool_handle(&c->ops, op);
    op->watch = pool_handle(&c->watches, w);
    op->watch_prev = w->last;
    op->watch_next = 0;
    if (w->last == 0) {
        w->first = handle;
    } else {
        op_at(c, w->last)->watch_next = handle;
    }
    w->last = handle;
    list_push_back(&c->claims, &op->claims);
}

void watch_remove(struct cluster *c, struct op *op)
{
    struct watch *w = watch_at(c, op->watch);
    if (op->watch_prev == 0) {
        w->first = op->watch_next;
    } else {
        op_at(c, op->watch_prev)->watch_next = op->watch_next;
    }
    if (op->watch_next == 0) {
        w->last = op->watch_prev;
    } else {
        op_at(c, op->watch_next)->watch_prev = op->watch_prev;
    }
    list_remove(&op->claims);
    op->watch = op->watch_prev = op->watch_next = 0;
    if (w->first == 0) {
        watch_forget_arbiters(c, w);
        table_remove(&c->watched, pool_handle(&c->watches, w));
        pool_free(&c->watches, pool_handle(&c->watches, w));
    }
}

struct watch *watch_of(const struct cluster *c, const struct op *op)
{
    return watch_at(c, op->watch);
}

uint16_t watch_voter(const struct cluster *c, const struct watch *w, uint32_t i)
{
    const struct invocation *inv = w->term == 0 ? NULL : store_find(c, &w->guid);
    bool knows_better = w->term > 0 && (inv == NULL || terms_of(c, inv) < w->term);
    return knows_better ? seats_heir_of(c, w->voters[i])
                        : seats_voter(c, &w->guid, w->arbiters[i], i);
}

void watch_term(const struct cluster *c, const struct watch *w, struct msg_term *out)
{
    *out = (struct msg_term){.number = w->term, .is_chosen = w->is_chosen};
    for (uint32_t i = 0; i < w->arbiter_count && w->term > 0; i++) {
        out->voters[i] = nodes_at(&c->nodes, w->voters[i])->id;
    }
}

bool watch_learn(struct cluster *c, struct watch *w, const struct msg_term *term)
{
    uint16_t voters[MSG_ARBITERS_MAX] = {0};
    struct msg_term own;
    watch_term(c, w, &own);
    bool ok = terms_is_later(&own, term);
    for (uint32_t i = 0; i < w->arbiter_count && ok; i++) {
        voters[i] = nodes_take(&c->nodes, &term->voters[i]);
        ok = voters[i] != 0;
    }
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX; i++) {
        nodes_drop(&c->nodes, ok ? w->voters[i] : voters[i]);
        w->voters[i] = ok ? voters[i] : w->voters[i];
    }
    w->term = ok ? term->number : w->term;
    w->is_chosen = ok ? term->is_chosen : w->is_chosen;
    return ok;
}

uint32_t watch_quorum(const struct watch *w)
{
    return w->arbiter_count / 2u + 1;
}

uint32_t watch_grants(const struct op *op)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX; i++) {
        n += op->votes[i].state == VOTE_GRANTED;
    }
    return n;
}

/* --- what they hear ------------------------------------------------------------------------
 */

struct op *watch_claim(const struct cluster *c, const struct guid *guid, uint64_t counter,
                       uint32_t *index)
{
    const struct watch *w = watch_find(c, guid);
    for (uint32_t handle = w == NULL ? 0 : w->first; handle != 0;
         handle = op_at(c, handle)->watch_next) {
        struct op *op = op_at(c, handle);
        for (uint32_t i = 0; i < w->arbiter_count; i++) {
            const struct vote *v = &op->votes[i];
            bool is_asked =
                v->state != VOTE_NONE && v->state != VOTE_YIELDED; /* else released */
            if (is_asked && v->counter == counter) {
                *index = i;
                return op;
            }
        }
    }
    return NULL;
}
