#include "cluster/publish.h"

#include "cluster/seats.h"
#include "cluster/streams.h"
#include "cluster/trust.h"

enum {
    FLUSH_MS = 1, /* that ends wait for company, and a digest for other news */
};

/* --- who speaks -------------------------------------------------------------------------- */

/* All of its arbiters are gone: the first of those that vote in their stead acts for it. A seat
 * that this node is to have in a term that was never chosen is nobody's. */
static bool is_first_heir(const struct cluster *c, const struct invocation *inv)
{
    for (uint32_t i = 0; i < inv->arbiter_count; i++) {
        uint16_t voter = seats_voter(c, &inv->guid, inv_arbiter(inv, i), i);
        if (voter == SELF && inv_has_seat(inv, i)) {
            return true;
        }
        if (voter != SELF && !trust_is_dead(c, voter)) {
            return false;
        }
    }
    return false;
}

bool publish_is_owner(const struct cluster *c, const struct invocation *inv)
{
    if (c->members != NULL && c->members->farewell_at_ms != 0) {
        return false; /* it has said good-bye: others speak and count now */
    }
    if (inv_is_ours(inv)) {
        return true;
    }
    for (uint32_t i = 0; i < inv->arbiter_count; i++) {
        uint16_t node = inv_arbiter(inv, i);
        if (node == SELF) {
            return true;
        }
        if (!trust_is_dead(c, node)) {
            return false;
        }
    }
    return is_first_heir(c, inv);
}

/* --- what is said ------------------------------------------------------------------------ */

static void skip_all(struct cluster *c)
{
    for (struct list *l = c->members->all.next; l != &c->members->all; l = l->next) {
        struct member *m = list_item(l, struct member, link);
        m->created_cursor = c->streams->created.end;
        m->ended_cursor = c->streams->ended.end;
        m->digest_version = 0;
    }
    c->counters.resyncs++;
}

/* Digests tell of it, if nothing else has by then. */
static void note_news(struct cluster *c)
{
    c->streams->version++;
    members_wake_for(c, TEND_DIGEST, c->now_ms + FLUSH_MS);
}

void publish_created(struct cluster *c, struct invocation *inv)
{
    if (c->streams == NULL) {
        return;
    }
    note_news(c);
    struct event e = {.seq = inv->seq, .origin = (uint16_t)inv->origin};
    streams_trim(c, &c->streams->created);
    if (!event_ring_push(&c->streams->created, &e)) {
        skip_all(c);
        return;
    }
    for (struct list *l = c->members->all.next, *next; l != &c->members->all; l = next) {
        next = l->next;
        streams_pump(c, list_item(l, struct member, link));
    }
}

void publish_ended(struct cluster *c, struct invocation *inv, enum invocation_state end)
{
    if (c->streams == NULL) {
        return;
    }
    note_news(c);
    if (!publish_is_owner(c, inv)) {
        return;
    }
    struct event e = {.seq = inv->seq,
                      .origin = (uint16_t)inv->origin,
                      .reason = (uint8_t)((uint32_t)end | (uint32_t)inv->webhook << 4)};
    if (!event_ring_push(&c->streams->ended, &e)) {
        skip_all(c);
        return;
    }
    if (c->streams->flush_at_ms == UINT64_MAX) {
        c->streams->flush_at_ms = c->now_ms + FLUSH_MS;
        members_wake_for(c, TEND_FLOW, c->streams->flush_at_ms);
    }
}
