/* What is one tenant's does not exist for another: the same answers as for a GUID that never
 * was, whatever the state, and no trace in the owner's way. */
#include "lib_single.h"

#include <stdio.h>

#define LIMIT ((size_t)1 << 20)

static const char *const strangers[] = {"blue", ""};

static struct cluster_collect collector(uint64_t ticket, const struct guid *guid,
                                        const char *tenant)
{
    return (struct cluster_collect){
        .ticket = ticket, .guid = *guid, .tenant = bytes_text(tenant)};
}

static void collect(struct single *s, const struct cluster_collect *in)
{
    cluster_collect(s->c, s->now_ms, in);
}

static struct invocation *accept_of_red(struct single *s)
{
    struct cluster_accept a = {.ttl_ms = 3000, .max_attempts = 1, .tenant = bytes_text("red")};
    return single_accept(s, &a);
}

/* Everything that can be asked about a GUID. */
static void is_unknown_to(struct single *s, const struct guid *guid, const char *tenant)
{
    struct bytes who = bytes_text(tenant);
    struct cluster_collect in = collector(90, guid, tenant);
    collect(s, &in);
    single_expect(s, CLUSTER_COLLECT_UNKNOWN, -1);
    assert_false(s->effects[0].view.known);
    in.wait_ms = 5000;
    collect(s, &in);
    single_expect(s, CLUSTER_COLLECT_UNKNOWN, -1);
    in.token = bytes_text("mine");
    collect(s, &in);
    single_expect(s, CLUSTER_COLLECT_UNKNOWN, -1);
    cluster_release(s->c, s->now_ms, &in);
    single_expect(s, CLUSTER_COLLECT_UNKNOWN, -1);
    in.peek = true;
    collect(s, &in);
    single_expect(s, CLUSTER_COLLECT_UNKNOWN, -1);
    cluster_status(s->c, s->now_ms, 91, guid, who);
    single_expect(s, CLUSTER_STATUS, -1);
    assert_false(s->effects[0].view.known);
    assert_false(s->effects[0].view.unsure);
    assert_int_equal(s->effects[0].view.function.size, 0);
    cluster_cancel(s->c, s->now_ms, 92, guid, who);
    single_expect(s, CLUSTER_CANCEL_UNKNOWN, -1);
    assert_false(s->effects[0].view.known);
}

static void are_all_strangers(struct single *s, const struct guid *guid)
{
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        is_unknown_to(s, guid, strangers[i]);
    }
}

static void another_tenants_invocation_does_not_exist(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct invocation *inv = accept_of_red(&s);
    struct guid guid = invocation_guid(inv);
    assert_true(bytes_is(invocation_tenant(inv), "red"));
    assert_true(bytes_is(invocation_function(inv), "score"));
    single_expect(&s, CLUSTER_ACCEPTED, -1);
    are_all_strangers(&s, &guid); /* queued */
    cluster_started(s.c, s.now_ms, inv);
    are_all_strangers(&s, &guid); /* running */
    single_complete(&s, inv, "x");
    single_expect(&s, CLUSTER_READY, -1);
    are_all_strangers(&s, &guid); /* ready */
    struct cluster_collect own = collector(1, &guid, "red");
    own.token = bytes_text("mine");
    collect(&s, &own);
    single_expect(&s, CLUSTER_COLLECT_SERVE, -1);
    are_all_strangers(&s, &guid); /* being served */
    cluster_sent(s.c, s.now_ms, 1, true);
    are_all_strangers(&s, &guid); /* kept for its token */
    single_pass(&s, 20000);
    single_take(&s);
    are_all_strangers(&s, &guid); /* a tombstone */
    own.token = bytes_of(NULL, 0);
    collect(&s, &own);
    single_expect(&s, CLUSTER_COLLECT_GONE, -1);
    single_fini(&s);
}

static void a_tenant_has_no_access_to_what_is_nobodys(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct guid guid = single_ready(&s, "x");
    is_unknown_to(&s, &guid, "red");
    single_collect(&s, 1, &guid, 0);
    single_expect(&s, CLUSTER_COLLECT_SERVE, -1);
    single_fini(&s);
}

/* A stranger who asks in the meantime neither gets it nor is in the way. */
static void the_owners_wait_is_not_disturbed(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct invocation *inv = accept_of_red(&s);
    struct guid guid = invocation_guid(inv);
    struct cluster_collect own = collector(1, &guid, "red");
    own.wait_ms = 5000;
    collect(&s, &own);
    single_expect(&s, CLUSTER_ACCEPTED, -1);
    are_all_strangers(&s, &guid);
    cluster_started(s.c, s.now_ms, inv);
    single_complete(&s, inv, "x");
    single_take(&s);
    assert_int_equal(single_effect(&s, CLUSTER_COLLECT_SERVE)->ticket, 1);
    are_all_strangers(&s, &guid);
    cluster_sent(s.c, s.now_ms, 1, true);
    single_expect(&s, CLUSTER_COLLECTED, -1);
    single_fini(&s);
}

static bool has_name(struct single *s, const char *tenant)
{
    struct cluster_name name = {
        .space = ID_CALL, .tenant = bytes_text(tenant), .key = bytes_text("me")};
    cluster_resolve(s->c, s->now_ms, 7, &name);
    single_expect(s, CLUSTER_RESOLVED, -1);
    return s->effects[0].found;
}

static void each_tenant_has_names_of_its_own(void **state)
{
    (void)state;
    static const char *const tenants[] = {"", "red", "blue"};
    struct single s;
    single_init(&s, LIMIT);
    for (size_t i = 0; i < 3; i++) {
        assert_false(has_name(&s, tenants[i]));
        struct cluster_register r = {
            .ticket = 1,
            .name = {ID_CALL, bytes_text(tenants[i]), bytes_text("me")},
            .guid = single_guid(&s),
            .keep_ms = 100};
        cluster_register(s.c, s.now_ms, &r);
        single_expect(&s, CLUSTER_REGISTERED, -1);
        assert_false(s.effects[0].found);
        assert_true(has_name(&s, tenants[i]));
    }
    single_fini(&s);
}

/* Numbers of names are finite: who gets none is told to come again, and nobody is taken for
 * another. */
static void more_tenants_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct guid guid = single_ready(&s, "x");
    struct cluster_collect in = collector(1, &guid, "");
    char tenant[16];
    uint32_t refused = 0;
    for (uint32_t i = 0; i < 17000; i++) {
        snprintf(tenant, sizeof tenant, "t%u", i);
        in.tenant = bytes_text(tenant);
        collect(&s, &in);
        single_take(&s);
        refused += s.effects[0].kind == CLUSTER_COLLECT_NO_QUORUM;
        assert_true(s.effects[0].kind == CLUSTER_COLLECT_NO_QUORUM ||
                    s.effects[0].kind == CLUSTER_COLLECT_UNKNOWN);
    }
    assert_true(refused > 0 && refused < 2000);
    cluster_status(s.c, s.now_ms, 2, &guid, in.tenant);
    single_expect(&s, CLUSTER_STATUS, -1);
    assert_true(s.effects[0].view.unsure && !s.effects[0].view.known);
    cluster_cancel(s.c, s.now_ms, 3, &guid, in.tenant);
    single_expect(&s, CLUSTER_CANCEL_NO_QUORUM, -1);
    single_collect(&s, 4, &guid, 0);
    single_expect(&s, CLUSTER_COLLECT_SERVE, -1);
    single_fini(&s);
}

static uint64_t held(const struct single *s, const char *tenant)
{
    return cluster_tenant_bytes(s->c, bytes_text(tenant));
}

/* Whatever becomes of them. */
static void what_tenants_hold_is_counted_and_given_back(void **state)
{
    (void)state;
    static const char body[] = "a body of some forty bytes, not one less";
    struct single s;
    single_init(&s, LIMIT);
    assert_int_equal(held(&s, "red"), 0);
    struct invocation *inv = accept_of_red(&s);
    struct guid guid = invocation_guid(inv);
    uint64_t queued = held(&s, "red");
    assert_true(queued > 16);
    assert_int_equal(held(&s, "blue"), 0);
    assert_int_equal(held(&s, ""), 0);
    cluster_started(s.c, s.now_ms, inv);
    single_complete(&s, inv, body);
    single_expect(&s, CLUSTER_ACCEPTED, CLUSTER_READY, -1);
    uint64_t ready = held(&s, "red");
    size_t request_size = sizeof "POST/a" - 1,
           result_size = sizeof body - 1 + sizeof "A: b\r\n" - 1;
    assert_int_equal(ready, queued - request_size + result_size);

    struct invocation *canceled = accept_of_red(&s);
    struct guid second = invocation_guid(canceled);
    assert_int_equal(held(&s, "red"), ready + queued);
    cluster_cancel(s.c, s.now_ms, 1, &second, bytes_text("red"));
    single_take(&s);
    assert_int_equal(held(&s, "red"), ready);

    struct cluster_collect own = collector(2, &guid, "red");
    collect(&s, &own);
    single_expect(&s, CLUSTER_COLLECT_SERVE, -1);
    assert_int_equal(held(&s, "red"), ready);
    cluster_sent(s.c, s.now_ms, 2, true);
    single_take(&s);
    assert_int_equal(held(&s, "red"), 0);

    inv = accept_of_red(&s);
    cluster_started(s.c, s.now_ms, inv);
    single_complete(&s, inv, body);
    assert_int_equal(held(&s, "red"), ready);
    single_pass(&s, 5000); /* it expires */
    single_take(&s);
    assert_int_equal(held(&s, "red"), 0);
    single_ready(&s, body); /* nobody's */
    assert_int_equal(held(&s, ""), 0);
    single_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_tenants_invocation_does_not_exist),
        cmocka_unit_test(a_tenant_has_no_access_to_what_is_nobodys),
        cmocka_unit_test(the_owners_wait_is_not_disturbed),
        cmocka_unit_test(each_tenant_has_names_of_its_own),
        cmocka_unit_test(more_tenants_than_there_is_room_for_are_refused),
        cmocka_unit_test(what_tenants_hold_is_counted_and_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
