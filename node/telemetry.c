#include "telemetry.h"

#include "obs/metrics.h"
#include "obs/metrics_sample.h"

#include <stdlib.h>

#define LINKS_MAX       1024u /* rows: peers times lanes; peers/ remembers fewer */
#define LINK_EVENTS_MAX 64u
#define TLS_MAX         32u

struct telemetry {
    struct telemetry_config config;
    struct metrics metrics;
    struct metrics_link links[LINKS_MAX];
    struct metrics_count link_events[LINK_EVENTS_MAX];
    struct metrics_tls tls[TLS_MAX];
    struct metrics_end ends[2];
    struct metrics_count turned_down[GATE_REASON_COUNT];
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

/* What the links to other nodes have counted. */
static void sample_links(struct telemetry *t, const struct peers *peers,
                         struct metrics_sample *out)
{
    struct peers_traffic traffic;
    struct metrics_count count;
    out->links = t->links;
    out->link_events = t->link_events;
    for (size_t n = 0; peers_traffic_at(peers, n, &traffic); n++) {
        bool used = traffic.sent_size > 0 || traffic.received_size > 0;
        if (used && out->link_count < LINKS_MAX) {
            t->links[out->link_count++] = (struct metrics_link){
                traffic.peer, traffic.lane, traffic.sent_size, traffic.received_size};
        }
    }
    for (size_t n = 0; peers_counter_at(peers, n, &count.name, &count.value); n++) {
        if (n < LINK_EVENTS_MAX) {
            t->link_events[out->link_event_count++] = count;
        }
    }
}

/* What the gate has counted. */
static void sample_gate(struct telemetry *t, const struct gate *gate,
                        struct metrics_sample *out)
{
    struct metrics_count count;
    out->turned_down = t->turned_down;
    out->clients_known = gate_known(gate);
    for (size_t n = 0; gate_refused_at(gate, n, &count.name, &count.value); n++) {
        t->turned_down[out->turned_down_count++] = count;
    }
}

void telemetry_print(struct telemetry *t, const struct telemetry_view *view, struct text *out)
{
    struct metrics_sample sample = {
        .node_name = t->config.node_name,
        .store_size = t->config.budget->used,
        .store_limit = t->config.budget->limit,
        .log_dropped = log_dropped(t->config.log),
        .connections = http_server_connection_count(view->api),
        .connections_refused = http_server_turned_away(view->api),
        .connections_made_way = http_server_made_way(view->api),
    };
    metrics_sample_core(&sample, view->core, loop_now_ms(t->config.loop));
    sample_gate(t, view->gate, &sample);
    sample.ends = t->ends;
    sample.end_count = encryption_ends(t->config.encryption, t->ends);
    sample.tls = t->tls;
    sample.tls_count = encryption_sample(t->config.encryption, t->tls, TLS_MAX);
    if (view->peers != NULL) {
        sample_links(t, view->peers, &sample);
    }
    metrics_print(&t->metrics, &sample, out);
}
