#include "handlers/exec_env.h"
#include "lib_bench.h"
#include "lib_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const struct handler *const h = &handler_exec;

/* The target that runs `text` in the shell; static. */
static struct bytes shell(const char *text)
{
    static char target[256];
    snprintf(target, sizeof target, "exec:/bin/sh %s", script(text));
    return bytes_text(target);
}

static void program_has_the_limits_and_the_folder_that_it_was_given(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_function f = {
        .target = shell("grep -E 'cpu|core|processes|open|address' /proc/self/limits | "
                        "tr -s ' '\npwd\n"),
        .dir = "/usr/bin/..",
        .cpu_s = 7,
        .memory_bytes = 1u << 30,
        .files = 33,
        .processes = 5000,
    };
    struct handler_target *t = bench_open_as(&b, &f);
    struct bench_call call = {.body = "x"};
    struct bench_outcome *o = bench_run(&b, h, t, &call);
    assert_true(bench_body_is(o, "Max cpu time 7 8 seconds \n"
                                 "Max core file size 1 1 bytes \n"
                                 "Max processes 5000 5000 processes \n"
                                 "Max open files 33 33 files \n"
                                 "Max address space 1073741824 1073741824 bytes \n"
                                 "/usr\n"));
    h->close(t);
    bench_fini(&b);
}

static void program_over_its_limits_fails_and_says_so(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_function f = {.target = shell("while true; do true; done\n"), .cpu_s = 1};
    struct handler_target *t = bench_open_as(&b, &f);
    struct bench_call call = {.body = "x"};
    struct bench_outcome *o = bench_run(&b, h, t, &call);
    assert_true(bench_body_is(o, "signal: CPU time limit exceeded\n"));
    h->close(t);
    f = (struct handler_function){.target = shell("exec 3</dev/null 4</dev/null\n"),
                                  .files = 4};
    t = bench_open_as(&b, &f);
    o = bench_run(&b, h, t, &call);
    assert_int_equal(o->outcome.result.status, 500);
    h->close(t);
    bench_fini(&b);
}

static void program_runs_as_its_user_for_good(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    struct bench b;
    bench_init(&b);
    setenv("HOME", "/of/the/node", 1);
    struct handler_function f = {
        .target = bytes_text("exec:/bin/sh -c id;grep${IFS}NoNewPrivs${IFS}/proc/self/status;"
                             "echo${IFS}$HOME"),
        .user = "nobody",
    };
    struct handler_target *t = bench_open_as(&b, &f);
    struct bench_call call = {.body = "x"};
    struct bench_outcome *o = bench_run(&b, h, t, &call);
    assert_true(bench_body_is(o, "uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)\n"
                                 "NoNewPrivs:\t1\n/nonexistent\n"));
    h->close(t);
    f.user = "4321:1234";
    t = bench_open_as(&b, &f);
    o = bench_run(&b, h, t, &call);
    assert_true(bench_body_is(o, "uid=4321 gid=1234 groups=1234\nNoNewPrivs:\t1\n\n"));
    h->close(t);
    bench_fini(&b);
}

static void what_the_user_may_not_is_a_fault_at_start(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_function f = {.target = bytes_text("exec:/bin/true"), .dir = "/no/such"};
    const char *em = bench_refusal_of(&b, &f, ERR_NOTFOUND);
    assert_string_equal(em, "cannot run /bin/true: its working directory: "
                            "No such file or directory");
    f = (struct handler_function){.target = bytes_text("exec:/bin/true"),
                                  .user = "no-one-here"};
    assert_string_equal(bench_refusal_of(&b, &f, ERR_NOTFOUND), "no user no-one-here here");
    f.user = "4294967295:0";
    assert_non_null(strstr(bench_refusal_of(&b, &f, ERR_NOTFOUND), "no user"));
    f.user = "54321";
    assert_non_null(strstr(bench_refusal_of(&b, &f, ERR_NOTFOUND), "UID:GID"));
    f.user = geteuid() == 0 ? NULL : "0:0"; /* who is not root does not become it */
    if (f.user != NULL) {
        assert_non_null(strstr(bench_refusal_of(&b, &f, ERR_NOTFOUND), "not permitted"));
    } else {
        char target[256];
        snprintf(target, sizeof target, "exec:%s", script("#!/bin/sh\n")); /* 0700, root's */
        f = (struct handler_function){.target = bytes_text(target), .user = "nobody"};
        assert_non_null(strstr(bench_refusal_of(&b, &f, ERR_NOTFOUND), "Permission denied"));
        f = (struct handler_function){
            .target = bytes_text("exec:/bin/true"), .user = "nobody", .dir = script_folder};
        em = bench_refusal_of(&b, &f, ERR_NOTFOUND);
        assert_non_null(strstr(em, "its working directory: Permission denied"));
    }
    bench_fini(&b);
}

static void variables_are_those_that_were_asked_for(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    setenv("OF_THE_NODE", "a value", 1);
    setenv("CALLBACKD_SECRET", "hidden", 1);
    char *variables[] = {"OF_THE_NODE", "MODE=fast=er", "PATH=/usr/bin", "NOT_SET", "EMPTY="};
    struct handler_function f = {
        .target = bytes_text("exec:/usr/bin/env"), .variables = variables, .variable_count = 5};
    struct handler_target *t = bench_open_as(&b, &f);
    struct bench_call call = {.headers = "Of-The-Node: forged\r\n"};
    struct bench_outcome *o = bench_run(&b, h, t, &call);
    assert_true(
        bench_body_has(o, "OF_THE_NODE=a value\nMODE=fast=er\nPATH=/usr/bin\nEMPTY=\n"));
    assert_true(bench_body_has(o, "Http_Of_The_Node=forged\n"));
    assert_false(bench_body_has(o, "NOT_SET"));
    assert_false(bench_body_has(o, "hidden"));
    assert_false(bench_body_has(o, "\nPATH=/usr/local"));
    h->close(t);
    static char *const wrong[] = {"", "=x", "1A=x", "A B=x", "Http_Path=/x", "A-B"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        variables[0] = wrong[i];
        assert_non_null(strstr(bench_refusal_of(&b, &f, ERR_MALFORMED), "is no name"));
    }
    char *many[EXEC_ENV_OWN_MAX + 1];
    static char names[EXEC_ENV_OWN_MAX + 1][16];
    for (size_t i = 0; i < EXEC_ENV_OWN_MAX + 1; i++) {
        snprintf(names[i], sizeof names[i], "V%zu=1", i);
        many[i] = names[i];
    }
    f.variables = many;
    f.variable_count = EXEC_ENV_OWN_MAX + 1;
    assert_non_null(strstr(bench_refusal_of(&b, &f, ERR_TOOBIG), "allowed: 64"));
    bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(program_has_the_limits_and_the_folder_that_it_was_given),
        cmocka_unit_test(program_over_its_limits_fails_and_says_so),
        cmocka_unit_test(program_runs_as_its_user_for_good),
        cmocka_unit_test(what_the_user_may_not_is_a_fault_at_start),
        cmocka_unit_test(variables_are_those_that_were_asked_for),
    };
    return cmocka_run_group_tests(tests, script_folder_make, script_folder_remove);
}
