/* How nodes hear of each other: the list of members (PEERS), and when it is asked for.
 *
 * PING and PONG carry a hash over the ids that their sender holds for alive. Who meets another
 * hash asks one of those who sent it, by an empty PEERS, and is told its list. What is told are
 * addresses to dial; it is the dialling that makes two nodes known to each other, so it is
 * enough that one of the two has heard.
 *
 * Few lists. A newcomer asks each of its seeds as it meets it, and then dials all others
 * itself, so these need no list. Of two that came to the same seed the later one is told of the
 * earlier one, so nothing else is needed where nodes have a seed in common and it works. While
 * newcomers dial every hash differs, so only a difference that lasts makes a node ask. N nodes
 * that start cost N lists for each of their seeds, and a difference that lasts one list a node
 * and second, whatever the number of its links. */
#ifndef CLUSTER_PEERS_H
#define CLUSTER_PEERS_H

#include "cluster/members.h"

/* Its control link is up. */
void peers_greeted(struct cluster *c, struct member *m);

/* The hash that `from` has sent. */
void peers_compare(struct cluster *c, struct member *from, uint64_t hash);

/* PEERS: a question if it is empty, else the answer, or a part of it. */
void peers_on_message(struct cluster *c, struct member *from, const struct msg_peers *m);

#endif
