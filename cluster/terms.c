#include "cluster/terms.h"

#include "cluster/arbiter.h"
#include "cluster/ops.h"
#include "cluster/seats.h"
#include "cluster/send.h"
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

static struct extra *extra_of(const struct cluster *c, const struct invocation *inv)
{
    return inv->extra == 0 ? NULL : extra_at(c, inv->extra);
}

uint8_t terms_of(const struct cluster *c, const struct invocation *inv)
{
    return c->turned_count == 0 || inv->extra == 0 ? 0 : extra_at(c, inv->extra)->term;
}

uint16_t terms_voter(const struct cluster *c, const struct invocation *inv, uint32_t i)
{
    return terms_of(c, inv) == 0 ? inv_arbiter(inv, i) : extra_at(c, inv->extra)->voters[i];
}

bool terms_is_voter(const struct cluster *c, const struct invocation *inv, uint16_t node)
{
    bool is = false;
    for (uint32_t i = 0; i < inv->arbiter_count && terms_of(c, inv) > 0; i++) {
        is = is || terms_voter(c, inv, i) == node;
    }
    return is;
}

void terms_tell(const struct cluster *c, const struct invocation *inv, struct msg_term *out)
{
    *out = (struct msg_term){.number = terms_of(c, inv)};
    for (uint32_t i = 0; i < inv->arbiter_count && out->number > 0; i++) {
        out->voters[i] = nodes_at(&c->nodes, terms_voter(c, inv, i))->id;
        out->is_chosen = extra_at(c, inv->extra)->is_chosen;
    }
}

bool terms_are_same(const struct msg_term *a, const struct msg_term *b)
{
    return a->number == b->number && memcmp(a->voters, b->voters, sizeof a->voters) == 0;
}

bool terms_is_later(const struct msg_term *than, const struct msg_term *m)
{
    return m->number > than->number || (m->number == than->number && m->is_chosen &&
                                        !than->is_chosen && !terms_are_same(than, m));
}

void terms_forget(struct cluster *c, struct extra *x)
{
    c->turned_count -= x->term > 0;
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX; i++) {
        nodes_drop(&c->nodes, x->voters[i]);
    }
}

/* --- moving ------------------------------------------------------------------------------ */

/* Nobody counts on a vote of this node, nor ever will in the term that it leaves. */
static bool may_move(const struct cluster *c, const struct invocation *inv)
{
    return !inv_votes_here(inv) ||
           (!inv->is_over && !inv->is_bound && !arbiter_has_given(c, inv));
}

/* Into that term, with the seats whose voter is still the same. False: nothing has changed. */
static bool move(struct cluster *c, struct invocation *inv, const struct msg_term *to)
{
    struct extra *x = may_move(c, inv) ? store_extra(c, inv) : NULL;
    uint16_t voters[MSG_ARBITERS_MAX] = {0};
    bool ok = x != NULL;
    for (uint32_t i = 0; i < inv->arbiter_count && ok; i++) {
        voters[i] = nodes_take(&c->nodes, &to->voters[i]);
        ok = voters[i] != 0;
    }
    if (!ok) {
        for (uint32_t i = 0; i < MSG_ARBITERS_MAX; i++) {
            nodes_drop(&c->nodes, voters[i]);
        }
        store_trim(c, inv);
        return false;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < inv->arbiter_count; i++) {
        kept |= voters[i] == terms_voter(c, inv, i) ? 1u << i : 0;
    }
    arbiter_vacate(c, inv, inv->seats & ~kept);
    inv->seats = inv->seats & kept & 7u;
    terms_forget(c, x);
    memcpy(x->voters, voters, sizeof voters);
    x->term = to->number;
    x->is_chosen = false;
    x->untold = 0;
    c->turned_count++;
    return true;
}

/* It is known that no other has the votes of this term. Those who were promised one are told
 * where the others are now. */
static void take_chosen(struct cluster *c, struct invocation *inv)
{
    struct extra *x = extra_at(c, inv->extra);
    x->is_chosen = true;
    x->begun = 0;
    for (uint32_t i = 0; i < inv->arbiter_count; i++) {
        if (x->voters[i] == SELF && !inv_has_seat(inv, i)) {
            inv->seats = (inv->seats | 1u << i) & 7u;
            c->is_heir = true;
        }
    }
}

bool terms_follow(struct cluster *c, struct invocation *inv, const struct msg_term *m)
{
    struct msg_term own;
    terms_tell(c, inv, &own);
    if (!terms_is_later(&own, m)) {
        return terms_are_same(&own, m);
    }
    bool ok = move(c, inv, m);
    if (ok && m->is_chosen) {
        take_chosen(c, inv);
    }
    return ok;
}

/* --- saying --------------------------------------------------------------------------------
 */

static void say(struct cluster *c, uint16_t to, const struct invocation *inv,
                enum msg_turn_what what, const struct msg_term *term)
{
    struct msg m = {.kind = MSG_TURN};
    m.turn.guid = inv->guid;
    m.turn.origin = nodes_at(&c->nodes, inv->origin)->id;
    m.turn.seq = inv->seq;
    m.turn.what = (uint8_t)what;
    struct msg_term own;
    terms_tell(c, inv, &own);
    m.turn.seats = terms_are_same(&own, term) ? inv->seats & 7u : 0;
    m.turn.ready = inv_is_ready(inv);
    m.turn.term = *term;
    send_control(c, to, &m);
}

static void say_own(struct cluster *c, uint16_t to, const struct invocation *inv,
                    enum msg_turn_what what)
{
    struct msg_term term;
    terms_tell(c, inv, &term);
    say(c, to, inv, what, &term);
}

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
    say(c, op->target, inv, TURN_ASK, &term);
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
            say_own(c, to, inv, TURN_CHOSEN);
            any = true;
        }
    }
    return any;
}

/* --- the op ------------------------------------------------------------------------------ */

static struct op *op_of(const struct cluster *c, const struct invocation *inv)
{
    const struct extra *x = extra_of(c, inv);
    struct op *op = x == NULL || x->accept_op == 0 ? NULL : op_at(c, x->accept_op);
    return op != NULL && op->kind == CLUSTER_OP_TURN ? op : NULL;
}

bool terms_is_asking(const struct cluster *c, const struct invocation *inv)
{
    const struct op *op = c->turns_open == 0 ? NULL : op_of(c, inv);
    return op != NULL && op->phase == OP_ASKING;
}

static void over(struct cluster *c, struct op *op, struct invocation *inv)
{
    extra_at(c, inv->extra)->accept_op = 0;
    ops_free(c, op);
    store_trim(c, inv);
    bool is_waited_for = !inv_is_ready(inv) && !inv->is_known;
    if (is_waited_for && trust_is_dead(c, (uint16_t)inv->origin)) {
        takeover_wake(c);
    }
}

static void tell(struct cluster *c, struct op *op, struct invocation *inv, uint32_t wait_ms)
{
    op->phase = OP_WAITING;
    if (tell_chosen(c, inv)) {
        ops_set_timer(c, op, c->now_ms + wait_ms);
    } else {
        over(c, op, inv);
    }
}

/* It is in the term that has been chosen: so this is known here first. */
static void chosen(struct cluster *c, struct op *op, struct invocation *inv)
{
    struct guid guid = inv->guid;
    take_chosen(c, inv);
    c->counters.seats_given_again++;
    extra_at(c, inv->extra)->untold = 7;
    op->tries = 0;
    tell(c, op, inv, ANSWER_MS);
    arbiter_tell_promised(c, &guid);
}

bool terms_is_untold(const struct cluster *c, const struct invocation *inv)
{
    const struct extra *x = extra_of(c, inv);
    return x != NULL && x->term > 0 && x->is_chosen && x->untold != 0;
}

bool terms_is_unsure(const struct cluster *c, const struct invocation *inv)
{
    const struct extra *x = extra_of(c, inv);
    return x != NULL && x->term > 0 && !x->is_chosen;
}

bool terms_begin(struct cluster *c, struct invocation *inv)
{
    const struct extra *x = extra_of(c, inv);
    if (x != NULL && x->accept_op != 0) {
        return op_of(c, inv) != NULL;
    }
    struct terms_plan plan = {0};
    bool is_open = terms_is_untold(c, inv);
    bool is_unsure = terms_is_unsure(c, inv);
    bool may_ask = is_open || is_unsure || (may_move(c, inv) && terms_plan(c, inv, &plan));
    if (!may_ask) {
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
        tell(c, op, inv, ANSWER_MS);
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
    const struct extra *x = extra_of(c, inv);
    bool had_its_tries = x != NULL && x->accept_op == 0 && x->begun > TRIES_FIRST;
    return !had_its_tries && terms_begin(c, inv);
}

/* Has it been chosen? Who has heard of it answers so. */
static void look(struct cluster *c, const struct invocation *inv)
{
    for (uint32_t i = 0; i < inv->arbiter_count; i++) {
        uint16_t to = seats_voter(c, &inv->guid, inv_arbiter(inv, i), i);
        if (to != SELF && !trust_is_dead(c, to)) {
            say_own(c, to, inv, TURN_ASK);
        }
    }
}

/* Both other seats are this node's. */
static void move_alone(struct cluster *c, struct op *op, struct invocation *inv)
{
    struct msg_term term = next_term(c, op, inv);
    if (move(c, inv, &term)) {
        chosen(c, op, inv);
    } else {
        ops_set_timer(c, op, c->now_ms + HELD_MS);
    }
}

void terms_timeout(struct cluster *c, struct op *op, struct invocation *inv)
{
    if (op->tries++ >= TRIES_MAX || inv->is_over || inv->is_bound) {
        over(c, op, inv);
    } else if (op->phase == OP_WAITING) {
        tell(c, op, inv, ANSWER_MS);
    } else if (op->phase == OP_LOOKING) {
        look(c, inv);
        ops_set_timer(c, op, c->now_ms + ANSWER_MS);
    } else if (op->phase == OP_LOCATING) {
        say_own(c, op->holder, inv, TURN_COULD);
        ops_set_timer(c, op, c->now_ms + ANSWER_MS);
    } else if (op->target == SELF) {
        move_alone(c, op, inv);
    } else {
        ask(c, op, inv);
        ops_set_timer(c, op, c->now_ms + ANSWER_MS);
    }
}

/* What is to have the seat has what it needs; or it cannot, and the witness gets that, too. */
static void holder_answered(struct cluster *c, struct invocation *inv, uint16_t from, bool can)
{
    struct op *op = op_of(c, inv);
    if (op == NULL || op->phase != OP_LOCATING || op->holder != from) {
        return;
    }
    uint16_t voter = seats_voter(c, &inv->guid, inv_arbiter(inv, op->source), op->source);
    bool has_other = op->target != SELF && trust_is_dead(c, voter);
    if (!may_move(c, inv) || (!can && !has_other)) {
        over(c, op, inv);
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

/* --- what it hears -------------------------------------------------------------------------
 */

static uint32_t count_bits(uint32_t bits)
{
    return (bits & 1u) + (bits >> 1 & 1u) + (bits >> 2 & 1u);
}

/* Another is in the term that this node was asked into by one who never came back. As above, if
 * the term before is known: it is that of the entry itself. */
static void on_moved_too(struct cluster *c, struct op *op, struct invocation *inv,
                         const struct msg_turn *m)
{
    struct msg_term own;
    terms_tell(c, inv, &own);
    uint32_t moved = 0;
    for (uint32_t i = 0; i < inv->arbiter_count; i++) {
        bool is_kept = extra_at(c, inv->extra)->voters[i] == inv_arbiter(inv, i);
        moved |= is_kept ? ((uint32_t)inv->seats | m->seats) & 1u << i : 0;
    }
    bool is_enough = count_bits(moved) >= inv->arbiter_count / 2u + 1;
    if (own.number == 1 && terms_are_same(&own, &m->term) && is_enough) {
        chosen(c, op, inv);
    }
}

/* The witness is in the next term. With this node's seats that is a majority of the old one:
 * then the new one is chosen, and no other ever will be. What the witness has of the seat that
 * changes is not of the old one. */
static void on_moved(struct cluster *c, struct invocation *inv, const struct msg_turn *m)
{
    struct op *op = op_of(c, inv);
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
    if (count_bits(changed) != 1 || count_bits(moved) < inv->arbiter_count / 2u + 1) {
        return;
    }
    if (move(c, inv, &m->term)) {
        chosen(c, op, inv);
    } else {
        op->phase = OP_ASKING;
        ops_set_timer(c, op, c->now_ms + HELD_MS);
    }
}

static void on_ask(struct cluster *c, struct invocation *inv, const struct msg_turn *m,
                   uint16_t from)
{
    uint8_t own = terms_of(c, inv);
    bool may = m->term.number > own && !c->is_draining && !terms_is_asking(c, inv) &&
               inv_votes_here(inv) && !inv->is_over;
    uint32_t had = inv->seats;
    if (may && move(c, inv, &m->term)) {
        own = m->term.number;
        if (count_bits(had) >= inv->arbiter_count / 2u + 1) { /* by this node alone */
            take_chosen(c, inv);
            extra_at(c, inv->extra)->untold = 7;
            terms_wake(c);
        }
    }
    if (own >= m->term.number) {
        bool is_chosen = extra_at(c, inv->extra)->is_chosen;
        say_own(c, from, inv, is_chosen ? TURN_CHOSEN : TURN_MOVED);
    } else {
        say(c, from, inv, TURN_LATER, &m->term);
    }
}

static bool lacks(const struct cluster *c, const struct invocation *inv, bool is_ready_there)
{
    return !inv_is_ready(inv) && (is_ready_there || !takeover_has_request(c, inv));
}

static void on_could(struct cluster *c, const struct invocation *inv, const struct msg_turn *m,
                     uint16_t from)
{
    bool never = c->is_draining || inv->is_over;
    say(c, from, inv,
        never                     ? TURN_CANNOT
        : lacks(c, inv, m->ready) ? TURN_LACKING
                                  : TURN_CAN,
        &m->term);
}

static void on_chosen(struct cluster *c, struct invocation *inv, const struct msg_turn *m,
                      uint16_t from)
{
    struct guid guid = inv->guid;
    struct msg_term own;
    terms_tell(c, inv, &own);
    bool is_same = terms_are_same(&own, &m->term);
    if (inv->is_over || (!is_same && !terms_is_later(&own, &m->term))) {
        say(c, from, inv, TURN_TAKEN, &m->term); /* nobody needs its votes any more */
        return;
    }
    if (c->is_draining) {
        return;
    }
    bool is_news = !is_same || !own.is_chosen;
    if (is_news && lacks(c, inv, m->ready)) {
        say(c, from, inv, TURN_LACKING, &m->term);
        return;
    }
    if (!terms_follow(c, inv, &m->term)) {
        return; /* a vote is held here, which cannot win any more: it comes back */
    }
    take_chosen(c, inv);
    say(c, from, inv, TURN_TAKEN, &m->term);
    struct op *op = op_of(c, inv);
    if (op != NULL && op->phase != OP_WAITING) {
        over(c, op, inv);
    }
    if (is_news) {
        arbiter_tell_promised(c, &guid);
    }
}

static void on_taken(struct cluster *c, struct invocation *inv, const struct msg_turn *m,
                     uint16_t from)
{
    struct op *op = op_of(c, inv);
    struct extra *x = extra_of(c, inv);
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
        over(c, op, inv);
    }
}

/* The witness cannot move now: a vote is held there. Until the next round votes are given here.
 */
static void on_later(struct cluster *c, struct invocation *inv)
{
    struct op *op = op_of(c, inv);
    if (op != NULL && op->phase == OP_ASKING) {
        over(c, op, inv);
    }
}

static void supply(struct cluster *c, struct invocation *inv, struct member *to)
{
    struct op *op = op_of(c, inv);
    streams_want(to, (uint16_t)inv->origin, inv->seq);
    streams_pump(c, to);
    if (op != NULL) {
        ops_set_timer(c, op, c->now_ms + LACKING_MS);
    }
}

/* Not here: it has ended, or has never come. */
static void on_turn_for_none(struct cluster *c, uint16_t from, const struct msg_turn *m)
{
    uint16_t origin = nodes_find(&c->nodes, &m->origin);
    bool has_ended =
        origin != 0 && seqmap_has_ended(&nodes_at(&c->nodes, origin)->seqs, m->seq);
    struct msg reply = {.kind = MSG_TURN, .turn = *m};
    reply.turn.seats = 0;
    bool could = m->what == TURN_COULD;
    reply.turn.what = !has_ended ? TURN_LACKING : could ? TURN_CANNOT : TURN_TAKEN;
    if (m->what == TURN_ASK || m->what == TURN_CHOSEN || could) {
        send_control(c, from, &reply);
    }
}

void terms_on_turn(struct cluster *c, struct member *from, const struct msg_turn *m)
{
    struct invocation *inv = store_find(c, &m->guid);
    bool is_about_term = m->what < TURN_LACKING; /* the others only are about the entry */
    if (m->term.number == 0 && is_about_term) {
        return;
    }
    if (inv == NULL || c->config.available || inv->arbiter_count != 3) {
        on_turn_for_none(c, from->node, m);
        return;
    }
    switch (m->what) {
    case TURN_ASK:
        on_ask(c, inv, m, from->node);
        break;
    case TURN_MOVED:
        on_moved(c, inv, m);
        break;
    case TURN_CHOSEN:
        on_chosen(c, inv, m, from->node);
        break;
    case TURN_TAKEN:
        on_taken(c, inv, m, from->node);
        break;
    case TURN_COULD:
        on_could(c, inv, m, from->node);
        break;
    case TURN_CAN:
    case TURN_CANNOT:
        holder_answered(c, inv, from->node, m->what == TURN_CAN);
        break;
    case TURN_LACKING:
        supply(c, inv, from);
        break;
    default:
        on_later(c, inv);
    }
}
