/* What goes wrong, and its end. */
#include "host.h"
#include "wire.h"

static void begin_cut(struct sim *s, const struct plan_op *op, int change)
{
    for (uint32_t i = 0; i < s->slot_count; i++) {
        for (uint32_t j = 0; j < s->slot_count; j++) {
            bool apart = op->op == PLAN_SPLIT
                             ? ((op->arg[0] >> i) & 1) != ((op->arg[0] >> j) & 1)
                             : i == op->arg[0] && j == op->arg[1];
            if (apart && i != j) {
                struct net_cell *cell = net_cell(&s->net, i, j);
                cell->cuts = (uint16_t)(cell->cuts + change);
            }
        }
    }
}

static void begin_clog(struct sim *s, const struct plan_op *op, int change)
{
    if (op->arg[0] < s->slot_count && op->arg[1] < s->slot_count && op->arg[2] < LANES) {
        struct net_cell *cell = net_cell(&s->net, op->arg[0], op->arg[1]);
        cell->clogs[op->arg[2]] = (uint16_t)(cell->clogs[op->arg[2]] + change);
    }
}

static void each_conn(struct sim *s, const struct plan_op *op)
{
    for (uint32_t i = 0; i < s->net.conn_count; i++) {
        struct net_conn *c = &s->net.conns[i];
        for (int end = 0; end < 2 && c->used; end++) {
            bool ours = c->end[end].slot == op->arg[0] && c->end[1 - end].slot == op->arg[1];
            if (!ours || !c->end[0].open || !c->end[1].open) {
                continue;
            }
            if (op->op == PLAN_RESET && c->lane == op->arg[2]) {
                net_reset(s, c);
                break;
            }
            if (op->op == PLAN_HALF) {
                net_lose(s, c, 1 - end);
            } else if (op->op == PLAN_RENEW) {
                wire_renew(s, &c->end[end]);
            }
        }
    }
}

static void begin_pause(struct sim *s, struct host *h, const struct plan_op *op)
{
    uint64_t until_us = s->now_us + op->arg[1] * 1000ull;
    if (op->op == PLAN_PAUSE) {
        if (until_us > h->paused_until_us) {
            h->paused_until_us = until_us;
        }
    } else {
        h->slow_until_us = until_us;
        h->slow_each_us = op->arg[2];
    }
}

static void note_loss(struct sim *s, bool is_one)
{
    s->history.losses += is_one;
    s->history.lossy_us = is_one ? s->now_us : s->history.lossy_us;
}

/* Another runs, and none leaves at the same time. */
static bool has_heir(const struct sim *s, const struct host *h)
{
    uint32_t others = 0;
    for (uint32_t i = 0; i < s->slot_count; i++) {
        const struct host *other = s->hosts[i];
        if (other != NULL && other->draining && other != h) {
            return false;
        }
        others += other != NULL && other != h;
    }
    return others > 0;
}

static void on_host(struct sim *s, const struct plan_op *op)
{
    struct host *h = host_at(s, op->arg[0]);
    if (op->op == PLAN_RESTART) {
        if (h == NULL && op->arg[0] < s->slot_count) {
            host_start(s, op->arg[0]);
        }
        return;
    }
    if (h == NULL) {
        return;
    }
    switch (op->op) {
    case PLAN_CRASH:
        host_crash(s, h, op->arg[1] != 0);
        break;
    case PLAN_DRAIN:
        s->history.deaths++;
        note_loss(s, !has_heir(s, h));
        host_drain(h);
        break;
    case PLAN_MEMORY:
        h->budget.limit = h->budget.used + op->arg[1] * 1024ull;
        break;
    default:
        begin_pause(s, h, op);
        break;
    }
}

static uint32_t duration_ms(const struct plan_op *op)
{
    switch (op->op) {
    case PLAN_PAUSE:
    case PLAN_SLOW:
    case PLAN_SPLIT:
    case PLAN_DELAY:
        return op->arg[1];
    case PLAN_CUT:
    case PLAN_MEMORY:
        return op->arg[2];
    case PLAN_CLOG:
        return op->arg[3];
    default:
        return 0;
    }
}

static void apply(struct sim *s, const struct plan_op *op, int change)
{
    switch (op->op) {
    case PLAN_CUT:
    case PLAN_SPLIT:
        begin_cut(s, op, change);
        break;
    case PLAN_CLOG:
        begin_clog(s, op, change);
        break;
    case PLAN_HALF:
    case PLAN_RESET:
    case PLAN_RENEW:
        each_conn(s, op);
        break;
    case PLAN_DELAY:
        s->net.delay_us = op->arg[0];
        break;
    default:
        on_host(s, op);
        break;
    }
}

void fault_begin(struct sim *s, const struct plan_op *op, size_t number)
{
    sim_trouble(s);
    bool plain = op->op == PLAN_CRASH || op->op == PLAN_RESTART || op->op == PLAN_DRAIN ||
                 op->op == PLAN_MEMORY;
    s->history.disturbed = s->history.disturbed || !plain;
    note_loss(s, op->op == PLAN_MEMORY);
    apply(s, op, 1);
    if (duration_ms(op) > 0) {
        s->history.faults_active++;
        sim_later(s, duration_ms(op) * 1000ull, EVENT_FAULT_END, NULL, number);
    }
}

void fault_end(struct sim *s, const struct plan_op *op)
{
    sim_trouble(s);
    s->history.faults_active--;
    struct host *h = host_at(s, op->arg[0]);
    switch (op->op) {
    case PLAN_CUT:
    case PLAN_SPLIT:
    case PLAN_CLOG:
        apply(s, op, -1);
        net_wake(s);
        break;
    case PLAN_DELAY:
        s->net.delay_us = s->options.delay_us;
        break;
    case PLAN_MEMORY:
        if (h != NULL) {
            h->budget.limit = h->memory_limit;
        }
        break;
    default:
        break; /* a pause ends by itself */
    }
}

/* Each fault ends by itself, when its time is over; here the missing nodes come back. */
void fault_heal_all(struct sim *s)
{
    sim_note(s, "everything heals");
    sim_trouble(s);
    for (uint32_t i = 0; i < s->slot_count; i++) {
        if (s->hosts[i] == NULL) {
            host_start(s, i);
        }
    }
}
