#include "clients/clients.h"

#include "base/hash.h"
#include "base/list.h"

#include <assert.h>
#include <stdlib.h>

#define TOKEN      1000u /* a request; so that a bucket fills by `rate` a millisecond */
#define FORGET_MAX 2u    /* looked at with each request: more than can have been added */

struct client {
    struct client *next; /* in its slot */
    struct list link;    /* in cs->quiet, while it has nothing going on */
    struct client_id id;
    struct clients_limits limits;
    uint64_t level; /* of its bucket, at filled_at_ms */
    uint64_t filled_at_ms;
    uint32_t served, parked;
};

struct clients {
    struct clients_config config;
    struct list quiet; /* who has been quiet longest comes first */
    uint32_t known, slot_count;
    struct client *slots[];
};

struct clients *clients_new(const struct clients_config *config)
{
    uint32_t slot_count = 1;
    while (slot_count < config->known_max / 2) {
        slot_count *= 2;
    }
    struct clients *cs = calloc(1, sizeof *cs + slot_count * sizeof cs->slots[0]);
    if (cs == NULL) {
        return NULL;
    }
    cs->config = *config;
    cs->slot_count = slot_count;
    list_init(&cs->quiet);
    return cs;
}

static uint64_t level_max(const struct clients_limits *l)
{
    return (uint64_t)TOKEN * (l->burst == 0 ? l->rate : l->burst);
}

static struct client **slot_of(struct clients *cs, const struct client_id *id)
{
    uint64_t hash = hash_16(id->at, cs->config.seed + (uint64_t)id->kind);
    return &cs->slots[hash & (cs->slot_count - 1)];
}

static bool is_same(const struct client_id *a, const struct client_id *b)
{
    return a->kind == b->kind && memcmp(a->at, b->at, sizeof a->at) == 0;
}

static struct client *find(struct clients *cs, const struct client_id *id)
{
    struct client *c = *slot_of(cs, id);
    while (c != NULL && !is_same(&c->id, id)) {
        c = c->next;
    }
    return c;
}

static void forget(struct clients *cs, struct client *c)
{
    struct client **at = slot_of(cs, &c->id);
    while (*at != c) {
        at = &(*at)->next;
    }
    *at = c->next;
    list_remove(&c->link);
    cs->known--;
    free(c);
}

static struct client *quietest(const struct clients *cs)
{
    return list_is_empty(&cs->quiet) ? NULL : list_item(cs->quiet.next, struct client, link);
}

/* An empty bucket would be full again by now. */
static bool is_rested(const struct client *c, uint64_t now_ms)
{
    uint64_t fill_ms = c->limits.rate == 0 ? 0 : level_max(&c->limits) / c->limits.rate + 1;
    return now_ms - c->filled_at_ms >= fill_ms;
}

static void forget_some(struct clients *cs, uint64_t now_ms)
{
    for (unsigned i = 0; i < FORGET_MAX; i++) {
        struct client *c = quietest(cs);
        if (c == NULL || !is_rested(c, now_ms)) {
            return;
        }
        forget(cs, c);
    }
}

static struct client *meet(struct clients *cs, uint64_t now_ms, const struct client_id *id,
                           const struct clients_limits *limits)
{
    if (cs->known >= cs->config.known_max) {
        struct client *quiet = quietest(cs);
        if (quiet == NULL) {
            return NULL;
        }
        forget(cs, quiet);
    }
    struct client *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    c->id = *id;
    c->level = level_max(limits);
    c->filled_at_ms = now_ms;
    list_init(&c->link);
    struct client **slot = slot_of(cs, id);
    c->next = *slot;
    *slot = c;
    cs->known++;
    return c;
}

static void fill(struct client *c, uint64_t now_ms)
{
    uint64_t max = level_max(&c->limits);
    uint64_t more = (now_ms - c->filled_at_ms) * c->limits.rate;
    c->level = c->level + more > max ? max : c->level + more;
    c->filled_at_ms = now_ms;
}

static void settle(struct clients *cs, struct client *c)
{
    list_remove(&c->link);
    if (c->served > 0) {
        return;
    }
    if (c->limits.rate == 0) {
        forget(cs, c);
    } else {
        list_push_back(&cs->quiet, &c->link);
    }
}

enum clients_verdict clients_enter(struct clients *cs, uint64_t now_ms,
                                   const struct client_id *id,
                                   const struct clients_limits *limits, struct client **out)
{
    *out = NULL;
    forget_some(cs, now_ms);
    struct client *c = find(cs, id);
    c = c == NULL ? meet(cs, now_ms, id, limits) : c;
    if (c == NULL) {
        return CLIENTS_NO_MEMORY;
    }
    c->limits = *limits;
    fill(c, now_ms);
    enum clients_verdict verdict = CLIENTS_MAY;
    if (limits->concurrency > 0 && c->served >= limits->concurrency) {
        verdict = CLIENTS_TOO_MANY;
    } else if (limits->rate > 0 && c->level < TOKEN) {
        verdict = CLIENTS_TOO_FAST;
    } else {
        c->level -= limits->rate > 0 ? TOKEN : 0;
        c->served++;
        *out = c;
    }
    settle(cs, c);
    return verdict;
}

void clients_leave(struct clients *cs, uint64_t now_ms, struct client **c)
{
    struct client *mine = *c;
    *c = NULL;
    if (mine == NULL) {
        return;
    }
    assert(mine->served > 0);
    mine->served--;
    fill(mine, now_ms);
    settle(cs, mine);
}

bool clients_park(struct client *c)
{
    if (c->limits.parked > 0 && c->parked >= c->limits.parked) {
        return false;
    }
    c->parked++;
    return true;
}

void clients_unpark(struct client *c)
{
    assert(c->parked > 0);
    c->parked--;
}

uint32_t clients_known(const struct clients *cs)
{
    return cs->known;
}

void clients_free(struct clients **cs)
{
    struct clients *mine = *cs;
    *cs = NULL;
    if (mine == NULL) {
        return;
    }
    struct client *c;
    while ((c = quietest(mine)) != NULL) {
        forget(mine, c);
    }
    assert(mine->known == 0);
    free(mine);
}
