/* Leaving (PROTOCOL.md, "Failure detection and joining"): others are told at once, so that they
 * choose this node no more; it stays an arbiter for the time that its entries have left, 10 s
 * at most, says good-bye, and is done. */
#include "cluster/members.h"

#include "cluster/send.h"
#include "cluster/store.h"

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
    c->members->drain_until_ms = c->now_ms + STAY_MS;
    say(c, false);
    members_wake(c, c->now_ms);
}

/* Is any of the entries here one that this node votes on? All are, that are not mere headers;
 * what has peers that could vote without it is not waited for. */
static bool is_needed(const struct cluster *c)
{
    return c->by_guid.count > 0;
}

uint64_t members_drain_tick(struct cluster *c)
{
    struct members *ms = c->members;
    if (!c->is_draining || c->is_drained) {
        return UINT64_MAX;
    }
    if (ms->farewell_at_ms == 0 && (!is_needed(c) || c->now_ms >= ms->drain_until_ms)) {
        say(c, true);
        ms->farewell_at_ms = c->now_ms + FAREWELL_MS;
    }
    if (ms->farewell_at_ms == 0) {
        return c->now_ms + FAREWELL_MS;
    }
    if (c->now_ms < ms->farewell_at_ms) {
        return ms->farewell_at_ms;
    }
    c->is_drained = true;
    effects_add(&c->effects, CLUSTER_DRAINED);
    return UINT64_MAX;
}
