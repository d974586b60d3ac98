#include "cluster/peers.h"

#include "cluster/links_inner.h"
#include "cluster/send.h"

enum {
    GREETINGS_MAX = 8, /* seeds asked at once; with more of them everybody dials everybody */
    REST_MS = 1000,    /* a difference that lasts, while nothing changes here, stays */
    LATEST_MS = 5000,  /* likewise, where something always changes */
};

static void ask(struct cluster *c, const struct member *whom)
{
    struct msg m = {.kind = MSG_PEERS};
    if (send_control(c, whom->node, &m)) {
        c->members->asked_at_ms = c->now_ms;
    }
}

void peers_greeted(struct cluster *c, struct member *m)
{
    if (links_is_seed(c, m->address) && c->members->asked_count < GREETINGS_MAX) {
        c->members->asked_count++;
        ask(c, m);
    }
}

static bool is_lasting(const struct cluster *c, const struct member *m)
{
    uint64_t since_ms = m->differs_since_ms, changed_ms = c->members->changed_at_ms;
    return c->now_ms >= since_ms + LATEST_MS ||
           c->now_ms >= (since_ms > changed_ms ? since_ms : changed_ms) + REST_MS;
}

void peers_compare(struct cluster *c, struct member *from, uint64_t hash)
{
    uint64_t asked_ms = c->members->asked_at_ms;
    if (hash == c->members->hash) {
        from->differs_since_ms = 0;
        return;
    }
    if (from->differs_since_ms == 0) {
        from->differs_since_ms = c->now_ms;
    }
    if (asked_ms == 0 || (is_lasting(c, from) && c->now_ms >= asked_ms + REST_MS)) {
        ask(c, from);
    }
}

/* As many as fit one message, from *l on. */
static void tell_some(struct cluster *c, const struct member *to, const struct list **l)
{
    const struct members *ms = c->members;
    struct msg_peer *peers =
        effects_scratch(&c->effects, MSG_PEERS_MAX * sizeof(struct msg_peer));
    struct msg m = {.kind = MSG_PEERS};
    for (; peers != NULL && *l != &ms->all && m.peers.count < MSG_PEERS_MAX; *l = (*l)->next) {
        const struct member *one = list_item(*l, struct member, link);
        const struct node *n = nodes_at(&c->nodes, one->node);
        if (one->state != MEMBER_DEAD && one != to) {
            peers[m.peers.count++] = (struct msg_peer){.node_id = n->id,
                                                       .node_name = n->name,
                                                       .zone = one->zone,
                                                       .address = one->address,
                                                       .state = (uint8_t)one->state};
        }
    }
    m.peers.at = peers;
    if (m.peers.count > 0) {
        send_control(c, to->node, &m);
    } else {
        *l = &ms->all; /* no memory, or nobody else */
    }
}

static void tell_all(struct cluster *c, const struct member *to)
{
    const struct list *l = c->members->all.next;
    while (l != &c->members->all && to->links[LANE_CONTROL] != NULL) {
        tell_some(c, to, &l);
    }
}

void peers_on_message(struct cluster *c, struct member *from, const struct msg_peers *m)
{
    if (m->count == 0) {
        tell_all(c, from);
    }
    for (uint32_t i = 0; i < m->count; i++) {
        if (!members_is_buried(c, &m->at[i].node_id)) {
            links_hearsay(c, m->at[i].address);
        }
    }
}
