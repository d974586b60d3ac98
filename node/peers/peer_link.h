/* One link: a connection with frames on it, from the first SYN to the last byte.
 *
 *            DIAL                accepted
 *              |                    |
 *          DIALLING --connected--> OPEN --CLUSTER_CLOSE--> ENDED --> LINGERING --> gone
 *              |                    |                        |
 *              +------failed--------+---broken, hostile------+--> gone
 *
 * ENDED waits for the end of the turn, when the core is told; so the core never hears from
 * inside its own effects. LINGERING is after that: what was sent before is still written, and
 * what still comes is thrown away, so that the other side can read our last words.
 *
 * Private to node/peers.
 */
#ifndef NODE_PEERS_PEER_LINK_H
#define NODE_PEERS_PEER_LINK_H

#include "base/list.h"
#include "io/dns.h"
#include "io/peer_stream.h"
#include "io/timer.h"
#include "io/turn_end.h"
#include "peers/peers.h"
#include "peers/seeds.h"
#include "peers/traffic.h"
#include "proto/codec.h"

#define LINK_BUCKETS         64u
#define LINK_PENDING_MAX     64u   /* accepted links without a HELLO; and refused ones */
#define LINK_DIAL_MS         2000u /* from DIAL to connected, names included */
#define LINK_LINGER_MS       1000u /* after CLUSTER_CLOSE */
#define LINK_FAREWELL_MS     200u  /* after peers_close() */
#define LINK_UNSENT_MAX      ((size_t)16 * 1024 * 1024) /* bytes waiting on a control lane */
#define LINK_BULK_UNSENT_MAX ((size_t)64 * 1024 * 1024) /* and on a bulk lane */
#define LINK_ADDRESSES_MAX   8u                         /* of a name that are tried */
#define PEERS_SCRATCH_SIZE   ((size_t)128 * 1024)       /* bytes received in one read */

#define PEERS_STILLBORN_MAX 64u /* dials that found no memory, untold */

enum peer_link_state { LINK_DIALLING, LINK_OPEN, LINK_ENDED, LINK_LINGERING };

struct peer_link {
    struct peers *owner;
    uint64_t number;
    enum peer_link_state state;
    enum link_end why; /* from ENDED on */
    enum msg_lane lane;
    bool accepted, is_up, blocked, over_mark;
    struct list by_number, in_turn; /* in_turn: in `dirty` or in `ended` */
    struct list pending;            /* in `pending` or in `refused` */
    struct peer_stream *stream;     /* NULL: none yet, or no more */
    struct timer *timer;
    struct frame_reader reader;
    struct frame_queue queue;
    struct traffic_entry *traffic; /* NULL before it is up */
    char name[MSG_NAME_MAX];       /* the peer's, as its HELLO says */
    uint32_t name_size;

    /* While dialling. */
    struct dns_lookup *lookup;
    union address addresses[LINK_ADDRESSES_MAX];
    size_t address_count, address_next;
    bool was_refused;
};

struct peers {
    struct loop *loop;
    struct peers_config config;
    struct peer_listener *listener;
    struct seeds *seeds;
    struct turn_end *turn_end;
    struct timer *again; /* when one turn was not enough to flush */
    struct list links[LINK_BUCKETS];
    struct list dirty;   /* have something to write */
    struct list ended;   /* the core is to be told */
    struct list pending; /* accepted and not up, the oldest first */
    struct list refused; /* of them, those that linger; likewise */
    size_t pending_count, refused_count, link_count, up_count;
    uint64_t last_incoming;
    uint64_t stillborn[PEERS_STILLBORN_MAX]; /* links that the core is to be told of */
    size_t stillborn_count;
    bool busy;    /* in an event or a flush: a flush has to wait */
    bool closing; /* nobody listens to events any more; the end of the turn ends it all */
    struct traffic traffic;
    struct peers_counters counters;
    char address[ADDRESS_TEXT_MAX];
    char asked[ADDRESS_TEXT_MAX]; /* what peers_link_address() said last */
    struct codec_arrays arrays;
    uint8_t scratch[PEERS_SCRATCH_SIZE];
};

/* NULL: out of memory. */
struct peer_link *peer_link_new(struct peers *p, uint64_t number);
struct peer_link *peer_link_find(const struct peers *p, uint64_t number);

/* Of the other end, into `text` of ADDRESS_TEXT_MAX bytes; its length, 0 without a connection.
 */
size_t peer_link_print_address(const struct peer_link *k, char *text);

/* Ends in on_opened or in on_closed. */
void peer_link_dial(struct peer_link *k, struct bytes address);

/* Takes the stream. */
void peer_link_accept(struct peer_link *k, struct peer_stream *s);

/* Queues it; a link that cannot take it ends. */
void peer_link_send(struct peer_link *k, const struct msg *m);

/* From DIALLING or OPEN to ENDED; else nothing. */
void peer_link_end(struct peer_link *k, enum link_end why);

/* Tells the core when its peer's proof was withdrawn; true: so it was. */
bool peer_link_review(struct peer_link *k);

/* What is queued, as far as the system takes it. */
void peer_link_write(struct peer_link *k);

/* The core has been told that it ended: what remains is to linger, or to go. */
void peer_link_retire(struct peer_link *k, uint64_t linger_ms);

/* For peers_close(): to LINGERING from any state. */
void peer_link_farewell(struct peer_link *k);

/* The last link of closed peers is gone: free them. */
void peers_free_if_done(struct peers *p);

#endif
