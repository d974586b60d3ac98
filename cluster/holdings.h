/* What each tenant holds at this node, in bytes: entries, requests and callbacks. Kept beside
 * the budget, which knows no tenants: everything of an entry whose size its client chose passes
 * here. The sum by tenant is cluster_tenant_bytes(). */
#ifndef CLUSTER_HOLDINGS_H
#define CLUSTER_HOLDINGS_H

#include "cluster/state.h"

/* `size` bytes more, or less, belong to inv. */
void holdings_add(struct cluster *c, const struct invocation *inv, size_t size);
void holdings_take(struct cluster *c, const struct invocation *inv, size_t size);

/* Makes `request` (whose reference is taken) that of the entry, which has a side struct, in
 * place of an earlier one. */
void holdings_set_request(struct cluster *c, struct invocation *inv, struct request *request);

/* Its body has come, after the rest; the reference is taken. */
void holdings_set_request_body(struct cluster *c, struct invocation *inv, struct buf *body);

void holdings_drop_request(struct cluster *c, struct invocation *inv);

#endif
