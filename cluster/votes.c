#include "cluster/votes.h"

#include "cluster/answer.h"
#include "cluster/arbiter.h"
#include "cluster/claim_end.h"
#include "cluster/fetch.h"
#include "cluster/ops.h"
#include "cluster/publish.h"
#include "cluster/send.h"
#include "cluster/store.h"
#include "cluster/terms.h"
#include "cluster/trust.h"
#include "cluster/watch.h"

enum {
    GRACE_MS = 900,    /* after the wait, for votes that are on their way (L1: 1 s) */
    SILENCE_MS = 50,   /* R2: an arbiter that is silent for so long is passed over */
    HEDGE_MS = 20,     /* ... and one that was not needed is asked in its stead */
    ASK_AGAIN_MS = 25, /* after a refusal that passes */
    NOWHERE = MSG_ARBITERS_MAX,
};

/* --- asking ---------------------------------------------------------------------------- */

static void ask_remote(struct cluster *c, struct op *op, uint16_t node, uint32_t seat)
{
    struct vote *v = &op->votes[seat];
    if (!trust_is_reachable(c, node)) {
        v->state = VOTE_NONE;
        return;
    }
    uint64_t left = op->wait_until_ms > c->now_ms ? op->wait_until_ms - c->now_ms : 0;
    struct msg m = {.kind = MSG_CLAIM};
    m.claim.guid = op->guid;
    m.claim.no = (struct msg_claim_no){c->config.node_id, v->counter};
    m.claim.purpose = op->purpose;
    m.claim.wait_left_ms = (uint32_t)(left < UINT32_MAX ? left : UINT32_MAX);
    m.claim.token = op->token;
    m.claim.tenant = names_at(&c->names, op->tenant);
    m.claim.seat = (uint8_t)(seat + 1);
    v->state = send_control(c, node, &m) ? VOTE_ASKED : VOTE_NONE;
}

/* Is the vote of this node one of the same term as those that others give? */
static bool is_of_term(const struct cluster *c, const struct op *op,
                       const struct invocation *inv)
{
    struct msg_term own, known;
    terms_tell(c, inv, &own);
    watch_term(c, watch_of(c, op), &known);
    return terms_are_same(&own, &known);
}

/* Asks one arbiter, under a fresh number. False: it says that all is over, as *answer tells.
 */
static bool ask(struct cluster *c, struct op *op, uint32_t i, enum answer *answer)
{
    uint16_t node = watch_voter(c, watch_of(c, op), i);
    struct vote *v = &op->votes[i];
    v->counter = ++c->claim_counter;
    v->node = node;
    v->has_payload = false;
    op->asked_at_ms = c->now_ms;
    if (node != SELF) {
        ask_remote(c, op, node, i);
        return true;
    }
    struct invocation *inv = store_find(c, &op->guid);
    if (inv == NULL || !inv_has_seat(inv, i) || !is_of_term(c, op, inv)) {
        v->state = VOTE_REFUSED;
        return inv != NULL || tombs_find(&c->tombs, &op->guid) == NULL;
    }
    struct arbiter_claim claim = {.counter = v->counter,
                                  .node = SELF,
                                  .seat = (uint8_t)i,
                                  .purpose = op->purpose,
                                  .token = op->token};
    switch (arbiter_claim(c, inv, &claim)) {
    case ARBITER_GRANTED:
        v->state = arbiter_counts(inv, op->purpose) ? VOTE_GRANTED : VOTE_PROMISED;
        v->has_payload = inv->has_payload;
        return true;
    case ARBITER_HELD:
        v->state = VOTE_LINED;
        return true;
    case ARBITER_FULL:
        v->state = VOTE_REFUSED;
        return true;
    case ARBITER_UNBOUND:
        *answer = ANSWER_WAIT_OVER;
        break;
    case ARBITER_EXPIRED:
    case ARBITER_COLLECTED:
    case ARBITER_CANCELED:
        break;
    }
    return false;
}

uint64_t votes_deadline_ms(const struct cluster *c, const struct op *op)
{
    bool on_its_way = op->phase == OP_LOCATING || op->phase == OP_FETCHING;
    if (op->phase == OP_ASKING && watch_of(c, op)->is_ready) {
        on_its_way = true;
        for (uint32_t i = 0; i < MSG_ARBITERS_MAX; i++) {
            on_its_way = on_its_way && op->votes[i].state != VOTE_LINED;
        }
    }
    return op->wait_until_ms + (on_its_way ? GRACE_MS : 0);
}

/* An answer could be there, as there is a callback to vote for, or none is needed. */
static bool is_due(const struct cluster *c, const struct op *op)
{
    return watch_of(c, op)->is_ready || op->purpose == CLAIM_CANCEL;
}

static bool wants_to_ask_again(const struct cluster *c, const struct op *op)
{
    bool wants = false;
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX; i++) {
        wants = wants || op->votes[i].state == VOTE_REFUSED;
    }
    /* Else the callback's arrival asks again. */
    return wants && is_due(c, op);
}

static bool waits_for_silence(const struct op *op)
{
    bool asked = false, lined = false;
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX; i++) {
        asked = asked || op->votes[i].state == VOTE_ASKED;
        lined = lined || op->votes[i].state == VOTE_LINED;
    }
    return asked && lined;
}

static bool waits_for_hedge(const struct cluster *c, const struct op *op)
{
    bool asked = false, spared = false;
    for (uint32_t i = 0; i < watch_of(c, op)->arbiter_count; i++) {
        asked =
            asked || op->votes[i].state == VOTE_ASKED || op->votes[i].state == VOTE_PROMISED;
        spared = spared || op->votes[i].state == VOTE_NONE;
    }
    return asked && spared && is_due(c, op);
}

static uint64_t sooner(const struct cluster *c, uint64_t at, uint64_t other)
{
    return other > c->now_ms && other < at ? other : at;
}

void votes_arm(struct cluster *c, struct op *op)
{
    uint64_t at = votes_deadline_ms(c, op);
    bool asks = op->phase == OP_ASKING;
    if (asks && wants_to_ask_again(c, op)) {
        at = sooner(c, at, c->now_ms + ASK_AGAIN_MS);
    }
    if (asks && waits_for_silence(op)) {
        at = sooner(c, at, op->asked_at_ms + SILENCE_MS);
    }
    if (asks && waits_for_hedge(c, op)) {
        at = sooner(c, at, op->asked_at_ms + HEDGE_MS);
    }
    ops_set_timer(c, op, at);
}

/* The first arbiter that lives and answers, if the claim stands in line there; else NOWHERE. */
static uint32_t lined_at_first(const struct cluster *c, const struct op *op)
{
    const struct watch *w = watch_of(c, op);
    for (uint32_t i = 0; i < w->arbiter_count; i++) {
        enum vote_state state = (enum vote_state)op->votes[i].state;
        bool is_silent = state == VOTE_ASKED && c->now_ms >= op->asked_at_ms + SILENCE_MS;
        if (trust_is_alive(c, watch_voter(c, w, i)) && !is_silent) {
            return state == VOTE_LINED ? i : NOWHERE;
        }
    }
    return NOWHERE;
}

/* R2: who stands in line at the first arbiter that answers waits there only, so that two
 * claims cannot block each other with one vote each. */
static void yield_to_first(struct cluster *c, struct op *op)
{
    const struct watch *w = watch_of(c, op);
    uint32_t first = lined_at_first(c, op);
    for (uint32_t i = 0; i < w->arbiter_count && first != NOWHERE; i++) {
        struct vote *v = &op->votes[i];
        if (i != first && (v->state == VOTE_GRANTED || votes_waits(v))) {
            v->state = VOTE_YIELDED;
            c->counters.yields++;
            claim_release_one(c, &op->guid, watch_voter(c, w, i), v->counter);
        }
    }
}

bool votes_waits(const struct vote *v)
{
    return v->state == VOTE_ASKED || v->state == VOTE_LINED || v->state == VOTE_PROMISED;
}

static bool has_those_of_the_living(const struct cluster *c, const struct op *op)
{
    const struct watch *w = watch_of(c, op);
    uint32_t living = 0;
    for (uint32_t i = 0; i < w->arbiter_count && living < 2; i++) {
        if (trust_is_dead(c, watch_voter(c, w, i))) {
            continue;
        }
        living++;
        if (op->votes[i].state != VOTE_GRANTED) {
            return false;
        }
    }
    return living > 0;
}

/* To cancel is to let nobody else win; but only who counts its end may be content with that. */
static uint32_t votes_needed(const struct cluster *c, const struct op *op)
{
    const struct watch *w = watch_of(c, op);
    const struct invocation *inv =
        op->purpose == CLAIM_CANCEL ? store_find(c, &op->guid) : NULL;
    bool blocks = inv != NULL && !c->config.available && publish_is_owner(c, inv);
    return blocks ? w->arbiter_count - watch_quorum(w) + 1 : watch_quorum(w);
}

bool votes_suffice(const struct cluster *c, const struct op *op)
{
    return watch_grants(op) >= votes_needed(c, op) ||
           (c->config.available && has_those_of_the_living(c, op));
}

/* R1: how many votes there can still be. */
static uint32_t possible_votes(const struct cluster *c, const struct op *op)
{
    const struct watch *w = watch_of(c, op);
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->arbiter_count; i++) {
        bool has_it = op->votes[i].state == VOTE_GRANTED;
        n += has_it || trust_is_reachable(c, watch_voter(c, w, i));
    }
    return n;
}

/* --- whom to ask ------------------------------------------------------------------------- */

/* Are so many votes given, or on their way, that they suffice? Two in three do, so a third
 * would be asked for nothing. Who stands in line at the first waits there only (R2). */
static bool asks_enough(const struct cluster *c, const struct op *op)
{
    const struct watch *w = watch_of(c, op);
    bool is_late = is_due(c, op) && c->now_ms >= op->asked_at_ms + HEDGE_MS;
    uint32_t hopeful = 0;
    for (uint32_t i = 0; i < w->arbiter_count; i++) {
        uint8_t state = op->votes[i].state;
        bool is_asked = state == VOTE_ASKED || state == VOTE_PROMISED;
        hopeful += state == VOTE_GRANTED || (is_asked && !is_late);
    }
    uint32_t wanted = c->config.available ? w->arbiter_count : votes_needed(c, op);
    return hopeful >= wanted || lined_at_first(c, op) != NOWHERE;
}

/* Smaller is better: this node answers at once, a suspect perhaps never. */
static uint32_t rank(const struct cluster *c, uint16_t voter)
{
    return voter == SELF                  ? 0
           : trust_is_alive(c, voter)     ? 1
           : trust_is_reachable(c, voter) ? 2
                                          : UINT32_MAX;
}

/* Of those that were not asked, and are not in the set `passed`. False: there is none. */
static bool choose(const struct cluster *c, const struct op *op, uint32_t passed, uint32_t *out)
{
    const struct watch *w = watch_of(c, op);
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < w->arbiter_count; i++) {
        bool is_free = op->votes[i].state == VOTE_NONE && (passed >> i & 1u) == 0;
        uint32_t its_rank = is_free ? rank(c, watch_voter(c, w, i)) : UINT32_MAX;
        if (its_rank < best) {
            best = its_rank;
            *out = i;
        }
    }
    return best != UINT32_MAX;
}

/* False: the claim is over. */
static bool ask_enough(struct cluster *c, struct op *op)
{
    uint32_t i = 0, passed = 0;
    enum answer answer = ANSWER_ENDED;
    while (!asks_enough(c, op) && choose(c, op, passed, &i)) {
        passed |= 1u << i;
        if (!ask(c, op, i, &answer)) {
            claim_finish(c, op, answer, INVOCATION_COLLECTED);
            return false;
        }
    }
    return true;
}

/* --- judging -------------------------------------------------------------------------------
 */

/* The answer may tell of another term, in which there can be more. */
static bool awaits_answer(const struct cluster *c, const struct op *op)
{
    bool awaits = false;
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX; i++) {
        const struct vote *v = &op->votes[i];
        awaits = awaits || (v->state == VOTE_ASKED && trust_is_reachable(c, v->node));
    }
    return awaits;
}

/* Enough votes: what the claim is for can be done, if there is a callback. The claim may be
 * over afterwards. */
static void won(struct cluster *c, struct op *op)
{
    if (!watch_of(c, op)->is_ready && op->purpose != CLAIM_CANCEL) {
        votes_arm(c, op);
        return;
    }
    op->has_won = true;
    if (op->purpose == CLAIM_COLLECT) {
        fetch_begin(c, op);
        return;
    }
    enum invocation_state end =
        op->purpose == CLAIM_CANCEL ? INVOCATION_CANCELED : INVOCATION_COLLECTED;
    struct op was = *op;
    claim_take(c, op, end);
    answer_claim(c, &was, ANSWER_DONE, end);
}

void votes_judge(struct cluster *c, struct op *op)
{
    if (op->phase != OP_ASKING || !ask_enough(c, op)) {
        return;
    }
    uint32_t needed = c->config.available ? 1 : votes_needed(c, op);
    if (votes_suffice(c, op)) {
        won(c, op);
    } else if (possible_votes(c, op) < needed && !awaits_answer(c, op)) {
        claim_finish(c, op, ANSWER_NO_QUORUM_LEFT, INVOCATION_QUEUED);
    } else {
        yield_to_first(c, op);
        votes_arm(c, op);
    }
}

/* What it was given or promised of an earlier term, or by who votes no more, counts for
 * nothing. */
static void give_up_votes(struct cluster *c, struct op *op,
                          const uint16_t voters_before[MSG_ARBITERS_MAX])
{
    for (uint32_t i = 0; i < watch_of(c, op)->arbiter_count; i++) {
        struct vote *v = &op->votes[i];
        bool has_moved = voters_before[i] != watch_voter(c, watch_of(c, op), i);
        if (v->state == VOTE_GRANTED || (has_moved && v->state != VOTE_NONE)) {
            v->state = VOTE_REFUSED;
            claim_release_one(c, &op->guid, voters_before[i], v->counter);
        }
    }
}

bool votes_learn(struct cluster *c, struct op *op, const struct msg_term *term)
{
    struct watch *w = watch_of(c, op);
    uint16_t before[MSG_ARBITERS_MAX] = {0};
    for (uint32_t i = 0; i < w->arbiter_count; i++) {
        before[i] = watch_voter(c, w, i);
        nodes_share(&c->nodes, before[i]);
    }
    bool is_news = watch_learn(c, w, term);
    uint32_t handle = is_news ? w->first : 0;
    while (handle != 0) {
        struct op *each = op_at(c, handle);
        handle = each->watch_next;
        if (each->phase == OP_ASKING) {
            give_up_votes(c, each, before);
        }
    }
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX; i++) {
        nodes_drop(&c->nodes, before[i]);
    }
    return is_news;
}

void votes_ask(struct cluster *c, struct op *op, bool also_yielded)
{
    enum answer answer = ANSWER_ENDED;
    const struct invocation *inv = c->turned_count == 0 ? NULL : store_find(c, &op->guid);
    if (inv != NULL) {
        struct msg_term own;
        terms_tell(c, inv, &own);
        votes_learn(c, op, &own);
    }
    if (op->watch == 0) {
        return; /* what it gave back has let another end it */
    }
    for (uint32_t i = 0; i < watch_of(c, op)->arbiter_count; i++) {
        uint8_t state = op->votes[i].state;
        bool again = state == VOTE_REFUSED || (state == VOTE_YIELDED && also_yielded);
        if (again && !ask(c, op, i, &answer)) {
            claim_finish(c, op, answer, INVOCATION_COLLECTED);
            return;
        }
    }
    votes_judge(c, op);
}

void votes_ask_spared(struct cluster *c, struct op *op)
{
    uint32_t i = 0, passed = 0;
    enum answer answer;
    while (choose(c, op, passed, &i)) {
        passed |= 1u << i;
        (void)ask(c, op, i, &answer); /* an end that it tells comes here by itself */
    }
}
