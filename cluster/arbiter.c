#include "cluster/arbiter.h"

#include "cluster/claims.h"
#include "cluster/publish.h"
#include "cluster/send.h"
#include "cluster/store.h"
#include "cluster/trust.h"

#include <assert.h>

static struct place *place_at(const struct cluster *c, uint32_t handle)
{
    return pool_at(&c->places, handle);
}

static const struct guid no_token;

static bool has_token(const struct guid *token)
{
    return !guid_equal(token, &no_token);
}

/* --- places --------------------------------------------------------------------------------
 */

static uint32_t place_new(struct cluster *c, const struct arbiter_claim *claim)
{
    uint32_t handle = pool_new(&c->places);
    if (handle == 0) {
        return 0;
    }
    *place_at(c, handle) = (struct place){.counter = claim->counter,
                                          .token = claim->token,
                                          .node = claim->node,
                                          .purpose = claim->purpose};
    nodes_share(&c->nodes, claim->node);
    return handle;
}

static void place_free(struct cluster *c, uint32_t handle)
{
    nodes_drop(&c->nodes, place_at(c, handle)->node);
    pool_free(&c->places, handle);
}

/* The link that leads to the place of that claim in a chain; *link is 0 at its end. */
static uint32_t *chain_find(const struct cluster *c, uint32_t *link, uint16_t node,
                            uint64_t counter)
{
    while (*link != 0) {
        struct place *p = place_at(c, *link);
        if (p->node == node && p->counter == counter) {
            break;
        }
        link = &p->next;
    }
    return link;
}

static bool hold(struct cluster *c, struct extra *x, const struct arbiter_claim *claim)
{
    uint32_t handle = x->holder_count < HOLDERS_MAX ? place_new(c, claim) : 0;
    if (handle == 0) {
        return false;
    }
    place_at(c, handle)->next = x->holders;
    x->holders = handle;
    x->holder_count++;
    return true;
}

static bool stand_in_line(struct cluster *c, struct extra *x, const struct arbiter_claim *claim)
{
    uint32_t handle = x->line_count < LINE_MAX ? place_new(c, claim) : 0;
    if (handle == 0) {
        c->counters.line_full++;
        return false;
    }
    place_at(c, handle)->next = 0;
    if (x->line == 0) {
        x->line = handle;
    } else {
        place_at(c, x->line_last)->next = handle;
    }
    x->line_last = handle;
    x->line_count++;
    c->counters.lines++;
    return true;
}

/* --- telling claimers ------------------------------------------------------------------------
 */

static void tell_granted(struct cluster *c, const struct invocation *inv,
                         const struct place *place)
{
    struct msg m = {.kind = MSG_GRANT};
    m.grant.guid = inv->guid;
    m.grant.no = (struct msg_claim_no){nodes_at(&c->nodes, place->node)->id, place->counter};
    m.grant.ready = inv_is_ready(inv);
    m.grant.has_payload = inv->has_payload;
    if (place->node == SELF) {
        claims_on_grant(c, SELF, &m.grant);
    } else {
        send_control(c, place->node, &m);
    }
}

static void tell_denied(struct cluster *c, const struct guid *guid, uint16_t node,
                        uint64_t counter, enum msg_deny_why why)
{
    struct msg m = {.kind = MSG_DENY};
    m.deny.guid = *guid;
    m.deny.no = (struct msg_claim_no){nodes_at(&c->nodes, node)->id, counter};
    m.deny.why = (uint8_t)why;
    send_control(c, node, &m);
}

static enum msg_deny_why why_of(enum invocation_state end)
{
    return end == INVOCATION_COLLECTED ? DENY_COLLECTED
           : end == INVOCATION_EXPIRED ? DENY_EXPIRED
                                       : DENY_CANCELED;
}

/* --- the machine ---------------------------------------------------------------------------
 */

bool arbiter_counts(const struct invocation *inv, uint8_t purpose)
{
    return inv_is_ready(inv) || purpose == CLAIM_CANCEL;
}

static bool is_canceling(const struct cluster *c, const struct extra *x)
{
    return x->holders != 0 && place_at(c, x->holders)->purpose == CLAIM_CANCEL;
}

/* Those who have promises only are the first in line again; they need not know. */
static void step_back(struct cluster *c, struct extra *x)
{
    if (x->holders == 0) {
        return;
    }
    uint32_t last = x->holders;
    while (place_at(c, last)->next != 0) {
        last = place_at(c, last)->next;
    }
    place_at(c, last)->next = x->line;
    x->line_last = x->line == 0 ? last : x->line_last;
    x->line = x->holders;
    x->line_count = (uint8_t)(x->line_count + x->holder_count);
    x->holders = 0;
    x->holder_count = 0;
}

/* The vote is for the token that its first holder named. */
static bool shares_token(const struct cluster *c, const struct extra *x,
                         const struct guid *token)
{
    return has_token(token) && x->holders != 0 &&
           guid_equal(&place_at(c, x->holders)->token, token);
}

enum arbiter_answer arbiter_claim(struct cluster *c, struct invocation *inv,
                                  const struct arbiter_claim *claim)
{
    struct extra *x = inv->is_over ? NULL : store_extra(c, inv);
    if (x == NULL) {
        return !inv->is_over   ? ARBITER_FULL
               : inv->is_bound ? ARBITER_COLLECTED
                               : ARBITER_EXPIRED;
    }
    if (*chain_find(c, &x->holders, claim->node, claim->counter) != 0) {
        return ARBITER_GRANTED;
    }
    if (claim->purpose == CLAIM_CANCEL && !inv_is_ready(inv) && !inv->is_bound &&
        !is_canceling(c, x)) {
        step_back(c, x);
    }
    if (*chain_find(c, &x->line, claim->node, claim->counter) != 0) {
        return ARBITER_HELD;
    }
    enum arbiter_answer answer;
    bool shares = shares_token(c, x, &claim->token);
    if (claim->purpose == CLAIM_FREE && !shares && !inv->is_bound) {
        answer = ARBITER_UNBOUND;
    } else if (x->holders == 0 || shares) {
        answer = hold(c, x, claim) ? ARBITER_GRANTED : ARBITER_FULL;
    } else if (inv->is_bound) {
        answer = ARBITER_COLLECTED;
    } else {
        answer = stand_in_line(c, x, claim) ? ARBITER_HELD : ARBITER_FULL;
    }
    store_trim(c, inv);
    return answer;
}

static void line_remove(struct cluster *c, struct extra *x, uint32_t *link)
{
    uint32_t handle = *link;
    *link = place_at(c, handle)->next;
    x->line_count--;
    place_free(c, handle);
    x->line_last = x->line;
    while (x->line_last != 0 && place_at(c, x->line_last)->next != 0) {
        x->line_last = place_at(c, x->line_last)->next;
    }
}

/* S4: a vote that nobody holds any more goes to the first in line. The last thing that its
 * caller does: what the grant leads to may end the entry. */
static void pass_on(struct cluster *c, struct invocation *inv)
{
    struct extra *x = extra_at(c, inv->extra);
    bool is_free = x->holders == 0 && !inv->is_bound;
    while (is_free && x->line != 0 && trust_is_dead(c, place_at(c, x->line)->node)) {
        line_remove(c, x, &x->line); /* it could never give the vote back */
    }
    if (!is_free || x->line == 0) {
        store_trim(c, inv);
        return;
    }
    uint32_t handle = x->line;
    struct place *next = place_at(c, handle);
    x->line = next->next;
    x->line_count--;
    next->next = 0;
    x->holders = handle;
    x->holder_count = 1;
    struct place copy = *next;
    tell_granted(c, inv, &copy);
}

static bool holder_remove(struct cluster *c, struct extra *x, uint16_t node, uint64_t counter)
{
    uint32_t *link = chain_find(c, &x->holders, node, counter);
    uint32_t handle = *link;
    if (handle == 0) {
        return false;
    }
    *link = place_at(c, handle)->next;
    x->holder_count--;
    place_free(c, handle);
    return true;
}

void arbiter_release(struct cluster *c, struct invocation *inv, uint16_t node, uint64_t counter)
{
    if (inv->extra == 0) {
        return;
    }
    struct extra *x = extra_at(c, inv->extra);
    uint32_t *link = chain_find(c, &x->line, node, counter);
    if (*link != 0) {
        line_remove(c, x, link);
        store_trim(c, inv);
    } else if (inv->is_bound) {
        return; /* taken by a token: the vote stays with it to the end */
    } else if (holder_remove(c, x, node, counter)) {
        pass_on(c, inv);
    }
}

/* To nodes that have died: they have seen nothing of it. */
static void break_promises(struct cluster *c, struct extra *x)
{
    uint32_t *link = &x->holders;
    while (*link != 0) {
        struct place p = *place_at(c, *link);
        if (p.purpose != CLAIM_CANCEL && trust_is_dead(c, p.node)) {
            holder_remove(c, x, p.node, p.counter);
        } else {
            link = &place_at(c, *link)->next;
        }
    }
}

void arbiter_ready(struct cluster *c, struct invocation *inv)
{
    struct extra *x = inv->extra == 0 ? NULL : extra_at(c, inv->extra);
    if (x == NULL || x->holders == 0) {
        return;
    }
    if (!inv->is_bound) {
        break_promises(c, x);
    }
    if (x->holders == 0) {
        pass_on(c, inv);
        return;
    }
    struct place told[HOLDERS_MAX];
    uint32_t count = 0;
    for (uint32_t handle = x->holders; handle != 0; handle = told[count++].next) {
        told[count] = *place_at(c, handle);
    }
    struct guid guid = inv->guid;
    for (uint32_t i = 0; i < count && store_find(c, &guid) == inv; i++) {
        tell_granted(c, inv, &told[i]);
    }
}

/* Kept for its token until `redeliver_ms` have passed: everybody else is told that it is
 * collected. */
static void keep_for_token(struct cluster *c, struct invocation *inv,
                           const struct arbiter_taken *t)
{
    struct extra *x = store_extra(c, inv);
    if (x == NULL) {
        store_end(c, inv, INVOCATION_COLLECTED);
        return;
    }
    struct arbiter_claim claim = {
        .counter = t->counter, .node = t->node, .purpose = CLAIM_COLLECT, .token = t->token};
    while (x->holders != 0 && !shares_token(c, x, &t->token)) {
        /* A majority of others voted for the token: this vote can win nothing any more. */
        struct place p = *place_at(c, x->holders);
        holder_remove(c, x, p.node, p.counter);
        if (p.node != SELF) {
            tell_denied(c, &inv->guid, p.node, p.counter, DENY_COLLECTED);
        }
    }
    if (x->holders == 0) {
        hold(c, x, &claim);
    }
    while (x->line != 0) {
        struct place p = *place_at(c, x->line);
        line_remove(c, x, &x->line);
        if (p.node != SELF) {
            tell_denied(c, &inv->guid, p.node, p.counter, DENY_COLLECTED);
        }
    }
    inv->is_bound = 1;
    uint64_t until = c->now_ms + t->redeliver_ms;
    if (until < store_deadline_ms(c, inv)) {
        store_set_deadline(c, inv, until);
    }
    struct guid guid = inv->guid;
    claims_on_bound(c, &guid, &t->token);
}

void arbiter_taken(struct cluster *c, struct invocation *inv, const struct arbiter_taken *t)
{
    if (inv->is_over) {
        return;
    }
    if (t->webhook != WEBHOOK_NONE) {
        inv->webhook = t->webhook & 3u;
    }
    if (has_token(&t->token) && t->redeliver_ms > 0) {
        if (!inv->is_bound) {
            keep_for_token(c, inv, t);
        }
        return;
    }
    if (inv->extra != 0) { /* who took it need not be told so */
        holder_remove(c, extra_at(c, inv->extra), t->node, t->counter);
    }
    bool waits =
        t->end == INVOCATION_COLLECTED && inv_is_ready(inv) && !publish_is_owner(c, inv);
    if (waits) {
        store_hold_over(c, inv, t->end);
    } else {
        store_end(c, inv, t->end);
    }
}

bool arbiter_holds(const struct cluster *c, const struct invocation *inv, uint16_t node,
                   uint64_t counter)
{
    return inv->extra != 0 &&
           *chain_find(c, &extra_at(c, inv->extra)->holders, node, counter) != 0;
}

bool arbiter_holds_for_node(const struct cluster *c, const struct invocation *inv,
                            uint16_t node)
{
    uint32_t handle = inv->extra == 0 ? 0 : extra_at(c, inv->extra)->holders;
    for (; handle != 0; handle = place_at(c, handle)->next) {
        if (place_at(c, handle)->node == node) {
            return true;
        }
    }
    return false;
}

/* --- the end ---------------------------------------------------------------------------------
 */

static void chain_end(struct cluster *c, const struct guid *guid, uint32_t *chain,
                      const enum msg_deny_why *why)
{
    while (*chain != 0) {
        uint32_t handle = *chain;
        struct place p = *place_at(c, handle);
        *chain = p.next;
        if (why != NULL && p.node != SELF) {
            tell_denied(c, guid, p.node, p.counter, *why);
        }
        place_free(c, handle);
    }
}

void arbiter_end(struct cluster *c, struct invocation *inv, enum invocation_state end)
{
    if (inv->extra == 0) {
        return;
    }
    struct extra *x = extra_at(c, inv->extra);
    enum msg_deny_why why = why_of(end);
    chain_end(c, &inv->guid, &x->holders, &why);
    chain_end(c, &inv->guid, &x->line, &why);
    x->holder_count = x->line_count = 0;
}

void arbiter_forget(struct cluster *c, struct invocation *inv)
{
    if (inv->extra != 0) {
        struct extra *x = extra_at(c, inv->extra);
        chain_end(c, &inv->guid, &x->holders, NULL);
        chain_end(c, &inv->guid, &x->line, NULL);
    }
}

/* --- messages -------------------------------------------------------------------------------
 */

static enum msg_deny_why why_not_here(const struct cluster *c, const struct msg_claim *m)
{
    uint16_t tenant = names_find_tenant(&c->names, m->tenant);
    const struct tomb *t = store_tomb_of(c, &m->guid, tenant);
    return t == NULL ? DENY_UNKNOWN : why_of((enum invocation_state)t->state);
}

void arbiter_on_claim(struct cluster *c, uint16_t from, const struct msg_claim *m)
{
    struct invocation *inv = store_find(c, &m->guid);
    bool is_ours = inv != NULL && inv_is_arbiter(inv, SELF) &&
                   inv_is_of(c, inv, names_find_tenant(&c->names, m->tenant));
    if (!is_ours) {
        tell_denied(c, &m->guid, from, m->no.counter, why_not_here(c, m)); /* A3 */
        return;
    }
    if (!trust_may_vote(c, inv, from, m)) {
        return;
    }
    struct arbiter_claim claim = {
        .counter = m->no.counter, .node = from, .purpose = m->purpose, .token = m->token};
    struct place place = {.counter = m->no.counter, .node = from};
    switch (arbiter_claim(c, inv, &claim)) {
    case ARBITER_GRANTED:
        tell_granted(c, inv, &place);
        break;
    case ARBITER_HELD:
        tell_denied(c, &m->guid, from, m->no.counter, DENY_HELD);
        break;
    case ARBITER_FULL:
        tell_denied(c, &m->guid, from, m->no.counter, DENY_FULL);
        break;
    case ARBITER_COLLECTED:
        tell_denied(c, &m->guid, from, m->no.counter, DENY_COLLECTED);
        break;
    case ARBITER_EXPIRED:
        tell_denied(c, &m->guid, from, m->no.counter, DENY_EXPIRED);
        break;
    case ARBITER_UNBOUND:
        tell_denied(c, &m->guid, from, m->no.counter, DENY_UNBOUND);
        break;
    }
}

void arbiter_on_release(struct cluster *c, uint16_t from, const struct msg_release *m)
{
    struct invocation *inv = store_find(c, &m->guid);
    if (inv != NULL) {
        arbiter_release(c, inv, from, m->no.counter);
    }
}

static void on_taken_item(struct cluster *c, uint16_t from, const struct msg_taken_item *item)
{
    struct invocation *inv = store_find(c, &item->guid);
    if (inv == NULL) {
        return;
    }
    struct arbiter_taken t = {.counter = item->no.counter,
                              .node = from,
                              .end = item->state == INVOCATION_CANCELED ? INVOCATION_CANCELED
                                                                        : INVOCATION_COLLECTED,
                              .webhook = (enum webhook_state)(item->webhook & 3),
                              .token = item->token,
                              .redeliver_ms = item->redeliver_ms};
    arbiter_taken(c, inv, &t);
}

void arbiter_on_taken(struct cluster *c, uint16_t from, const struct msg_taken *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        on_taken_item(c, from, &m->at[i]);
    }
}
