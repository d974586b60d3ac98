#include "proto/codec.h"

#include "base/err.h"
#include "base/unreachable.h"
#include "proto/codec_fields.h"

static void put(struct mp_out *out, const struct msg *m)
{
    switch (m->kind) {
#define PUT(NAME, member, lanes, number)                                                       \
    case MSG_##NAME:                                                                           \
        codec_put_##member(out, &m->member);                                                   \
        return;
        MSG_KINDS(PUT)
#undef PUT
    case MSG_NONE:
    case MSG_KIND_END:
        break;
    }
    UNREACHABLE("a message of no kind");
}

int codec_encode(struct frame_queue *q, const struct msg *m, uint64_t sent_ms, size_t frame_max)
{
    struct frame head = {
        .type = (uint8_t)m->kind, .version = MSG_VERSION_MAX, .sent_ms = sent_ms};
    struct mp_out out;
    mp_out_init(&out, q);
    frame_queue_begin(q, &head);
    put(&out, m);
    return frame_queue_end(q, frame_max);
}

/* False: a kind that this build does not know. */
static bool get(struct codec_in *c, struct msg *m, uint8_t type)
{
    switch (type) {
#define GET(NAME, member, lanes, number)                                                       \
    case MSG_##NAME:                                                                           \
        m->kind = MSG_##NAME;                                                                  \
        codec_get_##member(c, &m->member);                                                     \
        return true;
        MSG_KINDS(GET)
#undef GET
    default:
        return false;
    }
}

int codec_decode(struct msg *out, const struct frame *f, struct codec_arrays *arrays,
                 struct budget *budget)
{
    struct codec_in c = {.in = mp_in_of(f->body), .arrays = arrays, .budget = budget};
    *out = (struct msg){0};
    if (f->sent_ms >= FRAME_SENT_END) {
        return ERR_MALFORMED;
    }
    if (!get(&c, out, f->type)) {
        return ERR_NOTFOUND;
    }
    mp_in_end(&c.in);
    if (mp_in_failed(&c.in)) {
        codec_release(out);
        return ERR_MALFORMED;
    }
    return 0;
}

void codec_release(struct msg *m)
{
    if (m->kind == MSG_ACCEPT) {
        request_drop(&m->accept.request);
    } else if (m->kind == MSG_CREATE) {
        buf_drop(&m->create.headers);
        buf_drop(&m->create.body);
    }
    m->kind = MSG_NONE;
}
