#include "host.h"

#include "wire.h"
#include "work.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define COME_BACK_US       300000u
#define SERVES_ON_US       600000u /* while draining */
#define MILLION            1000000
#define TICKS_A_MOMENT_MAX 20000u /* more of them at one moment: the core spins */
#define BOOT_US            1000000u
#define CLOCK_BASE_MAX_US  (3ull * 24 * 3600 * MILLION)

/* --- clocks ---------------------------------------------------------------------------- */

static uint64_t local_us(const struct host *h, uint64_t world_us)
{
    uint64_t span = world_us - h->born_us;
    int64_t drift = (int64_t)(span / MILLION) * h->clock_ppm +
                    (int64_t)(span % MILLION) * h->clock_ppm / MILLION;
    return h->clock_base_us + (uint64_t)((int64_t)span + drift);
}

uint64_t host_now_ms(const struct host *h)
{
    return local_us(h, h->sim->now_us) / 1000;
}

uint64_t host_world_us(const struct host *h, uint64_t local_ms)
{
    uint64_t now_us = h->sim->now_us;
    uint64_t here_us = local_us(h, now_us);
    if (local_ms * 1000 <= here_us) {
        return now_us;
    }
    uint64_t span = local_ms * 1000 - here_us;
    uint64_t at = now_us + span * MILLION / (uint64_t)(MILLION + h->clock_ppm);
    while (local_us(h, at) / 1000 < local_ms) {
        at++;
    }
    return at;
}

/* --- birth and death ------------------------------------------------------------------------
 */

struct host *host_at(const struct sim *s, uint32_t slot)
{
    return slot < s->slot_count ? s->hosts[slot] : NULL;
}

void host_print_address(char out[ADDRESS_SIZE], uint32_t slot)
{
    snprintf(out, ADDRESS_SIZE, "10.0.%u.%u:7000", slot / 256 % 256, slot % 256);
}

static struct cluster *new_core(struct host *h)
{
    struct sim *s = h->sim;
    const struct plan_options *o = &s->options;
    char name[16], zone[16];
    snprintf(name, sizeof name, "n%u.%u", h->slot % 10000, h->incarnation % 10000);
    snprintf(zone, sizeof zone, "z%u", h->slot % (o->zones == 0 ? 1 : o->zones));
    struct cluster_config config = {
        .node_id = h->node_id,
        .node_name = bytes_text(name),
        .cluster_name = bytes_text("sim"),
        .zone = o->zones > 1 ? bytes_text(zone) : bytes_of(NULL, 0),
        .advertise = bytes_text(s->slot_count > 1 ? h->address : ""),
        .available = o->available != 0,
        .accept_acks = (uint8_t)o->acks,
        .expect = (uint8_t)o->expect,
        .payload_all = o->payload_all != 0,
        .payload_inline_max = o->inline_max,
        .payload_inline_nodes = o->inline_nodes,
        .retention_ms = o->retention_ms,
        .redelivery_ms = o->redelivery_ms,
        .seed = rng_next(&s->rng),
        .budget = &h->budget,
    };
    return cluster_new(&config, host_now_ms(h));
}

static void give_identity(struct host *h)
{
    struct rng *rng = &h->sim->rng;
    uint64_t bits[2] = {rng_next(rng), rng_next(rng)};
    memcpy(h->node_id.at, bits, sizeof h->node_id.at);
    h->born_us = h->sim->now_us;
    uint64_t up_us = rng_below(rng, CLOCK_BASE_MAX_US); /* some machines have just started */
    h->clock_base_us = up_us % 4 == 0 ? BOOT_US : 5000000 + up_us;
    h->clock_ppm = h->sim->options.skew ? (int32_t)rng_below(rng, 20001) - 10000 : 0;
    host_print_address(h->address, h->slot);
}

struct host *host_start(struct sim *s, uint32_t slot)
{
    assert(s->hosts[slot] == NULL);
    struct host *h = calloc(1, sizeof *h);
    assert(h != NULL);
    h->sim = s;
    h->slot = slot;
    h->incarnation = ++s->incarnations;
    s->died = realloc(s->died, (h->incarnation + 1) * sizeof *s->died);
    assert(s->died != NULL);
    s->died[h->incarnation] = false;
    h->budget.limit = (size_t)s->options.budget_kib * 1024;
    h->memory_limit = h->budget.limit;
    h->tick_at_us = UINT64_MAX;
    give_identity(h);
    h->cluster = new_core(h);
    assert(h->cluster != NULL);
    s->hosts[slot] = h;
    if (s->dark[slot]) {
        s->dark[slot] = false;
        net_wake(s); /* what was sent into the dark is answered with a reset now */
    }
    sim_note(s, "node %u starts (%u)", slot, h->incarnation);
    host_settle(h);
    if (s->slot_count > 1) {
        wire_seed(h);
        sim_later(s, SEED_AGAIN_US, EVENT_SEED, h, 0);
    }
    return h;
}

/* What its core has counted, for the "sometimes" counters. */
static void harvest(struct host *h)
{
    const struct cluster_counters *c = cluster_counters(h->cluster);
    uint64_t *m = h->sim->marks.count;
    m[MARK_LINE] += c->lines;
    m[MARK_YIELD] += c->yields;
    m[MARK_STALE_GRANT] += c->stale_grants;
    m[MARK_FETCH] += c->fetches;
    m[MARK_WATERMARK] += c->watermark_drops;
    m[MARK_DUPLICATE_RESULT] += c->duplicate_results;
    m[MARK_REFUSED_COPY] += c->accept_naks;
    m[MARK_EXHAUSTED] += c->attempts_exhausted;
    m[MARK_PAYLOAD] += c->payload_fetches;
}

/* Everything that the process held; nothing is told to anybody. */
static void forget(struct host *h)
{
    struct sim *s = h->sim;
    harvest(h);
    s->died[h->incarnation] = true;
    s->hosts[h->slot] = NULL;
    client_node_died(s, h);
    while (h->works != NULL) {
        work_free(h, h->works);
    }
    cluster_free(&h->cluster);
    if (h->budget.used != 0) {
        sim_fail(s, "M1", "node %u freed its core, and %zu bytes stay charged", h->slot,
                 h->budget.used);
    }
    linkmap_fini(&h->links);
    free(h->dead);
    free(h);
}

/* Once everything has healed, who still dies comes back. */
static void come_back(struct sim *s, uint32_t slot)
{
    if (s->phase != PHASE_SAFETY) {
        sim_later(s, COME_BACK_US, EVENT_START, NULL, slot);
    }
}

void host_crash(struct sim *s, struct host *h, bool silent)
{
    sim_note(s, "node %u dies%s", h->slot, silent ? " silently" : "");
    sim_trouble(s);
    s->history.deaths++;
    s->history.losses++;
    s->history.lossy_us = s->now_us;
    s->dark[h->slot] = silent;
    net_host_died(s, h, silent);
    come_back(s, h->slot);
    forget(h);
}

void host_exit(struct sim *s, struct host *h)
{
    sim_note(s, "node %u has drained and exits", h->slot);
    mark(&s->marks, MARK_DRAINED);
    sim_trouble(s);
    net_host_died(s, h, false);
    come_back(s, h->slot);
    forget(h);
}

void host_free(struct host *h)
{
    forget(h);
}

/* --- effects --------------------------------------------------------------------------------
 */

static void on_ended(struct host *h, const struct cluster_effect *fx)
{
    static const enum invocation_state how[] = {
        [CLUSTER_COLLECTED] = INVOCATION_COLLECTED,
        [CLUSTER_EXPIRED] = INVOCATION_EXPIRED,
        [CLUSTER_CANCELED] = INVOCATION_CANCELED,
    };
    struct guid guid = invocation_guid(fx->inv);
    struct record *r = truth_find(h->sim, &guid);
    assert(r != NULL);
    work_end(h, fx->inv);
    sim_note(h->sim, "  %u: inv %u ends: %u", h->slot, r->inv, (unsigned)fx->kind);
    sim_trace(h->sim, r->inv, fx->kind);
    bool is_missed = h->sim->options.plant == PLANT_MISS_END && r->inv % 2 == 0;
    h->counted += fx->kind != CLUSTER_REFUSED && fx->kind != CLUSTER_DROPPED && !is_missed;
    h->dropped += fx->kind == CLUSTER_DROPPED;
    if (fx->kind == CLUSTER_REFUSED) {
        mark(&h->sim->marks, MARK_NOT_REPLICATED);
        client_refused(h->sim, r);
    } else if (fx->kind != CLUSTER_DROPPED) {
        truth_counted(h->sim, r, h, how[fx->kind]);
    }
}

static void on_accepted(struct host *h, struct invocation *inv)
{
    struct guid guid = invocation_guid(inv);
    struct record *r = truth_find(h->sim, &guid);
    assert(r != NULL && r->stage == STAGE_ASKED);
    r->stage = STAGE_ACCEPTED;
    h->accepted++;
    r->accepted_us = h->sim->now_us;
    r->deaths_at_accept = h->sim->history.deaths;
    r->losses_at_accept = h->sim->history.losses;
    sim_note(h->sim, "  %u: inv %u is accepted, %u copies", h->slot, r->inv, r->holder_count);
    client_accepted(h->sim, r);
    if (h->sim->options.plant != PLANT_LOSE_WORK || r->inv % 2 == 0) {
        work_admit(h, inv, r, invocation_work(inv));
    }
}

static void on_progress(struct host *h, const struct cluster_effect *fx)
{
    struct cluster_progress p = {.queue_position = 1, .estimate_ms = 10};
    cluster_answer_progress(h->cluster, host_now_ms(h), fx->ticket, &p);
}

static void on_work(struct host *h, struct cluster_effect *fx)
{
    switch (fx->kind) {
    case CLUSTER_ACCEPTED:
        on_accepted(h, fx->inv);
        break;
    case CLUSTER_ADOPTED:
        h->adopted++;
        break;
    case CLUSTER_EXECUTE:
        work_take_over(h, fx->inv);
        break;
    case CLUSTER_STOP:
        work_end(h, fx->inv);
        break;
    case CLUSTER_READY:
        work_ready(h, fx);
        break;
    case CLUSTER_ASK_PROGRESS:
        on_progress(h, fx);
        break;
    default:
        on_ended(h, fx);
        break;
    }
}

static void on_effect(struct host *h, struct cluster_effect *fx)
{
    h->sim->steps++;
    if (fx->kind <= CLUSTER_ASK_PROGRESS) {
        on_work(h, fx);
    } else if (fx->kind < CLUSTER_DIAL) {
        client_answer(h->sim, h, fx);
    } else if (fx->kind == CLUSTER_DRAINED) {
        sim_later(h->sim, 0, EVENT_EXIT, h, 0);
    } else {
        wire_effect(h, fx);
    }
}

/* After every call: the effects, the budget, and when to call again. */
static void check_step(struct host *h)
{
    if (h->budget.used > h->budget.limit) {
        sim_fail(h->sim, "M1", "node %u holds %zu bytes of %zu", h->slot, h->budget.used,
                 h->budget.limit);
    }
    truth_check_balance(h->sim, h);
}

static void arm(struct host *h)
{
    uint64_t deadline_ms = cluster_deadline_ms(h->cluster);
    if (deadline_ms == UINT64_MAX) {
        return;
    }
    uint64_t at_us = host_world_us(h, deadline_ms);
    if (at_us < h->tick_at_us) {
        h->tick_at_us = at_us;
        agenda_add(&h->sim->agenda, (struct event){.at_us = at_us,
                                                   .kind = EVENT_TICK,
                                                   .slot = h->slot,
                                                   .incarnation = h->incarnation,
                                                   .a = at_us});
    }
}

/* As node/core does. */
static void leave_when_done(struct host *h)
{
    if (h->may_finish && !h->finishing && h->works == NULL) {
        h->finishing = true;
        sim_trouble(h->sim);
        cluster_finish(h->cluster, host_now_ms(h));
        host_settle(h);
    }
}

/* True: something was sent. */
static bool take_effects(struct host *h)
{
    struct cluster_effect fx;
    bool sent = false;
    do {
        while (!h->sim->failed && cluster_next_effect(h->cluster, &fx)) {
            sent = sent || fx.kind == CLUSTER_SEND;
            on_effect(h, &fx);
        }
    } while (!h->sim->failed && wire_turn_ends(h));
    return sent;
}

void host_settle(struct host *h)
{
    if (take_effects(h)) {
        cluster_flush(h->cluster, host_now_ms(h));
        take_effects(h);
    }
    check_step(h);
    arm(h);
    leave_when_done(h);
}

void host_tick(struct host *h)
{
    if (h->tick_at_us > h->sim->now_us) {
        return; /* an older plan: it was moved */
    }
    h->tick_at_us = UINT64_MAX;
    if (cluster_deadline_ms(h->cluster) > host_now_ms(h)) {
        arm(h);
        return;
    }
    h->same_moment_ticks = h->last_tick_us == h->sim->now_us ? h->same_moment_ticks + 1 : 0;
    h->last_tick_us = h->sim->now_us;
    if (h->same_moment_ticks > TICKS_A_MOMENT_MAX) {
        sim_fail(h->sim, "SPIN", "node %u wants to be called again at once for ever", h->slot);
        return;
    }
    cluster_tick(h->cluster, host_now_ms(h));
    host_settle(h);
}

void host_drain(struct host *h)
{
    if (!h->draining) {
        h->draining = true;
        sim_note(h->sim, "node %u begins to drain", h->slot);
        cluster_drain(h->cluster, host_now_ms(h));
        sim_later(h->sim, SERVES_ON_US, EVENT_FINISH, h, 0);
        host_settle(h);
    }
}

void host_finish(struct host *h)
{
    h->may_finish = true;
    host_settle(h);
}
