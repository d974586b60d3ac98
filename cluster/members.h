/* Who else is in the cluster, the links to them, and how they are found.
 *
 * A member comes into being with its first HELLO, never by hearsay: what others tell (PEERS)
 * are only addresses to dial. It is ALIVE while it is heard from, SUSPECT after 1 s of
 * silence, DEAD after 2 s (detector.c). Dead by silence is an opinion: a HELLO of the same id
 * takes it back, because the process still has its votes. Dead for good is only who has left,
 * or whose successor has said HELLO at the same address: that id is buried.
 *
 *   (none) -HELLO-> ALIVE <-> SUSPECT -> DEAD -HELLO-> ALIVE
 *                     |          |        |
 *                     +----------+--------+--LEAVE(gone), successor--> DEAD, buried
 */
#ifndef CLUSTER_MEMBERS_H
#define CLUSTER_MEMBERS_H

#include "cluster/addresses.h"
#include "cluster/outbox.h"
#include "cluster/state.h"
#include "cluster/walk.h"

#define MEMBERS_MAX  2048u
#define MEMBERS_A_MS 32u /* so many are walked over for each millisecond of rest */

/* What one member has been sent and has confirmed, by lane. */
struct flow {
    uint64_t sent, acked;     /* bytes by msg_flow_size() */
    uint64_t received, told;  /* from it; and what it was told of that */
    uint64_t behind_since_ms; /* since when something is unconfirmed; 0: nothing is */
    size_t unsent;            /* bytes the system has not taken */
};

struct member {
    /* What the detector looks at, many times a second: together. */
    struct list link; /* in members.all */
    uint16_t node;    /* number; a reference */
    enum msg_member_state state;
    struct link *links[LANE_COUNT]; /* that are up */
    uint64_t heard_at_ms, told_at_ms, pinged_at_ms;

    struct bytes address, zone; /* owned */
    bool is_leaving, is_buried;
    bool is_hashed;         /* in members.hash */
    bool takes_seats;       /* it knows how to be an heir */
    bool takes_terms;       /* and how to have a seat given again */
    bool was_reset;         /* its control link broke since it was last heard */
    uint32_t refused_count; /* dials refused since */

    struct link *dials[LANE_COUNT]; /* on their way */
    uint64_t dial_at_ms[LANE_COUNT];
    uint32_t dial_wait_ms;

    uint64_t differs_since_ms; /* its view of who is alive; 0: it does not (peers.c) */
    uint64_t came_at_ms, state_since_ms, probed_at_ms, vouched_at_ms;
    uint64_t accused_at_ms[2]; /* by others; the newest two accusers */
    uint16_t accusers[2];
    int64_t clock_offset_ms; /* ours minus its; the least delay seen */
    uint64_t offset_at_ms;
    bool has_offset;
    uint32_t rtt_ms;

    struct flow flows[LANE_COUNT];
    struct outbox outbox; /* RELEASE and TAKEN, until confirmed */

    /* Streams (streams.c). */
    bool is_streaming; /* both lanes are up */
    uint64_t created_cursor, ended_cursor;
    uint64_t sweep_next, sweep_end; /* numbers of ours that a newcomer has yet to be told */
    bool sweep_was_done;
    bool is_synced;   /* its own callbacks have all been heard of */
    uint64_t *wanted; /* FETCHed by it: ring of (origin << 48 | seq) */
    uint32_t wanted_first, wanted_count;
    uint64_t digest_at_ms, digest_version, digest_from;
    uint64_t *holes; /* of its numbers, to be fetched if still missing */
    uint32_t hole_count;
    uint64_t holes_at_ms;
    uint64_t bodies_next,
        bodies_at_ms; /* of its callbacks that lack here; the latter 0: none */
};

struct link {
    struct op_key id; /* the number; must be first */
    uint32_t hash_next;
    struct list link; /* in members.links */
    enum msg_lane lane;
    bool is_ours; /* dialled here */
    bool is_up;
    bool is_renewed; /* a dial is to take its place */
    uint64_t opened_at_ms;
    struct member *member; /* NULL: not known yet */
    struct seed *seed;     /* dialled because of it */
};

struct seed {
    struct list link;
    struct bytes address; /* owned */
    uint64_t seen_at_ms, dial_at_ms;
    uint32_t dial_wait_ms;
    struct link *dial;
    bool is_self, is_hearsay;
};

struct grave {
    struct guid id;
    uint64_t until_ms;
};

#define GRAVES_MAX 1024u

/* A seat whose heir has not answered yet. */
struct given {
    struct guid guid;
    uint64_t again_at_ms;
    uint8_t seats;
    bool is_ready; /* the callback was, when it was given */
};

#define HANDOFF_OPEN_MAX 64u

/* handoff.c; all zero until this node leaves. */
struct handoff {
    uint16_t heir; /* a reference; 0: none */
    struct walk walk;
    bool is_supplied, has_given, is_heard;
    bool found, is_clean; /* something to give, in this round; nothing in the last one */
    uint64_t begun_at_ms, round_at_ms, told_at_ms;
    uint32_t open_count;
    struct given open[HANDOFF_OPEN_MAX];
};

/* terms_walk.c: which seats are to be given again. */
struct turns {
    struct walk walk; /* origin 0: there is nothing to look for */
    bool found;       /* in this round */
    uint64_t round_at_ms;
};

/* What there is to look at from time to time. Each says when it wants to be looked at again, so
 * that a busy one does not make all members be walked over for the others. */
enum tend {
    TEND_DETECT, /* detector.c */
    TEND_DIAL,   /* links.c */
    TEND_FLOW,   /* streams.c */
    TEND_DIGEST, /* digest.c */
    TEND_REST,   /* what has no hurry */
    TEND_COUNT,
};

struct members {
    struct list all, links, seeds;
    struct pool link_pool;
    struct table link_table;
    struct link *last_link; /* that was found: messages come in runs; NULL: none */
    struct addresses addresses, seed_addresses;
    uint32_t count, seed_count;
    uint64_t outgoing; /* numbers of links given out */
    struct grave *graves;
    uint32_t grave_first, grave_count;
    uint64_t due_ms[TEND_COUNT], all_due_ms; /* of the parts; and of everything */
    uint64_t rest_until_ms[TEND_COUNT];      /* before that, only for what is due by itself */
    uint64_t tick_at_ms, ticked_at_ms, started_at_ms, stalled_at_ms;
    uint64_t joined_at_ms; /* 0: not yet */
    uint64_t asked_at_ms;  /* for a list (peers.c); 0: never */
    uint32_t asked_count;  /* of greetings, likewise */
    uint64_t scan_at_ms;   /* takeover.c */
    uint64_t drain_since_ms, drain_until_ms, farewell_at_ms; /* drain.c */
    uint64_t entrust_seq, entrust_at_ms;                     /* entrust.c */
    uint64_t hash; /* of the ids that are alive, the same at every node that knows the same */
    uint64_t changed_at_ms; /* when it last did */
    bool has_unsaid; /* since the last flush something was put into an outbox, and not sent */
    struct handoff handoff;
    struct turns turns;
};

/* ERR_NOMEM. */
int members_init(struct cluster *c);
void members_fini(struct cluster *c);

uint64_t members_deadline_ms(const struct cluster *c);
void members_tick(struct cluster *c);

/* Look at everything again at `at_ms`, at the latest; or at one part. */
void members_wake(struct cluster *c, uint64_t at_ms);
void members_wake_for(struct cluster *c, enum tend part, uint64_t at_ms);

void members_drain(struct cluster *c);
void members_finish(struct cluster *c);
uint64_t members_drain_tick(struct cluster *c);
bool members_are_joined(const struct cluster *c);
size_t members_count(const struct cluster *c); /* with this node */
size_t members_link_count(const struct cluster *c);

/* NULL: not a member. */
struct member *members_of_node(const struct cluster *c, uint16_t node);

/* Who lives at that address, or did and is not buried; NULL: nobody. */
struct member *members_at(const struct cluster *c, struct bytes address);

/* The one writer of a member's state. Tells the core, and what depends on it. */
void members_set_state(struct cluster *c, struct member *m, enum msg_member_state state);

/* Dead for good: it will not be let in again. */
void members_bury(struct cluster *c, struct member *m);
bool members_is_buried(const struct cluster *c, const struct guid *id);

/* NULL: no memory, or too many. */
struct member *members_add(struct cluster *c, const struct msg_hello *hello);
void members_remove(struct cluster *c, struct member *m);

bool members_is_alive(const struct member *m); /* alive or leaving, and linked */

#endif
