/* Any bytes as the answers of a hostile upstream, to the client that plain http:// targets use.
 *
 * The client is the real one; sockets are not: what node/io/tcp_stream.h and dns.h
 * promise is done here, so that each byte comes when the input says. The input is one byte of
 * choices (HEAD, does the connection end, how it is cut), then what the upstream sends.
 * Beyond not crashing: every transfer ends once and not twice; how the bytes are cut into reads
 * makes no difference to the first answer; nothing of the budget stays; no answer is larger
 * than allowed; and what a function's answer may pass on holds no line that nobody meant. */
#include "fuzz.h"

#include "base/hash.h"
#include "base/text.h"
#include "handlers/header_lines.h"
#include "handlers/http_pass.h"
#include "handlers/plain_client.h"
#include "io/dns.h"
#include "io/tcp_stream.h"

#include <assert.h>
#include <stdlib.h>

#define BODY_MAX      4000u
#define HEADER_MAX    600u
#define BUDGET_MAX    20000u
#define EXCHANGES_MAX 3u

enum choice { CHOICE_HEAD = 1, CHOICE_ENDS = 2, CHOICE_BROKEN = 4, CHOICE_CUT_SHIFT = 3 };

/* -- node/io, as far as the client uses it -- */

struct tcp_stream {
    const struct tcp_stream_events *events;
    void *owner;
    bool is_closed;
};

#define STREAMS_MAX 16u

static struct tcp_stream streams[STREAMS_MAX];
static size_t stream_count;

int dns_lookup_start(struct dns_lookup **out, struct loop *l, struct bytes host, uint16_t port,
                     const struct dns_events *events)
{
    (void)out, (void)l, (void)host, (void)port, (void)events;
    abort(); /* the origin is an address */
}

void dns_lookup_cancel(struct dns_lookup **lookup)
{
    assert(*lookup == NULL);
}

int tcp_stream_dial(struct tcp_stream **out, struct loop *loop, const union address *to,
                    const struct tcp_stream_events *events, void *owner)
{
    (void)loop, (void)to;
    if (stream_count == STREAMS_MAX) {
        return ERR_IO;
    }
    *out = &streams[stream_count++];
    **out = (struct tcp_stream){.events = events, .owner = owner};
    return 0;
}

int tcp_stream_read_start(struct tcp_stream *s)
{
    assert(!s->is_closed);
    return 0;
}

int tcp_stream_write(struct tcp_stream *s, const struct bytes *parts, size_t count)
{
    assert(!s->is_closed && count > 0 && parts[0].size > 0);
    return 0;
}

size_t tcp_stream_unsent_size(const struct tcp_stream *s)
{
    assert(!s->is_closed);
    return 0;
}

void tcp_stream_close(struct tcp_stream *s)
{
    s->is_closed = true;
}

/* -- one upstream -- */

struct run {
    struct plain_client *client;
    struct budget budget;
    uint32_t begun, ended;
    bool is_head;
    uint64_t first; /* digest of the first transfer's end */
    struct plain_transfer *transfer;
};

static void begin(struct run *r);

static void check_lines(struct bytes lines)
{
    struct text kept = {0};
    http_pass_answer(&kept, lines);
    struct bytes rest = text_view(&kept);
    while (rest.size > 0) {
        struct bytes line = bytes_cut_at(&rest, '\n');
        assert(line.size > 3 && line.at[line.size - 1] == '\r');
        assert(memchr(line.at, '\r', line.size - 1) == NULL);
        assert(memchr(line.at, '\0', line.size) == NULL);
        assert(memmem(line.at, line.size, ": ", 2) != NULL);
    }
    text_fini(&kept);
}

/* Of an answer that breaks two rules, the cuts may decide which one is met first: a failure is
 * a failure. */
static uint64_t digest_of(const struct http_transfer_end *end)
{
    if (end->rc != 0) {
        return UINT64_MAX;
    }
    uint64_t d = hash_mix(end->status, 0x9e3779b97f4a7c15u);
    d = hash_mix(d ^ end->retry_after_s, hash_bytes(end->headers, 1));
    return hash_mix(d, hash_bytes(buf_view(end->body), 2));
}

static void on_transfer_end(void *owner, struct http_transfer_end *end)
{
    struct run *r = owner;
    r->transfer = NULL;
    r->ended++;
    assert(r->ended == r->begun);
    assert(end->rc != 0 || (end->status >= 200 && end->status <= 599));
    assert(end->rc == 0 || (end->detail != NULL && end->body == NULL));
    assert(buf_size(end->body) <= BODY_MAX);
    assert(!r->is_head || end->body == NULL);
    check_lines(end->headers);
    if (r->ended == 1) {
        r->first = digest_of(end);
    }
    buf_drop(&end->body);
    begin(r); /* from inside the end of the last: on its connection, where that stays */
}

static void begin(struct run *r)
{
    if (r->begun == EXCHANGES_MAX) {
        return;
    }
    struct http_transfer_config config = {
        .origin = "http://127.0.0.1:1",
        .method = bytes_text(r->is_head ? "HEAD" : "GET"),
        .target = bytes_text("/"),
        .headers = bytes_text("A: b\r\n"),
        .on_end = on_transfer_end,
        .owner = r,
    };
    r->begun++;
    size_t before = stream_count;
    int rc = plain_transfer_start(&r->transfer, r->client, &config);
    assert(rc == 0);
    if (stream_count > before) {
        struct tcp_stream *s = &streams[stream_count - 1];
        s->events->on_open(s->owner, 0);
    }
}

/* The stream that an answer comes on, or NULL. */
static struct tcp_stream *open_stream(void)
{
    struct tcp_stream *last = stream_count == 0 ? NULL : &streams[stream_count - 1];
    return last == NULL || last->is_closed ? NULL : last;
}

static void feed(struct bytes in, uint32_t cut)
{
    uint32_t seed = cut;
    while (in.size > 0 && open_stream() != NULL) {
        struct tcp_stream *s = open_stream();
        size_t room, want = in.size;
        if (cut > 0) {
            seed = seed * 1664525u + 1013904223u;
            want = 1 + (seed >> 16) % (cut * 7);
        }
        uint8_t *to = s->events->on_room(s->owner, &room);
        assert(to != NULL && room > 0);
        want = want < room ? want : room;
        want = want < in.size ? want : in.size;
        memcpy(to, in.at, want);
        in = bytes_of(in.at + want, in.size - want);
        s->events->on_data(s->owner, bytes_of(to, want));
    }
}

static void close_all(void)
{
    for (size_t i = 0; i < stream_count; i++) {
        assert(streams[i].is_closed);
        streams[i].events->on_closed(streams[i].owner);
    }
    stream_count = 0;
}

/* The digest of the first transfer's end. */
static uint64_t run(struct loop *loop, struct bytes in, uint8_t choices, uint32_t cut)
{
    struct run r = {.budget = {.limit = BUDGET_MAX}, .is_head = (choices & CHOICE_HEAD) != 0};
    struct http_client_config config = {
        .loop = loop, /* only for the time: it never turns */
        .budget = &r.budget,
        .body_max = BODY_MAX,
        .header_max = HEADER_MAX,
        .connections_max = 2,
    };
    struct errmsg em;
    int rc = plain_client_open(&r.client, &config, bytes_text("127.0.0.1:1"), &em);
    assert(rc == 0);
    begin(&r);
    feed(in, cut);
    struct tcp_stream *s = open_stream();
    if (s != NULL && (choices & CHOICE_ENDS) != 0) {
        s->events->on_end(s->owner, (choices & CHOICE_BROKEN) != 0 ? ERR_CLOSED : 0);
    }
    plain_transfer_stop(&r.transfer);
    plain_client_close(&r.client);
    close_all();
    assert(r.budget.used == 0);
    return r.ended > 0 ? r.first : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct loop *loop;
    if (size == 0) {
        return 0;
    }
    if (loop == NULL) {
        loop = loop_new();
        assert(loop != NULL);
    }
    struct bytes in = bytes_of(data + 1, size - 1);
    uint64_t whole = run(loop, in, data[0], 0);
    uint64_t pieces = run(loop, in, data[0], 1 + (data[0] >> CHOICE_CUT_SHIFT));
    assert(whole == pieces);
    return 0;
}
