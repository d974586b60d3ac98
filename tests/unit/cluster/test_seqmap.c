/* The numbers of an origin, beside a model that is too simple to be wrong. */
#include "base/err.h"
#include "base/rng.h"
#include "cluster/seqmap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define NUMBERS 6000u

enum { UNKNOWN, LIVE, ENDED };

static uint8_t model[NUMBERS];

static void agrees_at(const struct seqmap *m, uint64_t seq)
{
    assert_int_equal(seqmap_get(m, seq), model[seq] == LIVE ? seq + 1 : 0);
    assert_int_equal(seqmap_has_ended(m, seq), model[seq] == ENDED);
}

/* A low watermark may rise over what is not live. */
static void raise(struct seqmap *m, uint64_t low)
{
    for (uint64_t seq = m->low; seq < low; seq++) {
        if (model[seq] == LIVE) {
            low = seq;
        }
    }
    for (uint64_t seq = 0; seq < low; seq++) {
        model[seq] = ENDED;
    }
    seqmap_raise(m, low);
}

static void step(struct seqmap *m, struct rng *rng, uint64_t reach)
{
    uint64_t seq = m->low + rng_below(rng, reach);
    switch (rng_below(rng, 8)) {
    case 0:
        raise(m, seq);
        break;
    case 1:
    case 2:
    case 3:
        assert_int_equal(seqmap_put(m, seq, (uint32_t)seq + 1),
                         model[seq] == UNKNOWN ? 0 : ERR_INUSE);
        model[seq] = model[seq] == UNKNOWN ? LIVE : model[seq];
        break;
    default:
        seq = rng_below(rng, 2) ? m->low : seq;
        assert_int_equal(seqmap_end(m, seq), 0);
        model[seq] = ENDED;
    }
    agrees_at(m, seq);
}

static void any_sequence_of_calls_agrees_with_the_model(void **state)
{
    (void)state;
    static const uint64_t reaches[] = {1, 3, 70, 300, 1500};
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct rng rng = {seed};
        struct seqmap m;
        seqmap_init(&m);
        memset(model, UNKNOWN, sizeof model);
        model[0] = ENDED;
        uint64_t reach = reaches[seed % 5];
        for (int i = 0; i < 400 && m.low + 2 * reach < NUMBERS; i++) {
            step(&m, &rng, reach);
        }
        for (uint64_t seq = 0; seq < NUMBERS; seq++) {
            agrees_at(&m, seq);
        }
        seqmap_fini(&m);
    }
}

static void what_ended_in_a_page_is_not_believed_of_a_later_one(void **state)
{
    (void)state;
    struct seqmap m;
    seqmap_init(&m);
    assert_int_equal(seqmap_end(&m, 1), 0); /* low and high are 2 now, their page is kept */
    seqmap_raise(&m, 64 * 4 + 1);           /* the same place in a ring of four pages */
    assert_false(seqmap_has_ended(&m, 64 * 4 + 1));
    assert_int_equal(seqmap_put(&m, 64 * 4 + 2, 7), 0);
    assert_false(seqmap_has_ended(&m, 64 * 4 + 1));
    assert_int_equal(seqmap_put(&m, 64 * 40, 8), 0); /* a larger ring: nothing is lost */
    assert_int_equal(seqmap_get(&m, 64 * 4 + 2), 7);
    assert_false(seqmap_has_ended(&m, 64 * 8 + 1));
    seqmap_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_sequence_of_calls_agrees_with_the_model),
        cmocka_unit_test(what_ended_in_a_page_is_not_believed_of_a_later_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
