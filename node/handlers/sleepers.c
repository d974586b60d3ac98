#include "handlers/sleepers.h"

#include <assert.h>
#include <stdlib.h>

int sleepers_init(struct sleepers *s, size_t capacity)
{
    *s = (struct sleepers){.capacity = capacity};
    s->at = calloc(capacity == 0 ? 1 : capacity, sizeof *s->at);
    return s->at == NULL ? ERR_NOMEM : 0;
}

void sleepers_fini(struct sleepers *s)
{
    for (size_t i = 0; i < s->count; i++) {
        request_drop(&s->at[i].request);
    }
    free(s->at);
    *s = (struct sleepers){0};
}

static bool is_before(const struct sleeper *a, const struct sleeper *b)
{
    return a->due_at_ms < b->due_at_ms ||
           (a->due_at_ms == b->due_at_ms && a->execution_id < b->execution_id);
}

static void swap(struct sleeper *a, struct sleeper *b)
{
    struct sleeper kept = *a;
    *a = *b;
    *b = kept;
}

static void sift_up(struct sleepers *s, size_t i)
{
    while (i > 0 && is_before(&s->at[i], &s->at[(i - 1) / 2])) {
        swap(&s->at[i], &s->at[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
}

static void sift_down(struct sleepers *s, size_t i)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= s->count) {
            return;
        }
        if (child + 1 < s->count && is_before(&s->at[child + 1], &s->at[child])) {
            child++;
        }
        if (!is_before(&s->at[child], &s->at[i])) {
            return;
        }
        swap(&s->at[i], &s->at[child]);
        i = child;
    }
}

int sleepers_add(struct sleepers *s, uint64_t due_at_ms, uint64_t execution_id,
                 struct request *request)
{
    if (s->count == s->capacity) {
        return ERR_FULL;
    }
    s->at[s->count] = (struct sleeper){due_at_ms, execution_id, request_share(request)};
    s->count++;
    sift_up(s, s->count - 1);
    return 0;
}

/* Takes out entry `i`, whose reference is the caller's from here on. */
static struct sleeper take(struct sleepers *s, size_t i)
{
    assert(i < s->count);
    struct sleeper taken = s->at[i];
    s->count--;
    if (i < s->count) {
        s->at[i] = s->at[s->count];
        sift_down(s, i);
        sift_up(s, i);
    }
    return taken;
}

bool sleepers_take_due(struct sleepers *s, uint64_t now_ms, struct sleeper *out)
{
    if (s->count == 0 || s->at[0].due_at_ms > now_ms) {
        return false;
    }
    *out = take(s, 0);
    return true;
}

void sleepers_remove(struct sleepers *s, uint64_t execution_id)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->at[i].execution_id == execution_id) {
            struct sleeper gone = take(s, i);
            request_drop(&gone.request);
            return;
        }
    }
}

uint64_t sleepers_due_at_ms(const struct sleepers *s)
{
    return s->count == 0 ? UINT64_MAX : s->at[0].due_at_ms;
}
