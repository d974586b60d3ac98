#include "world.h"

#include "host.h"
#include "tap.h"
#include "wire.h"
#include "work.h"

#include "base/hash.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#define SETTLE_US     7000000u
#define SETTLES_MAX   40u
#define CALM_MS       5000u
#define LIVENESS_US   6000000u
#define START_US      300000u /* nodes start within so long, */
#define START_EACH_US 1500u   /* and longer if they are many */

/* --- what is said about it -------------------------------------------------------------------
 */

void sim_fail(struct sim *s, const char *rule, const char *fmt, ...)
{
    if (s->failed) {
        return;
    }
    s->failed = true;
    snprintf(s->rule, sizeof s->rule, "%s", rule);
    va_list args;
    va_start(args, fmt);
    vsnprintf(s->why, sizeof s->why, fmt, args);
    va_end(args);
    sim_note(s, "BROKEN %s: %s", s->rule, s->why);
}

void sim_note(struct sim *s, const char *fmt, ...)
{
    if (s->verbose == NULL) {
        return;
    }
    fprintf(s->verbose, "%10.3f ", (double)s->now_us / 1000.0);
    va_list args;
    va_start(args, fmt);
    vfprintf(s->verbose, fmt, args);
    va_end(args);
    fputc('\n', s->verbose);
}

void sim_trace(struct sim *s, uint64_t a, uint64_t b)
{
    s->hash = hash_mix(s->hash ^ a ^ (s->now_us << 20), 0x9e3779b97f4a7c15u ^ (b << 1));
}

void sim_later(struct sim *s, uint64_t delay_us, enum event_kind kind, const struct host *h,
               uint64_t a)
{
    agenda_add(&s->agenda, (struct event){.at_us = s->now_us + delay_us,
                                          .kind = kind,
                                          .slot = h == NULL ? NO_HOST : h->slot,
                                          .incarnation = h == NULL ? 0 : h->incarnation,
                                          .a = a});
}

bool sim_is_calm(const struct sim *s, uint32_t span_ms)
{
    return s->history.faults_active == 0 &&
           s->now_us - s->history.trouble_us >= span_ms * 1000ull;
}

void sim_trouble(struct sim *s)
{
    s->history.trouble_us = s->now_us;
}

/* --- events ---------------------------------------------------------------------------- */

/* A drain takes ten seconds, and then the node starts anew; queues may be long. */
static bool is_busy(const struct sim *s)
{
    bool any = false;
    for (uint32_t i = 0; i < s->slot_count; i++) {
        const struct host *h = s->hosts[i];
        any = any || h == NULL || h->draining || h->works != NULL;
    }
    return any;
}

static void next_phase(struct sim *s)
{
    switch (s->phase) {
    case PHASE_SAFETY:
        s->phase = PHASE_SETTLE;
        fault_heal_all(s);
        sim_later(s, SETTLE_US, EVENT_PHASE, NULL, 0);
        break;
    case PHASE_SETTLE:
        if (!sim_is_calm(s, CALM_MS) || is_busy(s)) {
            if (++s->settles > SETTLES_MAX) {
                sim_fail(s, "REST", "the cluster does not come to rest");
            }
            sim_later(s, SETTLE_US / 4, EVENT_PHASE, NULL, 0);
            break;
        }
        s->phase = PHASE_LIVENESS;
        final_begin_liveness(s);
        sim_later(s, LIVENESS_US, EVENT_PHASE, NULL, 0);
        break;
    case PHASE_LIVENESS:
        final_check_liveness(s);
        s->phase = PHASE_QUIET;
        sim_later(s, final_quiet_span_us(s), EVENT_PHASE, NULL, 0);
        break;
    default:
        final_check_quiet(s);
        s->phase = PHASE_OVER;
        break;
    }
}

static void on_op(struct sim *s, const struct plan_op *op, size_t number)
{
    if (s->verbose != NULL) {
        fprintf(s->verbose, "%10.3f ", (double)s->now_us / 1000.0);
        plan_print_op(s->verbose, op);
    }
    if (op_is_fault(op->op)) {
        fault_begin(s, op, number);
    } else {
        client_begin(s, op);
    }
}

static void on_host_event(struct sim *s, struct host *h, const struct event *e)
{
    uint32_t ask = (uint32_t)e->a;
    switch (e->kind) {
    case EVENT_TICK:
        host_tick(h);
        break;
    case EVENT_RUN_DONE:
        work_done(h, e->a);
        break;
    case EVENT_RUN_RETRY:
        work_retry(h, e->a);
        break;
    case EVENT_RUN_DUE:
        work_due(h, e->a);
        break;
    case EVENT_CLOSED:
        wire_close_done(h, e->a);
        break;
    case EVENT_FREED:
        wire_drained(h, e->a);
        break;
    case EVENT_SEED:
        wire_seed(h);
        sim_later(s, SEED_AGAIN_US, EVENT_SEED, h, 0);
        break;
    case EVENT_FINISH:
        host_finish(h);
        break;
    case EVENT_EXIT:
        host_exit(s, h);
        break;
    case EVENT_ASK:
        client_arrives(s, ask);
        break;
    case EVENT_WROTE:
        client_wrote(s, ask);
        break;
    case EVENT_SENT:
        client_sent(s, ask);
        break;
    case EVENT_GOODBYE:
        client_goodbye(s, ask);
        break;
    default:
        assert(e->kind == EVENT_LATE);
        client_late(s, ask);
        break;
    }
}

static void on_event(struct sim *s, struct host *h, const struct event *e)
{
    switch (e->kind) {
    case EVENT_OP:
        on_op(s, &s->plan->ops[e->a], e->a);
        break;
    case EVENT_FAULT_END:
        fault_end(s, &s->plan->ops[e->a]);
        break;
    case EVENT_PHASE:
        next_phase(s);
        break;
    case EVENT_CHECK_GONE:
        truth_check_bytes_gone(s);
        break;
    case EVENT_RETRY:
        client_send(s, &s->asks[e->a]);
        break;
    case EVENT_START:
        if (s->hosts[e->a] == NULL) {
            host_start(s, (uint32_t)e->a);
        }
        break;
    case EVENT_WIRE:
        net_arrive(s, (uint32_t)e->a, e->b);
        break;
    case EVENT_DIALLED:
        net_dialled(s, (uint32_t)e->a);
        break;
    default:
        on_host_event(s, h, e);
        break;
    }
}

/* A host that stands still, or is busy, sees it later. True: put off. */
static bool put_off(struct sim *s, struct host *h, struct event *e)
{
    uint64_t until_us = h->paused_until_us;
    if (h->busy_until_us > until_us) {
        until_us = h->busy_until_us;
    }
    if (until_us > s->now_us) {
        h->stalled_us = until_us;
        e->at_us = until_us;
        agenda_add(&s->agenda, *e);
        return true;
    }
    if (h->slow_until_us > s->now_us) {
        h->busy_until_us = s->now_us + h->slow_each_us;
        h->stalled_us = h->busy_until_us;
    }
    return false;
}

static void handle(struct sim *s, struct event *e)
{
    struct host *h = NULL;
    if (e->slot != NO_HOST) {
        h = host_at(s, e->slot);
        if (h == NULL || h->incarnation != e->incarnation) {
            if (e->kind == EVENT_WIRE || e->kind == EVENT_DIALLED) {
                on_event(s, NULL, e); /* bytes for the dead: the network answers */
            }
            return;
        }
        if (put_off(s, h, e)) {
            return;
        }
    }
    s->steps++;
    sim_trace(s, e->kind, e->a);
    on_event(s, h, e);
}

void sim_run_until(struct sim *s, uint64_t until_us)
{
    struct event e;
    while (!s->failed && s->phase != PHASE_OVER && agenda_next(&s->agenda, &e)) {
        if (e.at_us > until_us) {
            agenda_add(&s->agenda, e);
            break;
        }
        assert(e.at_us >= s->now_us);
        s->now_us = e.at_us;
        handle(s, &e);
    }
    if (!s->failed && s->phase != PHASE_OVER && until_us != UINT64_MAX) {
        s->now_us = until_us;
    }
}

/* --- the run --------------------------------------------------------------------------- */

void sim_init(struct sim *s, const struct plan *plan)
{
    *s = (struct sim){.plan = plan,
                      .options = plan->options,
                      .rng = {.state = plan->seed ^ 0x5eed},
                      .slot_count = plan->options.nodes};
    s->hosts = calloc(s->slot_count, sizeof(struct host *));
    s->dark = calloc(s->slot_count, sizeof *s->dark);
    assert(s->hosts != NULL && s->dark != NULL);
    net_init(s, s->slot_count);
    for (uint32_t i = 0; i < s->slot_count; i++) {
        sim_later(s, rng_below(&s->rng, START_US + s->slot_count * START_EACH_US), EVENT_START,
                  NULL, i);
    }
    for (size_t i = 0; i < plan->op_count; i++) {
        agenda_add(&s->agenda, (struct event){.at_us = START_US + plan->ops[i].at_us,
                                              .kind = EVENT_OP,
                                              .slot = NO_HOST,
                                              .a = i});
    }
}

void sim_run(struct sim *s)
{
    uint64_t at_us = START_US + s->options.duration_ms * 1000ull;
    sim_later(s, at_us > s->now_us ? at_us - s->now_us : 0, EVENT_PHASE, NULL, 0);
    sim_run_until(s, UINT64_MAX);
}

void sim_fini(struct sim *s)
{
    for (uint32_t i = 0; i < s->slot_count; i++) {
        if (s->hosts[i] != NULL) {
            host_free(s->hosts[i]);
        }
    }
    for (uint32_t i = 0; i < s->record_count; i++) {
        free(s->records[i].tap);
    }
    for (uint32_t i = 0; i < s->ask_count; i++) {
        result_drop(&s->asks[i].result);
    }
    net_fini(s);
    agenda_fini(&s->agenda);
    free(s->records);
    free(s->record_of_inv);
    free(s->asks);
    free(s->died);
    free(s->dark);
    free(s->hosts);
}
