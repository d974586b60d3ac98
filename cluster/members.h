/* Who else is in the cluster. */
#ifndef CLUSTER_MEMBERS_H
#define CLUSTER_MEMBERS_H

#include "cluster/state.h"

int members_init(struct cluster *c);
void members_fini(struct cluster *c);
uint64_t members_deadline_ms(const struct cluster *c);
void members_tick(struct cluster *c);
void members_drain(struct cluster *c);
bool members_are_joined(const struct cluster *c);
size_t members_count(const struct cluster *c);
size_t members_link_count(const struct cluster *c);

#endif
