#include "proto/frame.h"

#include "base/err.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>

#define LENGTH_SIZE 4u /* bytes of the length field, which does not count itself */
#define CUT_KEEP_SIZE                                                                          \
    ((size_t)16 * 1024) /* a cut frame's memory up to this is kept for the next */

static size_t read_length(const uint8_t *at)
{
    uint32_t wire;
    memcpy(&wire, at, sizeof wire);
    return be32toh(wire);
}

void frame_write_head(uint8_t out[FRAME_HEAD_SIZE], const struct frame *f, size_t body_size)
{
    assert(body_size <= UINT32_MAX - FRAME_HEAD_SIZE);
    uint32_t length = htobe32((uint32_t)(FRAME_HEAD_SIZE - LENGTH_SIZE + body_size));
    uint16_t version = htobe16(f->version);
    uint64_t sent_ms = htobe64(f->sent_ms);
    memcpy(out, &length, sizeof length);
    out[4] = f->type;
    out[5] = f->flags;
    memcpy(out + 6, &version, sizeof version);
    memcpy(out + 8, &sent_ms, sizeof sent_ms);
}

static void read_head(struct frame *out, const uint8_t *head)
{
    uint16_t version;
    uint64_t sent_ms;
    memcpy(&version, head + 6, sizeof version);
    memcpy(&sent_ms, head + 8, sizeof sent_ms);
    out->type = head[4];
    out->flags = head[5];
    out->version = be16toh(version);
    out->sent_ms = be64toh(sent_ms);
}

/* The size of the whole frame that begins with these four bytes, or 0 and the error set. */
static size_t whole_size(struct frame_reader *r, const uint8_t *head)
{
    size_t length = read_length(head);
    if (length < FRAME_HEAD_SIZE - LENGTH_SIZE) {
        r->error = ERR_MALFORMED;
        return 0;
    }
    size_t size = LENGTH_SIZE + length;
    if (size > r->limit) {
        r->error = ERR_TOOBIG;
        return 0;
    }
    return size;
}

void frame_reader_init(struct frame_reader *r, uint32_t limit)
{
    *r = (struct frame_reader){.limit = limit};
}

void frame_reader_fini(struct frame_reader *r)
{
    free(r->cut);
    *r = (struct frame_reader){.error = ERR_CLOSED};
}

void frame_reader_set_limit(struct frame_reader *r, uint32_t limit)
{
    r->limit = limit;
}

void frame_reader_feed(struct frame_reader *r, struct bytes in)
{
    assert(r->in.size == 0 || r->error != 0); /* the former input was read to its end */
    r->in = in;
}

int frame_reader_error(const struct frame_reader *r)
{
    return r->error;
}

static size_t take(struct frame_reader *r, uint8_t *to, size_t size)
{
    size_t n = size < r->in.size ? size : r->in.size;
    if (n > 0) {
        memcpy(to, r->in.at, n);
        r->in = bytes_of(r->in.at + n, r->in.size - n);
    }
    return n;
}

/* Room for the cut frame, whose head is complete in r->head. */
static bool make_cut(struct frame_reader *r)
{
    size_t size = whole_size(r, r->head);
    if (size == 0) {
        return false;
    }
    if (r->cut_room < size) {
        free(r->cut);
        r->cut = malloc(size);
        r->cut_room = r->cut == NULL ? 0 : size;
    }
    if (r->cut == NULL) {
        r->error = ERR_NOMEM;
        return false;
    }
    memcpy(r->cut, r->head, FRAME_HEAD_SIZE);
    r->cut_size = size;
    return true;
}

/* Goes on with the cut frame. True when it is whole. */
static bool fill_cut(struct frame_reader *r)
{
    if (r->cut_size == 0) {
        r->cut_have += take(r, r->head + r->cut_have, FRAME_HEAD_SIZE - r->cut_have);
        /* A length that is not allowed is refused as soon as it can be read. */
        if (r->cut_have >= LENGTH_SIZE && whole_size(r, r->head) == 0) {
            return false;
        }
        if (r->cut_have < FRAME_HEAD_SIZE || !make_cut(r)) {
            return false;
        }
    }
    r->cut_have += take(r, r->cut + r->cut_have, r->cut_size - r->cut_have);
    return r->cut_have == r->cut_size;
}

static void end_loan(struct frame_reader *r)
{
    r->cut_is_lent = false;
    r->cut_have = 0;
    r->cut_size = 0;
    if (r->cut_room > CUT_KEEP_SIZE) {
        free(r->cut);
        r->cut = NULL;
        r->cut_room = 0;
    }
}

bool frame_reader_next(struct frame_reader *r, struct frame *out)
{
    if (r->cut_is_lent) {
        end_loan(r);
    }
    if (r->error != 0) {
        return false;
    }
    if (r->cut_have == 0 && r->in.size >= FRAME_HEAD_SIZE) {
        size_t size = whole_size(r, r->in.at);
        if (size == 0) {
            return false;
        }
        if (size <= r->in.size) {
            read_head(out, r->in.at);
            out->body = bytes_of(r->in.at + FRAME_HEAD_SIZE, size - FRAME_HEAD_SIZE);
            r->in = bytes_of(r->in.at + size, r->in.size - size);
            return true;
        }
    }
    if (!fill_cut(r)) {
        return false;
    }
    read_head(out, r->cut);
    out->body = bytes_of(r->cut + FRAME_HEAD_SIZE, r->cut_size - FRAME_HEAD_SIZE);
    r->cut_is_lent = true;
    return true;
}

uint8_t *frame_reader_room(struct frame_reader *r, size_t *room)
{
    if (r->cut_size == 0 || r->error != 0 || r->cut_is_lent) {
        *room = 0;
        return NULL;
    }
    *room = r->cut_size - r->cut_have;
    return r->cut + r->cut_have;
}

void frame_reader_filled(struct frame_reader *r, size_t size)
{
    assert(r->cut_size != 0);
    assert(size <= r->cut_size - r->cut_have);
    r->cut_have += size;
}
