#include "dialects/prefer.h"

#include "base/err.h"
#include "base/num.h"

/* tchar of RFC 9110 5.6.2: one bit for each of the ASCII characters. */
static bool is_token_char(uint8_t c)
{
    static const uint64_t chars[2] = {0x03ff6cfa00000000u, 0x57ffffffc7fffffeu};
    return c < 0x80 && (chars[c >> 6] >> (c & 63) & 1) != 0;
}

static struct bytes cut_token(struct bytes *b)
{
    size_t n = 0;
    while (n < b->size && is_token_char(b->at[n])) {
        n++;
    }
    struct bytes token = bytes_of(b->at, n);
    *b = bytes_of(b->at + n, b->size - n);
    return token;
}

/* How far a quoted-string reaches that begins at b.at[0]; 0 when it does not end. */
static size_t quoted_size(struct bytes b)
{
    for (size_t i = 1; i < b.size; i++) {
        if (b.at[i] == '\\') {
            i++;
        } else if (b.at[i] == '"') {
            return i + 1;
        }
    }
    return 0;
}

/* What stands before the next comma that is not inside quotes. */
static struct bytes cut_element(struct bytes *b)
{
    size_t i = 0;
    while (i < b->size && b->at[i] != ',') {
        size_t quoted = b->at[i] == '"' ? quoted_size(bytes_of(b->at + i, b->size - i)) : 1;
        i = quoted == 0 ? b->size : i + quoted;
    }
    struct bytes element = bytes_of(b->at, i);
    size_t used = i < b->size ? i + 1 : i;
    *b = bytes_of(b->at + used, b->size - used);
    return bytes_trim(element);
}

/* token [ BWS "=" BWS word ]; false when it is neither. */
static bool read_word(struct bytes *b, struct bytes *value)
{
    *value = bytes_of(NULL, 0);
    struct bytes rest = bytes_trim(*b);
    if (rest.size == 0 || rest.at[0] != '=') {
        return true;
    }
    rest = bytes_trim(bytes_of(rest.at + 1, rest.size - 1));
    if (rest.size > 0 && rest.at[0] == '"') {
        size_t n = quoted_size(rest);
        if (n == 0) {
            return false;
        }
        *value = bytes_of(rest.at + 1, n - 2);
        rest = bytes_of(rest.at + n, rest.size - n);
    } else {
        *value = cut_token(&rest);
    }
    *b = rest;
    return true;
}

static bool read_preference(struct bytes element, struct preference *out)
{
    out->raw = element;
    out->name = cut_token(&element);
    if (out->name.size == 0 || !read_word(&element, &out->value)) {
        return false;
    }
    element = bytes_trim(element); /* parameters, if any: none is known to us */
    return element.size == 0 || element.at[0] == ';';
}

struct prefer_walk prefer_walk(const struct http_request *in)
{
    return (struct prefer_walk){.in = in};
}

static bool next_header(struct prefer_walk *w)
{
    size_t count = http_request_may_have(w->in, 'P') ? w->in->header_count : 0;
    while (w->next_header < count) {
        const struct http_header *h = &w->in->headers[w->next_header++];
        if (bytes_is_nocase(h->name, "Prefer")) {
            w->rest = h->value;
            return true;
        }
    }
    return false;
}

bool prefer_next(struct prefer_walk *w, struct preference *out)
{
    while (w->rest.size > 0 || next_header(w)) {
        /* A header without a value has no element. */
        if (w->rest.size > 0 && read_preference(cut_element(&w->rest), out)) {
            return true;
        }
    }
    return false;
}

static void read_wait(struct prefer *p, struct bytes value)
{
    uint64_t wait_s = 0;
    int rc = num_parse(value, UINT32_MAX, &wait_s);
    if (rc != ERR_MALFORMED) {
        p->has_wait = true;
        p->wait_s = rc == 0 ? wait_s : UINT32_MAX;
    }
}

struct prefer prefer_read(const struct http_request *in)
{
    struct prefer p = {0};
    bool wait_seen = false;
    struct prefer_walk w = prefer_walk(in);
    struct preference one;
    while (prefer_next(&w, &one)) {
        if (bytes_is_nocase(one.name, "respond-async")) {
            p.respond_async = true;
        } else if (bytes_is_nocase(one.name, "wait") && !wait_seen) {
            wait_seen = true;
            read_wait(&p, one.value);
        } else if (!bytes_is_nocase(one.name, "wait")) {
            p.has_others = true;
        }
    }
    return p;
}
