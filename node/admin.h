/* The admin address (API.md section 9): health, metrics, the cluster, queues, draining, and
 * Jube's queue balance rows. For operators and their tools, not for clients.
 *
 * Answers from what the core and the budget know at this moment; keeps no state but the
 * balance rows, one a minute.
 */
#ifndef NODE_ADMIN_H
#define NODE_ADMIN_H

#include "auth/auth.h"
#include "balance.h"
#include "base/budget.h"
#include "core/core.h"
#include "http/http_server.h"
#include "io/loop.h"

struct admin;

struct admin_config {
    struct loop *loop;
    struct core *core;
    const struct budget *budget;
    struct bytes node_name;
    struct guid node_id;
    struct bytes cluster_name;
    bool available;
    uint64_t started_at_ms;       /* wall clock */
    struct auth *auth;            /* NULL: everybody may see everything */
    bool open_metrics;            /* /metrics without a key all the same */
    struct balance_model *models; /* of each function; from malloc(), taken */
    void *owner;
    void (*on_drain)(void *owner);                      /* POST /v1/drain */
    void (*pump)(void *owner);                          /* after calls into the core */
    void (*add_metrics)(void *owner, struct text *out); /* the body of GET /metrics */
};

/* NULL: out of memory. */
struct admin *admin_new(const struct admin_config *config);

/* The end begins: nothing is timed any more. Exchanges may still have their last word. */
void admin_stop(struct admin *a);
void admin_free(struct admin **a);

/* For the admin server's struct http_server_config; `owner` is the admin. */
bool admin_on_head(void *owner, struct http_exchange *x);
void admin_on_request(void *owner, struct http_exchange *x);
void admin_on_sent(void *owner, struct http_exchange *x, bool complete);
void admin_on_gone(void *owner, struct http_exchange *x);

/* For struct driver_config: other nodes ask, or answer. */
void admin_on_survey(struct admin *a, const struct core_survey *survey);

#endif
