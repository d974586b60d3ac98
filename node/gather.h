/* gather -- answers of the admin address that need every node: each is asked for its report
 * (report.h), and what came within the survey's time is put together.
 *
 * Owns the waiting exchanges of these routes. One report a node; a node that does not answer in
 * time is left out, which the answer shows by not naming it.
 */
#ifndef NODE_GATHER_H
#define NODE_GATHER_H

#include "balance.h"
#include "core/core.h"
#include "http/http_server.h"
#include "io/loop.h"

struct gather;

enum gather_topic { GATHER_QUEUES = 'q', GATHER_BALANCE = 'b', GATHER_MODEL_BALANCE = 'm' };

struct gather_config {
    struct loop *loop;
    struct core *core;
    const struct balance *balance; /* this node's rows */
    struct bytes node_name;
    void *owner;
    void (*pump)(void *owner); /* after calls into the core */
};

/* NULL: out of memory. */
struct gather *gather_new(const struct gather_config *config);
void gather_free(struct gather **g);

/* Answers the exchange now or later. */
void gather_begin(struct gather *g, struct http_exchange *x, enum gather_topic topic);

/* The exchange had its last word. */
void gather_end(struct gather *g, struct http_exchange *x);

/* For struct driver_config.on_survey. */
void gather_on_survey(struct gather *g, const struct core_survey *survey);

#endif
