/* clients -- what each client asks of this node, and whether it may ask more just now
 * (limits.client.*): a token bucket for its requests, and counts of those that are being
 * served and of those that wait.
 *
 * Pure: time is given, nothing is read or written. It knows nothing of HTTP, and not what a
 * client is beyond its id. The table is bounded: a client that has nothing going on and a full
 * bucket is forgotten, for it is the same as a new one; when the table is full, the one that
 * has been quiet longest is. Milliseconds, monotonic. */
#ifndef NODE_CLIENTS_CLIENTS_H
#define NODE_CLIENTS_CLIENTS_H

#include "clients/client_id.h"

#define CLIENTS_KNOWN_MIN 65536u /* remembered at once, at least */

struct clients;
struct client;

/* Of one client. 0 means not limited. */
struct clients_limits {
    uint32_t rate;        /* requests a second */
    uint32_t burst;       /* requests at once that may come on top; 0: as many as `rate` */
    uint32_t concurrency; /* requests being served */
    uint32_t parked;      /* of them, GETs that wait for a callback */
};

struct clients_config {
    uint32_t known_max; /* not fewer than can be served at once */
    uint64_t seed;      /* makes collisions unpredictable */
};

enum clients_verdict {
    CLIENTS_MAY,
    CLIENTS_TOO_FAST,
    CLIENTS_TOO_MANY,
    CLIENTS_NO_MEMORY,
};

/* NULL: out of memory. */
struct clients *clients_new(const struct clients_config *config);

/* Everybody must have left. */
void clients_free(struct clients **cs);

/* A request of that client has come, whose limits are these from now on. CLIENTS_MAY: *out is
 * its client, until clients_leave(); else *out is NULL and nothing is counted: it may come
 * again a second later. */
enum clients_verdict clients_enter(struct clients *cs, uint64_t now_ms,
                                   const struct client_id *id,
                                   const struct clients_limits *limits, struct client **out);

/* The request's last word is said. Clears *c; accepts a pointer to NULL. */
void clients_leave(struct clients *cs, uint64_t now_ms, struct client **c);

/* The request is going to wait. False: as many of its client's wait as may. */
bool clients_park(struct client *c);
void clients_unpark(struct client *c);

/* How many are remembered. */
uint32_t clients_known(const struct clients *cs);

#endif
