#include "cluster/trust.h"

#include "cluster/members.h"

enum { SUCCESSOR_MS = 10000 };

bool trust_is_reachable(const struct cluster *c, uint16_t node)
{
    if (node == SELF) {
        return true;
    }
    const struct member *m = members_of_node(c, node);
    return m != NULL && m->links[LANE_CONTROL] != NULL && m->state != MEMBER_DEAD;
}

bool trust_is_alive(const struct cluster *c, uint16_t node)
{
    return node == SELF || members_is_alive(members_of_node(c, node));
}

bool trust_is_dead(const struct cluster *c, uint16_t node)
{
    const struct member *m = members_of_node(c, node);
    return node != SELF && (m == NULL || m->state == MEMBER_DEAD);
}

uint16_t trust_home_of(const struct cluster *c, const struct guid *guid)
{
    uint32_t tag = guid_home_tag(guid);
    if (tag == guid_home_tag(&c->config.node_id)) {
        return SELF;
    }
    if (c->members == NULL) {
        return 0;
    }
    for (const struct list *l = c->members->all.next; l != &c->members->all; l = l->next) {
        const struct member *m = list_item(l, struct member, link);
        if (guid_home_tag(&nodes_at(&c->nodes, m->node)->id) == tag) {
            return m->node;
        }
    }
    return 0;
}

static bool is_in_doubt(const struct cluster *c, const struct member *m)
{
    return !m->is_buried && !trust_is_reachable(c, m->node) &&
           c->now_ms - m->state_since_ms < DOUBT_MS;
}

/* A node that died has started anew, or will: its successor serves at once, and the first to
 * ask for what it has accepted may have heard of it later than its clients. */
static bool may_have_a_successor(const struct cluster *c, const struct member *m)
{
    return m->state == MEMBER_DEAD && c->now_ms - m->state_since_ms < SUCCESSOR_MS;
}

bool trust_may_be_known(const struct cluster *c, const struct guid *guid)
{
    uint16_t home = trust_home_of(c, guid);
    return (home != SELF && home != 0 && trust_is_reachable(c, home)) ||
           trust_may_exist(c, guid);
}

bool trust_may_exist(const struct cluster *c, const struct guid *guid)
{
    if (c->members == NULL) {
        return false;
    }
    uint16_t home = trust_home_of(c, guid);
    if (home != 0 && trust_is_reachable(c, home)) {
        return false; /* it knows best, and was asked */
    }
    if (!members_are_joined(c)) {
        return true;
    }
    for (const struct list *l = c->members->all.next; l != &c->members->all; l = l->next) {
        const struct member *m = list_item(l, struct member, link);
        if (is_in_doubt(c, m) || (home == 0 && may_have_a_successor(c, m))) {
            return true;
        }
    }
    return false;
}
