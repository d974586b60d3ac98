#include "cluster/seqmap.h"

#include "base/err.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_BITS 6
#define PAGE_SIZE (1u << PAGE_BITS)

struct seqpage {
    uint64_t ended, ready;
    uint32_t live;
    uint32_t handles[PAGE_SIZE];
};

/* Stands for every page in which all have ended. */
static struct seqpage all_ended = {.ended = UINT64_MAX};

void seqmap_init(struct seqmap *m)
{
    *m = (struct seqmap){.low = 1, .high = 1};
}

static struct seqpage *page_at(const struct seqmap *m, uint64_t page)
{
    return m->room == 0 ? NULL : m->ring[page & (m->room - 1)];
}

static bool is_in_range(const struct seqmap *m, uint64_t seq)
{
    return seq >= m->low && seq < m->high;
}

/* The last page that may be there. That of `low` may, also when no number is known: what has
 * ended in it stays until `low` leaves it. */
static uint64_t last_page(const struct seqmap *m)
{
    return (m->high > m->low ? m->high - 1 : m->low) >> PAGE_BITS;
}

static void page_drop(struct seqmap *m, uint64_t page)
{
    struct seqpage **slot = &m->ring[page & (m->room - 1)];
    if (*slot != &all_ended) {
        free(*slot);
    }
    *slot = NULL;
}

void seqmap_fini(struct seqmap *m)
{
    for (uint32_t i = 0; i < m->room; i++) {
        if (m->ring[i] != &all_ended) {
            free(m->ring[i]);
        }
    }
    free(m->ring);
    *m = (struct seqmap){.low = m->low, .high = m->low};
}

static int ring_resize(struct seqmap *m, uint32_t room)
{
    struct seqpage **ring = calloc(room, sizeof(struct seqpage *));
    if (ring == NULL) {
        return ERR_NOMEM;
    }
    for (uint64_t page = m->low >> PAGE_BITS; page <= last_page(m); page++) {
        ring[page & (room - 1)] = page_at(m, page);
    }
    free(m->ring);
    m->ring = ring;
    m->room = room;
    return 0;
}

/* Room for pages from low to that of `seq`. */
static int reserve(struct seqmap *m, uint64_t seq)
{
    if (seq - m->low >= SEQMAP_SPAN_MAX) {
        return ERR_TOOBIG;
    }
    uint64_t pages = (seq >> PAGE_BITS) - (m->low >> PAGE_BITS) + 1;
    uint32_t room = m->room == 0 ? 4 : m->room;
    while (room < pages) {
        room *= 2;
    }
    return room == m->room ? 0 : ring_resize(m, room);
}

/* The page of `seq`, made if need be; its high is moved by the caller. */
static int page_make(struct seqmap *m, uint64_t seq, struct seqpage **out)
{
    int rc = reserve(m, seq);
    if (rc != 0) {
        return rc;
    }
    struct seqpage **slot = &m->ring[(seq >> PAGE_BITS) & (m->room - 1)];
    if (*slot == NULL) {
        *slot = calloc(1, sizeof **slot);
        if (*slot == NULL) {
            return ERR_NOMEM;
        }
    }
    *out = *slot;
    m->high = seq >= m->high ? seq + 1 : m->high;
    return 0;
}

/* Passes over what has ended at the lower end, and gives its pages back. */
static void advance(struct seqmap *m)
{
    while (m->low < m->high) {
        const struct seqpage *page = page_at(m, m->low >> PAGE_BITS);
        uint32_t at = (uint32_t)(m->low % PAGE_SIZE);
        uint64_t open = page == NULL ? UINT64_MAX : ~page->ended;
        open &= UINT64_MAX << at;
        uint64_t next = open == 0 ? (m->low | (PAGE_SIZE - 1)) + 1
                                  : m->low - at + (uint32_t)__builtin_ctzll(open);
        next = next < m->high ? next : m->high;
        if (next == m->low) {
            break;
        }
        if (next >> PAGE_BITS != m->low >> PAGE_BITS) {
            page_drop(m, m->low >> PAGE_BITS);
        }
        m->low = next;
    }
    if (m->low == m->high && m->room > 4) {
        seqmap_fini(m); /* nothing is left: after a burst, start small again */
    }
}

int seqmap_put(struct seqmap *m, uint64_t seq, uint32_t handle)
{
    assert(handle != 0);
    if (seq < m->low) {
        return ERR_INUSE;
    }
    struct seqpage *page = is_in_range(m, seq) ? page_at(m, seq >> PAGE_BITS) : NULL;
    uint32_t at = (uint32_t)(seq % PAGE_SIZE);
    if (page != NULL && ((page->ended >> at & 1) != 0 || page->handles[at] != 0)) {
        return ERR_INUSE;
    }
    int rc = page_make(m, seq, &page);
    if (rc != 0) {
        return rc;
    }
    page->handles[at] = handle;
    page->live++;
    m->live++;
    return 0;
}

uint32_t seqmap_get(const struct seqmap *m, uint64_t seq)
{
    const struct seqpage *page = is_in_range(m, seq) ? page_at(m, seq >> PAGE_BITS) : NULL;
    return page == NULL ? 0 : page->handles[seq % PAGE_SIZE];
}

bool seqmap_has_ended(const struct seqmap *m, uint64_t seq)
{
    if (seq < m->low) {
        return true;
    }
    const struct seqpage *page = is_in_range(m, seq) ? page_at(m, seq >> PAGE_BITS) : NULL;
    return page != NULL && (page->ended >> (seq % PAGE_SIZE) & 1) != 0;
}

int seqmap_end(struct seqmap *m, uint64_t seq)
{
    if (seqmap_has_ended(m, seq)) {
        return 0;
    }
    struct seqpage *page;
    int rc = page_make(m, seq, &page);
    if (rc != 0) {
        return rc;
    }
    uint32_t at = (uint32_t)(seq % PAGE_SIZE);
    page->ended |= (uint64_t)1 << at;
    page->ready &= ~((uint64_t)1 << at);
    if (page->handles[at] != 0) {
        page->handles[at] = 0;
        page->live--;
        m->live--;
    }
    if (page->ended == UINT64_MAX) {
        page_drop(m, seq >> PAGE_BITS);
        m->ring[(seq >> PAGE_BITS) & (m->room - 1)] = &all_ended;
    }
    advance(m);
    return 0;
}

void seqmap_forget(struct seqmap *m, uint64_t seq)
{
    assert(seqmap_get(m, seq) != 0);
    struct seqpage *page = page_at(m, seq >> PAGE_BITS);
    page->handles[seq % PAGE_SIZE] = 0;
    page->ready &= ~((uint64_t)1 << (seq % PAGE_SIZE));
    page->live--;
    m->live--;
}

void seqmap_set_ready(struct seqmap *m, uint64_t seq)
{
    assert(seqmap_get(m, seq) != 0);
    page_at(m, seq >> PAGE_BITS)->ready |= (uint64_t)1 << (seq % PAGE_SIZE);
}

uint64_t seqmap_next_live(const struct seqmap *m, uint64_t from, uint64_t to)
{
    uint64_t seq = from < m->low ? m->low : from;
    uint64_t end = to < m->high ? to : m->high;
    while (seq < end && m->live > 0) {
        const struct seqpage *page = page_at(m, seq >> PAGE_BITS);
        if (page == NULL || page->live == 0) {
            seq = (seq | (PAGE_SIZE - 1)) + 1;
            continue;
        }
        if (page->handles[seq % PAGE_SIZE] != 0) {
            return seq;
        }
        seq++;
    }
    return to;
}

void seqmap_raise(struct seqmap *m, uint64_t low)
{
    if (low <= m->low) {
        return;
    }
    assert(seqmap_next_live(m, m->low, low) == low);
    uint64_t page = m->low >> PAGE_BITS;
    for (; m->room > 0 && page <= last_page(m) && page < low >> PAGE_BITS; page++) {
        page_drop(m, page);
    }
    m->low = low;
    m->high = low > m->high ? low : m->high;
    advance(m);
}

void seqmap_bits(const struct seqmap *m, uint64_t first, uint64_t *ended, uint64_t *ready)
{
    assert(first % PAGE_SIZE == 0);
    *ended = *ready = 0;
    if (first < m->high && first + PAGE_SIZE > m->low) {
        const struct seqpage *page = page_at(m, first >> PAGE_BITS);
        if (page != NULL) {
            *ended = page->ended;
            *ready = page->ready;
        }
    }
    if (m->low > first) {
        uint64_t below = m->low - first;
        *ended |= below >= PAGE_SIZE ? UINT64_MAX : ((uint64_t)1 << below) - 1;
    }
}

uint64_t seqmap_live_bits(const struct seqmap *m, uint64_t first)
{
    assert(first % PAGE_SIZE == 0);
    if (first >= m->high || first + PAGE_SIZE <= m->low) {
        return 0;
    }
    const struct seqpage *page = page_at(m, first >> PAGE_BITS);
    uint64_t bits = 0;
    for (uint32_t i = 0; page != NULL && page->live > 0 && i < PAGE_SIZE; i++) {
        bits |= (uint64_t)(page->handles[i] != 0) << i;
    }
    return bits;
}
