#include "http/http_conn.h"

#include "io/listener.h"
#include "io/tcp_stream.h"

#include <assert.h>
#include <stdlib.h>

#define CHUNKED_FIRST_SIZE 4096u /* bytes of room for a body of unknown size */

void http_conn_close(struct http_conn *c)
{
    if (c->state == HTTP_CONN_CLOSED) {
        return;
    }
    /* What libuv has handed over already counts as sent, even if it has not said so yet. */
    bool is_complete = c->state == HTTP_CONN_WRITING && !c->write_failed &&
                       tcp_stream_unsent_size(c->stream) == 0;
    c->state = HTTP_CONN_CLOSED;
    c->server->closing_count++;
    c->server->over_count -= c->is_over ? 1 : 0;
    http_wait_end(&c->wait);
    tcp_stream_close(c->stream);
    struct http_exchange *x = c->x;
    if (x == NULL || !x->is_told) {
        return;
    }
    const struct http_server_config *config = &c->server->config;
    x->is_told = false;
    if (x->is_answered) {
        config->on_sent(config->owner, x, is_complete);
    } else {
        config->on_gone(config->owner, x);
    }
}

/* Stores a piece of the body; the head has said where. Bytes that were read into their place
 * are not copied. */
static uint16_t store_sized(void *owner, struct bytes piece)
{
    struct http_exchange *x = owner;
    if (x->is_answered) {
        return 0; /* nobody wants it */
    }
    assert(x->body != NULL && x->body->size - x->body_filled >= piece.size);
    uint8_t *to = x->body->data + x->body_filled;
    if (to != piece.at) {
        memcpy(to, piece.at, piece.size);
    }
    x->body_filled += piece.size;
    return 0;
}

/* Likewise for a body of unknown size. */
static uint16_t store_chunk(void *owner, struct bytes piece)
{
    struct http_exchange *x = owner;
    const struct http_server_config *config = &x->conn->server->config;
    size_t needed = x->body_filled + piece.size;
    if (needed > config->body_max) {
        return 413;
    }
    int rc = 0;
    if (needed > buf_size(x->body)) {
        size_t room = x->body == NULL ? CHUNKED_FIRST_SIZE : x->body->size * (size_t)2;
        room = room > config->body_max ? config->body_max : room;
        room = room < needed ? needed : room;
        rc = x->body == NULL ? buf_new(&x->body, config->budget, room)
                             : buf_grow(&x->body, room);
    }
    if (rc != 0) {
        return 503;
    }
    memcpy(x->body->data + x->body_filled, piece.at, piece.size);
    x->body_filled = needed;
    return 0;
}

static void begin_exchange(struct http_conn *c)
{
    c->x = http_exchange_take(&c->server->pool, c);
    if (c->x == NULL) {
        http_conn_close(c); /* there is no memory even to say so */
        return;
    }
    c->x->request.peer = bytes_of(c->peer, c->peer_size);
    c->has_asked = true;
    c->state = HTTP_CONN_HEAD;
    http_parser_begin(c->x->parser, c->server->config.header_max);
}

/* RFC 9110 10.1.1: unless some of the body is here already. */
static void send_continue(struct http_conn *c)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct bytes part = bytes_of(line, sizeof line - 1);
    int rc = tcp_stream_write(c->stream, &part, 1);
    if (rc < 0) {
        http_conn_close(c);
    } else if (rc == TCP_STREAM_QUEUED) {
        c->queued++;
    }
}

static void hand_over(struct http_conn *c)
{
    struct http_exchange *x = c->x;
    const struct http_server_config *config = &c->server->config;
    if (x->head.is_chunked && x->body != NULL) {
        buf_shrink(&x->body, x->body_filled);
    }
    x->request.body = x->body;
    x->is_read = true;
    x->is_told = true;
    c->state = HTTP_CONN_OWNED;
    config->on_request(config->owner, x);
}

static void begin_body(struct http_conn *c, bool has_more)
{
    struct http_exchange *x = c->x;
    if (!x->head.is_chunked &&
        buf_new(&x->body, c->server->config.budget, (size_t)x->head.size) != 0) {
        http_conn_refuse(c, 503);
        return;
    }
    c->state = HTTP_CONN_BODY;
    http_conn_begin_pace(c, 0);
    if (x->head.expects_continue && !has_more) {
        send_continue(c);
    }
}

/* Asks the owner, when it wants to be asked. False: it has answered, or all is over. */
static bool is_wanted(struct http_conn *c)
{
    struct http_exchange *x = c->x;
    const struct http_server_config *config = &c->server->config;
    if (config->on_head == NULL) {
        return true;
    }
    x->is_told = true;
    c->state = HTTP_CONN_OWNED;
    x->request.head_only = !x->is_read;
    bool wants = config->on_head(config->owner, x);
    if (c->state == HTTP_CONN_CLOSED) {
        return false;
    }
    if (wants) {
        x->request.head_only = false;
    }
    assert(wants == (c->state == HTTP_CONN_OWNED)); /* false means: answered already */
    return wants;
}

static void on_head(struct http_conn *c, bool has_more)
{
    struct http_exchange *x = c->x;
    http_parser_head(x->parser, &x->request);
    uint16_t status = http_head_read(&x->head, &x->request, http_parser_minor(x->parser));
    if (status == 0 && x->head.size > c->server->config.body_max) {
        status = 413;
    }
    if (status != 0) {
        http_conn_refuse(c, status);
        return;
    }
    x->is_read = !x->head.is_chunked && x->head.size == 0;
    if (x->head.is_chunked) {
        http_parser_expect_chunks(x->parser, store_chunk, x);
    } else if (!x->is_read) {
        http_parser_expect_size(x->parser, x->head.size, store_sized, x);
    }
    bool has_body = !x->is_read;
    if (!is_wanted(c)) {
        return;
    }
    if (has_body) {
        begin_body(c, has_more);
    } else {
        hand_over(c);
    }
}

static void on_end(struct http_conn *c)
{
    if (c->state == HTTP_CONN_SKIP) {
        http_exchange_put(&c->server->pool, &c->x);
        c->state = HTTP_CONN_IDLE;
        return;
    }
    hand_over(c);
}

static bool takes_input(const struct http_conn *c)
{
    return c->state == HTTP_CONN_IDLE || c->state == HTTP_CONN_HEAD ||
           c->state == HTTP_CONN_BODY || c->state == HTTP_CONN_SKIP;
}

/* Takes from the front of *in what the connection may take now: up to a request that the
 * owner has not answered. */
static void feed(struct http_conn *c, struct bytes *in)
{
    c->feeding = true;
    while (in->size > 0 && takes_input(c)) {
        if (c->state == HTTP_CONN_IDLE) {
            begin_exchange(c);
            continue;
        }
        switch (http_parser_run(c->x->parser, in)) {
        case HTTP_PARSED_ALL:
            break;
        case HTTP_PARSED_HEAD:
            on_head(c, in->size > 0);
            break;
        case HTTP_PARSED_END:
            on_end(c);
            break;
        case HTTP_PARSED_BAD:
            http_conn_refuse(c, http_parser_status(c->x->parser));
            break;
        }
    }
    c->feeding = false;
}

/* The last answer is with the system. */
static void leave(struct http_conn *c, bool has_more)
{
    bool is_unread = has_more || !c->x->is_read || c->held.size > c->held_at;
    http_exchange_put(&c->server->pool, &c->x);
    text_fini(&c->held);
    c->held_at = 0;
    if (!is_unread || c->input_ended) {
        http_conn_close(c);
        return;
    }
    c->state = HTTP_CONN_LINGER;
    tcp_stream_send_end(c->stream);
    http_wait_begin(&c->server->waits, &c->wait, HTTP_WAIT_LINGER);
}

/* There is no memory for what the client sends. */
static void give_up(struct http_conn *c)
{
    if (c->state == HTTP_CONN_HEAD || c->state == HTTP_CONN_BODY) {
        http_conn_refuse(c, 503);
    } else {
        http_conn_close(c);
    }
}

static void read_more(struct http_conn *c)
{
    bool is_full = !takes_input(c) && c->held.size - c->held_at >= HTTP_HELD_MAX;
    if (is_full && c->state != HTTP_CONN_LINGER) {
        tcp_stream_read_stop(c->stream);
        c->reading = false;
    } else if (!c->reading && !c->input_ended) {
        c->reading = true;
        if (tcp_stream_read_start(c->stream) != 0) {
            http_conn_close(c);
        }
    }
}

/* Ordinary requests need so little that the limit on connections bounds it. What is more is
 * charged; false: the budget is used up. */
static bool charge(struct http_conn *c)
{
    size_t room = c->held.room + (c->x == NULL ? 0 : http_parser_room(c->x->parser));
    size_t size = room > HTTP_FREE_ROOM ? room - HTTP_FREE_ROOM : 0;
    struct budget *budget = c->server->config.budget;
    if (budget == NULL) {
        return true;
    }
    if (size > c->charged_size && !budget_charge(budget, size - c->charged_size)) {
        return false;
    }
    if (size < c->charged_size) {
        budget_return(budget, c->charged_size - size);
    }
    c->charged_size = size;
    return true;
}

/* After whatever happened: sets the time limit of the state that was reached. */
static void settle(struct http_conn *c)
{
    struct http_waits *waits = &c->server->waits;
    if (c->state != HTTP_CONN_CLOSED && !charge(c)) {
        give_up(c);
        return;
    }
    if (c->input_ended && takes_input(c)) {
        http_conn_close(c); /* what it has begun will never be whole */
    }
    switch (c->state) {
    case HTTP_CONN_IDLE:
        http_conn_time_idle(c);
        break;
    case HTTP_CONN_HEAD:
        if (!c->x->is_timed) { /* its span does not begin anew with each byte */
            c->x->is_timed = true;
            http_wait_begin(waits, &c->wait, HTTP_WAIT_HEAD);
        }
        break;
    case HTTP_CONN_BODY:
    case HTTP_CONN_SKIP:
        http_conn_time_body(c);
        break;
    case HTTP_CONN_OWNED:
        http_conn_time_owned(c);
        break;
    case HTTP_CONN_WRITING: /* began where it was queued */
    case HTTP_CONN_LAST:
    case HTTP_CONN_LINGER:
    case HTTP_CONN_CLOSED:
        break;
    }
    if (c->state != HTTP_CONN_CLOSED) {
        read_more(c);
    }
}

/* Keeps what could not be parsed now. */
static void hold(struct http_conn *c, struct bytes rest)
{
    if (c->held_at > 0) {
        c->held.size -= c->held_at;
        memmove(c->held.at, c->held.at + c->held_at, c->held.size);
        c->held_at = 0;
    }
    text_add(&c->held, rest);
    if (text_failed(&c->held)) {
        http_conn_close(c);
    }
}

static void resume(struct http_conn *c)
{
    struct bytes in = c->held.size == 0
                          ? bytes_of(NULL, 0)
                          : bytes_of(c->held.at + c->held_at, c->held.size - c->held_at);
    feed(c, &in);
    c->held_at = c->held.size - in.size;
    if (in.size == 0) {
        text_fini(&c->held);
        c->held_at = 0;
    }
    if (c->state == HTTP_CONN_LAST) {
        leave(c, false);
    }
    settle(c);
}

void http_conn_sent(struct http_conn *c)
{
    struct http_exchange *x = c->x;
    const struct http_server_config *config = &c->server->config;
    c->state = HTTP_CONN_LAST;
    if (x->is_told) {
        x->is_told = false;
        config->on_sent(config->owner, x, true);
    }
    if (c->state == HTTP_CONN_CLOSED) {
        return; /* the owner closed the server meanwhile */
    }
    if (!x->closes && !x->is_read) {
        http_exchange_drop_answer(x); /* the skipping may take a while */
        c->state = HTTP_CONN_SKIP;
        http_conn_begin_pace(c, 0);
    } else if (!x->closes) {
        http_exchange_put(&c->server->pool, &c->x);
        c->state = HTTP_CONN_IDLE;
    }
    if (!c->feeding) {
        resume(c);
    }
}

static uint8_t *on_room(void *owner, size_t *size)
{
    struct http_conn *c = owner;
    struct http_exchange *x = c->x;
    if (c->pass_once) {
        c->pass_once = false;
        return NULL;
    }
    if (c->state == HTTP_CONN_BODY && !x->head.is_chunked) {
        *size = x->body->size - x->body_filled;
        *size = *size < HTTP_BODY_PIECE ? *size : HTTP_BODY_PIECE;
        return x->body->data + x->body_filled;
    }
    *size = HTTP_CHUNK_SIZE;
    return c->server->chunk;
}

static void on_data(void *owner, struct bytes data)
{
    struct http_conn *c = owner;
    if (c->state == HTTP_CONN_LINGER) {
        return;
    }
    bool is_direct = data.at != c->server->chunk;
    size_t size = data.size;
    if (c->state == HTTP_CONN_BODY || c->state == HTTP_CONN_SKIP) {
        c->x->moved += data.size;
    }
    if (takes_input(c) && c->held.size == 0) {
        feed(c, &data);
    }
    /* libuv would read on because its buffer was filled: one syscall for nothing at the end of
     * a body, and before that the others' turn. */
    c->pass_once = is_direct && (c->state != HTTP_CONN_BODY || size == HTTP_BODY_PIECE);
    if (c->state == HTTP_CONN_LAST) {
        leave(c, data.size > 0);
    } else if (data.size > 0 && c->state != HTTP_CONN_CLOSED) {
        hold(c, data);
    }
    settle(c);
}

static void on_input_end(void *owner, int rc)
{
    struct http_conn *c = owner;
    c->input_ended = true;
    c->reading = false;
    if (rc != 0 || (c->state != HTTP_CONN_WRITING && c->state != HTTP_CONN_OWNED)) {
        http_conn_close(c);
    }
    settle(c);
}

static void on_written(void *owner, int rc)
{
    struct http_conn *c = owner;
    assert(c->queued > 0);
    c->queued--;
    if (c->state == HTTP_CONN_CLOSED) {
        return;
    }
    if (rc != 0) {
        c->write_failed = true;
        http_conn_close(c);
    } else if (c->queued == 0 && c->state == HTTP_CONN_WRITING) {
        http_conn_sent(c);
    }
}

static void on_stream_closed(void *owner)
{
    struct http_conn *c = owner;
    struct http_server *s = c->server;
    assert(c->state == HTTP_CONN_CLOSED);
    http_exchange_put(&s->pool, &c->x);
    text_fini(&c->held);
    if (c->charged_size > 0) {
        budget_return(s->config.budget, c->charged_size);
    }
    list_remove(&c->link);
    free(c);
    http_server_on_conn_closed(s);
}

static void note_peer(struct http_conn *c)
{
    union address peer;
    char text[ADDRESS_TEXT_MAX];
    if (tcp_stream_peer(c->stream, &peer) != 0) {
        return; /* broken already: reading will tell */
    }
    c->peer_size = (uint8_t)address_print_host(&peer, text);
    assert(c->peer_size <= sizeof c->peer);
    memcpy(c->peer, text, c->peer_size);
}

static void turn_away(struct http_conn *c)
{
    struct http_server *s = c->server;
    c->is_over = true;
    s->over_count++;
    s->turned_away++;
    begin_exchange(c);
    if (c->x != NULL) {
        http_conn_refuse(c, 503);
    }
}

void http_conn_accept(struct http_server *s, bool has_room)
{
    static const struct tcp_stream_events events = {
        .on_room = on_room,
        .on_data = on_data,
        .on_end = on_input_end,
        .on_written = on_written,
        .on_closed = on_stream_closed,
    };
    struct http_conn *c = calloc(1, sizeof *c);
    if (c == NULL || tcp_stream_accept(&c->stream, s->listener, &events, c) != 0) {
        free(c); /* without memory the listener announces it again */
        return;
    }
    c->server = s;
    http_wait_init(&c->wait);
    list_push_back(&s->conns, &c->link);
    s->conn_count++;
    note_peer(c);
    if (!has_room) {
        turn_away(c);
    }
    settle(c);
}
