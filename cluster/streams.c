#include "cluster/streams.h"

#include "cluster/arbiter.h"
#include "cluster/digest.h"
#include "cluster/handoff.h"
#include "cluster/payload.h"
#include "cluster/send.h"
#include "cluster/store.h"
#include "cluster/takeover.h"
#include "cluster/terms.h"

#include <stdlib.h>

enum {
    SMALL_MAX = 8 * 1024, /* bytes of a copy that may travel on the control lane */
    WINDOW_CONTROL = 1024 * 1024,
    WINDOW_BULK = 4 * 1024 * 1024,
    BEHIND_MAX = 65536,  /* events; further behind, a member is skipped over */
    FLUSH_EVENTS = 1024, /* in one DELETE */
    SWEEP_STEP = 256,    /* callbacks told to a newcomer at a time */
    ACK_SIZE = 64 * 1024,
    ACK_MS = 50,
    WANTED_MAX = 8192,
};

int streams_init(struct cluster *c)
{
    c->streams = calloc(1, sizeof *c->streams);
    if (c->streams == NULL) {
        return ERR_NOMEM;
    }
    c->streams->flush_at_ms = UINT64_MAX;
    c->streams->version = 1;
    return 0;
}

void streams_fini(struct cluster *c)
{
    if (c->streams != NULL) {
        event_ring_fini(&c->streams->created);
        event_ring_fini(&c->streams->ended);
        free(c->streams);
        c->streams = NULL;
    }
}

/* --- the cursors ------------------------------------------------------------------------ */

static uint64_t cursor_of(const struct member *m, const struct streams *s,
                          const struct event_ring *r)
{
    return r == &s->created ? m->created_cursor : m->ended_cursor;
}

void streams_trim(struct cluster *c, struct event_ring *r)
{
    uint64_t least = r->end;
    for (struct list *l = c->members->all.next; l != &c->members->all; l = l->next) {
        uint64_t at = cursor_of(list_item(l, struct member, link), c->streams, r);
        least = at < least ? at : least;
    }
    event_ring_drop_to(r, least);
}

/* --- whom to tell what
 * ------------------------------------------------------------------------ */

void streams_fill_entry(const struct cluster *c, struct msg_entry *out,
                        const struct invocation *inv)
{
    *out = (struct msg_entry){
        .guid = inv->guid, .seq = inv->seq, .arbiter_count = inv->arbiter_count};
    for (uint32_t i = 0; i < inv->arbiter_count; i++) {
        out->arbiters[i] = nodes_at(&c->nodes, inv_arbiter(inv, i))->id;
    }
    out->origin = out->arbiters[0];
}

static bool wants_payload(const struct cluster *c, const struct member *m,
                          const struct invocation *inv)
{
    if (!inv->has_payload) {
        return false;
    }
    bool is_small = invocation_bytes(inv) <= c->config.payload_inline_max &&
                    c->members->count + 1 <= c->config.payload_inline_nodes;
    return is_small || c->config.payload_all || inv_is_arbiter(inv, m->node) ||
           m->node == handoff_heir(c) || terms_is_voter(c, inv, m->node) ||
           arbiter_holds_for_node(c, inv, m->node); /* a client of its is waiting */
}

static uint64_t ago(const struct cluster *c, uint64_t at_ms)
{
    return span_ms(at_ms, c->now_ms);
}

/* What is small holds nothing up, and on the control lane it shares the write with the votes
 * and confirmations of the same turn. While that lane is behind, the bulk lane takes it. */
static bool send_copy(struct cluster *c, struct member *to, const struct msg *m)
{
    bool is_small = msg_flow_size(m) <= SMALL_MAX;
    return is_small && to->flows[LANE_CONTROL].unsent <= LINK_UNSENT_MARK
               ? send_control(c, to->node, m)
               : send_bulk(c, to->node, m);
}

static bool send_entry(struct cluster *c, struct member *m, const struct invocation *inv)
{
    struct msg msg = {.kind = MSG_CREATE};
    struct msg_create *create = &msg.create;
    uint64_t created = inv_created_at_ms(c, inv);
    uint64_t expires = store_deadline_ms(c, inv);
    streams_fill_entry(c, &create->entry, inv);
    create->function = names_at(&c->names, inv->function);
    create->tenant = names_at(&c->names, names_tenant(&c->names, inv->function));
    create->created_ago_ms = ago(c, created);
    create->started_ago_ms = inv->started == 0 ? 0 : ago(c, created + inv->started - 1) + 1;
    create->completed_ago_ms = ago(c, created + inv->ttl_or_completed);
    create->ttl_left_ms = expires > c->now_ms ? (uint32_t)(expires - c->now_ms) : 0;
    create->status = inv->status;
    create->failed = inv->state == INVOCATION_FAILED;
    create->attempt = inv->attempt;
    create->webhook = inv->webhook;
    create->body_size = buf_size(inv->body);
    create->has_payload = wants_payload(c, m, inv);
    if (!create->has_payload) {
        return send_control(c, m->node, &msg);
    }
    create->headers = inv->headers == NULL ? NULL : buf_share(inv->headers);
    create->body_follows = create->body_size > MSG_CHUNK_MAX;
    if (!create->body_follows) {
        create->body = inv->body == NULL ? NULL : buf_share(inv->body);
        return send_copy(c, m, &msg);
    }
    return send_bulk(c, m->node, &msg) &&
           payload_send_all(c, m->node, &inv->guid, PAYLOAD_RESULT, inv->body);
}

/* Whose token has it is told behind it: before, nothing would be there to be taken. */
static bool send_create(struct cluster *c, struct member *m, const struct invocation *inv)
{
    return send_entry(c, m, inv) && (!inv->is_bound || arbiter_tell_bound(c, inv, m->node));
}

bool streams_send_accept(struct cluster *c, struct member *to, struct invocation *inv)
{
    struct extra *x = inv->extra == 0 ? NULL : extra_at(c, inv->extra);
    if (x == NULL || x->request == NULL) {
        return false;
    }
    uint64_t deadline = store_deadline_ms(c, inv);
    uint64_t left = deadline == UINT64_MAX ? 0
                    : deadline > c->now_ms ? deadline - c->now_ms
                                           : 1;
    struct msg msg = {.kind = MSG_ACCEPT};
    struct msg_accept *a = &msg.accept;
    struct buf *body = x->request->body;
    streams_fill_entry(c, &a->entry, inv);
    a->function = names_at(&c->names, inv->function);
    a->tenant = names_at(&c->names, names_tenant(&c->names, inv->function));
    a->created_ago_ms = ago(c, inv_created_at_ms(c, inv));
    a->run_left_ms = left;
    a->ttl_ms = inv->ttl_or_completed;
    a->attempt = takeover_attempt(c, inv);
    a->max_attempts = x->max_attempts;
    a->on_node_loss = inv->on_node_loss;
    a->id_space = x->id_space;
    a->drop_result = inv->drop_result;
    a->client_id = invocation_client_id(inv);
    a->callback_url = invocation_callback_url(inv);
    a->client_id = effects_keep(&c->effects, a->client_id);
    a->callback_url = effects_keep(&c->effects, a->callback_url);
    a->request = request_share(x->request);
    a->body_size = buf_size(body);
    if (!send_copy(c, to, &msg)) {
        return false;
    }
    return a->body_size <= MSG_CHUNK_MAX ||
           payload_send_all(c, to->node, &inv->guid, PAYLOAD_REQUEST, body);
}

/* --- pumping
 * ------------------------------------------------------------------------------------ */

static bool may_send(struct cluster *c, const struct member *m)
{
    const struct flow *control = &m->flows[LANE_CONTROL], *bulk = &m->flows[LANE_BULK];
    bool open = m->is_streaming && control->sent - control->acked < WINDOW_CONTROL &&
                bulk->sent - bulk->acked < WINDOW_BULK && control->unsent <= LINK_UNSENT_MARK &&
                bulk->unsent <= LINK_UNSENT_MARK;
    c->counters.window_waits += m->is_streaming && !open;
    return open;
}

static bool tell(struct cluster *c, struct member *m, uint16_t origin, uint64_t seq)
{
    struct invocation *inv =
        c->nodes.at[origin] == NULL ? NULL : store_find_seq(c, origin, seq);
    if (inv == NULL || inv->is_over) {
        return true; /* ended in the meantime: nothing to tell */
    }
    return inv_is_ready(inv) ? send_create(c, m, inv) : streams_send_accept(c, m, inv);
}

static void pump_wanted(struct cluster *c, struct member *m)
{
    while (m->wanted_count > 0 && may_send(c, m)) {
        uint64_t w = m->wanted[m->wanted_first];
        m->wanted_first = (m->wanted_first + 1) % WANTED_MAX;
        m->wanted_count--;
        tell(c, m, (uint16_t)(w >> 48), w & (((uint64_t)1 << 48) - 1));
    }
}

static void pump_created(struct cluster *c, struct member *m)
{
    const struct event_ring *r = &c->streams->created;
    if (r->end - m->created_cursor > BEHIND_MAX) {
        m->created_cursor = r->end;
        m->digest_version = 0;
        c->counters.resyncs++;
    }
    while (m->created_cursor < r->end && may_send(c, m)) {
        struct event e = *event_ring_at(r, m->created_cursor);
        m->created_cursor++;
        struct invocation *inv = store_find_seq(c, e.origin, e.seq);
        if (inv != NULL && inv_is_ready(inv) && !inv->is_over) {
            send_create(c, m, inv);
        }
    }
}

static void pump_sweep(struct cluster *c, struct member *m)
{
    for (uint32_t i = 0; i < SWEEP_STEP && m->sweep_next < m->sweep_end; i++) {
        if (!may_send(c, m)) {
            return;
        }
        const struct invocation *inv = store_next_live(c, SELF, &m->sweep_next, m->sweep_end);
        if (inv != NULL && inv_is_ready(inv)) {
            send_create(c, m, inv);
        }
    }
    members_wake_for(c, TEND_FLOW, c->now_ms);
}

void streams_pump(struct cluster *c, struct member *m)
{
    if (m->is_streaming) {
        pump_wanted(c, m);
        pump_created(c, m);
        if (m->sweep_next < m->sweep_end) {
            pump_sweep(c, m);
        }
    }
}

void streams_want(struct member *m, uint16_t origin, uint64_t seq)
{
    if (seq >= SEQ_END) {
        return; /* no entry has such a number */
    }
    if (m->wanted == NULL) {
        m->wanted = malloc(WANTED_MAX * sizeof *m->wanted);
    }
    if (m->wanted == NULL || m->wanted_count == WANTED_MAX) {
        return; /* it will ask again */
    }
    m->wanted[(m->wanted_first + m->wanted_count) % WANTED_MAX] = (uint64_t)origin << 48 | seq;
    m->wanted_count++;
}

void streams_on_leaving(struct cluster *c, struct member *m)
{
    const struct seqmap *seqs = &nodes_at(&c->nodes, SELF)->seqs;
    uint64_t seq = seqs->low;
    const struct invocation *inv;
    while ((inv = store_next_live(c, SELF, &seq, seqs->high)) != NULL) {
        if (!inv_is_ready(inv) && inv_is_arbiter(inv, m->node)) {
            streams_want(m, SELF, inv->seq);
        }
    }
    streams_pump(c, m);
}

/* --- life of a member's stream -------------------------------------------------------------
 */

void streams_join(struct cluster *c, struct member *m)
{
    m->created_cursor = c->streams->created.end;
    m->ended_cursor = c->streams->ended.end;
    m->sweep_next = nodes_at(&c->nodes, SELF)->seqs.low;
    m->sweep_end = c->last_seq + 1;
}

void streams_start(struct cluster *c, struct member *m)
{
    if (m->is_streaming || m->links[LANE_CONTROL] == NULL || m->links[LANE_BULK] == NULL) {
        return;
    }
    m->is_streaming = true;
    m->digest_version = 0; /* holes of an earlier link are found by a digest at once */
    m->digest_at_ms = c->now_ms;
    digest_want_bodies(c, m);
    streams_pump(c, m);
}

void streams_stop(struct cluster *c, struct member *m)
{
    m->is_streaming = false;
    m->wanted_count =
        0; /* holes stay: the peer may not have noticed, and digests no second time */
    m->created_cursor = c->streams->created.end;
    m->ended_cursor = c->streams->ended.end;
}

/* --- ends, in batches
 * -------------------------------------------------------------------------- */

/* As many as there are of one origin, at most FLUSH_EVENTS. */
static bool flush_some(struct cluster *c, struct member *m)
{
    const struct event_ring *r = &c->streams->ended;
    uint64_t left = r->end - m->ended_cursor;
    uint32_t room = left < FLUSH_EVENTS ? (uint32_t)left : FLUSH_EVENTS;
    uint64_t *seqs = effects_scratch(&c->effects, room * (sizeof *seqs + 1));
    if (seqs == NULL) {
        return false;
    }
    uint8_t *reasons = (uint8_t *)(seqs + room);
    uint16_t origin = event_ring_at(r, m->ended_cursor)->origin;
    uint32_t n = 0;
    while (n < room && event_ring_at(r, m->ended_cursor + n)->origin == origin) {
        seqs[n] = event_ring_at(r, m->ended_cursor + n)->seq;
        reasons[n] = event_ring_at(r, m->ended_cursor + n)->reason;
        n++;
    }
    m->ended_cursor += n;
    if (c->nodes.at[origin] == NULL) {
        return true; /* that node is forgotten, and its numbers with it */
    }
    struct msg msg = {.kind = MSG_DELETE};
    msg.deleted.origin = nodes_at(&c->nodes, origin)->id;
    msg.deleted.count = n;
    msg.deleted.seqs = seqs;
    msg.deleted.reasons = reasons;
    return send_control(c, m->node, &msg);
}

static void flush_ended(struct cluster *c)
{
    struct event_ring *r = &c->streams->ended;
    for (struct list *l = c->members->all.next, *next; l != &c->members->all; l = next) {
        struct member *m = list_item(l, struct member, link);
        next = l->next;
        if (m->links[LANE_CONTROL] == NULL) {
            m->ended_cursor = r->end;
        }
        while (m->ended_cursor < r->end && flush_some(c, m)) {
        }
        m->ended_cursor = r->end;
    }
    streams_trim(c, r);
    c->streams->flush_at_ms = UINT64_MAX;
}

bool streams_has_ends(const struct cluster *c)
{
    return c->streams->flush_at_ms != UINT64_MAX;
}

bool streams_are_told(const struct cluster *c, const struct member *m)
{
    bool all = m->created_cursor == c->streams->created.end && m->wanted_count == 0;
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        all = all && m->flows[lane].sent == m->flows[lane].acked;
    }
    return all;
}

static void say_unsaid(struct cluster *c)
{
    if (!c->members->has_unsaid) {
        return;
    }
    c->members->has_unsaid = false; /* what cannot be sent now is tried again in the tick */
    for (struct list *l = c->members->all.next, *after; l != &c->members->all; l = after) {
        after = l->next;
        send_outbox(c, list_item(l, struct member, link));
    }
}

/* Who took it, before that it has ended: so an arbiter knows whose its vote was. */
void streams_flush(struct cluster *c)
{
    say_unsaid(c);
    if (c->streams->flush_at_ms != UINT64_MAX) {
        flush_ended(c);
    }
}

/* --- flow
 * ---------------------------------------------------------------------------------------- */

static void confirm(struct cluster *c, struct member *m, enum msg_lane lane)
{
    struct msg msg = {.kind = MSG_STREAM_ACK};
    msg.stream_ack.lane = (uint8_t)lane;
    msg.stream_ack.through_size = m->flows[lane].received;
    if (send_control(c, m->node, &msg)) {
        m->flows[lane].told = m->flows[lane].received;
    }
}

void streams_count(struct cluster *c, struct member *from, enum msg_lane lane,
                   const struct msg *m)
{
    struct flow *flow = &from->flows[lane];
    uint32_t size = msg_flow_size(m);
    if (size == 0) {
        return;
    }
    flow->received += size;
    if (flow->received - flow->told >= ACK_SIZE) {
        confirm(c, from, lane);
    } else {
        members_wake_for(c, TEND_FLOW, c->now_ms + ACK_MS);
    }
}

void streams_on_ack(struct cluster *c, struct member *from, const struct msg_stream_ack *m)
{
    if (m->lane >= LANE_COUNT) {
        return;
    }
    struct flow *flow = &from->flows[m->lane];
    if (m->through_size > flow->sent || m->through_size <= flow->acked) {
        return;
    }
    flow->acked = m->through_size;
    flow->behind_since_ms = flow->acked == flow->sent ? 0 : c->now_ms;
    if (m->lane == LANE_CONTROL) {
        outbox_confirm(&from->outbox, flow->acked);
    }
    streams_pump(c, from);
}

uint64_t streams_tick(struct cluster *c)
{
    if (c->now_ms >= c->streams->flush_at_ms) {
        streams_flush(c);
    }
    for (struct list *l = c->members->all.next, *after; l != &c->members->all; l = after) {
        struct member *m = list_item(l, struct member, link);
        after = l->next;
        send_outbox(c, m);
        for (int lane = 0; lane < LANE_COUNT; lane++) {
            if (m->flows[lane].received != m->flows[lane].told) {
                confirm(c, m, (enum msg_lane)lane);
            }
        }
        if (m->sweep_next < m->sweep_end) {
            streams_pump(c, m);
        }
    }
    return c->streams->flush_at_ms;
}
