/* Links, as the other files of cluster/ use them: dialling, greeting, ending (links.c). */
#ifndef CLUSTER_LINKS_INNER_H
#define CLUSTER_LINKS_INNER_H

#include "cluster/members.h"

/* Closes it from here; what depends on it is told at once. */
void links_give_up(struct cluster *c, struct link *link, const char *reason);

/* Dials what is due: members without a link, seeds without a member. Returns when to look
 * again. */
uint64_t links_dial(struct cluster *c);

/* Greetings, the first message of a link. False: it was none, or is not for a link that is
 * not up. */
void links_greet(struct cluster *c, struct link *link, const struct msg *m);

struct link *links_find(const struct cluster *c, uint64_t id);

/* An address to dial, told by a member. */
void links_hearsay(struct cluster *c, struct bytes address);

#endif
