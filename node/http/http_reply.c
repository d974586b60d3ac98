/* The answering half of a connection: from an answer to bytes with the system. */
#include "http/http_conn.h"
#include "http/http_writer.h"

#include "io/tcp_stream.h"

#include <assert.h>

/* A body that was not read stands between us and the next request. A small one is skipped;
 * one of unknown size, or one that the client holds back until it hears 100, is not. */
static bool must_close(const struct http_conn *c)
{
    const struct http_exchange *x = c->x;
    bool can_skip =
        !x->head.is_chunked && !x->head.expects_continue && x->head.size <= HTTP_SKIP_MAX;
    return x->answer.close || !x->head.keep_alive || c->server->is_leaving ||
           (!x->is_read && !can_skip);
}

void http_conn_send(struct http_conn *c)
{
    struct http_exchange *x = c->x;
    assert(x->is_answered && c->state != HTTP_CONN_CLOSED);
    x->closes = must_close(c);
    struct http_terms terms = {
        .is_head = x->request.is_head,
        .closes = x->closes,
        .tells_alive = x->head.is_http10,
        .date = http_date_now(&c->server->date, c->server->loop),
    };
    struct bytes parts[HTTP_PARTS_MAX];
    size_t count = http_writer_compose(parts, &x->out, &x->answer, &terms);
    if (text_failed(&x->out) || text_failed(&x->answer.headers) ||
        text_failed(&x->answer.content)) {
        c->write_failed = true;
        http_conn_close(c); /* half an answer is worse than none */
        return;
    }
    int rc = tcp_stream_write(c->stream, parts, count);
    if (rc < 0) {
        c->write_failed = true;
        http_conn_close(c);
        return;
    }
    if (rc == TCP_STREAM_QUEUED) {
        c->queued++;
    }
    if (c->queued > 0) {
        c->state = HTTP_CONN_WRITING;
        c->unsent_size = tcp_stream_unsent_size(c->stream);
        http_conn_begin_pace(c, c->unsent_size);
        http_wait_begin(&c->server->waits, &c->wait, HTTP_WAIT_WRITE);
        return;
    }
    http_conn_sent(c);
}

void http_exchange_answer(struct http_exchange *x, struct http_answer *answer)
{
    assert(x->is_told && !x->is_answered);
    x->is_answered = true;
    x->answer = *answer;
    *answer = (struct http_answer){0};
    http_conn_send(x->conn);
}

void http_conn_refuse(struct http_conn *c, uint16_t status)
{
    struct http_exchange *x = c->x;
    const struct http_server_config *config = &c->server->config;
    c->state = HTTP_CONN_OWNED; /* by us */
    if (x->is_told) {
        x->is_told = false;
        config->on_gone(config->owner, x);
    }
    if (c->state == HTTP_CONN_CLOSED) {
        return; /* the owner closed the server meanwhile */
    }
    assert(!x->is_answered);
    buf_drop(&x->body);
    x->is_answered = true;
    x->is_read = false; /* nobody knows where the next request begins */
    http_exchange_lend(x, &x->answer);
    x->answer.status = status;
    if (config->on_refused != NULL) {
        const struct http_refused what = {
            .why = c->is_over ? HTTP_REFUSED_CONNECTION : HTTP_REFUSED_REQUEST,
            .status = status,
            .path = x->request.path,
        };
        config->on_refused(config->owner, &what, &x->answer);
    }
    if (status == 503) {
        text_add_str(&x->answer.headers, "Retry-After: 1\r\n");
    }
    x->answer.close = true;
    http_conn_send(c);
}
