/* Bytes by peer and lane, for metrics: they outlive the links that carried them. Names come
 * from peers, so there is a limit on how many are remembered; whoever comes later is counted
 * under the name "other". */
#ifndef NODE_PEERS_TRAFFIC_H
#define NODE_PEERS_TRAFFIC_H

#include "peers/peers.h"

#define TRAFFIC_PEERS_MAX 256u

struct traffic_entry {
    uint64_t sent_size[LANE_COUNT], received_size[LANE_COUNT];
    uint32_t name_size;
    char name[MSG_NAME_MAX];
};

struct traffic {
    struct traffic_entry *entries[TRAFFIC_PEERS_MAX]; /* owned; they never move */
    size_t count;
    struct traffic_entry other;
};

void traffic_fini(struct traffic *t);

/* The entry of that peer, made when there is none. Never NULL; lives as long as `t`. */
struct traffic_entry *traffic_of(struct traffic *t, struct bytes name);

bool traffic_at(const struct traffic *t, size_t n, struct peers_traffic *out);

#endif
