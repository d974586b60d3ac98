/* Keys: what the file says, who is found by which key, and what becomes of it without memory.
 */
#include "cmocka_first.h"
#include "heap_faults.h"

#include "auth/auth.h"
#include "config/keys_file.h"
#include "crypto/crypto.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[64];

static void write_file(const char *content)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fputs(content, f) >= 0, 1);
    assert_int_equal(fclose(f), 0);
}

/* Appends an entry for the key `secret`. */
static void add_entry(struct text *t, const char *secret, const char *rest)
{
    uint8_t digest[CRYPTO_SHA256_SIZE];
    assert_int_equal(crypto_sha256(digest, bytes_text(secret)), 0);
    text_add_str(t, "  - sha256: ");
    for (size_t i = 0; i < sizeof digest; i++) {
        text_addf(t, "%02x", digest[i]);
    }
    text_addf(t, "\n%s", rest);
}

static void write_keys(void)
{
    struct text t = {0};
    text_add_str(&t, "keys:\n");
    add_entry(&t, "one",
              "    name: first\n    tenant: acme\n    functions: [score, a.b]\n"
              "    scopes: [invoke, collect]\n");
    add_entry(&t, "two",
              "    functions: ['*']\n    scopes: [invoke, collect, cancel, admin]\n");
    add_entry(&t, "three", "    scopes: [admin]\n");
    text_add_char(&t, '\0');
    write_file(t.at);
    text_fini(&t);
}

static struct keys *read_keys(void)
{
    struct keys *k;
    struct text faults = {0};
    assert_int_equal(keys_read(&k, path, 7, &faults), 0);
    assert_int_equal(faults.size, 0);
    return k;
}

static void a_key_is_found_with_what_it_may_do(void **state)
{
    (void)state;
    write_keys();
    struct keys *k = read_keys();
    assert_int_equal(keys_count(k), 3);
    const struct caller *one = keys_find(k, bytes_text("one"));
    assert_non_null(one);
    assert_true(bytes_is(one->name, "first") && bytes_is(one->tenant, "acme"));
    assert_true(caller_may(one, SCOPE_INVOKE | SCOPE_COLLECT));
    assert_false(caller_may(one, SCOPE_CANCEL) || caller_may(one, SCOPE_ADMIN));
    assert_true(caller_may_invoke(one, bytes_text("score")));
    assert_true(caller_may_invoke(one, bytes_text("a.b")));
    assert_false(caller_may_invoke(one, bytes_text("scor")));
    assert_false(caller_may_invoke(one, bytes_text("*")));
    const struct caller *two = keys_find(k, bytes_text("two"));
    assert_true(two->all_functions && two->tenant.size == 0 && two->id != one->id);
    assert_true(caller_may_invoke(two, bytes_text("anything")));
    const struct caller *three = keys_find(k, bytes_text("three"));
    assert_true(three->scopes == SCOPE_ADMIN && !caller_may_invoke(three, bytes_text("score")));
    keys_drop(&k);
}

static void what_is_no_key_is_not_found(void **state)
{
    (void)state;
    write_keys();
    struct keys *k = read_keys();
    static const char *const wrong[] = {"", "on", "One", "one ", "ones", "four"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_null(keys_find(k, bytes_text(wrong[i])));
    }
    char large[KEYS_SECRET_MAX + 1];
    memset(large, 'x', sizeof large);
    assert_null(keys_find(k, bytes_of(large, sizeof large)));
    keys_drop(&k);
}

static void many_keys_are_all_found(void **state)
{
    (void)state;
    struct text t = {0};
    char secret[16];
    text_add_str(&t, "keys:\n");
    for (int i = 0; i < 300; i++) {
        snprintf(secret, sizeof secret, "key%d", i);
        add_entry(&t, secret, "    scopes: [collect]\n");
    }
    text_add_char(&t, '\0');
    write_file(t.at);
    text_fini(&t);
    struct keys *k = read_keys();
    for (int i = 0; i < 600; i++) {
        snprintf(secret, sizeof secret, "key%d", i);
        assert_int_equal(keys_find(k, bytes_text(secret)) != NULL, i < 300);
    }
    keys_drop(&k);
}

/* "LINE: rest" for each fault, the path left out. */
static void faults_are(const char *content, const char *expected)
{
    struct keys_file file;
    struct text faults = {0}, got = {0};
    bool ok = keys_file_parse(&file, "k", bytes_text(content), &faults);
    assert_int_equal(ok, expected[0] == '\0');
    assert_int_equal(ok, faults.size == 0);
    struct bytes rest = text_view(&faults);
    while (rest.size > 0) {
        struct bytes line = bytes_cut_at(&rest, '\n');
        assert_true(bytes_cut_front(&line, "k:"));
        struct bytes what = line;
        struct bytes number = bytes_cut_at(&what, ':');
        struct bytes after = bytes_cut_at(&what, ';');
        text_add(&got, number);
        text_add_char(&got, ':');
        text_add(&got, after);
        text_add_char(&got, '\n');
    }
    text_add_char(&got, '\0');
    assert_string_equal(got.at, expected);
    text_fini(&got);
    text_fini(&faults);
    if (ok) {
        keys_file_fini(&file);
    }
}

#define D64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void every_fault_is_told_with_its_line(void **state)
{
    (void)state;
    faults_are("keys: []\n", "");
    faults_are("keys:\n  - {sha256: " D64 ", scopes: [collect]}\n", "");
    faults_are("", "1: keys: is missing\n");
    faults_are("{}\n", "1: keys: is missing\n");
    faults_are("[]\n", "1: keys: is missing\n");
    faults_are("keys: 1\n", "1: keys: is not a list\n");
    faults_are("keys: []\nkeys: []\n", "2: keys: stands twice\n");
    faults_are("other: []\nkeys: []\n", "1: keys: stands beside an unknown word\n");
    faults_are("keys:\n  - one\n", "2: keys[0]: is no mapping\n");
    faults_are("keys:\n  - {}\n",
               "2: keys[0].sha256: is missing\n2: keys[0].scopes: is missing\n");
    faults_are("keys:\n  - sha256: 12\n    scopes: [collect]\n",
               "2: keys[0].sha256: is no SHA-256\n");
    faults_are("keys:\n  - sha256: " D64 "\n    scopes: collect\n",
               "3: keys[0].scopes: is not a list\n");
    faults_are("keys:\n  - sha256: " D64 "\n    scopes: [collect, fly]\n",
               "3: keys[0].scopes: has no such scope\n");
    faults_are("keys:\n  - sha256: " D64 "\n    scopes: [invoke]\n",
               "2: keys[0].functions: is missing\n");
    faults_are("keys:\n  - sha256: " D64 "\n    scopes: [invoke]\n    functions: [a/b]\n",
               "4: keys[0].functions: has an item that is no function's name\n");
    faults_are("keys:\n  - sha256: " D64 "\n    scopes: [collect]\n    tenant: a b\n",
               "4: keys[0].tenant: is no tenant\n");
    faults_are("keys:\n  - sha256: " D64 "\n    scopes: [collect]\n    tenant: x\n"
               "    tenant: y\n",
               "5: keys[0].tenant: stands twice\n");
    faults_are("keys:\n  - sha256: " D64 "\n    scopes: [collect]\n    secret: x\n",
               "4: keys[0]: has an unknown word\n");
    faults_are("keys:\n  - &a {sha256: " D64 ", scopes: [collect]}\n",
               "2: keys[0]: is no mapping\n");
    faults_are("keys:\n  - {sha256: " D64 ", scopes: [collect]}\n"
               "  - {sha256: " D64 ", scopes: [admin]}\n",
               "3: keys[1].sha256: stands in line 2 too\n");
    faults_are("keys: [\n", "2: YAML: while parsing a flow node: did not find expected node "
                            "content\n");
}

#define E64 "ff112233445566778899aabbccddeeff00112233445566778899aabbccddee00"

static void limits_of_a_key_are_numbers(void **state)
{
    (void)state;
    faults_are("keys:\n  - {sha256: " D64 ", scopes: [collect], rate: 1000000,"
               " concurrency: 1, parked: 7}\n",
               "");
    static const char *const wrong[] = {"0", "-1", "1000001", "many", "[1]", "''"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct text t = {0};
        bool is_text = wrong[i][0] != '[' && wrong[i][0] != '\'';
        text_addf(&t, "keys:\n  - sha256: " D64 "\n    scopes: [collect]\n    parked: %s\n",
                  wrong[i]);
        text_add_char(&t, '\0');
        faults_are(t.at, is_text ? "4: keys[0].parked: is no such number\n"
                                 : "4: keys[0].parked: is not one plain value\n");
        text_fini(&t);
    }
    faults_are("keys:\n  - sha256: " D64 "\n    scopes: [collect]\n    tenant: a\n"
               "    share: 101\n",
               "5: keys[0].share: is no percentage\n");
    faults_are("keys:\n  - {sha256: " D64 ", scopes: [collect], share: 5}\n",
               "2: keys[0].share: is for nobody\n");
    faults_are("keys:\n  - {sha256: " D64 ", scopes: [collect], tenant: a, share: 5}\n"
               "  - {sha256: " E64 ", scopes: [collect], tenant: a, share: 6}\n",
               "3: keys[1].share: is 5 in line 2, for the same tenant\n");
    faults_are("keys:\n  - {sha256: " D64 ", scopes: [collect], tenant: a, share: 5}\n"
               "  - {sha256: " E64 ", scopes: [collect], tenant: b, share: 6}\n",
               "");
}

/* One key says it for all keys of its tenant. */
static void a_share_is_its_tenants(void **state)
{
    (void)state;
    struct text t = {0};
    text_add_str(&t, "keys:\n");
    add_entry(&t, "quiet", "    tenant: acme\n    scopes: [collect]\n");
    add_entry(&t, "other", "    tenant: blue\n    scopes: [collect]\n    rate: 9\n");
    add_entry(&t, "says", "    tenant: acme\n    scopes: [collect]\n    share: 20\n");
    add_entry(&t, "nobody", "    scopes: [collect]\n    concurrency: 3\n    parked: 2\n");
    text_add_char(&t, '\0');
    write_file(t.at);
    text_fini(&t);
    struct keys *k = read_keys();
    assert_int_equal(keys_find(k, bytes_text("quiet"))->tenant_share, 20);
    assert_int_equal(keys_find(k, bytes_text("says"))->tenant_share, 20);
    const struct caller *other = keys_find(k, bytes_text("other"));
    assert_true(other->tenant_share == 0 && other->rate == 9 && other->parked == 0);
    const struct caller *nobody = keys_find(k, bytes_text("nobody"));
    assert_true(nobody->tenant_share == 0 && nobody->rate == 0);
    assert_true(nobody->concurrency == 3 && nobody->parked == 2);
    keys_drop(&k);
}

static struct http_request request_of(struct http_header *headers, size_t count)
{
    return (struct http_request){.headers = headers, .header_count = count};
}

static const struct caller *caller_of(struct auth *a, const char *name, const char *value)
{
    struct http_header h = {bytes_text(name), bytes_text(value)};
    struct http_request in = request_of(&h, 1);
    struct auth_found found = auth_find(a, &in);
    const struct caller *caller = found.caller;
    assert_int_equal(caller != NULL, auth_is_ours(a, &h));
    auth_found_drop(&found);
    return caller;
}

static void keys_stand_in_three_places(void **state)
{
    (void)state;
    write_keys();
    struct auth *a;
    struct text faults = {0};
    assert_int_equal(auth_open(&a, path, 3, &faults), 0);
    static const struct {
        const char *name, *value;
        bool found;
    } cases[] = {
        {"Authorization", "Bearer one", true},
        {"authorization", "bearer  one", true},
        {"Authorization", "Bearer\tone", false},
        {"Authorization", "Bearerone", false},
        {"Authorization", "Bearer", false},
        {"Authorization", "one", false},
        {"Authorization", "Basic YWRtaW46b25l", true},      /* admin:one */
        {"Authorization", "basic Om9uZQ==", true},          /* :one */
        {"Authorization", "Basic b25l", false},             /* one */
        {"Authorization", "Basic YWRtaW46b25lOg==", false}, /* admin:one: */
        {"Authorization", "Basic YWRtaW46b25", false},
        {"Authorization", "Basic !!!!", false},
        {"Authorization", "Basic ", false},
        {"X-Api-Key", "one", true},
        {"x-api-key", "one", true},
        {"x-api-key", "Bearer one", false},
        {"x-api-key", "", false},
        {"Cookie", "one", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(caller_of(a, cases[i].name, cases[i].value) != NULL, cases[i].found);
    }
    auth_close(&a);
}

static void only_a_few_headers_are_looked_at(void **state)
{
    (void)state;
    write_keys();
    struct auth *a;
    struct text faults = {0};
    assert_int_equal(auth_open(&a, path, 3, &faults), 0);
    struct http_header h[8];
    for (size_t i = 0; i < 8; i++) {
        h[i] = (struct http_header){bytes_text("X-Api-Key"), bytes_text("wrong")};
    }
    for (size_t at = 0; at < 8; at++) {
        h[at].value = bytes_text("one");
        struct http_request in = request_of(h, 8);
        struct auth_found found = auth_find(a, &in);
        assert_int_equal(found.caller != NULL, at < 4);
        auth_found_drop(&found);
        h[at].value = bytes_text("wrong");
    }
    auth_close(&a);
}

static void an_old_key_lives_as_long_as_its_request(void **state)
{
    (void)state;
    write_keys();
    struct auth *a;
    struct text faults = {0};
    struct http_header h = {bytes_text("X-Api-Key"), bytes_text("one")};
    struct http_request in = request_of(&h, 1);
    assert_int_equal(auth_open(&a, path, 3, &faults), 0);
    struct auth_found found = auth_find(a, &in);
    assert_non_null(found.caller);
    write_file("keys: []\n");
    assert_int_equal(auth_reload(a, &faults), 0);
    assert_int_equal(auth_key_count(a), 0);
    assert_null(auth_find(a, &in).caller);
    assert_true(bytes_is(found.caller->tenant, "acme"));
    auth_found_drop(&found);
    write_file("keys: {}\n");
    assert_int_equal(auth_reload(a, &faults), ERR_MALFORMED);
    assert_true(faults.size > 0);
    assert_int_equal(auth_key_count(a), 0);
    auth_close(&a);
    text_fini(&faults);
}

/* The n-th allocation fails: the old keys stay, nothing leaks, and it works the next time. */
static void a_reload_without_memory_changes_nothing(void **state)
{
    (void)state;
    write_keys();
    struct auth *a;
    struct text faults = {0};
    assert_int_equal(auth_open(&a, path, 3, &faults), 0);
    bool hit = true;
    for (unsigned n = 1; hit; n++) {
        heap_faults_set(n);
        int rc = auth_reload(a, &faults);
        hit = heap_faults_hit();
        heap_faults_set(0);
        assert_true(rc == 0 || hit);
        assert_int_equal(auth_key_count(a), 3);
        assert_non_null(caller_of(a, "X-Api-Key", "one"));
        text_fini(&faults);
        faults = (struct text){0};
    }
    auth_close(&a);
}

static int setup(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/keys-test-%d.yaml", (int)getpid());
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_found_with_what_it_may_do),
        cmocka_unit_test(what_is_no_key_is_not_found),
        cmocka_unit_test(many_keys_are_all_found),
        cmocka_unit_test(every_fault_is_told_with_its_line),
        cmocka_unit_test(limits_of_a_key_are_numbers),
        cmocka_unit_test(a_share_is_its_tenants),
        cmocka_unit_test(keys_stand_in_three_places),
        cmocka_unit_test(only_a_few_headers_are_looked_at),
        cmocka_unit_test(an_old_key_lives_as_long_as_its_request),
        cmocka_unit_test(a_reload_without_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
