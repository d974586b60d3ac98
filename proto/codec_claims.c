/* The one collection: CLAIM, GRANT, DENY, RELEASE, TAKEN. */
#include "proto/codec_fields.h"

enum {
    CLAIM_FIELDS = 6,
    CLAIM_FIELDS_NOW = 8,
    GRANT_FIELDS = 5,
    DENY_FIELDS = 4,
    RELEASE_FIELDS = 3
};
enum { TAKEN_FIELDS = 1, TAKEN_ITEM_FIELDS = 7 };

void codec_put_claim(struct mp_out *out, const struct msg_claim *m)
{
    mp_out_array(out, CLAIM_FIELDS_NOW);
    mp_out_guid(out, &m->guid);
    codec_put_claim_no(out, &m->no);
    mp_out_uint(out, m->purpose);
    mp_out_uint(out, m->wait_left_ms);
    mp_out_guid_or_nil(out, &m->token);
    mp_out_str(out, m->tenant);
    mp_out_uint(out, m->seat);
}

void codec_get_claim(struct codec_in *c, struct msg_claim *m)
{
    struct mp_in *in = &c->in;
    size_t count = codec_open(in, CLAIM_FIELDS);
    codec_get_guid(in, &m->guid);
    codec_get_claim_no(in, &m->no);
    m->purpose = (uint8_t)mp_in_uint(in, UINT8_MAX);
    m->wait_left_ms = (uint32_t)mp_in_uint(in, UINT32_MAX);
    codec_get_guid_or_nil(in, &m->token);
    m->tenant = count > CLAIM_FIELDS ? mp_in_str(in, MSG_TENANT_MAX) : bytes_of(NULL, 0);
    m->seat = count > CLAIM_FIELDS + 1 ? (uint8_t)mp_in_uint(in, MSG_ARBITERS_MAX) : 0;
    codec_close(in, count, CLAIM_FIELDS_NOW);
}

void codec_put_grant(struct mp_out *out, const struct msg_grant *m)
{
    mp_out_array(out, GRANT_FIELDS + codec_term_fields(&m->term));
    mp_out_guid(out, &m->guid);
    codec_put_claim_no(out, &m->no);
    mp_out_bool(out, m->ready);
    mp_out_bool(out, m->has_payload);
    codec_put_term(out, &m->term);
}

void codec_get_grant(struct codec_in *c, struct msg_grant *m)
{
    size_t count = codec_open(&c->in, GRANT_FIELDS);
    codec_get_guid(&c->in, &m->guid);
    codec_get_claim_no(&c->in, &m->no);
    m->ready = mp_in_bool(&c->in);
    m->has_payload = mp_in_bool(&c->in);
    codec_close_term(&c->in, count, GRANT_FIELDS, &m->term);
}

void codec_put_deny(struct mp_out *out, const struct msg_deny *m)
{
    mp_out_array(out, DENY_FIELDS + codec_term_fields(&m->term));
    mp_out_guid(out, &m->guid);
    codec_put_claim_no(out, &m->no);
    mp_out_uint(out, m->why);
    codec_put_term(out, &m->term);
}

void codec_get_deny(struct codec_in *c, struct msg_deny *m)
{
    size_t count = codec_open(&c->in, DENY_FIELDS);
    codec_get_guid(&c->in, &m->guid);
    codec_get_claim_no(&c->in, &m->no);
    m->why = (uint8_t)mp_in_uint(&c->in, UINT8_MAX);
    codec_close_term(&c->in, count, DENY_FIELDS, &m->term);
}

void codec_put_release(struct mp_out *out, const struct msg_release *m)
{
    mp_out_array(out, RELEASE_FIELDS);
    mp_out_guid(out, &m->guid);
    codec_put_claim_no(out, &m->no);
}

void codec_get_release(struct codec_in *c, struct msg_release *m)
{
    size_t count = codec_open(&c->in, RELEASE_FIELDS);
    codec_get_guid(&c->in, &m->guid);
    codec_get_claim_no(&c->in, &m->no);
    codec_close(&c->in, count, RELEASE_FIELDS);
}

void codec_put_taken(struct mp_out *out, const struct msg_taken *m)
{
    mp_out_array(out, TAKEN_FIELDS);
    mp_out_array(out, m->count);
    for (uint32_t i = 0; i < m->count; i++) {
        const struct msg_taken_item *item = &m->at[i];
        mp_out_array(out, TAKEN_ITEM_FIELDS);
        mp_out_guid(out, &item->guid);
        codec_put_claim_no(out, &item->no);
        mp_out_uint(out, item->state);
        mp_out_uint(out, item->webhook);
        mp_out_guid_or_nil(out, &item->token);
        mp_out_uint(out, item->redeliver_ms);
    }
}

void codec_get_taken(struct codec_in *c, struct msg_taken *m)
{
    struct mp_in *in = &c->in;
    size_t count = codec_open(in, TAKEN_FIELDS);
    m->count = (uint32_t)mp_in_array(in, 0, MSG_TAKEN_MAX);
    m->at = c->arrays->taken;
    for (uint32_t i = 0; i < m->count; i++) {
        struct msg_taken_item *item = &c->arrays->taken[i];
        size_t fields = codec_open(in, TAKEN_ITEM_FIELDS);
        codec_get_guid(in, &item->guid);
        codec_get_claim_no(in, &item->no);
        item->state = (uint8_t)mp_in_uint(in, UINT8_MAX);
        item->webhook = (uint8_t)mp_in_uint(in, UINT8_MAX);
        codec_get_guid_or_nil(in, &item->token);
        item->redeliver_ms = (uint32_t)mp_in_uint(in, UINT32_MAX);
        codec_close(in, fields, TAKEN_ITEM_FIELDS);
    }
    codec_close(in, count, TAKEN_FIELDS);
}
