#include "cluster/entries.h"

#include "cluster/arbiter.h"
#include "cluster/claims.h"
#include "cluster/payload.h"
#include "cluster/send.h"
#include "cluster/store.h"
#include "cluster/takeover.h"
#include "cluster/trust.h"

enum { GONE_MAX = 64 };

static bool is_sound(const struct msg_entry *e)
{
    bool sound = e->arbiter_count >= 1 && e->arbiter_count <= MSG_ARBITERS_MAX && e->seq >= 1 &&
                 e->seq < SEQ_END && guid_equal(&e->origin, &e->arbiters[0]);
    bool is_alone =
        e->arbiter_count == MSG_ARBITERS_MAX && guid_equal(&e->arbiters[1], &e->origin);
    for (uint32_t i = 1; sound && i < e->arbiter_count; i++) {
        sound = guid_equal(&e->arbiters[i], &e->origin) == is_alone;
    }
    return sound;
}

int entries_new(struct cluster *c, const struct entries_told *told, struct invocation **out)
{
    const struct msg_entry *e = told->entry;
    *out = NULL;
    if (!is_sound(e)) {
        return ERR_MALFORMED;
    }
    struct store_spec spec = {.guid = e->guid,
                              .seq = e->seq,
                              .created_at_ms = c->now_ms - told->created_ago_ms,
                              .arbiter_count = e->arbiter_count,
                              .function =
                                  names_keep_of(&c->names, told->tenant, told->function)};
    int rc = spec.function == 0 ? ERR_NOMEM : 0;
    for (uint32_t i = 0; i < e->arbiter_count; i++) {
        spec.arbiters[i] = nodes_take(&c->nodes, &e->arbiters[i]);
        rc = spec.arbiters[i] == 0 ? ERR_NOMEM : rc;
    }
    if (rc == 0 && spec.arbiters[0] == SELF) {
        rc = ERR_INUSE; /* what is ours and not here has ended */
    }
    if (rc == 0) {
        rc = store_new(c, &spec, out);
    }
    for (uint32_t i = 0; i < e->arbiter_count; i++) {
        nodes_drop(&c->nodes, spec.arbiters[i]);
    }
    return rc;
}

static void take_payload(struct cluster *c, uint16_t from, struct invocation *inv,
                         const struct msg_create *m)
{
    struct buf *headers = m->headers == NULL ? NULL : buf_share(m->headers);
    if (m->body_follows && !budget_is_free(c->budget, (size_t)m->body_size)) {
        buf_drop(&headers); /* a copy: what is promised to results of this node comes first */
        return;
    }
    if (m->body_follows) {
        struct payload_coming body = {.guid = inv->guid,
                                      .of = PAYLOAD_RESULT,
                                      .size = m->body_size,
                                      .headers = headers,
                                      .status = m->status,
                                      .failed = m->failed};
        payload_expect(c, from, &body);
        return;
    }
    struct result r = {.status = m->status,
                       .failed = m->failed,
                       .headers = headers,
                       .body = m->body == NULL ? NULL : buf_share(m->body)};
    store_set_payload(c, inv, &r);
}

static void become_ready(struct cluster *c, struct invocation *inv, const struct msg_create *m,
                         uint64_t aged_ms)
{
    uint64_t completed_ago = m->completed_ago_ms + aged_ms;
    bool whole = m->has_payload && !m->body_follows;
    uint64_t created = inv_created_at_ms(c, inv);
    uint64_t started_at = c->now_ms - (m->started_ago_ms - 1 + aged_ms);
    inv->attempt = m->attempt;
    inv->webhook = m->webhook & 3u;
    if (m->started_ago_ms > 0) {
        inv->started = (uint32_t)span_ms(created, started_at) + 1;
    }
    struct store_result r = {.result = {.status = m->status, .failed = m->failed},
                             .has_payload = whole,
                             .completed_at_ms = c->now_ms - completed_ago,
                             .expires_at_ms = c->now_ms + m->ttl_left_ms - aged_ms};
    if (whole) {
        r.result.headers = m->headers == NULL ? NULL : buf_share(m->headers);
        r.result.body = m->body == NULL ? NULL : buf_share(m->body);
    }
    store_ready(c, inv, &r);
}

void entries_on_create(struct cluster *c, uint16_t from, const struct msg_create *m,
                       uint64_t aged_ms)
{
    struct guid guid = m->entry.guid;
    struct invocation *inv = store_find(c, &guid);
    if (m->ttl_left_ms <= aged_ms) {
        return; /* it has expired on its way */
    }
    if (inv == NULL) {
        struct entries_told told = {.entry = &m->entry,
                                    .function = m->function,
                                    .tenant = m->tenant,
                                    .created_ago_ms = m->created_ago_ms + aged_ms};
        if (entries_new(c, &told, &inv) != 0) {
            c->counters.late_creates++;
            return;
        }
    }
    bool was_ready = inv_is_ready(inv);
    c->counters.duplicate_results += was_ready && m->has_payload && inv->has_payload;
    if (!was_ready) {
        become_ready(c, inv, m, aged_ms);
    }
    if (!inv->has_payload && m->has_payload && !inv->is_over) {
        take_payload(c, from, inv, m);
    }
    if (trust_is_dead(c, (uint16_t)inv->origin)) {
        takeover_wake(c);
    }
    if (!was_ready) {
        arbiter_ready(c, inv);
    }
    claims_on_ready(c, &guid);
}

void entries_end(struct cluster *c, uint16_t origin, uint64_t seq, enum invocation_state end)
{
    struct invocation *inv = store_find_seq(c, origin, seq);
    if (inv != NULL) {
        store_end_elsewhere(c, inv, end);
    } else {
        seqmap_end(&nodes_at(&c->nodes, origin)->seqs, seq);
    }
}

static bool knows_how(const struct invocation *inv)
{
    return inv != NULL && (inv->is_over || inv->is_bound);
}

void entries_end_somehow(struct cluster *c, uint16_t origin, uint64_t seq)
{
    struct invocation *inv = store_find_seq(c, origin, seq);
    if (inv != NULL && !knows_how(inv)) {
        store_end_forgotten(c, inv); /* its home can say how */
    } else {
        entries_end(c, origin, seq, inv == NULL ? INVOCATION_EXPIRED : inv_end(inv));
    }
}

/* The numbers of an origin that are not here any more and were collected, in rising order. */
struct gone {
    uint64_t at[GONE_MAX];
    uint32_t count;
};

static void add_gone(struct gone *g, uint64_t seq)
{
    uint32_t i = g->count < GONE_MAX ? g->count++ : GONE_MAX - 1; /* more are not remembered */
    for (; i > 0 && g->at[i - 1] > seq; i--) {
        g->at[i] = g->at[i - 1];
    }
    g->at[i] = seq;
}

/* Those that ended here because their time was over, before the home could say that they had
 * been collected: this node was cut off. */
static void learn_collected(struct cluster *c, uint16_t origin, const struct gone *g)
{
    const struct tomb *found[GONE_MAX];
    tombs_of(&c->tombs, origin, g->at, found, g->count);
    for (uint32_t i = 0; i < g->count; i++) {
        if (found[i] != NULL && found[i]->state == INVOCATION_EXPIRED) {
            tombs_find(&c->tombs, &found[i]->guid)->state = INVOCATION_COLLECTED;
        }
    }
}

void entries_on_deleted(struct cluster *c, uint16_t from, const struct msg_deleted *m)
{
    (void)from;
    uint16_t origin = nodes_find(&c->nodes, &m->origin);
    if (origin == 0) {
        return; /* nothing of it is here, and nobody would remember */
    }
    nodes_share(&c->nodes, origin); /* it may be forgotten with its last entry */
    struct gone gone = {.count = 0};
    for (uint32_t i = 0; i < m->count; i++) {
        enum invocation_state end = (enum invocation_state)(m->reasons[i] & 15);
        struct invocation *inv = store_find_seq(c, origin, m->seqs[i]);
        if (inv != NULL) {
            inv->webhook = m->reasons[i] >> 4 & 3u;
        } else if (end == INVOCATION_COLLECTED) {
            add_gone(&gone, m->seqs[i]);
        }
        bool is_end = end < INVOCATION_STATE_COUNT && invocation_state_is_final(end);
        if (is_end) {
            entries_end(c, origin, m->seqs[i], end);
        } else {
            entries_end_somehow(c, origin, m->seqs[i]);
        }
    }
    if (gone.count > 0) {
        learn_collected(c, origin, &gone);
    }
    nodes_drop(&c->nodes, origin);
}
