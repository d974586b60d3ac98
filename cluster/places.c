#include "cluster/places.h"

#include "cluster/arbiter.h"

static uint32_t place_new(struct cluster *c, const struct place *is)
{
    uint32_t handle = pool_new(&c->places);
    if (handle != 0) {
        *place_at(c, handle) = *is;
        place_at(c, handle)->next = 0;
        nodes_share(&c->nodes, is->node);
    }
    return handle;
}

static void place_free(struct cluster *c, uint32_t handle)
{
    nodes_drop(&c->nodes, place_at(c, handle)->node);
    pool_free(&c->places, handle);
}

uint32_t *places_find(const struct cluster *c, uint32_t *link, uint16_t node, uint64_t counter)
{
    while (*link != 0) {
        struct place *p = place_at(c, *link);
        if (p->node == node && p->counter == counter) {
            break;
        }
        link = &p->next;
    }
    return link;
}

bool places_hold(struct cluster *c, struct seat *s, const struct place *is)
{
    uint32_t handle = s->holder_count < HOLDERS_MAX ? place_new(c, is) : 0;
    if (handle == 0) {
        return false;
    }
    place_at(c, handle)->next = s->holders;
    s->holders = handle;
    s->holder_count++;
    return true;
}

bool places_line_up(struct cluster *c, struct seat *s, const struct place *is)
{
    uint32_t handle = s->line_count < LINE_MAX ? place_new(c, is) : 0;
    if (handle == 0) {
        c->counters.line_full++;
        return false;
    }
    if (s->line == 0) {
        s->line = handle;
    } else {
        place_at(c, s->line_last)->next = handle;
    }
    s->line_last = handle;
    s->line_count++;
    c->counters.lines++;
    return true;
}

struct place *places_advance(const struct cluster *c, struct seat *s)
{
    struct place *first = place_at(c, s->line);
    s->holders = s->line;
    s->holder_count = 1;
    s->line = first->next;
    s->line_count--;
    first->next = 0;
    return first;
}

void places_leave_line(struct cluster *c, struct seat *s, uint32_t *link)
{
    uint32_t handle = *link;
    *link = place_at(c, handle)->next;
    s->line_count--;
    place_free(c, handle);
    s->line_last = s->line;
    while (s->line_last != 0 && place_at(c, s->line_last)->next != 0) {
        s->line_last = place_at(c, s->line_last)->next;
    }
}

bool places_give_back(struct cluster *c, struct seat *s, uint16_t node, uint64_t counter)
{
    uint32_t *link = places_find(c, &s->holders, node, counter);
    uint32_t handle = *link;
    if (handle == 0) {
        return false;
    }
    *link = place_at(c, handle)->next;
    s->holder_count--;
    place_free(c, handle);
    return true;
}

void places_pop(struct cluster *c, uint32_t *chain)
{
    uint32_t handle = *chain;
    *chain = place_at(c, handle)->next;
    place_free(c, handle);
}

void places_step_back(struct cluster *c, struct seat *s)
{
    if (s->holders == 0) {
        return;
    }
    uint32_t last = s->holders;
    while (place_at(c, last)->next != 0) {
        last = place_at(c, last)->next;
    }
    place_at(c, last)->next = s->line;
    s->line_last = s->line == 0 ? last : s->line_last;
    s->line = s->holders;
    s->line_count = (uint8_t)(s->line_count + s->holder_count);
    s->holders = 0;
    s->holder_count = 0;
}
