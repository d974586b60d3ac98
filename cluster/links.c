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
    GREETING_MS = 2000, /* for HELLO, or its answer */
    DIAL_MS = 3000,     /* the driver ends a dial after 2 s */
    WAIT_FIRST_MS = 100,
    WAIT_MAX_MS = 2000,
    OTHER_DIALS_MS = 600,   /* the smaller id leaves the dialling to the larger one */
    BOTH_DIALLED_MS = 1500, /* how long after the greeting the other side may not know of it */
    SEED_STAYS_MS = 60 * 1000,
    SEEDS_MAX = 1024,
};

struct link *links_find(const struct cluster *c, uint64_t id)
{
    struct op_key key = {id, 0};
    struct guid as_guid;
    memcpy(as_guid.at, &key, sizeof as_guid.at);
    uint32_t handle = table_find(&c->members->link_table, &as_guid);
    return handle == 0 ? NULL : pool_at(&c->members->link_pool, handle);
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
    list_remove(&link->link);
    table_remove(&ms->link_table, handle);
    pool_free(&ms->link_pool, handle);
}

static bool is_larger(const struct cluster *c, const struct member *m)
{
    const struct guid *other = &nodes_at(&c->nodes, m->node)->id;
    return memcmp(c->config.node_id.at, other->at, GUID_SIZE) > 0;
}

static uint32_t next_wait(struct cluster *c, uint32_t wait)
{
    uint32_t doubled = wait * 2 < WAIT_MAX_MS ? wait * 2 : WAIT_MAX_MS;
    return doubled - (uint32_t)rng_below(&c->rng, doubled / 4 + 1);
}

/* --- ending --------------------------------------------------------------------------------
 */

static void lane_down(struct cluster *c, struct member *m, enum msg_lane lane,
                      enum link_end why)
{
    m->links[lane] = NULL;
    m->flows[lane] = (struct flow){0};
    bool broke = why == LINK_END_RESET || why == LINK_END_CLOSED;
    m->dial_wait_ms = WAIT_FIRST_MS;
    m->dial_at_ms[lane] = c->now_ms + (is_larger(c, m) ? 0 : OTHER_DIALS_MS / 2);
    if (lane == LANE_CONTROL) {
        m->was_reset = broke;
        m->refused_count = 0;
        m->has_offset = false;
        if (broke) {
            m->dial_at_ms[lane] = c->now_ms; /* is anybody still there? */
        }
        outbox_rewind(&m->outbox);
    }
    streams_stop(c, m);
    payload_link_lost(c, m->node);
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
    if (m != NULL && m->dials[lane] == link) {
        m->dials[lane] = NULL;
        m->dial_wait_ms = next_wait(c, m->dial_wait_ms);
        m->dial_at_ms[lane] = c->now_ms + m->dial_wait_ms;
        members_wake(c, m->dial_at_ms[lane]);
    }
    link_free(c, link);
    if (m != NULL && was_up) {
        lane_down(c, m, lane, why);
    }
}

/* `is_routine`: two nodes have dialled each other, or a node itself; nothing for a log. */
static void give_up(struct cluster *c, struct link *link, const char *reason, bool is_routine)
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
    end_link(c, link, LINK_END_OURS);
}

void links_give_up(struct cluster *c, struct link *link, const char *reason)
{
    give_up(c, link, reason, false);
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
        if (m->links[lane] != NULL || m->dials[lane] != NULL) {
            continue;
        }
        if (c->now_ms >= m->dial_at_ms[lane]) {
            m->dials[lane] = dial(c, m->address, (enum msg_lane)lane);
            if (m->dials[lane] != NULL) {
                m->dials[lane]->member = m;
                continue;
            }
            m->dial_at_ms[lane] = c->now_ms + WAIT_MAX_MS;
        }
        next = m->dial_at_ms[lane] < next ? m->dial_at_ms[lane] : next;
    }
    return next;
}

static bool is_members_address(const struct cluster *c, struct bytes address)
{
    for (const struct list *l = c->members->all.next; l != &c->members->all; l = l->next) {
        const struct member *m = list_item(l, struct member, link);
        if (!m->is_buried && bytes_equal(m->address, address)) {
            return true;
        }
    }
    return false;
}

static uint64_t dial_seed(struct cluster *c, struct seed *s)
{
    bool needless = s->is_self || s->dial != NULL || is_members_address(c, s->address);
    if (needless) {
        return UINT64_MAX;
    }
    if (c->now_ms >= s->dial_at_ms) {
        s->dial = dial(c, s->address, LANE_CONTROL);
        if (s->dial != NULL) {
            s->dial->seed = s;
            return UINT64_MAX;
        }
        s->dial_at_ms = c->now_ms + WAIT_MAX_MS;
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
        uint64_t due = link->opened_at_ms + (link->is_ours ? DIAL_MS : GREETING_MS);
        if (c->now_ms >= due) {
            links_give_up(c, link, "no greeting in time");
        } else {
            next = due < next ? due : next;
        }
    }
    return next;
}

uint64_t links_dial(struct cluster *c)
{
    struct members *ms = c->members;
    uint64_t next = end_late_links(c);
    for (struct list *l = ms->all.next; l != &ms->all; l = l->next) {
        uint64_t due = dial_member(c, list_item(l, struct member, link));
        next = due < next ? due : next;
    }
    for (struct list *l = ms->seeds.next, *after; l != &ms->seeds; l = after) {
        struct seed *s = list_item(l, struct seed, link);
        after = l->next;
        if (c->now_ms >= s->seen_at_ms + SEED_STAYS_MS && s->dial == NULL) {
            list_remove(&s->link);
            free((void *)(uintptr_t)s->address.at);
            free(s);
            ms->seed_count--;
            continue;
        }
        uint64_t due = dial_seed(c, s);
        next = due < next ? due : next;
    }
    return next;
}

static void seed(struct cluster *c, struct bytes address)
{
    struct members *ms = c->members;
    if (address.size == 0 || address.size > MSG_NAME_MAX ||
        bytes_equal(address, c->config.advertise)) {
        return;
    }
    for (struct list *l = ms->seeds.next; l != &ms->seeds; l = l->next) {
        struct seed *s = list_item(l, struct seed, link);
        if (bytes_equal(s->address, address)) {
            s->seen_at_ms = c->now_ms;
            members_wake(c, c->now_ms);
            return;
        }
    }
    struct seed *s = ms->seed_count < SEEDS_MAX ? calloc(1, sizeof *s) : NULL;
    void *text = s == NULL ? NULL : malloc(address.size);
    if (text == NULL) {
        free(s);
        return;
    }
    memcpy(text, address.at, address.size);
    s->address = bytes_of(text, address.size);
    s->seen_at_ms = s->dial_at_ms = c->now_ms;
    s->dial_wait_ms = WAIT_FIRST_MS;
    list_push_back(&ms->seeds, &s->link);
    ms->seed_count++;
    members_wake(c, c->now_ms);
}

void cluster_seed(struct cluster *c, uint64_t now_ms, struct bytes address)
{
    c->now_ms = now_ms;
    if (c->members != NULL) {
        seed(c, address);
    }
}

void links_hearsay(struct cluster *c, struct bytes address)
{
    if (!is_members_address(c, address)) {
        seed(c, address);
    }
}

/* --- greeting
 * --------------------------------------------------------------------------------- */

static void fill_hello(const struct cluster *c, struct msg *m, enum msg_kind kind,
                       enum msg_lane lane)
{
    *m = (struct msg){.kind = kind};
    m->hello.version_min = MSG_VERSION_MIN;
    m->hello.version_max = MSG_VERSION_MAX;
    m->hello.cluster_name = c->config.cluster_name;
    m->hello.node_id = c->config.node_id;
    m->hello.node_name = c->config.node_name;
    m->hello.zone = c->config.zone;
    m->hello.address = c->config.advertise;
    m->hello.lane = (uint8_t)lane;
    m->hello.available = c->config.available;
    m->hello.leaving = c->is_draining;
}

void cluster_link_opened(struct cluster *c, uint64_t now_ms, uint64_t id)
{
    c->now_ms = now_ms;
    struct link *link = links_find(c, id);
    if (link == NULL) {
        return; /* given up in the meantime; CLOSE is on its way */
    }
    link->opened_at_ms = now_ms;
    struct msg m;
    fill_hello(c, &m, MSG_HELLO, link->lane);
    if (!send_on_link(c, link, &m)) {
        links_give_up(c, link, "out of memory");
    }
}

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
    members_wake(c, now_ms + GREETING_MS);
}

static void reject(struct cluster *c, struct link *link, enum msg_reject_code code,
                   const char *reason)
{
    struct msg m = {.kind = MSG_REJECT};
    m.reject.code = (uint8_t)code;
    m.reject.reason = bytes_text(reason);
    send_on_link(c, link, &m);
    bool is_routine = code == REJECT_SELF || code == REJECT_DUPLICATE;
    c->counters.links_rejected += !is_routine;
    give_up(c, link, reason, is_routine);
}

/* 0, or why that node cannot be let in. */
static enum msg_reject_code judge(const struct cluster *c, const struct msg_hello *h,
                                  const char **reason)
{
    if (h->version_min > MSG_VERSION_MAX || h->version_max < MSG_VERSION_MIN) {
        *reason = "no common protocol version";
        return REJECT_VERSION;
    }
    if (!bytes_equal(h->cluster_name, c->config.cluster_name)) {
        *reason = "another cluster's name";
        return REJECT_CLUSTER;
    }
    if (h->available != c->config.available) {
        *reason = "cluster.claim differs";
        return REJECT_CLUSTER;
    }
    if (guid_equal(&h->node_id, &c->config.node_id)) {
        *reason = "this is myself";
        return REJECT_SELF;
    }
    if (members_is_buried(c, &h->node_id)) {
        *reason = "that node id is dead for good";
        return REJECT_BURIED;
    }
    *reason = "malformed greeting";
    return h->lane >= LANE_COUNT || h->address.size == 0 ? REJECT_MALFORMED : 0;
}

/* A restarted node is a new node: who had its address before has died. */
static void bury_predecessors(struct cluster *c, const struct msg_hello *h)
{
    struct members *ms = c->members;
    for (struct list *l = ms->all.next, *next; l != &ms->all; l = next) {
        struct member *m = list_item(l, struct member, link);
        next = l->next;
        bool same_id = guid_equal(&nodes_at(&c->nodes, m->node)->id, &h->node_id);
        if (!m->is_buried && !same_id && bytes_equal(m->address, h->address)) {
            members_bury(c, m);
            detector_tell_dead(c, m);
        }
    }
}

static struct member *member_for(struct cluster *c, const struct msg_hello *h)
{
    bury_predecessors(c, h);
    uint16_t node = nodes_find(&c->nodes, &h->node_id);
    struct member *m = node == 0 ? NULL : members_of_node(c, node);
    if (m == NULL) {
        m = members_add(c, h);
    }
    return m;
}

/* The link is the one for its pair and lane from now on. */
static void link_up(struct cluster *c, struct link *link, struct member *m,
                    const struct msg_hello *h)
{
    enum msg_lane lane = link->lane;
    struct link *old = m->links[lane];
    if (old != NULL) {
        give_up(c, old, "a newer link has taken its place", true);
    }
    if (m->dials[lane] == link) {
        m->dials[lane] = NULL;
    }
    if (link->seed != NULL) {
        link->seed->dial = NULL;
        link->seed->dial_wait_ms = WAIT_FIRST_MS;
        link->seed = NULL;
    }
    link->member = m;
    link->is_up = true;
    m->links[lane] = link;
    m->flows[lane] = (struct flow){0};
    m->dial_wait_ms = WAIT_FIRST_MS;
    m->refused_count = 0;
    m->was_reset = false;
    m->heard_at_ms = c->now_ms;
    m->is_leaving = m->is_leaving || h->leaving;
    c->counters.links_opened++;
    if (lane == LANE_CONTROL) {
        members_set_state(c, m, MEMBER_ALIVE);
        detector_greeted(c, m);
        send_outbox(c, m);
        claims_on_link_up(c, m->node);
    }
    streams_start(c, m);
    members_wake(c, c->now_ms);
}

/* Both dialled at once, and ours is kept. Who dials while there has been a link for long has
 * lost its end of it, which nobody could tell us: then the new one counts. */
static bool is_duplicate(const struct cluster *c, const struct link *old,
                         const struct member *m)
{
    return old != NULL && old->is_ours && is_larger(c, m) &&
           c->now_ms - old->opened_at_ms < BOTH_DIALLED_MS;
}

static void on_hello(struct cluster *c, struct link *link, const struct msg_hello *h)
{
    const char *reason;
    enum msg_reject_code code = judge(c, h, &reason);
    if (code != 0) {
        reject(c, link, code, reason);
        return;
    }
    struct member *m = member_for(c, h);
    if (m == NULL) {
        reject(c, link, REJECT_FULL, "too many members, or no memory");
        return;
    }
    link->lane = (enum msg_lane)h->lane;
    if (is_duplicate(c, m->links[link->lane], m)) {
        reject(c, link, REJECT_DUPLICATE, "there is a link of that lane already");
        return;
    }
    struct msg ok;
    fill_hello(c, &ok, MSG_HELLO_OK, link->lane);
    /* The highest that both speak. */
    ok.hello.version_max = h->version_max < MSG_VERSION_MAX ? h->version_max : MSG_VERSION_MAX;
    ok.hello.version_min = ok.hello.version_max;
    if (!send_on_link(c, link, &ok)) {
        links_give_up(c, link, "out of memory");
        return;
    }
    link_up(c, link, m, h);
}

static void on_hello_ok(struct cluster *c, struct link *link, const struct msg_hello *h)
{
    const char *reason;
    enum msg_reject_code code = judge(c, h, &reason);
    if (code == REJECT_SELF && link->seed != NULL) {
        link->seed->is_self = true;
    }
    struct member *expected = link->member;
    if (expected != NULL &&
        !guid_equal(&nodes_at(&c->nodes, expected->node)->id, &h->node_id)) {
        expected->dials[link->lane] = NULL; /* its successor has answered at its address */
        expected->dial_at_ms[link->lane] = c->now_ms + WAIT_MAX_MS;
        link->member = NULL;
    }
    struct member *m = code == 0 && link->lane == h->lane ? member_for(c, h) : NULL;
    if (m == NULL) {
        links_give_up(c, link, code == 0 ? "no memory, or another lane" : reason);
        return;
    }
    const struct link *old = m->links[link->lane];
    if (old != NULL && !old->is_ours && !is_larger(c, m)) {
        give_up(c, link, "the other side's link is kept", true);
        return;
    }
    link_up(c, link, m, h);
}

static void on_reject(struct cluster *c, struct link *link, const struct msg_reject *m)
{
    if (m->code == REJECT_SELF && link->seed != NULL) {
        link->seed->is_self = true;
    }
    give_up(c, link, msg_refusal_text(m->code),
            m->code == REJECT_SELF || m->code == REJECT_DUPLICATE);
}

void links_greet(struct cluster *c, struct link *link, const struct msg *m)
{
    if (m->kind == MSG_HELLO && !link->is_ours) {
        on_hello(c, link, &m->hello);
    } else if (m->kind == MSG_HELLO_OK && link->is_ours) {
        on_hello_ok(c, link, &m->hello);
    } else if (m->kind == MSG_REJECT && link->is_ours) {
        on_reject(c, link, &m->reject);
    } else {
        links_give_up(c, link, "no greeting");
    }
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
