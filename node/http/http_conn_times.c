/* The time limits of a connection, by the state that it is in. */
#include "http/http_conn.h"

#include "io/tcp_stream.h"

void http_conn_begin_pace(struct http_conn *c, size_t queued_size)
{
    c->x->begun_ms = loop_now_ms(c->server->loop);
    c->x->moved = queued_size;
}

/* Whether `done` bytes since the beginning are fewer than the client must have moved. Time-outs
 * alone would let a client that moves a byte now and then hold its memory for ever. */
static bool is_too_slow(const struct http_conn *c, uint64_t done, uint32_t timeout_ms,
                        uint64_t rate_min)
{
    uint64_t spent_ms = loop_now_ms(c->server->loop) - c->x->begun_ms;
    return rate_min > 0 && spent_ms > timeout_ms &&
           (spent_ms - timeout_ms) * rate_min / 1000 > done;
}

void http_conn_time_body(struct http_conn *c)
{
    const struct http_server_config *config = &c->server->config;
    if (!is_too_slow(c, c->x->moved, config->body_timeout_ms, config->body_rate_min)) {
        http_wait_begin(&c->server->waits, &c->wait, HTTP_WAIT_BODY);
        return;
    }
    http_conn_on_due(c);
}

/* The owner has it, and there is no time limit of ours while the client may still be there. */
void http_conn_time_owned(struct http_conn *c)
{
    http_wait_end(&c->wait);
    if (!c->input_ended) {
        return;
    }
    if (c->x->ends_with_client || c->server->config.half_close_ms == 0) {
        http_conn_close(c);
        return;
    }
    http_wait_begin(&c->server->waits, &c->wait, HTTP_WAIT_HALF);
}

void http_conn_time_idle(struct http_conn *c)
{
    if (c->server->draining) {
        http_conn_close(c);
        return;
    }
    http_wait_begin(&c->server->waits, &c->wait,
                    c->has_asked ? HTTP_WAIT_IDLE : HTTP_WAIT_FIRST);
}

static void on_write_due(struct http_conn *c)
{
    const struct http_server_config *config = &c->server->config;
    size_t unsent = tcp_stream_unsent_size(c->stream);
    bool stands_still = unsent >= c->unsent_size;
    if (stands_still || is_too_slow(c, c->x->moved - unsent, config->write_timeout_ms,
                                    config->write_rate_min)) {
        tcp_stream_forsake(c->stream);
        http_conn_close(c);
        return;
    }
    c->unsent_size = unsent;
    http_wait_begin(&c->server->waits, &c->wait, HTTP_WAIT_WRITE);
}

void http_conn_on_due(struct http_conn *c)
{
    switch (c->state) {
    case HTTP_CONN_HEAD:
    case HTTP_CONN_BODY:
        http_conn_refuse(c, 408);
        break;
    case HTTP_CONN_WRITING:
        on_write_due(c);
        break;
    default:
        http_conn_close(c);
        break;
    }
}
