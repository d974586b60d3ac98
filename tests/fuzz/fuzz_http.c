/* Any bytes as the requests of one connection, through parser and head.
 *
 * Beyond not crashing: how the bytes are cut into reads must make no difference, no header may
 * hold a line end, and no request may be seen after a refusal. */
#include "fuzz.h"

#include "base/hash.h"
#include "http/http_head.h"
#include "http/http_parser.h"

#include <assert.h>

#define HEADER_MAX 600u
#define BODY_MAX   5000u

struct outcome {
    uint64_t digest;   /* of everything that the parser told */
    uint64_t requests; /* complete ones */
    uint64_t body_size;
    uint16_t status; /* of the refusal; 0: none */
};

static void tell(struct outcome *o, struct bytes b)
{
    o->digest = hash_mix(o->digest ^ hash_bytes(b, 1), 0x9e3779b97f4a7c15u);
}

static uint16_t on_body(void *owner, struct bytes piece)
{
    struct outcome *o = owner;
    o->body_size += piece.size;
    for (size_t i = 0; i < piece.size; i++) { /* pieces may be cut anywhere */
        o->digest = hash_mix(o->digest ^ piece.at[i], 0x9e3779b97f4a7c15u);
    }
    return o->body_size > BODY_MAX ? 413 : 0;
}

static void check_text(struct bytes b)
{
    for (size_t i = 0; i < b.size; i++) {
        assert(b.at[i] != '\r' && b.at[i] != '\n' && b.at[i] != '\0');
    }
}

/* What a connection does with a head. Returns the status to refuse with. */
static uint16_t on_head(struct outcome *o, struct http_parser *p, bool *has_body)
{
    struct http_request r = {0};
    struct http_head head;
    http_parser_head(p, &r);
    uint16_t status = http_head_read(&head, &r, http_parser_minor(p));
    if (status != 0) {
        return status;
    }
    tell(o, r.method);
    tell(o, r.path);
    tell(o, r.query);
    assert(r.path.size > 0);
    check_text(r.target);
    for (size_t i = 0; i < r.header_count; i++) {
        check_text(r.headers[i].name);
        check_text(r.headers[i].value);
        tell(o, r.headers[i].name);
        tell(o, r.headers[i].value);
    }
    assert(head.size == 0 || !head.is_chunked);
    *has_body = head.is_chunked || head.size > 0;
    if (head.is_chunked) {
        http_parser_expect_chunks(p, on_body, o);
    } else if (head.size > BODY_MAX) {
        return 413;
    } else if (head.size > 0) {
        http_parser_expect_size(p, head.size, on_body, o);
    }
    return 0;
}

/* One read. */
static void feed(struct outcome *o, struct http_parser *p, struct bytes in)
{
    while (in.size > 0 && o->status == 0) {
        bool has_body = true;
        size_t before = in.size;
        switch (http_parser_run(p, &in)) {
        case HTTP_PARSED_ALL:
            assert(in.size == 0);
            break;
        case HTTP_PARSED_HEAD:
            o->status = on_head(o, p, &has_body);
            break;
        case HTTP_PARSED_END:
            has_body = false;
            break;
        case HTTP_PARSED_BAD:
            o->status = http_parser_status(p);
            assert(o->status >= 400);
            break;
        }
        assert(in.size < before || o->status != 0);
        if (!has_body && o->status == 0) {
            o->requests++;
            o->body_size = 0;
            http_parser_begin(p, HEADER_MAX);
        }
    }
}

static struct outcome run(struct bytes all, size_t step)
{
    struct outcome o = {0};
    struct http_parser *p = http_parser_new();
    assert(p != NULL);
    http_parser_begin(p, HEADER_MAX);
    while (all.size > 0 && o.status == 0) {
        size_t n = all.size < step ? all.size : step;
        feed(&o, p, bytes_of(all.at, n));
        all = bytes_of(all.at + n, all.size - n);
    }
    http_parser_free(&p);
    return o;
}

/* The first byte says how the second run is cut. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    struct bytes all = bytes_of(data + 1, size - 1);
    struct outcome whole = run(all, all.size + 1);
    struct outcome cut = run(all, data[0] % 32u + 1);
    assert((whole.status != 0) == (cut.status != 0)); /* which fault is seen first may differ */
    assert(whole.requests == cut.requests);
    /* What a refusal leaves unsaid may be cut differently. */
    assert(whole.status != 0 || whole.digest == cut.digest);
    return 0;
}
