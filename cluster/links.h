/* How links to other nodes enter and leave the core, and what it asks of them.
 *
 * A link is one connection. Each pair of nodes keeps one per lane (PROTOCOL.md 4). The driver
 * (node/peers, or the simulator) moves bytes: it dials, listens, frames, encodes. Everything
 * else is decided here, in the pure core, HELLO included: versions, cluster name, duplicates,
 * liveness, whom to dial and when again.
 *
 * Link numbers. The core draws those of outgoing links and names them in CLUSTER_DIAL; the
 * driver draws those of incoming ones. Both never repeat; incoming ones stay below
 * LINK_OUTGOING, outgoing ones are above.
 *
 * Order. What cluster_receive() is given must come in the order sent, per link. A link that
 * was closed, by whom ever, is told once with cluster_link_closed(); nothing is received from
 * it afterwards, and a SEND to it is ignored by the driver.
 */
#ifndef CLUSTER_LINKS_H
#define CLUSTER_LINKS_H

#include "cluster/cluster.h"
#include "proto/msg.h"

#define LINK_OUTGOING ((uint64_t)1 << 63)

/* Why a link ended, or never came to be. */
enum link_end {
    LINK_END_CLOSED,      /* the peer closed it in order (EOF) */
    LINK_END_RESET,       /* it broke */
    LINK_END_REFUSED,     /* dialling: nobody listens at that address */
    LINK_END_UNREACHABLE, /* dialling: no answer, no route, a name that does not resolve */
    LINK_END_MALFORMED,   /* the driver closed it: a hostile or broken frame */
    LINK_END_OURS,        /* the core asked for it (CLUSTER_CLOSE) */
};

/* --- what the driver tells ---------------------------------------------------------------- */

/* An address of a node of this cluster, from the static seeds or from an answer of the
 * resolver. Say it again, for ever, as often as the resolver is asked: addresses not repeated
 * for a minute are forgotten, unless a member lives there. Our own address is harmless. */
void cluster_seed(struct cluster *c, uint64_t now_ms, struct bytes address);

/* A dialled link is connected. The core answers with SEND(HELLO). */
void cluster_link_opened(struct cluster *c, uint64_t now_ms, uint64_t link);

/* A peer has connected to us. A HELLO must come within 2 s, or the core closes it. The
 * driver limits how many such links are open (64) and their frames (MSG_HELLO_MAX). */
void cluster_link_accepted(struct cluster *c, uint64_t now_ms, uint64_t link);

/* The link has ended; of a dialled one also when it never opened. */
void cluster_link_closed(struct cluster *c, uint64_t now_ms, uint64_t link, enum link_end why);

/* The driver wants another connection in place of this one, which still works: its peer is to
 * prove itself anew. The core dials, within 1.5 s, and gives the old one up when the new one is
 * up, so that nothing has to wait; or when the dial has failed. */
void cluster_link_renew(struct cluster *c, uint64_t now_ms, uint64_t link);

/* One message. `sent_at_ms` is the frame's time: the sender's monotonic clock. Borrowed: the
 * core takes references of what it keeps. */
void cluster_receive(struct cluster *c, uint64_t now_ms, uint64_t link, const struct msg *m,
                     uint64_t sent_at_ms);

/* Bytes handed to the link that the system has not taken. Tell it at the end of a turn in
 * which it is over LINK_UNSENT_MARK, and once when it has fallen below. The core holds streams
 * back meanwhile and closes a control lane that stays behind. */
void cluster_link_unsent(struct cluster *c, uint64_t now_ms, uint64_t link, size_t unsent_size);

#define LINK_UNSENT_MARK (128u * 1024u) /* bytes */

/* How large a frame this link may carry now: MSG_HELLO_MAX before it is up, else by lane. */
size_t cluster_link_frame_max(const struct cluster *c, uint64_t link);

/* --- what the core asks for ----------------------------------------------------------------
 */

/* The effects CLUSTER_DIAL, _SEND, _CLOSE, _MEMBER. All fields are borrowed until the next
 * call of cluster_next_effect(); so a driver encodes at once, and shares the buffers that it
 * writes without copying. */
struct link_effect {
    uint64_t link;        /* DIAL: the number of the link to be; SEND, CLOSE */
    enum msg_lane lane;   /* DIAL */
    struct bytes address; /* DIAL: HOST:PORT. It must end within 2 s, one way or another */
    struct msg msg;       /* SEND */
    /* CLOSE: for the log. What was sent before is still written, for 1 s at the most. */
    const char *reason;          /* static */
    bool is_routine;             /* CLOSE: nothing that people need to know */
    struct guid node;            /* MEMBER, and CLOSE where it is known */
    struct bytes name;           /* MEMBER; CLOSE: the member's, or the seed's address */
    enum msg_member_state state; /* MEMBER: what it has become */
    bool final; /* MEMBER, dead: proven, it never comes back. Else it was only silent */
};

/* --- the members, for GET /v1/cluster and the metrics ---------------------------------------
 */

struct cluster_member {
    struct bytes name, address, zone; /* borrowed until the next call */
    struct guid node_id;
    enum msg_member_state state;
    uint32_t rtt_ms; /* round trip, rounded up */
    uint32_t lag_ms; /* age of the oldest stream message it has not confirmed */
    bool self;
};

/* The n-th member, this node first; false: there are no more. */
bool cluster_member_at(const struct cluster *c, uint64_t now_ms, uint32_t n,
                       struct cluster_member *out);

/* Of which member is this link? False: not known (yet). For metrics by peer and lane. */
bool cluster_link_member(const struct cluster *c, uint64_t link, struct cluster_member *out,
                         enum msg_lane *lane);

/* Claims granted, denied and so on, since the start; for metrics and for the simulator's
 * "sometimes" counters. Names are static. */
#define CLUSTER_COUNTERS(X)                                                                    \
    X(claims_served)      /* clients that were given a callback */                             \
    X(claims_pending)     /* whose wait was over */                                            \
    X(claims_gone)        /* collected, expired or canceled before */                          \
    X(claims_unknown)     /* never heard of */                                                 \
    X(claims_no_quorum)   /* too few arbiters */                                               \
    X(claims_released)    /* votes given back */                                               \
    X(lines)              /* a claim stood in line at an arbiter */                            \
    X(yields)             /* R2: votes given back while in line */                             \
    X(stale_grants)       /* a vote came too late */                                           \
    X(line_full)          /* line full */                                                      \
    X(takeovers)          /* orphans run here */                                               \
    X(attempts_exhausted) /* orphans ended as failed */                                        \
    X(duplicate_results)  /* a second executor ended later */                                  \
    X(accept_naks)        /* copies refused by an arbiter */                                   \
    X(accept_timeouts)    /* copies not confirmed */                                           \
    X(fetches)            /* holes asked for */                                                \
    X(offers)             /* orphans offered */                                                \
    X(watermark_drops)    /* ended by a low watermark */                                       \
    X(digest_drops)       /* ended by a digest */                                              \
    X(late_creates)       /* a callback came after its end */                                  \
    X(payload_fetches)    /* a body was asked for */                                           \
    X(suspicions)         /* suspicions */                                                     \
    X(refutations)        /* refutations */                                                    \
    X(deaths)             /* deaths */                                                         \
    X(links_opened)       /* links opened */                                                   \
    X(links_rejected)     /* links rejected */                                                 \
    X(resyncs)            /* a peer was skipped over, or joined */                             \
    X(tombstones_pressed) /* forgotten early */                                                \
    X(redeliveries)       /* to the same token */                                              \
    X(window_waits)       /* a stream waited for its peer */                                   \
    X(handed_over)        /* queued work given away */                                         \
    X(orphans_resolved)   /* ready ones taken care of */                                       \
    X(seats_given)        /* votes handed to an heir on leaving */                             \
    X(seats_given_again)  /* votes of the dead given to others */

struct cluster_counters {
#define CLUSTER_COUNTER_FIELD(name) uint64_t name;
    CLUSTER_COUNTERS(CLUSTER_COUNTER_FIELD)
#undef CLUSTER_COUNTER_FIELD
};

const struct cluster_counters *cluster_counters(const struct cluster *c);

/* What this node holds, in numbers; for the simulator's M1 to M3 and for metrics. */
struct cluster_sizes {
    size_t invocations; /* entries that have not ended */
    size_t payloads;    /* of them, with a body here */
    size_t tombstones, claims, votes, names;
    size_t members, links;
};

struct cluster_sizes cluster_sizes(const struct cluster *c);

/* Highest number given out and lowest not ended, of this node's own invocations. */
void cluster_watermarks(const struct cluster *c, uint64_t *low, uint64_t *high);

#endif
