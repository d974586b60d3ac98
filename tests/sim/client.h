/* Clients of the simulated cluster: each `ask` is one request of one client to one node. */
#ifndef TESTS_SIM_CLIENT_H
#define TESTS_SIM_CLIENT_H

#include "cluster/cluster.h"
#include "plan.h"

struct sim;
struct host;
struct record;

enum ask_kind {
    ASK_POST,
    ASK_COLLECT,
    ASK_WEBHOOK, /* the host itself collects, to deliver */
    ASK_PEEK,
    ASK_STATUS,
    ASK_CANCEL,
    ASK_RELEASE,
    ASK_RESOLVE,
};

enum ask_stage {
    ASK_WAITS,   /* for the 202 that tells the GUID */
    ASK_COMING,  /* on its way to the node */
    ASK_OPEN,    /* the node has it */
    ASK_SERVING, /* the answer is being written */
    ASK_DONE,
};

struct ask {
    enum ask_kind kind;
    enum ask_stage stage;
    uint32_t record;            /* NO_RECORD: of what never existed */
    uint32_t slot, incarnation; /* who was asked */
    struct guid guid;
    uint32_t wait_ms, token, cut, patience_ms, retries;
    uint32_t next_waiting; /* ask of the same record that waits for the 202 too */
    uint64_t asked_us, asked_local_ms;
    bool is_stranger;                /* of another tenant than its record */
    bool wrote;                      /* the last byte has left; the host may not know yet */
    bool must_succeed;               /* liveness: nothing is left that could excuse a refusal */
    struct result result;            /* while serving: own references */
    enum cluster_effect_kind answer; /* once done; CLUSTER_EFFECT_COUNT: it got none */
    enum invocation_state told;      /* to a question of the state */
};

/* Executes an operation of the plan that is not a fault. */
void client_begin(struct sim *s, const struct plan_op *op);

/* A new question; valid until the next one is made. It is not sent yet. */
struct ask *client_new(struct sim *s, enum ask_kind kind, uint32_t record, uint32_t slot);

/* Sends it to the node in its slot. A node that does not run refuses it at once. */
void client_send(struct sim *s, struct ask *a);

/* It has reached the node: the question is put to the core. */
void client_arrives(struct sim *s, uint32_t ask);

/* 202, or a refusal: those who waited for the GUID go on. */
void client_accepted(struct sim *s, struct record *r);
void client_refused(struct sim *s, struct record *r);

/* Timers of a client (answer.c). */
void client_wrote(struct sim *s, uint32_t ask);
void client_sent(struct sim *s, uint32_t ask);
void client_goodbye(struct sim *s, uint32_t ask);
void client_late(struct sim *s, uint32_t ask);

/* An effect for a ticket has come (answer.c). */
void client_answer(struct sim *s, struct host *h, struct cluster_effect *fx);

/* The connection broke, or the answer says to try again: elsewhere, if it wants to. */
void client_retry(struct sim *s, struct ask *a);

/* The node is gone: its open connections broke. */
void client_node_died(struct sim *s, const struct host *h);

static inline uint64_t client_ticket(const struct ask *first, const struct ask *a)
{
    return (uint64_t)(a - first) + 1;
}

/* --- post.c: accepting ----------------------------------------------------------------- */

/* Draws a record with its GUID for a POST at `slot` and sends it. */
void post_begin(struct sim *s, const struct plan_op *op);

/* The same name again. */
void post_again(struct sim *s, const struct plan_op *op);

/* It has reached the node. */
void post_arrives(struct sim *s, struct host *h, struct ask *a);

/* The registrar has answered. */
void post_registered(struct sim *s, struct host *h, struct ask *a,
                     const struct cluster_effect *fx);

/* The node died before it answered; or it says no. */
void post_lost(struct sim *s, struct record *r);
void post_refuse(struct sim *s, struct host *h, struct record *r);

#define ATTEMPTS_MAX 2 /* max_attempts of every function here */

/* The name that the client of `r` chose; empty: none. `room` holds it. */
#define NAME_ROOM 32
struct cluster_name post_naming(const struct record *r, char room[NAME_ROOM]);

/* Whose the invocation is: one in three is no tenant's. */
struct bytes post_tenant(const struct record *r);

/* Somebody else. */
struct bytes post_other_tenant(const struct record *r);

#endif
