#include "cluster/claims.h"

#include "cluster/answer.h"
#include "cluster/claim_end.h"
#include "cluster/fetch.h"
#include "cluster/locate.h"
#include "cluster/ops.h"
#include "cluster/store.h"
#include "cluster/terms.h"
#include "cluster/trust.h"
#include "cluster/votes.h"
#include "cluster/watch.h"

static const struct guid no_token;

/* --- the line of this node ---------------------------------------------------------------- */

/* HEAD: waits as a collector does, and is shown instead of served. */
static void peek(struct cluster *c, struct op *op, const struct invocation *inv)
{
    if (inv->is_bound) {
        claim_finish(c, op, ANSWER_ENDED, INVOCATION_COLLECTED);
    } else if (inv_is_ready(inv)) {
        answer_peek(c, op, inv);
        claim_give_up(c, op);
    } else {
        op->phase = OP_LOOKING;
        votes_arm(c, op);
    }
}

static void not_found(struct cluster *c, struct op *op)
{
    claim_finish(c, op,
                 op->in_doubt || trust_may_exist(c, &op->guid) ? ANSWER_NO_QUORUM_LEFT
                                                               : ANSWER_NEVER_HEARD,
                 INVOCATION_QUEUED);
}

void claims_begin(struct cluster *c, struct op *op)
{
    struct watch *w = watch_of(c, op);
    const struct invocation *inv = store_find_of(c, &op->guid, op->tenant);
    const struct tomb *t = inv == NULL ? store_tomb_of(c, &op->guid, op->tenant) : NULL;
    if (t != NULL) {
        claim_finish(c, op, ANSWER_ENDED, (enum invocation_state)t->state);
        return;
    }
    if (inv != NULL && inv->is_over) {
        claim_finish(c, op, ANSWER_ENDED, inv_end(inv));
        return;
    }
    if (inv != NULL && inv_is_ready(inv) && store_deadline_ms(c, inv) <= c->now_ms) {
        store_expire_one(c, store_find(c, &op->guid)); /* S6; answers all */
        return;
    }
    if (inv != NULL) {
        watch_set_arbiters(c, w, inv);
        w->is_ready = w->is_ready || inv_is_ready(inv);
    }
    if (op->is_peek && inv != NULL) {
        peek(c, op, inv);
        return;
    }
    if (w->arbiter_count == 0 || w->tenant != op->tenant) {
        op->phase = OP_LOCATING;
        votes_arm(c, op);
        if (!locate_ask(c, op)) {
            not_found(c, op);
        }
        return;
    }
    op->phase = OP_ASKING;
    votes_ask(c, op, false);
}

void claims_join(struct cluster *c, struct op *op)
{
    list_init(&op->claims);
    struct watch *w = watch_make(c, &op->guid);
    if (w == NULL) {
        answer_claim(c, op, ANSWER_NO_QUORUM_LEFT, INVOCATION_QUEUED);
        ops_free(c, op);
        return;
    }
    op->phase = OP_WAITING;
    watch_add(c, w, op);
    votes_arm(c, op);
    claim_wake_line(c, &op->guid);
}

void claims_sent(struct cluster *c, struct op *op, bool complete)
{
    if (op->watch == 0) {
        ops_free(c, op); /* the entry ended while it was written */
    } else if (complete) {
        claim_take(c, op, INVOCATION_COLLECTED);
    } else if (!claim_is_by_client_token(op)) {
        claim_give_up(c, op);
    } else {
        op->phase = OP_BOUND; /* its token may ask again; others only when time is over */
        op->wait_until_ms = c->now_ms + c->config.redelivery_ms;
        ops_forget_ticket(c, op);
        ops_set_timer(c, op, op->wait_until_ms);
    }
}

void claims_leave(struct cluster *c, struct op *op)
{
    if (op->phase == OP_SERVING) {
        claims_sent(c, op, false);
    } else if (op->phase != OP_BOUND) {
        claim_give_up(c, op);
    }
}

void claims_timeout(struct cluster *c, struct op *op)
{
    if (op->phase == OP_SERVING) {
        return;
    }
    if (c->now_ms < votes_deadline_ms(c, op)) {
        if (op->phase == OP_ASKING) {
            votes_ask(c, op, false);
        } else {
            fetch_again(c, op);
        }
        return;
    }
    switch (op->phase) {
    case OP_BOUND:
        claim_give_up(c, op);
        break;
    case OP_LOCATING:
    case OP_FETCHING:
        claim_finish(c, op, ANSWER_NO_QUORUM_LEFT, INVOCATION_QUEUED);
        break;
    default: {
        bool is_stuck = op->phase == OP_ASKING && watch_of(c, op)->is_ready;
        for (uint32_t i = 0; i < MSG_ARBITERS_MAX; i++) {
            is_stuck = is_stuck && op->votes[i].state != VOTE_LINED;
        }
        claim_finish(c, op, is_stuck ? ANSWER_NO_QUORUM_LEFT : ANSWER_WAIT_OVER,
                     INVOCATION_QUEUED);
    }
    }
}

void claims_on_grant(struct cluster *c, uint16_t node, const struct msg_grant *m)
{
    uint32_t i;
    struct op *op = watch_claim(c, &m->guid, m->no.counter, &i);
    if (op == NULL) {
        c->counters.stale_grants++;
        claim_release_one(c, &m->guid, node,
                          m->no.counter); /* given back already; say it again */
        return;
    }
    struct vote *v = &op->votes[i];
    bool asks = op->phase == OP_ASKING;
    bool is_news = asks && votes_learn(c, op, &m->term);
    if (op->watch == 0) {
        claim_release_one(c, &m->guid, node,
                          m->no.counter); /* another has ended it meanwhile */
        return;
    }
    struct msg_term known;
    watch_term(c, watch_of(c, op), &known);
    if (asks && !is_news && !terms_are_same(&known, &m->term)) {
        v->state = VOTE_REFUSED; /* of an earlier term: it counts for nothing */
        claim_release_one(c, &m->guid, node, m->no.counter);
        votes_judge(c, op);
        return;
    }
    if (is_news && v->state == VOTE_REFUSED) {
        claim_release_one(c, &m->guid, node, m->no.counter);
        votes_ask(c, op, true);
        return;
    }
    v->node = node; /* its heir, when the one who was asked is leaving */
    v->has_payload = v->has_payload || m->has_payload;
    enum vote_state state =
        m->ready || op->purpose == CLAIM_CANCEL ? VOTE_GRANTED : VOTE_PROMISED;
    if (!is_news && (v->state == VOTE_GRANTED || v->state == state)) {
        return;
    }
    v->state = (uint8_t)state;
    if (op->phase != OP_ASKING) {
        return;
    }
    if (is_news) {
        votes_ask(c, op, true);
        return;
    }
    for (uint32_t k = 0; k < MSG_ARBITERS_MAX; k++) {
        if (op->votes[k].state == VOTE_YIELDED) {
            votes_ask(c, op, true);
            return;
        }
    }
    votes_judge(c, op);
}

static enum invocation_state end_of(uint8_t why)
{
    return why == DENY_EXPIRED    ? INVOCATION_EXPIRED
           : why == DENY_CANCELED ? INVOCATION_CANCELED
                                  : INVOCATION_COLLECTED;
}

/* An arbiter says that it has ended: so it has for those who wait behind this one, unless
 * theirs may be the token that has it. */
static void all_over(struct cluster *c, struct op *op, enum invocation_state end)
{
    struct guid guid = op->guid;
    const struct watch *w = watch_of(c, op);
    uint32_t handle = w->first;
    while (handle != 0) {
        struct op *other = op_at(c, handle);
        handle = other->watch_next;
        bool is_alike = other->tenant == op->tenant && guid_equal(&other->token, &no_token);
        if (other != op && other->phase == OP_WAITING && is_alike) {
            answer_claim(c, other, ANSWER_ENDED, end);
            watch_remove(c, other);
            ops_free(c, other);
        }
    }
    claim_finish(c, op, ANSWER_ENDED, end);
    claim_wake_line(c, &guid);
}

void claims_on_deny(struct cluster *c, uint16_t node, const struct msg_deny *m)
{
    uint32_t i;
    struct op *op = watch_claim(c, &m->guid, m->no.counter, &i);
    if (op == NULL || op->phase == OP_SERVING || op->phase == OP_BOUND) {
        return;
    }
    bool is_news = op->phase == OP_ASKING && votes_learn(c, op, &m->term);
    if (op->watch == 0) {
        return;
    }
    switch (m->why) {
    case DENY_HELD:
        op->votes[i].state = VOTE_LINED;
        is_news ? votes_ask(c, op, false) : votes_judge(c, op);
        break;
    case DENY_COLLECTED:
    case DENY_EXPIRED:
    case DENY_CANCELED:
        all_over(c, op, end_of(m->why));
        break;
    case DENY_UNBOUND:
        claim_finish(c, op, ANSWER_WAIT_OVER, INVOCATION_QUEUED);
        break;
    case DENY_UNKNOWN:
        op->votes[i].state = VOTE_REFUSED;
        if (node == watch_of(c, op)->arbiters[0] && store_find(c, &m->guid) == NULL) {
            claim_finish(c, op, ANSWER_NEVER_HEARD,
                         INVOCATION_QUEUED); /* its home should know */
        } else {
            votes_judge(c, op);
        }
        break;
    default:
        op->votes[i].state = VOTE_REFUSED;
        is_news ? votes_ask(c, op, false) : votes_judge(c, op);
    }
}

/* Does `act` to every claim in that list, and puts it back into c->claims before: what ends
 * meanwhile leaves whichever list it is in. */
static void act_on(struct cluster *c, struct list *todo,
                   void (*act)(struct cluster *, struct op *))
{
    struct list *link;
    while ((link = list_pop_front(todo)) != NULL) {
        list_push_back(&c->claims, link);
        act(c, list_item(link, struct op, claims));
    }
}

void claims_each(struct cluster *c, void (*act)(struct cluster *, struct op *))
{
    struct list todo;
    list_init(&todo);
    struct list *link;
    while ((link = list_pop_front(&c->claims)) != NULL) {
        list_push_back(&todo, link);
    }
    act_on(c, &todo, act);
}

static void act_ready(struct cluster *c, struct op *op)
{
    if (op->phase == OP_ASKING) {
        op->asked_at_ms = c->now_ms; /* from now on a promise is late that is not kept */
        votes_ask(c, op, false);
    } else if (op->phase == OP_LOCATING || op->phase == OP_LOOKING) {
        claims_begin(c, op);
    }
}

void claims_on_ready(struct cluster *c, const struct guid *guid)
{
    struct watch *w = watch_find(c, guid);
    const struct invocation *inv = store_find(c, guid);
    struct list todo;
    list_init(&todo);
    if (w != NULL) {
        w->is_ready = true;
    }
    for (uint32_t h = w == NULL || inv == NULL ? 0 : w->first; h != 0;
         h = op_at(c, h)->watch_next) {
        struct op *op = op_at(c, h);
        if (op->phase != OP_WAITING && inv_is_of(c, inv, op->tenant)) {
            list_remove(&op->claims);
            list_push_back(&todo, &op->claims);
        }
    }
    act_on(c, &todo, act_ready);
}

void claims_on_end(struct cluster *c, const struct guid *guid, uint16_t tenant,
                   enum invocation_state end)
{
    const struct watch *w = watch_find(c, guid);
    uint32_t handle = w == NULL ? 0 : w->first;
    while (handle != 0) {
        struct op *op = op_at(c, handle);
        handle = op->watch_next; /* stays: only this op is ended here */
        if (op->tenant != tenant) {
            /* never heard of it */
        } else if (op->phase == OP_SERVING) {
            watch_remove(c, op); /* its client is being written to; claims_sent() ends it */
        } else if (op->phase == OP_BOUND) {
            watch_remove(c, op);
            ops_free(c, op);
        } else {
            answer_claim(c, op, ANSWER_ENDED, end);
            claim_forget(c, op);
        }
    }
}

void claims_on_bound(struct cluster *c, const struct guid *guid, const struct guid *token)
{
    const struct watch *w = watch_find(c, guid);
    const struct invocation *inv = store_find(c, guid);
    uint32_t handle = w == NULL ? 0 : w->first;
    while (handle != 0) {
        struct op *op = op_at(c, handle);
        handle = op->watch_next;
        bool waits =
            op->phase != OP_SERVING && op->phase != OP_BOUND && inv_is_of(c, inv, op->tenant);
        if (waits && !guid_equal(&op->token, token)) {
            claim_finish(c, op, ANSWER_ENDED, INVOCATION_COLLECTED);
            w = watch_find(c, guid);
            handle = w == NULL ? 0 : w->first;
        }
    }
}

/* The vote asked for there may never come, the place in that line is worth nothing. */
static bool lose_arbiters(struct cluster *c, struct op *op)
{
    const struct watch *w = watch_of(c, op);
    bool lost = false;
    for (uint32_t i = 0; i < w->arbiter_count; i++) {
        struct vote *v = &op->votes[i];
        if (votes_waits(v) && !trust_is_alive(c, v->node)) {
            claim_release_one(c, &op->guid, watch_voter(c, w, i), v->counter);
            v->state = VOTE_NONE;
            lost = true;
        }
    }
    return lost;
}

static void look_again(struct cluster *c, struct op *op)
{
    if (op->phase == OP_LOCATING) {
        if (!locate_ask(c, op)) {
            not_found(c, op);
        }
    } else if (op->phase == OP_ASKING) {
        votes_ask(c, op, lose_arbiters(c, op));
    } else if (op->phase == OP_FETCHING) {
        fetch_again(c, op);
    }
}

void claims_on_members(struct cluster *c)
{
    claims_each(c, look_again);
}

static void ask_anew(struct cluster *c, struct op *op)
{
    const struct watch *w = watch_of(c, op);
    for (uint32_t i = 0; i < w->arbiter_count && op->phase == OP_ASKING; i++) {
        struct vote *v = &op->votes[i];
        if (v->node == c->link_up_node && votes_waits(v)) {
            claim_release_one(c, &op->guid, watch_voter(c, w, i), v->counter);
            v->state = VOTE_NONE;
        }
    }
    look_again(c, op);
}

void claims_on_link_up(struct cluster *c, uint16_t node)
{
    c->link_up_node = node;
    claims_each(c, ask_anew);
}

void claims_on_located(struct cluster *c, struct op *op, const struct msg_status *m)
{
    if (op->phase != OP_LOCATING) {
        return;
    }
    struct watch *w = watch_of(c, op);
    if (m->answer != ANSWER_STATUS) {
        not_found(c, op);
        return;
    }
    if (op->function != 0 && !bytes_equal(names_at(&c->names, op->function), m->function)) {
        claim_finish(c, op, ANSWER_NEVER_HEARD, INVOCATION_QUEUED);
        return;
    }
    if (invocation_state_is_final((enum invocation_state)m->state) ||
        m->entry.arbiter_count == 0) {
        all_over(c, op, (enum invocation_state)m->state);
        return;
    }
    if (w->arbiter_count == 0) {
        w->tenant = op->tenant;
    }
    for (uint32_t i = 0; i < m->entry.arbiter_count && w->arbiter_count == i; i++) {
        uint16_t node = nodes_take(&c->nodes, &m->entry.arbiters[i]);
        w->arbiters[i] = node;
        if (node != 0) {
            w->arbiter_count++;
        }
    }
    if (w->arbiter_count != m->entry.arbiter_count || w->tenant != op->tenant) {
        claim_finish(c, op, ANSWER_NO_QUORUM_LEFT, INVOCATION_QUEUED);
        return;
    }
    w->is_ready = invocation_state_is_ready((enum invocation_state)m->state);
    if (op->is_peek) {
        op->phase = OP_LOOKING; /* its header comes here as soon as it is ready */
        votes_arm(c, op);
        return;
    }
    claims_begin(c, op);
}

struct op *claims_by_counter(const struct cluster *c, const struct guid *guid, uint64_t counter,
                             uint16_t *node)
{
    uint32_t i;
    struct op *op = watch_claim(c, guid, counter, &i);
    *node = op == NULL ? 0 : watch_voter(c, watch_of(c, op), i);
    return op;
}

const struct watch *claims_watch(const struct cluster *c, const struct op *op)
{
    return watch_of(c, op);
}

bool claims_has_quorum(const struct cluster *c, const struct op *op)
{
    return op->has_won &&
           (c->config.available || watch_grants(op) >= watch_quorum(watch_of(c, op)));
}

bool claims_want(const struct cluster *c, const struct guid *guid)
{
    return watch_find(c, guid) != NULL;
}
