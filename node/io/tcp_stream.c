#include "io/tcp_stream.h"

#include "io/listener.h"
#include "io/tcp_secure.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>

/* How a stream ends:
 *
 *   tcp_stream_close -- marks it closing, asks libuv to close the handle
 *   on_uv_written    -- for each write still queued, with an error
 *   on_uv_closed     -- tells the owner, frees the memory
 *
 * libuv runs the callback of every queued write before the close callback, so when the
 * latter comes nothing can come any more. A stream with TLS goes the same way, by way of
 * tcp_secure.c. */

static void on_uv_closed(uv_handle_t *handle)
{
    struct tcp_stream *s = handle->data;
    assert(s->closing);
    if (s->secure != NULL) {
        tcp_secure_free(s);
    }
    if (s->events != NULL && s->events->on_closed != NULL) {
        s->events->on_closed(s->owner);
    }
    free(s);
}

void tcp_stream_close(struct tcp_stream *s)
{
    if (s->closing) {
        return;
    }
    if (s->secure != NULL) {
        tcp_secure_close(s);
    }
    s->closing = true;
    uv_close((uv_handle_t *)&s->tcp, on_uv_closed);
}

static struct tcp_stream *stream_new(struct loop *loop, void *owner)
{
    struct tcp_stream *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    int rc = uv_tcp_init(loop_uv(loop), &s->tcp);
    assert(rc == 0); /* opens no socket yet */
    s->tcp.data = s;
    s->owner = owner;
    return s;
}

int tcp_stream_accept(struct tcp_stream **out, struct tcp_listener *l,
                      const struct tcp_stream_events *events, void *owner)
{
    *out = NULL;
    struct tcp_stream *s = stream_new(tcp_listener_loop(l), owner);
    if (s == NULL) {
        return ERR_NOMEM;
    }
    /* From here the handle is libuv's: also a failed start ends in close. The events are not
     * set yet, so the owner, who gets an error, hears nothing more. */
    if (tcp_listener_hand_over(l, &s->tcp) != 0) {
        tcp_stream_close(s);
        return ERR_CLOSED;
    }
    struct tls *tls = events->on_room == NULL ? NULL : tcp_listener_tls(l);
    if (tls != NULL && tcp_secure_new(s, tcp_listener_loop(l), tls) != 0) {
        tcp_stream_close(s);
        return ERR_CLOSED;
    }
    s->events = events;
    *out = s;
    return 0;
}

static int connect_error(int uv_error)
{
    return uv_error == UV_ECONNREFUSED ? ERR_REFUSED
           : uv_error == UV_ETIMEDOUT  ? ERR_TIMEOUT
                                       : ERR_CLOSED;
}

static void on_uv_connected(uv_connect_t *req, int status)
{
    struct tcp_stream *s = req->handle->data;
    free(req);
    if (s->closing) {
        return;
    }
    if (status == 0) {
        uv_tcp_nodelay(&s->tcp, 1);
    }
    s->events->on_open(s->owner, status == 0 ? 0 : connect_error(status));
}

int tcp_stream_dial(struct tcp_stream **out, struct loop *loop, const union address *to,
                    const struct tcp_stream_events *events, void *owner)
{
    *out = NULL;
    uv_connect_t *req = calloc(1, sizeof *req);
    struct tcp_stream *s = req == NULL ? NULL : stream_new(loop, owner);
    if (s == NULL) {
        free(req);
        return ERR_NOMEM;
    }
    int rc = uv_tcp_connect(req, &s->tcp, &to->any, on_uv_connected);
    if (rc != 0) {
        free(req);
        tcp_stream_close(s);
        return ERR_IO;
    }
    s->events = events;
    *out = s;
    return 0;
}

static void on_uv_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)suggested;
    struct tcp_stream *s = handle->data;
    size_t size = 0;
    if (s->secure != NULL && !s->closing) {
        out->base = (char *)tcp_secure_room(&out->len);
        return;
    }
    uint8_t *room = s->closing ? NULL : s->events->on_room(s->owner, &size);
    out->base = (char *)room;
    out->len = room == NULL ? 0 : size; /* 0 makes libuv report UV_ENOBUFS, and no syscall */
}

static void on_uv_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *chunk)
{
    struct tcp_stream *s = stream->data;
    if (s->closing || n == 0 || n == UV_ENOBUFS) {
        return;
    }
    if (s->secure != NULL) {
        tcp_secure_received(s, n < 0 ? bytes_of(NULL, 0) : bytes_of(chunk->base, (size_t)n),
                            n >= 0        ? 0
                            : n == UV_EOF ? ERR_CLOSED
                                          : ERR_IO);
        return;
    }
    if (n < 0) {
        s->events->on_end(s->owner, n == UV_EOF ? 0 : ERR_CLOSED);
        return;
    }
    s->events->on_data(s->owner, bytes_of(chunk->base, (size_t)n));
    /* `s` may be closing now; it cannot be gone: handles close on a later loop turn. */
}

int tcp_stream_read_socket(struct tcp_stream *s)
{
    int rc = uv_read_start((uv_stream_t *)&s->tcp, on_uv_alloc, on_uv_read);
    return rc == 0 || rc == UV_EALREADY ? 0 : ERR_CLOSED;
}

int tcp_stream_read_start(struct tcp_stream *s)
{
    if (s->closing) {
        return ERR_CLOSED;
    }
    return s->secure != NULL ? tcp_secure_read_start(s) : tcp_stream_read_socket(s);
}

void tcp_stream_read_stop(struct tcp_stream *s)
{
    if (s->closing) {
        return;
    }
    if (s->secure != NULL) {
        tcp_secure_read_stop(s);
    } else {
        uv_read_stop((uv_stream_t *)&s->tcp);
    }
}

static void on_uv_written(uv_write_t *req, int status)
{
    struct tcp_stream *s = req->handle->data;
    free(req);
    s->events->on_written(s->owner, status == 0 ? 0 : ERR_CLOSED);
}

/* Cuts `done` bytes off the front of the list; returns how many parts are left. */
static size_t skip_done(uv_buf_t *parts, size_t count, size_t done)
{
    size_t first = 0;
    while (first < count && done >= parts[first].len) {
        done -= parts[first].len;
        first++;
    }
    if (first < count) {
        parts[first].base += done;
        parts[first].len -= done;
    }
    memmove(parts, parts + first, (count - first) * sizeof *parts);
    return count - first;
}

int tcp_stream_write(struct tcp_stream *s, const struct bytes *parts, size_t count)
{
    assert(count <= TCP_STREAM_PARTS_MAX);
    if (s->closing) {
        return ERR_CLOSED;
    }
    if (s->secure != NULL) {
        return tcp_secure_write(s, parts, count);
    }
    uv_buf_t left[TCP_STREAM_PARTS_MAX];
    size_t left_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size > 0) {
            left[left_count].base = (char *)(uintptr_t)parts[i].at; /* libuv only reads it */
            left[left_count].len = parts[i].size;
            left_count++;
        }
    }
    if (left_count == 0) {
        return 0;
    }
    uv_stream_t *stream = (uv_stream_t *)&s->tcp;
    int n = uv_try_write(stream, left, (unsigned)left_count);
    if (n < 0 && n != UV_EAGAIN) {
        return ERR_CLOSED;
    }
    left_count = skip_done(left, left_count, n < 0 ? 0 : (size_t)n);
    if (left_count == 0) {
        return 0;
    }
    uv_write_t *req = malloc(sizeof *req);
    if (req == NULL) {
        return ERR_NOMEM;
    }
    int rc = uv_write(req, stream, left, (unsigned)left_count, on_uv_written);
    if (rc != 0) {
        free(req);
        return rc == UV_ENOMEM ? ERR_NOMEM : ERR_CLOSED;
    }
    return TCP_STREAM_QUEUED;
}

size_t tcp_stream_unsent_size(const struct tcp_stream *s)
{
    size_t sealed = uv_stream_get_write_queue_size((const uv_stream_t *)&s->tcp);
    return s->secure != NULL ? sealed + tcp_secure_unsealed_size(s) : sealed;
}

void tcp_stream_send_end(struct tcp_stream *s)
{
    assert(tcp_stream_unsent_size(s) == 0);
    uv_os_fd_t fd;
    if (!s->closing && s->secure != NULL) {
        tcp_secure_end(s);
    }
    if (!s->closing && uv_fileno((const uv_handle_t *)&s->tcp, &fd) == 0) {
        shutdown(fd, SHUT_WR);
    }
}

void tcp_stream_forsake(struct tcp_stream *s)
{
    static const struct linger none = {.l_onoff = 1, .l_linger = 0};
    uv_os_fd_t fd;
    if (!s->closing && uv_fileno((const uv_handle_t *)&s->tcp, &fd) == 0) {
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none); /* failed: as without it */
    }
}

int tcp_stream_peer(const struct tcp_stream *s, union address *out)
{
    int size = (int)sizeof *out;
    return uv_tcp_getpeername(&s->tcp, &out->any, &size) == 0 ? 0 : ERR_CLOSED;
}

int tcp_stream_local(const struct tcp_stream *s, union address *out)
{
    int size = (int)sizeof *out;
    return uv_tcp_getsockname(&s->tcp, &out->any, &size) == 0 ? 0 : ERR_CLOSED;
}
