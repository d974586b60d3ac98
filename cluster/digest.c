#include "cluster/digest.h"

#include "cluster/entries.h"
#include "cluster/payload.h"
#include "cluster/seats.h"
#include "cluster/send.h"
#include "cluster/store.h"
#include "cluster/streams.h"

#include <stdlib.h>

enum {
    DIGEST_MS = 1000,
    BITS_MAX = 65536,   /* in one digest; more go in the next ones */
    HOLES_MAX = 1024,   /* remembered at a time */
    HOLES_MS = 200,     /* what is on its way is no hole */
    OVER_MAX = 64,      /* ends told in answer to one digest */
    BODIES_MS = 1000,   /* from one lot of bodies to the next */
    BODIES_STEP = 1024, /* entries looked at in one call */
    BODIES_STEP_MS = 10,
};

/* --- telling ----------------------------------------------------------------------------- */

static void fill_bits(const struct seqmap *seqs, uint64_t from, uint32_t count, uint8_t *ended,
                      uint8_t *ready)
{
    for (uint32_t i = 0; i < count; i += 64) {
        uint64_t e, r;
        seqmap_bits(seqs, from + i, &e, &r);
        for (uint32_t byte = 0; byte < 8; byte++) {
            ended[i / 8 + byte] = (uint8_t)(e >> (8 * byte));
            ready[i / 8 + byte] = (uint8_t)(r >> (8 * byte));
        }
    }
}

/* The next part of our numbers. True: with it all have been told. */
static bool tell(struct cluster *c, struct member *m)
{
    const struct seqmap *seqs = &nodes_at(&c->nodes, SELF)->seqs;
    uint64_t high = c->last_seq + 1;
    uint64_t from = m->digest_from < seqs->low ? seqs->low : m->digest_from;
    from &= ~(uint64_t)63;
    uint64_t left = high > from ? high - from : 0;
    uint32_t count = (uint32_t)((left < BITS_MAX ? left + 63 : BITS_MAX) & ~(uint64_t)63);
    uint8_t *bits = effects_scratch(&c->effects, count / 4 + 8);
    if (bits == NULL) {
        return false;
    }
    fill_bits(seqs, from, count, bits, bits + count / 8);
    struct msg msg = {.kind = MSG_DIGEST};
    msg.digest.origin = c->config.node_id;
    msg.digest.low = seqs->low;
    msg.digest.high = high;
    msg.digest.from = from;
    msg.digest.bit_count = count;
    msg.digest.ended = bytes_of(bits, count / 8);
    msg.digest.ready = bytes_of(bits + count / 8, count / 8);
    send_control(c, m->node, &msg);
    bool whole = from + count >= high;
    m->digest_from = whole ? 0 : from + count;
    return whole;
}

static void fetch(struct cluster *c, const struct member *m, uint16_t origin,
                  const uint64_t *seqs, uint32_t count)
{
    struct msg msg = {.kind = MSG_FETCH};
    msg.seqs.origin = nodes_at(&c->nodes, origin)->id;
    msg.seqs.seqs = seqs;
    msg.seqs.count = count;
    c->counters.fetches += count;
    send_control(c, m->node, &msg);
}

static void fetch_holes(struct cluster *c, struct member *m)
{
    uint64_t *still = effects_scratch(&c->effects, HOLES_MAX * sizeof *still);
    uint32_t count = 0;
    for (uint32_t i = 0; still != NULL && i < m->hole_count; i++) {
        const struct invocation *inv = store_find_seq(c, m->node, m->holes[i]);
        bool ended = seqmap_has_ended(&nodes_at(&c->nodes, m->node)->seqs, m->holes[i]);
        if (!ended && (inv == NULL || !inv_is_ready(inv))) {
            still[count++] = m->holes[i];
        }
    }
    m->hole_count = 0;
    free(m->holes);
    m->holes = NULL;
    m->is_synced =
        true; /* what is still missing is asked for here, and no digest need follow */
    if (count > 0) {
        fetch(c, m, m->node, still, count);
    }
}

/* Who votes on it has a copy, so that it outlives its home: but a link that broke has lost it.
 * Claims ask voters only, and in a later term the home may be none of them. */
static bool lacks_body(const struct cluster *c, const struct invocation *inv)
{
    return inv_votes_here(inv) && inv_is_ready(inv) && !inv->has_payload && !inv->is_over &&
           !payload_is_coming(c, inv);
}

bool digest_fetch_body(struct cluster *c, const struct invocation *inv)
{
    if (!lacks_body(c, inv) || payload_may_ask(c) == 0) {
        return false;
    }
    uint64_t *seq = effects_scratch(&c->effects, sizeof *seq);
    uint32_t first = (uint32_t)(c->now_ms / BODIES_MS); /* the next time another one */
    for (uint32_t n = 0; n < inv->arbiter_count && seq != NULL; n++) {
        uint32_t i = (first + n) % inv->arbiter_count;
        uint16_t voter = seats_voter(c, &inv->guid, inv_arbiter(inv, i), i);
        const struct member *m = members_of_node(c, voter);
        if (members_is_alive(m)) {
            *seq = inv->seq;
            fetch(c, m, (uint16_t)inv->origin, seq, 1);
            break;
        }
    }
    return true;
}

void digest_want_bodies(struct cluster *c, struct member *m)
{
    m->bodies_next = 0;
    m->bodies_at_ms = c->now_ms + HOLES_MS;
    members_wake_for(c, TEND_DIGEST, m->bodies_at_ms);
}

static void fetch_bodies(struct cluster *c, struct member *m)
{
    uint64_t high = nodes_at(&c->nodes, m->node)->seqs.high;
    uint64_t *seqs = effects_scratch(&c->effects, PAYLOAD_ASK_MAX * sizeof *seqs);
    uint32_t count = 0, max = seqs == NULL ? 0 : payload_may_ask(c);
    uint32_t steps = max == 0 ? 0 : BODIES_STEP;
    while (m->bodies_next < high && count < max && steps-- > 0) {
        const struct invocation *inv = store_next_live(c, m->node, &m->bodies_next, high);
        if (inv != NULL && lacks_body(c, inv)) {
            seqs[count++] = inv->seq;
        }
    }
    if (count > 0) {
        fetch(c, m, m->node, seqs, count);
    }
    bool is_step = max > 0 && count < max;
    m->bodies_at_ms =
        m->bodies_next >= high ? 0 : c->now_ms + (is_step ? BODIES_STEP_MS : BODIES_MS);
}

static uint64_t tend(struct cluster *c, struct member *m)
{
    if (m->hole_count > 0 && c->now_ms >= m->holes_at_ms) {
        fetch_holes(c, m);
    }
    if (m->bodies_at_ms != 0 && c->now_ms >= m->bodies_at_ms) {
        fetch_bodies(c, m);
    }
    bool news = m->digest_version != c->streams->version;
    if (news && m->sweep_next >= m->sweep_end && c->now_ms >= m->digest_at_ms) {
        streams_flush(c); /* how they have ended, before that they have */
        uint64_t version = c->streams->version;
        m->digest_at_ms = c->now_ms + DIGEST_MS;
        if (tell(c, m)) {
            m->digest_version = version;
        } else {
            m->digest_version = 0;
        }
    }
    uint64_t next = m->hole_count > 0 ? m->holes_at_ms : UINT64_MAX;
    next = m->bodies_at_ms != 0 && m->bodies_at_ms < next ? m->bodies_at_ms : next;
    bool waits = m->digest_version != c->streams->version && m->sweep_next >= m->sweep_end;
    return waits && m->digest_at_ms < next ? m->digest_at_ms : next;
}

uint64_t digest_tick(struct cluster *c)
{
    uint64_t next = UINT64_MAX;
    for (struct list *l = c->members->all.next, *after; l != &c->members->all; l = after) {
        struct member *m = list_item(l, struct member, link);
        after = l->next;
        if (m->is_streaming) {
            uint64_t due = tend(c, m);
            next = due < next ? due : next;
        }
    }
    return next;
}

/* --- hearing ----------------------------------------------------------------------------- */

static void drop_below(struct cluster *c, uint16_t origin, uint64_t low)
{
    const struct seqmap *seqs = &nodes_at(&c->nodes, origin)->seqs;
    uint64_t seq;
    while ((seq = seqmap_next_live(seqs, seqs->low, low)) < low) {
        c->counters.watermark_drops++;
        entries_end_somehow(c, origin, seq);
    }
    seqmap_raise(&nodes_at(&c->nodes, origin)->seqs, low);
}

static uint64_t word_of(struct bytes bits, uint32_t at)
{
    uint64_t word = 0;
    for (uint32_t byte = 0; byte < 8 && at / 8 + byte < bits.size; byte++) {
        word |= (uint64_t)bits.at[at / 8 + byte] << (8 * byte);
    }
    return word;
}

static void drop_ended(struct cluster *c, uint16_t origin, uint64_t first, uint64_t ended)
{
    uint64_t live = seqmap_live_bits(&nodes_at(&c->nodes, origin)->seqs, first) & ended;
    for (; live != 0; live &= live - 1) {
        c->counters.digest_drops++;
        entries_end_somehow(c, origin, first + (uint32_t)__builtin_ctzll(live));
    }
}

struct seqs_over {
    uint64_t at[OVER_MAX];
    uint32_t count;
};

/* Ready at home, and over here. */
static void add_over(const struct cluster *c, uint16_t origin, uint64_t first, uint64_t ready,
                     struct seqs_over *over)
{
    uint64_t ended, known;
    seqmap_bits(&nodes_at(&c->nodes, origin)->seqs, first, &ended, &known);
    for (uint64_t both = ready & ended; both != 0 && over->count < OVER_MAX; both &= both - 1) {
        over->at[over->count++] = first + (uint32_t)__builtin_ctzll(both);
    }
}

/* What was collected while the home was held for dead: nobody may have told it. Of other ends
 * it knows best itself. */
static void tell_collected(struct cluster *c, const struct member *home,
                           const struct seqs_over *over)
{
    const struct tomb *tombs[OVER_MAX];
    tombs_of(&c->tombs, home->node, over->at, tombs, over->count);
    for (uint32_t i = 0; i < over->count; i++) {
        if (tombs[i] != NULL && tombs[i]->state == INVOCATION_COLLECTED) {
            struct msg_taken_item item = {.guid = tombs[i]->guid,
                                          .no = {.node = c->config.node_id},
                                          .state = INVOCATION_COLLECTED,
                                          .webhook = tombs[i]->webhook};
            send_taken(c, home->node, &item);
        }
    }
}

/* False: no memory. */
static bool note_holes(struct cluster *c, struct member *m, uint64_t first, uint64_t ready)
{
    uint64_t ended, known;
    seqmap_bits(&nodes_at(&c->nodes, m->node)->seqs, first, &ended, &known);
    uint64_t missing = ready & ~ended & ~known;
    if (missing != 0 && m->holes == NULL) {
        m->holes = malloc(HOLES_MAX * sizeof *m->holes);
        if (m->holes == NULL) {
            return false;
        }
    }
    for (; missing != 0 && m->hole_count < HOLES_MAX; missing &= missing - 1) {
        m->holes[m->hole_count++] = first + (uint32_t)__builtin_ctzll(missing);
    }
    return true;
}

void digest_on_digest(struct cluster *c, struct member *from, const struct msg_digest *m)
{
    if (!guid_equal(&m->origin, &nodes_at(&c->nodes, from->node)->id) || m->from % 64 != 0 ||
        m->bit_count % 64 != 0 || m->bit_count > MSG_BITS_MAX || m->low > m->high) {
        return;
    }
    drop_below(c, from->node, m->low);
    bool had_holes = from->hole_count > 0;
    struct seqs_over over = {.count = 0};
    for (uint32_t at = 0; at < m->bit_count; at += 64) {
        uint64_t ended = word_of(m->ended, at), ready = word_of(m->ready, at) & ~ended;
        drop_ended(c, from->node, m->from + at, ended);
        add_over(c, from->node, m->from + at, ready, &over);
        if (!had_holes && !note_holes(c, from, m->from + at, word_of(m->ready, at))) {
            return;
        }
    }
    tell_collected(c, from, &over);
    if (from->hole_count > 0 && !had_holes) {
        from->holes_at_ms = c->now_ms + HOLES_MS;
        members_wake_for(c, TEND_DIGEST, from->holes_at_ms);
    }
    from->is_synced = from->is_synced || from->hole_count == 0;
}

void digest_on_fetch(struct cluster *c, struct member *from, const struct msg_seqs *m)
{
    uint16_t origin = nodes_find(&c->nodes, &m->origin);
    if (origin == 0) {
        return;
    }
    for (uint32_t i = 0; i < m->count; i++) {
        streams_want(from, origin, m->seqs[i]);
    }
    streams_pump(c, from);
}
