/* peering -- joins the links to other nodes (node/peers) with the cluster in the core: what
 * happens on a link goes in, what the cluster wants of its links comes out, and what people
 * should know is logged. Decides nothing. */
#ifndef NODE_PEERING_H
#define NODE_PEERING_H

#include "config/config.h"
#include "core/core.h"
#include "driver.h"
#include "io/loop.h"
#include "obs/log.h"
#include "peers/peers.h"

struct peering;

struct peering_config {
    struct loop *loop;
    const struct config *settings;
    struct budget *budget;
    struct tls *tls; /* NULL: plain links. The caller's, until the loop has run empty */
};

/* Listens; the core comes later, with peering_start(). ERR_INUSE, ERR_IO, ERR_MALFORMED,
 * ERR_NOMEM: `em` says it. */
int peering_open(struct peering **out, const struct peering_config *config, struct errmsg *em);

/* From here on events go to the core. Before the loop turns for the first time. */
void peering_start(struct peering *p, struct core *core, struct driver *driver,
                   struct log *log);

/* Where peers reach this node: cluster.advertise, or what cluster.listen was bound to. */
struct bytes peering_advertised(const struct peering *p);
struct bytes peering_address(const struct peering *p);

/* For struct driver_config.on_link. */
void peering_dispatch(struct peering *p, enum cluster_effect_kind kind,
                      struct link_effect *link);

/* The files of TLS were read anew: links of peers that they let in no more are renewed, or end.
 */
void peering_review(struct peering *p);

/* Bytes by peer and lane, for metrics; the counters of the links. */
const struct peers *peering_peers(const struct peering *p);

void peering_close(struct peering **p); /* accepts a pointer to NULL */

#endif
