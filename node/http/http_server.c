#include "http/http_server.h"

#include "http/http_conn.h"
#include "io/listener.h"

#include <assert.h>
#include <stdlib.h>

/* Frees the server when nothing refers to it any more: after http_server_close(), the
 * listener's last event, and that of each connection, in whichever order. */
static void maybe_free(struct http_server *s)
{
    if (!s->closing || s->listener_open || s->conn_count > 0) {
        return;
    }
    http_waits_fini(&s->waits);
    http_pool_fini(&s->pool);
    free(s);
}

void http_server_on_conn_closed(struct http_server *s)
{
    assert(s->conn_count > 0 && s->closing_count > 0);
    s->conn_count--;
    s->closing_count--;
    if (s->draining && s->conn_count == 0 && !s->closing && s->config.on_empty != NULL) {
        s->config.on_empty(s->config.owner); /* may close the server: `s` may be gone */
        return;
    }
    maybe_free(s);
}

static void on_connection(void *owner)
{
    http_crowd_on_connection(owner);
}

static void on_listener_closed(void *owner)
{
    struct http_server *s = owner;
    s->listener_open = false;
    maybe_free(s);
}

static void on_wait_due(void *owner, struct http_wait *w)
{
    (void)owner;
    http_conn_on_due(list_item(w, struct http_conn, wait));
}

static int listen_at(struct http_server *s, struct errmsg *em)
{
    const struct tcp_listener_events events = {
        .owner = s,
        .on_connection = on_connection,
        .on_closed = on_listener_closed,
    };
    union address at;
    int rc = address_resolve(&at, s->config.listen, em);
    if (rc != 0) {
        return ERR_MALFORMED;
    }
    rc = tcp_listener_open(&s->listener, s->loop, &at, &events, em);
    if (rc != 0) {
        return rc;
    }
    s->listener_open = true;
    tcp_listener_secure(s->listener, s->config.tls);
    tcp_listener_address(s->listener, &at);
    s->address_size = address_print(&at, s->address);
    return 0;
}

int http_server_open(struct http_server **out, struct loop *loop,
                     const struct http_server_config *config, struct errmsg *em)
{
    *out = NULL;
    assert(config->on_request != NULL && config->on_sent != NULL && config->on_gone != NULL);
    struct http_server *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return err_set(em, ERR_NOMEM, "cannot listen: out of memory");
    }
    s->loop = loop;
    s->config = *config;
    list_init(&s->conns);
    http_pool_init(&s->pool);
    if (!http_waits_init(&s->waits, loop, on_wait_due, s)) {
        free(s);
        return err_set(em, ERR_NOMEM, "cannot listen: out of memory");
    }
    s->waits.spans_ms[HTTP_WAIT_IDLE] = config->idle_timeout_ms;
    s->waits.spans_ms[HTTP_WAIT_FIRST] = config->head_timeout_ms;
    s->waits.spans_ms[HTTP_WAIT_HEAD] = config->head_timeout_ms;
    s->waits.spans_ms[HTTP_WAIT_BODY] = config->body_timeout_ms;
    s->waits.spans_ms[HTTP_WAIT_WRITE] = config->write_timeout_ms;
    s->waits.spans_ms[HTTP_WAIT_HALF] = config->half_close_ms;
    s->waits.spans_ms[HTTP_WAIT_LINGER] = HTTP_LINGER_MS;
    int rc = listen_at(s, em);
    s->config.listen = bytes_of(NULL, 0); /* was the caller's */
    if (rc != 0) {
        http_server_close(&s);
        return rc;
    }
    *out = s;
    return 0;
}

struct bytes http_server_address(const struct http_server *s)
{
    return bytes_of(s->address, s->address_size);
}

void http_server_stop_listening(struct http_server *s)
{
    tcp_listener_close(&s->listener);
}

void http_server_say_goodbye(struct http_server *s)
{
    s->is_leaving = true;
}

void http_server_drain(struct http_server *s)
{
    s->is_leaving = true;
    s->draining = true;
    if (s->conn_count == 0 && s->config.on_empty != NULL) {
        s->config.on_empty(s->config.owner);
        return;
    }
    struct list *next;
    for (struct list *l = s->conns.next; l != &s->conns; l = next) {
        next = l->next;
        struct http_conn *c = list_item(l, struct http_conn, link);
        if (c->state == HTTP_CONN_IDLE) {
            http_conn_close(c);
        }
    }
}

void http_server_close(struct http_server **s)
{
    struct http_server *mine = *s;
    *s = NULL;
    if (mine == NULL || mine->closing) {
        return;
    }
    tcp_listener_close(&mine->listener);
    struct list *next;
    for (struct list *l = mine->conns.next; l != &mine->conns; l = next) {
        next = l->next; /* connections leave the list on a later loop turn only */
        http_conn_close(list_item(l, struct http_conn, link));
    }
    mine->closing = true;
    maybe_free(mine);
}

size_t http_server_connection_count(const struct http_server *s)
{
    return s->conn_count - s->closing_count;
}

uint64_t http_server_turned_away(const struct http_server *s)
{
    return s->turned_away;
}

uint64_t http_server_made_way(const struct http_server *s)
{
    return s->made_way;
}
