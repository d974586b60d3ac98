#include "io/signals.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <uv.h>

static const int watched[] = {SIGTERM, SIGINT, SIGHUP};

#define WATCHED_COUNT (sizeof watched / sizeof watched[0])

struct signals {
    void (*on_signal)(void *owner, int number);
    void *owner;
    uv_signal_t handles[WATCHED_COUNT];
    unsigned handles_open; /* handles whose memory libuv still uses */
    bool closing;
};

static void on_uv_signal(uv_signal_t *handle, int number)
{
    struct signals *s = handle->data;
    if (!s->closing) {
        s->on_signal(s->owner, number);
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct signals *s = handle->data;
    assert(s->handles_open > 0);
    s->handles_open--;
    if (s->handles_open == 0) {
        free(s);
    }
}

int signals_open(struct signals **out, struct loop *l,
                 void (*on_signal)(void *owner, int number), void *owner)
{
    *out = NULL;
    struct signals *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return ERR_NOMEM;
    }
    s->on_signal = on_signal;
    s->owner = owner;
    for (size_t i = 0; i < WATCHED_COUNT; i++) {
        int rc = uv_signal_init(loop_uv(l), &s->handles[i]);
        if (rc == 0) {
            s->handles[i].data = s;
            s->handles_open++;
            uv_unref((uv_handle_t *)&s->handles[i]);
            rc = uv_signal_start(&s->handles[i], on_uv_signal, watched[i]);
        }
        if (rc != 0 && s->handles_open == 0) {
            free(s);
            return ERR_IO;
        }
        if (rc != 0) {
            signals_close(&s);
            return ERR_IO;
        }
    }
    signal(SIGPIPE, SIG_IGN);
    *out = s;
    return 0;
}

void signals_close(struct signals **s)
{
    struct signals *mine = *s;
    *s = NULL;
    if (mine == NULL || mine->closing) {
        return;
    }
    mine->closing = true;
    unsigned open = mine->handles_open;
    for (unsigned i = 0; i < open; i++) {
        uv_close((uv_handle_t *)&mine->handles[i], on_handle_closed);
    }
}
