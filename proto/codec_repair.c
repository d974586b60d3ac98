/* Repair and takeover, and questions from any node: DIGEST to REGISTERED. */
#include "proto/codec_fields.h"

enum { DIGEST_FIELDS = 7, SEQS_FIELDS = 2, EXEC_FIELDS = 5, STREAM_ACK_FIELDS = 2 };
enum { ASK_FIELDS = 2, STATUS_FIELDS = 17, REGISTRATION_FIELDS = 7, REGISTERED_FIELDS = 4 };

void codec_put_digest(struct mp_out *out, const struct msg_digest *m)
{
    mp_out_array(out, DIGEST_FIELDS);
    mp_out_guid(out, &m->origin);
    mp_out_uint(out, m->low);
    mp_out_uint(out, m->high);
    mp_out_uint(out, m->from);
    mp_out_uint(out, m->bit_count);
    mp_out_bin(out, m->ended);
    mp_out_bin(out, m->ready);
}

/* Empty, or exactly the bytes for `bit_count` bits. */
static struct bytes get_bits(struct mp_in *in, uint32_t bit_count)
{
    struct bytes bits = mp_in_bin(in, (MSG_BITS_MAX + 7) / 8);
    if (bits.size != 0 && bits.size != (bit_count + 7u) / 8u) {
        mp_in_fail(in);
    }
    return bits;
}

void codec_get_digest(struct codec_in *c, struct msg_digest *m)
{
    struct mp_in *in = &c->in;
    size_t count = codec_open(in, DIGEST_FIELDS);
    codec_get_guid(in, &m->origin);
    m->low = mp_in_uint(in, UINT64_MAX);
    m->high = mp_in_uint(in, UINT64_MAX);
    m->from = mp_in_uint(in, UINT64_MAX);
    m->bit_count = (uint32_t)mp_in_uint(in, MSG_BITS_MAX);
    m->ended = get_bits(in, m->bit_count);
    m->ready = get_bits(in, m->bit_count);
    codec_close(in, count, DIGEST_FIELDS);
}

void codec_put_seqs(struct mp_out *out, const struct msg_seqs *m)
{
    mp_out_array(out, SEQS_FIELDS);
    mp_out_guid(out, &m->origin);
    codec_put_numbers(out, m->seqs, m->count);
}

void codec_get_seqs(struct codec_in *c, struct msg_seqs *m)
{
    size_t count = codec_open(&c->in, SEQS_FIELDS);
    codec_get_guid(&c->in, &m->origin);
    m->count = codec_get_numbers(c);
    m->seqs = c->arrays->seqs;
    codec_close(&c->in, count, SEQS_FIELDS);
}

void codec_put_exec(struct mp_out *out, const struct msg_exec *m)
{
    mp_out_array(out, EXEC_FIELDS);
    mp_out_guid(out, &m->guid);
    mp_out_guid(out, &m->origin);
    mp_out_uint(out, m->seq);
    mp_out_guid(out, &m->executor);
    mp_out_uint(out, m->attempt);
}

void codec_get_exec(struct codec_in *c, struct msg_exec *m)
{
    size_t count = codec_open(&c->in, EXEC_FIELDS);
    codec_get_guid(&c->in, &m->guid);
    codec_get_guid(&c->in, &m->origin);
    m->seq = mp_in_uint(&c->in, UINT64_MAX);
    codec_get_guid(&c->in, &m->executor);
    m->attempt = (uint8_t)mp_in_uint(&c->in, UINT8_MAX);
    codec_close(&c->in, count, EXEC_FIELDS);
}

void codec_put_stream_ack(struct mp_out *out, const struct msg_stream_ack *m)
{
    mp_out_array(out, STREAM_ACK_FIELDS);
    mp_out_uint(out, m->lane);
    mp_out_uint(out, m->through_size);
}

void codec_get_stream_ack(struct codec_in *c, struct msg_stream_ack *m)
{
    size_t count = codec_open(&c->in, STREAM_ACK_FIELDS);
    m->lane = (uint8_t)mp_in_uint(&c->in, LANE_COUNT - 1);
    m->through_size = mp_in_uint(&c->in, UINT64_MAX);
    codec_close(&c->in, count, STREAM_ACK_FIELDS);
}

/* --- questions ---------------------------------------------------------------------------- */

void codec_put_ask(struct mp_out *out, const struct msg_ask *m)
{
    codec_open_out(out, ASK_FIELDS, m->tenant);
    mp_out_uint(out, m->request);
    mp_out_guid(out, &m->guid);
    codec_put_tenant(out, m->tenant);
}

void codec_get_ask(struct codec_in *c, struct msg_ask *m)
{
    size_t count = codec_open(&c->in, ASK_FIELDS);
    m->request = mp_in_uint(&c->in, UINT64_MAX);
    codec_get_guid(&c->in, &m->guid);
    codec_close_tenant(&c->in, count, ASK_FIELDS, &m->tenant);
}

void codec_put_status(struct mp_out *out, const struct msg_status *m)
{
    codec_open_out(out, STATUS_FIELDS, m->tenant);
    mp_out_uint(out, m->request);
    mp_out_uint(out, m->answer);
    codec_put_entry(out, &m->entry);
    mp_out_str(out, m->function);
    mp_out_str(out, m->node_name);
    mp_out_bin(out, m->client_id);
    mp_out_uint(out, m->state);
    mp_out_uint(out, m->webhook);
    mp_out_uint(out, m->result_status);
    mp_out_uint(out, m->attempt);
    mp_out_uint(out, m->created_ago_ms);
    mp_out_uint(out, m->started_ago_ms);
    mp_out_uint(out, m->completed_ago_ms);
    mp_out_uint(out, m->ended_ago_ms);
    mp_out_uint(out, m->expires_left_ms);
    mp_out_uint(out, m->queue_position);
    mp_out_uint(out, m->estimate_ms);
    codec_put_tenant(out, m->tenant);
}

void codec_get_status(struct codec_in *c, struct msg_status *m)
{
    struct mp_in *in = &c->in;
    size_t count = codec_open(in, STATUS_FIELDS);
    m->request = mp_in_uint(in, UINT64_MAX);
    m->answer = (uint8_t)mp_in_uint(in, UINT8_MAX);
    codec_get_entry(in, &m->entry);
    m->function = codec_line(in, mp_in_str(in, MSG_FUNCTION_MAX));
    m->node_name = mp_in_str(in, MSG_NAME_MAX);
    m->client_id = codec_line(in, mp_in_bin(in, MSG_KEY_MAX));
    m->state = (uint8_t)mp_in_uint(in, UINT8_MAX);
    m->webhook = (uint8_t)mp_in_uint(in, UINT8_MAX);
    m->result_status = (uint16_t)mp_in_uint(in, UINT16_MAX);
    m->attempt = (uint32_t)mp_in_uint(in, UINT32_MAX);
    m->created_ago_ms = mp_in_uint(in, UINT64_MAX);
    m->started_ago_ms = mp_in_uint(in, UINT64_MAX);
    m->completed_ago_ms = mp_in_uint(in, UINT64_MAX);
    m->ended_ago_ms = mp_in_uint(in, UINT64_MAX);
    m->expires_left_ms = mp_in_uint(in, UINT64_MAX);
    m->queue_position = (uint32_t)mp_in_uint(in, UINT32_MAX);
    m->estimate_ms = (uint32_t)mp_in_uint(in, UINT32_MAX);
    codec_close_tenant(in, count, STATUS_FIELDS, &m->tenant);
}

void codec_put_registration(struct mp_out *out, const struct msg_registration *m)
{
    mp_out_array(out, REGISTRATION_FIELDS);
    mp_out_uint(out, m->request);
    mp_out_uint(out, m->op);
    mp_out_uint(out, m->space);
    mp_out_bin(out, m->key);
    mp_out_guid_or_nil(out, &m->guid);
    mp_out_uint(out, m->fingerprint);
    mp_out_uint(out, m->keep_ms);
}

void codec_get_registration(struct codec_in *c, struct msg_registration *m)
{
    struct mp_in *in = &c->in;
    size_t count = codec_open(in, REGISTRATION_FIELDS);
    m->request = mp_in_uint(in, UINT64_MAX);
    m->op = (uint8_t)mp_in_uint(in, UINT8_MAX);
    m->space = (uint8_t)mp_in_uint(in, UINT8_MAX);
    m->key = mp_in_bin(in, MSG_KEY_MAX);
    codec_get_guid_or_nil(in, &m->guid);
    m->fingerprint = mp_in_uint(in, UINT64_MAX);
    m->keep_ms = (uint32_t)mp_in_uint(in, UINT32_MAX);
    codec_close(in, count, REGISTRATION_FIELDS);
}

void codec_put_registered(struct mp_out *out, const struct msg_registered *m)
{
    mp_out_array(out, REGISTERED_FIELDS);
    mp_out_uint(out, m->request);
    mp_out_bool(out, m->found);
    mp_out_guid_or_nil(out, &m->guid);
    mp_out_uint(out, m->fingerprint);
}

void codec_get_registered(struct codec_in *c, struct msg_registered *m)
{
    size_t count = codec_open(&c->in, REGISTERED_FIELDS);
    m->request = mp_in_uint(&c->in, UINT64_MAX);
    m->found = mp_in_bool(&c->in);
    codec_get_guid_or_nil(&c->in, &m->guid);
    m->fingerprint = mp_in_uint(&c->in, UINT64_MAX);
    codec_close(&c->in, count, REGISTERED_FIELDS);
}
