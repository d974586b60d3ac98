/* What creates, carries and ends an entry: ACCEPT, ACCEPT_ACK and _NAK, CREATE, DELETE,
 * PAYLOAD_REQ, PAYLOAD. */
#include "base/err.h"
#include "proto/codec_fields.h"

#include <assert.h>

enum { ENTRY_FIELDS = 4, ACCEPT_FIELDS = 18, ACK_FIELDS = 3, CREATE_FIELDS = 15 };
enum { DELETED_FIELDS = 3, PAYLOAD_REQ_FIELDS = 5, PAYLOAD_FIELDS = 10 };

/* The head of a request (method, path, query, headers) is part of one frame. */
#define REQUEST_HEAD_MAX ((size_t)MSG_BULK_MAX)

/* Guid, origin, seq, and the arbiters after the origin; nil instead when there are none at all,
 * not even the origin. */
void codec_put_entry(struct mp_out *out, const struct msg_entry *e)
{
    assert(e->arbiter_count <= MSG_ARBITERS_MAX);
    assert(e->arbiter_count == 0 || guid_equal(&e->arbiters[0], &e->origin));
    mp_out_array(out, ENTRY_FIELDS);
    mp_out_guid(out, &e->guid);
    mp_out_guid_or_nil(out, &e->origin);
    mp_out_uint(out, e->seq);
    if (e->arbiter_count == 0) {
        mp_out_nil(out);
        return;
    }
    mp_out_array(out, e->arbiter_count - 1u);
    for (uint8_t i = 1; i < e->arbiter_count; i++) {
        mp_out_guid(out, &e->arbiters[i]);
    }
}

void codec_get_entry(struct mp_in *in, struct msg_entry *e)
{
    size_t fields = codec_open(in, ENTRY_FIELDS);
    codec_get_guid(in, &e->guid);
    codec_get_guid_or_nil(in, &e->origin);
    e->seq = mp_in_uint(in, UINT64_MAX);
    e->arbiter_count = 0;
    if (!mp_in_nil(in)) {
        size_t others = mp_in_array(in, 0, MSG_ARBITERS_MAX - 1);
        e->arbiters[0] = e->origin;
        e->arbiter_count = (uint8_t)(1 + others);
        for (size_t i = 1; i <= others; i++) {
            codec_get_guid(in, &e->arbiters[i]);
        }
    }
    codec_close(in, fields, ENTRY_FIELDS);
}

/* --- ACCEPT ------------------------------------------------------------------------------- */

void codec_put_accept(struct mp_out *out, const struct msg_accept *m)
{
    struct request_view view = request_view(m->request);
    struct buf *body = m->request->body;
    codec_open_out(out, ACCEPT_FIELDS, m->tenant);
    codec_put_entry(out, &m->entry);
    mp_out_str(out, m->function);
    mp_out_uint(out, m->created_ago_ms);
    mp_out_uint(out, m->run_left_ms);
    mp_out_uint(out, m->ttl_ms);
    mp_out_uint(out, m->attempt);
    mp_out_uint(out, m->max_attempts);
    mp_out_uint(out, m->on_node_loss);
    mp_out_uint(out, m->id_space);
    mp_out_bool(out, m->drop_result);
    mp_out_bin(out, m->client_id);
    mp_out_bin(out, m->callback_url);
    mp_out_uint(out, m->body_size);
    mp_out_bin(out, view.method);
    mp_out_bin(out, view.path);
    mp_out_bin(out, view.query);
    mp_out_bin(out, view.headers);
    if (body == NULL || m->body_size > MSG_CHUNK_MAX) {
        mp_out_nil(out); /* none, or it follows in PAYLOADs */
    } else {
        mp_out_buf(out, body, 0, buf_size(body));
    }
    codec_put_tenant(out, m->tenant);
}

/* A body: nil or empty is NULL. Without room *out is NULL and *no_room set. */
static void keep(struct codec_in *c, struct buf **out, struct bytes content, bool *no_room)
{
    *out = NULL;
    if (!c->in.failed && content.size > 0 && !*no_room) {
        *no_room = buf_copy(out, c->budget, content) != 0;
    }
}

static void keep_request(struct codec_in *c, struct msg_accept *m,
                         const struct request_view *view, struct bytes body)
{
    struct buf *kept;
    keep(c, &kept, body, &m->no_room);
    if (!c->in.failed && !m->no_room) {
        m->no_room = request_new(&m->request, c->budget, view, kept) != 0;
    }
    buf_drop(&kept);
}

void codec_get_accept(struct codec_in *c, struct msg_accept *m)
{
    struct mp_in *in = &c->in;
    size_t count = codec_open(in, ACCEPT_FIELDS);
    codec_get_entry(in, &m->entry);
    m->function = codec_line(in, mp_in_str(in, MSG_FUNCTION_MAX));
    m->created_ago_ms = mp_in_uint(in, UINT64_MAX);
    m->run_left_ms = mp_in_uint(in, UINT64_MAX);
    m->ttl_ms = (uint32_t)mp_in_uint(in, UINT32_MAX);
    m->attempt = (uint8_t)mp_in_uint(in, UINT8_MAX);
    m->max_attempts = (uint8_t)mp_in_uint(in, UINT8_MAX);
    m->on_node_loss = (uint8_t)mp_in_uint(in, UINT8_MAX);
    m->id_space = (uint8_t)mp_in_uint(in, UINT8_MAX);
    m->drop_result = mp_in_bool(in);
    m->client_id = codec_line(in, mp_in_bin(in, MSG_KEY_MAX));
    m->callback_url = mp_in_bin(in, MSG_URL_MAX);
    m->body_size = mp_in_uint(in, BUF_SIZE_MAX);
    struct request_view view;
    view.method = mp_in_bin(in, REQUEST_HEAD_MAX);
    view.path = mp_in_bin(in, REQUEST_HEAD_MAX);
    view.query = mp_in_bin(in, REQUEST_HEAD_MAX);
    view.headers = mp_in_bin(in, REQUEST_HEAD_MAX);
    struct bytes body = mp_in_nil(in) ? bytes_of(NULL, 0) : mp_in_bin(in, MSG_CHUNK_MAX);
    if (m->body_size <= MSG_CHUNK_MAX && body.size != m->body_size) {
        mp_in_fail(in);
    }
    codec_close_tenant(in, count, ACCEPT_FIELDS, &m->tenant);
    keep_request(c, m, &view, body);
}

void codec_put_ack(struct mp_out *out, const struct msg_ack *m)
{
    mp_out_array(out, ACK_FIELDS);
    mp_out_guid(out, &m->guid);
    mp_out_uint(out, m->attempt);
    mp_out_uint(out, m->why);
}

void codec_get_ack(struct codec_in *c, struct msg_ack *m)
{
    size_t count = codec_open(&c->in, ACK_FIELDS);
    codec_get_guid(&c->in, &m->guid);
    m->attempt = (uint8_t)mp_in_uint(&c->in, UINT8_MAX);
    m->why = (uint8_t)mp_in_uint(&c->in, UINT8_MAX);
    codec_close(&c->in, count, ACK_FIELDS);
}

/* A status code of HTTP, as every callback has one. */
static bool is_status(uint16_t status)
{
    return status >= 100 && status <= 999;
}

/* --- CREATE ------------------------------------------------------------------------------- */

static void put_buf_or_nil(struct mp_out *out, struct buf *b)
{
    if (b == NULL) {
        mp_out_nil(out);
    } else {
        mp_out_buf(out, b, 0, buf_size(b));
    }
}

void codec_put_create(struct mp_out *out, const struct msg_create *m)
{
    bool has_body = m->has_payload && !m->body_follows;
    codec_open_out(out, CREATE_FIELDS, m->tenant);
    codec_put_entry(out, &m->entry);
    mp_out_str(out, m->function);
    mp_out_uint(out, m->created_ago_ms);
    mp_out_uint(out, m->started_ago_ms);
    mp_out_uint(out, m->completed_ago_ms);
    mp_out_uint(out, m->ttl_left_ms);
    mp_out_uint(out, m->status);
    mp_out_bool(out, m->failed);
    mp_out_uint(out, m->attempt);
    mp_out_uint(out, m->webhook);
    mp_out_bool(out, m->has_payload);
    mp_out_bool(out, m->body_follows);
    mp_out_uint(out, m->body_size);
    put_buf_or_nil(out, m->has_payload ? m->headers : NULL);
    put_buf_or_nil(out, has_body ? m->body : NULL);
    codec_put_tenant(out, m->tenant);
}

static void get_payload(struct codec_in *c, struct msg_create *m, struct bytes headers,
                        struct bytes body)
{
    keep(c, &m->headers, headers, &m->no_room);
    keep(c, &m->body, body, &m->no_room);
    if (m->no_room) {
        buf_drop(&m->headers);
        m->has_payload = false;
    }
}

void codec_get_create(struct codec_in *c, struct msg_create *m)
{
    struct mp_in *in = &c->in;
    size_t count = codec_open(in, CREATE_FIELDS);
    codec_get_entry(in, &m->entry);
    m->function = codec_line(in, mp_in_str(in, MSG_FUNCTION_MAX));
    m->created_ago_ms = mp_in_uint(in, UINT64_MAX);
    m->started_ago_ms = mp_in_uint(in, UINT64_MAX);
    m->completed_ago_ms = mp_in_uint(in, UINT64_MAX);
    m->ttl_left_ms = (uint32_t)mp_in_uint(in, UINT32_MAX);
    m->status = (uint16_t)mp_in_uint(in, UINT16_MAX);
    m->failed = mp_in_bool(in);
    m->attempt = (uint8_t)mp_in_uint(in, UINT8_MAX);
    m->webhook = (uint8_t)mp_in_uint(in, UINT8_MAX);
    m->has_payload = mp_in_bool(in);
    m->body_follows = mp_in_bool(in);
    m->body_size = mp_in_uint(in, BUF_SIZE_MAX);
    struct bytes headers = mp_in_nil(in) ? bytes_of(NULL, 0) : mp_in_bin(in, REQUEST_HEAD_MAX);
    struct bytes body = mp_in_nil(in) ? bytes_of(NULL, 0) : mp_in_bin(in, MSG_CHUNK_MAX);
    bool has_body = m->has_payload && !m->body_follows;
    if ((!m->has_payload && headers.size > 0) || !is_status(m->status) ||
        body.size != (has_body ? m->body_size : 0)) {
        mp_in_fail(in);
    }
    codec_close_tenant(in, count, CREATE_FIELDS, &m->tenant);
    get_payload(c, m, headers, body);
}

/* --- DELETE ------------------------------------------------------------------------------- */

void codec_put_numbers(struct mp_out *out, const uint64_t *seqs, uint32_t count)
{
    uint64_t before = 0;
    mp_out_array(out, count);
    for (uint32_t i = 0; i < count; i++) {
        mp_out_uint(out, seqs[i] - before);
        before = seqs[i];
    }
}

uint32_t codec_get_numbers(struct codec_in *c)
{
    uint64_t before = 0;
    uint32_t count = (uint32_t)mp_in_array(&c->in, 0, MSG_SEQS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        before += mp_in_uint(&c->in, UINT64_MAX);
        c->arrays->seqs[i] = before;
    }
    return count;
}

void codec_put_deleted(struct mp_out *out, const struct msg_deleted *m)
{
    mp_out_array(out, DELETED_FIELDS);
    mp_out_guid(out, &m->origin);
    codec_put_numbers(out, m->seqs, m->count);
    mp_out_bin(out, bytes_of(m->reasons, m->count));
}

void codec_get_deleted(struct codec_in *c, struct msg_deleted *m)
{
    size_t count = codec_open(&c->in, DELETED_FIELDS);
    codec_get_guid(&c->in, &m->origin);
    m->count = codec_get_numbers(c);
    m->seqs = c->arrays->seqs;
    struct bytes reasons = mp_in_bin(&c->in, MSG_SEQS_MAX);
    m->reasons = reasons.at;
    if (reasons.size != m->count) {
        mp_in_fail(&c->in);
    }
    codec_close(&c->in, count, DELETED_FIELDS);
}

/* --- PAYLOAD ------------------------------------------------------------------------------ */

void codec_put_payload_req(struct mp_out *out, const struct msg_payload_req *m)
{
    mp_out_array(out, PAYLOAD_REQ_FIELDS);
    mp_out_guid(out, &m->guid);
    codec_put_claim_no(out, &m->no);
    mp_out_uint(out, m->offset);
    mp_out_uint(out, m->size);
}

void codec_get_payload_req(struct codec_in *c, struct msg_payload_req *m)
{
    size_t count = codec_open(&c->in, PAYLOAD_REQ_FIELDS);
    codec_get_guid(&c->in, &m->guid);
    codec_get_claim_no(&c->in, &m->no);
    m->offset = mp_in_uint(&c->in, BUF_SIZE_MAX);
    m->size = (uint32_t)mp_in_uint(&c->in, UINT32_MAX);
    codec_close(&c->in, count, PAYLOAD_REQ_FIELDS);
}

void codec_put_payload(struct mp_out *out, const struct msg_payload *m)
{
    mp_out_array(out, PAYLOAD_FIELDS);
    mp_out_guid(out, &m->guid);
    codec_put_claim_no(out, &m->no);
    mp_out_uint(out, m->of);
    mp_out_uint(out, m->offset);
    mp_out_uint(out, m->total);
    mp_out_uint(out, m->status);
    mp_out_bool(out, m->failed);
    mp_out_bin(out, m->headers);
    if (m->hold == NULL) {
        mp_out_bin(out, m->chunk);
    } else {
        mp_out_buf(out, m->hold, (size_t)(m->chunk.at - m->hold->data), m->chunk.size);
    }
}

void codec_get_payload(struct codec_in *c, struct msg_payload *m)
{
    struct mp_in *in = &c->in;
    size_t count = codec_open(in, PAYLOAD_FIELDS);
    codec_get_guid(in, &m->guid);
    codec_get_claim_no(in, &m->no);
    m->of = (uint8_t)mp_in_uint(in, UINT8_MAX);
    m->offset = mp_in_uint(in, BUF_SIZE_MAX);
    m->total = mp_in_uint(in, BUF_SIZE_MAX);
    m->status = (uint16_t)mp_in_uint(in, UINT16_MAX);
    m->failed = mp_in_bool(in);
    m->headers = mp_in_bin(in, REQUEST_HEAD_MAX);
    m->chunk = mp_in_bin(in, MSG_CHUNK_MAX);
    bool tells_status = m->of == PAYLOAD_CLAIMED && m->offset == 0;
    if (m->offset > m->total || m->chunk.size > m->total - m->offset ||
        (tells_status && !is_status(m->status))) {
        mp_in_fail(in);
    }
    codec_close(in, count, PAYLOAD_FIELDS);
}
