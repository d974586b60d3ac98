/* The virtual network alone, with two hosts that only write down what reaches them. */
#include "host.h"
#include "wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define HEARD_MAX 64

static struct sim sim;
static struct host first, second;
static struct host *slots[2] = {&first, &second};
static bool dark[2];

/* --- what node 1 and node 2 hear ------------------------------------------------------------
 */

static uint64_t heard[2][HEARD_MAX]; /* numbers of parcels */
static uint32_t heard_count[2], opened, accepted, failed;
static uint32_t closed[2];
static enum link_end closed_why[2];
static uint32_t conn;

struct host *host_at(const struct sim *s, uint32_t slot)
{
    return s->hosts[slot];
}

void wire_opened(struct host *h, uint64_t link, uint32_t c)
{
    (void)h;
    (void)link;
    conn = c;
    opened++;
}

void wire_accepted(struct host *h, uint32_t c)
{
    (void)h;
    sim.net.conns[c].end[1].link = 2;
    accepted++;
}

void wire_failed(struct host *h, uint64_t link, enum link_end why)
{
    (void)h;
    (void)link;
    (void)why;
    failed++;
}

void wire_closed(struct host *h, uint64_t link, enum link_end why)
{
    (void)link;
    closed[h->slot]++;
    closed_why[h->slot] = why;
}

void wire_received(struct host *h, uint64_t link, struct parcel *parcel)
{
    (void)link;
    assert_true(heard_count[h->slot] < HEARD_MAX);
    heard[h->slot][heard_count[h->slot]++] = parcel->sent_at_ms;
    parcel_drop(&parcel);
}

void parcel_drop(struct parcel **p)
{
    free(*p);
    *p = NULL;
}

/* --- helpers --------------------------------------------------------------------------- */

static void run_for(uint64_t span_us)
{
    uint64_t until_us = sim.now_us + span_us;
    struct event e;
    while (agenda_next(&sim.agenda, &e)) {
        if (e.at_us > until_us) {
            agenda_add(&sim.agenda, e);
            break;
        }
        sim.now_us = e.at_us;
        if (e.kind == EVENT_WIRE) {
            net_arrive(&sim, (uint32_t)e.a, e.b);
        } else if (e.kind == EVENT_DIALLED) {
            net_dialled(&sim, (uint32_t)e.a);
        }
    }
    sim.now_us = until_us;
}

static void say(int end, uint64_t number)
{
    struct parcel *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->sent_at_ms = number;
    net_send(&sim, &sim.net.conns[conn], end, p, 100);
}

static int connect_hosts(void **state)
{
    (void)state;
    memset(heard_count, 0, sizeof heard_count);
    memset(closed, 0, sizeof closed);
    opened = accepted = failed = 0;
    first = (struct host){.slot = 0, .incarnation = 1};
    second = (struct host){.slot = 1, .incarnation = 2};
    slots[0] = &first;
    slots[1] = &second;
    dark[0] = dark[1] = false;
    sim = (struct sim){.rng = {.state = 5}, .slot_count = 2, .hosts = slots, .dark = dark};
    sim.options.delay_us = 5000;
    sim.options.bandwidth = 100000;
    net_init(&sim, 2);
    net_dial(&sim, &first, 1, 0, LINK_OUTGOING + 1);
    run_for(2000000);
    assert_int_equal(opened, 1);
    assert_int_equal(accepted, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    net_fini(&sim);
    agenda_fini(&sim.agenda);
    return 0;
}

static void assert_in_order(uint32_t slot, uint32_t count)
{
    assert_int_equal(heard_count[slot], count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(heard[slot][i], i);
    }
}

/* --- the tests ------------------------------------------------------------------------- */

static void frames_of_one_direction_never_overtake_each_other(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 50; i++) {
        say(0, i);
        run_for(100);
    }
    run_for(1000000);
    assert_in_order(1, 50);
}

static void cut_way_holds_frames_until_it_heals(void **state)
{
    (void)state;
    net_cell(&sim.net, 0, 1)->cuts = 1;
    say(0, 0);
    say(1, 0); /* the other way is open */
    run_for(3000000);
    assert_int_equal(heard_count[1], 0);
    assert_in_order(0, 1);
    net_cell(&sim.net, 0, 1)->cuts = 0;
    net_wake(&sim);
    run_for(100000);
    assert_in_order(1, 1);
    assert_int_equal(closed[0] + closed[1], 0);
}

static void sender_into_a_cut_gives_up_and_the_other_end_does_not_know(void **state)
{
    (void)state;
    net_cell(&sim.net, 0, 1)->cuts = 1;
    say(0, 0);
    run_for(8000000);
    assert_int_equal(closed[0], 1);
    assert_int_equal(closed_why[0], LINK_END_RESET);
    assert_int_equal(closed[1], 0);
}

static void clog_holds_one_lane_only(void **state)
{
    (void)state;
    net_cell(&sim.net, 0, 1)->clogs[1] = 1;
    say(0, 0);
    run_for(100000);
    assert_in_order(1, 1);
    net_cell(&sim.net, 0, 1)->clogs[0] = 1;
    say(0, 1);
    run_for(100000);
    assert_in_order(1, 1);
}

static void reset_loses_only_a_suffix(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 40; i++) {
        say(0, i);
    }
    net_reset(&sim, &sim.net.conns[conn]);
    run_for(1000000);
    assert_in_order(1, heard_count[1]);
    assert_int_equal(closed[0], 1);
    assert_int_equal(closed[1], 1);
    assert_int_equal(closed_why[1], LINK_END_RESET);
}

static void close_is_heard_after_what_was_sent(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 10; i++) {
        say(0, i);
    }
    net_close(&sim, &sim.net.conns[conn], 0);
    run_for(1000000);
    assert_in_order(1, 10);
    assert_int_equal(closed[1], 1);
    assert_int_equal(closed_why[1], LINK_END_CLOSED);
    assert_int_equal(closed[0], 0); /* it closed by itself */
    assert_false(sim.net.conns[conn].used);
}

static void sender_to_a_lost_end_hears_nothing_and_gives_up(void **state)
{
    (void)state;
    net_lose(&sim, &sim.net.conns[conn], 1);
    assert_int_equal(closed[1], 1);
    say(0, 0);
    run_for(3000000);
    assert_int_equal(closed[0], 0); /* half-open */
    run_for(6000000);
    assert_int_equal(closed[0], 1);
    assert_int_equal(heard_count[1], 0);
}

static void dead_process_is_heard_of_and_a_dark_machine_is_not(void **state)
{
    (void)state;
    bool silent = *(bool *)*state;
    slots[1] = NULL;
    dark[1] = silent;
    net_host_died(&sim, &second, silent);
    say(0, 0);
    run_for(1000000);
    assert_int_equal(closed[0], silent ? 0 : 1);
    net_dial(&sim, &first, 1, 0, LINK_OUTGOING + 2);
    run_for(3000000);
    assert_int_equal(failed, 1);
}

static int connect_loudly(void **state)
{
    static bool silent = false;
    connect_hosts(state);
    *state = &silent;
    return 0;
}

static int connect_silently(void **state)
{
    static bool silent = true;
    connect_hosts(state);
    *state = &silent;
    return 0;
}

#define NET_TEST(name) cmocka_unit_test_setup_teardown(name, connect_hosts, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        NET_TEST(frames_of_one_direction_never_overtake_each_other),
        NET_TEST(cut_way_holds_frames_until_it_heals),
        NET_TEST(sender_into_a_cut_gives_up_and_the_other_end_does_not_know),
        NET_TEST(clog_holds_one_lane_only),
        NET_TEST(reset_loses_only_a_suffix),
        NET_TEST(close_is_heard_after_what_was_sent),
        NET_TEST(sender_to_a_lost_end_hears_nothing_and_gives_up),
        cmocka_unit_test_setup_teardown(dead_process_is_heard_of_and_a_dark_machine_is_not,
                                        connect_loudly, tear_down),
        cmocka_unit_test_setup_teardown(dead_process_is_heard_of_and_a_dark_machine_is_not,
                                        connect_silently, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
