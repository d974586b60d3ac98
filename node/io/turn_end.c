#include "io/turn_end.h"

#include <assert.h>
#include <stdlib.h>
#include <uv.h>

struct turn_end {
    uv_prepare_t uv;
    void (*on_turn_end)(void *owner);
    void *owner;
};

static void on_prepare(uv_prepare_t *handle)
{
    struct turn_end *t = handle->data;
    t->on_turn_end(t->owner);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct turn_end *turn_end_new(struct loop *l, void (*on_turn_end)(void *owner), void *owner)
{
    struct turn_end *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return NULL;
    }
    t->on_turn_end = on_turn_end;
    t->owner = owner;
    int rc = uv_prepare_init(loop_uv(l), &t->uv);
    assert(rc == 0); /* takes no system resource */
    t->uv.data = t;
    rc = uv_prepare_start(&t->uv, on_prepare);
    assert(rc == 0); /* fails without a callback only */
    return t;
}

void turn_end_close(struct turn_end **t)
{
    struct turn_end *mine = *t;
    *t = NULL;
    if (mine != NULL) {
        uv_close((uv_handle_t *)&mine->uv, on_closed);
    }
}
