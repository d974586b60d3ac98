#include "cluster/terms_inner.h"

#include "cluster/arbiter.h"
#include "cluster/ops.h"
#include "cluster/seats.h"
#include "cluster/store.h"
#include "cluster/streams.h"
#include "cluster/takeover.h"
#include "cluster/trust.h"

enum {
    ANSWER_MS = 100, /* for ASK and CHOSEN */
    LACKING_MS = 40, /* for an entry that was lacking */
    HELD_MS = 20,    /* for a vote that is held to be given back */
    TRIES_MAX = 6,   /* then the next round tries again */
    TRIES_FIRST = 1, /* bits: that many ops, before something else that waits is begun */
};

/* The term that the op is for: the entry's own, with the one seat given to another. */
static struct msg_term next_term(const struct cluster *c, const struct op *op,
                                 const struct invocation *inv)
{
    struct msg_term term = {.number = (uint8_t)(terms_of(c, inv) + 1)};
    for (uint32_t i = 0; i < inv->arbiter_count; i++) {
        term.voters[i] = nodes_at(&c->nodes, terms_voter(c, inv, i))->id;
    }
    term.voters[op->source] = nodes_at(&c->nodes, op->holder)->id;
    return term;
}

static void ask(struct cluster *c, const struct op *op, const struct invocation *inv)
{
    struct msg_term term = next_term(c, op, inv);
    terms_say(c, op->target, inv, TURN_ASK, &term);
}

/* All who vote in the new term, and have not said that they know of it. False: nobody is left.
 */
static bool tell_chosen(struct cluster *c, struct invocation *inv)
{
    struct extra *x = extra_at(c, inv->extra);
    bool any = false;
    for (uint32_t i = 0; i < inv->arbiter_count; i++) {
        uint16_t to = seats_voter(c, &inv->guid, inv_arbiter(inv, i), i);
        if (to == SELF || trust_is_dead(c, to)) {
            x->untold = (uint8_t)((uint32_t)x->untold & ~(1u << i));
        } else if (((uint32_t)x->untold >> i & 1u) != 0) {
            terms_say_own(c, to, inv, TURN_CHOSEN);
            any = true;
        }
    }
    return any;
}

/* --- the op ------------------------------------------------------------------------------ */

struct op *terms_op(const struct cluster *c, const struct invocation *inv)
{
    const struct extra *x = terms_extra(c, inv);
    struct op *op = x == NULL || x->accept_op == 0 ? NULL : op_at(c, x->accept_op);
    return op != NULL && op->kind == CLUSTER_OP_TURN ? op : NULL;
}

bool terms_is_asking(const struct cluster *c, const struct invocation *inv)
{
    const struct op *op = c->turns_open == 0 ? NULL : terms_op(c, inv);
    return op != NULL && op->phase == OP_ASKING;
}

void terms_op_over(struct cluster *c, struct op *op, struct invocation *inv)
{
    extra_at(c, inv->extra)->accept_op = 0;
    ops_free(c, op);
    store_trim(c, inv);
    bool is_waited_for = !inv_is_ready(inv) && !inv->is_known;
    if (is_waited_for && trust_is_dead(c, (uint16_t)inv->origin)) {
        takeover_wake(c);
    }
}

static void tell(struct cluster *c, struct op *op, struct invocation *inv)
{
    op->phase = OP_WAITING;
    if (tell_chosen(c, inv)) {
        ops_set_timer(c, op, c->now_ms + ANSWER_MS);
    } else {
        terms_op_over(c, op, inv);
    }
}

/* It is in the term that has been chosen: so this is known here first. */
static void chosen(struct cluster *c, struct op *op, struct invocation *inv)
{
    struct guid guid = inv->guid;
    terms_take_chosen(c, inv);
    c->counters.seats_given_again++;
    extra_at(c, inv->extra)->untold = 7;
    op->tries = 0;
    tell(c, op, inv);
    arbiter_tell_promised(c, &guid);
}

bool terms_begin(struct cluster *c, struct invocation *inv)
{
    const struct extra *x = terms_extra(c, inv);
    if (x != NULL && x->accept_op != 0) {
        return terms_op(c, inv) != NULL;
    }
    struct terms_plan plan = {0};
    bool is_open = terms_is_untold(c, inv);
    bool is_unsure = terms_is_unsure(c, inv);
    if (!is_open && !is_unsure && !(terms_may_move(c, inv) && terms_plan(c, inv, &plan))) {
        return false;
    }
    struct op *op = store_extra(c, inv) == NULL ? NULL : ops_new_internal(c, CLUSTER_OP_TURN);
    if (op == NULL) {
        store_trim(c, inv);
        return false;
    }
    c->turns_open++;
    op->guid = inv->guid;
    extra_at(c, inv->extra)->accept_op = pool_handle(&c->ops, op);
    extra_at(c, inv->extra)->begun |= (uint8_t)(extra_at(c, inv->extra)->begun << 1 | 1);
    if (is_open) {
        tell(c, op, inv);
        return true;
    }
    op->phase = is_unsure ? OP_LOOKING : plan.holder == plan.witness ? OP_ASKING : OP_LOCATING;
    op->source = plan.seat;
    op->target = plan.witness;
    op->holder = plan.holder;
    nodes_share(&c->nodes, op->target);
    nodes_share(&c->nodes, op->holder);
    op->tries = 0;
    terms_timeout(c, op, inv);
    return true;
}

bool terms_begin_first(struct cluster *c, struct invocation *inv)
{
    const struct extra *x = terms_extra(c, inv);
    bool had_its_tries = x != NULL && x->accept_op == 0 && x->begun > TRIES_FIRST;
    return !had_its_tries && terms_begin(c, inv);
}

/* Has it been chosen? Who has heard of it answers so. */
static void look(struct cluster *c, const struct invocation *inv)
{
    for (uint32_t i = 0; i < inv->arbiter_count; i++) {
        uint16_t to = seats_voter(c, &inv->guid, inv_arbiter(inv, i), i);
        if (to != SELF && !trust_is_dead(c, to)) {
            terms_say_own(c, to, inv, TURN_ASK);
        }
    }
}

/* Both other seats are this node's, unless it has given them to an heir meanwhile. */
static void move_alone(struct cluster *c, struct op *op, struct invocation *inv)
{
    struct msg_term term = next_term(c, op, inv);
    if (!terms_is_majority(inv, inv->seats & ~(1u << op->source))) {
        terms_op_over(c, op, inv);
    } else if (terms_move(c, inv, &term)) {
        chosen(c, op, inv);
    } else {
        ops_set_timer(c, op, c->now_ms + HELD_MS);
    }
}

void terms_timeout(struct cluster *c, struct op *op, struct invocation *inv)
{
    if (op->tries++ >= TRIES_MAX || inv->is_over || inv->is_bound) {
        terms_op_over(c, op, inv);
    } else if (op->phase == OP_WAITING) {
        tell(c, op, inv);
    } else if (op->phase == OP_LOOKING) {
        look(c, inv);
        ops_set_timer(c, op, c->now_ms + ANSWER_MS);
    } else if (op->phase == OP_LOCATING) {
        terms_say_own(c, op->holder, inv, TURN_COULD);
        ops_set_timer(c, op, c->now_ms + ANSWER_MS);
    } else if (op->target == SELF) {
        move_alone(c, op, inv);
    } else {
        ask(c, op, inv);
        ops_set_timer(c, op, c->now_ms + ANSWER_MS);
    }
}

/* --- the answers ------------------------------------------------------------------------- */

/* What is to have the seat has what it needs; or it cannot, and the witness gets that, too. */
void terms_on_could(struct cluster *c, struct invocation *inv, uint16_t from, bool can)
{
    struct op *op = terms_op(c, inv);
    if (op == NULL || op->phase != OP_LOCATING || op->holder != from) {
        return;
    }
    uint16_t voter = seats_voter(c, &inv->guid, inv_arbiter(inv, op->source), op->source);
    bool has_other = op->target != SELF && trust_is_dead(c, voter);
    if (!terms_may_move(c, inv) || (!can && !has_other)) {
        terms_op_over(c, op, inv);
        return;
    }
    if (!can) {
        nodes_share(&c->nodes, op->target);
        nodes_drop(&c->nodes, op->holder);
        op->holder = op->target;
    }
    op->phase = OP_ASKING;
    op->tries = 0;
    terms_timeout(c, op, inv);
}

/* Another is in the term that this node was asked into by one who never came back. As below:
 * both have left the term before, as far as that is known. */
static void on_moved_too(struct cluster *c, struct op *op, struct invocation *inv,
                         const struct msg_turn *m)
{
    struct msg_term own;
    terms_tell(c, inv, &own);
    uint32_t moved = (inv->seats | m->seats) & extra_at(c, inv->extra)->kept;
    if (terms_are_same(&own, &m->term) && terms_is_majority(inv, moved)) {
        chosen(c, op, inv);
    }
}

/* The witness is in the next term. With this node's seats that is a majority of the old one:
 * then the new one is chosen, and no other ever will be. What the witness has of the seat that
 * changes is not of the old one. */
void terms_on_moved(struct cluster *c, struct invocation *inv, const struct msg_turn *m)
{
    struct op *op = terms_op(c, inv);
    if (op != NULL && op->phase == OP_LOOKING) {
        on_moved_too(c, op, inv, m);
        return;
    }
    if (op == NULL || op->phase == OP_WAITING || m->term.number != terms_of(c, inv) + 1) {
        return;
    }
    uint32_t changed = 0;
    for (uint32_t i = 0; i < inv->arbiter_count; i++) {
        const struct guid *was = &nodes_at(&c->nodes, terms_voter(c, inv, i))->id;
        changed |= guid_equal(was, &m->term.voters[i]) ? 0 : 1u << i;
    }
    uint32_t moved = inv->seats | (m->seats & ~changed);
    if (__builtin_popcount(changed) != 1 || !terms_is_majority(inv, moved)) {
        return;
    }
    if (terms_move(c, inv, &m->term)) {
        chosen(c, op, inv);
    } else {
        op->phase = OP_ASKING;
        ops_set_timer(c, op, c->now_ms + HELD_MS);
    }
}

void terms_on_taken(struct cluster *c, struct invocation *inv, const struct msg_turn *m,
                    uint16_t from)
{
    struct op *op = terms_op(c, inv);
    struct extra *x = terms_extra(c, inv);
    if (x == NULL || m->term.number != x->term) {
        return;
    }
    for (uint32_t i = 0; i < inv->arbiter_count; i++) {
        if (seats_voter(c, &inv->guid, inv_arbiter(inv, i), i) == from) {
            x->untold = (uint8_t)((uint32_t)x->untold & ~(1u << i));
        }
    }
    bool is_done = op != NULL && op->phase == OP_WAITING && x->untold == 0;
    if (is_done) {
        terms_op_over(c, op, inv);
    }
}

/* The witness cannot move now: a vote is held there. Until the next round votes are given here.
 */
void terms_on_later(struct cluster *c, struct invocation *inv)
{
    struct op *op = terms_op(c, inv);
    if (op != NULL && op->phase == OP_ASKING) {
        terms_op_over(c, op, inv);
    }
}

void terms_on_lacking(struct cluster *c, struct invocation *inv, struct member *to)
{
    struct op *op = terms_op(c, inv);
    streams_want(to, (uint16_t)inv->origin, inv->seq);
    streams_pump(c, to);
    if (op != NULL) {
        ops_set_timer(c, op, c->now_ms + LACKING_MS);
    }
}
