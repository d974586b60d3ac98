#include "obs/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct functions *two_functions(void)
{
    const struct function_spec specs[] = {
        {.name = bytes_text("echo"), .concurrency = 1},
        {.name = bytes_text("sco\"re\\\n"), .concurrency = 1}};
    struct functions *fs = functions_new(specs, 2, 1);
    assert_non_null(fs);
    return fs;
}

static void assert_line(const struct text *text, const char *line)
{
    struct text wanted = {0};
    text_addf(&wanted, "\n%s\n", line);
    bool found = memmem(text->at, text->size, wanted.at, wanted.size) != NULL;
    text_fini(&wanted);
    if (!found) {
        fail_msg("no line %s in:\n%.*s", line, (int)text->size, text->at);
    }
}

static void each_number_stands_under_its_name_and_label(void **state)
{
    (void)state;
    static struct metrics m;
    m.dialects[0] = "native";
    m.dialects[1] = "jube";
    metrics_http_request(&m, 0, 202, 300);
    metrics_http_request(&m, 0, 202, 90000000);
    metrics_http_request(&m, 1, 404, 1);
    metrics_http_request(&m, 1, 0, 1);
    metrics_loop_lag(&m, 1000, 1500);
    struct functions *fs = two_functions();
    struct function *f = functions_at(fs, 0);
    f->stats.accepted = 7;
    f->stats.collected = 5;
    f->queued = 2;
    functions_at(fs, 1)->stats.failed = 3;
    struct cluster_counters counters = {.claims_served = 9, .claims_no_quorum = 1};
    const struct metrics_link links[] = {
        {.peer = bytes_text("b"), .lane = LANE_BULK, .sent_size = 10, .received_size = 20}};
    const struct metrics_count events[] = {{"malformed", 5}};
    struct metrics_sample sample = {.node_name = bytes_text("n"),
                                    .functions = fs,
                                    .refused = {[OUT_QUEUE_FULL] = 4},
                                    .store_size = 11,
                                    .store_limit = 12,
                                    .members = {[MEMBER_ALIVE] = 3},
                                    .cluster = &counters,
                                    .links = links,
                                    .link_count = 1,
                                    .link_events = events,
                                    .link_event_count = 1};
    struct text out = {0};
    metrics_print(&m, &sample, &out);
    assert_line(&out, "# TYPE callbackd_invocations_accepted_total counter");
    assert_line(&out, "callbackd_invocations_accepted_total{function=\"echo\"} 7");
    assert_line(&out, "callbackd_callbacks_collected_total{function=\"echo\"} 5");
    assert_line(&out, "callbackd_queued{function=\"echo\"} 2");
    assert_line(&out, "callbackd_invocations_failed_total{function=\"sco\\\"re\\\\\\n\"} 3");
    assert_line(&out, "callbackd_invocations_refused_total{reason=\"queue-full\"} 4");
    assert_line(&out, "callbackd_store_bytes 11");
    assert_line(&out, "callbackd_store_limit_bytes 12");
    assert_line(&out, "callbackd_http_requests_total{dialect=\"native\",code=\"202\"} 2");
    assert_line(&out, "callbackd_http_requests_total{dialect=\"jube\",code=\"499\"} 1");
    assert_line(&out, "callbackd_http_request_duration_seconds_bucket{le=\"0.00025\"} 2");
    assert_line(&out, "callbackd_http_request_duration_seconds_bucket{le=\"60\"} 3");
    assert_line(&out, "callbackd_http_request_duration_seconds_bucket{le=\"+Inf\"} 4");
    assert_line(&out, "callbackd_http_request_duration_seconds_sum 90.000302");
    assert_line(&out, "callbackd_http_request_duration_seconds_count 4");
    assert_line(&out, "callbackd_cluster_members{state=\"alive\"} 3");
    assert_line(&out, "callbackd_cluster_sent_bytes_total{peer=\"b\",lane=\"bulk\"} 10");
    assert_line(&out, "callbackd_cluster_received_bytes_total{peer=\"b\",lane=\"bulk\"} 20");
    assert_line(&out, "callbackd_cluster_link_events_total{event=\"malformed\"} 5");
    assert_line(&out, "callbackd_claims_total{result=\"served\"} 9");
    assert_line(&out, "callbackd_claims_total{result=\"no-quorum\"} 1");
    assert_line(&out, "callbackd_loop_lag_seconds 0.0015");
    assert_false(text_failed(&out));
    text_fini(&out);
    functions_free(&fs);
}

static void durations_of_functions_are_cumulative_buckets(void **state)
{
    (void)state;
    static struct metrics m;
    struct functions *fs = two_functions();
    function_observe(functions_at(fs, 0), 3);
    function_observe(functions_at(fs, 0), 30);
    function_observe(functions_at(fs, 0), 100000);
    struct text out = {0};
    metrics_print(&m, &(struct metrics_sample){.functions = fs}, &out);
#define BUCKET "callbackd_function_duration_seconds_bucket{function=\"echo\",le=\""
    assert_line(&out, BUCKET "0.001\"} 0");
    assert_line(&out, BUCKET "0.005\"} 1");
    assert_line(&out, BUCKET "0.05\"} 2");
    assert_line(&out, BUCKET "30\"} 2");
    assert_line(&out, BUCKET "+Inf\"} 3");
    assert_line(&out, "callbackd_function_duration_seconds_sum{function=\"echo\"} 100.033");
    assert_line(&out, "callbackd_function_duration_seconds_count{function=\"echo\"} 3");
    text_fini(&out);
    functions_free(&fs);
}

/* Each line is a comment, or a name with labels, one space and a number; samples stand below
 * the TYPE of their own family. */
static void the_text_is_valid_exposition_format(void **state)
{
    (void)state;
    static struct metrics m;
    struct functions *fs = two_functions();
    struct text out = {0};
    metrics_print(&m, &(struct metrics_sample){.functions = fs}, &out);
    struct bytes rest = text_view(&out);
    struct bytes family = bytes_of(NULL, 0);
    size_t families = 0;
    while (rest.size > 0) {
        struct bytes line = bytes_cut_at(&rest, '\n');
        assert_true(line.size > 0);
        if (bytes_cut_front(&line, "# HELP ")) {
            continue;
        }
        if (bytes_cut_front(&line, "# TYPE ")) {
            family = bytes_cut_at(&line, ' ');
            families++;
            assert_true(bytes_is(line, "counter") || bytes_is(line, "gauge") ||
                        bytes_is(line, "histogram"));
            continue;
        }
        assert_true(line.size > family.size && memcmp(line.at, family.at, family.size) == 0);
        uint8_t last = line.at[line.size - 1];
        assert_true(last >= '0' && last <= '9');
        assert_non_null(memchr(line.at, ' ', line.size));
    }
    assert_true(families >= 20);
    assert_int_equal(out.at[out.size - 1], '\n');
    text_fini(&out);
    functions_free(&fs);
}

static void the_longest_lag_is_forgotten_after_two_windows(void **state)
{
    (void)state;
    struct metrics *m = calloc(1, sizeof *m);
    metrics_loop_lag(m, 1, 100);
    metrics_loop_lag(m, 2, 50);
    assert_int_equal(m->lag_now_us, 100);
    metrics_loop_lag(m, 1 + METRICS_LAG_WINDOW_MS, 10);
    assert_int_equal(m->lag_before_us, 100);
    assert_int_equal(m->lag_now_us, 10);
    metrics_loop_lag(m, 1 + 5 * METRICS_LAG_WINDOW_MS, 7);
    assert_int_equal(m->lag_before_us, 0);
    assert_int_equal(m->lag_now_us, 7);
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_number_stands_under_its_name_and_label),
        cmocka_unit_test(durations_of_functions_are_cumulative_buckets),
        cmocka_unit_test(the_text_is_valid_exposition_format),
        cmocka_unit_test(the_longest_lag_is_forgotten_after_two_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
