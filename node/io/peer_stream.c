#include "io/peer_stream.h"

#include "io/timer.h"
#include "io/tls_pipe.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <uv.h>

#define RUNS_MAX 64u /* of one gathering write */

/* A peer whose machine is gone says nothing: the kernel alone would wait a quarter of an hour.
 * These are the backstop behind the cluster's own pings (PROTOCOL.md, failure detection). */
#define USER_TIMEOUT_MS    5000
#define KEEPALIVE_IDLE_S   30
#define KEEPALIVE_EVERY_S  5
#define KEEPALIVE_PROBES   3
#define NOTSENT_LOWAT_SIZE (128 * 1024) /* bytes; more than this waits in our own queue */
#define BACKLOG            128
#define ACCEPTS_PER_TURN   16
#define READ_AGAIN_MS      1 /* a timer of 0 set by itself would keep the loop's turn */

/* How bytes go in and out. */
struct stream_kind {
    int (*read)(struct peer_stream *s, uint8_t *to, size_t size, size_t *got);
    int (*write)(struct peer_stream *s, const struct bytes *runs, size_t count, size_t *sent);
};

struct peer_stream {
    uv_poll_t poll;
    struct loop *loop;
    const struct stream_kind *kind;
    struct peer_stream_events events;
    union address address;
    int fd;
    bool connecting, blocked; /* blocked: the last write was not taken whole */
    bool closing;

    /* Of TLS only. */
    struct tls_pipe *pipe;
    struct timer *again; /* what was read from the socket and not yet from the pipe */
    bool dialled, shaking;
    bool ends; /* our end is sent after what waits in the pipe */
};

struct peer_listener {
    uv_poll_t poll;
    struct loop *loop;
    struct peer_listener_events events;
    int fd;
    int reserve_fd; /* given up when descriptors run out, to be able to refuse politely */
};

static void on_poll(uv_poll_t *handle, int status, int events);

/* --- plain TCP ---------------------------------------------------------------------------- */

static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static int plain_read(struct peer_stream *s, uint8_t *to, size_t size, size_t *got)
{
    ssize_t n = recv(s->fd, to, size, 0);
    *got = n > 0 ? (size_t)n : 0;
    if (n > 0 || (n < 0 && would_block())) {
        return 0;
    }
    return n == 0 ? ERR_CLOSED : ERR_IO;
}

static int plain_write(struct peer_stream *s, const struct bytes *runs, size_t count,
                       size_t *sent)
{
    struct iovec parts[RUNS_MAX];
    size_t n = count < RUNS_MAX ? count : RUNS_MAX;
    for (size_t i = 0; i < n; i++) {
        parts[i].iov_base = (void *)(uintptr_t)runs[i].at; /* writev() never writes there */
        parts[i].iov_len = runs[i].size;
    }
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = n};
    ssize_t took = sendmsg(s->fd, &message, MSG_NOSIGNAL);
    *sent = took > 0 ? (size_t)took : 0;
    return took >= 0 || would_block() ? 0 : ERR_CLOSED;
}

static const struct stream_kind plain = {plain_read, plain_write};

/* --- TLS ---------------------------------------------------------------------------------- */

static int sealed_read(struct peer_stream *s, uint8_t *to, size_t size, size_t *got)
{
    return tls_pipe_read(s->pipe, to, size, got);
}

static int sealed_write(struct peer_stream *s, const struct bytes *runs, size_t count,
                        size_t *sent)
{
    return tls_pipe_write(s->pipe, runs, count, sent);
}

static const struct stream_kind sealed = {sealed_read, sealed_write};

static bool has_unsent(const struct peer_stream *s)
{
    return s->pipe != NULL && tls_pipe_has_unsent(s->pipe);
}

/* --- streams ------------------------------------------------------------------------------ */

static void set_option(int fd, int level, int name, int value)
{
    /* A kernel that lacks one of them still carries the bytes. */
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

static void set_options(int fd)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_EVERY_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
    set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOTSENT_LOWAT_SIZE);
}

static void watch(struct peer_stream *s)
{
    bool waits = s->connecting || has_unsent(s) || (s->blocked && !s->shaking);
    int wanted = waits ? UV_WRITABLE : 0;
    if (!s->connecting && s->events.on_readable != NULL) {
        wanted |= UV_READABLE;
    }
    int rc = wanted == 0 ? uv_poll_stop(&s->poll) : uv_poll_start(&s->poll, wanted, on_poll);
    assert(rc == 0); /* fails on closing handles only */
}

/* Takes `fd` in any case. NULL: out of memory or descriptors. */
static struct peer_stream *stream_new(struct loop *l, int fd, const union address *address)
{
    struct peer_stream *s = calloc(1, sizeof *s);
    if (s == NULL || uv_poll_init(loop_uv(l), &s->poll, fd) != 0) {
        free(s); /* the handle never belonged to the loop */
        close(fd);
        return NULL;
    }
    s->poll.data = s;
    s->loop = l;
    s->kind = &plain;
    s->fd = fd;
    s->address = *address;
    set_options(fd);
    return s;
}

static int open_socket(const union address *a)
{
    return socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static socklen_t size_of(const union address *a)
{
    return a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
}

int peer_stream_dial(struct peer_stream **out, struct loop *l, const union address *to,
                     const struct peer_stream_events *events)
{
    *out = NULL;
    int fd = open_socket(to);
    if (fd < 0) {
        return ERR_IO;
    }
    struct peer_stream *s = stream_new(l, fd, to);
    if (s == NULL) {
        return ERR_IO;
    }
    s->connecting = true;
    s->dialled = true;
    s->events = *events;
    if (connect(fd, &to->any, size_of(to)) != 0 && errno != EINPROGRESS) {
        peer_stream_close(&s);
        return ERR_IO;
    }
    watch(s);
    *out = s;
    return 0;
}

void peer_stream_listen_to(struct peer_stream *s, const struct peer_stream_events *events)
{
    s->events = *events;
    watch(s);
}

/* The owner reads; what it leaves in the pipe makes no socket readable. */
static void tell_readable(struct peer_stream *s)
{
    s->events.on_readable(s->events.owner);
    if (!s->closing && s->pipe != NULL && tls_pipe_has_more(s->pipe)) {
        timer_start(s->again, READ_AGAIN_MS);
    }
}

static void on_again(void *owner)
{
    tell_readable(owner);
}

int peer_stream_secure(struct peer_stream *s, struct tls *t)
{
    s->again = timer_new(s->loop, on_again, s);
    if (s->again == NULL || tls_pipe_new(&s->pipe, t, s->dialled, s->fd) != 0) {
        return ERR_NOMEM;
    }
    s->kind = &sealed;
    s->shaking = true;
    return 0;
}

const char *peer_stream_explain(const struct peer_stream *s)
{
    return s->pipe == NULL ? NULL : tls_pipe_explain(s->pipe);
}

bool peer_stream_is_trusted(const struct peer_stream *s)
{
    return s->pipe == NULL || tls_pipe_is_trusted(s->pipe);
}

/* Open: a dialler hears so, and whoever wrote too early may write. */
static void finish_shaking(struct peer_stream *s)
{
    bool was_blocked = s->blocked;
    s->blocked = false;
    watch(s);
    timer_start(s->again, 0); /* more than the handshake may have come already */
    if (s->dialled) {
        s->events.on_open(s->events.owner, 0);
    } else if (was_blocked) {
        s->events.on_writable(s->events.owner);
    }
}

static void shake(struct peer_stream *s)
{
    int rc = tls_pipe_shake(s->pipe);
    if (rc == TLS_WAITS) {
        watch(s);
        return;
    }
    s->shaking = false;
    if (rc == 0) {
        finish_shaking(s);
    } else if (s->dialled) {
        uv_poll_stop(&s->poll);
        s->events.on_open(s->events.owner, ERR_IO);
    } else {
        tell_readable(s); /* reading says that it is broken */
    }
}

static void send_end(struct peer_stream *s)
{
    s->ends = has_unsent(s);
    if (!s->ends) {
        (void)shutdown(s->fd, SHUT_WR); /* of a broken connection there is nothing to end */
    }
}

/* What the pipe does on its own: sends what waits, and shakes hands. Returns the events that
 * are left for the owner. */
static int attend_pipe(struct peer_stream *s, int events)
{
    if ((events & UV_WRITABLE) != 0 && has_unsent(s)) {
        if (tls_pipe_flush(s->pipe) != 0) {
            events |= UV_READABLE; /* reading says that it is broken */
        }
        if (has_unsent(s)) {
            events &= ~UV_WRITABLE;
        } else if (s->ends) {
            send_end(s);
        }
        watch(s);
    }
    if (s->shaking) {
        if ((events & UV_READABLE) != 0) {
            shake(s);
        }
        return 0;
    }
    return events;
}

static void finish_connecting(struct peer_stream *s)
{
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    s->connecting = false;
    if (error == 0 && s->pipe != NULL) {
        shake(s);
        return;
    }
    if (error == 0) {
        watch(s);
    } else {
        uv_poll_stop(&s->poll);
    }
    s->events.on_open(s->events.owner, error == 0              ? 0
                                       : error == ECONNREFUSED ? ERR_REFUSED
                                                               : ERR_IO);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct peer_stream *s = handle->data;
    if (s->closing) {
        return;
    }
    if (s->connecting) {
        finish_connecting(s);
        return;
    }
    if (status < 0) { /* epoll saw an error: reading tells which */
        events = UV_READABLE;
    }
    if (s->pipe != NULL) {
        events = attend_pipe(s, events);
    }
    if ((events & UV_WRITABLE) != 0 && s->blocked) {
        s->blocked = false;
        s->events.on_writable(s->events.owner);
        if (s->closing) {
            return;
        }
        if (!s->blocked) {
            watch(s);
        }
    }
    if ((events & UV_READABLE) != 0) {
        tell_readable(s);
    }
}

int peer_stream_read(struct peer_stream *s, uint8_t *to, size_t size, size_t *got)
{
    return s->kind->read(s, to, size, got);
}

static size_t total(const struct bytes *runs, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += runs[i].size;
    }
    return size;
}

int peer_stream_write(struct peer_stream *s, const struct bytes *runs, size_t count,
                      size_t *sent)
{
    assert(!s->connecting);
    int rc = s->kind->write(s, runs, count, sent);
    bool is_blocked = *sent < total(runs, count);
    if (rc == 0 && !s->blocked && (is_blocked || has_unsent(s))) {
        s->blocked = is_blocked;
        watch(s);
    }
    return rc;
}

void peer_stream_send_end(struct peer_stream *s)
{
    if (s->pipe != NULL) {
        tls_pipe_end(s->pipe);
        (void)tls_pipe_flush(s->pipe);
        watch(s);
    }
    send_end(s);
}

const union address *peer_stream_address(const struct peer_stream *s)
{
    return &s->address;
}

static void on_stream_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void peer_stream_close(struct peer_stream **s)
{
    struct peer_stream *mine = *s;
    *s = NULL;
    if (mine == NULL) {
        return;
    }
    assert(!mine->closing);
    mine->closing = true;
    tls_pipe_free(&mine->pipe);
    timer_close(&mine->again);
    uv_poll_stop(&mine->poll); /* before the descriptor goes: its number may come again */
    close(mine->fd);
    uv_close((uv_handle_t *)&mine->poll, on_stream_closed);
}

/* --- the listener ------------------------------------------------------------------------- */

static int spare_descriptor(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* No descriptor is left: the caller would be asked again and again by the loop. It is told by
 * an end of the connection instead. */
static void refuse_one(struct peer_listener *p)
{
    close(p->reserve_fd);
    int fd = accept4(p->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        close(fd);
    }
    p->reserve_fd = spare_descriptor();
}

static void on_acceptable(uv_poll_t *handle, int status, int events)
{
    (void)status;
    (void)events;
    struct peer_listener *p = handle->data;
    for (int i = 0; i < ACCEPTS_PER_TURN && p->fd >= 0; i++) {
        union address from;
        socklen_t size = sizeof from;
        memset(&from, 0, sizeof from);
        int fd = accept4(p->fd, &from.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE) {
                refuse_one(p);
            }
            return;
        }
        struct peer_stream *s = stream_new(p->loop, fd, &from);
        if (s != NULL) {
            p->events.on_accepted(p->events.owner, s);
        }
    }
}

static int bind_and_listen(int fd, const union address *at)
{
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    return bind(fd, &at->any, size_of(at)) == 0 && listen(fd, BACKLOG) == 0 ? 0 : -1;
}

int peer_listener_open(struct peer_listener **out, struct loop *l, const union address *at,
                       const struct peer_listener_events *events, struct errmsg *em)
{
    *out = NULL;
    char text[ADDRESS_TEXT_MAX];
    address_print(at, text);
    int fd = open_socket(at);
    if (fd < 0 || bind_and_listen(fd, at) != 0) {
        int rc = err_set(em, errno == EADDRINUSE ? ERR_INUSE : ERR_IO,
                         "cannot listen for peers at %s: %s", text, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return rc;
    }
    struct peer_listener *p = calloc(1, sizeof *p);
    if (p == NULL || uv_poll_init(loop_uv(l), &p->poll, fd) != 0) {
        free(p);
        close(fd);
        return err_set(em, ERR_IO, "cannot watch the socket at %s", text);
    }
    p->poll.data = p;
    p->loop = l;
    p->fd = fd;
    p->reserve_fd = spare_descriptor();
    p->events = *events;
    int rc = uv_poll_start(&p->poll, UV_READABLE, on_acceptable);
    assert(rc == 0);
    *out = p;
    return 0;
}

union address peer_listener_address(const struct peer_listener *p)
{
    union address a;
    socklen_t size = sizeof a;
    memset(&a, 0, sizeof a);
    int rc = getsockname(p->fd, &a.any, &size);
    assert(rc == 0); /* it is bound */
    return a;
}

static void on_listener_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void peer_listener_close(struct peer_listener **p)
{
    struct peer_listener *mine = *p;
    *p = NULL;
    if (mine == NULL) {
        return;
    }
    uv_poll_stop(&mine->poll);
    close(mine->fd);
    close(mine->reserve_fd);
    mine->fd = -1;
    uv_close((uv_handle_t *)&mine->poll, on_listener_closed);
}
