#include "cluster/takeover.h"

#include "cluster/accept.h"
#include "cluster/claims.h"
#include "cluster/entrust.h"
#include "cluster/handoff.h"
#include "cluster/ops.h"
#include "cluster/payload.h"
#include "cluster/publish.h"
#include "cluster/seats.h"
#include "cluster/send.h"
#include "cluster/store.h"
#include "cluster/terms.h"
#include "cluster/trust.h"

#include "base/text.h"

enum {
    SCAN_MS = 250,
    OFFER_MS = 1000,
    STEP_MS = 10,    /* between two steps of a round */
    SCAN_MAX = 1024, /* entries looked at in one step */
    EXEC_MS = 250,
    EXEC_TRIES = 3, /* then it runs unconfirmed: better twice than never */
};

void takeover_wake(struct cluster *c)
{
    struct members *ms = c->members;
    uint64_t at_ms = c->now_ms + ms->count / MEMBERS_A_MS;
    ms->scan_at_ms = at_ms < ms->scan_at_ms ? at_ms : ms->scan_at_ms;
    members_wake(c, at_ms);
}

uint8_t takeover_attempt(const struct cluster *c, const struct invocation *inv)
{
    uint32_t handle = inv->extra == 0 ? 0 : extra_at(c, inv->extra)->accept_op;
    bool is_announced = handle != 0 && op_at(c, handle)->kind == CLUSTER_OP_EXEC;
    bool waits = inv->is_known && inv->state == INVOCATION_QUEUED &&
                 (inv->attempt == 0 || !inv_is_ours(inv));
    bool will_run = (is_announced || waits) && inv->attempt < UINT8_MAX;
    return (uint8_t)(inv->attempt + will_run);
}

/* --- acting ------------------------------------------------------------------------------ */

#define LOST_TYPE                                                                              \
    "{\"type\":\"/problems/node-lost\",\"title\":\"The node was lost\",\"status\":502,"        \
    "\"detail\":\""

/* The callback of one that must not run again: a failure that says so. */
static void fail(struct cluster *c, struct invocation *inv, const char *detail)
{
    static const char type[] = "Content-Type: application/problem+json\r\n";
    struct text body = {0};
    char guid[GUID_TEXT_SIZE];
    guid_print(guid, &inv->guid);
    text_add_str(&body, LOST_TYPE);
    text_add_str(&body, detail);
    text_add_str(&body, "\",\"instance\":\"/v1/invocations/");
    text_add(&body, bytes_of(guid, sizeof guid));
    text_add_str(&body, "\"}");
    struct result r = {.status = 502, .failed = true};
    bool ok = !text_failed(&body) && buf_copy(&r.body, c->budget, text_view(&body)) == 0 &&
              buf_copy(&r.headers, c->budget, bytes_text(type)) == 0;
    text_fini(&body);
    if (!ok) {
        result_drop(&r);
        r = (struct result){.status = 502, .failed = true};
    }
    cluster_complete(c, c->now_ms, inv, &r);
}

static void run(struct cluster *c, struct invocation *inv)
{
    c->counters.takeovers++;
    store_adopt(c, inv);
    effects_add(&c->effects, CLUSTER_EXECUTE)->inv = inv;
}

static uint32_t announce_to(struct cluster *c, uint16_t node, const struct msg *m)
{
    return node != SELF && trust_is_alive(c, node) && send_control(c, node, m);
}

/* Tells the other arbiters, and the heirs of those that left, of the attempt to come. An
 * arbiter that is leaving has given its vote away, and may act for the home all the same.
 * Returns how many. */
static uint32_t announce(struct cluster *c, const struct invocation *inv)
{
    struct msg m = {.kind = MSG_EXEC};
    m.exec.guid = inv->guid;
    m.exec.origin = nodes_at(&c->nodes, inv->origin)->id;
    m.exec.seq = inv->seq;
    m.exec.executor = c->config.node_id;
    m.exec.attempt = (uint8_t)(inv->attempt + 1);
    uint32_t told = 0;
    uint16_t last = SELF;
    for (uint32_t i = 0; i < inv->arbiter_count; i++) {
        uint16_t node = seats_voter(c, &inv->guid, inv_arbiter(inv, i), i);
        told += node == last ? 0 : announce_to(c, node, &m);
        told += node == inv_arbiter(inv, i) ? 0 : announce_to(c, inv_arbiter(inv, i), &m);
        last = node;
    }
    return told;
}

static void execute(struct cluster *c, struct invocation *inv)
{
    struct op *op = announce(c, inv) == 0 ? NULL : ops_new_internal(c, CLUSTER_OP_EXEC);
    if (op == NULL) {
        run(c, inv); /* nobody is left to remember the attempt */
        return;
    }
    op->guid = inv->guid;
    extra_at(c, inv->extra)->accept_op = pool_handle(&c->ops, op);
    ops_set_timer(c, op, c->now_ms + EXEC_MS);
}

static void exec_done(struct cluster *c, struct op *op, struct invocation *inv)
{
    extra_at(c, inv->extra)->accept_op = 0;
    ops_free(c, op);
    if (!inv_is_ready(inv) && !inv->is_known && publish_is_owner(c, inv)) {
        run(c, inv);
    }
    store_trim(c, inv);
}

void takeover_on_ack(struct cluster *c, struct op *op, struct invocation *inv, uint16_t from,
                     uint8_t attempt)
{
    (void)from;
    if (attempt == inv->attempt + 1u) {
        exec_done(c, op, inv);
    }
}

void takeover_timeout(struct cluster *c, struct op *op, struct invocation *inv)
{
    op->tries++;
    if (op->tries < EXEC_TRIES && publish_is_owner(c, inv) && announce(c, inv) > 0) {
        ops_set_timer(c, op, c->now_ms + EXEC_MS);
    } else {
        exec_done(c, op, inv);
    }
}

/* The heir may have its copy already, with the attempts as they were then. */
static void pass_exec_on(struct cluster *c, const struct member *from, const struct msg_exec *m)
{
    uint16_t heir = handoff_heir(c);
    if (heir != 0 && heir != from->node) {
        send_control(c, heir, &(struct msg){.kind = MSG_EXEC, .exec = *m});
    }
}

void takeover_on_exec(struct cluster *c, struct member *from, const struct msg_exec *m)
{
    if (guid_equal(&m->executor, &c->config.node_id)) {
        entrust_on_exec(c, from, m);
        return;
    }
    pass_exec_on(c, from, m);
    struct invocation *inv = store_find(c, &m->guid);
    if (inv != NULL && !inv_is_ready(inv) && m->attempt > inv->attempt) {
        inv->attempt = m->attempt;
    }
    accept_confirm(c, from->node, &m->guid, m->attempt);
}

/* --- one orphan ----------------------------------------------------------------------------
 */

static void adopt_ready(struct cluster *c, struct invocation *inv)
{
    if (inv->is_known) {
        return;
    }
    store_adopt(c, inv);
    if (inv->is_over) {
        store_end(c, inv, inv_end(inv));
        return;
    }
    c->counters.orphans_resolved++;
}

bool takeover_has_request(const struct cluster *c, const struct invocation *inv)
{
    const struct extra *x = inv->extra == 0 ? NULL : extra_at(c, inv->extra);
    return x != NULL && x->request != NULL && !x->is_partial;
}

/* Of an orphan that is here: something that another has. */
static bool lacks(const struct cluster *c, const struct invocation *inv, bool is_ready_there)
{
    return inv_is_ready(inv) ? !inv->has_payload && is_ready_there
                             : is_ready_there || !takeover_has_request(c, inv);
}

/* No other arbiter lives that might have a copy, nor the heir of one. */
static bool is_last(const struct cluster *c, const struct invocation *inv)
{
    for (uint32_t i = 0; i < inv->arbiter_count; i++) {
        uint16_t node = seats_voter(c, &inv->guid, inv_arbiter(inv, i), i);
        if (node != SELF && !trust_is_dead(c, node)) {
            return false;
        }
    }
    return true;
}

static void adopt(struct cluster *c, struct invocation *inv)
{
    if (inv_is_ready(inv)) {
        adopt_ready(c, inv);
        return;
    }
    const struct extra *x = inv->extra == 0 ? NULL : extra_at(c, inv->extra);
    if (inv->is_known || (x != NULL && x->accept_op != 0)) {
        return; /* it runs here, or will */
    }
    if (!takeover_has_request(c, inv)) {
        if (is_last(c, inv)) {
            store_adopt(c, inv);
            fail(c, inv, "its node died, and no whole copy of it is left");
        }
        return; /* who has it offers it */
    }
    if (inv->on_node_loss == ON_NODE_LOSS_DROP) {
        store_adopt(c, inv);
        store_end(c, inv, INVOCATION_CANCELED);
    } else if (inv->on_node_loss == ON_NODE_LOSS_FAIL) {
        store_adopt(c, inv);
        fail(c, inv, "its node died while it was queued or running");
    } else if (inv->attempt >= x->max_attempts) {
        c->counters.attempts_exhausted++;
        store_adopt(c, inv);
        fail(c, inv, "every node that ran it died, and its attempts are used up");
    } else if (!terms_begin_first(c, inv)) {
        execute(c, inv); /* should it take this node along, the others still have a majority */
    }
}

/* --- scanning ------------------------------------------------------------------------------
 */

/* A round goes over all that is left of a dead origin, however much, a step at a time. */
struct step {
    uint16_t origin;
    uint64_t from, to; /* numbers; at most SCAN_MAX of them live here */
};

static struct step next_step(const struct cluster *c, uint16_t origin)
{
    const struct node *n = nodes_at(&c->nodes, origin);
    const struct seqmap *seqs = &n->seqs;
    uint64_t from = n->scan_next > seqs->low ? n->scan_next : seqs->low;
    struct step s = {.origin = origin, .from = from, .to = from};
    for (uint32_t i = 0; i < SCAN_MAX && s.to < seqs->high; i++) {
        uint64_t live = seqmap_next_live(seqs, s.to, seqs->high);
        s.to = live < seqs->high ? live + 1 : seqs->high;
    }
    return s;
}

/* Is it an arbiter of the entry, or the heir of one? */
static bool decides(const struct cluster *c, const struct invocation *inv, uint16_t node)
{
    bool is_heir = false;
    for (uint32_t i = 0; i < inv->arbiter_count; i++) {
        is_heir = is_heir || seats_voter(c, &inv->guid, inv_arbiter(inv, i), i) == node;
    }
    return is_heir || inv_is_arbiter(inv, node);
}

/* The first arbiter that lives acts for its dead home. */
static bool acts_for(const struct cluster *c, const struct invocation *inv, uint16_t node)
{
    uint32_t i = 0;
    while (i < inv->arbiter_count &&
           trust_is_dead(c, seats_voter(c, &inv->guid, inv_arbiter(inv, i), i))) {
        i++;
    }
    return i < inv->arbiter_count && seats_voter(c, &inv->guid, inv_arbiter(inv, i), i) == node;
}

/* Arbiters offer to each other, so that all have it or know of its end; everybody else to who
 * acts for the home, and hears of an end that was missed. */
static bool may_lack(const struct cluster *c, const struct invocation *inv, uint16_t node)
{
    return !inv->is_over && decides(c, inv, node) &&
           (decides(c, inv, SELF) || acts_for(c, inv, node));
}

/* Those of the orphans that `to` may lack. */
static void offer(struct cluster *c, const struct step *s, struct member *to)
{
    uint64_t *at = effects_scratch(&c->effects, SCAN_MAX * sizeof *at);
    struct msg m = {.kind = MSG_OFFER};
    uint64_t seq = s->from;
    const struct invocation *inv;
    while (at != NULL && (inv = store_next_live(c, s->origin, &seq, s->to)) != NULL) {
        if (may_lack(c, inv, to->node)) {
            at[m.seqs.count++] = inv->seq << 1 | inv_is_ready(inv);
        }
    }
    if (m.seqs.count > 0) {
        m.seqs.origin = nodes_at(&c->nodes, s->origin)->id;
        m.seqs.seqs = at;
        c->counters.offers += m.seqs.count;
        send_control(c, to->node, &m);
    }
}

static void offer_to_all(struct cluster *c, const struct step *s)
{
    for (struct list *l = c->members->all.next, *next; l != &c->members->all; l = next) {
        struct member *to = list_item(l, struct member, link);
        next = l->next;
        if (members_is_alive(to) && to->is_streaming) {
            offer(c, s, to);
        }
    }
}

/* A copy for a seat that it was never given, and nobody is left who could give it. */
static bool is_left_behind(const struct cluster *c, const struct invocation *inv)
{
    bool is_left = !inv_is_ready(inv) && !inv->is_known;
    for (uint32_t i = 0; i < inv->arbiter_count && is_left; i++) {
        is_left = trust_is_dead(c, seats_voter(c, &inv->guid, inv_arbiter(inv, i), i));
    }
    return is_left;
}

/* True: some of them are this node's business. With its last entry the origin is forgotten. */
static bool adopt_all(struct cluster *c, const struct step *s)
{
    uint64_t seq = s->from;
    bool found = false;
    struct invocation *inv;
    while (c->nodes.at[s->origin] != NULL &&
           (inv = store_next_live(c, s->origin, &seq, s->to)) != NULL) {
        bool is_ours = decides(c, inv, SELF);
        if (!is_ours && is_left_behind(c, inv)) {
            store_forget(c, inv);
            continue;
        }
        found = found || is_ours;
        if (is_ours && publish_is_owner(c, inv)) {
            adopt(c, inv);
        }
    }
    return found;
}

/* When that origin is to be looked at again. */
static uint64_t scan(struct cluster *c, uint16_t origin)
{
    struct node *n = nodes_at(&c->nodes, origin);
    if (n->scan_next == 0) {
        n->round_found = false;
        n->round_offers = c->now_ms >= n->offer_at_ms;
    }
    struct step s = next_step(c, origin);
    if (n->round_offers) {
        offer_to_all(c, &s);
    }
    bool found = adopt_all(c, &s);
    n = c->nodes.at[origin];
    if (n == NULL) {
        return UINT64_MAX;
    }
    n->round_found = n->round_found || found;
    n->scan_next = s.to < n->seqs.high ? s.to : 0;
    if (n->scan_next != 0) {
        return c->now_ms + STEP_MS;
    }
    if (n->round_offers && n->round_found) {
        n->offer_at_ms = c->now_ms + OFFER_MS;
    }
    return c->now_ms + (n->round_found ? SCAN_MS : OFFER_MS);
}

uint64_t takeover_tick(struct cluster *c)
{
    struct members *ms = c->members;
    if (c->now_ms < ms->scan_at_ms) {
        return ms->scan_at_ms;
    }
    uint64_t next = UINT64_MAX;
    for (uint32_t node = SELF + 1; node < c->nodes.room; node++) {
        const struct node *n = nodes_at(&c->nodes, node);
        if (n != NULL && n->seqs.live > 0 && trust_is_dead(c, (uint16_t)node)) {
            uint64_t at = scan(c, (uint16_t)node);
            next = at < next ? at : next;
        }
    }
    ms->scan_at_ms = next;
    return next;
}

/* --- offers ---------------------------------------------------------------------------------
 */

/* How they ended, where that is remembered. Time is over for everybody, and who owns it counts
 * that: what has expired is not told. Returns how many are left. */
static uint32_t find_reasons(struct cluster *c, uint16_t origin, uint64_t *seqs,
                             uint8_t *reasons, uint32_t count)
{
    const struct tomb **tombs = effects_scratch(&c->effects, count * sizeof *tombs);
    if (tombs == NULL) {
        return 0;
    }
    tombs_of(&c->tombs, origin, seqs, tombs, count);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        /* 0: over, and forgotten how */
        uint8_t reason = tombs[i] == NULL ? 0 : tombs[i]->state;
        if (reason != INVOCATION_EXPIRED) {
            seqs[kept] = seqs[i];
            reasons[kept++] = reason;
        }
    }
    return kept;
}

static void tell_ended(struct cluster *c, struct member *to, const struct guid *origin,
                       uint64_t *ended, uint32_t count)
{
    uint8_t *reasons = effects_scratch(&c->effects, count);
    if (count == 0 || reasons == NULL) {
        return;
    }
    uint16_t node = nodes_find(&c->nodes, origin);
    count = find_reasons(c, node, ended, reasons, count);
    if (count == 0) {
        return;
    }
    struct msg m = {.kind = MSG_DELETE};
    m.deleted.origin = *origin;
    m.deleted.count = count;
    m.deleted.seqs = ended;
    m.deleted.reasons = reasons;
    send_control(c, to->node, &m);
}

static void fetch(struct cluster *c, struct member *from, const struct guid *origin,
                  const uint64_t *seqs, uint32_t count)
{
    struct msg m = {.kind = MSG_FETCH};
    m.seqs.origin = *origin;
    m.seqs.seqs = seqs;
    m.seqs.count = count;
    if (count > 0) {
        c->counters.fetches += count;
        send_control(c, from->node, &m);
    }
}

/* Bodies come only where there is room for them, and not many at a time: what is missing
 * altogether has no vote here, and must not wait behind them. */
void takeover_on_offer(struct cluster *c, struct member *from, const struct msg_seqs *m)
{
    uint16_t origin = nodes_find(&c->nodes, &m->origin);
    size_t size = (m->count + 1) * sizeof(uint64_t);
    uint64_t *lacking = effects_scratch(&c->effects, size);
    uint64_t *bodies = effects_scratch(&c->effects, PAYLOAD_ASK_MAX * sizeof *bodies);
    uint64_t *ended = effects_scratch(&c->effects, size);
    if (lacking == NULL || bodies == NULL || ended == NULL) {
        return;
    }
    uint32_t ended_count = 0, lacking_count = 0, body_count = 0;
    uint32_t bodies_max = payload_may_ask(c);
    for (uint32_t i = 0; i < m->count; i++) {
        uint64_t seq = m->seqs[i] >> 1;
        const struct invocation *inv = origin == 0 ? NULL : store_find_seq(c, origin, seq);
        if (origin != 0 && seqmap_has_ended(&nodes_at(&c->nodes, origin)->seqs, seq)) {
            ended[ended_count++] = seq;
        } else if (inv == NULL || (!inv_is_ready(inv) && lacks(c, inv, m->seqs[i] & 1))) {
            lacking[lacking_count++] = seq;
        } else if (body_count < bodies_max && lacks(c, inv, m->seqs[i] & 1)) {
            bodies[body_count++] = seq;
        }
    }
    tell_ended(c, from, &m->origin, ended, ended_count);
    fetch(c, from, &m->origin, lacking, lacking_count);
    fetch(c, from, &m->origin, bodies, body_count);
}
