/* Upstreams behind TLS, with openssl's own test server as the other side. */
#include "lib_bench.h"

#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct handler *const h = &handler_http;
static char folder[] = "/tmp/callbackd-tls-XXXXXX";
static char key[64], certificate[64];
static pid_t server;
static unsigned port;

/* Runs `argv` with its output to `output`, or to nowhere when that is negative. */
static pid_t start(char *const argv[], int output)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/zero", 0, 0);
    if (output >= 0) {
        posix_spawn_file_actions_adddup2(&actions, output, 1);
    }
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", 1, 0);
    pid_t pid;
    assert_int_equal(posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static void make_certificate(void)
{
    char *const argv[] = {"openssl",
                          "req",
                          "-x509",
                          "-newkey",
                          "ec",
                          "-pkeyopt",
                          "ec_paramgen_curve:prime256v1",
                          "-nodes",
                          "-subj",
                          "/CN=localhost",
                          "-addext",
                          "subjectAltName=IP:127.0.0.1",
                          "-keyout",
                          key,
                          "-out",
                          certificate,
                          NULL};
    int status;
    assert_int_equal(waitpid(start(argv, -1), &status, 0) > 0, 1);
    assert_int_equal(status, 0);
}

static int start_server(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(key, sizeof key, "%s/key", folder);
    snprintf(certificate, sizeof certificate, "%s/certificate", folder);
    make_certificate();
    int output[2];
    assert_int_equal(pipe(output), 0);
    char *const argv[] = {"openssl", "s_server", "-accept", "0",         "-www",
                          "-key",    key,        "-cert",   certificate, NULL};
    server = start(argv, output[1]);
    close(output[1]);
    FILE *lines = fdopen(output[0], "r");
    char line[256];
    while (port == 0 && fgets(line, sizeof line, lines) != NULL) {
        const char *colon = strrchr(line, ':');
        if (strncmp(line, "ACCEPT", 6) == 0 && colon != NULL) {
            port = (unsigned)strtoul(colon + 1, NULL, 10);
        }
    }
    fclose(lines);
    return port == 0 ? -1 : 0;
}

static int stop_server(void **state)
{
    (void)state;
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    unlink(key);
    unlink(certificate);
    return rmdir(folder);
}

/* One GET; the outcome lives until bench_fini(). */
static struct bench_outcome *get(struct bench *b, const char *host)
{
    char target[128];
    snprintf(target, sizeof target, "https://%s:%u/", host, port);
    struct handler_target *t = bench_open(b, target);
    struct bench_call call = {.method = "GET"};
    struct bench_outcome *o = bench_run(b, h, t, &call);
    h->close(t);
    return o;
}

static void upstream_with_a_known_authority_answers(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    setenv("SSL_CERT_FILE", certificate, 1);
    struct bench_outcome *o = get(&b, "127.0.0.1");
    if (o->outcome.end != EXECUTION_ANSWERED) {
        fail_msg("%s", o->detail);
    }
    assert_int_equal(o->outcome.result.status, 200);
    assert_true(bench_body_has(o, "TLS"));
    bench_fini(&b);
}

static void upstream_with_an_unknown_authority_is_refused(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    unsetenv("SSL_CERT_FILE");
    struct bench_outcome *o = get(&b, "127.0.0.1");
    assert_int_equal(o->outcome.end, EXECUTION_FAILED);
    assert_non_null(strstr(o->detail, "certificate"));
    bench_fini(&b);
}

static void certificate_of_another_name_is_refused(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    setenv("SSL_CERT_FILE", certificate, 1);
    struct bench_outcome *o = get(&b, "127.0.0.2");
    assert_int_equal(o->outcome.end, EXECUTION_FAILED);
    assert_non_null(strstr(o->detail, "127.0.0.2"));
    bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(upstream_with_a_known_authority_answers),
        cmocka_unit_test(upstream_with_an_unknown_authority_is_refused),
        cmocka_unit_test(certificate_of_another_name_is_refused),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
