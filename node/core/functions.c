#include "core/functions.h"

#include "base/backoff.h"
#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>

#define RETRY_AFTER_MAX_S 60u
#define SIZE_FIRST        1024      /* bytes of a result, before one was seen */
#define SIZE_MOST         (1 << 30) /* more counts as this */
#define USUAL_SHIFT       4         /* usual_ms_x16, and the weight 1/16 of a new duration */

const uint32_t function_duration_bounds_ms[DURATION_BUCKETS] = {
    1, 5, 10, 25, 50, 100, 250, 500, 1000, 5000, 10000, 30000};

struct functions {
    struct function *at;
    uint32_t count;
    uint32_t slot_mask; /* power of two - 1 */
    uint32_t *slots;    /* index + 1 of a function; 0: free */
    uint64_t key;
    char *names;
};

static void put_slot(struct functions *fs, const struct function *f)
{
    uint32_t slot = (uint32_t)hash_bytes(f->spec.name, fs->key) & fs->slot_mask;
    while (fs->slots[slot] != 0) {
        slot = (slot + 1) & fs->slot_mask;
    }
    fs->slots[slot] = f->index + 1;
}

static void fill(struct functions *fs, const struct function_spec *specs)
{
    char *name = fs->names;
    for (uint32_t i = 0; i < fs->count; i++) {
        struct function *f = &fs->at[i];
        f->spec = specs[i];
        f->index = i;
        list_init(&f->queue);
        memcpy(name, specs[i].name.at, specs[i].name.size);
        f->spec.name = bytes_of(name, specs[i].name.size);
        name += specs[i].name.size;
        put_slot(fs, f);
    }
}

struct functions *functions_new(const struct function_spec *specs, uint32_t count, uint64_t key)
{
    struct functions *fs = calloc(1, sizeof *fs);
    if (fs == NULL) {
        return NULL;
    }
    size_t names_size = 1;
    for (uint32_t i = 0; i < count; i++) {
        names_size += specs[i].name.size;
    }
    uint32_t slots = 8;
    while (slots < count * 4) {
        slots *= 2;
    }
    fs->count = count;
    fs->key = key;
    fs->slot_mask = slots - 1;
    fs->slots = calloc(slots, sizeof *fs->slots);
    fs->at = calloc(count + 1, sizeof *fs->at);
    fs->names = malloc(names_size);
    if (fs->slots == NULL || fs->at == NULL || fs->names == NULL) {
        functions_free(&fs);
        return NULL;
    }
    fill(fs, specs);
    return fs;
}

void functions_free(struct functions **fs)
{
    struct functions *mine = *fs;
    *fs = NULL;
    if (mine == NULL) {
        return;
    }
    free(mine->slots);
    free(mine->at);
    free(mine->names);
    free(mine);
}

struct function *functions_find(const struct functions *fs, struct bytes name)
{
    uint32_t slot = (uint32_t)hash_bytes(name, fs->key) & fs->slot_mask;
    while (fs->slots[slot] != 0) {
        struct function *f = &fs->at[fs->slots[slot] - 1];
        if (bytes_equal(f->spec.name, name)) {
            return f;
        }
        slot = (slot + 1) & fs->slot_mask;
    }
    return NULL;
}

uint32_t functions_count(const struct functions *fs)
{
    return fs->count;
}

struct function *functions_at(const struct functions *fs, uint32_t index)
{
    assert(index < fs->count);
    return &fs->at[index];
}

int64_t function_unaccounted(const struct function *f)
{
    const struct function_stats *s = &f->stats;
    return (int64_t)(s->accepted + s->taken_over) -
           (int64_t)(s->collected + s->expired + s->canceled + s->elsewhere + f->pending +
                     s->ready);
}

void function_observe(struct function *f, uint64_t duration_ms)
{
    uint32_t bucket = 0;
    while (bucket < DURATION_BUCKETS && duration_ms > function_duration_bounds_ms[bucket]) {
        bucket++;
    }
    f->stats.duration_count[bucket]++;
    f->stats.duration_total_ms += duration_ms;

    uint32_t ms = duration_ms > UINT32_MAX >> 8 ? UINT32_MAX >> 8 : (uint32_t)duration_ms;
    if (f->usual_ms_x16 == 0) {
        f->usual_ms_x16 = ms << USUAL_SHIFT;
    } else {
        f->usual_ms_x16 += ms - (f->usual_ms_x16 >> USUAL_SHIFT);
    }
}

void function_observe_size(struct function *f, size_t size)
{
    int64_t is = size < SIZE_MOST ? (int64_t)size : SIZE_MOST;
    int64_t usual = f->usual_size;
    if (usual == 0) {
        f->usual_size = (uint32_t)is;
        f->size_spread = (uint32_t)(is / 2);
        return;
    }
    int64_t off = is > usual ? is - usual : usual - is;
    f->size_spread = (uint32_t)(f->size_spread + (off - (int64_t)f->size_spread) / 4);
    f->usual_size = (uint32_t)(usual + (is - usual) / 8);
}

uint32_t function_result_size(const struct function *f)
{
    return f->usual_size == 0 ? SIZE_FIRST : f->usual_size + f->size_spread;
}

uint32_t function_estimate_ms(const struct function *f, uint32_t queue_position)
{
    uint64_t usual_ms = f->usual_ms_x16 >> USUAL_SHIFT;
    uint64_t rounds = 1 + (queue_position + f->spec.concurrency - 1) / f->spec.concurrency;
    uint64_t ms = usual_ms * rounds;
    return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

uint32_t function_retry_after_s(const struct function *f, uint32_t queue_position)
{
    uint32_t ms = function_estimate_ms(f, queue_position);
    uint32_t s = ms / 1000 + (ms % 1000 != 0);
    return s < 1 ? 1 : s > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : s;
}

uint32_t retry_wait_ms(const struct retry_policy *p, uint32_t attempt, uint32_t retry_after_s,
                       uint64_t random)
{
    return backoff_ms(p->min_wait_ms, p->max_wait_ms, attempt, (uint64_t)retry_after_s * 1000,
                      random);
}

bool retry_wants(const struct retry_policy *p, uint32_t attempt, uint16_t status)
{
    if (attempt >= p->attempts) {
        return false;
    }
    for (uint32_t i = 0; i < p->code_count; i++) {
        if (p->codes[i] == status) {
            return true;
        }
    }
    return false;
}
