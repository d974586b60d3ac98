#include "obs/metrics.h"

#include <assert.h>

const uint32_t metrics_http_bounds_us[METRICS_HTTP_BUCKETS] = {
    250,    500,    1000,   2500,    5000,    10000,   25000,    50000,
    100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 60000000};

#define CLIENT_LEFT 499u

void metrics_http_request(struct metrics *m, size_t dialect, uint16_t status,
                          uint64_t duration_us)
{
    assert(dialect < METRICS_DIALECTS_MAX);
    bool is_code = status >= 100 && status < METRICS_CODES;
    m->http_requests[dialect][is_code ? status : CLIENT_LEFT]++;
    size_t bucket = 0;
    while (bucket < METRICS_HTTP_BUCKETS && duration_us > metrics_http_bounds_us[bucket]) {
        bucket++;
    }
    m->http_duration_count[bucket]++;
    m->http_duration_total_us += duration_us;
}

void metrics_loop_lag(struct metrics *m, uint64_t now_ms, uint64_t lag_us)
{
    if (now_ms >= m->lag_window_ends_ms) {
        bool is_next = now_ms < m->lag_window_ends_ms + METRICS_LAG_WINDOW_MS;
        m->lag_before_us = is_next ? m->lag_now_us : 0;
        m->lag_now_us = 0;
        m->lag_window_ends_ms = now_ms + METRICS_LAG_WINDOW_MS;
    }
    m->lag_now_us = lag_us > m->lag_now_us ? lag_us : m->lag_now_us;
}
