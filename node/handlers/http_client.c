#include "handlers/http_client.h"

#include "handlers/header_lines.h"
#include "handlers/intake.h"

#include "base/list.h"
#include "base/num.h"
#include "base/text.h"
#include "io/timer.h"
#include "io/watch.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Headers of one request that are sent; a request with more is refused. */
#define HEADERS_MAX 512u

/* Idle transfer structures that are kept to be used again. */
#define IDLE_MAX 1024u

struct http_client {
    struct http_client_config config;
    CURLM *multi;
    struct timer *timer;
    struct list idle, active; /* of transfers */
    size_t idle_count;
    bool is_driving; /* within drive() */
    bool is_due;     /* libcurl wants to be called once more */
};

struct http_transfer {
    struct list link; /* of client->idle or client->active */
    struct http_client *client;
    struct http_transfer_config config;
    CURL *easy;
    struct buf *body;
    struct text lines; /* method, target and headers, each with a terminator */
    struct curl_slist *list;
    size_t list_room;
    struct text head; /* of the answer, as it comes */
    uint16_t status;
    bool head_ended, head_too_big, is_head;
    struct intake answer;
    char error[CURL_ERROR_SIZE];
};

/* -- what libcurl asks of us -- */

static size_t parse_status(struct bytes line)
{
    bytes_cut_at(&line, ' ');
    size_t status = 0;
    for (size_t i = 0; i < 3 && i < line.size; i++) {
        status = status * 10 + (size_t)(line.at[i] - '0');
    }
    return status;
}

/* One allocation for the whole body, where its length is told. */
static void on_head_end(struct http_transfer *x)
{
    x->head_ended = true;
    struct bytes head = text_view(&x->head);
    uint64_t size;
    bool has_body = !x->is_head && x->status >= 200 && x->status != 204 && x->status != 304;
    bool is_framed = header_lines_value(head, "Transfer-Encoding").at != NULL;
    if (has_body && !is_framed &&
        num_parse(header_lines_value(head, "Content-Length"), UINT64_MAX, &size) == 0 &&
        size > 0) {
        intake_expect(&x->answer, size); /* an error is kept there */
    }
}

/* One line of a head. Interim answers (1xx) are heads of their own; trailers come after the
 * body and are dropped (RFC 9110 6.5.1). */
static size_t on_header(char *at, size_t one, size_t size, void *owner)
{
    (void)one;
    struct http_transfer *x = owner;
    struct bytes line = bytes_of(at, size), rest = line;
    bool is_first = !x->head_ended || (x->status >= 100 && x->status < 200);
    if (!is_first) {
        return size; /* a trailer */
    }
    if (bytes_cut_front(&rest, "HTTP/")) {
        text_clear(&x->head);
        x->head_ended = false;
        x->status = (uint16_t)parse_status(line);
    } else if (size <= 2) {
        on_head_end(x);
        return intake_error(&x->answer) == 0 ? size : 0;
    } else if (x->head.size + size > x->client->config.header_max) {
        x->head_too_big = true;
        return 0;
    } else {
        text_add(&x->head, line);
    }
    return text_failed(&x->head) ? 0 : size;
}

static size_t on_body(char *at, size_t one, size_t size, void *owner)
{
    (void)one;
    struct http_transfer *x = owner;
    return intake_append(&x->answer, bytes_of(at, size)) == 0 ? size : 0;
}

static curl_socket_t on_open_socket(void *owner, curlsocktype purpose,
                                    struct curl_sockaddr *address)
{
    (void)purpose;
    struct http_transfer *x = owner;
    if (x->config.may_connect != NULL &&
        !x->config.may_connect(x->config.owner, &address->addr)) {
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void drive(struct http_client *c, curl_socket_t fd, int events);

static void on_ready(void *owner, int fd, struct watch_ready ready)
{
    int events = (ready.read ? CURL_CSELECT_IN : 0) | (ready.write ? CURL_CSELECT_OUT : 0) |
                 (ready.error ? CURL_CSELECT_ERR : 0);
    drive(owner, fd, events);
}

static void on_due(void *owner)
{
    drive(owner, CURL_SOCKET_TIMEOUT, 0);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *owner, void *watched)
{
    (void)easy;
    struct http_client *c = owner;
    struct watch *w = watched;
    if (what == CURL_POLL_REMOVE) {
        watch_close(&w);
        curl_multi_assign(c->multi, fd, NULL);
        return 0;
    }
    if (w == NULL) {
        if (watch_open(&w, c->config.loop, fd, on_ready, c) != 0) {
            return -1;
        }
        curl_multi_assign(c->multi, fd, w);
    }
    return watch_set(w, (what & CURL_POLL_IN) != 0, (what & CURL_POLL_OUT) != 0) == 0 ? 0 : -1;
}

static int on_timer(CURLM *multi, long after_ms, void *owner)
{
    (void)multi;
    struct http_client *c = owner;
    if (after_ms < 0) {
        timer_stop(c->timer);
        c->is_due = false;
    } else if (after_ms == 0 && c->is_driving) {
        c->is_due = true; /* drive() goes round once more: no turn of the loop is lost */
    } else {
        timer_start(c->timer, (uint64_t)after_ms);
    }
    return 0;
}

/* -- the life of a transfer -- */

static void transfer_free(struct http_transfer *x)
{
    curl_easy_cleanup(x->easy);
    text_fini(&x->lines);
    text_fini(&x->head);
    free(x->list);
    free(x);
}

/* Gives back what belonged to one request and keeps the rest for the next. */
static void transfer_rest(struct http_transfer *x)
{
    struct http_client *c = x->client;
    curl_multi_remove_handle(c->multi, x->easy);
    list_remove(&x->link);
    buf_drop(&x->body);
    intake_fini(&x->answer);
    if (c->idle_count == IDLE_MAX) {
        transfer_free(x);
        return;
    }
    list_push_front(&c->idle, &x->link);
    c->idle_count++;
}

static int set_once(struct http_transfer *x)
{
    CURL *e = x->easy;
    CURLcode rc = CURLE_OK;
#define SET(OPTION, VALUE) rc = rc == CURLE_OK ? curl_easy_setopt(e, OPTION, VALUE) : rc
    SET(CURLOPT_PRIVATE, x);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* stopping does not wait for a resolver's thread */
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_HTTP_CONTENT_DECODING, 0L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)x->client->config.connect_timeout_ms);
    SET(CURLOPT_ERRORBUFFER, x->error);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, x);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, x);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    SET(CURLOPT_OPENSOCKETDATA, x);
    const char *authorities = getenv("SSL_CERT_FILE"); /* OpenSSL's own name for it */
    if (authorities != NULL && authorities[0] != '\0') {
        SET(CURLOPT_CAINFO, authorities);
    }
#undef SET
    return rc == CURLE_OK ? 0 : ERR_NOMEM;
}

static struct http_transfer *transfer_take(struct http_client *c)
{
    struct list *idle = list_pop_front(&c->idle);
    if (idle != NULL) {
        c->idle_count--;
        return list_item(idle, struct http_transfer, link);
    }
    struct http_transfer *x = calloc(1, sizeof *x);
    if (x == NULL) {
        return NULL;
    }
    x->client = c;
    list_init(&x->link);
    x->easy = curl_easy_init();
    if (x->easy == NULL || set_once(x) != 0) {
        transfer_free(x);
        return NULL;
    }
    return x;
}

/* -- one request -- */

static void add_terminated(struct text *t, struct bytes b)
{
    text_add(t, b);
    text_add_char(t, '\0');
}

/* libcurl sends "Name;" as an empty header and takes "Name:" as a wish not to send it. */
static void add_line(struct text *t, const struct header_line *line)
{
    text_add(t, line->name);
    text_add_str(t, line->value.size == 0 ? ";" : ": ");
    add_terminated(t, line->value);
}

/* The headers that libcurl would add by itself, unless they are given. */
static size_t add_refusals(struct text *t, struct bytes given)
{
    static const char *const names[] = {"Accept", "Content-Type", "Expect", "User-Agent"};
    size_t count = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (header_lines_value(given, names[i]).at == NULL) {
            text_add_str(t, names[i]);
            text_add_char(t, ':');
            text_add_char(t, '\0');
            count++;
        }
    }
    return count;
}

/* The strings at `at` as the list that libcurl reads; it does not change or free it. */
static int make_list(struct http_transfer *x, char *at, size_t count)
{
    if (count > x->list_room) {
        struct curl_slist *more = realloc(x->list, count * sizeof *more);
        if (more == NULL) {
            return ERR_NOMEM;
        }
        x->list = more;
        x->list_room = count;
    }
    for (size_t i = 0; i < count; i++) {
        x->list[i] = (struct curl_slist){.data = at, .next = &x->list[i + 1]};
        at += strlen(at) + 1;
    }
    x->list[count - 1].next = NULL;
    return 0;
}

/* Method, target and headers into x->lines and x->list. ERR_NOMEM, ERR_TOOBIG. */
static int set_head(struct http_transfer *x, const struct http_transfer_config *config)
{
    text_clear(&x->lines);
    add_terminated(&x->lines, config->method);
    add_terminated(&x->lines, config->target);
    size_t headers_at = x->lines.size;
    size_t count = add_refusals(&x->lines, config->headers);
    struct bytes rest = config->headers;
    struct header_line line;
    while (header_lines_next(&rest, &line)) {
        if (memchr(line.whole.at, 0, line.whole.size) != NULL) {
            continue; /* would end the line early */
        }
        add_line(&x->lines, &line);
        count++;
        if (count > HEADERS_MAX) {
            return ERR_TOOBIG;
        }
    }
    return text_failed(&x->lines) ? ERR_NOMEM : make_list(x, x->lines.at + headers_at, count);
}

/* RFC 9110 9.3: these methods are sent with Content-Length: 0 when there is no body. */
static bool method_has_content(struct bytes method)
{
    return bytes_is(method, "POST") || bytes_is(method, "PUT") || bytes_is(method, "PATCH");
}

static CURLcode set_method(struct http_transfer *x, struct bytes method)
{
    CURL *e = x->easy;
    const char *name = x->lines.at; /* where set_head() put it */
    size_t size = buf_size(x->body);
    x->is_head = bytes_is(method, "HEAD");
    CURLcode rc = curl_easy_setopt(e, CURLOPT_HTTPGET, 1L); /* forgets the last request's */
    if (x->is_head) {
        rc = rc == CURLE_OK ? curl_easy_setopt(e, CURLOPT_NOBODY, 1L) : rc;
        name = NULL;
    } else if (size > 0 || method_has_content(method)) {
        const void *at = size == 0 ? "" : (const void *)x->body->data;
        rc = rc == CURLE_OK ? curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size)
                            : rc;
        rc = rc == CURLE_OK ? curl_easy_setopt(e, CURLOPT_POSTFIELDS, at) : rc;
    }
    return rc == CURLE_OK ? curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, name) : rc;
}

static int set_request(struct http_transfer *x, const struct http_transfer_config *config)
{
    int failed = set_head(x, config);
    if (failed != 0) {
        return failed;
    }
    CURL *e = x->easy;
    const char *target = x->lines.at + config->method.size + 1;
    CURLcode rc = curl_easy_setopt(e, CURLOPT_URL, config->origin);
    rc = rc == CURLE_OK ? curl_easy_setopt(e, CURLOPT_REQUEST_TARGET, target) : rc;
    rc = rc == CURLE_OK ? curl_easy_setopt(e, CURLOPT_HTTPHEADER, x->list) : rc;
    rc = rc == CURLE_OK ? set_method(x, config->method) : rc;
    return rc == CURLE_OK ? 0 : ERR_NOMEM;
}

int http_transfer_start(struct http_transfer **out, struct http_client *c,
                        const struct http_transfer_config *config)
{
    *out = NULL;
    struct http_transfer *x = transfer_take(c);
    if (x == NULL) {
        return ERR_NOMEM;
    }
    list_push_back(&c->active, &x->link);
    x->config = *config;
    x->body = config->body == NULL ? NULL : buf_share(config->body);
    x->status = 0;
    x->head_ended = x->head_too_big = false;
    x->error[0] = '\0';
    text_clear(&x->head);
    intake_init(&x->answer, c->config.budget, c->config.body_max);
    int rc = set_request(x, config);
    if (rc == 0 && curl_multi_add_handle(c->multi, x->easy) != CURLM_OK) {
        rc = ERR_NOMEM;
    }
    if (rc != 0) {
        transfer_rest(x);
        return rc;
    }
    *out = x;
    c->is_due = true;
    drive(c, CURL_SOCKET_TIMEOUT, 0); /* sends at once what can be sent */
    return 0;
}

void http_transfer_stop(struct http_transfer **x)
{
    struct http_transfer *mine = *x;
    *x = NULL;
    if (mine != NULL) {
        transfer_rest(mine);
    }
}

/* -- the end of a transfer -- */

static struct http_transfer_end end_of(struct http_transfer *x, CURLcode result)
{
    struct http_transfer_end end = {.status = x->status, .headers = text_view(&x->head)};
    end.rc = intake_error(&x->answer);
    if (end.rc == ERR_TOOBIG) {
        end.detail = "the answer is over limits.body_bytes";
    } else if (end.rc != 0 || text_failed(&x->head)) {
        end.rc = end.rc == 0 ? ERR_NOMEM : end.rc;
        end.detail = "no memory for the answer";
    } else if (x->head_too_big) {
        end.rc = ERR_TOOBIG;
        end.detail = "the answer's headers are over limits.header_bytes";
    } else if (result != CURLE_OK) {
        end.rc = ERR_IO;
        end.detail = x->error[0] != '\0' ? x->error : curl_easy_strerror(result);
    } else if (!x->head_ended) { /* libcurl lets a head end where the connection does */
        end.rc = ERR_IO;
        end.detail = "the answer ended within its headers";
    } else if (x->status < 200 || x->status > 599) {
        end.rc = ERR_IO;
        end.detail = "the answer's status code is not one of 200 to 599";
    }
    return end;
}

static void finish(struct http_transfer *x, CURLcode result)
{
    struct http_transfer_end end = end_of(x, result);
    if (end.rc == 0) {
        end.retry_after_s = http_retry_after_s(header_lines_value(end.headers, "Retry-After"));
        end.body = intake_take(&x->answer);
    }
    /* What the receiver reads must outlive its call, in which a next transfer may start. */
    curl_multi_remove_handle(x->client->multi, x->easy);
    x->config.on_end(x->config.owner, &end);
    transfer_rest(x);
}

/* Tells libcurl what happened, then the owners what ended, until both are quiet. Owners start
 * and stop transfers meanwhile; a nested call leaves its part to the outer one. */
static void drive(struct http_client *c, curl_socket_t fd, int events)
{
    if (c->is_driving) {
        return;
    }
    c->is_driving = true;
    do {
        int running, left;
        c->is_due = false;
        curl_multi_socket_action(c->multi, fd, events, &running);
        fd = CURL_SOCKET_TIMEOUT;
        events = 0;
        CURLMsg *message;
        while ((message = curl_multi_info_read(c->multi, &left)) != NULL) {
            char *owner = NULL;
            CURLcode result = message->data.result;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
            finish((struct http_transfer *)(void *)owner, result);
        }
    } while (c->is_due);
    c->is_driving = false;
}

/* -- the life of a client -- */

int http_client_open(struct http_client **out, const struct http_client_config *config,
                     struct errmsg *em)
{
    *out = NULL;
    struct http_client *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return err_set(em, ERR_NOMEM, "out of memory");
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) { /* counted by libcurl */
        free(c);
        return err_set(em, ERR_NOMEM, "libcurl does not start");
    }
    c->config = *config;
    list_init(&c->idle);
    list_init(&c->active);
    c->multi = curl_multi_init();
    c->timer = timer_new(config->loop, on_due, c);
    if (c->multi == NULL || c->timer == NULL) {
        http_client_close(&c);
        return err_set(em, ERR_NOMEM, "out of memory");
    }
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)config->connections_max);
    *out = c;
    return 0;
}

void http_client_close(struct http_client **c)
{
    struct http_client *mine = *c;
    *c = NULL;
    if (mine == NULL) {
        return;
    }
    assert(list_is_empty(&mine->active));
    assert(!mine->is_driving);
    for (struct list *l = list_pop_front(&mine->idle); l != NULL;
         l = list_pop_front(&mine->idle)) {
        transfer_free(list_item(l, struct http_transfer, link));
    }
    curl_multi_cleanup(mine->multi); /* accepts NULL; may still call on_socket, on_timer */
    timer_close(&mine->timer);
    curl_global_cleanup();
    free(mine);
}

/* -- questions -- */

int http_origin_check(struct bytes text, size_t *origin_size, struct errmsg *em)
{
    struct bytes rest = text;
    if (!bytes_cut_front_nocase(&rest, "http://") &&
        !bytes_cut_front_nocase(&rest, "https://")) {
        return err_set(em, ERR_MALFORMED, "not http:// or https://");
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] <= ' ' || text.at[i] == 0x7f || text.at[i] == '?' || text.at[i] == '#') {
            return err_set(em, ERR_MALFORMED,
                           "a target has no query, fragment, space or control character");
        }
    }
    struct bytes authority = bytes_cut_at(&rest, '/');
    *origin_size = (size_t)(authority.at - text.at) + authority.size;
    if (authority.size == 0 || memchr(authority.at, '@', authority.size) != NULL) {
        return err_set(em, ERR_MALFORMED,
                       "the target must be http(s)://host[:port][/path], "
                       "without user and password");
    }
    char *origin = strndup((const char *)text.at, *origin_size);
    CURLU *url = curl_url();
    CURLUcode rc = origin == NULL || url == NULL ? CURLUE_OUT_OF_MEMORY
                                                 : curl_url_set(url, CURLUPART_URL, origin, 0);
    curl_url_cleanup(url);
    free(origin);
    return rc == CURLUE_OK ? 0
                           : err_set(em, ERR_MALFORMED, "'%.*s': %s", BYTES_ARG(text),
                                     curl_url_strerror(rc));
}

uint32_t http_retry_after_s(struct bytes value)
{
    char text[64]; /* no date of RFC 9110 5.6.7 is longer */
    uint64_t seconds;
    if (value.size == 0 || value.size >= sizeof text) {
        return 0;
    }
    if (num_parse(value, INT32_MAX, &seconds) == 0) {
        return (uint32_t)seconds;
    }
    memcpy(text, value.at, value.size);
    text[value.size] = '\0';
    time_t at = curl_getdate(text, NULL), now = (time_t)(loop_wall_ms() / 1000);
    return at <= now ? 0 : at - now > INT32_MAX ? INT32_MAX : (uint32_t)(at - now);
}
