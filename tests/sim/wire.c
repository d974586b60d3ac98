#include "wire.h"

#include "host.h"
#include "tap.h"

#include "base/num.h"

#include <assert.h>
#include <stdlib.h>

#define SEEDS_MAX 5u /* slots that everybody is told of */

/* "10.0.1.6:7000" -> slot 262; UINT32_MAX: no address of ours. */
static uint32_t slot_of(const struct sim *s, struct bytes address)
{
    uint64_t high, low;
    if (!bytes_cut_front(&address, "10.0.") ||
        num_parse(bytes_cut_at(&address, '.'), 255, &high) != 0 ||
        num_parse(bytes_cut_at(&address, ':'), 255, &low) != 0) {
        return UINT32_MAX;
    }
    uint32_t slot = (uint32_t)(high * 256 + low);
    return slot < s->slot_count ? slot : UINT32_MAX;
}

static uint32_t peer_of(const struct sim *s, const struct linkmap_entry *e)
{
    return s->net.conns[e->conn].end[1 - e->end].incarnation;
}

/* A message that the simulator shall lose, to see whether a checker notices. */
static bool is_planted_loss(const struct sim *s, const struct msg *m)
{
    switch (s->options.plant) {
    case PLANT_DROP_RELEASE:
        return m->kind == MSG_RELEASE;
    case PLANT_DROP_DELETE:
        return m->kind == MSG_DELETE || m->kind == MSG_TAKEN;
    default:
        return false;
    }
}

static void tell_unsent(struct host *h, struct linkmap_entry *e)
{
    struct net_conn *c = &h->sim->net.conns[e->conn];
    uint64_t bytes = c->way[e->end].bytes;
    if (bytes > NET_PLENTY_SIZE + LINK_UNSENT_MARK) {
        e->congested = true;
        c->end[e->end].congested = true;
        cluster_link_unsent(h->cluster, host_now_ms(h), e->link, bytes - NET_PLENTY_SIZE);
    }
}

static void send_parcel(struct host *h, struct linkmap_entry *e, struct parcel *p)
{
    struct sim *s = h->sim;
    struct net_conn *c = &s->net.conns[e->conn];
    uint32_t size = parcel_wire_size(p);
    s->traffic[p->msg.kind].messages++;
    s->traffic[p->msg.kind].bytes += size;
    net_send(s, c, e->end, p, size);
    if (c->way[e->end].bytes > NET_PLENTY_SIZE + LINK_UNSENT_MARK &&
        h->crowded_count < CROWDED_MAX) {
        h->crowded[h->crowded_count++] = e->link;
    }
}

/* As node/peers does: members that do not fit one frame go in several. */
static void send_encoded(struct host *h, struct linkmap_entry *e, const struct msg *m)
{
    size_t limit = cluster_link_frame_max(h->cluster, e->link);
    struct parcel *p = parcel_encode(m, host_now_ms(h), limit);
    if (p != NULL) {
        send_parcel(h, e, p);
        return;
    }
    uint32_t step = m->kind == MSG_PEERS ? m->peers.count / 2 : 0;
    for (uint32_t at = 0; step > 0 && at < m->peers.count;) {
        struct msg part = {.kind = MSG_PEERS};
        part.peers.at = m->peers.at + at;
        part.peers.count = m->peers.count - at < step ? m->peers.count - at : step;
        p = parcel_encode(&part, host_now_ms(h), limit);
        if (p != NULL) {
            send_parcel(h, e, p);
            at += part.peers.count;
        } else {
            step /= 2;
        }
    }
    if (step == 0) {
        sim_fail(h->sim, "F", "node %u: %s does not fit into %zu bytes", h->slot,
                 msg_kind_text(m->kind), limit);
    }
}

static void send_message(struct host *h, const struct link_effect *fx)
{
    struct sim *s = h->sim;
    struct linkmap_entry *e = linkmap_find(&h->links, fx->link);
    if (e == NULL || is_planted_loss(s, &fx->msg)) {
        return;
    }
    sim_trace(s, h->slot | (uint64_t)fx->msg.kind << 32, 1);
    if (s->verbose != NULL && fx->msg.kind != MSG_PING && fx->msg.kind != MSG_PONG) {
        sim_note(s, "  %u -> %u %s", h->slot, s->net.conns[e->conn].end[1 - e->end].slot,
                 msg_kind_text(fx->msg.kind));
    }
    tap_sent(h, &fx->msg);
    if (s->options.codec) {
        send_encoded(h, e, &fx->msg);
    } else {
        send_parcel(h, e, parcel_new(&fx->msg, host_now_ms(h)));
    }
}

static void close_link(struct host *h, const struct link_effect *fx)
{
    struct sim *s = h->sim;
    struct linkmap_entry *e = linkmap_find(&h->links, fx->link);
    sim_note(s, "  %u closes a link: %s", h->slot, fx->reason == NULL ? "" : fx->reason);
    if (e != NULL) {
        net_close(s, &s->net.conns[e->conn], e->end);
        linkmap_remove(&h->links, fx->link);
    } else {
        net_dial_abandon(s, h, fx->link);
    }
    sim_later(s, 0, EVENT_CLOSED, h, fx->link);
}

static uint32_t slot_of_node(const struct sim *s, const struct guid *id)
{
    for (uint32_t i = 0; i < s->slot_count; i++) {
        if (s->hosts[i] != NULL && guid_equal(&s->hosts[i]->node_id, id)) {
            return i;
        }
    }
    return UINT32_MAX;
}

/* A live node that is held for dead, or nearly: from then on duplicates in available mode and
 * refusals have their excuse. */
static void note_member(struct host *h, const struct link_effect *fx)
{
    struct sim *s = h->sim;
    static const char *const states[] = {"?", "alive", "suspect", "dead", "leaving"};
    bool bad = fx->state == MEMBER_SUSPECT || fx->state == MEMBER_DEAD;
    uint32_t slot = bad || s->verbose != NULL ? slot_of_node(s, &fx->node) : UINT32_MAX;
    sim_note(s, "  %u: node %d is %s", h->slot, slot == UINT32_MAX ? -1 : (int)slot,
             states[fx->state <= MEMBER_LEAVING ? fx->state : 0]);
    sim_trace(s, h->slot, 1000u + (uint64_t)fx->state);
    if (slot != UINT32_MAX && bad && !s->hosts[slot]->draining) {
        mark(&s->marks, MARK_SUSPECTED);
        s->history.split_views = true;
        s->history.disturbed = true;
        sim_trouble(s);
    }
    truth_check_member(s, h, &fx->node, (int)fx->state, fx->final);
}

void wire_effect(struct host *h, const struct cluster_effect *fx)
{
    const struct link_effect *link = fx->link;
    switch (fx->kind) {
    case CLUSTER_DIAL: {
        uint32_t target = slot_of(h->sim, link->address);
        net_dial(h->sim, h, target, (uint8_t)link->lane, link->link);
        break;
    }
    case CLUSTER_SEND:
        send_message(h, link);
        break;
    case CLUSTER_CLOSE:
        close_link(h, link);
        break;
    default:
        assert(fx->kind == CLUSTER_MEMBER);
        note_member(h, link);
        break;
    }
}

void wire_opened(struct host *h, uint64_t link, uint32_t conn)
{
    linkmap_put(&h->links, link, conn, 0);
    cluster_link_opened(h->cluster, host_now_ms(h), link);
    host_settle(h);
}

void wire_accepted(struct host *h, uint32_t conn)
{
    uint64_t link = ++h->incoming_links;
    h->sim->net.conns[conn].end[1].link = link;
    linkmap_put(&h->links, link, conn, 1);
    cluster_link_accepted(h->cluster, host_now_ms(h), link);
    host_settle(h);
}

void wire_failed(struct host *h, uint64_t link, enum link_end why)
{
    cluster_link_closed(h->cluster, host_now_ms(h), link, why);
    host_settle(h);
}

void wire_closed(struct host *h, uint64_t link, enum link_end why)
{
    linkmap_remove(&h->links, link);
    cluster_link_closed(h->cluster, host_now_ms(h), link, why);
    host_settle(h);
}

void wire_renew(struct sim *s, const struct net_end *end)
{
    struct host *h = host_at(s, end->slot);
    if (h != NULL && h->incarnation == end->incarnation) {
        cluster_link_renew(h->cluster, host_now_ms(h), end->link);
        host_settle(h);
    }
}

void wire_close_done(struct host *h, uint64_t link)
{
    cluster_link_closed(h->cluster, host_now_ms(h), link, LINK_END_OURS);
    host_settle(h);
}

void wire_received(struct host *h, uint64_t link, struct parcel *parcel)
{
    struct linkmap_entry *e = linkmap_find(&h->links, link);
    assert(e != NULL);
    struct msg m;
    if (!parcel_open(parcel, &h->budget, &m)) {
        sim_fail(h->sim, "F", "node %u cannot decode a %s", h->slot,
                 msg_kind_text(parcel->msg.kind));
        parcel_drop(&parcel);
        return;
    }
    if (m.kind == MSG_CREATE) {
        truth_heard(h->sim, &m.create.entry.guid);
    }
    tap_arrives(h, peer_of(h->sim, e), &m);
    sim_trace(h->sim, h->slot | (uint64_t)m.kind << 32, 2);
    cluster_receive(h->cluster, host_now_ms(h), link, &m, parcel->sent_at_ms);
    parcel_close(&m);
    host_settle(h);
    parcel_drop(&parcel);
}

void wire_drained(struct host *h, uint64_t link)
{
    struct linkmap_entry *e = linkmap_find(&h->links, link);
    if (e != NULL && e->congested) {
        e->congested = false;
        cluster_link_unsent(h->cluster, host_now_ms(h), link, 0);
        host_settle(h);
    }
}

bool wire_turn_ends(struct host *h)
{
    bool any = h->crowded_count > 0;
    while (h->crowded_count > 0) {
        struct linkmap_entry *e = linkmap_find(&h->links, h->crowded[--h->crowded_count]);
        if (e != NULL) {
            tell_unsent(h, e);
        }
    }
    return any;
}

void wire_seed(struct host *h)
{
    char address[ADDRESS_SIZE];
    uint32_t seeds = h->sim->slot_count < SEEDS_MAX ? h->sim->slot_count : SEEDS_MAX;
    for (uint32_t i = 0; i < seeds; i++) {
        host_print_address(address, i);
        cluster_seed(h->cluster, host_now_ms(h), bytes_text(address));
        host_settle(h);
    }
}
