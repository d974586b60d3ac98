#include "lib_config.h"

static void without_sources_everything_is_at_its_default(void **state)
{
    (void)state;
    struct loaded l = load(NULL, NULL, NULL);
    const struct config *c = l.config;
    assert_int_equal(l.verdict, CONFIG_RUN);
    assert_true(strlen(c->name) > 0);
    assert_string_equal(c->listen, "127.0.0.1:8080");
    assert_string_equal(c->admin, "127.0.0.1:9090");
    assert_string_equal(c->cluster.listen, "");
    assert_int_equal(c->cluster.accept_acks, 1);
    assert_int_equal(c->cluster.claim, CONFIG_CLAIM_STRICT);
    assert_int_equal(c->callback.ttl_ms, 60000);
    assert_int_equal(c->callback.wait_ms, 3000);
    assert_int_equal(c->jube.callback_timeout_ms, 3000);
    assert_int_equal(c->status.pending_code, 200);
    assert_int_equal(c->status.done, 303);
    assert_int_equal(c->limits.body_bytes, 16 << 20);
    assert_int_equal(c->limits.header_bytes, 32 << 10);
    assert_int_equal(c->limits.store_bytes, 1 << 30);
    assert_int_equal(c->webhook.attempts, 8);
    assert_int_equal(c->log.level, CONFIG_LOG_INFO);
    assert_true(c->jube.enable_callback);
    assert_int_equal(c->function_count, 0);
    loaded_fini(&l);
}

static void flag_beats_variable_beats_file_beats_default(void **state)
{
    (void)state;
    const char *yaml = "callback:\n  ttl_ms: 1\n  wait_ms: 1\n  wait_max_ms: 1\n";
    struct loaded l =
        load(yaml, ENVIRON("CALLBACKD_CALLBACK_TTL_MS=2", "CALLBACKD_CALLBACK_WAIT_MAX_MS=2"),
             FLAGS("--set", "callback.ttl_ms=3"));
    assert_int_equal(l.verdict, CONFIG_RUN);
    assert_int_equal(l.config->callback.ttl_ms, 3);
    assert_int_equal(l.config->callback.wait_max_ms, 2);
    assert_int_equal(l.config->callback.wait_ms, 1);
    assert_int_equal(l.config->callback.redelivery_ms, 10000);
    loaded_fini(&l);
}

static void every_flag_is_read_in_both_spellings(void **state)
{
    (void)state;
    struct loaded l =
        load(NULL, NULL,
             FLAGS("--name=a", "--set=auth.open=true", "--listen", "0.0.0.0:0",
                   "--admin=[::1]:0", "--cluster", "127.0.0.1:0", "--seeds=a:1,dns:peers:7000",
                   "--function", "echo=builtin:echo", "--function=up=http://h/p?a=b"));
    const struct config *c = l.config;
    assert_int_equal(l.verdict, CONFIG_RUN);
    assert_string_equal(c->name, "a");
    assert_string_equal(c->listen, "0.0.0.0:0");
    assert_string_equal(c->admin, "[::1]:0");
    assert_string_equal(c->cluster.listen, "127.0.0.1:0");
    assert_int_equal(c->cluster.seeds.count, 2);
    assert_string_equal(c->cluster.seeds.items[1], "dns:peers:7000");
    assert_int_equal(c->function_count, 2);
    assert_string_equal(config_function(c, bytes_text("up"))->target, "http://h/p?a=b");
    assert_null(config_function(c, bytes_text("nope")));
    loaded_fini(&l);
}

static void functions_are_read_from_the_file(void **state)
{
    (void)state;
    const char *yaml = "callback: {ttl_ms: 777}\n"
                       "functions:\n"
                       "  a.b-C_1:\n"
                       "    target: exec:/bin/cat -u\n"
                       "    concurrency: 3\n"
                       "    on_node_loss: drop\n"
                       "    jube_model: 90C425FD-101A-420B-91D1-CB7A24A969CC\n"
                       "    retry: {attempts: 4, codes: [500, 503], max_wait_ms: 9}\n"
                       "  e: {target: 'builtin:echo', ttl_ms: 5}\n";
    struct loaded l = load(yaml, NULL, NULL);
    assert_int_equal(l.verdict, CONFIG_RUN);
    const struct function_config *f = &l.config->functions[0];
    assert_string_equal(f->name, "a.b-C_1");
    assert_string_equal(f->target, "exec:/bin/cat -u");
    assert_int_equal(f->concurrency, 3);
    assert_int_equal(f->queue, 10000);
    assert_int_equal(f->ttl_ms, 777);
    assert_int_equal(f->on_node_loss, CONFIG_LOSS_DROP);
    assert_true(f->has_jube_model);
    assert_int_equal(f->jube_model.at[0], 0x90);
    assert_int_equal(f->retry.attempts, 4);
    assert_int_equal(f->retry.code_count, 2);
    assert_int_equal(f->retry.codes[1], 503);
    assert_int_equal(f->retry.min_wait_ms, 9); /* the default gives way */
    assert_int_equal(l.config->functions[1].ttl_ms, 5);
    assert_int_equal(l.config->functions[1].max_attempts, 2);
    loaded_fini(&l);
}

static void flags_may_add_to_a_function_of_the_file(void **state)
{
    (void)state;
    struct loaded l =
        load("functions: {x.y: {target: 'builtin:echo', queue: 1}}\n", NULL,
             FLAGS("--set", "functions.x.y.queue=2", "--set", "functions.x.y.retry.attempts=5",
                   "--function", "x.y=builtin:sleep"));
    assert_int_equal(l.verdict, CONFIG_RUN);
    assert_int_equal(l.config->function_count, 1);
    assert_int_equal(l.config->functions[0].queue, 2);
    assert_int_equal(l.config->functions[0].retry.attempts, 5);
    assert_string_equal(l.config->functions[0].target, "builtin:sleep");
    loaded_fini(&l);
}

static void variables_reach_functions_by_their_names(void **state)
{
    (void)state;
    struct loaded l = load("functions: {score-v2: {target: 'builtin:echo'}}\n",
                           ENVIRON("CALLBACKD_FUNCTIONS_SCORE_V2_RETRY_ATTEMPTS=7",
                                   "CALLBACKD_FUNCTIONS_NEW_ONE_TARGET=builtin:sleep",
                                   "CALLBACKD_FUNCTIONS_FLAGGED_QUEUE=1"),
                           FLAGS("--function", "Flagged=builtin:echo"));
    assert_int_equal(l.verdict, CONFIG_RUN);
    assert_int_equal(config_function(l.config, bytes_text("score-v2"))->retry.attempts, 7);
    assert_string_equal(config_function(l.config, bytes_text("new_one"))->target,
                        "builtin:sleep");
    assert_int_equal(config_function(l.config, bytes_text("Flagged"))->queue, 1);
    loaded_fini(&l);
}

static void unknown_variable_is_a_warning_and_empty_ones_count_as_not_set(void **state)
{
    (void)state;
    struct loaded l =
        load(NULL,
             ENVIRON("CALLBACKD_PORT=tcp://10.0.0.1:8080", "CALLBACKD_LISTEN=", "PATH=/bin",
                     "CALLBACKD_SERVICE_HOST=10.0.0.1", "broken"),
             NULL);
    assert_int_equal(l.verdict, CONFIG_RUN);
    assert_contains(&l.report.warnings, "CALLBACKD_PORT: unknown variable");
    assert_contains(&l.report.warnings, "CALLBACKD_SERVICE_HOST: unknown variable");
    assert_lacks(&l.report.warnings, "PATH:");
    assert_string_equal(l.config->listen, "127.0.0.1:8080");
    loaded_fini(&l);
}

static void variables_of_jube_are_understood(void **state)
{
    (void)state;
    struct loaded l =
        load("functions: {a: {target: 'builtin:echo', queue: 5}}\n",
             ENVIRON("EnableCallback=False", "CallbackTimeout=1234",
                     "ModelInvokeAsynchronousThreads=4", "MaximumModelInvokeAsyncQueue=50",
                     "EnablePublicInvokeController=False"),
             FLAGS("--function", "b=builtin:echo"));
    assert_int_equal(l.verdict, CONFIG_RUN);
    assert_false(l.config->jube.enable_callback);
    assert_false(l.config->jube.enable_public_invoke);
    assert_int_equal(l.config->jube.callback_timeout_ms, 1234);
    assert_int_equal(l.config->functions[0].concurrency, 4);
    assert_int_equal(l.config->functions[0].queue, 5);
    assert_int_equal(l.config->functions[1].queue, 50);
    loaded_fini(&l);
    l = load(NULL, ENVIRON("CALLBACKD_JUBE_CALLBACK_TIMEOUT_MS=9", "CallbackTimeout=1234"),
             NULL);
    assert_int_equal(l.config->jube.callback_timeout_ms, 9);
    loaded_fini(&l);
}

static void variables_of_openfaas_are_durations(void **state)
{
    (void)state;
    struct loaded l =
        load("functions: {a: {target: 'builtin:echo'}}\n",
             ENVIRON("read_timeout=15", "write_timeout=1m30s", "exec_timeout=2.5s"), NULL);
    assert_int_equal(l.verdict, CONFIG_RUN);
    assert_int_equal(l.config->limits.head_timeout_ms, 15000);
    assert_int_equal(l.config->limits.body_timeout_ms, 15000);
    assert_int_equal(l.config->limits.write_timeout_ms, 90000);
    assert_int_equal(l.config->functions[0].timeout_ms, 2500);
    loaded_fini(&l);
    l = load("functions: {a: {target: 'builtin:echo'}}\n", ENVIRON("exec_timeout=0"), NULL);
    assert_int_equal(l.config->functions[0].timeout_ms, 86400000);
    loaded_fini(&l);
    l = load(NULL, ENVIRON("exec_timeout=soon"), NULL);
    assert_int_equal(l.verdict, CONFIG_STOP);
    assert_contains(&l.report.faults, "exec_timeout: timeout_ms: is not a duration");
    loaded_fini(&l);
}

static void sizes_take_units(void **state)
{
    (void)state;
    struct loaded l = load("limits: {body_bytes: 5MiB, header_bytes: 2048}\n", NULL,
                           FLAGS("--set", "limits.store_bytes=3GiB"));
    assert_int_equal(l.config->limits.body_bytes, 5u << 20);
    assert_int_equal(l.config->limits.header_bytes, 2048);
    assert_true(l.config->limits.store_bytes == (uint64_t)3 << 30);
    loaded_fini(&l);
}

static void check_prints_a_file_that_means_the_same(void **state)
{
    (void)state;
    const char *yaml = "name: \"o'dd: #1\"\ncluster: {listen: '127.0.0.1:0', zone: b,\n"
                       "  seeds: [a:1, 'dns:x:2']}\nstatus: {done: 302, body: conditions}\n"
                       "webhook: {allow: [10.0.0.0/8, '::1', host]}\n"
                       "functions:\n  1.5: {target: exec:/bin/cat -u, queue: 0}\n"
                       "  m: {target: 'http://h/', jube_model: "
                       "90c425fd-101a-420b-91d1-cb7a24a969cc, retry: {codes: []}}\n";
    struct loaded first = load(yaml, NULL, FLAGS("--check"));
    assert_int_equal(first.verdict, CONFIG_CHECK);
    text_add_char(&first.report.out, '\0');
    struct loaded second = load(first.report.out.at, NULL, FLAGS("--check"));
    assert_int_equal(second.verdict, CONFIG_CHECK);
    assert_contains(&first.report.out, "  ttl_ms: 60000");
    assert_contains(&first.report.out, "# default\n");
    assert_contains(&second.report.out, "\n  listen: 127.0.0.1:0\n");
    assert_contains(&second.report.out, "\n  allow: [\"10.0.0.0/8\", \"::1\", \"host\"]");
    assert_contains(&second.report.out, "\n      codes: []\n");
    const struct config *a = first.config, *b = second.config;
    assert_string_equal(a->name, "o'dd: #1");
    assert_string_equal(a->name, b->name);
    assert_int_equal(b->status.done, 302);
    assert_int_equal(b->status.body, CONFIG_STATUS_CONDITIONS);
    assert_int_equal(b->cluster.seeds.count, 2);
    assert_string_equal(b->functions[0].name, "1.5");
    assert_int_equal(b->functions[0].queue, 0);
    assert_true(b->functions[1].has_jube_model);
    assert_int_equal(b->functions[1].retry.code_count, 0);
    loaded_fini(&first);
    loaded_fini(&second);
}

static void check_marks_defaults_and_prints_the_same_for_every_source(void **state)
{
    (void)state;
    struct loaded file =
        load("admin: localhost:1\nwebhook:\n  allow: [a, b]\n", NULL, FLAGS("--check"));
    struct loaded flag =
        load(NULL, NULL, FLAGS("--admin=localhost:1", "--set", "webhook.allow=a,b", "--check"));
    struct loaded variable =
        load(NULL, ENVIRON("CALLBACKD_ADMIN=localhost:1", "CALLBACKD_WEBHOOK_ALLOW=a, b"),
             FLAGS("--check"));
    assert_int_equal(file.verdict, CONFIG_CHECK);
    assert_contains(&file.report.out, "\nadmin: localhost:1\n");
    assert_contains(&file.report.out,
                    "\nlisten: 127.0.0.1:8080                          # def");
    assert_true(bytes_equal(text_view(&file.report.out), text_view(&flag.report.out)));
    assert_true(bytes_equal(text_view(&file.report.out), text_view(&variable.report.out)));
    loaded_fini(&file);
    loaded_fini(&flag);
    loaded_fini(&variable);
}

static void a_list_in_the_file_may_be_written_with_commas(void **state)
{
    (void)state;
    struct loaded l = load("cluster:\n  seeds: 127.0.0.1:1,dns:nodes:2\n", NULL, NULL);
    assert_int_equal(l.verdict, CONFIG_RUN);
    assert_int_equal(l.config->cluster.seeds.count, 2);
    assert_contains(&l.report.warnings, "cluster.seeds: not used without cluster.listen");
    loaded_fini(&l);
}

static void help_and_version_need_nothing_else(void **state)
{
    (void)state;
    struct loaded l = load(NULL, NULL, FLAGS("--nonsense", "--help"));
    assert_int_equal(l.verdict, CONFIG_DONE);
    assert_contains(&l.report.out, "--function NAME=TARGET");
    assert_contains(&l.report.out, "callback.ttl_ms");
    assert_contains(&l.report.out, "functions.NAME.retry.codes");
    loaded_fini(&l);
    l = load(NULL, NULL, FLAGS("--version"));
    assert_int_equal(l.verdict, CONFIG_DONE);
    assert_contains(&l.report.out, "callbackd " CALLBACKD_VERSION "\n");
    loaded_fini(&l);
}

static void an_empty_file_changes_nothing(void **state)
{
    (void)state;
    const char *const files[] = {"", "# only this\n", "---\n", "{}\n", "callback:\n", "~\n"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct loaded l = load(files[i], NULL, NULL);
        assert_int_equal(l.verdict, CONFIG_RUN);
        loaded_fini(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_sources_everything_is_at_its_default),
        cmocka_unit_test(flag_beats_variable_beats_file_beats_default),
        cmocka_unit_test(every_flag_is_read_in_both_spellings),
        cmocka_unit_test(functions_are_read_from_the_file),
        cmocka_unit_test(flags_may_add_to_a_function_of_the_file),
        cmocka_unit_test(variables_reach_functions_by_their_names),
        cmocka_unit_test(unknown_variable_is_a_warning_and_empty_ones_count_as_not_set),
        cmocka_unit_test(variables_of_jube_are_understood),
        cmocka_unit_test(variables_of_openfaas_are_durations),
        cmocka_unit_test(sizes_take_units),
        cmocka_unit_test(check_prints_a_file_that_means_the_same),
        cmocka_unit_test(check_marks_defaults_and_prints_the_same_for_every_source),
        cmocka_unit_test(a_list_in_the_file_may_be_written_with_commas),
        cmocka_unit_test(help_and_version_need_nothing_else),
        cmocka_unit_test(an_empty_file_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
