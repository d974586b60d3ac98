#include "io/watch.h"

#include <stdlib.h>
#include <uv.h>

struct watch {
    uv_poll_t uv;
    int fd;
    int events;
    void (*on_ready)(void *owner, int fd, struct watch_ready ready);
    void *owner;
};

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_uv_ready(uv_poll_t *handle, int status, int events)
{
    struct watch *w = handle->data;
    struct watch_ready ready = {
        .read = (events & UV_READABLE) != 0,
        .write = (events & UV_WRITABLE) != 0,
        .error = status < 0,
    };
    w->on_ready(w->owner, w->fd, ready);
}

int watch_open(struct watch **out, struct loop *l, int fd,
               void (*on_ready)(void *owner, int fd, struct watch_ready ready), void *owner)
{
    *out = NULL;
    struct watch *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return ERR_NOMEM;
    }
    if (uv_poll_init(loop_uv(l), &w->uv, fd) != 0) {
        free(w); /* a handle that was not made is not closed */
        return ERR_IO;
    }
    w->uv.data = w;
    w->fd = fd;
    w->on_ready = on_ready;
    w->owner = owner;
    *out = w;
    return 0;
}

int watch_set(struct watch *w, bool read, bool write)
{
    int events = (read ? UV_READABLE : 0) | (write ? UV_WRITABLE : 0);
    if (events == w->events) {
        return 0;
    }
    w->events = events;
    int rc = events == 0 ? uv_poll_stop(&w->uv) : uv_poll_start(&w->uv, events, on_uv_ready);
    return rc == 0 ? 0 : ERR_IO;
}

void watch_close(struct watch **w)
{
    struct watch *mine = *w;
    *w = NULL;
    if (mine != NULL) {
        uv_close((uv_handle_t *)&mine->uv, on_closed);
    }
}
