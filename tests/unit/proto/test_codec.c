/* Every message: its golden bytes, the way back, and what no input can do. */
#include "base/err.h"
#include "heap_faults.h"
#include "lib_samples.h"
#include "proto/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct sample samples[SAMPLES_MAX];
static size_t sample_count;
static struct codec_arrays arrays;

struct wire {
    uint8_t *at; /* malloc: exactly `size`, so that the sanitizer sees a read beyond it */
    size_t size;
};

static size_t frame_max(const struct msg *m)
{
    return m->kind == MSG_ACCEPT || m->kind == MSG_CREATE || m->kind == MSG_PAYLOAD
               ? MSG_BULK_MAX
               : MSG_CONTROL_MAX;
}

static struct wire encode(const struct msg *m)
{
    struct frame_queue q;
    struct bytes runs[16];
    frame_queue_init(&q);
    assert_int_equal(codec_encode(&q, m, 0x1122, frame_max(m)), 0);
    struct wire w = {malloc(frame_queue_size(&q)), 0};
    assert_non_null(w.at);
    size_t n = frame_queue_peek(&q, runs, 16);
    for (size_t i = 0; i < n; i++) {
        memcpy(w.at + w.size, runs[i].at, runs[i].size);
        w.size += runs[i].size;
    }
    assert_int_equal(w.size, frame_queue_size(&q));
    frame_queue_fini(&q);
    return w;
}

/* Decodes the body of a frame. */
static int decode(struct msg *out, uint8_t type, struct bytes body, struct budget *budget)
{
    struct frame f = {.type = type, .version = 1, .body = body};
    return codec_decode(out, &f, &arrays, budget);
}

static struct bytes body_of(const struct wire *w)
{
    return bytes_of(w->at + FRAME_HEAD_SIZE, w->size - FRAME_HEAD_SIZE);
}

static size_t hex_of(char *out, const struct wire *w)
{
    for (size_t i = 0; i < w->size; i++) {
        snprintf(out + 2 * i, 3, "%02x", w->at[i]);
    }
    return 2 * w->size;
}

/* The file has one line a sample: its name and the frame in hex. To make it anew, run this
 * program with CODEC_GOLDEN_OUT=FILE: then the protocol has changed, and needs a version. */
static void every_message_has_its_golden_bytes(void **state)
{
    (void)state;
    const char *path = getenv("CODEC_GOLDEN_OUT");
    FILE *file =
        fopen(path == NULL ? GOLDEN_DIR "/messages.hex" : path, path == NULL ? "r" : "w");
    assert_non_null(file);
    for (size_t i = 0; i < sample_count; i++) {
        char line[4096], golden[4096];
        struct wire w = encode(&samples[i].msg);
        int n = snprintf(line, sizeof line, "%s ", samples[i].name);
        assert_true((size_t)n + 2 * w.size + 2 < sizeof line);
        n += (int)hex_of(line + n, &w);
        snprintf(line + n, sizeof line - (size_t)n, "\n");
        if (path != NULL) {
            fputs(line, file);
        } else {
            assert_non_null(fgets(golden, sizeof golden, file));
            assert_string_equal(line, golden);
        }
        free(w.at);
    }
    fclose(file);
}

static void every_message_comes_back(void **state)
{
    (void)state;
    bool seen[MSG_KIND_END] = {false};
    for (size_t i = 0; i < sample_count; i++) {
        struct wire w = encode(&samples[i].msg);
        struct frame_reader r;
        struct frame f;
        struct msg m;
        frame_reader_init(&r, MSG_BULK_MAX);
        frame_reader_feed(&r, bytes_of(w.at, w.size));
        assert_true(frame_reader_next(&r, &f));
        assert_int_equal(f.sent_ms, 0x1122);
        assert_int_equal(f.version, MSG_VERSION_MAX);
        assert_int_equal(codec_decode(&m, &f, &arrays, NULL), 0);
        assert_int_equal(m.kind, samples[i].msg.kind);
        seen[m.kind] = true;
        struct wire again = encode(&m);
        assert_int_equal(again.size, w.size);
        assert_memory_equal(again.at + 16, w.at + 16, w.size - 16);
        codec_release(&m);
        free(w.at);
        free(again.at);
        frame_reader_fini(&r);
    }
    for (unsigned kind = 1; kind < MSG_KIND_END; kind++) {
        assert_true(seen[kind]);
    }
}

/* What must be the same beyond the bytes: that nothing of the sender is borrowed. */
static void decoded_bodies_are_the_receivers_own(void **state)
{
    (void)state;
    struct budget budget = {.limit = 10000};
    for (size_t i = 0; i < sample_count; i++) {
        struct wire w = encode(&samples[i].msg);
        struct msg m;
        assert_int_equal(decode(&m, w.at[4], body_of(&w), &budget), 0);
        if (m.kind == MSG_ACCEPT) {
            assert_int_equal(m.accept.request->refs, 1);
            assert_false(m.accept.no_room);
            assert_int_equal(buf_size(m.accept.request->body),
                             m.accept.body_size <= MSG_CHUNK_MAX ? m.accept.body_size : 0);
            assert_true(budget.used > 0);
        } else if (m.kind == MSG_CREATE && m.create.body != NULL) {
            assert_int_equal(m.create.body->refs, 1);
            assert_memory_equal(m.create.body->data, "hello", 5);
            assert_true(budget.used > 0);
        } else if (m.kind != MSG_CREATE) {
            assert_int_equal(budget.used, 0);
        }
        codec_release(&m);
        assert_int_equal(budget.used, 0);
        free(w.at);
    }
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    struct budget budget = {.limit = 100000};
    for (size_t i = 0; i < sample_count; i++) {
        struct wire w = encode(&samples[i].msg);
        for (size_t n = 0; n < w.size - FRAME_HEAD_SIZE; n++) {
            struct msg m;
            uint8_t *cut = malloc(n + 1);
            assert_non_null(cut);
            memcpy(cut + 1, w.at + FRAME_HEAD_SIZE, n);
            assert_int_equal(decode(&m, w.at[4], bytes_of(cut + 1, n), &budget), ERR_MALFORMED);
            free(cut);
        }
        assert_int_equal(budget.used, 0);
        free(w.at);
    }
}

static void trailing_bytes_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sample_count; i++) {
        struct wire w = encode(&samples[i].msg);
        struct msg m;
        uint8_t *more = realloc(w.at, w.size + 1);
        assert_non_null(more);
        more[w.size] = 0xc0;
        struct bytes body = bytes_of(more + FRAME_HEAD_SIZE, w.size + 1 - FRAME_HEAD_SIZE);
        assert_int_equal(decode(&m, more[4], body, NULL), ERR_MALFORMED);
        free(more);
    }
}

/* Refused, or understood so that it can be said again; no third way. */
static void try_bytes(uint8_t type, struct bytes body)
{
    struct budget budget = {.limit = 100000};
    struct msg m, same;
    int rc = decode(&m, type, body, &budget);
    if (rc != 0) {
        assert_int_equal(rc, ERR_MALFORMED);
        assert_int_equal(budget.used, 0);
        return;
    }
    struct wire w = encode(&m);
    codec_release(&m);
    assert_int_equal(budget.used, 0);
    assert_int_equal(decode(&same, w.at[4], body_of(&w), &budget), 0);
    codec_release(&same);
    free(w.at);
}

static void every_changed_byte_is_refused_or_survived(void **state)
{
    (void)state;
    for (size_t i = 0; i < sample_count; i++) {
        struct wire w = encode(&samples[i].msg);
        for (size_t at = FRAME_HEAD_SIZE; at < w.size; at++) {
            uint8_t was = w.at[at];
            for (unsigned value = 0; value < 256; value += (value & 0x80) ? 1 : 13) {
                w.at[at] = (uint8_t)value;
                try_bytes(w.at[4], body_of(&w));
            }
            w.at[at] = was;
        }
        free(w.at);
    }
}

/* The message up to `at`, then five hostile bytes. */
static void try_bomb(const struct wire *w, size_t at, const uint8_t bomb[5])
{
    struct budget budget = {.limit = 1000};
    struct msg m;
    uint8_t *bad = malloc(at + 5);
    assert_non_null(bad);
    memcpy(bad, w->at, at);
    memcpy(bad + at, bomb, 5);
    struct bytes body = bytes_of(bad + FRAME_HEAD_SIZE, at + 5 - FRAME_HEAD_SIZE);
    if (decode(&m, w->at[4], body, &budget) == 0) { /* they lie within a run of bytes */
        codec_release(&m);
    }
    assert_int_equal(budget.used, 0);
    free(bad);
}

static void containers_that_promise_more_cost_nothing(void **state)
{
    (void)state;
    static const uint8_t bombs[][5] = {{0xdd, 0x04, 0, 0, 0}, {0xdd, 0xff, 0xff, 0xff, 0xff},
                                       {0xdf, 0x7f, 0, 0, 0}, {0xc6, 0x7f, 0xff, 0xff, 0xff},
                                       {0xdb, 0x7f, 0, 0, 0}, {0x91, 0x91, 0x91, 0x91, 0x91}};
    for (size_t i = 0; i < sample_count; i++) {
        struct wire w = encode(&samples[i].msg);
        for (size_t at = FRAME_HEAD_SIZE; at < w.size; at++) {
            for (size_t b = 0; b < sizeof bombs / sizeof bombs[0]; b++) {
                try_bomb(&w, at, bombs[b]);
            }
        }
        free(w.at);
    }
}

/* Whose it is came later than version 1, and is left out when it is nobody's. NULL: that kind
 * does not say it. */
static const struct bytes *tenant_of(const struct msg *m)
{
    switch (m->kind) {
    case MSG_ACCEPT:
        return &m->accept.tenant;
    case MSG_CREATE:
        return &m->create.tenant;
    case MSG_CLAIM:
        return &m->claim.tenant;
    case MSG_STATUS_REQ:
    case MSG_CANCEL:
        return &m->ask.tenant;
    case MSG_STATUS:
        return &m->status.tenant;
    default:
        return NULL;
    }
}

/* The outer array with more fields at its end, one of them a container. */
static void check_newer(const struct sample *sample)
{
    static const uint8_t extra[] = {0xa0, 0x92, 0x01, 0xa1, 'x', 0xcd, 1, 2};
    const struct bytes *tenant = tenant_of(&sample->msg);
    bool is_left_out = tenant != NULL && tenant->size == 0;
    const uint8_t *more = is_left_out ? extra : extra + 1;
    size_t more_size = sizeof extra - (is_left_out ? 0 : 1);
    struct wire w = encode(&sample->msg);
    struct bytes body = body_of(&w);
    bool is_short = body.at[0] < 0xa0;
    size_t count = is_short ? (size_t)(body.at[0] & 15) : (size_t)body.at[2];
    size_t head = is_short ? 1 : 3;
    size_t size = 3 + body.size - head;
    uint8_t *newer = malloc(size + more_size);
    assert_non_null(newer);
    newer[0] = 0xdc;
    newer[1] = 0;
    newer[2] = (uint8_t)(count + (is_left_out ? 3 : 2));
    memcpy(newer + 3, body.at + head, body.size - head);
    memcpy(newer + size, more, more_size);
    struct msg m;
    assert_int_equal(decode(&m, w.at[4], bytes_of(newer, size + more_size), NULL), 0);
    struct wire again = encode(&m);
    assert_int_equal(again.size, w.size);
    assert_memory_equal(again.at + 16, w.at + 16, w.size - 16);
    codec_release(&m);
    newer[2] = (uint8_t)(count - 1);
    assert_int_equal(decode(&m, w.at[4], bytes_of(newer, size), NULL), ERR_MALFORMED);
    free(newer);
    free(again.at);
    free(w.at);
}

static void message_of_a_newer_version_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sample_count; i++) {
        check_newer(&samples[i]);
    }
}

static void unknown_kind_is_told_apart(void **state)
{
    (void)state;
    static const uint8_t body[] = {0x90};
    struct msg m;
    assert_int_equal(decode(&m, 0, bytes_of(body, 1), NULL), ERR_NOTFOUND);
    for (unsigned type = MSG_KIND_END; type < 256; type++) {
        assert_int_equal(decode(&m, (uint8_t)type, bytes_of(body, 1), NULL), ERR_NOTFOUND);
    }
}

static void body_without_room_is_left_out_and_said_so(void **state)
{
    (void)state;
    for (size_t limit = 0; limit < 400; limit++) {
        struct budget budget = {.limit = limit};
        for (size_t i = 0; i < sample_count; i++) {
            struct wire w = encode(&samples[i].msg);
            struct msg m;
            assert_int_equal(decode(&m, w.at[4], body_of(&w), &budget), 0);
            if (m.kind == MSG_ACCEPT) {
                assert_true(m.accept.no_room == (m.accept.request == NULL));
                assert_true(m.accept.no_room || limit > 40);
            } else if (m.kind == MSG_CREATE && m.create.no_room) {
                assert_false(m.create.has_payload);
                assert_null(m.create.headers);
                assert_null(m.create.body);
            }
            codec_release(&m);
            assert_int_equal(budget.used, 0);
            free(w.at);
        }
    }
}

static void failing_allocation_never_leaves_half_a_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < sample_count; i++) {
        struct wire w = encode(&samples[i].msg);
        bool hit = true;
        for (unsigned nth = 1; hit; nth++) {
            struct frame_queue q;
            struct msg m;
            frame_queue_init(&q);
            heap_faults_set(nth);
            int rc = codec_encode(&q, &samples[i].msg, 1, MSG_BULK_MAX);
            hit = heap_faults_hit();
            heap_faults_set(0);
            assert_int_equal(rc, hit ? ERR_NOMEM : 0);
            assert_int_equal(frame_queue_size(&q), hit ? 0 : w.size);
            frame_queue_fini(&q);

            heap_faults_set(nth);
            assert_int_equal(decode(&m, w.at[4], body_of(&w), NULL), 0);
            bool no_room = (m.kind == MSG_ACCEPT && m.accept.no_room) ||
                           (m.kind == MSG_CREATE && m.create.no_room);
            assert_int_equal(heap_faults_hit(), no_room);
            hit = hit || heap_faults_hit();
            heap_faults_set(0);
            codec_release(&m);
        }
        free(w.at);
    }
}

static void largest_messages_fit_their_frames(void **state)
{
    (void)state;
    static uint64_t seqs[MSG_SEQS_MAX];
    static uint8_t reasons[MSG_SEQS_MAX], bits[MSG_BITS_MAX / 8];
    static struct msg_taken_item items[MSG_TAKEN_MAX];
    for (size_t i = 0; i < MSG_SEQS_MAX; i++) {
        seqs[i] = (i & 1) ? 5 : UINT64_MAX / 2; /* the worst: no order at all */
    }
    memset(items, 0xff, sizeof items);
    struct msg all[] = {
        {.kind = MSG_DELETE, .deleted = {{{0}}, MSG_SEQS_MAX, seqs, reasons}},
        {.kind = MSG_FETCH, .seqs = {{{0}}, MSG_SEQS_MAX, seqs}},
        {.kind = MSG_TAKEN, .taken = {MSG_TAKEN_MAX, items}},
        {.kind = MSG_DIGEST,
         .digest = {{{0}}, 1, 2, 3, MSG_BITS_MAX, {bits, sizeof bits}, {bits, sizeof bits}}}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct wire w = encode(&all[i]);
        struct msg m;
        assert_int_equal(decode(&m, w.at[4], body_of(&w), NULL), 0);
        struct wire again = encode(&m);
        assert_int_equal(again.size, w.size);
        assert_memory_equal(again.at + 16, w.at + 16, w.size - 16);
        free(w.at);
        free(again.at);
    }
}

static void body_is_sent_from_where_it_lies_and_no_larger_than_allowed(void **state)
{
    (void)state;
    struct frame_queue q;
    struct msg m = {.kind = MSG_CREATE};
    frame_queue_init(&q);
    m.create.has_payload = true;
    m.create.body_size = 10000;
    assert_int_equal(buf_new(&m.create.body, NULL, 10000), 0);
    memset(m.create.body->data, 1, 10000);
    assert_int_equal(codec_encode(&q, &m, 1, 5000), ERR_TOOBIG);
    assert_int_equal(m.create.body->refs, 1);
    assert_int_equal(codec_encode(&q, &m, 1, MSG_BULK_MAX), 0);
    assert_int_equal(m.create.body->refs, 2);
    struct bytes runs[4];
    assert_int_equal(frame_queue_peek(&q, runs, 4), 2);
    assert_ptr_equal(runs[1].at, m.create.body->data);
    frame_queue_fini(&q);
    buf_drop(&m.create.body);
}

static int make_samples(void **state)
{
    (void)state;
    sample_count = samples_make(samples, SAMPLES_MAX);
    return 0;
}

static int drop_samples(void **state)
{
    (void)state;
    samples_drop(samples, sample_count);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_has_its_golden_bytes),
        cmocka_unit_test(every_message_comes_back),
        cmocka_unit_test(decoded_bodies_are_the_receivers_own),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(trailing_bytes_are_refused),
        cmocka_unit_test(every_changed_byte_is_refused_or_survived),
        cmocka_unit_test(containers_that_promise_more_cost_nothing),
        cmocka_unit_test(message_of_a_newer_version_is_read),
        cmocka_unit_test(unknown_kind_is_told_apart),
        cmocka_unit_test(body_without_room_is_left_out_and_said_so),
        cmocka_unit_test(failing_allocation_never_leaves_half_a_message),
        cmocka_unit_test(largest_messages_fit_their_frames),
        cmocka_unit_test(body_is_sent_from_where_it_lies_and_no_larger_than_allowed),
    };
    return cmocka_run_group_tests(tests, make_samples, drop_samples);
}
