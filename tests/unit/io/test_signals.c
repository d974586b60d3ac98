/* Signals as calls on the loop thread. */
#include "cmocka_first.h"
#include "io/signals.h"
#include "io/timer.h"

#include <signal.h>
#include <unistd.h>

struct heard {
    int numbers[3];
    unsigned count;
};

static void on_signal(void *owner, int number)
{
    struct heard *h = owner;
    assert_true(h->count < 3);
    h->numbers[h->count] = number;
    h->count++;
}

static void on_never(void *owner)
{
    (void)owner;
    fail_msg("the signal did not come");
}

static void each_signal_arrives_on_the_loop(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    struct signals *s;
    struct heard h = {0};
    assert_int_equal(signals_open(&s, loop, on_signal, &h), 0);
    struct timer *timer = timer_new(loop, on_never, NULL); /* keeps the loop alive */
    timer_start(timer, 10000);
    static const int sent[] = {SIGHUP, SIGINT, SIGTERM};
    for (unsigned i = 0; i < 3; i++) {
        kill(getpid(), sent[i]);
        assert_int_equal(h.count, i); /* not from inside the handler */
        while (h.count == i) {
            loop_turn(loop, true);
        }
        assert_int_equal(h.count, i + 1);
        assert_int_equal(h.numbers[i], sent[i]);
    }
    timer_close(&timer);
    signals_close(&s);
    loop_run(loop);
    loop_free(&loop);
}

static void open_signals_do_not_keep_the_loop_alive(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    struct signals *s;
    assert_int_equal(signals_open(&s, loop, on_signal, NULL), 0);
    assert_false(loop_turn(loop, false));
    signals_close(&s);
    assert_null(s);
    signals_close(&s); /* harmless */
    loop_run(loop);
    loop_free(&loop);
}

static void broken_pipe_is_no_death(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    struct signals *s;
    assert_int_equal(signals_open(&s, loop, on_signal, NULL), 0);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    assert_int_equal(write(ends[1], "x", 1), -1);
    close(ends[1]);
    signals_close(&s);
    loop_run(loop);
    loop_free(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_signal_arrives_on_the_loop),
        cmocka_unit_test(open_signals_do_not_keep_the_loop_alive),
        cmocka_unit_test(broken_pipe_is_no_death),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
