#include "io/timer.h"

#include <assert.h>
#include <stdlib.h>
#include <uv.h>

struct timer {
    uv_timer_t uv;
    void (*on_due)(void *owner);
    void *owner;
};

static void on_uv_due(uv_timer_t *handle)
{
    struct timer *t = handle->data;
    t->on_due(t->owner);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct timer *timer_new(struct loop *l, void (*on_due)(void *owner), void *owner)
{
    struct timer *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return NULL;
    }
    t->on_due = on_due;
    t->owner = owner;
    int rc = uv_timer_init(loop_uv(l), &t->uv);
    assert(rc == 0); /* takes no system resource */
    t->uv.data = t;
    return t;
}

void timer_start(struct timer *t, uint64_t after_ms)
{
    int rc = uv_timer_start(&t->uv, on_uv_due, after_ms, 0);
    assert(rc == 0); /* fails on closing handles only */
}

void timer_stop(struct timer *t)
{
    uv_timer_stop(&t->uv);
}

void timer_close(struct timer **t)
{
    struct timer *mine = *t;
    *t = NULL;
    if (mine != NULL) {
        uv_close((uv_handle_t *)&mine->uv, on_closed);
    }
}
