/* The links to the other nodes: connections, frames, encoding. It moves bytes and decides
 * nothing: whom to dial, who is welcome, who lives, what is said, all come from the cluster's
 * pure core as effects (cluster/links.h), and what happens goes to it as events.
 *
 *   peers_open()      listens; no event comes before the loop turns
 *   peers_dispatch()  one effect of the core: CLUSTER_DIAL, _SEND, _CLOSE (others are ignored)
 *   events            told from the loop, never from inside peers_dispatch(); so the owner
 *                     may feed the core in them and dispatch its effects at once
 *   peers_close()     the end; what was sent is still written, for a moment
 *
 * Messages of one turn of the loop leave in one write a link, at the end of the turn. Bodies
 * are written from where they lie; received ones are charged to the budget. Every link has a
 * limit on what may wait to be sent; a hostile frame ends its link and is counted.
 *
 * Times: monotonic milliseconds. Sizes: bytes.
 */
#ifndef NODE_PEERS_PEERS_H
#define NODE_PEERS_PEERS_H

#include "cluster/links.h"
#include "io/loop.h"

struct peers;
struct tls;

/* What happens; most are one call into the core. All borrowed arguments live for the call. */
struct peers_events {
    void (*on_seed)(void *owner, struct bytes address); /* cluster_seed() */
    void (*on_opened)(void *owner, uint64_t link);      /* cluster_link_opened() */
    void (*on_accepted)(void *owner, uint64_t link);    /* cluster_link_accepted() */
    void (*on_closed)(void *owner, uint64_t link, enum link_end why);
    void (*on_withdrawn)(void *owner, uint64_t link); /* cluster_link_renew(); with `tls` */
    void (*on_message)(void *owner, uint64_t link, const struct msg *m, uint64_t sent_at_ms);
    void (*on_unsent)(void *owner, uint64_t link, size_t unsent_size);
    /* Something is about to be written, at the end of the loop's turn. May be NULL. */
    void (*on_writing)(void *owner);
    /* Asked, not told: cluster_link_frame_max(). */
    size_t (*frame_max)(void *owner, uint64_t link);
    /* For the log, may be NULL: a peer did what no peer should. `what` is static; `address`
     * has no port where the peer dialled: that port means nothing. */
    void (*on_trouble)(void *owner, struct bytes address, const char *what);
    void *owner;
};

struct peers_config {
    struct bytes listen;       /* HOST:PORT; port 0 asks the system */
    const struct bytes *seeds; /* HOST:PORT, or dns:NAME:PORT; copied */
    size_t seed_count;
    struct budget *budget; /* for received bodies */
    struct tls *tls; /* for the links; NULL: they are plain. The caller's, outlives them */
    struct peers_events events;
};

/* ERR_INUSE, ERR_IO: cannot listen. ERR_MALFORMED: an address or a seed. ERR_NOMEM. `em` says
 * it. */
int peers_open(struct peers **out, struct loop *l, const struct peers_config *config,
               struct errmsg *em);

/* Where it listens, as HOST:PORT; lives as long as `p`. */
struct bytes peers_address(const struct peers *p);

/* Who is at the other end of a link, for the log: HOST where the peer dialled, else HOST:PORT.
 * Empty: no such link, or not connected. Lives until the next call. */
struct bytes peers_link_address(struct peers *p, uint64_t link);

/* `link` as core_next_effect() gave it. */
void peers_dispatch(struct peers *p, enum cluster_effect_kind kind,
                    const struct link_effect *link);

/* The files of TLS were read anew (tls_reload()): on_withdrawn for each link whose peer they
 * would not let in any more, from inside this call. How many. */
size_t peers_review(struct peers *p);

/* Writes what is queued now. Happens by itself at the end of every turn of the loop. */
void peers_flush(struct peers *p);

/* No event comes after it; it may be called from inside one. Links get 200 ms to take what was
 * sent to them; then all memory goes, by itself. */
void peers_close(struct peers **p); /* accepts a pointer to NULL */

/* --- for metrics ---------------------------------------------------------------------------
 */

#define PEERS_COUNTERS(X)                                                                      \
    X(dials, "connections begun to other nodes")                                               \
    X(dials_failed, "of them, never opened")                                                   \
    X(accepted, "connections that other nodes began")                                          \
    X(accepted_refused, "of them, ended for there were too many without a HELLO")              \
    X(malformed, "links ended for a frame or message that is not ours")                        \
    X(too_large, "links ended for a frame over its limit")                                     \
    X(tls_unasked,                                                                             \
      "links ended because the other side speaks TLS, and this node was not told to")          \
    X(withdrawn, "links whose peer's secret or certificate was withdrawn: renewed, or ended")  \
    X(unknown_kinds, "messages passed over: a kind that this build does not know")             \
    X(no_room, "bodies received without room for them")                                        \
    X(unsent_full, "links ended for too much that waits to be sent")                           \
    X(unsendable, "messages larger than their frame may be, not sent")                         \
    X(messages_sent, "messages")                                                               \
    X(messages_received, "messages")                                                           \
    X(writes, "system calls that wrote to links")                                              \
    X(reads, "system calls that read from links")

struct peers_counters {
#define PEERS_COUNTER_FIELD(name, help) uint64_t name;
    PEERS_COUNTERS(PEERS_COUNTER_FIELD)
#undef PEERS_COUNTER_FIELD
};

const struct peers_counters *peers_counters(const struct peers *p);

/* The n-th of them with its name, which is static; false: there are no more. */
bool peers_counter_at(const struct peers *p, size_t n, const char **name, uint64_t *value);

/* Bytes exchanged with one peer on one lane since the start, over all its links. */
struct peers_traffic {
    struct bytes peer; /* the node's name; lives as long as `p` */
    enum msg_lane lane;
    uint64_t sent_size, received_size;
};

/* The n-th; false: there are no more. */
bool peers_traffic_at(const struct peers *p, size_t n, struct peers_traffic *out);

#endif
