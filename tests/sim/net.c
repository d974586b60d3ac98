#include "net.h"

#include "host.h"
#include "wire.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define DELAY_MIN_US   20u
#define DIAL_AGAIN_US  950000u /* a lost SYN is sent again */
#define DIAL_TRIES_MAX 2u
#define GIVE_UP_US     6000000u /* TCP_USER_TIMEOUT and a little */

void net_init(struct sim *s, uint32_t slots)
{
    s->net = (struct net){.slots = slots, .delay_us = s->options.delay_us};
    s->net.cells = calloc((size_t)slots * slots, sizeof *s->net.cells);
    assert(s->net.cells != NULL);
}

struct net_cell *net_cell(struct net *n, uint32_t from, uint32_t to)
{
    return &n->cells[(size_t)from * n->slots + to];
}

static bool is_blocked(struct sim *s, uint32_t from, uint32_t to, uint8_t lane)
{
    const struct net_cell *cell = net_cell(&s->net, from, to);
    return cell->cuts > 0 || cell->clogs[lane] > 0;
}

static bool way_is_blocked(struct sim *s, const struct net_conn *c, int from)
{
    const struct net_end *to = &c->end[1 - from];
    return is_blocked(s, c->end[from].slot, to->slot, c->lane) || to->hole == HOLE_FOR_EVER ||
           (to->hole == HOLE_WHILE_DARK && s->hosts[to->slot] == NULL);
}

/* Uniform bits to an exponential distribution; the tail is cut at ten times the mean. */
static uint64_t draw_delay_us(struct sim *s)
{
    double u = (double)(rng_next(&s->rng) >> 11) / 9007199254740992.0;
    double e = -log(1.0 - u * 0.99995);
    return DELAY_MIN_US + (uint64_t)(e * (double)s->net.delay_us);
}

/* --- connections ----------------------------------------------------------------------- */

static struct net_conn *conn_new(struct net *n)
{
    if (n->free_count > 0) {
        return &n->conns[n->free_conns[--n->free_count]];
    }
    uint32_t was = n->conn_count, now = was == 0 ? 64 : was * 2;
    n->conns = realloc(n->conns, now * sizeof *n->conns);
    n->free_conns = realloc(n->free_conns, now * sizeof *n->free_conns);
    assert(n->conns != NULL && n->free_conns != NULL);
    memset(n->conns + was, 0, (now - was) * sizeof *n->conns);
    n->conn_count = now;
    for (uint32_t i = now; i > was + 1; i--) {
        n->free_conns[n->free_count++] = i - 1;
    }
    return &n->conns[was];
}

static void drop_after(struct net_direction *way, uint64_t keep)
{
    struct net_frame **at = &way->first;
    struct net_frame *last = NULL;
    for (; *at != NULL && keep > 0; keep--) {
        last = *at;
        at = &last->next;
    }
    struct net_frame *rest = *at;
    *at = NULL;
    way->last = last;
    while (rest != NULL) {
        struct net_frame *next = rest->next;
        way->bytes -= rest->size;
        parcel_drop(&rest->parcel);
        free(rest);
        rest = next;
    }
}

static void conn_free_if_done(struct net *n, struct net_conn *c)
{
    if (c->end[0].open || c->end[1].open || !c->used) {
        return;
    }
    drop_after(&c->way[0], 0);
    drop_after(&c->way[1], 0);
    uint32_t generation = c->generation + 1;
    *c = (struct net_conn){.generation = generation};
    n->free_conns[n->free_count++] = (uint32_t)(c - n->conns);
}

void net_fini(struct sim *s)
{
    struct net *n = &s->net;
    for (uint32_t i = 0; i < n->conn_count; i++) {
        drop_after(&n->conns[i].way[0], 0);
        drop_after(&n->conns[i].way[1], 0);
    }
    free(n->conns);
    free(n->free_conns);
    free(n->dials);
    free(n->free_dials);
    free(n->cells);
}

/* --- moving frames --------------------------------------------------------------------- */

static void arm(struct sim *s, struct net_conn *c, int from)
{
    struct net_direction *way = &c->way[from];
    const struct net_end *to = &c->end[1 - from];
    if (way->armed || (way->first == NULL && !way->ends)) {
        return;
    }
    uint64_t at_us = way->first == NULL ? way->due_us : way->first->due_us;
    if (way_is_blocked(s, c, from)) {
        at_us = (way->first == NULL ? s->now_us : way->first->sent_us) + GIVE_UP_US;
    }
    way->armed = true;
    agenda_add(&s->agenda, (struct event){
                               .at_us = at_us > s->now_us ? at_us : s->now_us,
                               .kind = EVENT_WIRE,
                               .slot = to->slot,
                               .incarnation = to->incarnation,
                               .a = (uint64_t)(c - s->net.conns),
                               .b = (uint64_t)from | (uint64_t)c->generation << 1,
                           });
}

void net_send(struct sim *s, struct net_conn *c, int end, struct parcel *parcel, uint32_t size)
{
    struct net_direction *way = &c->way[end];
    struct net_frame *f = calloc(1, sizeof *f);
    assert(f != NULL);
    f->parcel = parcel;
    f->size = size;
    f->sent_us = s->now_us;
    if (way->free_us < s->now_us) {
        way->free_us = s->now_us;
    }
    way->free_us += size * 1000ull / (s->options.bandwidth == 0 ? 1 : s->options.bandwidth);
    f->due_us = way->free_us + draw_delay_us(s);
    if (f->due_us < way->due_us) {
        f->due_us = way->due_us;
    }
    way->due_us = f->due_us;
    way->bytes += size;
    if (way->bytes > s->net.bytes_most) {
        s->net.bytes_most = way->bytes;
    }
    if (way->last == NULL) {
        way->first = f;
    } else {
        way->last->next = f;
    }
    way->last = f;
    arm(s, c, end);
}

/* The end hears that the connection is no more. */
static void tell_closed(struct sim *s, struct net_conn *c, int end)
{
    struct net_end *e = &c->end[end];
    if (!e->open) {
        return;
    }
    e->open = false;
    struct host *h = host_at(s, e->slot);
    struct net_end was = *e;
    conn_free_if_done(&s->net, c);
    if (h != NULL && h->incarnation == was.incarnation) {
        wire_closed(h, was.link, was.reset ? LINK_END_RESET : LINK_END_CLOSED);
    }
}

static void give_up(struct sim *s, struct net_conn *c, int from)
{
    int other = 1 - from;
    drop_after(&c->way[from], 0);
    if (c->end[other].open) {
        c->way[from].ends = false; /* the far end hears nothing: half-open */
    }
    c->end[from].reset = true;
    tell_closed(s, c, from);
}

/* The far end of `from` is not there any more: the sender gets a reset. */
static void bounce(struct sim *s, struct net_conn *c, int from)
{
    drop_after(&c->way[from], 0);
    c->way[from].ends = false;
    c->end[from].reset = true;
    struct net_direction *back = &c->way[1 - from];
    if (back->ends || !c->end[from].open) {
        return; /* it is on its way already, or known */
    }
    back->ends = true;
    if (back->due_us < s->now_us) {
        back->due_us = s->now_us;
    }
    back->due_us += draw_delay_us(s);
    arm(s, c, 1 - from);
}

static void deliver(struct sim *s, struct net_conn *c, int from)
{
    struct net_direction *way = &c->way[from];
    struct net_frame *f = way->first;
    way->first = f->next;
    if (way->first == NULL) {
        way->last = NULL;
    }
    way->bytes -= f->size;
    s->net.frames++;
    s->net.bytes += f->size;
    struct net_end *to = &c->end[1 - from];
    struct host *h = host_at(s, to->slot);
    assert(h != NULL && h->incarnation == to->incarnation);
    struct net_end *sender = &c->end[from];
    if (sender->congested && way->bytes < NET_PLENTY_SIZE) {
        sender->congested = false;
        agenda_add(&s->agenda, (struct event){.at_us = s->now_us,
                                              .kind = EVENT_FREED,
                                              .slot = sender->slot,
                                              .incarnation = sender->incarnation,
                                              .a = sender->link});
    }
    struct parcel *parcel = f->parcel;
    free(f);
    wire_received(h, to->link, parcel);
}

static bool still(const struct sim *s, uint32_t conn, uint32_t generation)
{
    const struct net_conn *c = &s->net.conns[conn];
    return c->used && c->generation == generation && !s->failed;
}

/* The receiver reads all that has arrived by now, as one turn of a loop would. The core may
 * close the connection, or open others, in any of these calls. */
static void deliver_due(struct sim *s, uint32_t conn, int from)
{
    uint32_t generation = s->net.conns[conn].generation;
    while (still(s, conn, generation)) {
        struct net_conn *c = &s->net.conns[conn];
        struct net_direction *way = &c->way[from];
        if (!c->end[1 - from].open) {
            bounce(s, c, from);
            break;
        }
        if (way->first != NULL && way->first->due_us <= s->now_us) {
            deliver(s, c, from);
        } else if (way->first == NULL && way->ends && way->due_us <= s->now_us) {
            way->ends = false;
            tell_closed(s, c, 1 - from);
            break;
        } else {
            break;
        }
    }
    if (still(s, conn, generation)) {
        arm(s, &s->net.conns[conn], from);
    }
}

void net_arrive(struct sim *s, uint32_t conn, uint64_t way_and_generation)
{
    int from = (int)(way_and_generation & 1);
    if (!still(s, conn, (uint32_t)(way_and_generation >> 1))) {
        return;
    }
    struct net_conn *c = &s->net.conns[conn];
    struct net_direction *way = &c->way[from];
    way->armed = false;
    if (way_is_blocked(s, c, from)) {
        if (way->first != NULL && way->first->sent_us + GIVE_UP_US <= s->now_us) {
            give_up(s, c, from);
        } else if (way->first != NULL) {
            arm(s, c, from);
        }
        return; /* net_wake() looks again */
    }
    deliver_due(s, conn, from);
}

void net_wake(struct sim *s)
{
    for (uint32_t i = 0; i < s->net.conn_count; i++) {
        struct net_conn *c = &s->net.conns[i];
        for (int from = 0; c->used && from < 2; from++) {
            if (!way_is_blocked(s, c, from)) {
                c->way[from].armed = false;
                arm(s, c, from);
            }
        }
    }
}

/* --- opening and closing --------------------------------------------------------------- */

static uint32_t dial_new(struct net *n)
{
    if (n->free_dial_count > 0) {
        return n->free_dials[--n->free_dial_count];
    }
    uint32_t was = n->dial_count, now = was == 0 ? 64 : was * 2;
    n->dials = realloc(n->dials, now * sizeof *n->dials);
    n->free_dials = realloc(n->free_dials, now * sizeof *n->free_dials);
    assert(n->dials != NULL && n->free_dials != NULL);
    memset(n->dials + was, 0, (now - was) * sizeof *n->dials);
    n->dial_count = now;
    for (uint32_t i = now; i > was + 1; i--) {
        n->free_dials[n->free_dial_count++] = i - 1;
    }
    return was;
}

static void dial_free(struct net *n, uint32_t dial)
{
    n->dials[dial].used = false;
    n->free_dials[n->free_dial_count++] = dial;
}

static void dial_later(struct sim *s, uint32_t dial, uint64_t delay_us)
{
    const struct net_dial *d = &s->net.dials[dial];
    agenda_add(&s->agenda, (struct event){.at_us = s->now_us + delay_us,
                                          .kind = EVENT_DIALLED,
                                          .slot = d->slot,
                                          .incarnation = d->incarnation,
                                          .a = dial});
}

void net_dial(struct sim *s, const struct host *h, uint32_t target, uint8_t lane, uint64_t link)
{
    uint32_t dial = dial_new(&s->net);
    s->net.dials[dial] = (struct net_dial){.used = true,
                                           .slot = h->slot,
                                           .incarnation = h->incarnation,
                                           .target = target,
                                           .lane = lane,
                                           .link = link};
    uint64_t delay_us = draw_delay_us(s) + draw_delay_us(s);
    dial_later(s, dial, delay_us < DIAL_AGAIN_US ? delay_us : DIAL_AGAIN_US);
}

static void dial_succeeded(struct sim *s, struct host *h, struct host *other,
                           const struct net_dial *d)
{
    struct net_conn *c = conn_new(&s->net);
    c->used = true;
    c->lane = d->lane;
    c->end[0] = (struct net_end){
        .slot = h->slot, .incarnation = h->incarnation, .open = true, .link = d->link};
    c->end[1] =
        (struct net_end){.slot = other->slot, .incarnation = other->incarnation, .open = true};
    uint32_t conn = (uint32_t)(c - s->net.conns), generation = c->generation;
    wire_accepted(other, conn);
    if (still(s, conn, generation) && s->net.conns[conn].end[0].open) {
        wire_opened(h, d->link, conn);
    }
}

/* Its machine has lost its power: nobody is there to refuse. */
static bool is_dark(const struct sim *s, uint32_t slot)
{
    return slot >= s->slot_count || (s->hosts[slot] == NULL && s->dark[slot]);
}

void net_dial_abandon(struct sim *s, const struct host *h, uint64_t link)
{
    for (uint32_t i = 0; i < s->net.dial_count; i++) {
        struct net_dial *d = &s->net.dials[i];
        if (d->used && d->link == link && d->slot == h->slot &&
            d->incarnation == h->incarnation) {
            d->abandoned = true;
        }
    }
}

void net_dialled(struct sim *s, uint32_t dial)
{
    struct net_dial *d = &s->net.dials[dial];
    struct host *h = host_at(s, d->slot);
    struct host *other = d->target < s->slot_count ? host_at(s, d->target) : NULL;
    bool blocked = d->target < s->slot_count && (is_blocked(s, d->slot, d->target, d->lane) ||
                                                 is_blocked(s, d->target, d->slot, d->lane));
    assert(d->used);
    if (d->abandoned || h == NULL) {
        dial_free(&s->net, dial);
        return;
    }
    if (blocked && ++d->tries < DIAL_TRIES_MAX) {
        dial_later(s, dial, DIAL_AGAIN_US);
        return;
    }
    struct net_dial mine = *d;
    dial_free(&s->net, dial);
    if (blocked || is_dark(s, mine.target)) {
        wire_failed(h, mine.link, LINK_END_UNREACHABLE);
    } else if (other == NULL) {
        wire_failed(h, mine.link, LINK_END_REFUSED);
    } else {
        dial_succeeded(s, h, other, &mine);
    }
}

static uint64_t frames_under_way(const struct net_direction *way)
{
    uint64_t n = 0;
    for (const struct net_frame *f = way->first; f != NULL; f = f->next) {
        n++;
    }
    return n;
}

static void end_way(struct sim *s, struct net_conn *c, int from, uint64_t keep)
{
    struct net_direction *way = &c->way[from];
    drop_after(way, keep);
    way->ends = true;
    if (way->due_us < s->now_us) {
        way->due_us = s->now_us;
    }
    way->due_us += draw_delay_us(s);
    arm(s, c, from);
}

void net_close(struct sim *s, struct net_conn *c, int end)
{
    assert(c->used && c->end[end].open);
    c->end[end].open = false;
    drop_after(&c->way[1 - end], 0);
    if (c->end[1 - end].open) {
        end_way(s, c, end, UINT64_MAX);
    }
    conn_free_if_done(&s->net, c);
}

void net_reset(struct sim *s, struct net_conn *c)
{
    for (int from = 0; from < 2; from++) {
        c->end[from].reset = true;
        end_way(s, c, from, rng_below(&s->rng, frames_under_way(&c->way[from]) + 1));
    }
}

static void vanish(struct sim *s, struct net_conn *c, int end, enum net_hole hole)
{
    c->end[end].open = false;
    c->end[end].hole = hole;
    drop_after(&c->way[1 - end], 0);
    conn_free_if_done(&s->net, c);
}

void net_lose(struct sim *s, struct net_conn *c, int end)
{
    c->end[end].hole = HOLE_FOR_EVER;
    c->end[end].reset = true;
    drop_after(&c->way[0], 0);
    drop_after(&c->way[1], 0);
    tell_closed(s, c, end);
}

void net_host_died(struct sim *s, const struct host *h, bool silent)
{
    for (uint32_t i = 0; i < s->net.conn_count; i++) {
        struct net_conn *c = &s->net.conns[i];
        for (int end = 0; c->used && end < 2; end++) {
            struct net_end *e = &c->end[end];
            if (e->slot != h->slot || e->incarnation != h->incarnation || !e->open) {
                continue;
            }
            if (silent) {
                drop_after(&c->way[end], 0);
                vanish(s, c, end, HOLE_WHILE_DARK);
            } else {
                net_close(s, c, end);
            }
        }
    }
    for (uint32_t i = 0; i < s->net.dial_count; i++) {
        struct net_dial *d = &s->net.dials[i];
        d->abandoned |= d->slot == h->slot && d->incarnation == h->incarnation;
    }
}
