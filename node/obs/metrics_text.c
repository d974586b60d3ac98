/* The table of metrics, and how its rows become text. One row, one printer: a metric that is
 * not in the table is not told, and a row tells HELP and TYPE before its samples. */
#include "obs/metrics.h"

#include <assert.h>
#include <inttypes.h>

const struct metrics_refusal metrics_refusals[] = {
    {OUT_UNKNOWN_FUNCTION, "unknown-function"},
    {OUT_QUEUE_FULL, "queue-full"},
    {OUT_TENANT_FULL, "tenant-full"},
    {OUT_DRAINING, "draining"},
    {OUT_NO_MEMORY, "out-of-memory"},
    {OUT_NO_QUORUM, "no-quorum"},
    {OUT_NOT_REPLICATED, "not-replicated"},
    {OUT_IDEMPOTENCY_MISMATCH, "idempotency-mismatch"},
    {OUT_ID_IN_USE, "id-in-use"},
    {OUT_BAD_REQUEST, "bad-request"},
};
const size_t metrics_refusal_count = sizeof metrics_refusals / sizeof metrics_refusals[0];

struct page {
    const struct metrics *metrics;
    const struct metrics_sample *sample;
    struct text *out;
};

struct row {
    const char *name;
    const char *type;
    const char *help;
    void (*print)(const struct page *page, const struct row *row);
    uint64_t (*of_function)(const struct function *f); /* for print_functions */
    size_t offset;                                     /* for print_cluster */
};

/* A label's value: backslash, quote and newline escaped (exposition format 0.0.4). */
static void add_label_value(struct text *out, struct bytes value)
{
    text_add_char(out, '"');
    for (size_t i = 0; i < value.size; i++) {
        char c = (char)value.at[i];
        if (c == '\\' || c == '"') {
            text_add_char(out, '\\');
            text_add_char(out, c);
        } else if (c == '\n') {
            text_add_str(out, "\\n");
        } else {
            text_add_char(out, c);
        }
    }
    text_add_char(out, '"');
}

/* name{label="value"} and a space; `label` NULL: none. */
static void begin_sample(struct text *out, const char *name, const char *label,
                         struct bytes value)
{
    text_add_str(out, name);
    if (label != NULL) {
        text_add_char(out, '{');
        text_add_str(out, label);
        text_add_char(out, '=');
        add_label_value(out, value);
        text_add_char(out, '}');
    }
    text_add_char(out, ' ');
}

static void end_sample(struct text *out, uint64_t value)
{
    text_add_num(out, value);
    text_add_char(out, '\n');
}

/* Microseconds as decimal seconds, without floating point. */
static void add_seconds(struct text *out, uint64_t us)
{
    text_add_num(out, us / 1000000);
    uint64_t rest = us % 1000000;
    if (rest > 0) {
        char digits[7] = {0};
        size_t n = 6;
        for (size_t i = 6; i > 0; i--) {
            digits[i - 1] = (char)('0' + rest % 10);
            rest /= 10;
        }
        while (digits[n - 1] == '0') {
            n--;
        }
        text_add_char(out, '.');
        text_add(out, bytes_of(digits, n));
    }
}

struct histogram {
    const uint64_t *counts;
    const uint32_t *bounds;
    size_t bound_count;
    uint32_t us_per_bound; /* what one unit of `bounds` is */
    uint64_t total_us;
};

static void begin_part(struct text *out, const struct row *row, const char *part,
                       struct bytes function)
{
    text_addf(out, "%s_%s", row->name, part);
    if (function.size > 0) {
        text_add_str(out, "{function=");
        add_label_value(out, function);
        text_add_char(out, '}');
    }
    text_add_char(out, ' ');
}

/* Buckets are cumulative, as the format wants them. `function` empty: no such label. */
static void print_histogram(struct text *out, const struct row *row, const struct histogram *h,
                            struct bytes function)
{
    uint64_t sum = 0;
    for (size_t i = 0; i <= h->bound_count; i++) {
        sum += h->counts[i];
        text_addf(out, "%s_bucket{", row->name);
        if (function.size > 0) {
            text_add_str(out, "function=");
            add_label_value(out, function);
            text_add_char(out, ',');
        }
        text_add_str(out, "le=\"");
        if (i < h->bound_count) {
            add_seconds(out, (uint64_t)h->bounds[i] * h->us_per_bound);
        } else {
            text_add_str(out, "+Inf");
        }
        text_add_str(out, "\"} ");
        end_sample(out, sum);
    }
    begin_part(out, row, "sum", function);
    add_seconds(out, h->total_us);
    text_add_char(out, '\n');
    begin_part(out, row, "count", function);
    end_sample(out, sum);
}

static void print_functions(const struct page *p, const struct row *row)
{
    uint32_t count = p->sample->functions == NULL ? 0 : functions_count(p->sample->functions);
    for (uint32_t i = 0; i < count; i++) {
        const struct function *f = functions_at(p->sample->functions, i);
        begin_sample(p->out, row->name, "function", f->spec.name);
        end_sample(p->out, row->of_function(f));
    }
}

static void print_here(const struct page *p, const struct row *row)
{
    uint32_t count = p->sample->functions == NULL ? 0 : functions_count(p->sample->functions);
    for (uint32_t i = 0; i < count; i++) {
        const struct function *f = functions_at(p->sample->functions, i);
        text_addf(p->out, "%s{function=", row->name);
        add_label_value(p->out, f->spec.name);
        text_addf(p->out, ",state=\"pending\"} %" PRIu32 "\n%s{function=", f->pending,
                  row->name);
        add_label_value(p->out, f->spec.name);
        text_addf(p->out, ",state=\"ready\"} %" PRIu64 "\n", f->stats.ready);
    }
}

static void print_unaccounted(const struct page *p, const struct row *row)
{
    uint32_t count = p->sample->functions == NULL ? 0 : functions_count(p->sample->functions);
    for (uint32_t i = 0; i < count; i++) {
        const struct function *f = functions_at(p->sample->functions, i);
        begin_sample(p->out, row->name, "function", f->spec.name);
        text_addf(p->out, "%" PRId64 "\n", function_unaccounted(f));
    }
}

static void print_function_durations(const struct page *p, const struct row *row)
{
    uint32_t count = p->sample->functions == NULL ? 0 : functions_count(p->sample->functions);
    for (uint32_t i = 0; i < count; i++) {
        const struct function *f = functions_at(p->sample->functions, i);
        struct histogram h = {.counts = f->stats.duration_count,
                              .bounds = function_duration_bounds_ms,
                              .bound_count = DURATION_BUCKETS,
                              .us_per_bound = 1000,
                              .total_us = f->stats.duration_total_ms * 1000};
        print_histogram(p->out, row, &h, f->spec.name);
    }
}

static void print_http_durations(const struct page *p, const struct row *row)
{
    struct histogram h = {.counts = p->metrics->http_duration_count,
                          .bounds = metrics_http_bounds_us,
                          .bound_count = METRICS_HTTP_BUCKETS,
                          .us_per_bound = 1,
                          .total_us = p->metrics->http_duration_total_us};
    print_histogram(p->out, row, &h, bytes_of(NULL, 0));
}

static void print_http_requests(const struct page *p, const struct row *row)
{
    for (size_t d = 0; d < METRICS_DIALECTS_MAX; d++) {
        for (size_t code = 0; code < METRICS_CODES; code++) {
            uint64_t n = p->metrics->http_requests[d][code];
            if (n == 0) {
                continue;
            }
            const char *dialect = p->metrics->dialects[d];
            text_addf(p->out, "%s{dialect=", row->name);
            add_label_value(p->out, bytes_text(dialect == NULL ? "none" : dialect));
            text_addf(p->out, ",code=\"%zu\"} ", code);
            end_sample(p->out, n);
        }
    }
}

static void print_refused(const struct page *p, const struct row *row)
{
    for (size_t i = 0; i < metrics_refusal_count; i++) {
        const struct metrics_refusal *r = &metrics_refusals[i];
        begin_sample(p->out, row->name, "reason", bytes_text(r->reason));
        end_sample(p->out, p->sample->refused[r->outcome]);
    }
}

static void print_members(const struct page *p, const struct row *row)
{
    static const char *const states[] = {
        [MEMBER_ALIVE] = "alive",
        [MEMBER_SUSPECT] = "suspect",
        [MEMBER_DEAD] = "dead",
        [MEMBER_LEAVING] = "leaving",
    };
    for (size_t state = MEMBER_ALIVE; state <= MEMBER_LEAVING; state++) {
        begin_sample(p->out, row->name, "state", bytes_text(states[state]));
        end_sample(p->out, p->sample->members[state]);
    }
}

static void print_links(const struct page *p, const struct row *row)
{
    static const char *const lanes[] = {[LANE_CONTROL] = "control", [LANE_BULK] = "bulk"};
    for (size_t i = 0; i < p->sample->link_count; i++) {
        const struct metrics_link *link = &p->sample->links[i];
        const uint64_t *size = (const void *)((const char *)link + row->offset);
        text_addf(p->out, "%s{peer=", row->name);
        add_label_value(p->out, link->peer);
        text_addf(p->out, ",lane=\"%s\"} ", lanes[link->lane]);
        end_sample(p->out, *size);
    }
}

static void print_link_events(const struct page *p, const struct row *row)
{
    for (size_t i = 0; i < p->sample->link_event_count; i++) {
        const struct metrics_count *event = &p->sample->link_events[i];
        begin_sample(p->out, row->name, "event", bytes_text(event->name));
        end_sample(p->out, event->value);
    }
}

static void print_tls(const struct page *p, const struct row *row)
{
    for (size_t i = 0; i < p->sample->tls_count; i++) {
        const struct metrics_tls *tls = &p->sample->tls[i];
        text_addf(p->out, "%s{port=\"%s\",result=\"%s\"} ", row->name, tls->port,
                  tls->count.name);
        end_sample(p->out, tls->count.value);
    }
}

static void print_ends(const struct page *p, const struct row *row)
{
    for (size_t i = 0; i < p->sample->end_count; i++) {
        begin_sample(p->out, row->name, "port", bytes_text(p->sample->ends[i].port));
        end_sample(p->out, p->sample->ends[i].at_s);
    }
}

static void print_turned_down(const struct page *p, const struct row *row)
{
    for (size_t i = 0; i < p->sample->turned_down_count; i++) {
        const struct metrics_count *reason = &p->sample->turned_down[i];
        begin_sample(p->out, row->name, "reason", bytes_text(reason->name));
        end_sample(p->out, reason->value);
    }
}

static void print_claims(const struct page *p, const struct row *row)
{
    const struct cluster_counters *c = p->sample->cluster;
    if (c == NULL) {
        return;
    }
    const struct {
        const char *result;
        uint64_t count;
    } results[] = {
        {"served", c->claims_served},       {"pending", c->claims_pending},
        {"gone", c->claims_gone},           {"unknown", c->claims_unknown},
        {"no-quorum", c->claims_no_quorum}, {"released", c->claims_released},
    };
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        begin_sample(p->out, row->name, "result", bytes_text(results[i].result));
        end_sample(p->out, results[i].count);
    }
}

static void print_cluster_events(const struct page *p, const struct row *row)
{
    const struct cluster_counters *c = p->sample->cluster;
    if (c == NULL) {
        return;
    }
#define PRINT_EVENT(EVENT)                                                                     \
    begin_sample(p->out, row->name, "event", bytes_text(#EVENT));                              \
    end_sample(p->out, c->EVENT);
    CLUSTER_COUNTERS(PRINT_EVENT)
#undef PRINT_EVENT
}

static void print_sample_number(const struct page *p, const struct row *row)
{
    const uint64_t *value = (const void *)((const char *)p->sample + row->offset);
    begin_sample(p->out, row->name, NULL, bytes_of(NULL, 0));
    end_sample(p->out, *value);
}

static void print_loop_lag(const struct page *p, const struct row *row)
{
    const struct metrics *m = p->metrics;
    uint64_t lag_us = m->lag_now_us > m->lag_before_us ? m->lag_now_us : m->lag_before_us;
    begin_sample(p->out, row->name, NULL, bytes_of(NULL, 0));
    add_seconds(p->out, lag_us);
    text_add_char(p->out, '\n');
}

static void print_build(const struct page *p, const struct row *row)
{
    text_addf(p->out, "%s{version=\"%s\",node=", row->name, CALLBACKD_VERSION);
    add_label_value(p->out, p->sample->node_name);
    text_add_str(p->out, "} 1\n");
}

#define FUNCTION_NUMBER(NAME, FIELD)                                                           \
    static uint64_t function_##NAME(const struct function *f)                                  \
    {                                                                                          \
        return f->FIELD;                                                                       \
    }
FUNCTION_NUMBER(accepted, stats.accepted)
FUNCTION_NUMBER(collected, stats.collected)
FUNCTION_NUMBER(expired, stats.expired)
FUNCTION_NUMBER(canceled, stats.canceled)
FUNCTION_NUMBER(failed, stats.failed)
FUNCTION_NUMBER(delivered, stats.delivered)
FUNCTION_NUMBER(taken_over, stats.taken_over)
FUNCTION_NUMBER(elsewhere, stats.elsewhere)
FUNCTION_NUMBER(retried, stats.retried)
FUNCTION_NUMBER(queued, queued)
FUNCTION_NUMBER(running, running)
FUNCTION_NUMBER(ready, stats.ready)
FUNCTION_NUMBER(ready_bytes, stats.ready_bytes)
#undef FUNCTION_NUMBER

#define SAMPLE(FIELD)                                                                          \
    .print = print_sample_number, .offset = offsetof(struct metrics_sample, FIELD)
#define LINK(FIELD)    .print = print_links, .offset = offsetof(struct metrics_link, FIELD)
#define FUNCTION(NAME) .print = print_functions, .of_function = function_##NAME

/* clang-format off */
static const struct row rows[] = {
    {"callbackd_invocations_accepted_total", "counter", "Invocations accepted here.",
     FUNCTION(accepted)},
    {"callbackd_callbacks_collected_total", "counter", "Callbacks handed over to a client.",
     FUNCTION(collected)},
    {"callbackd_callbacks_expired_total", "counter", "Orphans: nobody collected them in time.",
     FUNCTION(expired)},
    {"callbackd_callbacks_canceled_total", "counter", "Invocations canceled.",
     FUNCTION(canceled)},
    {"callbackd_callbacks_delivered_total", "counter", "Of those collected: by webhook.",
     FUNCTION(delivered)},
    {"callbackd_invocations_taken_over_total", "counter",
     "Orphans of nodes that died, which this node answers for now.", FUNCTION(taken_over)},
    {"callbackd_invocations_elsewhere_total", "counter",
     "Invocations of this node whose end another node has counted.", FUNCTION(elsewhere)},
    {"callbackd_invocations_here", "gauge",
     "Invocations that this node answers for: pending or ready.", .print = print_here},
    {"callbackd_invocations_unaccounted", "gauge",
     "Accepted and taken over, less every end and what is here: not 0 is a leak.",
     .print = print_unaccounted},
    {"callbackd_invocations_failed_total", "counter", "Invocations that ended as failed.",
     FUNCTION(failed)},
    {"callbackd_invocations_retried_total", "counter", "Executions that were a retry.",
     FUNCTION(retried)},
    {"callbackd_invocations_refused_total", "counter", "Requests refused, by reason.",
     .print = print_refused},
    {"callbackd_queued", "gauge", "Invocations that wait here.", FUNCTION(queued)},
    {"callbackd_running", "gauge", "Invocations that run here.", FUNCTION(running)},
    {"callbackd_ready", "gauge", "Callbacks that wait to be collected.", FUNCTION(ready)},
    {"callbackd_ready_bytes", "gauge", "Their size.", FUNCTION(ready_bytes)},
    {"callbackd_store_bytes", "gauge", "Requests, results and copies held here.",
     SAMPLE(store_size)},
    {"callbackd_store_limit_bytes", "gauge", "limits.store_bytes.", SAMPLE(store_limit)},
    {"callbackd_http_requests_total", "counter", "Answers, by dialect and status code.",
     .print = print_http_requests},
    {"callbackd_http_request_duration_seconds", "histogram",
     "From the last byte of a request to the last of its answer.",
     .print = print_http_durations},
    {"callbackd_http_connections", "gauge", "Connections of clients.", SAMPLE(connections)},
    {"callbackd_requests_refused_total", "counter",
     "Requests refused because their client asks too much, by reason.",
     .print = print_turned_down},
    {"callbackd_clients_known", "gauge", "Clients whose limits are being counted.",
     SAMPLE(clients_known)},
    {"callbackd_http_connections_refused_total", "counter",
     "Connections turned away: limits.connections were busy.", SAMPLE(connections_refused)},
    {"callbackd_http_connections_made_way_total", "counter",
     "Idle or slow connections closed for new ones.", SAMPLE(connections_made_way)},
    {"callbackd_function_duration_seconds", "histogram", "One execution of a function.",
     .print = print_function_durations},
    {"callbackd_cluster_members", "gauge", "Members as this node sees them, itself included.",
     .print = print_members},
    {"callbackd_cluster_sent_bytes_total", "counter", "Bytes sent to a peer.",
     LINK(sent_size)},
    {"callbackd_cluster_received_bytes_total", "counter", "Bytes received from a peer.",
     LINK(received_size)},
    {"callbackd_claims_total", "counter", "Claims of callbacks at this node, by result.",
     .print = print_claims},
    {"callbackd_cluster_link_events_total", "counter",
     "What happened on the links to other nodes, by kind.", .print = print_link_events},
    {"callbackd_tls_handshakes_total", "counter",
     "TLS handshakes with clients and peers, by how they ended.", .print = print_tls},
    {"callbackd_tls_certificate_expires_timestamp_seconds", "gauge",
     "When the certificate ends that is shown there.", .print = print_ends},
    {"callbackd_cluster_events_total", "counter", "What happened in the cluster, by kind.",
     .print = print_cluster_events},
    {"callbackd_loop_lag_seconds", "gauge",
     "Longest delay of the event loop in the last 15 to 30 seconds.", .print = print_loop_lag},
    {"callbackd_log_dropped_total", "counter", "Log lines that nobody took in time.",
     SAMPLE(log_dropped)},
    {"callbackd_build_info", "gauge", "Always 1; what runs here.", .print = print_build},
};
/* clang-format on */

void metrics_print(const struct metrics *m, const struct metrics_sample *sample,
                   struct text *out)
{
    const struct page page = {.metrics = m, .sample = sample, .out = out};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        text_addf(out, "# HELP %s %s\n# TYPE %s %s\n", rows[i].name, rows[i].help, rows[i].name,
                  rows[i].type);
        rows[i].print(&page, &rows[i]);
    }
}
