/* Greetings: who may be let in, and which of two links of a pair and lane is kept.
 *
 * When both have dialled, both keep the link that the larger node id dialled. */
#include "cluster/links_inner.h"

#include "cluster/accept.h"
#include "cluster/claims.h"
#include "cluster/detector.h"
#include "cluster/seats.h"
#include "cluster/send.h"
#include "cluster/streams.h"
#include "cluster/terms.h"

static void fill_hello(const struct cluster *c, struct msg *m, enum msg_kind kind,
                       enum msg_lane lane)
{
    *m = (struct msg){.kind = kind};
    m->hello.version_min = MSG_VERSION_MIN;
    m->hello.version_max = MSG_VERSION_MAX;
    m->hello.cluster_name = c->config.cluster_name;
    m->hello.node_id = c->config.node_id;
    m->hello.node_name = c->config.node_name;
    m->hello.zone = c->config.zone;
    m->hello.address = c->config.advertise;
    m->hello.lane = (uint8_t)lane;
    m->hello.available = c->config.available;
    m->hello.leaving = c->is_draining;
    m->hello.takes_seats = true;
    m->hello.takes_terms = true;
}

void cluster_link_opened(struct cluster *c, uint64_t now_ms, uint64_t id)
{
    c->now_ms = now_ms;
    struct link *link = links_find(c, id);
    if (link == NULL) {
        return; /* given up in the meantime; CLOSE is on its way */
    }
    link->opened_at_ms = now_ms;
    struct msg m;
    fill_hello(c, &m, MSG_HELLO, link->lane);
    if (!send_on_link(c, link, &m)) {
        links_give_up(c, link, "out of memory");
    }
}

static void reject(struct cluster *c, struct link *link, enum msg_reject_code code,
                   const char *reason)
{
    struct msg m = {.kind = MSG_REJECT};
    m.reject.code = (uint8_t)code;
    m.reject.reason = bytes_text(reason);
    send_on_link(c, link, &m);
    bool is_routine = code == REJECT_SELF || code == REJECT_DUPLICATE;
    c->counters.links_rejected += !is_routine;
    links_give_up_as(c, link, reason, is_routine);
}

/* 0, or why that node cannot be let in. */
static enum msg_reject_code judge(const struct cluster *c, const struct msg_hello *h,
                                  const char **reason)
{
    if (h->version_min > MSG_VERSION_MAX || h->version_max < MSG_VERSION_MIN) {
        *reason = "no common protocol version";
        return REJECT_VERSION;
    }
    if (!bytes_equal(h->cluster_name, c->config.cluster_name)) {
        *reason = "another cluster's name";
        return REJECT_CLUSTER;
    }
    if (h->available != c->config.available) {
        *reason = "cluster.claim differs";
        return REJECT_CLUSTER;
    }
    if (guid_equal(&h->node_id, &c->config.node_id)) {
        *reason = "this is myself";
        return REJECT_SELF;
    }
    if (members_is_buried(c, &h->node_id)) {
        *reason = "that node id is dead for good";
        return REJECT_BURIED;
    }
    *reason = "malformed greeting";
    return h->lane >= LANE_COUNT || h->address.size == 0 ? REJECT_MALFORMED : 0;
}

/* A restarted node is a new node: who had its address before has died. */
static void bury_predecessors(struct cluster *c, const struct msg_hello *h)
{
    struct member *m = members_at(c, h->address);
    if (m != NULL && !guid_equal(&nodes_at(&c->nodes, m->node)->id, &h->node_id)) {
        members_bury(c, m);
        detector_tell_dead(c, m);
    }
}

/* Somebody else has come to that address since this connection was opened: what it says was on
 * its way for long, and its sender is the one that has died. */
static bool is_succeeded(const struct cluster *c, const struct link *link,
                         const struct msg_hello *h)
{
    const struct member *m = members_at(c, h->address);
    const struct link *up = m == NULL ? NULL : m->links[LANE_CONTROL];
    return up != NULL && up != link && up->opened_at_ms >= link->opened_at_ms &&
           !guid_equal(&nodes_at(&c->nodes, m->node)->id, &h->node_id);
}

static struct member *member_for(struct cluster *c, const struct msg_hello *h)
{
    bury_predecessors(c, h);
    uint16_t node = nodes_find(&c->nodes, &h->node_id);
    struct member *m = node == 0 ? NULL : members_of_node(c, node);
    if (m == NULL) {
        m = members_add(c, h);
    }
    return m;
}

/* The link is the one for its pair and lane from now on. */
static void link_up(struct cluster *c, struct link *link, struct member *m,
                    const struct msg_hello *h)
{
    enum msg_lane lane = link->lane;
    if (m->dials[lane] == link) {
        m->dials[lane] = NULL;
    }
    if (link->seed != NULL) {
        link->seed->dial = NULL;
        link->seed->dial_wait_ms = LINKS_WAIT_FIRST_MS;
        link->seed = NULL;
    }
    link->member = m;
    link->is_up = true;
    m->flows[lane] = (struct flow){0};
    if (m->links[lane] != NULL) {
        links_replace(c, m->links[lane], link);
    }
    m->links[lane] = link;
    m->dial_wait_ms = LINKS_WAIT_FIRST_MS;
    m->refused_count = 0;
    m->was_reset = false;
    m->heard_at_ms = c->now_ms;
    m->is_leaving = m->is_leaving || h->leaving;
    m->takes_seats = h->takes_seats;
    m->takes_terms = h->takes_terms;
    c->counters.links_opened++;
    if (lane == LANE_CONTROL) {
        members_set_state(c, m, MEMBER_ALIVE);
        detector_greeted(c, m);
        send_outbox(c, m);
        seats_tell(c, m->node);
        claims_on_link_up(c, m->node);
    }
    streams_start(c, m);
    accept_on_link_up(c, m);
    terms_wake(c); /* it can have seats now */
    members_wake(c, c->now_ms);
}

/* Both dialled at once, and ours is kept. Who dials while there has been a link for long has
 * lost its end of it, which nobody could tell us: then the new one counts. */
static bool is_duplicate(const struct cluster *c, const struct link *old,
                         const struct member *m)
{
    return old != NULL && old->is_ours && links_is_larger(c, m) &&
           c->now_ms - old->opened_at_ms < LINKS_BOTH_DIALLED_MS;
}

/* V1: bytes that were on their way when the node died do not make it live again. One that was
 * thought dead in error dials, and is dialled, anew. */
static bool is_from_the_grave(const struct link *link, const struct member *m)
{
    return m->state == MEMBER_DEAD && link->opened_at_ms <= m->state_since_ms;
}

static void on_hello(struct cluster *c, struct link *link, const struct msg_hello *h)
{
    if (c->members->farewell_at_ms != 0) {
        links_give_up_as(c, link, "this node has said good-bye", true);
        return;
    }
    const char *reason;
    enum msg_reject_code code = judge(c, h, &reason);
    if (code != 0) {
        reject(c, link, code, reason);
        return;
    }
    if (is_succeeded(c, link, h)) {
        links_give_up_as(c, link, "a greeting from before its death", true);
        return;
    }
    struct member *m = member_for(c, h);
    if (m == NULL) {
        reject(c, link, REJECT_FULL, "too many members, or no memory");
        return;
    }
    link->lane = (enum msg_lane)h->lane;
    if (is_from_the_grave(link, m)) {
        links_give_up_as(c, link, "a greeting from before its death", true);
        return;
    }
    if (is_duplicate(c, m->links[link->lane], m)) {
        reject(c, link, REJECT_DUPLICATE, "there is a link of that lane already");
        return;
    }
    struct msg ok;
    fill_hello(c, &ok, MSG_HELLO_OK, link->lane);
    /* The highest that both speak. */
    ok.hello.version_max = h->version_max < MSG_VERSION_MAX ? h->version_max : MSG_VERSION_MAX;
    ok.hello.version_min = ok.hello.version_max;
    if (!send_on_link(c, link, &ok)) {
        links_give_up(c, link, "out of memory");
        return;
    }
    link_up(c, link, m, h);
}

static void on_hello_ok(struct cluster *c, struct link *link, const struct msg_hello *h)
{
    const char *reason;
    enum msg_reject_code code = judge(c, h, &reason);
    if (code == REJECT_SELF && link->seed != NULL) {
        link->seed->is_self = true;
    }
    struct member *expected = link->member;
    if (expected != NULL &&
        !guid_equal(&nodes_at(&c->nodes, expected->node)->id, &h->node_id)) {
        expected->dials[link->lane] = NULL; /* its successor has answered at its address */
        expected->dial_at_ms[link->lane] = c->now_ms + LINKS_WAIT_MAX_MS;
        link->member = NULL;
    }
    if (code == 0 && is_succeeded(c, link, h)) {
        links_give_up_as(c, link, "a greeting from before its death", true);
        return;
    }
    struct member *m = code == 0 && link->lane == h->lane ? member_for(c, h) : NULL;
    if (m == NULL) {
        links_give_up(c, link, code == 0 ? "no memory, or another lane" : reason);
        return;
    }
    if (is_from_the_grave(link, m)) {
        links_give_up_as(c, link, "a greeting from before its death", true);
        return;
    }
    const struct link *old = m->links[link->lane];
    if (old != NULL && !old->is_ours && !old->is_renewed && !links_is_larger(c, m)) {
        links_give_up_as(c, link, "the other side's link is kept", true);
        return;
    }
    link_up(c, link, m, h);
}

static void on_reject(struct cluster *c, struct link *link, const struct msg_reject *m)
{
    if (m->code == REJECT_SELF && link->seed != NULL) {
        link->seed->is_self = true;
    }
    links_give_up_as(c, link, msg_refusal_text(m->code),
                     m->code == REJECT_SELF || m->code == REJECT_DUPLICATE);
}

void links_greet(struct cluster *c, struct link *link, const struct msg *m)
{
    if (m->kind == MSG_HELLO && !link->is_ours) {
        on_hello(c, link, &m->hello);
    } else if (m->kind == MSG_HELLO_OK && link->is_ours) {
        on_hello_ok(c, link, &m->hello);
    } else if (m->kind == MSG_REJECT && link->is_ours) {
        on_reject(c, link, &m->reject);
    } else {
        links_give_up(c, link, "no greeting");
    }
}
