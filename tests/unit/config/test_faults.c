#include "lib_config.h"

#include <stdlib.h>

static void every_fault_is_told_with_file_line_and_key(void **state)
{
    (void)state;
    struct loaded l = load("listen: here\n"
                           "callback:\n"
                           "  ttl_ms: abc\n"
                           "  tttl: 1\n"
                           "cluster: {accept_acks: 3}\n"
                           "color: red\n",
                           ENVIRON("CALLBACKD_ADMIN=nowhere"),
                           FLAGS("--set", "limits.connections=0", "--set", "no.such=1",
                                 "--bogus", "stray", "--listen"));
    const struct text *faults = &l.report.faults;
    assert_int_equal(l.verdict, CONFIG_STOP);
    assert_contains(faults, ":1: listen: \"here\" is not an address; allowed: HOST:PORT");
    assert_contains(faults, ":3: callback.ttl_ms: \"abc\" is not a whole number; "
                            "allowed: 1 to 604800000\n");
    assert_contains(faults, ":4: callback.tttl: unknown key; allowed here: ttl_ms wait_ms "
                            "wait_max_ms redelivery_ms\n");
    assert_contains(faults,
                    ":5: cluster.accept_acks: \"3\" is out of range; allowed: 0 to 2\n");
    assert_contains(faults, ":6: color: unknown key; allowed here: name listen admin cluster ");
    assert_contains(faults, "CALLBACKD_ADMIN: admin: \"nowhere\" is not an address");
    assert_contains(faults, "--set: limits.connections: \"0\" is out of range");
    assert_contains(faults, "--set: no.such: unknown key");
    assert_contains(faults, "command line: --bogus: unknown flag");
    assert_contains(faults, "command line: stray: is not a flag");
    assert_contains(faults, "command line: --listen: has no value");
    loaded_fini(&l);
}

static void yaml_that_is_not_ours_is_refused(void **state)
{
    (void)state;
    assert_only_fault("name: a\nname: b\n",
                      ":2: name: stands twice, first in line 1; allowed: once");
    assert_only_fault("callback: {ttl_ms: 1}\ncallback: {wait_ms: 1}\n",
                      ":2: callback: stands twice, first in line 1; allowed: once");
    assert_only_fault("callback.ttl_ms: 1\n",
                      ":1: callback.ttl_ms: has a dot; allowed: nested keys, as a: {b: 1}");
    assert_only_fault("name: &a b\n",
                      ":1: name: has an anchor, alias or tag; allowed: plain values");
    assert_only_fault("name: !!str b\n",
                      ":1: name: has an anchor, alias or tag; allowed: plain values");
    assert_only_fault("name: [a]\n", ":1: name: is a list; allowed: up to 64 characters");
    assert_only_fault("listen:\n  a: b\n",
                      ":2: listen: is a mapping; allowed: HOST:PORT or [IPv6]:PORT");
    assert_only_fault("listen:\n",
                      ":1: listen: has no value; allowed: HOST:PORT or [IPv6]:PORT");
    assert_only_fault("callback: 5\n", ":1: callback: is not a mapping; allowed: nested keys");
    assert_only_fault("- a\n", ":1: YAML: is not a mapping; allowed: nested keys");
    assert_only_fault("webhook:\n  allow: [a, [b]]\n",
                      ":2: webhook.allow: has an item that is not one value; allowed: [a, b]");
    assert_only_fault(
        "---\nb: 2\n",
        ":2: b: unknown key; allowed here: name listen admin cluster callback "
        "jube status limits shutdown webhook tls auth log plugins debug functions");
    assert_only_fault("name: a\n---\nname: b\n",
                      ":2: YAML: a second document begins; allowed: one document");
    assert_only_fault("? [a]\n: 1\nname: x\n",
                      ":1: YAML: has a key that is not a word; allowed: key: value");
}

static void yaml_that_is_no_yaml_is_refused(void **state)
{
    (void)state;
    assert_only_fault(
        "callback:\n\tttl_ms: 1\n",
        ":2: YAML: while scanning for the next token: found character that cannot "
        "start any token; allowed: indentation by spaces, no tabs");
    assert_only_fault("name: x\nadmin: \x01\n", ":2: YAML: control characters are not "
                                                "allowed; allowed: YAML in UTF-8");
    assert_only_fault("name: \xff\n",
                      ":1: YAML: invalid leading UTF-8 octet; allowed: YAML in UTF-8");
    struct loaded l = load("name: [\n", NULL, NULL);
    assert_int_equal(l.verdict, CONFIG_STOP);
    loaded_fini(&l);
}

static void deep_and_wide_files_end_early(void **state)
{
    (void)state;
    struct text yaml = {0};
    for (size_t i = 0; i < 100000; i++) {
        text_add_char(&yaml, '[');
    }
    text_add_char(&yaml, '\0');
    struct loaded l = load(yaml.at, NULL, NULL);
    assert_int_equal(l.verdict, CONFIG_STOP);
    assert_contains(&l.report.faults, "nested too deep");
    loaded_fini(&l);
    text_clear(&yaml);
    for (size_t i = 0; i < 5000; i++) {
        text_addf(&yaml, "k%zu: 1\n", i);
    }
    text_add_char(&yaml, '\0');
    l = load(yaml.at, NULL, NULL);
    assert_contains(&l.report.faults, "\n... and more\n");
    assert_lacks(&l.report.faults, ":1001: k1000");
    loaded_fini(&l);
    text_clear(&yaml);
    while (yaml.size <= (1u << 20)) {
        text_add_str(&yaml, "# a comment that says nothing at all\n");
    }
    text_add_char(&yaml, '\0');
    l = load(yaml.at, NULL, NULL);
    assert_contains(&l.report.faults, "is too large; allowed: 1 MiB");
    loaded_fini(&l);
    text_fini(&yaml);
}

static void a_missing_file_is_a_fault(void **state)
{
    (void)state;
    struct loaded l = load(NULL, NULL, FLAGS("--config=/nonexistent/c.yaml"));
    assert_int_equal(l.verdict, CONFIG_STOP);
    assert_contains(&l.report.faults,
                    "/nonexistent/c.yaml: --config: cannot be read: No such file");
    loaded_fini(&l);
    l = load(NULL, NULL, FLAGS("--config=/"));
    assert_int_equal(l.verdict, CONFIG_STOP);
    loaded_fini(&l);
    l = load(NULL, ENVIRON("CALLBACKD_CONFIG=/nonexistent/d.yaml"), NULL);
    assert_contains(&l.report.faults, "/nonexistent/d.yaml: --config: cannot be read");
    loaded_fini(&l);
}

static void function_names_must_fit_into_a_path(void **state)
{
    (void)state;
    static const char *const wrong[] = {"a b=builtin:echo", "=builtin:echo", "a/b=builtin:echo",
                                        "..=builtin:echo", "\xc3\xa4=builtin:echo"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct loaded l = load(NULL, NULL, FLAGS("--function", wrong[i]));
        assert_int_equal(l.verdict, CONFIG_STOP);
        assert_contains(&l.report.faults, "is not a function name; allowed: 1 to 64");
        assert_int_equal(l.config->function_count, 0);
        loaded_fini(&l);
    }
}

static void a_name_that_a_route_uses_is_refused_wherever_it_stands(void **state)
{
    (void)state;
    assert_only_fault("functions:\n  v1: {target: 'builtin:echo'}\n",
                      ":2: functions: \"v1\" is the name of a route of this node; choose "
                      "another name");
    struct loaded l = load(NULL, ENVIRON("CALLBACKD_FUNCTIONS_METRICS_QUEUE=1"),
                           FLAGS("--function", "v1=builtin:echo"));
    assert_contains(&l.report.faults, "--function: functions: \"v1\" is the name of a route");
    assert_contains(&l.report.faults,
                    "CALLBACKD_FUNCTIONS_METRICS_QUEUE: functions: \"metrics\" is the name");
    loaded_fini(&l);
}

static void targets_are_checked(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "ftp://h/", "http://",       "http:///p",        "http://a b",
        "exec:cat", "exec:",         "plugin:x.so",      "builtin:nope",
        "",         "exec:/no/such", "exec:/etc/passwd", "plugin:/no/such.so",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct text flag = {0};
        text_addf(&flag, "f=%s", wrong[i]);
        text_add_char(&flag, '\0');
        struct loaded l = load(NULL, NULL, FLAGS("--function", flag.at));
        assert_int_equal(l.verdict, CONFIG_STOP);
        assert_contains(&l.report.faults, "--function: functions.f.target: ");
        loaded_fini(&l);
        text_fini(&flag);
    }
    struct loaded l = load(NULL, NULL, FLAGS("--function", "f"));
    assert_contains(&l.report.faults, "--function: functions: has no target");
    loaded_fini(&l);
}

static void values_that_do_not_fit_together_are_refused(void **state)
{
    (void)state;
    assert_only_fault("functions:\n  f: {queue: 1}\n",
                      ":2: functions.f.target: is missing; allowed: http://..., https://..., "
                      "exec:/program arg..., plugin:/lib.so, builtin:echo, builtin:sleep or "
                      "builtin:status");
    assert_only_fault("callback: {wait_ms: 5, wait_max_ms: 4}\n",
                      ":1: callback.wait_ms: 5 is above callback.wait_max_ms (4); allowed: at "
                      "most that");
    assert_only_fault("functions:\n"
                      "  a: {target: 'builtin:echo', jube_model: "
                      "90c425fd-101a-420b-91d1-cb7a24a969cc}\n"
                      "  b: {target: 'builtin:echo', jube_model: "
                      "90C425FD101A420B91D1CB7A24A969CC}\n",
                      ":3: functions.b.jube_model: belongs to function a already; allowed: one "
                      "function a model");
    assert_only_fault("functions:\n  f:\n    target: builtin:echo\n    retry:\n"
                      "      min_wait_ms: 5\n      max_wait_ms: 4\n",
                      ":5: functions.f.retry.min_wait_ms: 5 is above retry.max_wait_ms (4); "
                      "allowed: at most that");
}

static void wrong_values_of_every_kind_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "name=\x01",
        "listen=h",
        "listen=h:65536",
        "listen=:1",
        "listen=h:-1",
        "listen=[::g]:1",
        "cluster.listen=on",
        "cluster.seeds=a:0",
        "cluster.seeds=a:1,,b:1",
        "cluster.seeds=dns::1",
        "cluster.advertise=h:0",
        "cluster.claim=strictly",
        "cluster.claim=",
        "cluster.insecure=1",
        "callback.ttl_ms=0",
        "callback.ttl_ms=-1",
        "callback.ttl_ms=5s",
        "callback.ttl_ms=99999999999999999999999",
        "limits.body_bytes=1MB",
        "limits.body_bytes=99999999999GiB",
        "limits.store_bytes=",
        "status.pending_code=204",
        "status.done=301",
        "status.base_url=example.com",
        "log.level=trace",
        "webhook.secret_file=/no/such/file",
        "webhook.allow=10.0.0.0/33",
        "webhook.allow=a b",
        "functions.f.jube_model=xyz",
        "functions.f.retry.codes=399",
        "functions.f.retry.codes=600",
        "functions.f.nope=1",
        "functions.f=1",
        "functions.=1",
        "=1",
        "listen",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct loaded l =
            load("functions: {f: {target: 'builtin:echo'}}\n", NULL, FLAGS("--set", wrong[i]));
        if (l.verdict != CONFIG_STOP) {
            fail_msg("--set %s was taken", wrong[i]);
        }
        loaded_fini(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fault_is_told_with_file_line_and_key),
        cmocka_unit_test(yaml_that_is_not_ours_is_refused),
        cmocka_unit_test(yaml_that_is_no_yaml_is_refused),
        cmocka_unit_test(deep_and_wide_files_end_early),
        cmocka_unit_test(a_missing_file_is_a_fault),
        cmocka_unit_test(function_names_must_fit_into_a_path),
        cmocka_unit_test(a_name_that_a_route_uses_is_refused_wherever_it_stands),
        cmocka_unit_test(targets_are_checked),
        cmocka_unit_test(values_that_do_not_fit_together_are_refused),
        cmocka_unit_test(wrong_values_of_every_kind_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
