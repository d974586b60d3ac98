/* What has ended never comes back, whatever the order in which numbers are heard of. */
#include "cmocka_first.h"

#include "cluster/seqmap.h"

#include "base/err.h"
#include "base/rng.h"

#define SPAN 600u

enum known { UNKNOWN, LIVE, READY, ENDED };

struct model {
    enum known at[SPAN];
    uint64_t low;
};

static void agree(const struct seqmap *m, const struct model *model)
{
    uint32_t live = 0;
    for (uint32_t seq = 1; seq < SPAN; seq++) {
        bool ended = seq < model->low || model->at[seq] == ENDED;
        bool is_live = !ended && model->at[seq] != UNKNOWN;
        assert_int_equal(seqmap_has_ended(m, seq), ended);
        assert_int_equal(seqmap_get(m, seq), is_live ? seq + 7 : 0);
        live += is_live;
        uint64_t ended_bits, ready_bits;
        seqmap_bits(m, seq & ~63u, &ended_bits, &ready_bits);
        assert_int_equal(ended_bits >> (seq % 64) & 1, ended);
        assert_int_equal(ready_bits >> (seq % 64) & 1, is_live && model->at[seq] == READY);
        assert_int_equal(seqmap_live_bits(m, seq & ~63u) >> (seq % 64) & 1, is_live);
    }
    assert_int_equal(m->live, live);
}

static uint64_t first_live(const struct model *model, uint64_t from)
{
    for (uint64_t seq = from < model->low ? model->low : from; seq < SPAN; seq++) {
        if (model->at[seq] == LIVE || model->at[seq] == READY) {
            return seq;
        }
    }
    return SPAN;
}

static void act(struct seqmap *m, struct model *model, struct rng *rng)
{
    uint64_t seq = 1 + rng_below(rng, SPAN - 1);
    bool ended = seq < model->low || model->at[seq] == ENDED;
    switch (rng_below(rng, 8)) {
    case 0:
    case 1:
        if (ended || model->at[seq] != UNKNOWN) {
            assert_int_equal(seqmap_put(m, seq, (uint32_t)seq + 7), ERR_INUSE);
        } else {
            assert_int_equal(seqmap_put(m, seq, (uint32_t)seq + 7), 0);
            model->at[seq] = LIVE;
        }
        break;
    case 2:
        if (!ended && model->at[seq] == LIVE) {
            seqmap_set_ready(m, seq);
            model->at[seq] = READY;
        }
        break;
    case 3:
        if (!ended && model->at[seq] != UNKNOWN) {
            seqmap_forget(m, seq);
            model->at[seq] = UNKNOWN;
        }
        break;
    case 4:
        if (rng_below(rng, 20) == 0 && first_live(model, 0) > model->low) {
            uint64_t low = model->low + rng_below(rng, first_live(model, 0) - model->low + 1);
            seqmap_raise(m, low);
            model->low = low;
        }
        break;
    default:
        assert_int_equal(seqmap_end(m, seq), 0);
        if (!ended) {
            model->at[seq] = ENDED;
        }
    }
    while (model->low < SPAN && model->at[model->low] == ENDED) {
        model->low++;
    }
}

static void the_ended_never_come_back(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct rng rng = {.state = seed};
        struct model model = {.low = 1};
        struct seqmap m;
        seqmap_init(&m);
        for (int i = 0; i < 1500; i++) {
            act(&m, &model, &rng);
            assert_int_equal(seqmap_next_live(&m, 1, SPAN), first_live(&model, 1));
            if (i % 50 == 0) {
                agree(&m, &model);
            }
        }
        agree(&m, &model);
        seqmap_fini(&m);
    }
}

static void a_long_run_in_order_needs_no_memory(void **state)
{
    (void)state;
    struct seqmap m;
    seqmap_init(&m);
    for (uint64_t seq = 1; seq < 100000; seq++) {
        assert_int_equal(seqmap_put(&m, seq, 1), 0);
        assert_int_equal(seqmap_end(&m, seq), 0);
        assert_int_equal(m.low, seq + 1);
        assert_true(m.room <= 4);
    }
    assert_int_equal(seqmap_put(&m, m.low + SEQMAP_SPAN_MAX, 1), ERR_TOOBIG);
    seqmap_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ended_never_come_back),
        cmocka_unit_test(a_long_run_in_order_needs_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
