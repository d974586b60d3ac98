#include "peers/peers.h"

#include "base/err.h"
#include "peers/peer_link.h"

#include <assert.h>
#include <stdlib.h>

/* Telling the core that a link ended, or that one drains, can make it send; so a flush goes
 * round. After so many rounds the loop has its turn first. */
#define FLUSH_ROUNDS_MAX 8u

/* --- events of the loop --------------------------------------------------------------------
 */

/* Too many connections that never said who they are: the oldest makes room. A node of the
 * cluster needs one round trip for its HELLO and is not the oldest for long. */
static void make_room_for_pending(struct peers *p)
{
    if (p->pending_count < LINK_PENDING_MAX) {
        return;
    }
    struct peer_link *oldest = list_item(p->pending.next, struct peer_link, pending);
    p->counters.accepted_refused++;
    peer_link_end(oldest, LINK_END_RESET);
}

static void on_accepted(void *owner, struct peer_stream *s)
{
    struct peers *p = owner;
    p->counters.accepted++;
    make_room_for_pending(p);
    struct peer_link *k = peer_link_new(p, ++p->last_incoming);
    if (k == NULL) {
        peer_stream_close(&s);
        return;
    }
    peer_link_accept(k, s);
}

static void on_seed(void *owner, struct bytes address)
{
    struct peers *p = owner;
    p->busy = true;
    p->config.events.on_seed(p->config.events.owner, address);
    p->busy = false;
}

static bool is_joined(void *owner)
{
    const struct peers *p = owner;
    return p->up_count > 0;
}

/* --- the end of a turn ---------------------------------------------------------------------
 */

static void tell_ended(struct peers *p)
{
    const struct peers_events *e = &p->config.events;
    while (p->stillborn_count > 0) {
        e->on_closed(e->owner, p->stillborn[--p->stillborn_count], LINK_END_UNREACHABLE);
    }
    while (!list_is_empty(&p->ended)) {
        struct peer_link *k = list_item(p->ended.next, struct peer_link, in_turn);
        uint64_t number = k->number;
        enum link_end why = k->why;
        peer_link_retire(k, LINK_LINGER_MS);
        e->on_closed(e->owner, number, why);
    }
}

static void write_dirty(struct peers *p)
{
    const struct peers_events *e = &p->config.events;
    struct list *item;
    while ((item = list_pop_front(&p->dirty)) != NULL) {
        struct peer_link *k = list_item(item, struct peer_link, in_turn);
        peer_link_write(k);
        size_t unsent = frame_queue_size(&k->queue);
        bool over = unsent > LINK_UNSENT_MARK;
        if (k->state == LINK_OPEN && (over || k->over_mark)) {
            k->over_mark = over;
            e->on_unsent(e->owner, k->number, unsent);
        }
    }
}

static bool has_work(const struct peers *p)
{
    return p->stillborn_count > 0 || !list_is_empty(&p->ended) || !list_is_empty(&p->dirty);
}

void peers_flush(struct peers *p)
{
    if (p->busy || !has_work(p)) {
        return;
    }
    p->busy = true;
    for (unsigned round = 0; round < FLUSH_ROUNDS_MAX && has_work(p); round++) {
        tell_ended(p);
        write_dirty(p);
    }
    p->busy = false;
    if (has_work(p)) {
        timer_start(p->again, 0);
    }
}

static void finish_closing(struct peers *p);

static void on_turn_end(void *owner)
{
    struct peers *p = owner;
    const struct peers_events *e = &p->config.events;
    p->link_count++; /* keeps `p`: the last link may end in here, after peers_close() */
    if (e->on_writing != NULL && !list_is_empty(&p->dirty)) {
        e->on_writing(e->owner);
    }
    peers_flush(p);
    if (p->closing) {
        finish_closing(p);
    }
    p->link_count--;
    peers_free_if_done(p);
}

static void on_again(void *owner)
{
    (void)owner; /* the end of this turn flushes */
}

/* --- life ----------------------------------------------------------------------------------
 */

static int listen_at(struct peers *p, struct bytes where, struct errmsg *em)
{
    union address at;
    int rc = address_resolve(&at, where, em);
    if (rc != 0) {
        return rc;
    }
    struct peer_listener_events events = {.on_accepted = on_accepted, .owner = p};
    rc = peer_listener_open(&p->listener, p->loop, &at, &events, em);
    if (rc == 0) {
        at = peer_listener_address(p->listener);
        address_print(&at, p->address);
    }
    return rc;
}

static int open_parts(struct peers *p, struct errmsg *em)
{
    p->turn_end = turn_end_new(p->loop, on_turn_end, p);
    p->again = timer_new(p->loop, on_again, p);
    if (p->turn_end == NULL || p->again == NULL) {
        return err_set(em, ERR_NOMEM, "no memory for peer links");
    }
    int rc = listen_at(p, p->config.listen, em);
    if (rc != 0) {
        return rc;
    }
    struct seeds_events events = {.on_seed = on_seed, .is_joined = is_joined, .owner = p};
    struct seeds_list list = {p->config.seeds, p->config.seed_count};
    return seeds_open(&p->seeds, p->loop, list, &events, em);
}

int peers_open(struct peers **out, struct loop *l, const struct peers_config *config,
               struct errmsg *em)
{
    *out = NULL;
    dns_limit_waiting();
    struct peers *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return err_set(em, ERR_NOMEM, "no memory for peer links");
    }
    p->loop = l;
    p->config = *config;
    for (size_t i = 0; i < LINK_BUCKETS; i++) {
        list_init(&p->links[i]);
    }
    list_init(&p->dirty);
    list_init(&p->ended);
    list_init(&p->pending);
    list_init(&p->refused);
    int rc = open_parts(p, em);
    if (rc != 0) {
        peers_close(&p);
        return rc;
    }
    p->config.seeds = NULL; /* the caller's; copied by now */
    p->config.listen = bytes_of(NULL, 0);
    *out = p;
    return 0;
}

struct bytes peers_address(const struct peers *p)
{
    return bytes_text(p->address);
}

struct bytes peers_link_address(struct peers *p, uint64_t link)
{
    const struct peer_link *k = peer_link_find(p, link);
    return bytes_of(p->asked, k == NULL ? 0 : peer_link_print_address(k, p->asked));
}

void peers_dispatch(struct peers *p, enum cluster_effect_kind kind,
                    const struct link_effect *link)
{
    struct peer_link *k = NULL;
    switch (kind) {
    case CLUSTER_DIAL:
        k = peer_link_new(p, link->link);
        if (k != NULL) {
            k->lane = link->lane;
            peer_link_dial(k, link->address);
        } else if (p->stillborn_count < PEERS_STILLBORN_MAX) {
            p->stillborn[p->stillborn_count++] = link->link;
        }
        return;
    case CLUSTER_SEND:
        k = peer_link_find(p, link->link);
        if (k != NULL) {
            peer_link_send(k, &link->msg);
        }
        return;
    case CLUSTER_CLOSE:
        k = peer_link_find(p, link->link);
        if (k != NULL) {
            peer_link_end(k, LINK_END_OURS);
        }
        return;
    default:
        return; /* MEMBER is for people */
    }
}

size_t peers_review(struct peers *p)
{
    size_t count = 0;
    for (size_t i = 0; i < LINK_BUCKETS; i++) {
        for (struct list *l = p->links[i].next; l != &p->links[i]; l = l->next) {
            count += peer_link_review(list_item(l, struct peer_link, by_number));
        }
    }
    return count;
}

void peers_free_if_done(struct peers *p)
{
    if (p->closing && p->link_count == 0) {
        traffic_fini(&p->traffic);
        free(p);
    }
}

static void finish_closing(struct peers *p)
{
    p->link_count++; /* keeps `p` until the end of this function */
    peer_listener_close(&p->listener);
    seeds_close(&p->seeds);
    turn_end_close(&p->turn_end);
    timer_close(&p->again);
    for (size_t i = 0; i < LINK_BUCKETS; i++) {
        while (!list_is_empty(&p->links[i])) {
            peer_link_farewell(list_item(p->links[i].next, struct peer_link, by_number));
        }
    }
    p->link_count--;
    peers_free_if_done(p);
}

/* Events with nobody to hear them. */
static void hear_address(void *owner, struct bytes address)
{
    (void)owner;
    (void)address;
}

static void hear_link(void *owner, uint64_t link)
{
    (void)owner;
    (void)link;
}

static void hear_closed(void *owner, uint64_t link, enum link_end why)
{
    (void)owner;
    (void)link;
    (void)why;
}

static void hear_message(void *owner, uint64_t link, const struct msg *m, uint64_t sent_at_ms)
{
    (void)owner;
    (void)link;
    (void)m;
    (void)sent_at_ms;
}

static void hear_unsent(void *owner, uint64_t link, size_t unsent_size)
{
    (void)owner;
    (void)link;
    (void)unsent_size;
}

static size_t no_frame_max(void *owner, uint64_t link)
{
    (void)owner;
    (void)link;
    return MSG_HELLO_MAX;
}

void peers_close(struct peers **p)
{
    struct peers *mine = *p;
    *p = NULL;
    if (mine == NULL) {
        return;
    }
    mine->closing = true;
    mine->config.events = (struct peers_events){
        .on_seed = hear_address,
        .on_opened = hear_link,
        .on_accepted = hear_link,
        .on_closed = hear_closed,
        .on_withdrawn = hear_link,
        .on_message = hear_message,
        .on_unsent = hear_unsent,
        .frame_max = no_frame_max,
    };
    if (mine->turn_end == NULL) { /* it never opened */
        finish_closing(mine);
    }
}

const struct peers_counters *peers_counters(const struct peers *p)
{
    return &p->counters;
}

bool peers_counter_at(const struct peers *p, size_t n, const char **name, uint64_t *value)
{
    static const struct {
        const char *name;
        size_t offset;
    } all[] = {
#define COUNTER_ROW(field, help) {#field, offsetof(struct peers_counters, field)},
        PEERS_COUNTERS(COUNTER_ROW)
#undef COUNTER_ROW
    };
    if (n >= sizeof all / sizeof all[0]) {
        return false;
    }
    *name = all[n].name;
    memcpy(value, (const char *)&p->counters + all[n].offset, sizeof *value);
    return true;
}

bool peers_traffic_at(const struct peers *p, size_t n, struct peers_traffic *out)
{
    return traffic_at(&p->traffic, n, out);
}
