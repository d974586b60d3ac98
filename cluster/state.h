/* The inside of struct cluster: what its files share, and nobody else includes.
 *
 * Who writes what. store.c alone creates and ends entries and moves their state; arbiter.c
 * alone touches votes; claims.c the claims; each of the others what its name says. Handles
 * (uint32_t) are of the pool that the field's comment names; 0 is none.
 */
#ifndef CLUSTER_STATE_H
#define CLUSTER_STATE_H

#include "cluster/invocation.h"
#include "cluster/links.h"
#include "cluster/nodes.h"
#include "cluster/pool.h"
#include "cluster/table.h"
#include "cluster/wheel.h"

#include "base/list.h"
#include "base/rng.h"

/* --- one entry -----------------------------------------------------------------------------
 */

/*            accept               started            complete, CREATE
 *   (none) ---------> QUEUED <-------------> RUNNING -----------------> SUCCEEDED | FAILED
 *                        \                      /                              |
 *                         +---- canceled ------+-- collected, expired, canceled +--> (ended)
 *
 * An ended entry is a tombstone (tombs.h), and its number is marked in its origin's seqmap:
 * no way leads back. Points in time are relative: to c->epoch_ms, or to `created`.
 */
struct invocation {
    struct guid guid;                                  /* the key: must be first */
    uint64_t created : 38, origin : 12, function : 14; /* ms; a node's, a name's number */
    uint64_t seq : 40, arbiter1 : 12, arbiter2 : 12;   /* nodes' numbers, 0: none */
    struct buf *headers, *body;                        /* of the callback */
    uint32_t deadline;                                 /* ms after created; DEADLINE_NONE */
    uint32_t started;                                  /* ms after created, + 1; 0: never */
    uint32_t ttl_or_completed;                         /* ms; the latter once it is ready */
    uint32_t extra : 28, seats : 3; /* c->extras; seats.h: which of them vote here */
    uint32_t is_canceled : 1;       /* over, and so */
    uint32_t hash_next;
    struct wheel_link wheel;
    uint32_t state : 3, webhook : 2, on_node_loss : 2, status : 10, attempt : 8;
    uint32_t has_payload : 1; /* headers and body are here (they may be empty) */
    uint32_t is_known : 1;    /* to the core of this node: its end must be told */
    uint32_t is_bound : 1;    /* taken by a token; kept for it until the deadline */
    uint32_t drop_result : 1;
    uint32_t arbiter_count : 2;
    uint32_t is_over : 1; /* ended (inv_end()); kept until its home tells so */
};

_Static_assert(sizeof(struct invocation) <= 80, "a stored callback may cost 160 bytes in all");

#define DEADLINE_NONE UINT32_MAX
#define SEQ_END       ((uint64_t)1 << 40) /* all numbers of entries are below it */

/* The vote of one seat (arbiter.c): who has it, and who stands in line. */
struct seat {
    uint32_t holders, line, line_last; /* c->places */
    uint8_t holder_count, line_count;
};

/* What one needs while it is queued, running, claimed, or has names of its own. */
struct extra {
    struct request *request; /* NULL once the callback is ready */
    void *work;              /* the core's */
    char *texts;             /* client id, then callback URL; malloc, charged */
    uint16_t client_id_size, callback_url_size;
    uint8_t id_space, max_attempts;
    struct seat seats[MSG_ARBITERS_MAX];
    /* Copies before the 202 (accept.c); a body on its way (payload.c). */
    uint32_t accept_op; /* c->ops: waiting for ACCEPT_ACK, or for the ack of EXEC */
    bool is_partial;    /* the request's body has not come whole yet */
    bool stays;         /* it could not be handed over: it runs here (entrust.c) */
    /* terms.c: who votes for the seats since one of them was given again. */
    bool is_chosen;
    uint8_t term;   /* 0: the arbiters do */
    uint8_t kept;   /* seats (bits) whose voters were those of the term before */
    uint8_t untold; /* seats (bits) whose voters may not know of it */
    uint8_t begun;  /* a bit for each attempt since the last success */
    uint16_t voters[MSG_ARBITERS_MAX]; /* nodes; a reference to each */
    uint32_t request_size;             /* of `request`, as its tenant was charged */
};

/* One claim at an arbiter: it has the vote, or stands in line. */
struct place {
    uint64_t counter;
    struct guid token; /* zero: none */
    uint16_t node;     /* index of the claimer */
    uint8_t purpose;   /* enum msg_claim_for */
    uint32_t next;     /* c->places */
};

static inline bool extra_has_votes(const struct extra *x)
{
    bool any = false;
    for (uint32_t i = 0; i < MSG_ARBITERS_MAX; i++) {
        any = any || x->seats[i].holders != 0 || x->seats[i].line != 0;
    }
    return any;
}

/* --- questions that take time
 * ------------------------------------------------------------------ */

enum op_phase {
    OP_WAITING,  /* for what the kind waits for; a claim: for its turn in the local line */
    OP_LOCATING, /* a claim: somebody is asked who decides about this GUID */
    OP_ASKING,   /* a claim: votes are asked for */
    OP_FETCHING, /* a claim: enough votes, the callback is on its way */
    OP_SERVING,  /* a claim: a client is being written to */
    OP_LOOKING,  /* HEAD: waits for the callback, without a vote */
    OP_BOUND,    /* a claim by token that broke: the votes are kept for the token */
};

enum op_kind {
    CLUSTER_OP_COLLECT,
    CLUSTER_OP_FREE,
    CLUSTER_OP_CANCEL,
    CLUSTER_OP_ASK_CANCEL, /* another node is asked to */
    CLUSTER_OP_STATUS,
    CLUSTER_OP_REGISTER,
    CLUSTER_OP_RESOLVE,
    CLUSTER_OP_ACCEPT, /* waits for copies; key is not a ticket */
    CLUSTER_OP_EXEC,
    CLUSTER_OP_ENTRUST, /* another node is asked to run it */
    CLUSTER_OP_TURN,    /* a seat is given again */
    CLUSTER_OP_SURVEY,
    CLUSTER_OP_REPORT, /* the core is asked for its own */
};

enum vote_state {
    VOTE_NONE,
    VOTE_ASKED,
    VOTE_PROMISED, /* a vote as soon as the callback is ready there; the arbiter says so then */
    VOTE_GRANTED,
    VOTE_LINED,   /* DENY(HELD): in line there */
    VOTE_REFUSED, /* not known there yet, or the line is full: asked again */
    VOTE_YIELDED, /* R2: given back, to wait at one only */
};

struct vote {
    uint64_t counter; /* of the claim number that is current; 0: none */
    uint16_t node;    /* who was asked, or has granted; no reference */
    uint8_t state;    /* enum vote_state */
    bool has_payload;
};

struct op_key {
    uint64_t value, pad;
};

struct op {
    struct op_key ticket; /* of the core; must be first, and 16 bytes */
    struct op_key number; /* under which others answer; ticket 0: none was needed */
    uint32_t ticket_next, number_next;
    struct wheel_link wheel;
    uint64_t due_at_ms; /* UINT64_MAX: not in the wheel */
    uint64_t wait_until_ms;
    uint64_t asked_at_ms; /* when a vote was last asked for, or could be given at last */
    struct list claims;   /* in c->claims, when it is one; in c->accepts, when it is ACCEPT */
    struct guid guid;
    struct guid token;
    uint8_t kind, phase;
    uint8_t purpose; /* enum msg_claim_for */
    uint8_t id_space;
    uint16_t asker;    /* node index; 0: this node's core */
    uint16_t function; /* name index wanted, 0: any */
    uint16_t tenant;   /* who asks: what is not his does not exist. 0: none */
    uint64_t asker_request;
    uint32_t watch, watch_prev, watch_next; /* c->watches, c->ops */
    struct vote votes[MSG_ARBITERS_MAX];
    uint8_t
        source; /* index into the arbiters: where the payload comes from; the seat of a TURN */
    uint8_t sources_tried;
    struct result result; /* FETCHING: being put together */
    uint32_t received;    /* bytes of the body */
    uint32_t expected;
    uint32_t asked_to;
    bool head_seen;
    char *text; /* a key, malloc */
    uint16_t text_size;
    uint64_t fingerprint;
    uint32_t keep_ms;
    uint16_t target; /* node that was asked; of ENTRUST and TURN with a reference */
    uint16_t holder; /* TURN: who shall have the seat; a reference */
    uint8_t tries;
    uint8_t acks_needed, acks, naks; /* ACCEPT, EXEC */
    uint8_t heard_from;              /* ACCEPT: a bit for each arbiter that has answered */
    uint16_t awaited;                /* SURVEY: reports still to come */
    bool is_peek, is_webhook;
    bool in_doubt; /* somebody who was asked cannot tell, but might if others were asked */
    bool has_won;  /* its votes sufficed; it holds them to its end */
};

/* A GUID that clients of this node wait for, whether or not it is known here. */
struct watch {
    struct guid guid; /* must be first */
    uint32_t hash_next;
    uint32_t first, last; /* c->ops: the first one claims, the others wait behind it */
    uint64_t seq;
    uint16_t arbiters[MSG_ARBITERS_MAX]; /* node indexes */
    uint16_t voters[MSG_ARBITERS_MAX];   /* of `term`, if that is not 0; references */
    uint8_t arbiter_count;               /* 0: not known yet */
    bool is_ready;                       /* the callback exists somewhere */
    bool was_asked;
    uint16_t function; /* name index, of a status that told it */
    uint16_t tenant;   /* with arbiters: whose it is. Others who ask may wait here too */
    uint8_t term;      /* the latest that an arbiter has told (terms.h) */
    bool is_chosen;
    uint8_t pad[5];
};

/* --- the whole
 * ------------------------------------------------------------------------------------ */

#include "cluster/effects.h"
#include "cluster/names.h"
#include "cluster/registry.h"
#include "cluster/seqmap.h"
#include "cluster/tombs.h"

struct members; /* members.h */
struct moves;   /* seats.h */
struct streams; /* streams.h */

struct cluster {
    struct cluster_config config; /* with texts of our own */
    char *texts;
    struct budget *budget;
    uint64_t now_ms, epoch_ms;
    struct rng rng;

    struct pool invocations, extras, places, ops, watches;
    struct table by_guid, by_ticket, by_number, watched;
    struct wheel deadlines; /* of entries */
    struct wheel op_timers;
    struct tombs tombs;
    struct names names;
    struct nodes nodes;
    struct registry registry;
    struct effects effects;
    struct cluster_counters counters;
    struct members *members; /* NULL: a single node for good */
    struct streams *streams; /* likewise */

    struct list claims;     /* every struct op that is a claim */
    struct list accepts;    /* ops that wait for copies of what is taken in here */
    struct list assemblies; /* payload.c: bodies on their way here */
    uint32_t names_sweep;   /* register.c: the next bucket */
    uint64_t last_seq;      /* given out to an own invocation */
    uint64_t claim_counter;
    uint64_t op_serial;
    size_t payloads;
    uint32_t pending_count; /* own entries that are queued or running */
    uint32_t turned_count;  /* entries with a term */
    uint32_t turns_open;    /* ops of terms_propose.c */
    uint16_t link_up_node;  /* during claims_on_link_up() */
    struct moves *moves;    /* seats.h; NULL: of no seat it is known here that it has moved */
    bool is_heir;           /* some seats here were another's */
    bool is_waking;         /* during claims.c's wake_line() */
    bool is_draining, is_finishing, is_drained;
};

#define SELF 1u /* this node's index */

static inline struct invocation *inv_at(const struct cluster *c, uint32_t handle)
{
    return pool_at(&c->invocations, handle);
}

static inline struct extra *extra_at(const struct cluster *c, uint32_t handle)
{
    return pool_at(&c->extras, handle);
}

static inline struct op *op_at(const struct cluster *c, uint32_t handle)
{
    return pool_at(&c->ops, handle);
}

/* From one point in time to a later one; else 0. What is older than this node's clock, as of a
 * machine that has just started, lies before 0 and wraps. */
static inline uint64_t span_ms(uint64_t from_ms, uint64_t to_ms)
{
    int64_t span = (int64_t)(to_ms - from_ms);
    return span > 0 ? (uint64_t)span : 0;
}

/* Points in time of an entry, in this node's monotonic milliseconds. */
static inline uint64_t inv_created_at_ms(const struct cluster *c, const struct invocation *inv)
{
    return c->epoch_ms + inv->created;
}

static inline bool inv_is_ready(const struct invocation *inv)
{
    return invocation_state_is_ready((enum invocation_state)inv->state);
}

/* How one that is over, or taken by a token, has ended. */
static inline enum invocation_state inv_end(const struct invocation *inv)
{
    return inv->is_bound      ? INVOCATION_COLLECTED
           : inv->is_canceled ? INVOCATION_CANCELED
                              : INVOCATION_EXPIRED;
}

/* The n-th of its arbiters, the home being the first; 0: it has fewer. */
static inline uint16_t inv_arbiter(const struct invocation *inv, uint32_t n)
{
    return (uint16_t)(n == 0 ? inv->origin : n == 1 ? inv->arbiter1 : inv->arbiter2);
}

static inline bool inv_is_arbiter(const struct invocation *inv, uint16_t node)
{
    return inv->origin == node || inv->arbiter1 == node || inv->arbiter2 == node;
}

/* So many other nodes are its arbiters, from the second on: where there were fewer than three,
 * the last of them has the seats that are left (placement.h). */
static inline uint32_t inv_others(const struct invocation *inv)
{
    bool has_second = inv->arbiter_count > 1 && inv->arbiter1 != inv->origin;
    bool has_third = inv->arbiter_count > 2 && inv->arbiter2 != inv->arbiter1;
    return (uint32_t)has_second + has_third;
}

/* The one rule of tenants: what is another's does not exist (docs/auth.md). */
static inline bool inv_is_of(const struct cluster *c, const struct invocation *inv,
                             uint16_t tenant)
{
    return names_tenant(&c->names, inv->function) == tenant;
}

/* Does this node vote on it, for itself or for one that has left? */
static inline bool inv_votes_here(const struct invocation *inv)
{
    return inv->seats != 0;
}

/* Does it vote for that one of the arbiters? */
static inline bool inv_has_seat(const struct invocation *inv, uint32_t i)
{
    return ((uint32_t)inv->seats >> i & 1u) != 0;
}

static inline bool inv_is_ours(const struct invocation *inv)
{
    return inv->origin == SELF;
}

#endif
