/* What really happened: one record for each POST of the plan, seen from outside the cluster.
 *
 * The hosts tell it what their functions produced and what their clients received; it compares
 * with the invariants of PROTOCOL.md and calls sim_fail() with the name of the broken one. It
 * never tells the cores anything.
 */
#ifndef TESTS_SIM_TRUTH_H
#define TESTS_SIM_TRUTH_H

#include "cluster/cluster.h"
#include "plan.h"

struct sim;
struct host;
struct ask;
struct tap;

#define NO_RECORD UINT32_MAX
#define NO_ASK    UINT32_MAX

#define RUNS_MAX    16 /* executions of one invocation that are remembered */
#define HOLDERS_MAX 8
#define COUNTS_MAX  12
#define KNOWERS_MAX 12

#define SMALL_BUDGET_KIB 2048u /* below, what finds no room is no surprise */

enum stage { STAGE_ASKED, STAGE_ACCEPTED, STAGE_REFUSED, STAGE_LOST };

/* One execution that came to its end, and what it produced. */
struct run_note {
    uint32_t incarnation, attempt;
    uint64_t done_us;
};

/* One ending that a host has counted: for the conservation law. */
struct count_note {
    uint32_t incarnation;
    enum invocation_state how;
};

struct record {
    struct guid guid;
    uint32_t inv;      /* its number in the plan; NO_RECORD: a repeated one */
    uint32_t name_inv; /* whose name it has */
    uint32_t home_slot, home_incarnation;
    uint32_t size, run_ms, flags, ttl_ms, run_limit_ms;
    enum stage stage;
    uint64_t asked_us, accepted_us;
    uint32_t first_waiting; /* ask; chained by ask.next_waiting */

    struct run_note runs[RUNS_MAX];
    uint32_t run_count;
    uint32_t started_count;          /* executions begun, anywhere */
    uint64_t first_done_us, done_us; /* the first and the last completion; 0: none */
    uint64_t heard_us;               /* the last node to hear of the callback did then */
    uint64_t ready_us;               /* a host said READY; 0: none did */

    uint64_t claimant; /* who was delivered completely; 0: nobody */
    uint32_t delivered_count;
    uint64_t served_us;            /* a core first said: serve it */
    uint64_t taken_us;             /* the first complete delivery */
    uint32_t taker;                /* incarnation that delivered it then */
    uint32_t knowers[KNOWERS_MAX]; /* incarnations that were told of the end */
    uint32_t knower_count;
    uint64_t canceled_us; /* a host has told a client so */
    bool cancel_asked, token_served, release_asked;
    uint32_t failed_serves;    /* begun, not finished */
    uint32_t deaths_at_accept; /* history.deaths then */
    uint32_t losses_at_accept;

    uint32_t holders[HOLDERS_MAX]; /* incarnations that confirmed a copy before the 202 */
    uint32_t holder_count;
    struct guid arbiters[HOLDERS_MAX]; /* A, as seen on the wire, the origin being the first, */
    uint32_t arbiter_count;
    uint64_t seq; /* and its number there */

    struct tap *tap; /* owned; NULL: no vote went over the wire */
    struct count_note counts[COUNTS_MAX];
    uint32_t count_count;
};

/* The marker at the front of every body that a simulated function produces. */
struct body_mark {
    struct guid guid;
    uint32_t incarnation, attempt;
    uint32_t size;
};

#define BODY_SIZE_MIN sizeof(struct body_mark)

/* The record that `guid` names; NULL: none. */
struct record *truth_find(struct sim *s, const struct guid *guid);
struct record *truth_of_inv(struct sim *s, uint32_t inv);
struct record *truth_add(struct sim *s, uint32_t inv);

/* A function produced its body at `h`. */
void truth_ran(struct sim *s, struct record *r, const struct host *h, uint32_t attempt);

/* A function begins, as `attempt`. */
void truth_check_start(struct sim *s, const struct record *r, uint32_t attempt);

/* A host says READY. */
void truth_ready(struct sim *s, struct record *r, const struct host *h,
                 const struct cluster_effect *fx);

/* A CREATE for it has reached a node. */
void truth_heard(struct sim *s, const struct guid *guid);

/* A registrar says that the name of `r` is new, or whose it is. */
void truth_check_new_name(struct sim *s, const struct record *r);
void truth_check_name(struct sim *s, const struct record *r, const struct guid *owner,
                      uint64_t fingerprint);

/* A core says: serve this. S2, S5, S6. */
void truth_check_serve(struct sim *s, struct record *r, const struct ask *a,
                       const struct result *result);

/* A node was told that it has ended, so that it tells others in its turn. */
void truth_end_heard(struct record *r, const struct host *h);

/* The last byte was handed to the system. S1. */
void truth_delivered(struct sim *s, struct record *r, struct ask *a);

/* A client was told that it has canceled. */
void truth_canceled(struct sim *s, struct record *r);

/* A host has counted an ending. */
void truth_counted(struct sim *s, struct record *r, const struct host *h,
                   enum invocation_state how);

/* The conservation law at one node: accepted + adopted = counted + dropped + here. */
void truth_check_balance(struct sim *s, const struct host *h);

/* --- what clients are told (truth_told.c) ---------------------------------------------------
 */

/* 410 of `r`: is it true? */
void truth_check_gone(struct sim *s, const struct record *r, const struct ask *a,
                      const struct host *h, const struct invocation_view *view);

/* A status. */
void truth_check_view(struct sim *s, const struct record *r, const struct host *h,
                      const struct invocation_view *view);

/* 404 of `r`: it must not exist any more, or be out of reach. */
void truth_check_unknown(struct sim *s, const struct record *r, const struct host *h);

/* Could that node hold its body? Else all it can answer is 503. */
bool truth_has_room(const struct host *h, const struct record *r);

/* 503 for want of arbiters. */
void truth_check_no_quorum(struct sim *s, const struct record *r, const struct ask *a);

/* `found` or not: the owner of the name of `r`. */
void truth_check_resolved(struct sim *s, const struct record *r,
                          const struct cluster_effect *fx);

/* M2: within a second the bytes of `r` must be gone everywhere; checks that, then. */
void truth_expect_gone(struct sim *s, const struct record *r);
void truth_check_bytes_gone(struct sim *s);

/* Forgets what no check needs any more, so that long runs stay quick. */
void truth_trim(struct sim *s);

/* When it ended, or will have at the latest; 0: not known yet. */
uint64_t truth_ended_us(const struct sim *s, const struct record *r);

/* Somebody has it, or has asked for it to be thrown away. */
bool truth_may_be_collected(const struct record *r);

/* Nodes may have left since `r` was accepted, but in order, and nothing else has gone wrong. */
bool truth_only_drained(const struct sim *s, const struct record *r);

/* The host that is member `node`, while it runs; else NULL. */
const struct host *truth_member(const struct sim *s, const struct guid *node);

/* `h` believes so of a member. V1: who is dead stays dead. */
void truth_check_member(struct sim *s, struct host *h, const struct guid *node, int state,
                        bool final);

/* True when the incarnation that accepted `r`, or a confirmed holder of a copy, never died. */
bool truth_has_holder(const struct sim *s, const struct record *r);

#endif
