/* The function table, its estimates, and when an execution is tried again. */
#include "cmocka_first.h"

#include "core/functions.h"
#include "core/webhook.h"

#include <stdio.h>

static void every_function_is_found_and_no_other(void **state)
{
    (void)state;
    struct function_spec specs[50] = {0};
    char names[50][8];
    for (int i = 0; i < 50; i++) {
        snprintf(names[i], sizeof names[i], "f%d", i);
        specs[i].name = bytes_text(names[i]);
        specs[i].concurrency = 1;
    }
    struct functions *fs = functions_new(specs, 50, 7);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(functions_find(fs, bytes_text(names[i]))->index, i);
    }
    assert_null(functions_find(fs, bytes_text("f50")));
    assert_null(functions_find(fs, bytes_text("F1")));
    assert_null(functions_find(fs, bytes_text("")));
    functions_free(&fs);
}

static void estimate_follows_durations_and_queue(void **state)
{
    (void)state;
    struct function f = {.spec = {.concurrency = 2}};
    assert_int_equal(function_estimate_ms(&f, 5), 0);
    assert_int_equal(function_retry_after_s(&f, 5), 1);
    for (int i = 0; i < 100; i++) {
        function_observe(&f, 1000);
    }
    assert_int_equal(function_estimate_ms(&f, 0), 1000);
    assert_int_equal(function_estimate_ms(&f, 1), 2000);
    assert_int_equal(function_estimate_ms(&f, 4), 3000);
    assert_int_equal(function_retry_after_s(&f, 4), 3);
    assert_int_equal(function_retry_after_s(&f, 10000), 60);
    assert_int_equal(f.stats.duration_count[8], 100); /* <= 1000 ms */
}

static void retry_wants_its_codes_until_attempts_are_used_up(void **state)
{
    (void)state;
    struct retry_policy p = {.attempts = 3, .codes = {502, 503}, .code_count = 2};
    assert_true(retry_wants(&p, 1, 503));
    assert_true(retry_wants(&p, 2, 502));
    assert_false(retry_wants(&p, 3, 502));
    assert_false(retry_wants(&p, 1, 500));
    struct retry_policy off = {0};
    assert_false(retry_wants(&off, 1, 503));
}

static void result_size_follows_results_and_their_spread(void **state)
{
    (void)state;
    struct function f = {0};
    function_observe_size(&f, 10000);
    assert_in_range(function_result_size(&f), 10000, 15000);
    for (int i = 0; i < 100; i++) {
        function_observe_size(&f, 2000);
    }
    assert_in_range(function_result_size(&f), 2000, 2100);
    for (int i = 0; i < 100; i++) {
        function_observe_size(&f, i % 2 == 0 ? 1000 : 9000);
    }
    assert_in_range(function_result_size(&f), 7000, 11000);
}

static void webhook_answers_are_judged_as_the_contract_says(void **state)
{
    (void)state;
    const struct {
        uint16_t status;
        bool refused;
        enum webhook_verdict want;
    } rows[] = {
        {200, false, WEBHOOK_IS_DELIVERED}, {204, false, WEBHOOK_IS_DELIVERED},
        {0, false, WEBHOOK_TRY_AGAIN},      {408, false, WEBHOOK_TRY_AGAIN},
        {429, false, WEBHOOK_TRY_AGAIN},    {500, false, WEBHOOK_TRY_AGAIN},
        {503, false, WEBHOOK_TRY_AGAIN},    {404, false, WEBHOOK_GIVE_UP},
        {410, false, WEBHOOK_GIVE_UP},      {0, true, WEBHOOK_GIVE_UP},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct webhook_outcome o = {.status = rows[i].status, .refused = rows[i].refused};
        assert_int_equal(webhook_judge(&o), rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_function_is_found_and_no_other),
        cmocka_unit_test(estimate_follows_durations_and_queue),
        cmocka_unit_test(retry_wants_its_codes_until_attempts_are_used_up),
        cmocka_unit_test(result_size_follows_results_and_their_spread),
        cmocka_unit_test(webhook_answers_are_judged_as_the_contract_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
