#include "io/loop.h"

#include <assert.h>
#include <stdlib.h>
#include <uv.h>

struct loop {
    uv_loop_t uv;
};

struct loop *loop_new(void)
{
    struct loop *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return NULL;
    }
    if (uv_loop_init(&l->uv) != 0) {
        free(l);
        return NULL;
    }
    return l;
}

void loop_run(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_DEFAULT);
}

bool loop_turn(struct loop *l, bool wait)
{
    return uv_run(&l->uv, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT) != 0;
}

void loop_free(struct loop **l)
{
    struct loop *mine = *l;
    *l = NULL;
    if (mine == NULL) {
        return;
    }
    int rc = uv_loop_close(&mine->uv);
    if (rc != 0) {
        uv_print_all_handles(&mine->uv, stderr); /* names the forgotten handle */
    }
    assert(rc == 0);
    free(mine);
}

uint64_t loop_now_ms(const struct loop *l)
{
    return uv_now(&l->uv);
}

void loop_refresh(struct loop *l)
{
    uv_update_time(&l->uv);
}

uint64_t loop_wall_ms(void)
{
    uv_timeval64_t now;
    int rc = uv_gettimeofday(&now);
    assert(rc == 0); /* cannot fail with a valid pointer */
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_usec / 1000;
}

uint64_t loop_clock_ns(void)
{
    return uv_hrtime();
}

struct uv_loop_s *loop_uv(struct loop *l)
{
    return &l->uv;
}
