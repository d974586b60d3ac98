/* Links: dialling with back-off, greeting, and keeping one a pair and lane.
 *
 *   DIAL -> opened -> HELLO ------> accepted: HELLO_OK, up | REJECT
 *           HELLO_OK: up | REJECT: closed
 *
 * When both have dialled, both keep the link that the larger node id dialled. */
#include "cluster/links_inner.h"

#include "cluster/claims.h"
#include "cluster/detector.h"
#include "cluster/payload.h"
#include "cluster/send.h"
#include "cluster/streams.h"

#include <stdlib.h>

enum {
    DIAL_MS = 3000,       /* the driver ends a dial after 2 s */
    OTHER_DIALS_MS = 600, /* the smaller id leaves the dialling to the larger one */
    SEED_STAYS_MS = 60 * 1000,
    SEEDS_MAX = 1024,
};

struct link *links_find(const struct cluster *c, uint64_t id)
{
    struct members *ms = c->members;
    if (ms->last_link != NULL && ms->last_link->id.value == id) {
        return ms->last_link;
    }
    struct op_key key = {id, 0};
    struct guid as_guid;
    memcpy(as_guid.at, &key, sizeof as_guid.at);
    uint32_t handle = table_find(&ms->link_table, &as_guid);
    if (handle == 0) {
        return NULL;
    }
    ms->last_link = pool_at(&ms->link_pool, handle);
    return ms->last_link;
}

static struct link *link_new(struct cluster *c, uint64_t id)
{
    struct members *ms = c->members;
    uint32_t handle = pool_new(&ms->link_pool);
    if (handle == 0) {
        return NULL;
    }
    struct link *link = pool_at(&ms->link_pool, handle);
    memset(link, 0, sizeof *link);
    link->id.value = id;
    link->opened_at_ms = c->now_ms;
    if (table_add(&ms->link_table, handle) != 0) {
        pool_free(&ms->link_pool, handle);
        return NULL;
    }
    list_push_back(&ms->links, &link->link);
    return link;
}

static void link_free(struct cluster *c, struct link *link)
{
    struct members *ms = c->members;
    uint32_t handle = pool_handle(&ms->link_pool, link);
    ms->last_link = NULL;
    list_remove(&link->link);
    table_remove(&ms->link_table, handle);
    pool_free(&ms->link_pool, handle);
}

bool links_is_larger(const struct cluster *c, const struct member *m)
{
    const struct guid *other = &nodes_at(&c->nodes, m->node)->id;
    return memcmp(c->config.node_id.at, other->at, GUID_SIZE) > 0;
}

static uint32_t next_wait(struct cluster *c, uint32_t wait)
{
    uint32_t doubled = wait * 2 < LINKS_WAIT_MAX_MS ? wait * 2 : LINKS_WAIT_MAX_MS;
    return doubled - (uint32_t)rng_below(&c->rng, doubled / 4 + 1);
}

/* --- ending --------------------------------------------------------------------------------
 */

/* What was on its way on a link that is no more. */
static void forget_flow(struct cluster *c, struct member *m, enum msg_lane lane)
{
    m->flows[lane] = (struct flow){0};
    if (lane == LANE_CONTROL) {
        outbox_rewind(&m->outbox);
    }
    streams_stop(c, m);
    payload_link_lost(c, m->node);
}

static void lane_down(struct cluster *c, struct member *m, enum msg_lane lane,
                      enum link_end why)
{
    m->links[lane] = NULL;
    bool broke = why == LINK_END_RESET || why == LINK_END_CLOSED;
    m->dial_wait_ms = LINKS_WAIT_FIRST_MS;
    m->dial_at_ms[lane] = c->now_ms + (links_is_larger(c, m) ? 0 : OTHER_DIALS_MS / 2);
    if (lane == LANE_CONTROL) {
        m->was_reset = broke;
        m->refused_count = 0;
        if (broke) {
            m->dial_at_ms[lane] = c->now_ms; /* is anybody still there? */
        }
    }
    forget_flow(c, m, lane);
    members_wake(c, c->now_ms);
    if (lane == LANE_CONTROL) {
        claims_on_members(c);
    }
}

/* What hung on the link is told; it is no more afterwards. */
static void end_link(struct cluster *c, struct link *link, enum link_end why)
{
    struct member *m = link->member;
    struct seed *seed = link->seed;
    enum msg_lane lane = link->lane;
    bool was_up = link->is_up;
    if (seed != NULL && seed->dial == link) {
        seed->dial = NULL;
        seed->dial_wait_ms = next_wait(c, seed->dial_wait_ms);
        seed->dial_at_ms = c->now_ms + seed->dial_wait_ms;
        members_wake(c, seed->dial_at_ms);
    }
    bool was_dial = m != NULL && m->dials[lane] == link;
    if (was_dial) {
        m->dials[lane] = NULL;
        m->dial_wait_ms = next_wait(c, m->dial_wait_ms);
        m->dial_at_ms[lane] = c->now_ms + m->dial_wait_ms;
        members_wake(c, m->dial_at_ms[lane]);
    }
    link_free(c, link);
    if (m != NULL && was_up) {
        lane_down(c, m, lane, why);
    }
    if (was_dial && m->links[lane] != NULL && m->links[lane]->is_renewed) {
        links_give_up(c, m->links[lane], "it was to be renewed, and could not be");
    }
}

static void say_close(struct cluster *c, const struct link *link, const char *reason,
                      bool is_routine)
{
    struct link_effect *e = effects_add_link(&c->effects, CLUSTER_CLOSE);
    if (e != NULL) {
        e->link = link->id.value;
        e->lane = link->lane;
        e->reason = reason;
        e->is_routine = is_routine;
        if (link->member != NULL) {
            e->node = nodes_at(&c->nodes, link->member->node)->id;
            e->name = nodes_at(&c->nodes, link->member->node)->name;
        } else if (link->seed != NULL) {
            e->name = effects_keep(&c->effects, link->seed->address);
        }
    }
}

/* `is_routine`: two nodes have dialled each other, or a node itself; nothing for a log. */
void links_give_up_as(struct cluster *c, struct link *link, const char *reason, bool is_routine)
{
    say_close(c, link, reason, is_routine);
    end_link(c, link, LINK_END_OURS);
}

void links_give_up(struct cluster *c, struct link *link, const char *reason)
{
    links_give_up_as(c, link, reason, false);
}

void links_replace(struct cluster *c, struct link *old, struct link *link)
{
    struct member *m = old->member;
    enum msg_lane lane = old->lane;
    say_close(c, old, "a newer link has taken its place", true);
    link_free(c, old);
    m->links[lane] = link;
    forget_flow(c, m, lane);
}

void cluster_link_closed(struct cluster *c, uint64_t now_ms, uint64_t id, enum link_end why)
{
    c->now_ms = now_ms;
    struct link *link = links_find(c, id);
    if (link == NULL) {
        return;
    }
    struct member *m = link->member;
    bool was_dial = !link->is_up && link->is_ours;
    enum msg_lane lane = link->lane;
    end_link(c, link, why);
    if (m != NULL && was_dial && lane == LANE_CONTROL && why == LINK_END_REFUSED) {
        detector_refused(c, m);
    }
}

/* --- dialling --------------------------------------------------------------------------------
 */

static struct link *dial(struct cluster *c, struct bytes address, enum msg_lane lane)
{
    struct link *link = link_new(c, LINK_OUTGOING | ++c->members->outgoing);
    struct link_effect *e = link == NULL ? NULL : effects_add_link(&c->effects, CLUSTER_DIAL);
    if (e == NULL) {
        if (link != NULL) {
            link_free(c, link);
        }
        return NULL;
    }
    link->lane = lane;
    link->is_ours = true;
    e->link = link->id.value;
    e->lane = lane;
    e->address = effects_keep(&c->effects, address);
    return link;
}

static uint64_t dial_member(struct cluster *c, struct member *m)
{
    uint64_t next = UINT64_MAX;
    for (int lane = 0; lane < LANE_COUNT && !m->is_buried; lane++) {
        bool has_one = m->links[lane] != NULL && !m->links[lane]->is_renewed;
        if (has_one || m->dials[lane] != NULL) {
            continue;
        }
        if (c->now_ms >= m->dial_at_ms[lane]) {
            m->dials[lane] = dial(c, m->address, (enum msg_lane)lane);
            if (m->dials[lane] != NULL) {
                m->dials[lane]->member = m;
                continue;
            }
            m->dial_at_ms[lane] = c->now_ms + LINKS_WAIT_MAX_MS;
        }
        next = m->dial_at_ms[lane] < next ? m->dial_at_ms[lane] : next;
    }
    return next;
}

void cluster_link_renew(struct cluster *c, uint64_t now_ms, uint64_t id)
{
    c->now_ms = now_ms;
    struct link *link = links_find(c, id);
    if (link == NULL) {
        return;
    }
    if (!link->is_up) {
        links_give_up(c, link, "it was to be renewed before it was up");
        return;
    }
    struct member *m = link->member;
    uint64_t young_until_ms = link->is_ours ? 0 : link->opened_at_ms + LINKS_BOTH_DIALLED_MS;
    link->is_renewed = true;
    m->dial_at_ms[link->lane] = young_until_ms > now_ms ? young_until_ms : now_ms;
    members_wake(c, m->dial_at_ms[link->lane]);
}

static uint64_t dial_seed(struct cluster *c, struct seed *s)
{
    bool needless = s->is_self || s->dial != NULL || members_at(c, s->address) != NULL;
    if (needless) {
        return UINT64_MAX;
    }
    if (c->now_ms >= s->dial_at_ms) {
        s->dial = dial(c, s->address, LANE_CONTROL);
        if (s->dial != NULL) {
            s->dial->seed = s;
            return UINT64_MAX;
        }
        s->dial_at_ms = c->now_ms + LINKS_WAIT_MAX_MS;
    }
    return s->dial_at_ms;
}

/* Greetings that do not come, and dials that do not end. */
static uint64_t end_late_links(struct cluster *c)
{
    uint64_t next = UINT64_MAX;
    struct members *ms = c->members;
    for (struct list *l = ms->links.next, *after; l != &ms->links; l = after) {
        struct link *link = list_item(l, struct link, link);
        after = l->next;
        if (link->is_up) {
            continue;
        }
        uint64_t due = link->opened_at_ms + (link->is_ours ? DIAL_MS : LINKS_GREETING_MS);
        if (c->now_ms >= due) {
            links_give_up(c, link, "no greeting in time");
            after = ms->links.next; /* the one that it was to renew has ended with it */
        } else {
            next = due < next ? due : next;
        }
    }
    return next;
}

/* What was only hearsay has served once a member is there. */
static bool is_forgotten(const struct cluster *c, const struct seed *s)
{
    bool is_old = c->now_ms >= s->seen_at_ms + SEED_STAYS_MS;
    return s->dial == NULL && (is_old || (s->is_hearsay && members_at(c, s->address) != NULL));
}

static void seed_free(struct cluster *c, struct seed *s)
{
    addresses_remove(&c->members->seed_addresses, &s->address);
    list_remove(&s->link);
    free((void *)(uintptr_t)s->address.at);
    free(s);
    c->members->seed_count--;
}

uint64_t links_dial(struct cluster *c)
{
    struct members *ms = c->members;
    if (ms->farewell_at_ms != 0) {
        return UINT64_MAX; /* it has said good-bye: whoever were dialled would bury it */
    }
    uint64_t next = end_late_links(c);
    for (struct list *l = ms->all.next; l != &ms->all; l = l->next) {
        uint64_t due = dial_member(c, list_item(l, struct member, link));
        next = due < next ? due : next;
    }
    for (struct list *l = ms->seeds.next, *after; l != &ms->seeds; l = after) {
        struct seed *s = list_item(l, struct seed, link);
        after = l->next;
        if (is_forgotten(c, s)) {
            seed_free(c, s);
            continue;
        }
        uint64_t due = dial_seed(c, s);
        next = due < next ? due : next;
    }
    return next;
}

static struct seed *seed_new(struct cluster *c, struct bytes address)
{
    struct members *ms = c->members;
    struct seed *s = ms->seed_count < SEEDS_MAX ? calloc(1, sizeof *s) : NULL;
    void *text = s == NULL ? NULL : malloc(address.size);
    if (text == NULL) {
        free(s);
        return NULL;
    }
    memcpy(text, address.at, address.size);
    s->address = bytes_of(text, address.size);
    if (!addresses_add(&ms->seed_addresses, &s->address)) {
        free(text);
        free(s);
        return NULL;
    }
    s->dial_at_ms = c->now_ms;
    s->dial_wait_ms = LINKS_WAIT_FIRST_MS;
    s->is_hearsay = true;
    list_push_back(&ms->seeds, &s->link);
    ms->seed_count++;
    return s;
}

static struct seed *seed_find(const struct cluster *c, struct bytes address)
{
    const struct bytes *at = addresses_find(&c->members->seed_addresses, address);
    return at == NULL ? NULL : list_item(at, struct seed, address);
}

bool links_is_seed(const struct cluster *c, struct bytes address)
{
    const struct seed *s = seed_find(c, address);
    return s != NULL && !s->is_hearsay;
}

static void seed(struct cluster *c, struct bytes address, bool is_hearsay)
{
    if (address.size == 0 || address.size > MSG_NAME_MAX ||
        bytes_equal(address, c->config.advertise)) {
        return;
    }
    struct seed *s = seed_find(c, address);
    s = s == NULL ? seed_new(c, address) : s;
    if (s != NULL) {
        s->seen_at_ms = c->now_ms;
        s->is_hearsay = s->is_hearsay && is_hearsay;
        members_wake(c, c->now_ms);
    }
}

void cluster_seed(struct cluster *c, uint64_t now_ms, struct bytes address)
{
    c->now_ms = now_ms;
    if (c->members != NULL) {
        seed(c, address, false);
    }
}

void links_hearsay(struct cluster *c, struct bytes address)
{
    if (members_at(c, address) == NULL) {
        seed(c, address, true);
    }
}

/* --- what else the driver tells -------------------------------------------------------------
 */

void cluster_link_accepted(struct cluster *c, uint64_t now_ms, uint64_t id)
{
    c->now_ms = now_ms;
    struct link *link = c->members == NULL ? NULL : link_new(c, id);
    if (link == NULL) {
        struct link_effect *e = effects_add_link(&c->effects, CLUSTER_CLOSE);
        if (e != NULL) {
            e->link = id;
            e->reason = "out of memory";
        }
        return;
    }
    members_wake(c, now_ms + LINKS_GREETING_MS);
}

size_t cluster_link_frame_max(const struct cluster *c, uint64_t id)
{
    const struct link *link = c->members == NULL ? NULL : links_find(c, id);
    if (link == NULL || !link->is_up) {
        return MSG_HELLO_MAX;
    }
    return link->lane == LANE_BULK ? MSG_BULK_MAX : MSG_CONTROL_MAX;
}

enum { UNSENT_CONTROL_MAX = 16 * 1024 * 1024 };

void cluster_link_unsent(struct cluster *c, uint64_t now_ms, uint64_t id, size_t unsent_size)
{
    c->now_ms = now_ms;
    struct link *link = links_find(c, id);
    if (link == NULL || !link->is_up) {
        return;
    }
    struct member *m = link->member;
    m->flows[link->lane].unsent = unsent_size;
    if (link->lane == LANE_CONTROL && unsent_size > UNSENT_CONTROL_MAX) {
        links_give_up(c, link, "it does not read");
    } else if (unsent_size <= LINK_UNSENT_MARK) {
        streams_pump(c, m);
    }
}
