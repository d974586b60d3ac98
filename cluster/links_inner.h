/* Links, as the other files of cluster/ use them: dialling, greeting, ending (links.c). */
#ifndef CLUSTER_LINKS_INNER_H
#define CLUSTER_LINKS_INNER_H

#include "cluster/members.h"

/* Closes it from here; what depends on it is told at once. */
void links_give_up(struct cluster *c, struct link *link, const char *reason);

/* Likewise; routine: nothing is wrong, people need not read of it. */
void links_give_up_as(struct cluster *c, struct link *link, const char *reason,
                      bool is_routine);

/* The newer link of the same member and lane takes its place, with no moment without one: the
 * member is as reachable as before, and what was on its way can be said again at once. */
void links_replace(struct cluster *c, struct link *old, struct link *link);

/* Dials what is due: members without a link, seeds without a member. Returns when to look
 * again. */
uint64_t links_dial(struct cluster *c);

/* Greetings, the first message of a link. False: it was none, or is not for a link that is
 * not up. */
void links_greet(struct cluster *c, struct link *link, const struct msg *m);

/* Is this node's id the larger one? Of two links the one that it dialled is kept then. */
bool links_is_larger(const struct cluster *c, const struct member *m);

enum {
    LINKS_GREETING_MS = 2000,  /* for HELLO, or its answer */
    LINKS_WAIT_FIRST_MS = 100, /* before the first new dial */
    LINKS_WAIT_MAX_MS = 2000,
    /* How long after the greeting the other side may not know of it, and refuse one that we
       dial. */
    LINKS_BOTH_DIALLED_MS = 1500,
};

struct link *links_find(const struct cluster *c, uint64_t id);

/* Was that address told by the driver? Such a node all others know, too, as a rule. */
bool links_is_seed(const struct cluster *c, struct bytes address);

/* An address to dial, told by a member. */
void links_hearsay(struct cluster *c, struct bytes address);

#endif
