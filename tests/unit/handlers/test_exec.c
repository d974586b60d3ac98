#include "lib_bench.h"
#include "lib_script.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct handler *const h = &handler_exec;
static struct handler_target *open_script(struct bench *b, const char *text)
{
    char target[256];
    snprintf(target, sizeof target, "exec:/bin/sh %s", script(text));
    return bench_open(b, target);
}

static void body_goes_in_and_output_comes_out(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = bench_open(&b, "exec:/bin/cat");
    static char body[300000]; /* more than a pipe holds, with every byte there is */
    for (size_t i = 0; i < sizeof body; i++) {
        body[i] = (char)(i * 7 + i / 256);
    }
    struct bench_call call = {
        .headers = "Content-Type: image/png\r\n", .body = body, .body_size = sizeof body};
    struct bench_outcome *o = bench_run(&b, h, t, &call);
    assert_int_equal(o->outcome.end, EXECUTION_ANSWERED);
    assert_int_equal(o->outcome.result.status, 200);
    assert_false(o->outcome.result.failed);
    assert_true(bytes_equal(buf_view(o->outcome.result.body), bytes_of(body, sizeof body)));
    assert_true(bytes_is(buf_view(o->outcome.result.headers), "Content-Type: image/png\r\n"));
    h->close(t);
    bench_fini(&b);
}

static void no_body_is_an_end_of_file_and_no_type_is_bytes(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = bench_open(&b, "exec:cat  -"); /* by PATH, two spaces */
    struct bench_call call = {.method = "GET"};
    struct bench_outcome *o = bench_run(&b, h, t, &call);
    assert_int_equal(o->outcome.result.status, 200);
    assert_null(o->outcome.result.body);
    assert_true(bench_has_header(o, "Content-Type: application/octet-stream\r\n"));
    h->close(t);
    bench_fini(&b);
}

static void arguments_are_split_at_spaces_and_seen_by_no_shell(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = bench_open(&b, "exec:/usr/bin/printf [%s]\\n $HOME 'a b' ;id *");
    struct bench_call call = {.body = "ignored"};
    struct bench_outcome *o = bench_run(&b, h, t, &call);
    assert_true(bench_body_is(o, "[$HOME]\n['a]\n[b']\n[;id]\n[*]\n"));
    h->close(t);
    bench_fini(&b);
}

static void environment_is_the_watchdogs_and_nothing_of_ours(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    setenv("CALLBACKD_SECRET", "hidden", 1);
    setenv("LC_TIME", "C", 1);
    struct handler_target *t = bench_open(&b, "exec:/usr/bin/env");
    struct bench_call call = {
        .method = "PUT",
        .path = "/a%20b",
        .query = "x=1&y=%2F",
        .headers = "user-AGENT: curl\r\nX-Two: first\r\nx-two: second\r\n"
                   "X-Call-Id: forged\r\nMethod: FORGED\r\nQuery: forged\r\n"
                   "X_Two_Words: forged\r\nContent-Length: 99\r\nX-Empty:\r\nBad Name: x\r\n",
        .body = "12345",
    };
    struct bench_outcome *o = bench_run(&b, h, t, &call);
    static const char *const there[] = {
        "PATH=",
        "LC_TIME=C\n",
        "Http_Method=PUT\n",
        "Http_Path=/a%20b\n",
        "Http_Query=x=1&y=%2F\n",
        "Http_ContentLength=5\n",
        "Http_Content_Length=5\n",
        "Http_Host=front.example\n",
        "Http_X_Call_Id=the-call-id\n",
        "Http_X_Attempt=1\n",
        "Http_Idempotency_Key=01020300-0000-0000-0000-000000000000\n",
        "Http_X_Forwarded_For=192.0.2.7\n",
        "Http_User_Agent=curl\n",
        "Http_X_Two=first\n",
        "Http_X_Empty=\n",
    };
    for (size_t i = 0; i < sizeof there / sizeof there[0]; i++) {
        if (!bench_body_has(o, there[i])) {
            fail_msg("no %s", there[i]);
        }
    }
    assert_false(bench_body_has(o, "hidden"));
    assert_false(bench_body_has(o, "forged"));
    assert_false(bench_body_has(o, "FORGED"));
    assert_false(bench_body_has(o, "second"));
    assert_false(bench_body_has(o, "=99"));
    h->close(t);
    bench_fini(&b);
}

static void query_variable_is_absent_without_a_query(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = bench_open(&b, "exec:/usr/bin/env");
    struct bench_call call = {.headers = "Query: forged\r\n"};
    struct bench_outcome *o = bench_run(&b, h, t, &call);
    assert_false(bench_body_has(o, "Http_Query"));
    assert_true(bench_body_has(o, "Http_Path=/\n"));
    h->close(t);
    bench_fini(&b);
}

static void failing_program_is_a_500_with_its_status_and_output(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = open_script(&b, "echo out; echo err >&2; exit 7\n");
    struct bench_call call = {.headers = "Content-Type: application/json\r\n", .body = "{}"};
    struct bench_outcome *o = bench_run(&b, h, t, &call);
    assert_int_equal(o->outcome.end, EXECUTION_ANSWERED);
    assert_int_equal(o->outcome.result.status, 500);
    assert_true(o->outcome.result.failed);
    assert_true(bench_body_is(o, "exit status 7\nout\nerr\n"));
    assert_true(bench_has_header(o, "Content-Type: text/plain"));
    h->close(t);
    bench_fini(&b);
}

static void program_ended_by_a_signal_says_which(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = open_script(&b, "kill -$(cat) $$\n");
    static const char *const rows[][2] = {
        {"KILL", "signal: killed\n"},  {"TERM", "signal: terminated\n"},
        {"ABRT", "signal: aborted\n"}, {"PIPE", "signal: broken pipe\n"},
        {"40", "signal: signal 40\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench_call call = {.body = rows[i][0]};
        struct bench_outcome *o = bench_run(&b, h, t, &call);
        assert_int_equal(o->outcome.result.status, 500);
        assert_true(bench_body_is(o, rows[i][1]));
    }
    h->close(t);
    bench_fini(&b);
}

static void program_that_reads_nothing_is_not_hurt_by_its_input(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    static char body[400000];
    memset(body, 'x', sizeof body);
    struct bench_call call = {.body = body, .body_size = sizeof body};
    struct handler_target *ignores = bench_open(&b, "exec:/bin/echo fine");
    struct handler_target *closes = open_script(&b, "exec 0<&-; echo closed\n");
    assert_true(bench_body_is(bench_run(&b, h, ignores, &call), "fine\n"));
    assert_true(bench_body_is(bench_run(&b, h, closes, &call), "closed\n"));
    h->close(ignores);
    h->close(closes);
    bench_fini(&b);
}

static void program_that_closes_its_output_early_is_waited_for(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t =
        open_script(&b, "echo said; exec 1>&- 2>&-; read line; exit 3\n");
    struct bench_call call = {.body = "go\n"};
    struct bench_outcome *o = bench_run(&b, h, t, &call);
    assert_true(bench_body_is(o, "exit status 3\nsaid\n"));
    h->close(t);
    bench_fini(&b);
}

static void output_of_exactly_the_limit_passes_and_more_is_too_large(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.env.body_max = 100000;
    struct handler_target *fits = bench_open(&b, "exec:/usr/bin/head -c 100000 /dev/zero");
    struct handler_target *over = bench_open(&b, "exec:/usr/bin/head -c 100001 /dev/zero");
    struct handler_target *endless = bench_open(&b, "exec:/bin/cat /dev/zero");
    struct bench_call call = {0};
    struct bench_outcome *o = bench_run(&b, h, fits, &call);
    assert_int_equal(o->outcome.end, EXECUTION_ANSWERED);
    assert_int_equal(buf_size(o->outcome.result.body), 100000);
    assert_int_equal(bench_run(&b, h, over, &call)->outcome.end, EXECUTION_TOO_LARGE);
    o = bench_run(&b, h, endless, &call);
    assert_int_equal(o->outcome.end, EXECUTION_TOO_LARGE);
    assert_non_null(strstr(o->detail, "limits.body_bytes"));
    h->close(fits);
    h->close(over);
    h->close(endless);
    bench_fini(&b);
}

static void output_that_finds_no_memory_says_so(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = bench_open(&b, "exec:/usr/bin/head -c 100000 /dev/zero");
    b.budget.limit = 50000;
    struct bench_call call = {0};
    assert_int_equal(bench_run(&b, h, t, &call)->outcome.end, EXECUTION_NO_MEMORY);
    h->close(t);
    bench_fini(&b);
}

/* The process id that the script wrote to `path`; waits for it. */
static pid_t pid_written(struct bench *b, const char *path)
{
    for (int i = 0; i < 1000; i++) {
        FILE *f = fopen(path, "re");
        int pid;
        if (f != NULL && fscanf(f, "%d\n", &pid) == 1) {
            fclose(f);
            return pid;
        }
        if (f != NULL) {
            fclose(f);
        }
        loop_turn(b->loop, false);
        usleep(5000); /* what we wait for is another program */
    }
    fail_msg("the script never said its process id");
    return 0;
}

static void assert_dies(pid_t pid)
{
    for (int i = 0; i < 1000; i++) {
        if (kill(pid, 0) != 0) {
            assert_int_equal(errno, ESRCH);
            return;
        }
        char path[64], line[256] = "";
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        FILE *f = fopen(path, "re");
        if (f != NULL) {
            size_t n = fread(line, 1, sizeof line - 1, f);
            line[n] = '\0';
            fclose(f);
        }
        if (strstr(line, ") Z ") != NULL) {
            return; /* dead; its adopter has not asked yet */
        }
        usleep(5000); /* the kernel ends it when it likes */
    }
    fail_msg("process %d lives", pid);
}

static void stop_kills_grandchildren_too(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    char text[512], path[128];
    snprintf(path, sizeof path, "%s/grandchild", script_folder);
    snprintf(text, sizeof text,
             "sh -c 'trap \"\" TERM HUP INT; echo $$ > %s.tmp; mv %s.tmp %s; "
             "while :; do sleep 1000; done' &\nwait\n",
             path, path, path);
    struct handler_target *t = open_script(&b, text);
    struct bench_call call = {.body = "x"};
    uint64_t id = bench_start(&b, h, t, &call);
    pid_t grandchild = pid_written(&b, path);
    h->stop(t, id + 1); /* unknown: nothing happens */
    assert_int_equal(kill(grandchild, 0), 0);
    h->stop(t, id);
    h->stop(t, id);
    h->close(t); /* at once, with the process still to be waited for */
    assert_dies(grandchild);
    loop_run(b.loop);
    assert_int_equal(b.done_count, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child, so no zombie */
    assert_int_equal(errno, ECHILD);
    bench_fini(&b);
}

static void what_a_program_leaves_behind_is_killed(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    char text[512], path[128];
    snprintf(path, sizeof path, "%s/left", script_folder);
    snprintf(text, sizeof text,
             "sleep 1000 >/dev/null 2>&1 </dev/null &\necho $! > %s\necho answered\n", path);
    struct handler_target *t = open_script(&b, text);
    struct bench_call call = {.body = "x"};
    assert_true(bench_body_is(bench_run(&b, h, t, &call), "answered\n"));
    assert_dies(pid_written(&b, path));
    h->close(t);
    bench_fini(&b);
}

static void whoever_holds_the_output_delays_the_answer_by_a_second_at_most(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = open_script(&b, "(sleep 1000) &\necho answered\n");
    struct bench_call call = {.body = "x"};
    uint64_t started_ns = loop_clock_ns();
    assert_true(bench_body_is(bench_run(&b, h, t, &call), "answered\n"));
    assert_true(loop_clock_ns() - started_ns < UINT64_C(5000000000));
    h->close(t);
    bench_fini(&b);
}

static void program_inherits_three_descriptors_and_a_session(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    int leak = open("/dev/null", O_RDONLY); /* as a careless library would */
    struct handler_target *t = bench_open(&b, "exec:/bin/ls -1 /proc/self/fd");
    struct bench_call call = {.body = "x"};
    struct bench_outcome *o = bench_run(&b, h, t, &call);
    close(leak);
    assert_true(bench_body_is(o, "0\n1\n2\n3\n")); /* 3 is ls's own, on the folder */
    h->close(t);
    t = open_script(&b, "cut -d' ' -f1,5,6 /proc/$$/stat | tr ' ' '\\n' | sort -u | wc -l\n"
                        "grep SigIgn /proc/$$/status\n");
    o = bench_run(&b, h, t, &call);
    assert_true(bench_body_is(o, "1\nSigIgn:\t0000000000000000\n"));
    h->close(t);
    bench_fini(&b);
}

static void program_that_cannot_run_is_a_fault_at_start(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    const char *em = bench_refusal(&b, "exec:/no/such/program -a", ERR_IO);
    assert_non_null(strstr(em, "/no/such/program: No such file"));
    assert_non_null(strstr(bench_refusal(&b, "exec:/etc/passwd", ERR_IO), "Permission"));
    assert_non_null(strstr(bench_refusal(&b, "exec:/tmp", ERR_IO), "directory"));
    assert_non_null(strstr(bench_refusal(&b, "exec:no-such-program", ERR_IO), "PATH"));
    assert_non_null(strstr(bench_refusal(&b, "exec:  ", ERR_MALFORMED), "exec:/path"));
    bench_fini(&b);
}

static void program_that_vanished_is_a_crash_with_its_reason(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    char target[256];
    const char *path = script("#!/bin/sh\necho hello\n");
    snprintf(target, sizeof target, "exec:%s", path);
    struct handler_target *t = bench_open(&b, target);
    struct bench_call call = {.body = "x"};
    assert_true(bench_body_is(bench_run(&b, h, t, &call), "hello\n"));
    unlink(path);
    struct bench_outcome *o = bench_run(&b, h, t, &call);
    assert_int_equal(o->outcome.end, EXECUTION_CRASHED);
    assert_non_null(strstr(o->detail, "No such file"));
    h->close(t);
    bench_fini(&b);
}

static void many_at_once_answer_each_its_own(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = bench_open(&b, "exec:/bin/cat");
    char bodies[32][16];
    for (size_t i = 0; i < 32; i++) {
        snprintf(bodies[i], sizeof bodies[i], "body %zu", i);
        struct bench_call call = {.body = bodies[i]};
        bench_start(&b, h, t, &call);
    }
    h->stop(t, 5);
    bench_wait(&b, 31);
    for (size_t i = 0; i < 31; i++) {
        assert_int_not_equal(b.done[i].id, 5);
        assert_true(bench_body_is(&b.done[i], bodies[b.done[i].id - 1]));
    }
    h->close(t);
    bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(body_goes_in_and_output_comes_out),
        cmocka_unit_test(no_body_is_an_end_of_file_and_no_type_is_bytes),
        cmocka_unit_test(arguments_are_split_at_spaces_and_seen_by_no_shell),
        cmocka_unit_test(environment_is_the_watchdogs_and_nothing_of_ours),
        cmocka_unit_test(query_variable_is_absent_without_a_query),
        cmocka_unit_test(failing_program_is_a_500_with_its_status_and_output),
        cmocka_unit_test(program_ended_by_a_signal_says_which),
        cmocka_unit_test(program_that_reads_nothing_is_not_hurt_by_its_input),
        cmocka_unit_test(program_that_closes_its_output_early_is_waited_for),
        cmocka_unit_test(output_of_exactly_the_limit_passes_and_more_is_too_large),
        cmocka_unit_test(output_that_finds_no_memory_says_so),
        cmocka_unit_test(stop_kills_grandchildren_too),
        cmocka_unit_test(what_a_program_leaves_behind_is_killed),
        cmocka_unit_test(whoever_holds_the_output_delays_the_answer_by_a_second_at_most),
        cmocka_unit_test(program_inherits_three_descriptors_and_a_session),
        cmocka_unit_test(program_that_cannot_run_is_a_fault_at_start),
        cmocka_unit_test(program_that_vanished_is_a_crash_with_its_reason),
        cmocka_unit_test(many_at_once_answer_each_its_own),
    };
    return cmocka_run_group_tests(tests, script_folder_make, script_folder_remove);
}
