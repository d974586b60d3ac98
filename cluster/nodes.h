/* Every node id that something here refers to, by a number of 12 bits: an entry has no room
 * for three GUIDs. A node stays as long as an entry, a tombstone, a vote or a membership
 * counts on it; so the numbers are counted references. The number 1 is this node's own.
 *
 * Nobody counts on one that is long dead, or lost; but a node that was cut off meanwhile may
 * come back with entries of it, and what has ended here must not be made anew (rule A4). So
 * the last BYGONES_MAX of them stay, for what is known of their numbers.
 */
#ifndef CLUSTER_NODES_H
#define CLUSTER_NODES_H

#include "base/list.h"
#include "cluster/seqmap.h"
#include "cluster/table.h"

#define NODES_MAX   4095u
#define BYGONES_MAX 1024u

struct member; /* members.h */

struct node {
    struct guid id; /* must be first */
    uint32_t hash_next;
    uint32_t refs;         /* 0: bygone */
    struct list bygone;    /* nodes.bygones */
    struct bytes name;     /* owned; empty: not heard yet */
    struct member *member; /* NULL: not a member (any more) */
    uint16_t heir;         /* who has its seats, as far as is known (seats.h); 0: itself */
    struct seqmap seqs;    /* what became of its numbers, as far as this node knows */
    /* takeover.c, of a dead one: where its orphans are looked at next (0: from the lowest),
     * when they are offered again, and whether this round offers, and has found any. */
    uint64_t scan_next, offer_at_ms;
    bool round_offers, round_found;
};

struct nodes {
    struct node **at; /* by number; NULL: free */
    uint32_t room;
    uint32_t count;
    uint32_t free_from; /* none below is free */
    struct table table;
    struct list bygones; /* the eldest first */
    uint32_t bygone_count;
};

/* ERR_NOMEM. */
int nodes_init(struct nodes *ns, uint64_t hash_key);
void nodes_fini(struct nodes *ns);

/* The number of `id`, with a reference for the caller. 0: no memory, or too many. */
uint16_t nodes_take(struct nodes *ns, const struct guid *id);

/* 0: not known. No reference. */
uint16_t nodes_find(const struct nodes *ns, const struct guid *id);

static inline struct node *nodes_at(const struct nodes *ns, uint32_t number)
{
    return ns->at[number];
}

/* 0 is harmless in both. */
void nodes_share(struct nodes *ns, uint32_t number);
void nodes_drop(struct nodes *ns, uint32_t number);

/* Copies. False: no memory. */
bool nodes_set_name(struct node *n, struct bytes name);

#endif
