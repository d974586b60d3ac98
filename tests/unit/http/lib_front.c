#include "lib_front.h"

#include "base/num.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 10000u /* for what must happen; a test that waits so long has failed */

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool on_head(void *owner, struct http_exchange *x)
{
    struct front *f = owner;
    f->heads++;
    if (!bytes_is(http_exchange_request(x)->path, "/head")) {
        return true;
    }
    struct http_answer a = {.status = 200};
    text_add_str(&a.content, "early");
    http_exchange_answer(x, &a);
    return false;
}

static void answer_text(struct http_exchange *x, uint16_t status, const char *text)
{
    struct http_answer a = {.status = status};
    http_exchange_lend(x, &a);
    text_add_str(&a.content, text);
    a.close = bytes_is(http_exchange_request(x)->path, "/close");
    http_exchange_answer(x, &a);
}

static void answer_wrapped(struct http_exchange *x)
{
    struct http_answer a = {.status = 200};
    http_answer_header(&a, "X-Ours", bytes_text("1"));
    int rc = buf_copy(&a.stored_headers, NULL, bytes_text("X-Theirs: 2\r\n"));
    assert_int_equal(rc, 0);
    struct buf *body = http_exchange_request(x)->body;
    a.stored_body = body == NULL ? NULL : buf_share(body);
    text_add_str(&a.content, "<>");
    a.before = bytes_of(a.content.at, 1);
    a.after = bytes_of(a.content.at + 1, 1);
    http_exchange_answer(x, &a);
}

static void answer_echo(struct http_exchange *x)
{
    const struct http_request *r = http_exchange_request(x);
    struct http_answer a = {.status = 200};
    if (r->body != NULL) {
        a.stored_body = buf_share(r->body);
    } else {
        text_add(&a.content, r->method);
        text_add_char(&a.content, ' ');
        text_add(&a.content, r->path);
        text_add_char(&a.content, ' ');
        text_add(&a.content, r->query);
    }
    http_exchange_answer(x, &a);
}

static void on_request(void *owner, struct http_exchange *x)
{
    struct front *f = owner;
    struct bytes path = http_exchange_request(x)->path;
    f->requests++;
    if (f->closes_on_request) {
        http_server_close(&f->server);
    } else if (bytes_is(path, "/park") || bytes_is(path, "/collect")) {
        if (bytes_is(path, "/collect")) {
            http_exchange_end_with_client(x);
        }
        assert_true(f->parked_count < FRONT_PARKED_MAX);
        f->parked[f->parked_count] = x;
        f->parked_count++;
    } else if (bytes_is(path, "/big")) {
        struct http_answer a = {.status = 200, .stored_body = buf_share(f->big)};
        http_exchange_answer(x, &a);
    } else if (bytes_is(path, "/wrap")) {
        answer_wrapped(x);
    } else if (bytes_is(path, "/none")) {
        answer_text(x, 204, "");
    } else if (bytes_is(path, "/close")) {
        answer_text(x, 200, "bye");
    } else {
        answer_echo(x);
    }
}

static void on_sent(void *owner, struct http_exchange *x, bool complete)
{
    struct front *f = owner;
    (void)x;
    if (complete) {
        f->sent++;
    } else {
        f->broken++;
    }
}

static void on_gone(void *owner, struct http_exchange *x)
{
    struct front *f = owner;
    f->gone++;
    for (unsigned i = 0; i < f->parked_count; i++) {
        if (f->parked[i] == x) {
            f->parked_count--;
            memmove(&f->parked[i], &f->parked[i + 1],
                    (f->parked_count - i) * sizeof f->parked[0]);
        }
    }
}

static void on_refused(void *owner, const struct http_refused *what, struct http_answer *answer)
{
    struct front *f = owner;
    f->refused++;
    f->refused_status = what->status;
    f->refused_connections += what->why == HTTP_REFUSED_CONNECTION ? 1 : 0;
    text_add_str(&answer->content, "refused");
}

static void on_empty(void *owner)
{
    struct front *f = owner;
    f->emptied++;
    if (f->closes_on_empty) {
        http_server_close(&f->server);
    }
}

struct http_server_config front_config(void)
{
    return (struct http_server_config){
        .listen = bytes_text("127.0.0.1:0"),
        .body_max = 1u << 20,
        .header_max = 8192,
        .connections_max = 100,
        .head_timeout_ms = 60000,
        .body_timeout_ms = 60000,
        .idle_timeout_ms = 60000,
        .write_timeout_ms = 60000,
    };
}

void front_open(struct front *f, const struct http_server_config *config)
{
    signal(SIGPIPE, SIG_IGN); /* as every node does (signals.h) */
    *f = (struct front){.budget = {.limit = 64u << 20}};
    f->loop = loop_new();
    assert_non_null(f->loop);
    int rc = buf_new(&f->big, NULL, FRONT_BIG_SIZE);
    assert_int_equal(rc, 0);
    for (size_t i = 0; i < FRONT_BIG_SIZE; i++) {
        f->big->data[i] = (uint8_t)(i * 2654435761u >> 24);
    }
    struct http_server_config mine = *config;
    mine.budget = &f->budget;
    mine.owner = f;
    mine.on_head = on_head;
    mine.on_request = on_request;
    mine.on_sent = on_sent;
    mine.on_gone = on_gone;
    mine.on_refused = on_refused;
    mine.on_empty = on_empty;
    struct errmsg em = {0};
    rc = http_server_open(&f->server, f->loop, &mine, &em);
    assert_string_equal(em.text, "");
    assert_int_equal(rc, 0);
}

void front_close(struct front *f)
{
    http_server_close(&f->server);
    loop_run(f->loop);
    loop_free(&f->loop);
    assert_int_equal(f->big->refs, 1);
    buf_drop(&f->big);
    assert_int_equal(f->budget.used, 0);
}

void front_never(void *owner, struct http_exchange *x)
{
    (void)owner;
    (void)x;
    fail();
}

void front_never_sent(void *owner, struct http_exchange *x, bool complete)
{
    (void)complete;
    front_never(owner, x);
}

void front_turn(struct front *f)
{
    loop_turn(f->loop, false);
}

void front_turn_until(struct front *f, const unsigned *count, unsigned target)
{
    uint64_t end_ms = now_ms() + PATIENCE_MS;
    while (*count < target) {
        assert_true(now_ms() < end_ms);
        front_turn(f);
    }
}

void front_answer_parked(struct front *f, const char *content)
{
    assert_true(f->parked_count > 0);
    struct http_exchange *x = f->parked[0];
    f->parked_count--;
    memmove(&f->parked[0], &f->parked[1], f->parked_count * sizeof f->parked[0]);
    answer_text(x, 200, content);
}

int client_connect(struct front *f)
{
    struct bytes at = http_server_address(f->server);
    bytes_cut_at(&at, ':');
    uint64_t port;
    assert_int_equal(num_parse(at, 65535, &port), 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int rc = connect(fd, (struct sockaddr *)&to, sizeof to);
    assert_true(rc == 0 || errno == EINPROGRESS);
    return fd;
}

void client_send(struct front *f, int fd, struct bytes data)
{
    uint64_t end_ms = now_ms() + PATIENCE_MS;
    while (data.size > 0) {
        assert_true(now_ms() < end_ms);
        ssize_t n = send(fd, data.at, data.size, MSG_NOSIGNAL | MSG_DONTWAIT);
        assert_true(n > 0 || errno == EAGAIN);
        n = n < 0 ? 0 : n;
        data = bytes_of(data.at + n, data.size - (size_t)n);
        front_turn(f);
    }
}

void client_say(struct front *f, int fd, const char *text)
{
    client_send(f, fd, bytes_text(text));
}

static bool ends_with(const struct text *t, const char *end)
{
    size_t n = strlen(end);
    return t->size >= n && memcmp(t->at + t->size - n, end, n) == 0;
}

char *client_read(struct front *f, int fd, const char *end, size_t *size)
{
    struct text t = {0};
    uint64_t end_ms = now_ms() + PATIENCE_MS;
    ssize_t n = 1;
    while (n != 0 && (end == NULL || !ends_with(&t, end))) {
        assert_true(now_ms() < end_ms);
        front_turn(f);
        char *room = text_reserve(&t, 65536);
        assert_non_null(room);
        n = recv(fd, room, 65536, MSG_DONTWAIT);
        bool ended = n < 0 && errno == ECONNRESET;
        assert_true(n >= 0 || errno == EAGAIN || ended);
        text_commit(&t, n < 0 ? 0 : (size_t)n);
        n = ended ? 0 : n;
    }
    assert_true(end == NULL || ends_with(&t, end));
    text_add_char(&t, '\0');
    assert_false(text_failed(&t));
    if (size != NULL) {
        *size = t.size - 1;
    }
    return t.at;
}

void client_expect_end(struct front *f, int fd)
{
    size_t size;
    char *got = client_read(f, fd, NULL, &size);
    assert_string_equal(got, "");
    free(got);
}

void client_reset(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    close(fd);
}
