/* Reports travel as lines and come together as one table, whatever other lines there are. */
#include "cmocka_first.h"

#include "report.h"

static struct functions *one_function(void)
{
    struct function_spec spec = {.name = bytes_text("score"), .concurrency = 1};
    struct functions *fs = functions_new(&spec, 1, 1);
    struct function *f = functions_at(fs, 0);
    f->queued = 1;
    f->running = 2;
    f->pending = 3;
    f->stats = (struct function_stats){.accepted = 5,
                                       .collected = 6,
                                       .expired = 7,
                                       .canceled = 8,
                                       .failed = 9,
                                       .delivered = 10,
                                       .taken_over = 11,
                                       .elsewhere = 12,
                                       .ready = 3,
                                       .ready_bytes = 4};
    return fs;
}

static void report_comes_back_as_it_was(void **state)
{
    (void)state;
    struct functions *fs = one_function();
    struct text lines = {0}, json = {0};
    struct report_sums sums = {0};
    report_queues(fs, &lines);
    assert_true(bytes_is(text_view(&lines), "q score 1 2 3 4 5 6 7 8 9 10 11 12 -23\n"));
    report_queues_print(text_view(&lines), &sums, &json);
    assert_true(bytes_is(text_view(&json),
                         "{\"score\":{\"queued\":1,\"running\":2,\"ready\":3,\"bytes\":4,"
                         "\"accepted\":5,\"collected\":6,\"expired\":7,\"canceled\":8,"
                         "\"failed\":9,\"delivered\":10,\"taken_over\":11,"
                         "\"elsewhere\":12,\"unaccounted\":-23}}"));
    text_fini(&lines);
    text_fini(&json);
    report_sums_fini(&sums);
    functions_free(&fs);
}

static void sums_add_up_over_nodes_and_pass_over_other_lines(void **state)
{
    (void)state;
    struct text each = {0}, all = {0};
    struct report_sums sums = {0};
    report_queues_print(
        bytes_text("q a 1 1 1 1 1 1 1 1 1\nx new\nq b 0 0 0 0 0 0 0 0 2 3 4 5 -6 new\n"), &sums,
        &each);
    report_queues_print(bytes_text("q a 2 2 2 2 2 2 2 2 2\nq a 1 2 3\nq b 0 0 0 0 0 0 0 0 x"),
                        &sums, &each);
    assert_int_equal(sums.count, 2);
    report_sums_print(&sums, &all);
    assert_true(
        bytes_is(text_view(&all),
                 "{\"a\":{\"queued\":3,\"running\":3,\"ready\":3,\"bytes\":3,"
                 "\"accepted\":3,\"collected\":3,\"expired\":3,\"canceled\":3,\"failed\":3,"
                 "\"delivered\":0,\"taken_over\":0,\"elsewhere\":0,\"unaccounted\":0},"
                 "\"b\":{\"queued\":0,\"running\":0,\"ready\":0,\"bytes\":0,"
                 "\"accepted\":0,\"collected\":0,\"expired\":0,\"canceled\":0,"
                 "\"failed\":2,\"delivered\":3,\"taken_over\":4,\"elsewhere\":5,"
                 "\"unaccounted\":-6}}"));
    text_fini(&each);
    text_fini(&all);
    report_sums_fini(&sums);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(report_comes_back_as_it_was),
        cmocka_unit_test(sums_add_up_over_nodes_and_pass_over_other_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
