/* Delta debugging (Zeller, Hildebrandt 2002) on the list of operations: leave a run of them
 * out, keep the cut if the same rule still breaks; first large runs, then single ones. */
#include "shrink.h"

#include "run.h"

#include <string.h>

#define ATTEMPTS_MAX_SHRINK 2000u

struct shrinking {
    struct plan *best;
    char rule[16];
    uint32_t attempts;
    FILE *log;
};

static bool still_fails(struct shrinking *k, const struct plan *p)
{
    struct outcome out;
    k->attempts++;
    run_plan_apart(&out, p);
    return out.failed && strcmp(out.rule, k->rule) == 0;
}

static void keep(struct shrinking *k, struct plan *p)
{
    plan_fini(k->best);
    *k->best = *p;
    fprintf(k->log, "# %zu operations\n", k->best->op_count);
}

static bool try_without(struct shrinking *k, size_t from, size_t count)
{
    struct plan p;
    plan_copy(&p, k->best);
    memmove(p.ops + from, p.ops + from + count, (p.op_count - from - count) * sizeof *p.ops);
    p.op_count -= count;
    if (still_fails(k, &p)) {
        keep(k, &p);
        return true;
    }
    plan_fini(&p);
    return false;
}

static bool cut_runs(struct shrinking *k, size_t count)
{
    bool any = false;
    size_t from = 0;
    while (from + count <= k->best->op_count && k->attempts < ATTEMPTS_MAX_SHRINK) {
        if (try_without(k, from, count)) {
            any = true;
        } else {
            from += count;
        }
    }
    return any;
}

static bool try_options(struct shrinking *k, struct plan_options o)
{
    struct plan p;
    plan_copy(&p, k->best);
    p.options = o;
    if (memcmp(&o, &k->best->options, sizeof o) != 0 && still_fails(k, &p)) {
        keep(k, &p);
        return true;
    }
    plan_fini(&p);
    return false;
}

static void simplify_options(struct shrinking *k)
{
    struct plan_options o = k->best->options;
    o.skew = 0;
    try_options(k, o);
    o = k->best->options;
    o.zones = 1;
    try_options(k, o);
    o = k->best->options;
    o.expect = 0;
    try_options(k, o);
    while (k->best->options.nodes > 1) {
        o = k->best->options;
        o.nodes--;
        if (!try_options(k, o)) {
            break;
        }
    }
}

bool shrink_plan(struct plan *p, FILE *log)
{
    struct outcome out;
    run_plan_apart(&out, p);
    if (!out.failed) {
        return false;
    }
    struct shrinking k = {.best = p, .log = log};
    memcpy(k.rule, out.rule, sizeof k.rule);
    fprintf(log, "# %s: %s\n", out.rule, out.why);
    size_t count = p->op_count / 2;
    while (count > 0 && k.attempts < ATTEMPTS_MAX_SHRINK) {
        bool any = cut_runs(&k, count);
        if (count > 1 || !any) {
            count /= 2;
        }
    }
    simplify_options(&k);
    return true;
}
