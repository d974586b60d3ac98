/* cluster -- the replicated one-shot callback store. Sans-I/O (STYLE.md 3).
 *
 * It keeps invocations and their callbacks, decides which client collects, tells the other
 * nodes, notices which of them live, and forgets in time. It knows nothing of HTTP, of
 * functions beyond their names, of how work is queued or run: that is node/core. It opens no
 * socket, reads no clock, draws no randomness of its own: what happened enters through the
 * calls below, with the time; what must happen leaves as effects, taken one by one with
 * cluster_next_effect() after each call. Same calls, same seed: same effects. A single node
 * is a cluster of one: there is no other code path.
 *
 * Memory. struct invocation belongs to the cluster; the core may keep a pointer until the
 * effect that ends it (REFUSED, COLLECTED, EXPIRED, CANCELED, DROPPED) has been taken, and may
 * still ask it questions then, until the next call into the cluster.
 * Requests and results are counted references. Everything is charged to `budget`.
 *
 * Times: `now_ms` is monotonic; every call takes it, and it never goes back.
 * A ticket is the core's own number for one waiting client; the cluster only gives it back.
 */
#ifndef CLUSTER_CLUSTER_H
#define CLUSTER_CLUSTER_H

#include "base/budget.h"
#include "base/err.h"
#include "proto/guid.h"
#include "proto/request.h"
#include "proto/result.h"
#include "proto/states.h"

struct cluster;
struct invocation;  /* cluster/invocation.h */
struct link_effect; /* cluster/links.h */

struct cluster_config {
    struct guid node_id;           /* random for each process start (PROTOCOL.md 2) */
    struct bytes node_name;        /* copied, as all bytes here */
    struct bytes cluster_name;     /* a mismatch is refused */
    struct bytes zone;             /* may be empty */
    struct bytes advertise;        /* HOST:PORT for peers; empty: a single node for good */
    bool available;                /* cluster.claim: available */
    uint8_t accept_acks;           /* 0, 1, 2 */
    uint8_t expect;                /* cluster.expect: members before ready; 0: none */
    bool payload_all;              /* cluster.payload: all */
    uint32_t payload_inline_max;   /* bytes; 4096 */
    uint32_t payload_inline_nodes; /* 16 */
    uint32_t retention_ms;         /* status.retention_ms */
    uint32_t redelivery_ms;        /* callback.redelivery_ms */
    uint64_t seed;                 /* for jitter and hash keys; drawn by the caller */
    struct budget *budget;         /* limits.store_bytes */
};

/* NULL: out of memory. */
struct cluster *cluster_new(const struct cluster_config *config, uint64_t now_ms);
void cluster_free(struct cluster **c);

/* The 24 bits for guid_make(): of this node's id, so that every node can tell whom to ask. */
uint32_t cluster_home_tag(const struct cluster *c);

/* When cluster_tick() is next due; UINT64_MAX: never. Ask again after every call. */
uint64_t cluster_deadline_ms(const struct cluster *c);

/* Time passed. Bounded work a call: if more is due, the deadline is `now_ms` again. */
void cluster_tick(struct cluster *c, uint64_t now_ms);

/* The links are about to be written to: what waits a moment for company (who was taken, what
 * has ended) goes along. Nothing depends on this call; it saves a write and its wake-ups. */
void cluster_flush(struct cluster *c, uint64_t now_ms);

/* --- accepting and running, at the home ------------------------------------------------ */

struct cluster_accept {
    struct guid guid;
    struct bytes function;   /* copied (interned) */
    struct bytes tenant;     /* likewise; whose it is. Empty: no tenant's */
    struct request *request; /* the cluster takes a reference of its own */
    uint32_t ttl_ms;         /* of the callback, once ready */
    uint32_t run_limit_ms;   /* queueing and running together; 0: no limit */
    uint8_t on_node_loss;    /* enum on_node_loss */
    uint8_t max_attempts;
    struct bytes client_id;    /* copied; empty: none. Registered before (cluster_register) */
    uint8_t client_id_space;   /* enum id_space */
    struct bytes callback_url; /* copied; empty: none */
    bool drop_result;          /* nobody will collect: ends as COLLECTED on completion */
    void *work;                /* the core's own pointer, kept in inv->work */
};

/* Creates the invocation, here, as its home, in state QUEUED. Ends in CLUSTER_ACCEPTED, or in
 * CLUSTER_REFUSED (copies not confirmed), for `*out`; at once when no copies are wanted.
 * ERR_FULL, ERR_NOMEM: refuse with 503; *out is NULL. ERR_INUSE: the GUID exists. */
int cluster_accept(struct cluster *c, uint64_t now_ms, const struct cluster_accept *a,
                   struct invocation **out);

/* The function begins to run here, as attempt inv->attempt + 1. */
void cluster_started(struct cluster *c, uint64_t now_ms, struct invocation *inv);

/* It waits in the queue again (a retry of the core's own). */
void cluster_requeued(struct cluster *c, uint64_t now_ms, struct invocation *inv);

/* The function has ended: the callback exists, its TTL begins. Takes the references in
 * `result`. The request is dropped everywhere. CLUSTER_READY follows. */
void cluster_complete(struct cluster *c, uint64_t now_ms, struct invocation *inv,
                      struct result *result);

/* For statuses asked anywhere. */
void cluster_set_webhook(struct cluster *c, struct invocation *inv, enum webhook_state state);

/* --- collecting, at any node ----------------------------------------------------------- */

struct cluster_collect {
    uint64_t ticket;
    struct guid guid;
    uint32_t wait_ms;
    struct bytes token;    /* Claim-Token; empty: none */
    struct bytes function; /* not empty: another function's invocation is unknown */
    struct bytes tenant;   /* who asks: another's invocation is unknown, in every way */
    bool peek;             /* HEAD: tells, never takes; COLLECT_PEEKED instead of _SERVE */
    /* An attempt to deliver it. As by one token that no client has: when the node dies in the
     * midst of it, another may try again. Given back when it has failed. */
    bool is_webhook;
};

/* One claim. Ends in exactly one CLUSTER_COLLECT_* for the ticket, at the latest wait_ms + 1 s
 * from now. A webhook delivery collects in the same way: the one-shot rule has no side door. */
void cluster_collect(struct cluster *c, uint64_t now_ms, const struct cluster_collect *in);

/* After CLUSTER_COLLECT_SERVE: how the writing went. `complete`: the last byte was handed to
 * the system, so it is taken for good. Otherwise it is collectable again. */
void cluster_sent(struct cluster *c, uint64_t now_ms, uint64_t ticket, bool complete);

/* The client left before an answer: its claim, status question, registration ... is over and
 * nothing more comes for the ticket. Unknown tickets are ignored. */
void cluster_leave(struct cluster *c, uint64_t now_ms, uint64_t ticket);

/* DELETE with a claim token: ends in CLUSTER_RELEASED, or COLLECT_GONE/UNKNOWN/NO_QUORUM. Of
 * `in` ticket, guid, token and tenant count. */
void cluster_release(struct cluster *c, uint64_t now_ms, const struct cluster_collect *in);

/* --- asking and canceling, at any node -------------------------------------------------- */

/* To `tenant` (empty: to who has none) what belongs to another does not exist. */

/* Ends in CLUSTER_STATUS for the ticket, within 1 s. Answered from here when this node is the
 * home or knows the end; else the home (by the GUID's tag) or an arbiter is asked. At the
 * home CLUSTER_ASK_PROGRESS comes first while it is queued or running. */
void cluster_status(struct cluster *c, uint64_t now_ms, uint64_t ticket,
                    const struct guid *guid, struct bytes tenant);

/* Ends in one CLUSTER_CANCEL_* for the ticket. A ready callback is canceled under the one-shot
 * rule: it may just be served, then the answer waits for that. */
void cluster_cancel(struct cluster *c, uint64_t now_ms, uint64_t ticket,
                    const struct guid *guid, struct bytes tenant);

/* --- names that clients choose (PROTOCOL.md 3) ------------------------------------------- */

/* Each tenant has names of its own; the same word of two is two names. */
struct cluster_name {
    uint8_t space;       /* enum id_space */
    struct bytes tenant; /* empty: none */
    struct bytes key;    /* the function's name is part of it where it is the scope */
};

struct cluster_register {
    uint64_t ticket;
    struct cluster_name name; /* borrowed for the call */
    struct guid guid;         /* whose name it shall be */
    uint64_t fingerprint;     /* of the request, for Idempotency-Key; else 0 */
    uint32_t keep_ms;         /* at least so long, when the home cannot tell */
};

/* Ends in CLUSTER_REGISTERED (`found`: the name was there before; `guid` and `fingerprint` are
 * its owner's) or CLUSTER_REGISTER_FAILED (the registrar cannot be reached: 503). Kept as
 * long as the invocation is known. */
void cluster_register(struct cluster *c, uint64_t now_ms, const struct cluster_register *in);

/* The invocation was refused after all: the name is free again. */
void cluster_unregister(struct cluster *c, uint64_t now_ms, const struct cluster_name *name,
                        const struct guid *guid);

/* Ends in CLUSTER_RESOLVED: `guid` has that name, or `found` is false. */
void cluster_resolve(struct cluster *c, uint64_t now_ms, uint64_t ticket,
                     const struct cluster_name *name);

/* Bytes that this node holds for a tenant: entries, requests and callbacks, its copies of those
 * of other nodes included. Empty: 0, as for who is not known. */
uint64_t cluster_tenant_bytes(const struct cluster *c, struct bytes tenant);

/* --- what the core answers about its own invocations ------------------------------------- */

struct cluster_progress {
    uint32_t queue_position; /* 1 = next; 0: not queued */
    uint32_t estimate_ms;    /* until completion; 0: not known */
};

/* The answer to CLUSTER_ASK_PROGRESS, with the effect's `ticket`. */
void cluster_answer_progress(struct cluster *c, uint64_t now_ms, uint64_t ticket,
                             const struct cluster_progress *p);

/* Asks every live node for its report on `topic`. CLUSTER_REPORT for each that answers, then
 * CLUSTER_SURVEY_DONE, within 500 ms; this node is not among them. */
void cluster_survey(struct cluster *c, uint64_t now_ms, uint64_t ticket, uint8_t topic);

/* The answer to CLUSTER_ASK_REPORT, with the effect's `ticket`. Copied; cut at 60 KiB. */
void cluster_report(struct cluster *c, uint64_t now_ms, uint64_t ticket, struct bytes text);

/* Of one function, what this node answers for: accepted here (CLUSTER_ACCEPTED) or adopted, and
 * not ended. What the effects tell must add up to it: accepted + adopted = collected + expired
 * + canceled + dropped + here. */
struct cluster_here {
    uint32_t pending, ready;
    uint64_t ready_bytes; /* of the callbacks that lie at this node */
};

struct cluster_here cluster_here(const struct cluster *c, struct bytes function);

/* --- effects ----------------------------------------------------------------------------- */

#define CLUSTER_EFFECTS(X)                                                                     \
    /* At the home, or at who took over. `inv`; `view` in the ones that end it. */             \
    X(ACCEPTED)  /* copies confirmed: answer 202, queue it */                                  \
    X(REFUSED)   /* not confirmed: answer 503 not-replicated; ends it */                       \
    X(ADOPTED)   /* an orphan of another home that this node answers for from now on. Then */  \
                 /* READY, when it is, and its end; or: */                                     \
    X(EXECUTE)   /* a takeover: run it here; inv->work is NULL */                              \
    X(STOP)      /* end the work on it: canceled, over its run limit, or done elsewhere */     \
    X(READY)     /* the callback exists, from here or from another executor */                 \
    X(COLLECTED) /* ends it; counted once in the whole cluster: here. Likewise: */             \
    X(EXPIRED)                                                                                 \
    X(CANCELED)                                                                                \
    X(DROPPED)      /* ends it here; counted elsewhere */                                      \
    X(ASK_PROGRESS) /* `inv`, `ticket`: call cluster_answer_progress() */                      \
    X(ASK_REPORT)   /* another node's survey: `ticket`, `fingerprint` is the topic */          \
    /* For a ticket. */                                                                        \
    X(COLLECT_SERVE)   /* `result`, own references: write it, then cluster_sent(); `view` */   \
    X(COLLECT_PEEKED)  /* `result`: borrowed; `view` */                                        \
    X(COLLECT_PENDING) /* the wait is over; `view` when known */                               \
    X(COLLECT_GONE)    /* `view` */                                                            \
    X(COLLECT_UNKNOWN)                                                                         \
    X(COLLECT_NO_QUORUM)                                                                       \
    X(RELEASED)                                                                                \
    X(STATUS)          /* `view` */                                                            \
    X(CANCEL_DONE)     /* `view` */                                                            \
    X(CANCEL_CONFLICT) /* it had ended; `view` */                                              \
    X(CANCEL_UNKNOWN)                                                                          \
    X(CANCEL_NO_QUORUM)                                                                        \
    X(REGISTERED)                                                                              \
    X(REGISTER_FAILED)                                                                         \
    X(RESOLVED)                                                                                \
    X(REPORT)      /* of a survey: `view.node`, `text` */                                      \
    X(SURVEY_DONE) /* all have answered, or had time to */                                     \
    /* For the links and for people: `link`. */                                                \
    X(DIAL)                                                                                    \
    X(SEND)                                                                                    \
    X(CLOSE)                                                                                   \
    X(MEMBER)                                                                                  \
    X(DRAINED) /* cluster_drain() is done: the process may exit */

enum cluster_effect_kind {
#define CLUSTER_EFFECT_ENUM(NAME) CLUSTER_##NAME,
    CLUSTER_EFFECTS(CLUSTER_EFFECT_ENUM)
#undef CLUSTER_EFFECT_ENUM
        CLUSTER_EFFECT_COUNT
};

/* What is told of an invocation that may live elsewhere. Points in time are monotonic
 * milliseconds of this node; 0: not known. */
struct invocation_view {
    bool known;
    bool unsure; /* not known, but who could know cannot be asked now: 503, not 404 */
    struct guid guid;
    struct bytes function, node, client_id; /* borrowed until the next call */
    struct bytes tenant;                    /* borrowed from the cluster, for good */
    enum invocation_state state;
    uint16_t result_status; /* 0: no callback yet */
    uint32_t bytes;         /* of the callback, headers and body; also after it is freed */
    uint32_t attempt;       /* 0: never started */
    uint64_t created_at_ms, started_at_ms, completed_at_ms, ended_at_ms, expires_at_ms;
    struct cluster_progress progress;
    enum webhook_state webhook;
};

struct cluster_effect {
    enum cluster_effect_kind kind;
    uint64_t ticket;
    struct invocation *inv;
    struct result result;
    struct invocation_view view;
    struct guid guid;     /* REGISTERED, RESOLVED */
    uint64_t fingerprint; /* REGISTERED */
    bool found;           /* REGISTERED, RESOLVED; COLLECT_PEEKED: headers and body are here */
    struct bytes text;    /* REPORT */
    struct link_effect *link;
};

/* False: none left. Borrowed fields live until the next call of any kind. */
bool cluster_next_effect(struct cluster *c, struct cluster_effect *out);

/* --- the end ------------------------------------------------------------------------------ */

/* Refuses new work, hands over what is queued (STOP follows for it; EXECUTE if nobody takes it)
 * and the votes of this node. Clients are served as before. */
void cluster_drain(struct cluster *c, uint64_t now_ms);

/* After cluster_drain(): no work is left here, and clients are not to be served any longer. Who
 * waits for a callback is answered COLLECT_NO_QUORUM. Ends in CLUSTER_DRAINED. */
void cluster_finish(struct cluster *c, uint64_t now_ms);

/* Joined (or the grace is over) and not draining. Else `*why` is a static text. */
bool cluster_is_ready(const struct cluster *c, const char **why);

#endif
