/* Links and members: HELLO to LEAVE. */
#include "proto/codec_fields.h"

enum { HELLO_FIELDS = 9, REJECT_FIELDS = 2, PING_FIELDS = 1, PONG_FIELDS = 2 };
enum { PEERS_FIELDS = 1, PEER_FIELDS = 5, PROBE_FIELDS = 1, VERDICT_FIELDS = 2 };
enum { LEAVE_FIELDS = 1 };

void codec_put_hello(struct mp_out *out, const struct msg_hello *m)
{
    mp_out_array(out, HELLO_FIELDS);
    mp_out_uint(out, m->version_min);
    mp_out_uint(out, m->version_max);
    mp_out_str(out, m->cluster_name);
    mp_out_guid(out, &m->node_id);
    mp_out_str(out, m->node_name);
    mp_out_str(out, m->zone);
    mp_out_str(out, m->address);
    mp_out_uint(out, m->lane);
    mp_out_uint(out, (m->available ? 1u : 0u) | (m->leaving ? 2u : 0u) |
                         (m->takes_seats ? 4u : 0u) | (m->takes_terms ? 8u : 0u));
}

void codec_get_hello(struct codec_in *c, struct msg_hello *m)
{
    struct mp_in *in = &c->in;
    size_t count = codec_open(in, HELLO_FIELDS);
    m->version_min = (uint32_t)mp_in_uint(in, UINT32_MAX);
    m->version_max = (uint32_t)mp_in_uint(in, UINT32_MAX);
    m->cluster_name = mp_in_str(in, MSG_NAME_MAX);
    codec_get_guid(in, &m->node_id);
    m->node_name = mp_in_str(in, MSG_NAME_MAX);
    m->zone = mp_in_str(in, MSG_NAME_MAX);
    m->address = mp_in_str(in, MSG_NAME_MAX);
    m->lane = (uint8_t)mp_in_uint(in, LANE_COUNT - 1);
    uint64_t flags = mp_in_uint(in, UINT64_MAX); /* more of them may come */
    m->available = (flags & 1) != 0;
    m->leaving = (flags & 2) != 0;
    m->takes_seats = (flags & 4) != 0;
    m->takes_terms = (flags & 8) != 0;
    codec_close(in, count, HELLO_FIELDS);
}

void codec_put_reject(struct mp_out *out, const struct msg_reject *m)
{
    mp_out_array(out, REJECT_FIELDS);
    mp_out_uint(out, m->code);
    mp_out_str(out, m->reason);
}

void codec_get_reject(struct codec_in *c, struct msg_reject *m)
{
    size_t count = codec_open(&c->in, REJECT_FIELDS);
    m->code = (uint8_t)mp_in_uint(&c->in, UINT8_MAX);
    m->reason = mp_in_str(&c->in, MSG_NAME_MAX);
    codec_close(&c->in, count, REJECT_FIELDS);
}

void codec_put_ping(struct mp_out *out, const struct msg_ping *m)
{
    mp_out_array(out, PING_FIELDS);
    mp_out_uint(out, m->members_hash);
}

void codec_get_ping(struct codec_in *c, struct msg_ping *m)
{
    size_t count = codec_open(&c->in, PING_FIELDS);
    m->members_hash = mp_in_uint(&c->in, UINT64_MAX);
    codec_close(&c->in, count, PING_FIELDS);
}

void codec_put_pong(struct mp_out *out, const struct msg_pong *m)
{
    mp_out_array(out, PONG_FIELDS);
    mp_out_uint(out, m->ping_sent_ms);
    mp_out_uint(out, m->members_hash);
}

void codec_get_pong(struct codec_in *c, struct msg_pong *m)
{
    size_t count = codec_open(&c->in, PONG_FIELDS);
    m->ping_sent_ms = mp_in_uint(&c->in, UINT64_MAX);
    m->members_hash = mp_in_uint(&c->in, UINT64_MAX);
    codec_close(&c->in, count, PONG_FIELDS);
}

void codec_put_peers(struct mp_out *out, const struct msg_peers *m)
{
    mp_out_array(out, PEERS_FIELDS);
    mp_out_array(out, m->count);
    for (uint32_t i = 0; i < m->count; i++) {
        const struct msg_peer *p = &m->at[i];
        mp_out_array(out, PEER_FIELDS);
        mp_out_guid(out, &p->node_id);
        mp_out_str(out, p->node_name);
        mp_out_str(out, p->zone);
        mp_out_str(out, p->address);
        mp_out_uint(out, p->state);
    }
}

void codec_get_peers(struct codec_in *c, struct msg_peers *m)
{
    struct mp_in *in = &c->in;
    size_t count = codec_open(in, PEERS_FIELDS);
    m->count = (uint32_t)mp_in_array(in, 0, MSG_PEERS_MAX);
    m->at = c->arrays->peers;
    for (uint32_t i = 0; i < m->count; i++) {
        struct msg_peer *p = &c->arrays->peers[i];
        size_t fields = codec_open(in, PEER_FIELDS);
        codec_get_guid(in, &p->node_id);
        p->node_name = mp_in_str(in, MSG_NAME_MAX);
        p->zone = mp_in_str(in, MSG_NAME_MAX);
        p->address = mp_in_str(in, MSG_NAME_MAX);
        p->state = (uint8_t)mp_in_uint(in, UINT8_MAX);
        codec_close(in, fields, PEER_FIELDS);
    }
    codec_close(in, count, PEERS_FIELDS);
}

void codec_put_probe(struct mp_out *out, const struct msg_probe *m)
{
    mp_out_array(out, PROBE_FIELDS);
    mp_out_guid(out, &m->node);
}

void codec_get_probe(struct codec_in *c, struct msg_probe *m)
{
    size_t count = codec_open(&c->in, PROBE_FIELDS);
    codec_get_guid(&c->in, &m->node);
    codec_close(&c->in, count, PROBE_FIELDS);
}

void codec_put_verdict(struct mp_out *out, const struct msg_verdict *m)
{
    mp_out_array(out, VERDICT_FIELDS);
    mp_out_guid(out, &m->node);
    mp_out_bool(out, m->final);
}

void codec_get_verdict(struct codec_in *c, struct msg_verdict *m)
{
    size_t count = codec_open(&c->in, VERDICT_FIELDS);
    codec_get_guid(&c->in, &m->node);
    m->final = mp_in_bool(&c->in);
    codec_close(&c->in, count, VERDICT_FIELDS);
}

void codec_put_leave(struct mp_out *out, const struct msg_leave *m)
{
    mp_out_array(out, LEAVE_FIELDS);
    mp_out_bool(out, m->gone);
}

void codec_get_leave(struct codec_in *c, struct msg_leave *m)
{
    size_t count = codec_open(&c->in, LEAVE_FIELDS);
    m->gone = mp_in_bool(&c->in);
    codec_close(&c->in, count, LEAVE_FIELDS);
}
