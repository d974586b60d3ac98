#include "lib_upstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

struct upstream_connection {
    uv_tcp_t tcp;
    uv_write_t write;
    struct upstream *upstream;
    struct upstream_connection *next;
    char *got;
    size_t size;
    size_t sent; /* bytes of the answer */
    bool is_closing;
};

/* Not by malloc(): tests that make it fail mean the handler, not its upstream. */
static void *map(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(at, MAP_FAILED);
    return at;
}

static void on_closed(uv_handle_t *handle)
{
    struct upstream_connection *c = handle->data;
    struct upstream_connection **at = &c->upstream->first;
    while (*at != c) {
        at = &(*at)->next;
    }
    *at = c->next;
    c->upstream->open_connections--;
    munmap(c->got, UPSTREAM_REQUEST_MAX);
    munmap(c, sizeof *c);
}

static void hang_up(struct upstream_connection *c, bool reset)
{
    if (c->is_closing) {
        return;
    }
    c->is_closing = true;
    if (reset) {
        assert_int_equal(uv_tcp_close_reset(&c->tcp, on_closed), 0);
    } else {
        uv_close((uv_handle_t *)&c->tcp, on_closed);
    }
}

static void send_piece(struct upstream_connection *c);

static void on_written(uv_write_t *write, int status)
{
    struct upstream_connection *c = write->data;
    struct upstream *u = c->upstream;
    size_t size = u->answer_size == 0 ? strlen(u->answer) : u->answer_size;
    if (status == 0 && c->sent < size) {
        send_piece(c);
    } else if (u->then != UPSTREAM_KEEP || u->closes_idle) {
        hang_up(c, u->then == UPSTREAM_RESET);
    }
}

static void send_piece(struct upstream_connection *c)
{
    struct upstream *u = c->upstream;
    size_t size = u->answer_size == 0 ? strlen(u->answer) : u->answer_size;
    size_t left = size - c->sent;
    size_t piece = u->piece_size > 0 && u->piece_size < left ? u->piece_size : left;
    uv_buf_t bytes = uv_buf_init((char *)(uintptr_t)u->answer + c->sent, (unsigned)piece);
    c->sent += piece;
    c->write.data = c;
    uv_write(&c->write, (uv_stream_t *)&c->tcp, &bytes, 1, on_written);
}

/* Length of the whole request at the front, 0: not there yet. */
static size_t request_size(struct upstream_connection *c)
{
    char *end = memmem(c->got, c->size, "\r\n\r\n", 4);
    if (end == NULL) {
        return 0;
    }
    size_t head = (size_t)(end - c->got) + 4, body = 0;
    char *length = memmem(c->got, head, "Content-Length: ", 16);
    if (length != NULL) {
        body = strtoul(length + 16, NULL, 10);
    }
    return c->size >= head + body ? head + body : 0;
}

static void answer(struct upstream_connection *c, size_t size)
{
    struct upstream *u = c->upstream;
    assert_true(size < UPSTREAM_REQUEST_MAX);
    memcpy(u->last, c->got, size);
    u->last[size] = '\0';
    u->last_size = size;
    u->requests++;
    memmove(c->got, c->got + size, c->size - size);
    c->size -= size;
    if (u->answer == NULL) {
        if (u->then != UPSTREAM_KEEP) {
            hang_up(c, u->then == UPSTREAM_RESET);
        }
        return;
    }
    c->sent = 0;
    send_piece(c);
}

static void on_alloc(uv_handle_t *handle, size_t suggested_size, uv_buf_t *out)
{
    (void)suggested_size;
    struct upstream_connection *c = handle->data;
    size_t room = UPSTREAM_REQUEST_MAX - c->size;
    assert_true(room > 0);
    *out = uv_buf_init(c->got + c->size, (unsigned)room);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *room)
{
    (void)room;
    struct upstream_connection *c = stream->data;
    if (size < 0) {
        hang_up(c, false);
        return;
    }
    c->size += (size_t)size;
    for (size_t n = request_size(c); n > 0 && !c->is_closing; n = request_size(c)) {
        answer(c, n);
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    assert_int_equal(status, 0);
    struct upstream *u = listener->data;
    struct upstream_connection *c = map(sizeof *c);
    c->got = map(UPSTREAM_REQUEST_MAX);
    c->upstream = u;
    c->tcp.data = c;
    c->next = u->first;
    u->first = c;
    assert_int_equal(uv_tcp_init(listener->loop, &c->tcp), 0);
    assert_int_equal(uv_accept(listener, (uv_stream_t *)&c->tcp), 0);
    uv_tcp_nodelay(&c->tcp, 1);
    assert_int_equal(uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read), 0);
    u->connections++;
    u->open_connections++;
}

void upstream_open(struct upstream *u, struct bench *b)
{
    *u = (struct upstream){.then = UPSTREAM_KEEP};
    u->last = map(UPSTREAM_REQUEST_MAX);
    struct sockaddr_in at;
    int size = sizeof at;
    assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &at), 0);
    assert_int_equal(uv_tcp_init(loop_uv(b->loop), &u->listener), 0);
    u->listener.data = u;
    assert_int_equal(uv_tcp_bind(&u->listener, (const struct sockaddr *)&at, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&u->listener, 128, on_connection), 0);
    assert_int_equal(uv_tcp_getsockname(&u->listener, (struct sockaddr *)&at, &size), 0);
    u->port = ntohs(at.sin_port);
}

void upstream_hang_up(struct upstream *u)
{
    for (struct upstream_connection *c = u->first; c != NULL; c = c->next) {
        hang_up(c, false);
    }
}

void upstream_close(struct upstream *u)
{
    upstream_hang_up(u);
    uv_close((uv_handle_t *)&u->listener, NULL);
    munmap(u->last, UPSTREAM_REQUEST_MAX);
    u->last = NULL;
}

const char *upstream_target(const struct upstream *u, const char *path)
{
    static char text[256];
    snprintf(text, sizeof text, "http://127.0.0.1:%u%s", u->port, path);
    return text;
}

struct stage *stage_open(const char *path)
{
    struct stage *s = calloc(1, sizeof *s);
    bench_init(&s->bench);
    upstream_open(&s->upstream, &s->bench);
    s->target = bench_open(&s->bench, upstream_target(&s->upstream, path));
    return s;
}

void stage_close(struct stage *s)
{
    handler_http.close(s->target);
    upstream_close(&s->upstream);
    bench_fini(&s->bench);
    free(s);
}

struct bench_outcome *stage_run(struct stage *s, const struct bench_call *call)
{
    return bench_run(&s->bench, &handler_http, s->target, call);
}

struct bench_outcome *stage_expect(struct stage *s, const char *answer, enum execution_end end)
{
    struct bench_call call = {.body = "question"};
    s->upstream.answer = answer;
    struct bench_outcome *o = stage_run(s, &call);
    if (o->outcome.end != end) {
        fail_msg("end %d, not %d (%s), for: %s", o->outcome.end, end, o->detail, answer);
    }
    return o;
}

bool stage_was_sent(const struct stage *s, const char *text)
{
    return strstr(s->upstream.last, text) != NULL;
}
