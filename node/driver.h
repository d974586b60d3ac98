/* driver -- carries events into the core and its effects out: HTTP exchanges on one side,
 * handlers and peers on the other. It translates and decides nothing; the core decides.
 *
 * Everything it is given must outlive it. All calls on the loop thread.
 */
#ifndef NODE_DRIVER_H
#define NODE_DRIVER_H

#include "auth/auth.h"
#include "core/core.h"
#include "dialects/dialect.h"
#include "gate.h"
#include "handlers/handler.h"
#include "http/http_server.h"
#include "io/loop.h"

struct driver;

/* How a configured function is run: same order as the core's functions. */
struct driver_target {
    const struct handler *handler;
    struct handler_target *target;
};

/* One line of what was served, for metrics. */
struct driver_served {
    const struct dialect *dialect; /* NULL: none took it */
    uint16_t code;
    uint64_t duration_us;
};

struct driver_config {
    struct loop *loop;
    struct core *core;
    const struct dialect_config *dialects;
    const struct driver_target *targets;
    struct gate *gate; /* NULL: no client is limited */
    struct auth *auth; /* NULL: everybody may do everything */
    void *owner;
    void (*on_served)(void *owner, const struct driver_served *served);
    /* The core's timer rang so late: the loop was busy with something else. */
    void (*on_lag)(void *owner, uint64_t late_ms);
    /* An effect of the cluster for its links. May be NULL on a single node. */
    void (*on_link)(void *owner, enum cluster_effect_kind kind, struct link_effect *link);
    /* One attempt to bring a callback to its URL: ends in core_webhook_done(), and
     * driver_pump() unless it is from inside this call. */
    void (*on_webhook)(void *owner, const struct webhook_attempt *attempt);
    void (*on_webhook_stop)(void *owner, uint64_t id);
    /* Reports of nodes, for the admin address. */
    void (*on_survey)(void *owner, const struct core_survey *survey);
    void (*on_drained)(void *owner);
    /* After http_server_drain(): the last client is gone. */
    void (*on_empty)(void *owner);
};

/* NULL: out of memory. */
struct driver *driver_new(const struct driver_config *config);

/* The end begins: nothing is timed any more, so that the loop can run empty. */
void driver_stop(struct driver *d);

/* The exchanges must have had their last word before. */
void driver_free(struct driver **d);

/* For the API's struct http_server_config; `owner` is the driver. */
bool driver_on_head(void *owner, struct http_exchange *x);
void driver_on_request(void *owner, struct http_exchange *x);
void driver_on_sent(void *owner, struct http_exchange *x, bool complete);
void driver_on_gone(void *owner, struct http_exchange *x);
void driver_on_empty(void *owner);

/* For struct handler_env. */
void driver_on_done(void *owner, uint64_t execution_id, struct execution_outcome *outcome);

/* Carries out what the core wants, after any call into the core from elsewhere. */
void driver_pump(struct driver *d);

#endif
