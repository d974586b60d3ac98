#include "cluster/send.h"

#include "cluster/links_inner.h"
#include "cluster/members.h"

#define TAKEN_DELAY_MS 1
#define TAKEN_FLUSH    64u /* items */

static void message_drop(struct msg m)
{
    if (m.kind == MSG_ACCEPT) {
        request_drop(&m.accept.request);
    } else if (m.kind == MSG_CREATE) {
        buf_drop(&m.create.headers);
        buf_drop(&m.create.body);
    } else if (m.kind == MSG_PAYLOAD) {
        buf_drop(&m.payload.hold);
    }
}

bool send_on_link(struct cluster *c, const struct link *link, const struct msg *m)
{
    struct link_effect *e = effects_add_link(&c->effects, CLUSTER_SEND);
    if (e == NULL) {
        message_drop(*m);
        return false;
    }
    e->link = link->id.value;
    e->lane = link->lane;
    e->msg = *m;
    return true;
}

static bool send_on_lane(struct cluster *c, uint16_t node, enum msg_lane lane,
                         const struct msg *m)
{
    struct member *to = members_of_node(c, node);
    struct link *link = to == NULL ? NULL : to->links[lane];
    if (link == NULL) {
        message_drop(*m);
        return false;
    }
    if (!send_on_link(c, link, m)) {
        links_give_up(c, link, "out of memory");
        return false;
    }
    struct flow *flow = &to->flows[lane];
    uint32_t size = msg_flow_size(m);
    if (size > 0 && flow->sent == flow->acked) {
        flow->behind_since_ms = c->now_ms;
    }
    flow->sent += size;
    if (lane == LANE_CONTROL) {
        to->told_at_ms = c->now_ms;
    }
    return true;
}

bool send_control(struct cluster *c, uint16_t node, const struct msg *m)
{
    return send_on_lane(c, node, LANE_CONTROL, m);
}

bool send_bulk(struct cluster *c, uint16_t node, const struct msg *m)
{
    return send_on_lane(c, node, LANE_BULK, m);
}

/* --- what must arrive ------------------------------------------------------------------------
 */

static bool flush_release(struct cluster *c, struct member *to, struct outbox_item *item)
{
    struct msg m = {.kind = MSG_RELEASE};
    m.release.guid = item->taken.guid;
    m.release.no = item->taken.no;
    if (!send_control(c, to->node, &m)) {
        return false;
    }
    item->sent_at = to->flows[LANE_CONTROL].sent;
    to->outbox.sent++;
    return true;
}

static bool flush_taken(struct cluster *c, struct member *to)
{
    struct outbox *o = &to->outbox;
    uint32_t n = 0;
    while (o->sent + n < o->count && n < MSG_TAKEN_MAX &&
           !outbox_at(o, o->sent + n)->is_release) {
        n++;
    }
    struct msg_taken_item *items = effects_scratch(&c->effects, n * sizeof *items);
    if (items == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct outbox_item *item = outbox_at(o, o->sent + i);
        items[i] = item->taken;
        items[i].redeliver_ms =
            outbox_redeliver_left(items[i].redeliver_ms, c->now_ms - item->since_ms);
    }
    struct msg m = {.kind = MSG_TAKEN};
    m.taken.count = n;
    m.taken.at = items;
    if (!send_control(c, to->node, &m)) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        outbox_at(o, o->sent + i)->sent_at = to->flows[LANE_CONTROL].sent;
    }
    o->sent += n;
    return true;
}

void send_outbox(struct cluster *c, struct member *to)
{
    struct outbox *o = &to->outbox;
    bool ok = to->links[LANE_CONTROL] != NULL;
    while (ok && o->sent < o->count) {
        struct outbox_item *item = outbox_at(o, o->sent);
        ok = item->is_release ? flush_release(c, to, item) : flush_taken(c, to);
    }
}

void send_release_of(struct cluster *c, uint16_t node, const struct guid *guid,
                     const struct msg_claim_no *no)
{
    struct member *to = members_of_node(c, node);
    if (to == NULL) {
        return;
    }
    struct outbox_item item = {.is_release = true};
    item.taken.guid = *guid;
    item.taken.no = *no;
    if (outbox_add(&to->outbox, &item)) {
        send_outbox(c, to);
    }
}

void send_release(struct cluster *c, uint16_t node, const struct guid *guid, uint64_t counter)
{
    struct msg_claim_no no = {c->config.node_id, counter};
    send_release_of(c, node, guid, &no);
}

void send_taken(struct cluster *c, uint16_t node, const struct msg_taken_item *taken)
{
    struct member *to = members_of_node(c, node);
    struct outbox_item item = {.taken = *taken, .since_ms = c->now_ms};
    if (to == NULL || !outbox_add(&to->outbox, &item)) {
        return;
    }
    if (to->outbox.count - to->outbox.sent >= TAKEN_FLUSH) {
        send_outbox(c, to);
    } else {
        c->members->has_unsaid = true;
        members_wake_for(c, TEND_FLOW, c->now_ms + TAKEN_DELAY_MS);
    }
}

void send_to_all(struct cluster *c, const struct msg *m)
{
    struct list *l = c->members->all.next;
    for (; l != &c->members->all; l = l->next) {
        const struct member *to = list_item(l, struct member, link);
        if (to->links[LANE_CONTROL] != NULL) {
            send_control(c, to->node, m);
        }
    }
}
