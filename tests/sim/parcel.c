#include "parcel.h"

#include "proto/codec.h"
#include "proto/frame.h"

#include <assert.h>
#include <stdlib.h>

/* --- one block for all that the message points to ------------------------------------------
 */

#define VIEWS_MAX 12

/* Which views of which message must be copied: one list for measuring and for copying. */
struct views {
    struct bytes *at[VIEWS_MAX];
    uint32_t count;
};

static void view(struct views *v, struct bytes *b)
{
    assert(v->count < VIEWS_MAX);
    v->at[v->count++] = b;
}

static void views_of_entries(struct views *v, struct msg *m)
{
    switch (m->kind) {
    case MSG_ACCEPT:
        view(v, &m->accept.function);
        view(v, &m->accept.tenant);
        view(v, &m->accept.client_id);
        view(v, &m->accept.callback_url);
        break;
    case MSG_CREATE:
        view(v, &m->create.function);
        view(v, &m->create.tenant);
        break;
    case MSG_CLAIM:
        view(v, &m->claim.tenant);
        break;
    case MSG_STATUS_REQ:
    case MSG_CANCEL:
        view(v, &m->ask.tenant);
        break;
    case MSG_PAYLOAD:
        view(v, &m->payload.headers);
        view(v, &m->payload.chunk);
        break;
    case MSG_DIGEST:
        view(v, &m->digest.ended);
        view(v, &m->digest.ready);
        break;
    case MSG_STATUS:
        view(v, &m->status.function);
        view(v, &m->status.tenant);
        view(v, &m->status.node_name);
        view(v, &m->status.client_id);
        break;
    default:
        break;
    }
}

static void views_of(struct views *v, struct msg *m)
{
    switch (m->kind) {
    case MSG_HELLO:
    case MSG_HELLO_OK:
        view(v, &m->hello.cluster_name);
        view(v, &m->hello.node_name);
        view(v, &m->hello.zone);
        view(v, &m->hello.address);
        break;
    case MSG_REJECT:
        view(v, &m->reject.reason);
        break;
    case MSG_REGISTER:
        view(v, &m->registration.key);
        break;
    case MSG_REPORT:
        view(v, &m->report.text);
        break;
    default:
        views_of_entries(v, m);
        break;
    }
}

struct copier {
    uint8_t *to; /* NULL: only measure */
    size_t size;
};

static const void *copy(struct copier *c, const void *from, size_t size)
{
    uint8_t *at = NULL;
    if (c->to != NULL) {
        at = c->to + c->size;
        if (size > 0) {
            memcpy(at, from, size);
        }
    }
    c->size += size;
    return at;
}

static void copy_view(struct copier *c, struct bytes *b)
{
    const void *at = copy(c, b->at, b->size);
    if (c->to != NULL) {
        b->at = at;
    }
}

static void copy_peers(struct copier *c, struct msg *m)
{
    if (m->kind != MSG_PEERS) {
        return;
    }
    /* The copied array lies at the front of the block and may be written. */
    struct msg_peer *peers = (struct msg_peer *)(uintptr_t)m->peers.at;
    for (uint32_t i = 0; i < m->peers.count; i++) {
        struct msg_peer *p = &peers[i];
        struct msg_peer measured = *p;
        struct msg_peer *to = c->to != NULL ? p : &measured;
        copy_view(c, &to->node_name);
        copy_view(c, &to->zone);
        copy_view(c, &to->address);
    }
}

static void copy_arrays(struct copier *c, struct msg *m)
{
    const void *at = NULL;
    switch (m->kind) {
    case MSG_PEERS:
        at = copy(c, m->peers.at, m->peers.count * sizeof *m->peers.at);
        m->peers.at = at != NULL ? at : m->peers.at;
        break;
    case MSG_DELETE:
        at = copy(c, m->deleted.seqs, m->deleted.count * sizeof *m->deleted.seqs);
        m->deleted.seqs = at != NULL ? at : m->deleted.seqs;
        at = copy(c, m->deleted.reasons, m->deleted.count * sizeof *m->deleted.reasons);
        m->deleted.reasons = at != NULL ? at : m->deleted.reasons;
        break;
    case MSG_TAKEN:
        at = copy(c, m->taken.at, m->taken.count * sizeof *m->taken.at);
        m->taken.at = at != NULL ? at : m->taken.at;
        break;
    case MSG_SEAT:
        at = copy(c, m->seat.at, m->seat.count * sizeof *m->seat.at);
        m->seat.at = at != NULL ? at : m->seat.at;
        break;
    case MSG_MOVED:
        at = copy(c, m->moved.nodes, m->moved.count * sizeof *m->moved.nodes);
        m->moved.nodes = at != NULL ? at : m->moved.nodes;
        break;
    case MSG_FETCH:
    case MSG_OFFER:
        at = copy(c, m->seqs.seqs, m->seqs.count * sizeof *m->seqs.seqs);
        m->seqs.seqs = at != NULL ? at : m->seqs.seqs;
        break;
    default:
        break;
    }
}

/* Bodies that travel in this message: ACCEPT's request and CREATE's result. */
static void note_bodies(struct parcel *p)
{
    struct msg *m = &p->msg;
    if (m->kind == MSG_ACCEPT) {
        assert(m->accept.request != NULL);
        p->request = request_view(m->accept.request);
        if (m->accept.body_size <= MSG_CHUNK_MAX) {
            p->body = buf_view(m->accept.request->body);
            assert(p->body.size == m->accept.body_size);
        }
        m->accept.request = NULL;
    } else if (m->kind == MSG_CREATE) {
        p->headers = buf_view(m->create.headers);
        p->body = buf_view(m->create.body);
        m->create.headers = NULL;
        m->create.body = NULL;
    } else if (m->kind == MSG_PAYLOAD) {
        assert(m->payload.chunk.size <= MSG_CHUNK_MAX);
        m->payload.hold = NULL;
    }
}

static void copy_all(struct parcel *p, struct copier *c)
{
    copy_arrays(c, &p->msg);
    copy_peers(c, &p->msg);
    struct views v = {.count = 0};
    views_of(&v, &p->msg);
    view(&v, &p->request.method);
    view(&v, &p->request.path);
    view(&v, &p->request.query);
    view(&v, &p->request.headers);
    view(&v, &p->headers);
    view(&v, &p->body);
    for (uint32_t i = 0; i < v.count; i++) {
        copy_view(c, v.at[i]);
    }
}

struct parcel *parcel_new(const struct msg *m, uint64_t sent_at_ms)
{
    struct parcel *p = calloc(1, sizeof *p);
    assert(p != NULL);
    p->msg = *m;
    p->sent_at_ms = sent_at_ms;
    note_bodies(p);
    struct copier measure = {.to = NULL};
    copy_all(p, &measure);
    p->block_size = measure.size;
    p->block = malloc(measure.size + 1);
    assert(p->block != NULL);
    struct copier write = {.to = p->block};
    copy_all(p, &write);
    assert(write.size == measure.size);
    return p;
}

struct parcel *parcel_encode(const struct msg *m, uint64_t sent_at_ms, size_t frame_max)
{
    struct frame_queue q;
    frame_queue_init(&q);
    struct parcel *p = NULL;
    if (codec_encode(&q, m, sent_at_ms, frame_max) == 0) {
        p = calloc(1, sizeof *p);
        assert(p != NULL);
        p->encoded = true;
        p->msg.kind = m->kind;
        p->sent_at_ms = sent_at_ms;
        p->block = malloc(frame_queue_size(&q));
        assert(p->block != NULL);
        while (frame_queue_size(&q) > 0) {
            struct bytes run;
            size_t runs = frame_queue_peek(&q, &run, 1);
            assert(runs == 1);
            memcpy(p->block + p->block_size, run.at, run.size);
            p->block_size += run.size;
            frame_queue_sent(&q, run.size);
        }
    }
    frame_queue_fini(&q);
    return p;
}

void parcel_drop(struct parcel **p)
{
    if (*p != NULL) {
        free((*p)->block);
        free(*p);
        *p = NULL;
    }
}

/* --- opening --------------------------------------------------------------------------------
 */

static bool make_buf(struct buf **out, struct budget *budget, struct bytes content)
{
    *out = NULL;
    return content.size == 0 || buf_copy(out, budget, content) == 0;
}

static void open_accept(struct parcel *p, struct budget *budget, struct msg_accept *a)
{
    struct buf *body;
    a->request = NULL;
    if (make_buf(&body, budget, p->body)) {
        a->no_room = request_new(&a->request, budget, &p->request, body) != 0;
        buf_drop(&body);
    } else {
        a->no_room = true;
    }
}

static void open_create(struct parcel *p, struct budget *budget, struct msg_create *c)
{
    if (!c->has_payload) {
        return;
    }
    if (!make_buf(&c->headers, budget, p->headers) || !make_buf(&c->body, budget, p->body)) {
        buf_drop(&c->headers);
        c->no_room = true;
        c->has_payload = false;
        c->body_follows = false;
    }
}

/* The one decoder's arrays: a message is closed before the next one is opened. */
static struct codec_arrays arrays;

static bool open_frame(struct parcel *p, struct budget *budget, struct msg *out)
{
    struct frame_reader reader;
    struct frame f;
    frame_reader_init(&reader, MSG_BULK_MAX);
    frame_reader_feed(&reader, bytes_of(p->block, p->block_size));
    bool ok = frame_reader_next(&reader, &f) && f.sent_ms == p->sent_at_ms &&
              codec_decode(out, &f, &arrays, budget) == 0;
    frame_reader_fini(&reader);
    return ok;
}

bool parcel_open(struct parcel *p, struct budget *budget, struct msg *out)
{
    if (p->encoded) {
        return open_frame(p, budget, out);
    }
    *out = p->msg;
    if (out->kind == MSG_ACCEPT) {
        open_accept(p, budget, &out->accept);
    } else if (out->kind == MSG_CREATE) {
        open_create(p, budget, &out->create);
    }
    return true;
}

void parcel_close(struct msg *opened)
{
    codec_release(opened);
}

uint32_t parcel_wire_size(const struct parcel *p)
{
    if (p->encoded) {
        return (uint32_t)p->block_size;
    }
    size_t numbers = sizeof p->msg / 4; /* msgpack packs small numbers; a guess of the rest */
    return (uint32_t)(FRAME_HEAD_SIZE + numbers + p->block_size);
}
