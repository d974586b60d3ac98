#include "handlers/intake.h"

#include <assert.h>

#define FIRST_ROOM 4096u /* bytes */

void intake_init(struct intake *in, struct budget *budget, size_t max)
{
    *in = (struct intake){.budget = budget, .max = max};
}

void intake_fini(struct intake *in)
{
    buf_drop(&in->buf);
    in->used = 0;
}

static int fail(struct intake *in, int rc)
{
    if (in->rc == 0) {
        in->rc = rc;
    }
    return rc;
}

/* Makes the buffer `size` bytes in all. */
static int resize(struct intake *in, size_t size)
{
    return in->buf == NULL ? buf_new(&in->buf, in->budget, size) : buf_grow(&in->buf, size);
}

int intake_expect(struct intake *in, uint64_t size)
{
    if (size > in->max) {
        return fail(in, ERR_TOOBIG);
    }
    int rc = size <= buf_size(in->buf) ? 0 : resize(in, (size_t)size);
    return rc == 0 ? 0 : fail(in, rc);
}

/* Twice as much as there is, at least `need`, and no more than may come. */
static size_t next_size(const struct intake *in, size_t need)
{
    size_t size = in->buf == NULL ? FIRST_ROOM : (size_t)in->buf->size * 2;
    size = size < need ? need : size;
    return size > in->max ? in->max : size;
}

static int make_room(struct intake *in, size_t more)
{
    if (more > in->max - in->used) {
        return ERR_TOOBIG;
    }
    size_t need = in->used + more;
    return need <= buf_size(in->buf) ? 0 : resize(in, next_size(in, need));
}

uint8_t *intake_room(struct intake *in, size_t *size)
{
    if (in->rc != 0) {
        return NULL;
    }
    in->refusal = make_room(in, 1);
    if (in->refusal != 0) {
        *size = 1;
        return &in->spill;
    }
    *size = in->buf->size - in->used;
    return in->buf->data + in->used;
}

void intake_commit(struct intake *in, size_t size)
{
    if (in->refusal != 0 && size > 0) {
        fail(in, in->refusal);
        return;
    }
    assert(size <= buf_size(in->buf) - in->used);
    in->used += size;
}

int intake_append(struct intake *in, struct bytes b)
{
    if (in->rc != 0 || b.size == 0) {
        return in->rc;
    }
    int rc = make_room(in, b.size);
    if (rc != 0) {
        return fail(in, rc);
    }
    memcpy(in->buf->data + in->used, b.at, b.size);
    in->used += b.size;
    return 0;
}

int intake_error(const struct intake *in)
{
    return in->rc;
}

int intake_prepend(struct intake *in, struct bytes text)
{
    size_t need = in->used + text.size;
    if (need > buf_size(in->buf)) {
        int rc = resize(in, need);
        if (rc != 0) {
            return rc;
        }
    }
    memmove(in->buf->data + text.size, in->buf->data, in->used);
    memcpy(in->buf->data, text.at, text.size);
    in->used = need;
    return 0;
}

struct buf *intake_take(struct intake *in)
{
    struct buf *taken = in->buf;
    in->buf = NULL;
    if (taken != NULL && in->used == 0) {
        buf_drop(&taken);
    } else if (taken != NULL) {
        buf_shrink(&taken, in->used);
    }
    in->used = 0;
    return taken;
}
