#include "http/http_message.h"

#include <assert.h>

const struct http_header *http_request_find(const struct http_request *r, const char *name)
{
    for (size_t i = 0; i < r->header_count; i++) {
        if (bytes_is_nocase(r->headers[i].name, name)) {
            return &r->headers[i];
        }
    }
    return NULL;
}

struct bytes http_request_value(const struct http_request *r, const char *name)
{
    const struct http_header *h = http_request_header(r, name);
    return h == NULL ? bytes_of(NULL, 0) : h->value;
}

bool http_query_value(struct bytes query, const char *name, struct bytes *out)
{
    while (query.size > 0) {
        struct bytes value = bytes_cut_at(&query, '&');
        struct bytes key = bytes_cut_at(&value, '=');
        if (bytes_is(key, name)) {
            *out = value;
            return true;
        }
    }
    return false;
}

bool http_header_is_hop_by_hop(struct bytes name, struct bytes connection)
{
    static const char *const always[] = {
        "Connection",
        "Keep-Alive",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
    };
    if (bytes_is_any_nocase(name, always, sizeof always / sizeof always[0])) {
        return true;
    }
    while (connection.size > 0) {
        if (bytes_equal_nocase(name, bytes_trim(bytes_cut_at(&connection, ',')))) {
            return true;
        }
    }
    return false;
}

void http_answer_header(struct http_answer *a, const char *name, struct bytes value)
{
    /* A line break here would let a client write headers of its own (response splitting). */
    assert(value.size == 0 || memchr(value.at, '\n', value.size) == NULL);
    text_add_str(&a->headers, name);
    text_add(&a->headers, bytes_of(": ", 2));
    text_add(&a->headers, value);
    text_add(&a->headers, bytes_of("\r\n", 2));
}
