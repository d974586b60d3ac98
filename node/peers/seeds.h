/* Where other nodes may be found: static addresses, and names whose addresses are asked for,
 * for ever. Knows no links: it only says addresses, again and again, to whoever opened it. */
#ifndef NODE_PEERS_SEEDS_H
#define NODE_PEERS_SEEDS_H

#include "base/bytes.h"
#include "base/err.h"
#include "io/loop.h"

#define SEEDS_ALONE_MS  5000u  /* between two rounds while no other node is linked */
#define SEEDS_JOINED_MS 15000u /* and later */

struct seeds;

struct seeds_events {
    void (*on_seed)(void *owner, struct bytes address); /* HOST:PORT */
    bool (*is_joined)(void *owner);                     /* asked once a round */
    void *owner;
};

/* HOST:PORT (a name is left for the dialler to resolve), or dns:NAME:PORT (every address of the
 * name). Copied. */
struct seeds_list {
    const struct bytes *at;
    size_t count;
};

/* The first round comes with the first turn of the loop. ERR_MALFORMED: one of the list, named
 * in `em`. ERR_NOMEM. */
int seeds_open(struct seeds **out, struct loop *l, struct seeds_list list,
               const struct seeds_events *events, struct errmsg *em);

void seeds_close(struct seeds **s); /* accepts a pointer to NULL */

#endif
