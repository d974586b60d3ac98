#include "handlers/plain_client.h"

#include "handlers/header_lines.h"
#include "handlers/intake.h"
#include "handlers/plain_framing.h"
#include "handlers/plain_origin.h"

#include "base/list.h"
#include "base/text.h"
#include "http/http_parser.h"
#include "io/dns.h"
#include "io/tcp_stream.h"

#include <assert.h>
#include <stdlib.h>

#define SCRATCH_SIZE 16384u /* bytes read at once where no better place is known */

struct plain_client {
    struct http_client_config config;
    struct plain_origin origin;
    struct dns_lookup *lookup;
    struct list idle, busy, unresolved; /* of transfers */
    uint32_t idle_count;
    struct text kept;              /* headers of the answer being reported */
    uint8_t scratch[SCRATCH_SIZE]; /* used within one event only */
};

enum reading { READ_HEAD, READ_SIZED, READ_CHUNKS, READ_TO_END };

/* A connection and, unless it is idle, the transfer on it. A new stream may replace one that
 * went stale; what was lent to the old one stays until all are closed. */
struct plain_transfer {
    struct list link;
    struct plain_client *client;
    struct http_transfer_config config;
    struct tcp_stream *stream;
    uint32_t streams_open;
    bool is_dead; /* goes away with the last stream */
    bool is_busy;
    bool is_reused;    /* the stream has served before */
    bool has_answered; /* a byte of this answer came */
    bool is_head;      /* HEAD: no body follows */
    bool may_stay;     /* the stream may serve again after this answer */
    size_t address_at; /* which one is being dialled */
    struct text request;
    struct buf *body;
    struct http_parser *parser;
    enum reading reading;
    uint64_t left; /* READ_SIZED: bytes */
    uint16_t status;
    struct intake answer;
};

static const struct tcp_stream_events stream_events;

/* -- the life of a connection -- */

static void transfer_free(struct plain_transfer *x)
{
    text_fini(&x->request);
    buf_drop(&x->body);
    http_parser_free(&x->parser);
    intake_fini(&x->answer);
    free(x);
}

/* Closes the connection for good. */
static void bury(struct plain_transfer *x)
{
    list_remove(&x->link);
    x->is_dead = true;
    x->is_busy = false;
    if (x->stream != NULL) {
        tcp_stream_close(x->stream);
        x->stream = NULL;
    }
    if (x->streams_open == 0) {
        transfer_free(x);
    }
}

static struct plain_transfer *transfer_new(struct plain_client *c)
{
    struct plain_transfer *x = calloc(1, sizeof *x);
    if (x == NULL) {
        return NULL;
    }
    list_init(&x->link);
    x->client = c;
    x->parser = http_parser_new();
    if (x->parser == NULL) {
        free(x);
        return NULL;
    }
    return x;
}

/* Reports an end without an answer and closes the connection. */
static void fail(struct plain_transfer *x, int rc, const char *detail)
{
    struct http_transfer_config config = x->config;
    struct http_transfer_end end = {.rc = rc, .detail = detail};
    bury(x);
    config.on_end(config.owner, &end);
}

static int dial(struct plain_transfer *x)
{
    const union address *to = &x->client->origin.addresses[x->address_at];
    int rc = tcp_stream_dial(&x->stream, x->client->config.loop, to, &stream_events, x);
    if (rc == 0) {
        x->streams_open++;
    }
    return rc;
}

/* -- sending -- */

/* 0, or an error after which the stream is of no use. */
static int send_request(struct plain_transfer *x)
{
    struct bytes parts[2] = {text_view(&x->request), buf_view(x->body)};
    int rc = tcp_stream_write(x->stream, parts, x->body == NULL ? 1 : 2);
    return rc == TCP_STREAM_QUEUED ? 0 : rc;
}

static void on_open(void *owner, int rc)
{
    struct plain_transfer *x = owner;
    if (rc == 0) {
        rc = tcp_stream_read_start(x->stream);
    }
    if (rc == 0) {
        rc = send_request(x);
    }
    if (rc == 0) {
        return;
    }
    tcp_stream_close(x->stream);
    x->stream = NULL;
    x->address_at++;
    if (x->address_at >= x->client->origin.address_count || dial(x) != 0) {
        fail(x, ERR_IO, rc == ERR_REFUSED ? "connection refused" : "cannot connect");
    }
}

/* A kept connection turned out to be closed before it answered: once more, on a new one. */
static bool start_over(struct plain_transfer *x)
{
    if (!x->is_reused || x->has_answered || tcp_stream_unsent_size(x->stream) > 0) {
        return false;
    }
    tcp_stream_close(x->stream);
    x->stream = NULL;
    x->is_reused = false;
    x->address_at = 0;
    return dial(x) == 0;
}

/* -- the answer -- */

/* The connection is free for the next before its owner hears of the end, who may start it. */
static void complete(struct plain_transfer *x, bool is_clean)
{
    struct plain_client *c = x->client;
    struct http_transfer_config config = x->config;
    struct bytes lines;
    http_parser_answer(x->parser, &lines);
    text_clear(&c->kept);
    text_add(&c->kept, lines);
    struct http_transfer_end end = {.status = x->status, .headers = text_view(&c->kept)};
    end.retry_after_s = http_retry_after_s(header_lines_value(end.headers, "Retry-After"));
    end.body = intake_take(&x->answer);
    bool stays = is_clean && x->may_stay && tcp_stream_unsent_size(x->stream) == 0 &&
                 c->idle_count < c->config.connections_max;
    if (stays) {
        list_remove(&x->link);
        list_push_front(&c->idle, &x->link);
        c->idle_count++;
        x->is_busy = false;
        x->is_reused = true;
        buf_drop(&x->body);
        http_parser_slim(x->parser);
    } else {
        bury(x);
    }
    if (text_failed(&c->kept)) {
        buf_drop(&end.body);
        end = (struct http_transfer_end){.rc = ERR_NOMEM, .detail = "out of memory"};
    }
    config.on_end(config.owner, &end);
}

/* Why an answer that does not fit is none. */
static void fail_intake(struct plain_transfer *x)
{
    int rc = intake_error(&x->answer);
    fail(x, rc,
         rc == ERR_TOOBIG ? "the answer is over limits.body_bytes"
                          : "no memory for the answer");
}

static uint16_t on_chunk(void *owner, struct bytes piece)
{
    struct plain_transfer *x = owner;
    return intake_append(&x->answer, piece) == 0 ? 0 : 413;
}

/* True: a body follows. False: there is none; or the transfer has failed. */
static bool begin_body(struct plain_transfer *x, struct bytes lines)
{
    struct answer_framing f =
        plain_framing(lines, x->status, http_parser_minor(x->parser), x->is_head);
    x->may_stay = f.may_stay;
    switch (f.framing) {
    case FRAMING_NONE:
        return false;
    case FRAMING_SIZED:
        x->reading = READ_SIZED;
        x->left = f.size;
        if (intake_expect(&x->answer, f.size) != 0) {
            fail_intake(x);
            return false;
        }
        return true;
    case FRAMING_CHUNKS:
        x->reading = READ_CHUNKS;
        http_parser_expect_chunks(x->parser, on_chunk, x);
        return true;
    case FRAMING_TO_END:
        x->reading = READ_TO_END;
        return true;
    case FRAMING_BAD:
        break;
    }
    fail(x, ERR_IO, "the answer's length is contradictory");
    return false;
}

/* A whole head is there. True: go on reading this transfer. */
static bool on_head(struct plain_transfer *x, bool has_more)
{
    struct bytes lines;
    unsigned status = http_parser_answer(x->parser, &lines);
    if (status >= 100 && status < 200 && status != 101) {
        http_parser_begin_answer(x->parser, x->client->config.header_max);
        return true; /* an interim answer: the real one follows */
    }
    if (status < 200 || status > 599) {
        fail(x, ERR_IO, "the answer's status code is not one of 200 to 599");
        return false;
    }
    x->status = (uint16_t)status;
    if (begin_body(x, lines)) {
        return true;
    }
    if (x->is_busy) { /* it has not failed */
        complete(x, !has_more);
    }
    return false;
}

static void fail_parse(struct plain_transfer *x)
{
    if (intake_error(&x->answer) != 0) {
        fail_intake(x);
    } else if (http_parser_status(x->parser) == 503) {
        fail(x, ERR_NOMEM, "no memory for the answer's headers");
    } else if (http_parser_status(x->parser) == 431) {
        fail(x, ERR_TOOBIG, "the answer's headers are over limits.header_bytes");
    } else {
        fail(x, ERR_IO, "the answer is not HTTP");
    }
}

/* Through the parser: heads and chunks. True: go on. */
static bool parse(struct plain_transfer *x, struct bytes *in)
{
    switch (http_parser_run(x->parser, in)) {
    case HTTP_PARSED_ALL:
        return true;
    case HTTP_PARSED_HEAD:
        return on_head(x, in->size > 0);
    case HTTP_PARSED_END:
        complete(x, in->size == 0);
        return false;
    case HTTP_PARSED_BAD:
        break;
    }
    fail_parse(x);
    return false;
}

/* Into the body, from wherever the bytes lie. True: go on. */
static bool take_body(struct plain_transfer *x, struct bytes *in)
{
    size_t size = in->size;
    if (x->reading == READ_SIZED) {
        size = x->left < size ? (size_t)x->left : size;
        x->left -= size;
    }
    bool is_in_place =
        in->at < x->client->scratch || in->at >= x->client->scratch + SCRATCH_SIZE;
    if (is_in_place) {
        intake_commit(&x->answer, size);
    } else {
        intake_append(&x->answer, bytes_of(in->at, size));
    }
    *in = bytes_of(in->at + size, in->size - size);
    if (intake_error(&x->answer) != 0) {
        fail_intake(x);
        return false;
    }
    if (x->reading == READ_SIZED && x->left == 0) {
        complete(x, in->size == 0);
        return false;
    }
    return true;
}

/* -- what the stream says -- */

static uint8_t *on_room(void *owner, size_t *size)
{
    struct plain_transfer *x = owner;
    if (x->is_busy && (x->reading == READ_SIZED || x->reading == READ_TO_END)) {
        size_t room;
        uint8_t *at = intake_room(&x->answer, &room);
        assert(at != NULL); /* after an error the stream is closed */
        if (x->reading == READ_SIZED && room > x->left) {
            room = (size_t)x->left;
        }
        *size = room;
        return at;
    }
    *size = SCRATCH_SIZE;
    return x->client->scratch;
}

static void on_data(void *owner, struct bytes in)
{
    struct plain_transfer *x = owner;
    if (!x->is_busy) {
        x->client->idle_count--;
        bury(x); /* an answer that nobody asked for */
        return;
    }
    x->has_answered = true;
    bool goes_on = true;
    while (goes_on && in.size > 0) {
        bool is_framed = x->reading == READ_HEAD || x->reading == READ_CHUNKS;
        goes_on = is_framed ? parse(x, &in) : take_body(x, &in);
    }
}

static void on_end(void *owner, int rc)
{
    struct plain_transfer *x = owner;
    if (!x->is_busy) {
        x->client->idle_count--;
        bury(x);
    } else if (rc == 0 && x->reading == READ_TO_END) {
        x->may_stay = false;
        complete(x, false);
    } else if (!start_over(x)) {
        fail(x, ERR_IO,
             x->has_answered ? "the answer was cut short"
                             : "the connection was closed without an answer");
    }
}

static void on_written(void *owner, int rc)
{
    (void)owner;
    (void)rc; /* a broken connection is reported by on_end */
}

static void on_closed(void *owner)
{
    struct plain_transfer *x = owner;
    x->streams_open--;
    if (x->is_dead && x->streams_open == 0) {
        transfer_free(x);
    }
}

static const struct tcp_stream_events stream_events = {
    .on_open = on_open,
    .on_room = on_room,
    .on_data = on_data,
    .on_end = on_end,
    .on_written = on_written,
    .on_closed = on_closed,
};

/* -- where to -- */

static void on_found(void *owner, int rc, const union address *found, size_t count)
{
    struct plain_client *c = owner;
    c->lookup = NULL;
    if (rc == 0) {
        plain_origin_learn(&c->origin, found, count, loop_now_ms(c->config.loop));
    }
    /* Those that wait now; owners that hear of a failure may start others. */
    struct list waiting;
    list_init(&waiting);
    for (struct list *l = list_pop_front(&c->unresolved); l != NULL;
         l = list_pop_front(&c->unresolved)) {
        list_push_back(&waiting, l);
    }
    for (struct list *l = list_pop_front(&waiting); l != NULL; l = list_pop_front(&waiting)) {
        struct plain_transfer *x = list_item(l, struct plain_transfer, link);
        list_push_back(&c->busy, &x->link);
        if (rc != 0) {
            struct errmsg em;
            err_set(&em, rc, "cannot resolve %.*s", BYTES_ARG(c->origin.host));
            fail(x, ERR_IO, em.text);
        } else if (dial(x) != 0) {
            fail(x, ERR_IO, "cannot connect");
        }
    }
}

/* Dials, now or when the name is resolved. ERR_IO, ERR_NOMEM: not begun. */
static int connect_to_origin(struct plain_transfer *x)
{
    struct plain_client *c = x->client;
    x->address_at = 0;
    if (plain_origin_is_known(&c->origin, loop_now_ms(c->config.loop))) {
        list_push_back(&c->busy, &x->link);
        return dial(x);
    }
    list_push_back(&c->unresolved, &x->link);
    struct dns_events events = {.on_found = on_found, .owner = c};
    return c->lookup != NULL ? 0
                             : dns_lookup_start(&c->lookup, c->config.loop, c->origin.host,
                                                c->origin.port, &events);
}

/* -- one request -- */

static bool method_has_content(struct bytes method)
{
    return bytes_is(method, "POST") || bytes_is(method, "PUT") || bytes_is(method, "PATCH");
}

static int write_request(struct plain_transfer *x, const struct http_transfer_config *config)
{
    struct text *t = &x->request;
    text_clear(t);
    text_add(t, config->method);
    text_add_char(t, ' ');
    text_add(t, config->target);
    text_add(t, bytes_text(" HTTP/1.1\r\nHost: "));
    text_add(t, bytes_text(x->client->origin.authority));
    text_add(t, bytes_text("\r\n"));
    text_add(t, config->headers);
    if (x->body != NULL || method_has_content(config->method)) {
        text_add(t, bytes_text("Content-Length: "));
        text_add_num(t, buf_size(x->body));
        text_add(t, bytes_text("\r\n"));
    }
    text_add(t, bytes_text("\r\n"));
    return text_failed(t) ? ERR_NOMEM : 0;
}

static int prepare(struct plain_transfer *x, const struct http_transfer_config *config)
{
    x->config = *config;
    x->is_busy = true;
    x->has_answered = false;
    x->is_head = bytes_is(config->method, "HEAD");
    x->body = config->body == NULL || x->is_head ? NULL : buf_share(config->body);
    x->reading = READ_HEAD;
    x->status = 0;
    intake_init(&x->answer, x->client->config.budget, x->client->config.body_max);
    http_parser_begin_answer(x->parser, x->client->config.header_max);
    return write_request(x, config);
}

/* On a kept connection. False: there is none that still takes a request. */
static bool start_on_kept(struct plain_client *c, const struct http_transfer_config *config,
                          struct plain_transfer **out)
{
    struct list *l = list_pop_front(&c->idle);
    if (l == NULL) {
        return false;
    }
    struct plain_transfer *x = list_item(l, struct plain_transfer, link);
    c->idle_count--;
    list_push_back(&c->busy, &x->link);
    if (prepare(x, config) != 0 || (send_request(x) != 0 && !start_over(x))) {
        bury(x);
        return false;
    }
    *out = x;
    return true;
}

int plain_transfer_start(struct plain_transfer **out, struct plain_client *c,
                         const struct http_transfer_config *config)
{
    *out = NULL;
    if (start_on_kept(c, config, out)) {
        return 0;
    }
    struct plain_transfer *x = transfer_new(c);
    if (x == NULL) {
        return ERR_NOMEM;
    }
    x->is_reused = false;
    int rc = prepare(x, config);
    if (rc == 0) {
        rc = connect_to_origin(x);
    }
    if (rc != 0) {
        bury(x);
        return rc;
    }
    *out = x;
    return 0;
}

void plain_transfer_stop(struct plain_transfer **x)
{
    struct plain_transfer *mine = *x;
    *x = NULL;
    if (mine != NULL) {
        bury(mine);
    }
}

/* -- the life of a client -- */

int plain_client_open(struct plain_client **out, const struct http_client_config *config,
                      struct bytes authority, struct errmsg *em)
{
    *out = NULL;
    struct plain_client *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return err_set(em, ERR_NOMEM, "out of memory");
    }
    c->config = *config;
    list_init(&c->idle);
    list_init(&c->busy);
    list_init(&c->unresolved);
    int rc = plain_origin_init(&c->origin, authority, em);
    if (rc != 0) {
        plain_client_close(&c);
        return rc;
    }
    *out = c;
    return 0;
}

void plain_client_close(struct plain_client **c)
{
    struct plain_client *mine = *c;
    *c = NULL;
    if (mine == NULL) {
        return;
    }
    assert(list_is_empty(&mine->busy));
    assert(list_is_empty(&mine->unresolved));
    while (!list_is_empty(&mine->idle)) {
        bury(list_item(mine->idle.next, struct plain_transfer, link));
    }
    dns_lookup_cancel(&mine->lookup);
    text_fini(&mine->kept);
    plain_origin_fini(&mine->origin);
    free(mine);
}
