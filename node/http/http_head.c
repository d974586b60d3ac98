#include "http/http_head.h"

#include "base/err.h"
#include "base/num.h"

struct scan {
    struct http_head *head;
    unsigned hosts, sizes, codings;
    bool says_close, says_keep_alive;
    uint16_t status;
};

/* RFC 9112 3.2: empty, or a host with an optional port; nothing that could be a path. */
static bool host_is_right(struct bytes value)
{
    static const bool is_foreign[256] = {
        ['/'] = true, ['?'] = true, ['#'] = true, ['@'] = true, ['\\'] = true, [','] = true,
    };
    for (size_t i = 0; i < value.size; i++) {
        uint8_t c = value.at[i];
        if (c <= ' ' || c >= 0x7f || is_foreign[c]) {
            return false;
        }
    }
    return true;
}

static void read_host(struct scan *s, struct bytes value)
{
    s->hosts++;
    if (s->hosts > 1 || !host_is_right(value)) {
        s->status = 400;
    }
}

/* RFC 9112 6.3: one valid value. A list of equal ones would be allowed; no client needs it. */
static void read_size(struct scan *s, struct bytes value)
{
    s->sizes++;
    if (s->sizes > 1 || num_parse(value, UINT64_MAX >> 1, &s->head->size) != 0) {
        s->status = 400;
    }
}

static void read_coding(struct scan *s, struct bytes value)
{
    s->codings++;
    if (s->codings > 1 || !bytes_is_nocase(value, "chunked")) {
        s->status = 400;
    }
    s->head->is_chunked = true;
}

static void read_connection(struct scan *s, struct bytes value)
{
    while (value.size > 0) {
        struct bytes option = bytes_trim(bytes_cut_at(&value, ','));
        if (bytes_is_nocase(option, "close")) {
            s->says_close = true;
        } else if (bytes_is_nocase(option, "keep-alive")) {
            s->says_keep_alive = true;
        }
    }
}

/* RFC 9110 10.1.1; what an HTTP/1.0 client expects is ignored. */
static void read_expect(struct scan *s, struct bytes value)
{
    if (s->head->is_http10) {
        return;
    }
    if (bytes_is_nocase(value, "100-continue")) {
        s->head->expects_continue = true;
    } else if (s->status == 0) {
        s->status = 417;
    }
}

static const struct {
    const char *name;
    size_t size;
    void (*read)(struct scan *s, struct bytes value);
} readers[] = {
    {"host", 4, read_host},
    {"content-length", 14, read_size},
    {"transfer-encoding", 17, read_coding},
    {"connection", 10, read_connection},
    {"expect", 6, read_expect},
};

static void read_header(struct scan *s, const struct http_header *h)
{
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        if (h->name.size == readers[i].size && bytes_is_nocase(h->name, readers[i].name)) {
            readers[i].read(s, h->value);
            return;
        }
    }
}

/* Origin form, absolute form (its scheme and authority are cut off: we are the origin), or
 * "*" for OPTIONS (RFC 9112 3.2). */
static bool split_target(struct http_request *r)
{
    struct bytes rest = r->target;
    if (bytes_cut_front_nocase(&rest, "http://") || bytes_cut_front_nocase(&rest, "https://")) {
        size_t i = 0;
        while (i < rest.size && rest.at[i] != '/' && rest.at[i] != '?') {
            i++;
        }
        if (i == 0 || !host_is_right(bytes_of(rest.at, i))) {
            return false;
        }
        rest = bytes_of(rest.at + i, rest.size - i);
        bool has_path = rest.size > 0 && rest.at[0] == '/';
        r->path = bytes_cut_at(&rest, '?');
        r->path = has_path ? r->path : bytes_text("/");
        r->query = rest;
        return true;
    }
    bool is_origin = rest.size > 0 && rest.at[0] == '/';
    if (!is_origin && !(bytes_is(rest, "*") && bytes_is(r->method, "OPTIONS"))) {
        return false;
    }
    r->path = bytes_cut_at(&rest, '?');
    r->query = rest;
    return true;
}

uint16_t http_head_read(struct http_head *out, struct http_request *r, unsigned minor)
{
    *out = (struct http_head){.is_http10 = minor == 0};
    struct scan s = {.head = out};
    for (size_t i = 0; i < r->header_count; i++) {
        read_header(&s, &r->headers[i]);
    }
    if (s.status != 0 && s.status != 417) {
        return s.status;
    }
    if (s.codings > 0 && (s.sizes > 0 || out->is_http10)) {
        return 400; /* RFC 9112 6.1: who sends both tries to smuggle a request */
    }
    if (s.hosts == 0 && !out->is_http10) {
        return 400;
    }
    if (bytes_is(r->method, "CONNECT")) {
        return 400; /* we are no proxy, and its target names no resource of ours */
    }
    if (!split_target(r) || memchr(r->target.at, '#', r->target.size) != NULL) {
        return 400;
    }
    out->keep_alive = !s.says_close && (!out->is_http10 || s.says_keep_alive);
    r->content_length = out->size;
    r->is_head = bytes_is(r->method, "HEAD");
    return s.status;
}
