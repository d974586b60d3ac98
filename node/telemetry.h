/* What the node counts and logs while it serves: the driver's view for GET /metrics, and the
 * lines that tell its life. Decides nothing. */
#ifndef NODE_TELEMETRY_H
#define NODE_TELEMETRY_H

#include "base/budget.h"
#include "core/core.h"
#include "driver.h"
#include "encryption.h"
#include "gate.h"
#include "http/http_server.h"
#include "obs/log.h"
#include "peers/peers.h"

struct telemetry;

struct telemetry_config {
    struct bytes node_name;
    const struct budget *budget;
    struct loop *loop;
    struct log *log;
    const struct encryption *encryption;
};

/* NULL: out of memory. */
struct telemetry *telemetry_new(const struct telemetry_config *config);
void telemetry_free(struct telemetry **t);

/* For struct driver_config. */
void telemetry_served(struct telemetry *t, const struct driver_served *served);

/* The loop's timer rang so much later than it was set to. */
void telemetry_lag(struct telemetry *t, uint64_t late_ms);

/* The text of GET /metrics. `peers`: NULL on a single node. */
struct telemetry_view {
    const struct core *core;
    const struct http_server *api;
    const struct peers *peers;
    const struct gate *gate; /* NULL: no client is limited */
};
void telemetry_print(struct telemetry *t, const struct telemetry_view *view, struct text *out);

#endif
