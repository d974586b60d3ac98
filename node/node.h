/* node -- the composition root: makes every module from the configuration, joins them, and
 * ends them in reverse. The only place that sees everything; it decides nothing about
 * invocations.
 *
 * Life: node_new(), node_run() until it has drained, node_free(), which asserts that no handle
 * and no charged byte is left.
 */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include "base/err.h"
#include "config/config.h"

struct node;

/* Opens everything or nothing. ERR_INUSE, ERR_IO, ERR_NOMEM: the system refused (exit 1).
 * ERR_MALFORMED, ERR_NOTFOUND: the configuration asks for what cannot be (exit 2). `em` says
 * what. `config` must outlive the node. */
int node_new(struct node **out, const struct config *config, struct errmsg *em);

/* Serves until SIGTERM, SIGINT or POST /v1/drain has been carried out. */
void node_run(struct node *n);

void node_free(struct node **n);

#endif
