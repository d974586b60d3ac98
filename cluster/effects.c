#include "cluster/effects.h"

#include "base/err.h"

#include <assert.h>
#include <stdlib.h>

#define FIRST_ROOM   256u /* effects; a power of two */
#define SCRATCH_SIZE (16u * 1024u)

struct scratch_block {
    struct scratch_block *next;
    size_t used, room;
    uint64_t data[];
};

int effects_init(struct effects *es)
{
    *es = (struct effects){.room = FIRST_ROOM, .link_room = FIRST_ROOM};
    es->ring = calloc(es->room, sizeof *es->ring);
    es->links = calloc(es->link_room, sizeof *es->links);
    if (es->ring == NULL || es->links == NULL) {
        effects_fini(es);
        return ERR_NOMEM;
    }
    return 0;
}

/* Messages hold one reference to each buffer while they are in the queue. */
static void message_drop(struct msg *m)
{
    switch (m->kind) {
    case MSG_ACCEPT:
        request_drop(&m->accept.request);
        break;
    case MSG_CREATE:
        buf_drop(&m->create.headers);
        buf_drop(&m->create.body);
        break;
    case MSG_PAYLOAD:
        buf_drop(&m->payload.hold);
        break;
    default:
        break;
    }
}

static void last_link_drop(struct effects *es)
{
    if (es->has_last_link) {
        message_drop(&es->last_link.msg);
        es->has_last_link = false;
    }
}

static void scratch_clear(struct effects *es)
{
    struct scratch_block *block = es->scratch;
    while (block != NULL && block->next != NULL) {
        struct scratch_block *next = block->next;
        free(block);
        block = next;
    }
    if (block != NULL) {
        block->used = 0; /* the first one made stays */
    }
    es->scratch = block;
}

void effects_fini(struct effects *es)
{
    struct cluster_effect e;
    uint32_t ended;
    while (es->ring != NULL && effects_next(es, &e, &ended)) {
        if (e.kind == CLUSTER_COLLECT_SERVE) {
            result_drop(&e.result);
        }
    }
    last_link_drop(es);
    scratch_clear(es);
    free(es->scratch);
    free(es->ring);
    free(es->links);
    *es = (struct effects){0};
}

static void ring_grow(struct effects *es)
{
    struct cluster_effect *ring = calloc((size_t)es->room * 2, sizeof *ring);
    assert(ring != NULL); /* bounded by what one call can do; it is never sized by outsiders */
    for (uint32_t i = 0; i < es->count; i++) {
        ring[i] = es->ring[(es->first + i) & (es->room - 1)];
    }
    free(es->ring);
    es->ring = ring;
    es->first = 0;
    es->room *= 2;
}

struct cluster_effect *effects_add(struct effects *es, enum cluster_effect_kind kind)
{
    if (es->count == es->room) {
        ring_grow(es);
    }
    struct cluster_effect *e = &es->ring[(es->first + es->count) & (es->room - 1)];
    es->count++;
    memset(e, 0, sizeof *e);
    e->kind = kind;
    return e;
}

static bool links_grow(struct effects *es)
{
    struct link_effect *links = calloc((size_t)es->link_room * 2, sizeof *links);
    if (links == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < es->link_count; i++) {
        links[i] = es->links[(es->link_first + i) & (es->link_room - 1)];
    }
    free(es->links);
    es->links = links;
    es->link_first = 0;
    es->link_room *= 2;
    return true;
}

struct link_effect *effects_add_link(struct effects *es, enum cluster_effect_kind kind)
{
    if (es->link_count == es->link_room && !links_grow(es)) {
        return NULL;
    }
    effects_add(es, kind);
    struct link_effect *link =
        &es->links[(es->link_first + es->link_count) & (es->link_room - 1)];
    es->link_count++;
    memset(link, 0, sizeof *link);
    return link;
}

void *effects_scratch(struct effects *es, size_t size)
{
    size = (size + 7) & ~(size_t)7;
    struct scratch_block *block = es->scratch;
    if (block == NULL || block->room - block->used < size) {
        size_t room = size > SCRATCH_SIZE ? size : SCRATCH_SIZE;
        block = malloc(sizeof *block + room);
        if (block == NULL) {
            return NULL;
        }
        *block = (struct scratch_block){.next = es->scratch, .room = room};
        es->scratch = block;
    }
    void *at = (char *)block->data + block->used;
    block->used += size;
    return at;
}

struct bytes effects_keep(struct effects *es, struct bytes text)
{
    void *at = text.size == 0 ? NULL : effects_scratch(es, text.size);
    if (at == NULL) {
        return bytes_of(NULL, 0);
    }
    memcpy(at, text.at, text.size);
    return bytes_of(at, text.size);
}

static bool is_about_link(enum cluster_effect_kind kind)
{
    return kind >= CLUSTER_DIAL && kind <= CLUSTER_MEMBER;
}

static bool ends_invocation(enum cluster_effect_kind kind)
{
    return kind == CLUSTER_REFUSED || (kind >= CLUSTER_COLLECTED && kind <= CLUSTER_DROPPED);
}

bool effects_next(struct effects *es, struct cluster_effect *out, uint32_t *ended)
{
    *ended = es->ended;
    es->ended = 0;
    last_link_drop(es);
    if (es->count == 0) {
        scratch_clear(es);
        return false;
    }
    /* An emptied ring begins at its front again, whose memory is warm. */
    *out = es->ring[es->first];
    es->count--;
    es->first = es->count == 0 ? 0 : (es->first + 1) & (es->room - 1);
    if (is_about_link(out->kind)) {
        es->last_link = es->links[es->link_first];
        es->link_count--;
        es->link_first = es->link_count == 0 ? 0 : (es->link_first + 1) & (es->link_room - 1);
        es->has_last_link = true;
        out->link = &es->last_link;
    } else if (ends_invocation(out->kind)) {
        es->ended = (uint32_t)out->ticket;
        out->ticket = 0;
    }
    return true;
}
