#include "cluster/members.h"

#include "cluster/claims.h"
#include "cluster/detector.h"
#include "cluster/digest.h"
#include "cluster/handoff.h"
#include "cluster/links_inner.h"
#include "cluster/questions.h"
#include "cluster/seats.h"
#include "cluster/send.h"
#include "cluster/store.h"
#include "cluster/streams.h"
#include "cluster/takeover.h"
#include "cluster/terms.h"

#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>

enum {
    GRAVE_MS = 3600 * 1000,
    SHOWN_DEAD_MS = 60 * 1000, /* a buried member stays in the list for people */
    LOST_MS = 600 * 1000,      /* a silent one is dialled for so long */
    JOIN_MS = 10 * 1000,       /* ready at the latest so long after the start */
    REST_MS = 500,
    ALONE_MS = 2000, /* without seeds that answer */
};

/* A sum, so that each comes and goes by itself. */
static uint64_t share_of(const struct guid *id)
{
    return hash_16(id->at, 0x51ed270b7a1f9f35u);
}

static void note_in_hash(struct cluster *c, struct member *m)
{
    bool counts = m->state != MEMBER_DEAD;
    if (counts != m->is_hashed) {
        uint64_t share = share_of(&nodes_at(&c->nodes, m->node)->id);
        c->members->hash += counts ? share : 0 - share;
        m->is_hashed = counts;
        c->members->changed_at_ms = c->now_ms;
    }
}

int members_init(struct cluster *c)
{
    struct members *ms = calloc(1, sizeof *ms);
    if (ms == NULL) {
        return ERR_NOMEM;
    }
    list_init(&ms->all);
    list_init(&ms->links);
    list_init(&ms->seeds);
    pool_init(&ms->link_pool, sizeof(struct link), c);
    ms->started_at_ms = ms->ticked_at_ms = c->now_ms;
    ms->tick_at_ms = ms->all_due_ms = c->now_ms;
    ms->addresses.key = ms->seed_addresses.key = c->config.seed;
    c->members = ms;
    struct table_config config = {.pool = &ms->link_pool,
                                  .next_offset = offsetof(struct link, hash_next),
                                  .key = rng_next(&c->rng)};
    ms->graves = calloc(GRAVES_MAX, sizeof *ms->graves);
    if (ms->graves == NULL || table_init(&ms->link_table, &config) != 0) {
        return ERR_NOMEM;
    }
    ms->hash = share_of(&c->config.node_id);
    return streams_init(c);
}

static void member_free(struct member *m)
{
    free((void *)(uintptr_t)m->address.at);
    free((void *)(uintptr_t)m->zone.at);
    free(m->wanted);
    free(m->holes);
    outbox_fini(&m->outbox);
    free(m);
}

void members_fini(struct cluster *c)
{
    struct members *ms = c->members;
    struct list *l;
    handoff_fini(c);
    while ((l = list_pop_front(&ms->all)) != NULL) {
        struct member *m = list_item(l, struct member, link);
        nodes_at(&c->nodes, m->node)->member = NULL;
        member_free(m);
    }
    while ((l = list_pop_front(&ms->seeds)) != NULL) {
        struct seed *s = list_item(l, struct seed, link);
        free((void *)(uintptr_t)s->address.at);
        free(s);
    }
    addresses_fini(&ms->addresses);
    addresses_fini(&ms->seed_addresses);
    table_fini(&ms->link_table);
    pool_fini(&ms->link_pool);
    streams_fini(c);
    free(ms->graves);
    free(ms);
    c->members = NULL;
}

/* --- one member --------------------------------------------------------------------------- */

struct member *members_of_node(const struct cluster *c, uint16_t node)
{
    return node == SELF || node == 0 || c->members == NULL ? NULL
                                                           : nodes_at(&c->nodes, node)->member;
}

struct member *members_at(const struct cluster *c, struct bytes address)
{
    const struct bytes *at = addresses_find(&c->members->addresses, address);
    return at == NULL ? NULL : list_item(at, struct member, address);
}

bool members_is_alive(const struct member *m)
{
    return m != NULL && m->links[LANE_CONTROL] != NULL &&
           (m->state == MEMBER_ALIVE || m->state == MEMBER_LEAVING);
}

static struct bytes text_copy(struct bytes text)
{
    void *copy = malloc(text.size + 1);
    if (copy == NULL) {
        return bytes_of(NULL, 0);
    }
    memcpy(copy, text.size == 0 ? (const uint8_t *)"" : text.at, text.size);
    return bytes_of(copy, text.size);
}

struct member *members_add(struct cluster *c, const struct msg_hello *hello)
{
    struct members *ms = c->members;
    struct member *m = ms->count < MEMBERS_MAX ? calloc(1, sizeof *m) : NULL;
    if (m == NULL) {
        return NULL;
    }
    m->address = text_copy(hello->address);
    m->zone = text_copy(hello->zone);
    m->node = nodes_take(&c->nodes, &hello->node_id);
    bool named = m->node != 0 && nodes_set_name(nodes_at(&c->nodes, m->node), hello->node_name);
    named = named && m->address.at != NULL && addresses_add(&ms->addresses, &m->address);
    if (m->zone.at == NULL || !named) {
        addresses_remove(&ms->addresses, &m->address);
        nodes_drop(&c->nodes, m->node);
        member_free(m);
        return NULL;
    }
    nodes_at(&c->nodes, m->node)->member = m;
    m->state = MEMBER_SUSPECT; /* until its control link is up */
    m->heard_at_ms = m->state_since_ms = m->came_at_ms = c->now_ms;
    m->dial_wait_ms = 100;
    list_push_back(&ms->all, &m->link);
    ms->count++;
    note_in_hash(c, m);
    streams_join(c, m);
    return m;
}

void members_remove(struct cluster *c, struct member *m)
{
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        assert(m->links[lane] == NULL && m->dials[lane] == NULL);
    }
    addresses_remove(&c->members->addresses, &m->address);
    list_remove(&m->link);
    c->members->count--;
    nodes_at(&c->nodes, m->node)->member = NULL;
    nodes_drop(&c->nodes, m->node);
    member_free(m);
}

void members_set_state(struct cluster *c, struct member *m, enum msg_member_state state)
{
    if (state == MEMBER_ALIVE && m->is_leaving) {
        state = MEMBER_LEAVING;
    }
    if (m->state == state) {
        return;
    }
    assert(!m->is_buried || state == MEMBER_DEAD); /* V1 */
    m->state = state;
    m->state_since_ms = c->now_ms;
    note_in_hash(c, m);
    c->counters.deaths += state == MEMBER_DEAD;
    c->counters.suspicions += state == MEMBER_SUSPECT;
    struct link_effect *e = effects_add_link(&c->effects, CLUSTER_MEMBER);
    if (e != NULL) {
        const struct node *n = nodes_at(&c->nodes, m->node);
        e->node = n->id;
        e->name = effects_keep(&c->effects, n->name);
        e->state = state;
        e->final = m->is_buried;
    }
    takeover_wake(c);
    terms_wake(c);
    register_members_changed(c);
    claims_on_members(c);
    members_wake(c, c->now_ms);
}

/* --- the graveyard ------------------------------------------------------------------------ */

bool members_is_buried(const struct cluster *c, const struct guid *id)
{
    const struct members *ms = c->members;
    for (uint32_t i = 0; i < ms->grave_count; i++) {
        const struct grave *g = &ms->graves[(ms->grave_first + i) % GRAVES_MAX];
        if (guid_equal(&g->id, id)) {
            return g->until_ms > c->now_ms;
        }
    }
    return false;
}

static void dig(struct cluster *c, const struct guid *id)
{
    struct members *ms = c->members;
    if (ms->grave_count == GRAVES_MAX) {
        ms->grave_first = (ms->grave_first + 1) % GRAVES_MAX;
        ms->grave_count--;
    }
    ms->graves[(ms->grave_first + ms->grave_count) % GRAVES_MAX] =
        (struct grave){*id, c->now_ms + GRAVE_MS};
    ms->grave_count++;
}

void members_bury(struct cluster *c, struct member *m)
{
    if (m->is_buried) {
        return;
    }
    dig(c, &nodes_at(&c->nodes, m->node)->id);
    bool was_dead = m->state == MEMBER_DEAD;
    addresses_remove(&c->members->addresses, &m->address);
    m->is_buried = true;
    if (was_dead) {
        m->state = MEMBER_SUSPECT; /* so that the proof is told as well */
    }
    members_set_state(c, m, MEMBER_DEAD);
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        if (m->links[lane] != NULL) {
            links_give_up_as(c, m->links[lane], "that node is dead", m->is_leaving);
        }
        if (m->dials[lane] != NULL) {
            links_give_up_as(c, m->dials[lane], "that node is dead", m->is_leaving);
        }
    }
    outbox_fini(&m->outbox);
}

/* --- time ------------------------------------------------------------------------------------
 */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void members_wake(struct cluster *c, uint64_t at_ms)
{
    struct members *ms = c->members;
    ms->all_due_ms = earlier(at_ms, ms->all_due_ms);
    ms->tick_at_ms = earlier(at_ms, ms->tick_at_ms);
}

void members_wake_for(struct cluster *c, enum tend part, uint64_t at_ms)
{
    struct members *ms = c->members;
    ms->due_ms[part] = earlier(at_ms, ms->due_ms[part]);
    ms->tick_at_ms = earlier(at_ms, ms->tick_at_ms);
}

uint64_t members_deadline_ms(const struct cluster *c)
{
    return c->members->tick_at_ms;
}

static void forget_the_dead(struct cluster *c)
{
    struct members *ms = c->members;
    for (struct list *l = ms->all.next, *next; l != &ms->all; l = next) {
        struct member *m = list_item(l, struct member, link);
        next = l->next;
        bool is_linked = false;
        for (int lane = 0; lane < LANE_COUNT; lane++) {
            is_linked = is_linked || m->links[lane] != NULL || m->dials[lane] != NULL;
        }
        uint64_t stays = m->is_buried ? SHOWN_DEAD_MS : LOST_MS;
        if (m->state == MEMBER_DEAD && !is_linked && c->now_ms >= m->state_since_ms + stays) {
            members_remove(c, m);
        }
    }
}

static bool all_synced(const struct cluster *c)
{
    const struct members *ms = c->members;
    for (const struct list *l = ms->all.next; l != &ms->all; l = l->next) {
        const struct member *m = list_item(l, struct member, link);
        if (members_is_alive(m) && !m->is_synced) {
            return false;
        }
    }
    return true;
}

static void look_whether_joined(struct cluster *c)
{
    struct members *ms = c->members;
    uint64_t age = c->now_ms - ms->started_at_ms;
    uint32_t alive = 1;
    for (const struct list *l = ms->all.next; l != &ms->all; l = l->next) {
        alive += members_is_alive(list_item(l, struct member, link));
    }
    bool expected = c->config.expect > 0 ? alive >= c->config.expect
                                         : alive > 1 || ms->seed_count == 0 || age >= ALONE_MS;
    if ((expected && all_synced(c)) || age >= JOIN_MS) {
        ms->joined_at_ms = c->now_ms == 0 ? 1 : c->now_ms;
    }
}

static uint64_t tend_rest(struct cluster *c)
{
    forget_the_dead(c);
    seats_sweep(c);
    if (c->members->joined_at_ms != 0) {
        return c->now_ms + REST_MS;
    }
    look_whether_joined(c);
    return c->now_ms + 50;
}

static void tend(struct cluster *c, enum tend part)
{
    static uint64_t (*const look[TEND_COUNT])(struct cluster *) = {
        [TEND_DETECT] = detector_tick, [TEND_DIAL] = links_dial, [TEND_FLOW] = streams_tick,
        [TEND_DIGEST] = digest_tick,   [TEND_REST] = tend_rest,
    };
    struct members *ms = c->members;
    ms->due_ms[part] = UINT64_MAX;
    ms->rest_until_ms[part] = c->now_ms + ms->count / MEMBERS_A_MS;
    members_wake_for(c, part, look[part](c));
}

/* Everything is to be looked at, as after each change of a member: not at once again where many
 * are to be walked over. */
static void call_all(struct cluster *c)
{
    struct members *ms = c->members;
    ms->all_due_ms = UINT64_MAX;
    for (int part = 0; part < TEND_COUNT; part++) {
        uint64_t rested = ms->rest_until_ms[part];
        uint64_t at_ms = rested > c->now_ms ? rested : c->now_ms;
        ms->due_ms[part] = earlier(at_ms, ms->due_ms[part]);
    }
}

/* Some parts walk over all members, so each is looked at when it is due; the others return at
 * once when they are not. */
void members_tick(struct cluster *c)
{
    struct members *ms = c->members;
    if (c->now_ms < ms->tick_at_ms) {
        return;
    }
    if (c->now_ms >= ms->all_due_ms) {
        call_all(c);
    }
    for (int part = 0; part < TEND_REST; part++) {
        if (c->now_ms >= ms->due_ms[part]) {
            tend(c, (enum tend)part);
        }
    }
    uint64_t next = earlier(takeover_tick(c), terms_tick(c));
    next = earlier(next, members_drain_tick(c));
    next = earlier(next, register_sweep(c) ? UINT64_MAX : c->now_ms);
    if (c->now_ms >= ms->due_ms[TEND_REST]) {
        tend(c, TEND_REST);
    }
    next = earlier(next, ms->all_due_ms);
    for (int part = 0; part < TEND_COUNT; part++) {
        next = earlier(next, ms->due_ms[part]);
    }
    ms->tick_at_ms = next;
    ms->ticked_at_ms = c->now_ms;
}

bool members_are_joined(const struct cluster *c)
{
    return c->members->joined_at_ms != 0;
}

/* --- listing
 * ------------------------------------------------------------------------------------ */

size_t members_count(const struct cluster *c)
{
    return c->members->count + 1;
}

size_t members_link_count(const struct cluster *c)
{
    return c->members->link_table.count;
}

static void describe(const struct cluster *c, const struct member *m, uint64_t now_ms,
                     struct cluster_member *out)
{
    const struct node *n = nodes_at(&c->nodes, m->node);
    *out = (struct cluster_member){.name = n->name,
                                   .address = m->address,
                                   .zone = m->zone,
                                   .node_id = n->id,
                                   .state = m->state,
                                   .rtt_ms = m->rtt_ms};
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        uint64_t since = m->flows[lane].behind_since_ms;
        uint64_t lag = since == 0 || now_ms < since ? 0 : now_ms - since;
        out->lag_ms = lag > out->lag_ms ? (uint32_t)lag : out->lag_ms;
    }
}

bool cluster_member_at(const struct cluster *c, uint64_t now_ms, uint32_t n,
                       struct cluster_member *out)
{
    if (n == 0) {
        *out = (struct cluster_member){.name = c->config.node_name,
                                       .address = c->config.advertise,
                                       .zone = c->config.zone,
                                       .node_id = c->config.node_id,
                                       .state = c->is_draining ? MEMBER_LEAVING : MEMBER_ALIVE,
                                       .self = true};
        return true;
    }
    if (c->members == NULL) {
        return false;
    }
    for (const struct list *l = c->members->all.next; l != &c->members->all; l = l->next) {
        if (--n == 0) {
            describe(c, list_item(l, struct member, link), now_ms, out);
            return true;
        }
    }
    return false;
}

bool cluster_link_member(const struct cluster *c, uint64_t id, struct cluster_member *out,
                         enum msg_lane *lane)
{
    const struct link *link = c->members == NULL ? NULL : links_find(c, id);
    if (link == NULL || link->member == NULL) {
        return false;
    }
    describe(c, link->member, c->now_ms, out);
    *lane = link->lane;
    return true;
}
