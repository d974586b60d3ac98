/* The virtual network: TCP as the cores see it, and everything that TCP allows to go wrong.
 *
 * A connection has two ends and, in each direction, a FIFO of frames with delay and bandwidth.
 * Frames of one direction never overtake each other; everything else may. A cut direction
 * holds its frames back and delivers them when it heals, unless the sender gave up first. A
 * reset loses any suffix of what is under way. A half-open connection has lost one end without
 * the other knowing. What is in a frame is wire.c's business.
 */
#ifndef TESTS_SIM_NET_H
#define TESTS_SIM_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim;
struct host;
struct parcel; /* wire.h: a message as it travels */

#define LANES           2
#define NET_PLENTY_SIZE (256u * 1024) /* bytes under way that the system takes at once */

struct net_frame {
    struct net_frame *next;
    uint64_t sent_us, due_us;
    uint32_t size; /* bytes on the wire */
    struct parcel *parcel;
};

enum net_hole { HOLE_NONE, HOLE_WHILE_DARK, HOLE_FOR_EVER };

struct net_end {
    uint32_t slot, incarnation;
    bool open;          /* its host believes so */
    bool congested;     /* its host wants to know when it has few bytes under way */
    enum net_hole hole; /* the host is not there any more, and nobody says so */
    bool reset;         /* how it hears of the end: broken, not closed in order */
    uint64_t link;      /* how its host calls it */
};

struct net_direction {
    struct net_frame *first, *last;
    uint64_t bytes;   /* under way */
    uint64_t free_us; /* the line is busy until then */
    uint64_t due_us;  /* of the last frame: the next is not earlier */
    bool armed;       /* an event will look at the first frame */
    bool ends;        /* after the last frame the far end hears of the close */
};

struct net_conn {
    bool used;
    uint32_t generation;
    uint8_t lane;
    struct net_end end[2];       /* 0 dialled */
    struct net_direction way[2]; /* way[i] leads away from end[i] */
};

struct net_dial {
    bool used, abandoned;
    uint32_t slot, incarnation; /* who dials */
    uint32_t target;            /* slot */
    uint8_t lane;
    uint32_t tries;
    uint64_t link;
};

struct net_cell {
    uint16_t cuts;         /* faults that cut this way, now */
    uint16_t clogs[LANES]; /* likewise, one lane */
};

struct net {
    struct net_conn *conns;
    uint32_t conn_count;
    uint32_t *free_conns;
    uint32_t free_count;
    struct net_dial *dials;
    uint32_t dial_count;
    uint32_t *free_dials;
    uint32_t free_dial_count;
    struct net_cell *cells; /* [from * slots + to] */
    uint32_t slots;
    uint64_t delay_us;      /* mean of the exponential part */
    uint64_t frames, bytes; /* delivered */
    uint64_t bytes_most;    /* under way in one direction, at most */
};

void net_init(struct sim *s, uint32_t slots);
void net_fini(struct sim *s);

/* `h` connects to whoever listens in `target`; ends in wire_opened() on both sides, or in
 * wire_failed(). */
void net_dial(struct sim *s, const struct host *h, uint32_t target, uint8_t lane,
              uint64_t link);

/* The host does not want it any more. */
void net_dial_abandon(struct sim *s, const struct host *h, uint64_t link);

/* Takes the parcel. */
void net_send(struct sim *s, struct net_conn *c, int end, struct parcel *parcel, uint32_t size);

/* The host at `end` closes; the other side hears of it after what was sent before. */
void net_close(struct sim *s, struct net_conn *c, int end);

/* Both ends hear of it; any suffix of what is under way is lost. */
void net_reset(struct sim *s, struct net_conn *c);

/* The host at `end` learns that its connection broke; the other side learns nothing. */
void net_lose(struct sim *s, struct net_conn *c, int end);

/* All connections of a host that has died. */
void net_host_died(struct sim *s, const struct host *h, bool silent);

/* Events. */
void net_arrive(struct sim *s, uint32_t conn, uint64_t way_and_generation);
void net_dialled(struct sim *s, uint32_t dial);

/* A cut or clog has ended: what waited moves on. */
void net_wake(struct sim *s);

struct net_cell *net_cell(struct net *n, uint32_t from, uint32_t to);

#endif
