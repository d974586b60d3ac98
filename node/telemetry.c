#include "telemetry.h"

#include "obs/metrics.h"
#include "obs/metrics_sample.h"

#include <stdlib.h>

struct telemetry {
    struct telemetry_config config;
    struct metrics metrics;
};

struct telemetry *telemetry_new(const struct telemetry_config *config)
{
    struct telemetry *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return NULL;
    }
    t->config = *config;
    for (size_t i = 0; i < dialect_count && i < METRICS_DIALECTS_MAX; i++) {
        t->metrics.dialects[i] = dialects[i]->name;
    }
    return t;
}

void telemetry_free(struct telemetry **t)
{
    free(*t);
    *t = NULL;
}

static size_t index_of(const struct dialect *dialect)
{
    size_t i = 0;
    while (i + 1 < dialect_count && dialects[i] != dialect) {
        i++;
    }
    return i; /* the last one answers for what no dialect took */
}

void telemetry_served(struct telemetry *t, const struct driver_served *served)
{
    metrics_http_request(&t->metrics, index_of(served->dialect), served->code,
                         served->duration_us);
}

void telemetry_lag(struct telemetry *t, uint64_t late_ms)
{
    metrics_loop_lag(&t->metrics, loop_now_ms(t->config.loop), late_ms * 1000);
}

void telemetry_print(struct telemetry *t, const struct core *core,
                     const struct http_server *api, struct text *out)
{
    struct metrics_sample sample = {
        .node_name = t->config.node_name,
        .store_size = t->config.budget->used,
        .store_limit = t->config.budget->limit,
        .log_dropped = log_dropped(t->config.log),
        .connections = http_server_connection_count(api),
    };
    metrics_sample_core(&sample, core, loop_now_ms(t->config.loop));
    metrics_print(&t->metrics, &sample, out);
}
