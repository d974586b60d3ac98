/* Leaving (PROTOCOL.md, "Failure detection and joining"):
 *
 *   drain    others are told, so that they choose this node no more; what is queued is handed
 *            over (entrust.c), what runs may end; the seats go to an heir (handoff.c), names to
 *            their next registrars
 *   finish   nothing runs here any more, and no client is to be served: who waits is answered,
 *            who is being served may go on
 *   gone     said when all that is done, or STAY_MS after the finish: it is late then
 *
 * Votes that are not handed over go with the node, as in a crash. */
#include "cluster/members.h"

#include "cluster/answer.h"
#include "cluster/claim_end.h"
#include "cluster/claims.h"
#include "cluster/entrust.h"
#include "cluster/handoff.h"
#include "cluster/questions.h"
#include "cluster/send.h"
#include "cluster/store.h"
#include "cluster/streams.h"

enum {
    STAY_MS = 10 * 1000,
    FAREWELL_MS = 20, /* for the last words to leave */
};

static void say(struct cluster *c, bool gone)
{
    struct msg m = {.kind = MSG_LEAVE};
    m.leave.gone = gone;
    send_to_all(c, &m);
}

void members_drain(struct cluster *c)
{
    c->members->drain_since_ms = c->now_ms;
    say(c, false);
    register_members_changed(c); /* names are told to who keeps them from now on */
    members_wake(c, c->now_ms);
}

/* Votes that wait here for a callback would be held for ever by a dead node. */
static void end_claim(struct cluster *c, struct op *op)
{
    if (op->phase != OP_SERVING && op->phase != OP_BOUND) {
        claim_finish(c, op, ANSWER_NO_QUORUM_LEFT, INVOCATION_QUEUED);
    }
}

void members_finish(struct cluster *c)
{
    c->members->drain_until_ms = c->now_ms + STAY_MS;
    claims_each(c, end_claim);
    members_wake(c, c->now_ms);
}

static bool is_serving(const struct cluster *c)
{
    for (const struct list *l = c->claims.next; l != &c->claims; l = l->next) {
        if (list_item(l, struct op, claims)->phase == OP_SERVING) {
            return true;
        }
    }
    return false;
}

/* RELEASE and TAKEN that somebody has not confirmed yet, callbacks and ends that not all have
 * been told of. */
static bool has_more_to_say(const struct cluster *c)
{
    for (const struct list *l = c->members->all.next; l != &c->members->all; l = l->next) {
        const struct member *m = list_item(l, struct member, link);
        bool waits = m->outbox.count > 0 && m->state != MEMBER_DEAD; /* linked or cut off */
        if (waits || (m->is_streaming && !streams_are_told(c, m))) {
            return true;
        }
    }
    return streams_has_ends(c);
}

/* Who might still ask for a vote of this node. */
static bool somebody_stays(const struct cluster *c)
{
    for (const struct list *l = c->members->all.next; l != &c->members->all; l = l->next) {
        const struct member *m = list_item(l, struct member, link);
        if (m->state != MEMBER_DEAD && !m->is_leaving) {
            return true;
        }
    }
    return false;
}

static bool may_go(const struct cluster *c)
{
    if (!c->is_finishing) {
        return false;
    }
    bool is_free = c->by_guid.count == 0 || handoff_is_done(c) || !somebody_stays(c);
    return (is_free && !is_serving(c) && !has_more_to_say(c)) ||
           c->now_ms >= c->members->drain_until_ms;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t members_drain_tick(struct cluster *c)
{
    struct members *ms = c->members;
    if (!c->is_draining || c->is_drained) {
        return UINT64_MAX;
    }
    uint64_t next = earlier(entrust_tick(c), handoff_tick(c));
    if (ms->farewell_at_ms == 0 && may_go(c)) {
        say(c, true);
        ms->farewell_at_ms = c->now_ms + FAREWELL_MS;
    }
    if (ms->farewell_at_ms == 0) {
        return c->is_finishing ? earlier(next, c->now_ms + FAREWELL_MS) : next;
    }
    if (c->now_ms < ms->farewell_at_ms) {
        return ms->farewell_at_ms;
    }
    c->is_drained = true;
    effects_add(&c->effects, CLUSTER_DRAINED);
    return UINT64_MAX;
}
