/* Between the cores and the virtual network: what node/peers does in the real node. Carries
 * out the link effects of a core, and tells it what the network did. */
#ifndef TESTS_SIM_WIRE_H
#define TESTS_SIM_WIRE_H

#include "cluster/links.h"
#include "parcel.h"

struct sim;
struct host;
struct net_end;

/* A link effect of `h`. */
void wire_effect(struct host *h, const struct cluster_effect *fx);

/* From the network. `conn` is the connection's number there. */
void wire_opened(struct host *h, uint64_t link, uint32_t conn);
void wire_accepted(struct host *h, uint32_t conn);
void wire_failed(struct host *h, uint64_t link, enum link_end why);
void wire_closed(struct host *h, uint64_t link, enum link_end why);

/* The host at that end wants another connection in place of this one. */
void wire_renew(struct sim *s, const struct net_end *end);

void wire_received(struct host *h, uint64_t link, struct parcel *parcel);

/* The bytes waiting in the system for this link have become few again. */
void wire_drained(struct host *h, uint64_t link);

/* The core asked for the close of `link`, and it is done. */
void wire_close_done(struct host *h, uint64_t link);

/* The core has said all it had to say for now. True: it was told something, ask it again. */
bool wire_turn_ends(struct host *h);

/* Addresses out of the resolver, as every few seconds. */
void wire_seed(struct host *h);

#endif
