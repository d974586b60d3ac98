#include "io/listener.h"

#include "io/tcp_stream.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <uv.h>

#define LISTEN_BACKLOG  1024  /* connections the system holds for us */
#define ACCEPT_AGAIN_MS 100u  /* after a connection found no memory */
#define UNSENT_SIZE     65536 /* bytes that the system holds of what a client has no room for */

/* libuv goes on accepting only after the announced connection was taken. So one that found
 * no memory stays announced, and `again` asks the owner once more. */
struct tcp_listener {
    struct tcp_listener_events events; /* all NULL until it listens */
    struct loop *loop;
    struct tls *tls; /* NULL: plain */
    uv_tcp_t tcp;
    uv_timer_t again;
    unsigned handles_open; /* handles whose memory libuv still uses */
    bool announced;        /* a connection waits to be taken */
    bool closing;
};

static void on_handle_closed(uv_handle_t *handle)
{
    struct tcp_listener *l = handle->data;
    assert(l->closing);
    assert(l->handles_open > 0);
    l->handles_open--;
    if (l->handles_open > 0) {
        return;
    }
    if (l->events.on_closed != NULL) {
        l->events.on_closed(l->events.owner);
    }
    free(l);
}

void tcp_listener_close(struct tcp_listener **l)
{
    struct tcp_listener *mine = *l;
    *l = NULL;
    if (mine == NULL || mine->closing) {
        return;
    }
    mine->closing = true;
    uv_close((uv_handle_t *)&mine->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&mine->again, on_handle_closed);
}

static void on_again(uv_timer_t *timer);

static void announce(struct tcp_listener *l)
{
    l->announced = true;
    l->events.on_connection(l->events.owner);
    if (l->announced && !l->closing) {
        uv_timer_start(&l->again, on_again, ACCEPT_AGAIN_MS, 0);
    }
}

static void on_again(uv_timer_t *timer)
{
    struct tcp_listener *l = timer->data;
    if (!l->closing) {
        announce(l);
    }
}

static void on_uv_connection(uv_stream_t *stream, int status)
{
    struct tcp_listener *l = stream->data;
    if (l->closing || status < 0) {
        return; /* a connection that broke before it was accepted is no event for us */
    }
    announce(l);
}

static int listen_error(int uv_error, const union address *at, struct errmsg *em)
{
    char text[ADDRESS_TEXT_MAX];
    address_print(at, text);
    if (uv_error == UV_EADDRINUSE) {
        return err_set(em, ERR_INUSE, "cannot listen on %s: the port is in use", text);
    }
    return err_set(em, ERR_IO, "cannot listen on %s: %s", text, uv_strerror(uv_error));
}

/* Accepted connections inherit these (Linux), so that none costs a call of the system for them.
 *
 * TCP_NODELAY: answers leave at once. TCP_NOTSENT_LOWAT: what a client does not read waits in
 * our memory, where it is counted, and not in the system's, which would copy megabytes for
 * everyone who is deaf. A refusal does no harm. */
static void set_inherited(const uv_tcp_t *tcp)
{
    static const int on = 1, unsent_size = UNSENT_SIZE;
    uv_os_fd_t fd;
    if (uv_fileno((const uv_handle_t *)tcp, &fd) == 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_size, sizeof unsent_size);
    }
}

int tcp_listener_open(struct tcp_listener **out, struct loop *loop, const union address *at,
                      const struct tcp_listener_events *events, struct errmsg *em)
{
    *out = NULL;
    struct tcp_listener *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return err_set(em, ERR_NOMEM, "cannot listen: out of memory");
    }
    l->loop = loop;
    int rc = uv_tcp_init(loop_uv(loop), &l->tcp);
    assert(rc == 0); /* opens no socket yet */
    rc = uv_timer_init(loop_uv(loop), &l->again);
    assert(rc == 0); /* takes no system resource */
    l->tcp.data = l;
    l->again.data = l;
    l->handles_open = 2;
    rc = uv_tcp_bind(&l->tcp, &at->any, 0); /* sets SO_REUSEADDR */
    if (rc == 0) {
        set_inherited(&l->tcp);
        rc = uv_listen((uv_stream_t *)&l->tcp, LISTEN_BACKLOG, on_uv_connection);
    }
    if (rc != 0) {
        tcp_listener_close(&l);
        return listen_error(rc, at, em);
    }
    l->events = *events;
    *out = l;
    return 0;
}

void tcp_listener_secure(struct tcp_listener *l, struct tls *t)
{
    l->tls = t;
}

struct tls *tcp_listener_tls(const struct tcp_listener *l)
{
    return l->tls;
}

void tcp_listener_address(const struct tcp_listener *l, union address *out)
{
    int size = (int)sizeof *out;
    int rc = uv_tcp_getsockname(&l->tcp, &out->any, &size);
    assert(rc == 0); /* it is bound */
}

int tcp_listener_hand_over(struct tcp_listener *l, struct uv_tcp_s *into)
{
    assert(l->announced);
    l->announced = false;
    return uv_accept((uv_stream_t *)&l->tcp, (uv_stream_t *)into);
}

struct loop *tcp_listener_loop(const struct tcp_listener *l)
{
    return l->loop;
}

void tcp_listener_refuse(struct tcp_listener *l)
{
    static const struct tcp_stream_events nobody = {0};
    struct tcp_stream *s;
    if (tcp_stream_accept(&s, l, &nobody, NULL) == 0) {
        tcp_stream_close(s);
    }
}
