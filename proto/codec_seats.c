/* Seats that change hands: SEAT, SEAT_ACK, MOVED, TURN. */
#include "proto/codec_fields.h"

enum { TURN_FIELDS = 6 };
enum { SEAT_FIELDS = 8, PLACE_FIELDS = 6, SEAT_ACK_FIELDS = 3, MOVED_FIELDS = 2 };

static void put_place(struct mp_out *out, const struct msg_place *p)
{
    mp_out_array(out, PLACE_FIELDS);
    mp_out_uint(out, p->seat);
    mp_out_bool(out, p->waits);
    mp_out_uint(out, p->purpose);
    codec_put_claim_no(out, &p->no);
    mp_out_guid_or_nil(out, &p->token);
}

void codec_put_seat(struct mp_out *out, const struct msg_seat *m)
{
    mp_out_array(out, SEAT_FIELDS + codec_term_fields(&m->term));
    mp_out_guid(out, &m->guid);
    mp_out_guid(out, &m->origin);
    mp_out_uint(out, m->seq);
    mp_out_uint(out, m->seats);
    mp_out_bool(out, m->ready);
    mp_out_bool(out, m->whole);
    mp_out_uint(out, m->bound_left_ms);
    mp_out_array(out, m->count);
    for (uint32_t i = 0; i < m->count; i++) {
        put_place(out, &m->at[i]);
    }
    codec_put_term(out, &m->term);
}

static void get_place(struct mp_in *in, struct msg_place *p)
{
    size_t count = codec_open(in, PLACE_FIELDS);
    p->seat = (uint8_t)mp_in_uint(in, MSG_ARBITERS_MAX - 1);
    p->waits = mp_in_bool(in);
    p->purpose = (uint8_t)mp_in_uint(in, UINT8_MAX);
    codec_get_claim_no(in, &p->no);
    codec_get_guid_or_nil(in, &p->token);
    codec_close(in, count, PLACE_FIELDS);
}

void codec_get_seat(struct codec_in *c, struct msg_seat *m)
{
    struct mp_in *in = &c->in;
    size_t count = codec_open(in, SEAT_FIELDS);
    codec_get_guid(in, &m->guid);
    codec_get_guid(in, &m->origin);
    m->seq = mp_in_uint(in, UINT64_MAX);
    m->seats = (uint8_t)mp_in_uint(in, (1u << MSG_ARBITERS_MAX) - 1);
    m->ready = mp_in_bool(in);
    m->whole = mp_in_bool(in);
    m->bound_left_ms = (uint32_t)mp_in_uint(in, UINT32_MAX);
    m->count = (uint32_t)mp_in_array(in, 0, MSG_PLACES_MAX);
    m->at = c->arrays->places;
    for (uint32_t i = 0; i < m->count; i++) {
        get_place(in, &c->arrays->places[i]);
    }
    codec_close_term(in, count, SEAT_FIELDS, &m->term);
}

void codec_put_seat_ack(struct mp_out *out, const struct msg_seat_ack *m)
{
    mp_out_array(out, SEAT_ACK_FIELDS);
    mp_out_guid(out, &m->guid);
    mp_out_uint(out, m->seats);
    mp_out_uint(out, m->why);
}

void codec_get_seat_ack(struct codec_in *c, struct msg_seat_ack *m)
{
    size_t count = codec_open(&c->in, SEAT_ACK_FIELDS);
    codec_get_guid(&c->in, &m->guid);
    m->seats = (uint8_t)mp_in_uint(&c->in, (1u << MSG_ARBITERS_MAX) - 1);
    m->why = (uint8_t)mp_in_uint(&c->in, UINT8_MAX);
    codec_close(&c->in, count, SEAT_ACK_FIELDS);
}

void codec_put_moved(struct mp_out *out, const struct msg_moved *m)
{
    mp_out_array(out, MOVED_FIELDS);
    mp_out_guid(out, &m->holder);
    mp_out_array(out, m->count);
    for (uint32_t i = 0; i < m->count; i++) {
        mp_out_guid(out, &m->nodes[i]);
    }
}

void codec_get_moved(struct codec_in *c, struct msg_moved *m)
{
    size_t count = codec_open(&c->in, MOVED_FIELDS);
    codec_get_guid(&c->in, &m->holder);
    m->count = (uint32_t)mp_in_array(&c->in, 0, MSG_MOVED_MAX);
    m->nodes = c->arrays->nodes;
    for (uint32_t i = 0; i < m->count; i++) {
        codec_get_guid(&c->in, &c->arrays->nodes[i]);
    }
    codec_close(&c->in, count, MOVED_FIELDS);
}

void codec_put_turn(struct mp_out *out, const struct msg_turn *m)
{
    mp_out_array(out, TURN_FIELDS + codec_term_fields(&m->term));
    mp_out_guid(out, &m->guid);
    mp_out_guid(out, &m->origin);
    mp_out_uint(out, m->seq);
    mp_out_uint(out, m->what);
    mp_out_uint(out, m->seats);
    mp_out_bool(out, m->ready);
    codec_put_term(out, &m->term);
}

void codec_get_turn(struct codec_in *c, struct msg_turn *m)
{
    size_t count = codec_open(&c->in, TURN_FIELDS);
    codec_get_guid(&c->in, &m->guid);
    codec_get_guid(&c->in, &m->origin);
    m->seq = mp_in_uint(&c->in, UINT64_MAX);
    m->what = (uint8_t)mp_in_uint(&c->in, UINT8_MAX);
    m->seats = (uint8_t)mp_in_uint(&c->in, (1u << MSG_ARBITERS_MAX) - 1);
    m->ready = mp_in_bool(&c->in);
    codec_close_term(&c->in, count, TURN_FIELDS, &m->term);
}
