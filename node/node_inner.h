/* The node, as its own files use it: node.c is its life and its end, node_start.c makes it. */
#ifndef NODE_NODE_INNER_H
#define NODE_NODE_INNER_H

#include "node.h"

#include "admin.h"
#include "driver.h"
#include "encryption.h"
#include "gate.h"
#include "handlers/webhook_sender.h"
#include "io/memory_return.h"
#include "io/signals.h"
#include "io/timer.h"
#include "io/turn_end.h"
#include "obs/log.h"
#include "peering.h"
#include "telemetry.h"

struct node {
    const struct config *config;
    struct loop *loop;
    struct log *log;
    struct telemetry *telemetry;
    struct budget budget;  /* limits.store_bytes: for what comes in new, */
    struct budget results; /* and for what may use what is promised */
    struct guid node_id;
    struct signals *signals;
    struct timer *end_timer;
    struct turn_end *turn_end;
    struct memory_return memory_return;
    struct dialect_config dialects;
    struct handler_env env;
    struct driver_target *targets;
    struct encryption encryption;
    struct peering *peering; /* NULL: a single node */
    struct auth *auth;       /* NULL: no keys are asked for */
    struct core *core;
    struct gate *gate; /* NULL: no client is limited */
    struct driver *driver;
    struct admin *admin;
    struct webhook_sender *webhooks;
    struct webhook_allow allow;
    struct http_server *api, *admin_server;
    bool draining, delay_over, drained, closing, finishing, ended;
};

/* --- node_start.c ------------------------------------------------------------------------- */

/* Makes all of it, and says that it is ready. Errors as node_new(): what has been made is for
 * node_free() to end. */
int node_start(struct node *n, struct errmsg *em);

/* --- node.c: what its parts tell it about the end ------------------------------------------
 */

void node_drain(void *owner);
void node_on_drained(void *owner);
void node_on_no_client(void *owner);
void node_on_end_timer(void *owner);
void node_on_signal(void *owner, int number);

#endif
