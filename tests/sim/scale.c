#include "scale.h"

#include "host.h"

#include "cluster/links.h"

#include <inttypes.h>
#include <string.h>

#define FORM_LIMIT_US 60000000u /* all nodes must know each other by then */
#define FORM_STEP_US  500000u
#define IDLE_US       1000000u
#define EVENTS        200u
#define EVENTS_US     1000000u
#define DRAIN_US      1000000u /* what is under way arrives */
#define BODY_SIZE     1024u

/* Kinds whose number depends on time, not on what is stored. */
static bool is_upkeep(enum msg_kind kind)
{
    return kind < MSG_ACCEPT || kind == MSG_DIGEST;
}

struct totals {
    struct traffic by_kind[MSG_KIND_END];
};

static void take(struct totals *t, const struct sim *s)
{
    memcpy(t->by_kind, s->traffic, sizeof t->by_kind);
}

static struct traffic sum_of(const struct totals *from, const struct totals *to, bool upkeep)
{
    struct traffic sum = {0};
    for (int k = 0; k < MSG_KIND_END; k++) {
        if (is_upkeep((enum msg_kind)k) == upkeep) {
            sum.messages += to->by_kind[k].messages - from->by_kind[k].messages;
            sum.bytes += to->by_kind[k].bytes - from->by_kind[k].bytes;
        }
    }
    return sum;
}

static bool is_formed(const struct sim *s)
{
    for (uint32_t i = 0; i < s->slot_count; i++) {
        const struct host *h = s->hosts[i];
        if (h == NULL || cluster_sizes(h->cluster).links < 2u * (s->slot_count - 1)) {
            return false;
        }
    }
    return true;
}

static void make_plan(struct plan *p, uint32_t nodes, uint64_t seed)
{
    plan_init(p, seed);
    p->options.nodes = nodes;
    p->options.skew = 0;
    p->options.codec = 1; /* exact sizes */
    p->options.duration_ms = 600000;
}

static void do_events(struct sim *s)
{
    for (uint32_t i = 0; i < EVENTS; i++) {
        uint32_t home = (uint32_t)rng_below(&s->rng, s->slot_count);
        uint32_t other = (uint32_t)rng_below(&s->rng, s->slot_count);
        struct plan_op post = {.op = PLAN_POST, .arg = {i, home, BODY_SIZE, 1, 0, 30000, 0}};
        struct plan_op get = {.op = PLAN_COLLECT, .arg = {i, other, 3000, 0, 0, 0, 0}};
        client_begin(s, &post);
        client_begin(s, &get);
        sim_run_until(s, s->now_us + EVENTS_US / EVENTS);
    }
    sim_run_until(s, s->now_us + DRAIN_US);
}

static void print_study(uint32_t nodes)
{
    static const struct {
        uint32_t nodes;
        const char *mesh, *gossip, *header;
    } rows[] = {
        {3, "2, 0.4 ms", "12, 98 ms", "0.43"},
        {10, "9, 0.7 ms", "80, 300 ms", "0.58"},
        {50, "49, 1.0 ms", "400, 579 ms", "0.63"},
        {200, "199, 1.4 ms", "2400, 776 ms", "0.64"},
        {1000, "999, 1.9 ms", "16000, 1002 ms", "0.64"},
    };
    printf("study 4.1, transmissions an event and last node; 4.2, headers at 10,000/s:\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        printf("  N=%-5u mesh %-13s memberlist %-16s headers %s MB/s a node%s\n", rows[i].nodes,
               rows[i].mesh, rows[i].gossip, rows[i].header,
               rows[i].nodes == nodes ? "   <- this size" : "");
    }
}

static void print_kinds(const struct totals *from, const struct totals *to)
{
    for (int k = 0; k < MSG_KIND_END; k++) {
        uint64_t messages = to->by_kind[k].messages - from->by_kind[k].messages;
        uint64_t bytes = to->by_kind[k].bytes - from->by_kind[k].bytes;
        if (messages > 0 && !is_upkeep((enum msg_kind)k)) {
            printf("  %-12s %10.2f messages %12.1f bytes an event\n",
                   msg_kind_text((enum msg_kind)k), (double)messages / EVENTS,
                   (double)bytes / EVENTS);
        }
    }
}

static bool print_events(const struct sim *s, const struct totals *from,
                         const struct totals *to)
{
    uint32_t collected = 0;
    double last_ms = 0, wait_ms = 0;
    for (uint32_t i = 0; i < s->record_count; i++) {
        const struct record *r = &s->records[i];
        collected += r->delivered_count == 1;
        last_ms += (double)(r->heard_us - r->done_us) / 1000.0;
        wait_ms += r->served_us > r->done_us ? (double)(r->served_us - r->done_us) / 1000.0 : 0;
    }
    struct traffic all = sum_of(from, to, false);
    printf("%u callbacks of %u bytes, %u collected at a random node\n", EVENTS, BODY_SIZE,
           collected);
    printf("  %.1f messages, %.0f bytes an event in all; %.3f messages, %.1f bytes a node\n",
           (double)all.messages / EVENTS, (double)all.bytes / EVENTS,
           (double)all.messages / EVENTS / s->slot_count,
           (double)all.bytes / EVENTS / s->slot_count);
    printf("  the last node heard of it %.2f ms after its completion, a waiting "
           "client was served after %.2f ms (mean)\n",
           last_ms / EVENTS, wait_ms / EVENTS);
    printf("  at 10,000 events/s over the cluster: %.2f MB/s sent by each node\n",
           (double)all.bytes / EVENTS * 10000 / s->slot_count / 1e6);
    print_kinds(from, to);
    return collected == EVENTS;
}

bool scale_run(uint32_t nodes, uint64_t seed)
{
    static struct sim s;
    struct plan plan;
    struct totals zero = {0}, formed, idle, done;
    make_plan(&plan, nodes, seed);
    sim_init(&s, &plan);
    while (!s.failed && !is_formed(&s) && s.now_us < FORM_LIMIT_US) {
        sim_run_until(&s, s.now_us + FORM_STEP_US);
    }
    take(&formed, &s);
    struct traffic join = sum_of(&zero, &formed, true);
    printf("%u nodes: %s after %.1f s; %.0f messages, %.0f bytes a node so far\n", nodes,
           is_formed(&s) ? "full mesh" : "NOT FORMED", (double)s.now_us / 1e6,
           (double)join.messages / nodes, (double)join.bytes / nodes);
    sim_run_until(&s, s.now_us + IDLE_US);
    take(&formed, &s);
    sim_run_until(&s, s.now_us + IDLE_US);
    take(&idle, &s);
    struct traffic rest = sum_of(&formed, &idle, true);
    double per_s = 1e6 / IDLE_US / nodes;
    printf("idle: %.0f messages/s, %.0f bytes/s sent by each node\n",
           (double)rest.messages * per_s, (double)rest.bytes * per_s);
    do_events(&s);
    take(&done, &s);
    bool ok = is_formed(&s) && print_events(&s, &idle, &done) && !s.failed;
    print_study(nodes);
    printf("%s %s %s\n", ok ? "ok" : "FAILED", s.rule, s.why);
    sim_fini(&s);
    plan_fini(&plan);
    return ok;
}
