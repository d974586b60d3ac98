#include "cluster/terms_inner.h"

#include "cluster/arbiter.h"
#include "cluster/send.h"
#include "cluster/store.h"
#include "cluster/takeover.h"

/* What this node was about to propose was for the term before. */
static void end_own(struct cluster *c, struct invocation *inv)
{
    struct op *op = terms_op(c, inv);
    if (op != NULL && op->phase != OP_WAITING) {
        terms_op_over(c, op, inv);
    }
}

static void on_ask(struct cluster *c, struct invocation *inv, const struct msg_turn *m,
                   uint16_t from)
{
    uint8_t own = terms_of(c, inv);
    bool may = m->term.number > own && !c->is_draining && !terms_is_asking(c, inv) &&
               inv_votes_here(inv) && !inv->is_over;
    uint32_t had = inv->seats;
    if (may && terms_move(c, inv, &m->term)) {
        own = m->term.number;
        end_own(c, inv);
        if (terms_is_majority(inv, had)) { /* by this node alone */
            terms_take_chosen(c, inv);
            extra_at(c, inv->extra)->untold = 7;
            terms_wake(c);
        }
    }
    if (own >= m->term.number) {
        bool is_chosen = extra_at(c, inv->extra)->is_chosen;
        terms_say_own(c, from, inv, is_chosen ? TURN_CHOSEN : TURN_MOVED);
    } else {
        terms_say(c, from, inv, TURN_LATER, &m->term);
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
    enum msg_turn_what answer = never                     ? TURN_CANNOT
                                : lacks(c, inv, m->ready) ? TURN_LACKING
                                                          : TURN_CAN;
    terms_say(c, from, inv, answer, &m->term);
}

static void on_chosen(struct cluster *c, struct invocation *inv, const struct msg_turn *m,
                      uint16_t from)
{
    struct guid guid = inv->guid;
    struct msg_term own;
    terms_tell(c, inv, &own);
    bool is_same = terms_are_same(&own, &m->term);
    if (inv->is_over || (!is_same && !terms_is_later(&own, &m->term))) {
        terms_say(c, from, inv, TURN_TAKEN, &m->term); /* nobody needs its votes any more */
        return;
    }
    if (c->is_draining) {
        return;
    }
    bool is_news = !is_same || !own.is_chosen;
    if (is_news && lacks(c, inv, m->ready)) {
        terms_say(c, from, inv, TURN_LACKING, &m->term);
        return;
    }
    if (!terms_follow(c, inv, &m->term)) {
        return; /* a vote is held here, which cannot win any more: it comes back */
    }
    terms_take_chosen(c, inv);
    terms_say(c, from, inv, TURN_TAKEN, &m->term);
    end_own(c, inv);
    if (is_news) {
        arbiter_tell_promised(c, &guid);
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
        terms_on_moved(c, inv, m);
        break;
    case TURN_CHOSEN:
        on_chosen(c, inv, m, from->node);
        break;
    case TURN_TAKEN:
        terms_on_taken(c, inv, m, from->node);
        break;
    case TURN_COULD:
        on_could(c, inv, m, from->node);
        break;
    case TURN_CAN:
    case TURN_CANNOT:
        terms_on_could(c, inv, from->node, m->what == TURN_CAN);
        break;
    case TURN_LACKING:
        terms_on_lacking(c, inv, from);
        break;
    default:
        terms_on_later(c, inv);
    }
}
