/* What the codecs of the single messages share: for proto/codec*.c only.
 *
 * Each message has a codec_put_X that writes its array and a codec_get_X that reads it, after
 * codec.c has opened the frame, or the input. Both are total: failures are remembered in
 * the queue and in the reader. */
#ifndef PROTO_CODEC_FIELDS_H
#define PROTO_CODEC_FIELDS_H

#include "proto/codec.h"
#include "proto/mp_in.h"
#include "proto/mp_out.h"

/* What reading a message needs beside the input. */
struct codec_in {
    struct mp_in in;
    struct codec_arrays *arrays;
    struct budget *budget;
};

/* Opens an array that version 1 of the message gave `known` fields, and ends it: newer fields
 * are passed over. */
static inline size_t codec_open(struct mp_in *in, size_t known)
{
    return mp_in_array(in, known, SIZE_MAX);
}

static inline void codec_close(struct mp_in *in, size_t count, size_t known)
{
    if (!in->failed && count > known) {
        mp_in_skip(in, count - known);
    }
}

/* What becomes the value of a header: no line end in it, nor another control character. */
static inline struct bytes codec_line(struct mp_in *in, struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < 0x20 || text.at[i] == 0x7f) {
            mp_in_fail(in);
            return bytes_of(NULL, 0);
        }
    }
    return text;
}

/* Whose it is, behind the fields of version 1; no tenant is not sent. */
static inline void codec_open_out(struct mp_out *out, size_t known, struct bytes tenant)
{
    mp_out_array(out, known + (tenant.size > 0));
}

static inline void codec_put_tenant(struct mp_out *out, struct bytes tenant)
{
    if (tenant.size > 0) {
        mp_out_str(out, tenant);
    }
}

static inline void codec_close_tenant(struct mp_in *in, size_t count, size_t known,
                                      struct bytes *tenant)
{
    *tenant = count > known ? mp_in_str(in, MSG_TENANT_MAX) : bytes_of(NULL, 0);
    codec_close(in, count, known + 1);
}

static inline void codec_get_guid(struct mp_in *in, struct guid *out)
{
    mp_in_fixed(in, out->at, GUID_SIZE);
}

static inline void codec_get_guid_or_nil(struct mp_in *in, struct guid *out)
{
    if (mp_in_nil(in)) {
        *out = (struct guid){{0}};
    } else {
        mp_in_fixed(in, out->at, GUID_SIZE);
    }
}

static inline void codec_put_claim_no(struct mp_out *out, const struct msg_claim_no *no)
{
    mp_out_guid_or_nil(out, &no->node);
    mp_out_uint(out, no->counter);
}

static inline void codec_get_claim_no(struct mp_in *in, struct msg_claim_no *no)
{
    codec_get_guid_or_nil(in, &no->node);
    no->counter = mp_in_uint(in, UINT64_MAX);
}

enum { CODEC_TERM_FIELDS = 3 };

/* At the end of a message, and only if there is a term. */
static inline uint32_t codec_term_fields(const struct msg_term *t)
{
    return t->number == 0 ? 0 : CODEC_TERM_FIELDS;
}

static inline void codec_put_term(struct mp_out *out, const struct msg_term *t)
{
    if (t->number > 0) {
        mp_out_uint(out, t->number);
        mp_out_bool(out, t->is_chosen);
        mp_out_array(out, MSG_ARBITERS_MAX);
        for (uint32_t i = 0; i < MSG_ARBITERS_MAX; i++) {
            mp_out_guid_or_nil(out, &t->voters[i]);
        }
    }
}

/* Closes the message, whose `known` fields before the term have been read. */
static inline void codec_close_term(struct mp_in *in, size_t count, size_t known,
                                    struct msg_term *t)
{
    *t = (struct msg_term){0};
    if (count < known + CODEC_TERM_FIELDS) {
        codec_close(in, count, known);
        return;
    }
    t->number = (uint8_t)mp_in_uint(in, UINT8_MAX);
    t->is_chosen = mp_in_bool(in);
    size_t voters = mp_in_array(in, MSG_ARBITERS_MAX, MSG_ARBITERS_MAX);
    for (uint32_t i = 0; i < voters && i < MSG_ARBITERS_MAX; i++) {
        codec_get_guid_or_nil(in, &t->voters[i]);
    }
    codec_close(in, count, known + CODEC_TERM_FIELDS);
}

/* Ascending numbers cost a byte each: every one is written as its distance from the one
 * before. Any order is possible, for the distance wraps. */
void codec_put_numbers(struct mp_out *out, const uint64_t *seqs, uint32_t count);
uint32_t codec_get_numbers(struct codec_in *c);

void codec_put_entry(struct mp_out *out, const struct msg_entry *e);
void codec_get_entry(struct mp_in *in, struct msg_entry *e);

#define CODEC_DECLARE(member)                                                                  \
    void codec_put_##member(struct mp_out *out, const struct msg_##member *m);                 \
    void codec_get_##member(struct codec_in *c, struct msg_##member *m);

CODEC_DECLARE(hello)
CODEC_DECLARE(reject)
CODEC_DECLARE(ping)
CODEC_DECLARE(pong)
CODEC_DECLARE(peers)
CODEC_DECLARE(probe)
CODEC_DECLARE(verdict)
CODEC_DECLARE(leave)
CODEC_DECLARE(accept)
CODEC_DECLARE(ack)
CODEC_DECLARE(create)
CODEC_DECLARE(deleted)
CODEC_DECLARE(claim)
CODEC_DECLARE(grant)
CODEC_DECLARE(deny)
CODEC_DECLARE(release)
CODEC_DECLARE(taken)
CODEC_DECLARE(payload_req)
CODEC_DECLARE(payload)
CODEC_DECLARE(digest)
CODEC_DECLARE(seqs)
CODEC_DECLARE(exec)
CODEC_DECLARE(stream_ack)
CODEC_DECLARE(ask)
CODEC_DECLARE(status)
CODEC_DECLARE(registration)
CODEC_DECLARE(registered)
CODEC_DECLARE(survey)
CODEC_DECLARE(report)
CODEC_DECLARE(seat)
CODEC_DECLARE(seat_ack)
CODEC_DECLARE(moved)
CODEC_DECLARE(turn)

#endif
