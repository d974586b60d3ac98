#include "lib_bench.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const struct handler *const h = &handler_plugin;

static const char *target_of(const char *name, const char *config)
{
    static char text[512];
    snprintf(text, sizeof text, "plugin:%s/%s.so%s%s", PLUGIN_FOLDER, name,
             *config == '\0' ? "" : " ", config);
    return text;
}

static struct handler_target *open_trial(struct bench *b, const char *config)
{
    return bench_open(b, target_of("trial_plugin", config));
}

static void plugin_sees_the_request_and_its_answer_is_the_answer(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = open_trial(&b, "some config text");
    struct bench_call call = {
        .method = "PUT", .path = "/a/b", .headers = "X-A: b\r\n", .body = "the body"};
    struct bench_outcome *o = bench_run(&b, h, t, &call);
    assert_int_equal(o->outcome.end, EXECUTION_ANSWERED);
    assert_int_equal(o->outcome.result.status, 200);
    assert_false(o->outcome.result.failed);
    assert_true(bytes_is(buf_view(o->outcome.result.headers), "X-Trial: told\r\n"));
    assert_true(bench_body_is(o, "config=some config text\nmethod=PUT\npath=/a/b\n"
                                 "call_id=the-call-id\n"
                                 "key=01020300-0000-0000-0000-000000000000\n"
                                 "attempt=1\nsigterm_blocked=1\n"
                                 "headers=X-A: b\r\n\nbody=the body"));
    h->close(t);
    bench_fini(&b);
}

static void scoring_plugin_scores(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = bench_open(&b, target_of("score_plugin", ""));
    struct bench_call call = {
        .body = "{\"transaction_id\": \"T1\", \"amount_minor\": 123456, \"hour\": 3, "
                "\"country\": \"GB\", \"billing_country\": \"DE\", \"is_new_device\": true}"};
    struct bench_outcome *o = bench_run(&b, h, t, &call);
    /* 20 + 61 + 80 at night + 120 new device + 60 card absent + 150 abroad */
    assert_true(bench_body_is(o, "{\"transaction_id\":\"T1\",\"score\":0.491,"
                                 "\"decision\":\"review\",\"fields\":6}\n"));
    assert_true(bench_has_header(o, "Content-Type: application/json\r\n"));
    struct bench_call nonsense = {.body = "nonsense"};
    o = bench_run(&b, h, t, &nonsense);
    assert_int_equal(o->outcome.result.status, 400);
    assert_true(o->outcome.result.failed);
    h->close(t);
    bench_fini(&b);
}

static void many_at_once_answer_each_its_own(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = open_trial(&b, "");
    char bodies[200][16];
    for (size_t i = 0; i < 200; i++) {
        snprintf(bodies[i], sizeof bodies[i], "body=%zu!", i + 1);
        struct bench_call call = {.body = bodies[i]};
        bench_start(&b, h, t, &call);
    }
    bench_wait(&b, 200);
    for (size_t i = 0; i < 200; i++) {
        assert_true(bench_body_has(&b.done[i], bodies[b.done[i].id - 1]));
    }
    h->close(t);
    bench_fini(&b);
}

static void an_empty_answer_is_a_200(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = open_trial(&b, "");
    struct bench_call call = {.query = "nothing"};
    struct bench_outcome *o = bench_run(&b, h, t, &call);
    assert_int_equal(o->outcome.result.status, 200);
    assert_null(o->outcome.result.headers);
    assert_null(o->outcome.result.body);
    h->close(t);
    bench_fini(&b);
}

static void plugin_that_breaks_is_a_crash(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = open_trial(&b, "");
    struct bench_call call = {.query = "fail"};
    struct bench_outcome *o = bench_run(&b, h, t, &call);
    assert_int_equal(o->outcome.end, EXECUTION_CRASHED);
    assert_non_null(strstr(o->detail, "42"));
    h->close(t);
    bench_fini(&b);
}

static void plugin_cannot_break_the_answers_framing(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = open_trial(&b, "");
    struct bench_call call = {.query = "misuse"};
    struct bench_outcome *o = bench_run(&b, h, t, &call);
    assert_int_equal(o->outcome.end, EXECUTION_ANSWERED); /* all refused, says the plugin */
    assert_int_equal(o->outcome.result.status, 418);
    assert_true(bytes_is(buf_view(o->outcome.result.headers), "X-Fine: yes\r\n"));
    h->close(t);
    bench_fini(&b);
}

static void answer_over_the_limit_is_too_large(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = open_trial(&b, "");
    struct bench_call call = {.query = "endless"};
    assert_int_equal(bench_run(&b, h, t, &call)->outcome.end, EXECUTION_TOO_LARGE);
    h->close(t);
    bench_fini(&b);
}

static void answer_that_finds_no_memory_says_so(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = open_trial(&b, "");
    static char body[10000];
    memset(body, 'x', sizeof body);
    struct bench_call call = {.body = body, .body_size = sizeof body};
    struct execution x = {.id = 1, .request = bench_request(&b, &call)};
    b.budget.limit = b.budget.used + 5000;
    assert_int_equal(h->start(t, &x), 0);
    request_drop(&x.request);
    bench_wait(&b, 1);
    assert_int_equal(b.done[0].outcome.end, EXECUTION_NO_MEMORY);
    h->close(t);
    bench_fini(&b);
}

static void stopped_plugin_is_told_and_its_answer_dropped(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = open_trial(&b, "");
    struct bench_call wait = {.query = "until-canceled"}, call = {.body = "x"};
    uint64_t ids[20]; /* four more than threads: these are taken out of the queue */
    for (size_t i = 0; i < 20; i++) {
        ids[i] = bench_start(&b, h, t, &wait);
    }
    for (size_t i = 0; i < 20; i++) {
        h->stop(t, ids[19 - i]);
        h->stop(t, ids[19 - i]);
    }
    bench_run(&b, h, t, &call); /* a thread is free again */
    assert_int_equal(b.done_count, 1);
    h->close(t);
    bench_fini(&b);
}

static void plugin_that_hangs_keeps_one_thread_only(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = open_trial(&b, "");
    struct bench_call hang = {.query = "hang"}, call = {.body = "x"};
    uint64_t id = bench_start(&b, h, t, &hang);
    for (size_t i = 0; i < 50; i++) {
        assert_int_equal(bench_run(&b, h, t, &call)->outcome.end, EXECUTION_ANSWERED);
    }
    h->stop(t, id);
    size_t done = b.done_count;
    h->close(t);
    /* The loop ends nonetheless; the request stays with the thread, so the budget knows it. */
    loop_run(b.loop);
    assert_int_equal(b.done_count, done);
    loop_free(&b.loop);
    for (size_t i = 0; i < done; i++) {
        result_drop(&b.done[i].outcome.result);
    }
    assert_true(b.budget.used > 0);
}

static void close_waits_for_running_ones_and_then_calls_fini(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    char path[] = "/tmp/callbackd-diary-XXXXXX", config[64];
    close(mkstemp(path));
    snprintf(config, sizeof config, "diary=%s", path);
    struct handler_target *t = open_trial(&b, config);
    struct bench_call call = {.query = "nap"};
    uint64_t id = bench_start(&b, h, t, &call);
    h->stop(t, id);
    h->close(t);
    loop_run(b.loop);
    char line[16] = "";
    FILE *diary = fopen(path, "re");
    assert_non_null(diary);
    assert_non_null(fgets(line, sizeof line, diary));
    assert_string_equal(line, "fini\n");
    fclose(diary);
    unlink(path);
    bench_fini(&b);
}

static void what_is_no_plugin_is_a_fault_at_start(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    const char *em = bench_refusal(&b, target_of("no_such", ""), ERR_IO);
    assert_non_null(strstr(em, "no_such.so"));
    em = bench_refusal(&b, target_of("no_plugin", ""), ERR_IO);
    assert_non_null(strstr(em, "callbackd_plugin()"));
    em = bench_refusal(&b, target_of("old_plugin", ""), ERR_IO);
    assert_non_null(strstr(em, "ABI 99, this node speaks 1"));
    em = bench_refusal(&b, target_of("trial_plugin", "refuse"), ERR_IO);
    assert_non_null(strstr(em, "the model file is missing"));
    em = bench_refusal(&b, "plugin:libc.so.6", ERR_MALFORMED);
    assert_non_null(strstr(em, "plugin:/path/lib.so"));
    em = bench_refusal(&b, "plugin:", ERR_MALFORMED);
    assert_non_null(strstr(em, "plugin:/path/lib.so"));
    em = bench_refusal(&b, "plugin:/etc/passwd", ERR_IO);
    assert_non_null(strstr(em, "/etc/passwd"));
    em = bench_refusal(&b, "plugin:./trial_plugin.so", ERR_MALFORMED);
    assert_non_null(strstr(em, "absolute path"));
    bench_fini(&b);
}

static char place[] = "/tmp/callbackd-plugin-XXXXXX";

/* A copy of the plugin at PLACE/NAME with that mode. */
static void put_plugin(const char *name, mode_t mode)
{
    static char bytes[4 * 1024 * 1024];
    char path[512];
    snprintf(path, sizeof path, "%s/score_plugin.so", PLUGIN_FOLDER);
    FILE *from = fopen(path, "rb");
    assert_non_null(from);
    size_t size = fread(bytes, 1, sizeof bytes, from);
    assert_true(size > 0 && size < sizeof bytes);
    fclose(from);
    snprintf(path, sizeof path, "%s/%s", place, name);
    FILE *to = fopen(path, "wb");
    assert_non_null(to);
    assert_int_equal(fwrite(bytes, 1, size, to), size);
    fclose(to);
    assert_int_equal(chmod(path, mode), 0);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void plugin_comes_only_from_where_plugins_may_be(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    char sibling[64], good[64], link[64], out[64], target[128];
    assert_non_null(mkdtemp(place));
    snprintf(good, sizeof good, "%s/good", place);
    snprintf(sibling, sizeof sibling, "%s/goods", place); /* begins with the same letters */
    snprintf(link, sizeof link, "%s/link", place);
    assert_int_equal(mkdir(good, 0755), 0);
    assert_int_equal(mkdir(sibling, 0755), 0);
    assert_int_equal(symlink("good", link), 0);
    put_plugin("good/one.so", 0755);
    put_plugin("goods/one.so", 0755);
    put_plugin("good/open.so", 0777);
    snprintf(out, sizeof out, "%s/good/out.so", place);
    assert_int_equal(symlink("../goods/one.so", out), 0);
    char *dirs[] = {"/no/such/folder", link};
    b.env.plugin_dirs = dirs;
    b.env.plugin_dir_count = 2;
    static const struct {
        const char *path, *fault; /* NULL: it may */
    } all[] = {
        {"good/one.so", NULL},
        {"link/../good/./one.so", NULL},
        {"goods/one.so", "none of the folders"},
        {"good/out.so", "none of the folders"},
        {"good/../goods/one.so", "none of the folders"},
        {"good/open.so", "everybody's to write"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        snprintf(target, sizeof target, "plugin:%s/%s", place, all[i].path);
        if (all[i].fault == NULL) {
            h->close(bench_open(&b, target));
        } else {
            assert_non_null(strstr(bench_refusal(&b, target, ERR_IO), all[i].fault));
        }
    }
    assert_int_equal(chmod(good, 0777), 0); /* somebody could put another file there */
    snprintf(target, sizeof target, "plugin:%s/good/one.so", place);
    assert_non_null(strstr(bench_refusal(&b, target, ERR_IO), "everybody's to write"));
    assert_int_equal(chmod(good, 01777), 0);
    h->close(bench_open(&b, target));
    assert_int_equal(nftw(place, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plugin_sees_the_request_and_its_answer_is_the_answer),
        cmocka_unit_test(scoring_plugin_scores),
        cmocka_unit_test(many_at_once_answer_each_its_own),
        cmocka_unit_test(an_empty_answer_is_a_200),
        cmocka_unit_test(plugin_that_breaks_is_a_crash),
        cmocka_unit_test(plugin_cannot_break_the_answers_framing),
        cmocka_unit_test(answer_over_the_limit_is_too_large),
        cmocka_unit_test(answer_that_finds_no_memory_says_so),
        cmocka_unit_test(stopped_plugin_is_told_and_its_answer_dropped),
        cmocka_unit_test(plugin_that_hangs_keeps_one_thread_only),
        cmocka_unit_test(close_waits_for_running_ones_and_then_calls_fini),
        cmocka_unit_test(what_is_no_plugin_is_a_fault_at_start),
        cmocka_unit_test(plugin_comes_only_from_where_plugins_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
