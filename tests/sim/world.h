/* One run: a cluster of cores on a virtual network with a virtual clock, its clients, and
 * what goes wrong. A run is a pure function of its plan.
 *
 *   sim_init -> sim_run -> sim_fini
 *
 * Phases: SAFETY executes the plan, faults and all; then everything heals and missing nodes
 * come back; LIVENESS asks fresh clients to collect, who must now succeed; QUIET waits until
 * nothing may be left in any table. Every broken rule ends the run at once, see sim_fail().
 *
 * Times: `now_us` is the virtual time since the run began; each host has its own clock.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "agenda.h"
#include "client.h"
#include "marks.h"
#include "net.h"
#include "plan.h"
#include "truth.h"

#include "base/rng.h"
#include "proto/msg.h"

enum phase { PHASE_SAFETY, PHASE_SETTLE, PHASE_LIVENESS, PHASE_QUIET, PHASE_OVER };

/* What has happened so far that excuses something. */
struct history {
    uint64_t trouble_us; /* when the last trouble of any kind was in force */
    uint32_t deaths;     /* crashes, drains */
    uint32_t losses; /* of them, those that may lose something: all but a drain with an heir */
    uint64_t lossy_us;      /* when the last of these was */
    bool disturbed;         /* anything that can make a live node look dead */
    bool split_views;       /* a live node was suspected, or called dead */
    uint32_t faults_active; /* with a duration, now */
};

struct traffic {
    uint64_t messages, bytes;
};

struct sim {
    const struct plan *plan;
    struct plan_options options;
    struct rng rng;
    uint64_t now_us;
    enum phase phase;
    uint32_t settles; /* how often rest was waited for */
    struct agenda agenda;
    struct net net;

    uint32_t slot_count;
    struct host **hosts;   /* by slot; NULL: not running */
    uint32_t incarnations; /* given out so far, 1 is the first */
    bool *died;            /* by incarnation: it is no more */
    bool *dark;            /* by slot: when nothing runs there, nobody refuses either */

    struct record *records;
    uint32_t record_count, record_room;
    uint32_t first_record;   /* all before it are long over */
    uint32_t *record_of_inv; /* by number in the plan */
    uint32_t inv_room;
    struct ask *asks;
    uint32_t ask_count, ask_room;
    uint32_t first_ask; /* all before it are done */

    struct traffic traffic[MSG_KIND_END]; /* sent, by kind */
    struct history history;
    struct marks marks;
    uint64_t hash;  /* of everything that happened, for the determinism check */
    uint64_t steps; /* events handled */
    FILE *verbose;  /* NULL: silent */

    bool failed;
    char rule[16]; /* the invariant that broke: "S1" ... */
    char why[400];
};

/* The plan is borrowed. */
void sim_init(struct sim *s, const struct plan *plan);
void sim_fini(struct sim *s);

/* To the end of the last phase, or to the first broken rule. */
void sim_run(struct sim *s);

/* For screenplays: without phases, until `until_us` or a broken rule. */
void sim_run_until(struct sim *s, uint64_t until_us);

/* The first broken rule is kept, later ones are ignored. */
void sim_fail(struct sim *s, const char *rule, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* One line of the story, with the time; printed with -v. */
void sim_note(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Something happened that decides the rest: it is part of the hash. */
void sim_trace(struct sim *s, uint64_t a, uint64_t b);

/* In `delay_us` from now, to the host `h` (NULL: to nobody in particular). */
void sim_later(struct sim *s, uint64_t delay_us, enum event_kind kind, const struct host *h,
               uint64_t a);

/* Nothing has gone wrong for `span_ms`, and nothing is going wrong. */
bool sim_is_calm(const struct sim *s, uint32_t span_ms);
void sim_trouble(struct sim *s);

/* --- faults.c ------------------------------------------------------------------------------
 */

void fault_begin(struct sim *s, const struct plan_op *op, size_t number);
void fault_end(struct sim *s, const struct plan_op *op);

/* Starts every missing node. */
void fault_heal_all(struct sim *s);

/* --- final.c: what must be true at the end --------------------------------------------------
 */

void final_begin_liveness(struct sim *s);

/* The answer to a question that must succeed. L2. */
void final_note_answer(struct sim *s, const struct ask *a, const struct cluster_effect *fx);
void final_check_liveness(struct sim *s);
void final_check_quiet(struct sim *s);

/* The longest that anything may still be remembered from now on. */
uint64_t final_quiet_span_us(const struct sim *s);

#endif
