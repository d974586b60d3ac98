#include "cluster/handoff.h"

#include "cluster/arbiter.h"
#include "cluster/placement.h"
#include "cluster/seats.h"
#include "cluster/send.h"
#include "cluster/store.h"
#include "cluster/streams.h"
#include "cluster/takeover.h"
#include "cluster/terms.h"

#include <stdlib.h>

enum {
    STEP = 1024,         /* entries looked at in one call */
    ROUND_MS = 50,       /* from one look at all of them to the next */
    OFFER_LEAST_MS = 60, /* for the heir to say what it lacks */
    OFFER_MOST_MS = 3000,
    AGAIN_MS = 400, /* without an answer to SEAT or MOVED */
    LACKING_MS = 40,
    CHOOSE_MS = 100,
};

static struct handoff *of(const struct cluster *c)
{
    return &c->members->handoff;
}

uint16_t handoff_heir(const struct cluster *c)
{
    return c->members == NULL ? 0 : of(c)->heir;
}

void handoff_fini(struct cluster *c)
{
    nodes_drop(&c->nodes, of(c)->heir);
    of(c)->heir = 0;
}

static struct member *heir(const struct cluster *c)
{
    return members_of_node(c, of(c)->heir);
}

/* --- rounds over all entries that this node votes on -------------------------------------- */

static struct invocation *next_entry(struct cluster *c, uint32_t *steps)
{
    struct invocation *inv;
    do {
        inv = walk_next(c, &of(c)->walk, steps);
    } while (inv != NULL && inv->is_over);
    return inv;
}

static void begin_round(struct cluster *c)
{
    of(c)->walk = walk_begin();
    of(c)->found = false;
}

/* --- the heir -------------------------------------------------------------------------- */

static void choose(struct cluster *c)
{
    struct handoff *h = of(c);
    nodes_drop(&c->nodes, h->heir);
    *h = (struct handoff){.heir = placement_heir(c), .begun_at_ms = c->now_ms};
    nodes_share(&c->nodes, h->heir);
    begin_round(c);
}

/* --- offering -------------------------------------------------------------------------------
 */

/* The entries of one origin from the cursor on, in one message. */
static void offer_some(struct cluster *c)
{
    struct handoff *h = of(c);
    uint64_t *at = effects_scratch(&c->effects, STEP * sizeof *at);
    uint32_t steps = STEP;
    struct msg m = {.kind = MSG_OFFER};
    struct invocation *inv;
    while (at != NULL && (inv = next_entry(c, &steps)) != NULL) {
        if (m.seqs.count > 0 &&
            !guid_equal(&m.seqs.origin, &nodes_at(&c->nodes, inv->origin)->id)) {
            h->walk = (struct walk){(uint16_t)inv->origin, inv->seq}; /* into the next one */
            break;
        }
        m.seqs.origin = nodes_at(&c->nodes, inv->origin)->id;
        at[m.seqs.count++] = inv->seq << 1 | inv_is_ready(inv);
    }
    if (m.seqs.count > 0) {
        m.seqs.seqs = at;
        send_control(c, h->heir, &m);
    }
}

/* What it lacks has been sent, and has arrived. */
static bool is_well_supplied(const struct cluster *c)
{
    const struct member *m = heir(c);
    const struct flow *bulk = &m->flows[LANE_BULK];
    uint64_t age = c->now_ms - of(c)->begun_at_ms;
    return age >= OFFER_MOST_MS ||
           (age >= OFFER_LEAST_MS && m->wanted_count == 0 && bulk->sent == bulk->acked);
}

static uint64_t offer(struct cluster *c)
{
    struct handoff *h = of(c);
    if (!walk_is_over(c, &h->walk)) {
        offer_some(c);
        return c->now_ms;
    }
    if (is_well_supplied(c)) {
        h->is_supplied = true;
        begin_round(c);
        return c->now_ms;
    }
    return c->now_ms + LACKING_MS / 2;
}

/* --- giving --------------------------------------------------------------------------------
 */

static bool is_whole(const struct invocation *inv)
{
    const struct request *request = invocation_request(inv);
    return inv_is_ready(inv) ? inv->has_payload : request != NULL;
}

static void say(struct cluster *c, const struct invocation *inv, uint8_t seats, bool is_ready)
{
    struct msg_place *places =
        effects_scratch(&c->effects, MSG_PLACES_MAX * sizeof(struct msg_place));
    if (places == NULL) {
        return; /* its time comes again */
    }
    struct msg m = {.kind = MSG_SEAT};
    uint64_t deadline = store_deadline_ms(c, inv);
    m.seat.guid = inv->guid;
    m.seat.origin = nodes_at(&c->nodes, inv->origin)->id;
    m.seat.seq = inv->seq;
    m.seat.seats = seats;
    m.seat.ready = is_ready;
    m.seat.whole = is_whole(inv);
    if (inv->is_bound) {
        m.seat.bound_left_ms = deadline > c->now_ms ? (uint32_t)(deadline - c->now_ms) : 1;
    }
    m.seat.at = places;
    terms_tell(c, inv, &m.seat.term);
    m.seat.count = arbiter_describe(c, inv, seats, places);
    send_control(c, of(c)->heir, &m);
}

static void give(struct cluster *c, struct invocation *inv)
{
    struct handoff *h = of(c);
    uint8_t seats = inv->seats & 7u;
    inv->seats = 0; /* no vote is given here from now on, and none is taken back (A2, A5) */
    h->found = h->has_given = true;
    h->open[h->open_count++] = (struct given){.guid = inv->guid,
                                              .seats = seats,
                                              .is_ready = inv_is_ready(inv),
                                              .again_at_ms = c->now_ms + AGAIN_MS};
    say(c, inv, seats, inv_is_ready(inv));
}

static void close_one(struct handoff *h, uint32_t i)
{
    h->open[i] = h->open[--h->open_count];
}

/* No answer yet: once more, with what the seat looks like now. */
static uint64_t ask_again(struct cluster *c)
{
    struct handoff *h = of(c);
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < h->open_count;) {
        struct given *g = &h->open[i];
        const struct invocation *inv = store_find(c, &g->guid);
        if (inv == NULL || inv->is_over) {
            close_one(h, i);
            continue;
        }
        if (c->now_ms >= g->again_at_ms) {
            g->again_at_ms = c->now_ms + AGAIN_MS;
            say(c, inv, g->seats, g->is_ready);
        }
        next = g->again_at_ms < next ? g->again_at_ms : next;
        i++;
    }
    return next;
}

static void tell_moved(struct cluster *c)
{
    struct handoff *h = of(c);
    struct guid *nodes = effects_scratch(&c->effects, MSG_MOVED_MAX * sizeof *nodes);
    if (nodes == NULL) {
        return;
    }
    struct msg m = {.kind = MSG_MOVED};
    m.moved.holder = nodes_at(&c->nodes, h->heir)->id;
    m.moved.nodes = nodes;
    m.moved.count = seats_list_own(c, nodes);
    send_control(c, h->heir, &m);
    h->told_at_ms = c->now_ms;
}

static uint64_t end_round(struct cluster *c)
{
    struct handoff *h = of(c);
    h->is_clean = !h->found && h->open_count == 0;
    if (h->is_clean && h->has_given && !h->is_heard && c->now_ms >= h->told_at_ms + AGAIN_MS) {
        tell_moved(c);
    }
    h->round_at_ms = c->now_ms + ROUND_MS;
    begin_round(c);
    return h->round_at_ms;
}

static uint64_t give_some(struct cluster *c)
{
    struct handoff *h = of(c);
    uint64_t again = ask_again(c);
    if (c->now_ms < h->round_at_ms) {
        return h->round_at_ms < again ? h->round_at_ms : again;
    }
    uint32_t steps = STEP;
    struct invocation *inv = NULL;
    while (h->open_count < HANDOFF_OPEN_MAX && (inv = next_entry(c, &steps)) != NULL) {
        give(c, inv);
    }
    if (walk_is_over(c, &h->walk)) {
        uint64_t next = end_round(c);
        return next < again ? next : again;
    }
    return h->open_count == HANDOFF_OPEN_MAX ? c->now_ms + ROUND_MS : c->now_ms;
}

uint64_t handoff_tick(struct cluster *c)
{
    const struct member *m = heir(c);
    if (c->config.available) {
        return UINT64_MAX;
    }
    if (m == NULL || m->is_buried || (m->is_leaving && !of(c)->has_given)) {
        choose(c); /* two that leave must not be each other's heirs: all would go round */
        return of(c)->heir == 0 ? c->now_ms + CHOOSE_MS : c->now_ms;
    }
    if (!m->is_streaming || m->is_leaving) {
        return c->now_ms + CHOOSE_MS; /* it may come back; what it has been given it may have */
    }
    return of(c)->is_supplied ? give_some(c) : offer(c);
}

bool handoff_is_done(const struct cluster *c)
{
    const struct handoff *h = of(c);
    return h->heir != 0 && h->is_clean && (h->is_heard || !h->has_given);
}

/* --- passing on --------------------------------------------------------------------------- */

bool handoff_claim(struct cluster *c, const struct msg_claim *m, uint32_t seat)
{
    if (handoff_heir(c) == 0) {
        return false;
    }
    struct msg on = {.kind = MSG_CLAIM, .claim = *m};
    on.claim.seat = (uint8_t)(seat + 1);
    on.claim.tenant = effects_keep(&c->effects, m->tenant);
    return send_control(c, handoff_heir(c), &on);
}

void handoff_release(struct cluster *c, const struct guid *guid, uint16_t node,
                     uint64_t counter)
{
    if (handoff_heir(c) != 0) {
        struct msg_claim_no no = {nodes_at(&c->nodes, node)->id, counter};
        send_release_of(c, handoff_heir(c), guid, &no);
    }
}

void handoff_taken(struct cluster *c, const struct msg_taken_item *item)
{
    if (handoff_heir(c) != 0) {
        send_taken(c, handoff_heir(c), item);
    }
}

/* --- at the heir ---------------------------------------------------------------------------
 */

static void keep_bound(struct cluster *c, struct invocation *inv, uint32_t left_ms)
{
    uint64_t until = c->now_ms + left_ms;
    inv->is_bound = 1;
    if (until < store_deadline_ms(c, inv)) {
        store_set_deadline(c, inv, until);
    }
}

static bool has_ended(const struct cluster *c, const struct msg_seat *m)
{
    uint16_t origin = nodes_find(&c->nodes, &m->origin);
    return tombs_find(&c->tombs, &m->guid) != NULL ||
           (origin != 0 && seqmap_has_ended(&nodes_at(&c->nodes, origin)->seqs, m->seq));
}

/* Fills in which seats are new here. */
static enum msg_seat_why take(struct cluster *c, const struct msg_seat *m, uint32_t *news)
{
    struct invocation *inv = store_find(c, &m->guid);
    if (inv == NULL && has_ended(c, m)) {
        return SEAT_TAKEN;
    }
    if (c->is_draining) {
        return SEAT_REFUSED;
    }
    bool lacks =
        inv == NULL || (m->ready && !inv_is_ready(inv)) || (m->whole && !is_whole(inv));
    if (lacks && (inv == NULL || !inv->is_over)) {
        return SEAT_LACKING;
    }
    if (inv->is_over) {
        return SEAT_TAKEN; /* it needs no votes any more */
    }
    if (m->seats >> inv->arbiter_count != 0) {
        return SEAT_REFUSED; /* it has no such seats */
    }
    struct msg_term own;
    terms_tell(c, inv, &own);
    if (!terms_are_same(&own, &m->term) && !terms_is_later(&own, &m->term)) {
        return SEAT_TAKEN; /* it has no vote in the term that counts */
    }
    if (!terms_follow(c, inv, &m->term)) {
        return SEAT_LACKING;
    }
    *news = m->seats & ~(uint32_t)inv->seats;
    if (!arbiter_inherit(c, inv, m)) {
        return SEAT_FULL;
    }
    if (m->bound_left_ms > 0 && !inv->is_bound) {
        keep_bound(c, inv, m->bound_left_ms);
    }
    return SEAT_TAKEN;
}

void handoff_on_seat(struct cluster *c, struct member *from, const struct msg_seat *m)
{
    struct msg ack = {.kind = MSG_SEAT_ACK};
    ack.seat_ack.guid = m->guid;
    ack.seat_ack.seats = m->seats;
    uint32_t news = 0;
    ack.seat_ack.why = (uint8_t)take(c, m, &news);
    send_control(c, from->node, &ack);
    if (ack.seat_ack.why == SEAT_TAKEN) {
        arbiter_resume(c, &ack.seat_ack.guid, m->ready ? 0 : news);
    }
}

/* --- the heir's answers ---------------------------------------------------------------------
 */

void handoff_on_seat_ack(struct cluster *c, struct member *from, const struct msg_seat_ack *m)
{
    struct handoff *h = of(c);
    uint32_t i = 0;
    while (i < h->open_count && !guid_equal(&h->open[i].guid, &m->guid)) {
        i++;
    }
    if (from->node != h->heir || i == h->open_count) {
        return;
    }
    const struct invocation *inv = store_find(c, &m->guid);
    if (m->why == SEAT_TAKEN || inv == NULL) {
        c->counters.seats_given += m->why == SEAT_TAKEN;
        close_one(h, i);
    } else if (m->why == SEAT_LACKING) {
        h->open[i].again_at_ms = c->now_ms + LACKING_MS;
        streams_want(from, (uint16_t)inv->origin, inv->seq);
        streams_pump(c, from);
    }
    h->round_at_ms = h->open_count < HANDOFF_OPEN_MAX ? c->now_ms : h->round_at_ms;
    members_wake(c, c->now_ms);
}

void handoff_on_moved(struct cluster *c, const struct member *from, const struct msg_moved *m)
{
    struct handoff *h = of(c);
    for (uint32_t i = 0; i < m->count && from->node == h->heir && h->heir != 0; i++) {
        h->is_heard = h->is_heard || guid_equal(&m->nodes[i], &c->config.node_id);
    }
}
