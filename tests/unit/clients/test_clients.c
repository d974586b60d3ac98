/* Who may ask how much: buckets, counts, and a table that stays small. */
#include "cmocka_first.h"

#include "clients/clients.h"
#include "heap_faults.h"

static struct clients *cs;
static struct clients_limits limits; /* of everybody, unless a test says otherwise */
static uint64_t now_ms;

static struct client_id numbered(uint32_t n)
{
    struct client_id id = {.kind = CLIENT_ADDRESS};
    memcpy(id.at, &n, sizeof n);
    return id;
}

static void set_up_for(uint32_t known_max, struct clients_limits of_all)
{
    const struct clients_config config = {.known_max = known_max, .seed = 7};
    limits = of_all;
    now_ms = 1000;
    cs = clients_new(&config);
    assert_non_null(cs);
}

static void set_up(struct clients_limits of_all)
{
    set_up_for(100, of_all);
}

static void tear_down(void)
{
    clients_free(&cs);
    assert_null(cs);
}

static enum clients_verdict enter(uint32_t n, struct client **out)
{
    struct client_id id = numbered(n);
    return clients_enter(cs, now_ms, &id, &limits, out);
}

/* In and out again. */
static enum clients_verdict visit(uint32_t n)
{
    struct client *c;
    enum clients_verdict verdict = enter(n, &c);
    assert_true((verdict == CLIENTS_MAY) == (c != NULL));
    clients_leave(cs, now_ms, &c);
    assert_null(c);
    return verdict;
}

static unsigned visits_until_refused(uint32_t n)
{
    unsigned count = 0;
    while (visit(n) == CLIENTS_MAY) {
        count++;
        assert_true(count < 10000);
    }
    assert_int_equal(visit(n), CLIENTS_TOO_FAST);
    return count;
}

static void bucket_gives_the_burst_and_then_the_rate(void **state)
{
    (void)state;
    set_up((struct clients_limits){.rate = 50, .burst = 120});
    assert_int_equal(visits_until_refused(1), 120);
    assert_int_equal(visits_until_refused(2), 120); /* each client its own */
    now_ms += 19;
    assert_int_equal(visit(1), CLIENTS_TOO_FAST);
    now_ms += 1;
    assert_int_equal(visits_until_refused(1), 1);
    now_ms += 1000;
    assert_int_equal(visits_until_refused(1), 50);
    now_ms += 3600000;
    assert_int_equal(visits_until_refused(1), 120); /* no more than the burst is saved up */
    tear_down();
}

static void burst_is_the_rate_unless_said(void **state)
{
    (void)state;
    set_up((struct clients_limits){.rate = 3});
    assert_int_equal(visits_until_refused(1), 3);
    tear_down();
}

static void fractions_of_a_request_are_not_lost(void **state)
{
    (void)state;
    set_up((struct clients_limits){.rate = 3, .burst = 1});
    unsigned served = 0;
    for (int i = 0; i < 1000; i++) {
        now_ms += 10;
        served += visit(1) == CLIENTS_MAY ? 1 : 0;
    }
    assert_in_range(served, 29, 31); /* of ten seconds */
    tear_down();
}

static void requests_at_once_are_counted(void **state)
{
    (void)state;
    struct client *a[3], *b;
    set_up((struct clients_limits){.concurrency = 3});
    for (int i = 0; i < 3; i++) {
        assert_int_equal(enter(1, &a[i]), CLIENTS_MAY);
    }
    assert_ptr_equal(a[0], a[2]);
    assert_int_equal(visit(1), CLIENTS_TOO_MANY);
    assert_int_equal(enter(2, &b), CLIENTS_MAY);
    clients_leave(cs, now_ms, &a[0]);
    assert_int_equal(visit(1), CLIENTS_MAY);
    clients_leave(cs, now_ms, &a[1]);
    clients_leave(cs, now_ms, &a[2]);
    clients_leave(cs, now_ms, &b);
    assert_int_equal(clients_known(cs), 0); /* without a rate there is nothing to remember */
    tear_down();
}

static void refusal_costs_nothing(void **state)
{
    (void)state;
    struct client *c;
    set_up((struct clients_limits){.rate = 10, .concurrency = 1});
    assert_int_equal(enter(1, &c), CLIENTS_MAY);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(visit(1), CLIENTS_TOO_MANY);
    }
    clients_leave(cs, now_ms, &c);
    assert_int_equal(visits_until_refused(1), 9);
    tear_down();
}

static void waiting_requests_are_counted_apart(void **state)
{
    (void)state;
    struct client *a, *b, *c;
    set_up((struct clients_limits){.parked = 2});
    enter(1, &a);
    enter(1, &b);
    enter(1, &c);
    assert_true(clients_park(a));
    assert_true(clients_park(b));
    assert_false(clients_park(c));
    clients_unpark(a);
    assert_true(clients_park(c));
    clients_unpark(b);
    clients_unpark(c);
    clients_leave(cs, now_ms, &a);
    clients_leave(cs, now_ms, &b);
    clients_leave(cs, now_ms, &c);
    tear_down();
}

/* Each has its own, and what is said last counts. */
static void limits_are_each_clients_own(void **state)
{
    (void)state;
    struct client *a, *b;
    set_up((struct clients_limits){.rate = 2, .concurrency = 1});
    assert_int_equal(visits_until_refused(1), 2);
    limits = (struct clients_limits){.rate = 100, .concurrency = 2, .parked = 1};
    assert_int_equal(visits_until_refused(2), 100);
    now_ms += 1000;
    assert_int_equal(enter(2, &a), CLIENTS_MAY);
    assert_int_equal(enter(2, &b), CLIENTS_MAY);
    assert_int_equal(visit(2), CLIENTS_TOO_MANY);
    assert_true(clients_park(a));
    assert_false(clients_park(b));
    clients_unpark(a);
    clients_leave(cs, now_ms, &a);
    clients_leave(cs, now_ms, &b);
    now_ms += 1000;
    limits = (struct clients_limits){.rate = 5}; /* of what was saved up only so much is left */
    assert_int_equal(visits_until_refused(2), 5);
    limits = (struct clients_limits){.concurrency = 1};
    assert_int_equal(visit(2), CLIENTS_MAY);
    assert_int_equal(visit(2), CLIENTS_MAY);
    tear_down();
}

/* Whose bucket fills slowly stands in nobody's way but its own. */
static void a_slow_bucket_is_not_forgotten_before_it_is_full(void **state)
{
    (void)state;
    set_up((struct clients_limits){.rate = 1, .burst = 10});
    assert_int_equal(visits_until_refused(1), 10);
    limits = (struct clients_limits){.rate = 1000};
    for (uint32_t i = 2; i < 50; i++) {
        now_ms += 100;
        assert_int_equal(visit(i), CLIENTS_MAY);
    }
    limits = (struct clients_limits){.rate = 1, .burst = 10};
    assert_int_equal(visits_until_refused(1), 4); /* of 4.8 seconds */
    tear_down();
}

static void kinds_of_the_same_bytes_are_two_clients(void **state)
{
    (void)state;
    struct client *a, *b;
    struct client_id id = numbered(1);
    set_up((struct clients_limits){.concurrency = 1});
    assert_int_equal(clients_enter(cs, now_ms, &id, &limits, &a), CLIENTS_MAY);
    id.kind = CLIENT_KEY;
    assert_int_equal(clients_enter(cs, now_ms, &id, &limits, &b), CLIENTS_MAY);
    clients_leave(cs, now_ms, &a);
    clients_leave(cs, now_ms, &b);
    tear_down();
}

static void quiet_clients_with_full_buckets_are_forgotten(void **state)
{
    (void)state;
    set_up_for(1000, (struct clients_limits){.rate = 10});
    for (uint32_t i = 0; i < 500; i++) {
        visit(i);
    }
    assert_int_equal(clients_known(cs), 500);
    now_ms += 2000;
    for (uint32_t i = 0; i < 300; i++) {
        visit(0);
    }
    assert_int_equal(clients_known(cs), 1);
    tear_down();
}

/* A flood of addresses makes others be forgotten, and never those that are being served. */
static void table_is_bounded(void **state)
{
    (void)state;
    struct client *served;
    set_up((struct clients_limits){.rate = 2, .concurrency = 1});
    assert_int_equal(enter(1, &served), CLIENTS_MAY);
    for (uint32_t i = 2; i < 10000; i++) {
        assert_int_equal(visit(i), CLIENTS_MAY);
        assert_true(clients_known(cs) <= 100);
    }
    assert_int_equal(visit(1), CLIENTS_TOO_MANY);
    clients_leave(cs, now_ms, &served);
    tear_down();
}

static void table_full_of_served_clients_takes_no_more(void **state)
{
    (void)state;
    struct client *all[100];
    set_up((struct clients_limits){.concurrency = 1});
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(enter(i, &all[i]), CLIENTS_MAY);
    }
    assert_int_equal(visit(100), CLIENTS_NO_MEMORY);
    for (uint32_t i = 0; i < 100; i++) {
        clients_leave(cs, now_ms, &all[i]);
    }
    assert_int_equal(visit(100), CLIENTS_MAY);
    tear_down();
}

static void memory_may_be_short(void **state)
{
    (void)state;
    const struct clients_config config = {.known_max = 100};
    heap_faults_set(1);
    assert_null(clients_new(&config));
    heap_faults_set(0);
    set_up((struct clients_limits){.rate = 1});
    heap_faults_set(1);
    assert_int_equal(visit(1), CLIENTS_NO_MEMORY);
    heap_faults_set(0);
    assert_int_equal(visit(1), CLIENTS_MAY);
    tear_down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bucket_gives_the_burst_and_then_the_rate),
        cmocka_unit_test(burst_is_the_rate_unless_said),
        cmocka_unit_test(fractions_of_a_request_are_not_lost),
        cmocka_unit_test(requests_at_once_are_counted),
        cmocka_unit_test(refusal_costs_nothing),
        cmocka_unit_test(waiting_requests_are_counted_apart),
        cmocka_unit_test(limits_are_each_clients_own),
        cmocka_unit_test(a_slow_bucket_is_not_forgotten_before_it_is_full),
        cmocka_unit_test(kinds_of_the_same_bytes_are_two_clients),
        cmocka_unit_test(quiet_clients_with_full_buckets_are_forgotten),
        cmocka_unit_test(table_is_bounded),
        cmocka_unit_test(table_full_of_served_clients_takes_no_more),
        cmocka_unit_test(memory_may_be_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
