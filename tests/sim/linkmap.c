#include "linkmap.h"

#include <assert.h>
#include <stdlib.h>

static uint32_t home_of(const struct linkmap *m, uint64_t link)
{
    uint64_t h = link * 0x9e3779b97f4a7c15u;
    return (uint32_t)(h >> 32) & (m->room - 1);
}

void linkmap_fini(struct linkmap *m)
{
    free(m->at);
    *m = (struct linkmap){0};
}

struct linkmap_entry *linkmap_find(const struct linkmap *m, uint64_t link)
{
    if (m->room == 0) {
        return NULL;
    }
    for (uint32_t i = home_of(m, link); m->at[i].link != 0; i = (i + 1) & (m->room - 1)) {
        if (m->at[i].link == link) {
            return &m->at[i];
        }
    }
    return NULL;
}

static void place(struct linkmap *m, struct linkmap_entry e)
{
    uint32_t i = home_of(m, e.link);
    while (m->at[i].link != 0) {
        i = (i + 1) & (m->room - 1);
    }
    m->at[i] = e;
    m->count++;
}

void linkmap_put(struct linkmap *m, uint64_t link, uint32_t conn, uint8_t end)
{
    assert(link != 0 && linkmap_find(m, link) == NULL);
    if (2 * (m->count + 1) > m->room) {
        struct linkmap old = *m;
        m->room = old.room == 0 ? 16 : old.room * 2;
        m->count = 0;
        m->at = calloc(m->room, sizeof *m->at);
        assert(m->at != NULL);
        for (uint32_t i = 0; i < old.room; i++) {
            if (old.at[i].link != 0) {
                place(m, old.at[i]);
            }
        }
        free(old.at);
    }
    place(m, (struct linkmap_entry){.link = link, .conn = conn, .end = end});
}

void linkmap_remove(struct linkmap *m, uint64_t link)
{
    struct linkmap_entry *e = linkmap_find(m, link);
    if (e == NULL) {
        return;
    }
    uint32_t i = (uint32_t)(e - m->at);
    m->at[i].link = 0;
    m->count--;
    /* Those behind it may have been displaced by it: place them again. */
    for (i = (i + 1) & (m->room - 1); m->at[i].link != 0; i = (i + 1) & (m->room - 1)) {
        struct linkmap_entry again = m->at[i];
        m->at[i].link = 0;
        m->count--;
        place(m, again);
    }
}
