/* What a node counts while it serves, and all it tells as Prometheus text (API.md 9).
 *
 * Counting is adding to a plain integer; nothing is formatted, locked or allocated before
 * somebody asks. What core, cluster and links count themselves is not counted twice: it comes
 * in with struct metrics_sample when the text is made. The table in metrics_table.c says each
 * metric's name, type and help.
 *
 * Single-threaded. Owns nothing but itself; the sample borrows. */
#ifndef NODE_OBS_METRICS_H
#define NODE_OBS_METRICS_H

#include "base/text.h"
#include "cluster/links.h"
#include "core/functions.h"
#include "core/ops.h"

#define METRICS_DIALECTS_MAX 8
#define METRICS_CODES        600 /* 100 to 599 are used */

/* Upper bounds of the histogram of requests; one more bucket has no bound. */
#define METRICS_HTTP_BUCKETS 16
extern const uint32_t metrics_http_bounds_us[METRICS_HTTP_BUCKETS];

/* How long the longest turn of the loop was, over the last window and the one before. */
#define METRICS_LAG_WINDOW_MS 15000u

/* Zero-initialise; then name the dialects. */
struct metrics {
    const char *dialects[METRICS_DIALECTS_MAX]; /* static names; their index is the label */
    uint64_t http_requests[METRICS_DIALECTS_MAX][METRICS_CODES];
    uint64_t http_duration_count[METRICS_HTTP_BUCKETS + 1];
    uint64_t http_duration_total_us;
    uint64_t lag_window_ends_ms;
    uint64_t lag_now_us, lag_before_us;
};

/* One answer was sent. `status` of 0 or out of range counts as 499: the client left. */
void metrics_http_request(struct metrics *m, size_t dialect, uint16_t status,
                          uint64_t duration_us);

/* The loop came back `lag_us` later than it should have. */
void metrics_loop_lag(struct metrics *m, uint64_t now_ms, uint64_t lag_us);

/* One link's traffic, as its owner counted it. */
struct metrics_link {
    struct bytes peer; /* name of the member */
    enum msg_lane lane;
    uint64_t sent_size, received_size; /* bytes since the start, over all links of the pair */
};

/* A number with a name, both static. */
struct metrics_count {
    const char *name;
    uint64_t value;
};

/* TLS handshakes at one of the node's ports, "clients" or "peers", that ended like that. */
struct metrics_tls {
    const char *port;
    struct metrics_count count;
};

/* When the certificate that is shown at one of them ends. */
struct metrics_end {
    const char *port;
    uint64_t at_s; /* since 1970 */
};

/* All that others counted, at the moment of asking. NULL pointers are left out. */
struct metrics_sample {
    struct bytes node_name;
    const struct functions *functions;
    uint64_t refused[OUT_COUNT]; /* by outcome; see metrics_refusals */
    uint64_t store_size, store_limit;
    uint32_t members[MEMBER_LEAVING + 1]; /* by enum msg_member_state */
    const struct cluster_counters *cluster;
    const struct metrics_link *links;
    size_t link_count;
    const struct metrics_count *link_events; /* what happened to links, of all peers */
    size_t link_event_count;
    const struct metrics_tls *tls;
    size_t tls_count;
    const struct metrics_end *ends;
    size_t end_count;
    uint64_t log_dropped;
    uint64_t connections, connections_refused, connections_made_way;
    const struct metrics_count *turned_down; /* requests refused by limits.client, by reason */
    size_t turned_down_count;
    uint64_t clients_known;
};

/* The outcomes that are refusals, with their label `reason`. */
struct metrics_refusal {
    enum op_outcome outcome;
    const char *reason;
};
extern const struct metrics_refusal metrics_refusals[];
extern const size_t metrics_refusal_count;

/* Content-Type of the text. */
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Appends the whole text (Prometheus exposition format 0.0.4). */
void metrics_print(const struct metrics *m, const struct metrics_sample *sample,
                   struct text *out);

#endif
