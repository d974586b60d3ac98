#include "cluster/detector.h"

#include "cluster/links_inner.h"
#include "cluster/peers.h"
#include "cluster/send.h"
#include "cluster/streams.h"
#include "cluster/takeover.h"

enum {
    PING_MS = 250,
    MEASURE_MS = 1000, /* the round trip, also on a busy link */
    SUSPECT_MS = 1000,
    DEAD_MS = 2000,
    DEAD_CONFIRMED_MS = 1250,
    ACCUSED_MS = 2000, /* how long the word of another counts */
    VOUCHED_MS = 1000, /* likewise, that it lives */
    PROBE_MS = 500,
    PROBES = 3,
    STALL_MS = 200, /* a gap in our own time */
    REFUSED_AGAIN_MS = 50,
};

static const struct guid *id_of(const struct cluster *c, const struct member *m)
{
    return &nodes_at(&c->nodes, m->node)->id;
}

/* --- saying --------------------------------------------------------------------------------
 */

static void ping(struct cluster *c, struct member *m)
{
    struct msg msg = {.kind = MSG_PING};
    msg.ping.members_hash = c->members->hash;
    m->pinged_at_ms = c->now_ms;
    send_control(c, m->node, &msg);
}

static void tell_verdict(struct cluster *c, const struct member *m, enum msg_kind kind,
                         bool final)
{
    struct msg msg = {.kind = kind};
    msg.verdict.node = *id_of(c, m);
    msg.verdict.final = final;
    send_to_all(c, &msg);
}

void detector_tell_dead(struct cluster *c, const struct member *m)
{
    tell_verdict(c, m, MSG_DEAD, m->is_buried);
}

/* Some others are asked whether they hear from it. */
static void probe(struct cluster *c, struct member *m)
{
    struct msg msg = {.kind = MSG_PROBE};
    msg.probe.node = *id_of(c, m);
    m->probed_at_ms = c->now_ms;
    uint32_t asked = 0;
    uint64_t skip = rng_below(&c->rng, c->members->count);
    struct list *l = c->members->all.next;
    for (uint32_t i = 0; i < 2 * c->members->count && asked < PROBES; i++, l = l->next) {
        l = l == &c->members->all ? l->next : l;
        const struct member *other = list_item(l, struct member, link);
        if (i >= skip && other != m && members_is_alive(other)) {
            asked += send_control(c, other->node, &msg);
        }
    }
}

/* --- judging ----------------------------------------------------------------------------- */

static void suspect(struct cluster *c, struct member *m)
{
    members_set_state(c, m, MEMBER_SUSPECT);
    tell_verdict(c, m, MSG_SUSPECT, false);
    probe(c, m);
}

static void declare_dead(struct cluster *c, struct member *m)
{
    members_set_state(c, m, MEMBER_DEAD);
    tell_verdict(c, m, MSG_DEAD, false);
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        if (m->links[lane] != NULL) {
            links_give_up(c, m->links[lane], "silent for too long");
        }
    }
}

static bool is_confirmed(const struct cluster *c, const struct member *m)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < 2; i++) {
        n += m->accused_at_ms[i] != 0 && c->now_ms < m->accused_at_ms[i] + ACCUSED_MS;
    }
    return n == 2;
}

void detector_heard(struct cluster *c, struct member *m)
{
    m->heard_at_ms = c->now_ms;
    if (m->state == MEMBER_SUSPECT && m->links[LANE_CONTROL] != NULL) {
        c->counters.refutations++;
        members_set_state(c, m, MEMBER_ALIVE);
        tell_verdict(c, m, MSG_ALIVE, false);
    }
}

void detector_greeted(struct cluster *c, struct member *m)
{
    m->accused_at_ms[0] = m->accused_at_ms[1] = 0;
    peers_greeted(c, m);
    ping(c, m);
}

void detector_refused(struct cluster *c, struct member *m)
{
    m->refused_count++;
    if (m->state == MEMBER_DEAD || !m->was_reset) {
        return;
    }
    if (m->refused_count >= 2 && m->links[LANE_CONTROL] == NULL) {
        declare_dead(c, m);
        return;
    }
    m->dial_at_ms[LANE_CONTROL] = c->now_ms + REFUSED_AGAIN_MS;
    members_wake(c, m->dial_at_ms[LANE_CONTROL]);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The silence of one member. Returns when it will mean something. */
static uint64_t weigh_silence(struct cluster *c, struct member *m)
{
    if (m->state == MEMBER_DEAD) {
        return UINT64_MAX;
    }
    uint64_t silence = c->now_ms - m->heard_at_ms;
    if (silence < SUSPECT_MS) {
        return m->heard_at_ms + SUSPECT_MS;
    }
    if (m->state != MEMBER_SUSPECT) {
        suspect(c, m);
    }
    bool vouched = m->vouched_at_ms != 0 && c->now_ms < m->vouched_at_ms + VOUCHED_MS;
    uint64_t limit = is_confirmed(c, m) ? DEAD_CONFIRMED_MS : DEAD_MS;
    if (silence >= limit && !vouched) {
        declare_dead(c, m);
        return UINT64_MAX;
    }
    if (c->now_ms >= m->probed_at_ms + PROBE_MS) {
        probe(c, m);
    }
    uint64_t next = earlier(m->probed_at_ms + PROBE_MS, m->heard_at_ms + limit);
    return next > c->now_ms ? next : c->now_ms + PING_MS;
}

static uint64_t speak(struct cluster *c, struct member *m)
{
    if (m->links[LANE_CONTROL] == NULL) {
        return UINT64_MAX;
    }
    bool idle = c->now_ms >= m->told_at_ms + PING_MS;
    if (idle || c->now_ms >= m->pinged_at_ms + MEASURE_MS) {
        ping(c, m);
    }
    return earlier(m->told_at_ms + PING_MS, m->pinged_at_ms + MEASURE_MS);
}

/* Time that this node itself has slept is nobody's silence. */
static void forgive_own_stall(struct cluster *c)
{
    struct members *ms = c->members;
    uint64_t gap = c->now_ms - ms->ticked_at_ms;
    if (gap < PING_MS + STALL_MS) {
        return;
    }
    ms->stalled_at_ms = c->now_ms;
    uint64_t slept = gap - PING_MS;
    for (struct list *l = ms->all.next; l != &ms->all; l = l->next) {
        struct member *m = list_item(l, struct member, link);
        uint64_t later = m->heard_at_ms + slept;
        m->heard_at_ms = later < c->now_ms ? later : c->now_ms;
    }
}

uint64_t detector_tick(struct cluster *c)
{
    struct members *ms = c->members;
    forgive_own_stall(c);
    uint64_t next = ms->count == 0 ? UINT64_MAX : c->now_ms + PING_MS;
    for (struct list *l = ms->all.next, *after; l != &ms->all; l = after) {
        struct member *m = list_item(l, struct member, link);
        after = l->next;
        next = earlier(next, weigh_silence(c, m));
        next = earlier(next, speak(c, m));
    }
    uint64_t least = c->now_ms + ms->count / MEMBERS_A_MS;
    return next > least ? next : least;
}

/* --- messages ---------------------------------------------------------------------------- */

static void on_pong(struct cluster *c, struct member *from, const struct msg_pong *m)
{
    if (m->ping_sent_ms <= c->now_ms) {
        from->rtt_ms = (uint32_t)(c->now_ms - m->ping_sent_ms);
    }
}

static struct member *about(const struct cluster *c, const struct guid *id)
{
    uint16_t node = nodes_find(&c->nodes, id);
    return node == 0 ? NULL : members_of_node(c, node);
}

static void on_probe(struct cluster *c, struct member *from, const struct msg_probe *m)
{
    const struct member *who = about(c, &m->node);
    if (members_is_alive(who) && c->now_ms < who->heard_at_ms + SUSPECT_MS) {
        struct msg ack = {.kind = MSG_PROBE_ACK};
        ack.probe.node = m->node;
        send_control(c, from->node, &ack);
    }
}

static void on_accused(struct cluster *c, const struct member *from, struct member *who)
{
    uint32_t slot = who->accusers[0] == from->node || who->accused_at_ms[0] == 0 ? 0 : 1;
    who->accusers[slot] = from->node;
    who->accused_at_ms[slot] = c->now_ms;
    members_wake(c, c->now_ms);
}

static void on_verdict(struct cluster *c, struct member *from, const struct msg *m)
{
    struct member *who = about(c, &m->verdict.node);
    if (who == NULL) {
        return;
    }
    switch (m->kind) {
    case MSG_SUSPECT:
        on_accused(c, from, who);
        break;
    case MSG_ALIVE:
        who->vouched_at_ms = c->now_ms;
        break;
    default:
        if (m->verdict.final) {
            members_bury(c, who);
        } else {
            on_accused(c, from, who);
        }
    }
}

static void on_leave(struct cluster *c, struct member *from, const struct msg_leave *m)
{
    bool is_news = !from->is_leaving;
    from->is_leaving = true;
    if (m->gone) {
        members_bury(c, from);
    } else if (from->state == MEMBER_ALIVE) {
        members_set_state(c, from, MEMBER_LEAVING);
    }
    if (is_news && !m->gone) {
        streams_on_leaving(c, from);
    }
}

void detector_on_message(struct cluster *c, struct member *from, const struct msg *m,
                         uint64_t sent_at_ms)
{
    struct msg reply = {.kind = MSG_PONG};
    switch (m->kind) {
    case MSG_PING:
        reply.pong.ping_sent_ms = sent_at_ms;
        reply.pong.members_hash = c->members->hash;
        send_control(c, from->node, &reply);
        peers_compare(c, from, m->ping.members_hash);
        break;
    case MSG_PONG:
        on_pong(c, from, &m->pong);
        peers_compare(c, from, m->pong.members_hash);
        break;
    case MSG_PEERS:
        peers_on_message(c, from, &m->peers);
        break;
    case MSG_PROBE:
        on_probe(c, from, &m->probe);
        break;
    case MSG_PROBE_ACK: {
        struct member *who = about(c, &m->probe.node);
        if (who != NULL) {
            who->vouched_at_ms = c->now_ms;
        }
        break;
    }
    case MSG_LEAVE:
        on_leave(c, from, &m->leave);
        break;
    default:
        on_verdict(c, from, m);
    }
}
