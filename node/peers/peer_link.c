#include "peers/peer_link.h"

#include "base/err.h"

#include <assert.h>
#include <stdlib.h>

#define RUNS_PER_WRITE 64u
#define READS_PER_TURN 4u /* of one link, so that the others have their turn */

/* --- life --------------------------------------------------------------------------------- */

static struct list *bucket_of(const struct peers *p, uint64_t number)
{
    return (struct list *)(uintptr_t)&p->links[number % LINK_BUCKETS];
}

struct peer_link *peer_link_find(const struct peers *p, uint64_t number)
{
    struct list *bucket = bucket_of(p, number);
    for (struct list *l = bucket->next; l != bucket; l = l->next) {
        struct peer_link *k = list_item(l, struct peer_link, by_number);
        if (k->number == number) {
            return k;
        }
    }
    return NULL;
}

static void on_time(void *owner);

struct peer_link *peer_link_new(struct peers *p, uint64_t number)
{
    struct peer_link *k = calloc(1, sizeof *k);
    if (k == NULL) {
        return NULL;
    }
    k->timer = timer_new(p->loop, on_time, k);
    if (k->timer == NULL) {
        free(k);
        return NULL;
    }
    k->owner = p;
    k->number = number;
    list_init(&k->by_number);
    list_init(&k->in_turn);
    list_init(&k->pending);
    frame_reader_init(&k->reader, MSG_HELLO_MAX);
    frame_queue_init(&k->queue);
    list_push_back(bucket_of(p, number), &k->by_number);
    p->link_count++;
    return k;
}

static void link_free(struct peer_link *k)
{
    struct peers *p = k->owner;
    list_remove(&k->by_number);
    list_remove(&k->in_turn);
    if (!list_is_empty(&k->pending)) {
        list_remove(&k->pending); /* from `refused`: the others it leaves by peer_link_end() */
        p->refused_count--;
    }
    dns_lookup_cancel(&k->lookup);
    timer_close(&k->timer);
    peer_stream_close(&k->stream);
    frame_reader_fini(&k->reader);
    frame_queue_fini(&k->queue);
    free(k);
    p->link_count--;
    peers_free_if_done(p);
}

/* Neither waited for nor counted as up any more. */
static void leave_lists(struct peer_link *k)
{
    struct peers *p = k->owner;
    list_remove(&k->in_turn);
    if (!list_is_empty(&k->pending)) {
        list_remove(&k->pending);
        p->pending_count--;
    }
    p->up_count -= k->is_up;
    k->is_up = false;
}

void peer_link_end(struct peer_link *k, enum link_end why)
{
    if (k->state != LINK_DIALLING && k->state != LINK_OPEN) {
        return;
    }
    leave_lists(k);
    k->owner->counters.dials_failed += k->state == LINK_DIALLING;
    if (why != LINK_END_OURS || k->state == LINK_DIALLING) {
        peer_stream_close(&k->stream);
    }
    dns_lookup_cancel(&k->lookup);
    timer_stop(k->timer);
    k->state = LINK_ENDED;
    k->why = why;
    list_push_back(&k->owner->ended, &k->in_turn);
}

bool peer_link_review(struct peer_link *k)
{
    struct peers *p = k->owner;
    if (k->state != LINK_OPEN || peer_stream_is_trusted(k->stream)) {
        return false;
    }
    p->counters.withdrawn++;
    p->config.events.on_withdrawn(p->config.events.owner, k->number);
    return true;
}

size_t peer_link_print_address(const struct peer_link *k, char *text)
{
    if (k->stream == NULL) {
        return 0;
    }
    const union address *from = peer_stream_address(k->stream);
    return k->accepted ? address_print_host(from, text) : address_print(from, text);
}

static void trouble(struct peer_link *k, const char *what)
{
    const struct peers_events *e = &k->owner->config.events;
    char text[ADDRESS_TEXT_MAX];
    size_t size = peer_link_print_address(k, text);
    if (e->on_trouble != NULL && size > 0) {
        e->on_trouble(e->owner, bytes_of(text, size), what);
    }
}

/* --- lingering ---------------------------------------------------------------------------- */

/* Writes on; false when the link is gone. */
static bool linger(struct peer_link *k)
{
    if (frame_queue_size(&k->queue) > 0 && !k->blocked) {
        peer_link_write(k);
        if (k->stream == NULL) {
            link_free(k);
            return false;
        }
    }
    if (frame_queue_size(&k->queue) == 0) {
        peer_stream_send_end(k->stream);
    }
    return true;
}

/* Strangers may come faster than they go: then the first of them has had its time. */
static void join_refused(struct peer_link *k)
{
    struct peers *p = k->owner;
    if (p->refused_count >= LINK_PENDING_MAX) {
        link_free(list_item(p->refused.next, struct peer_link, pending));
    }
    list_push_back(&p->refused, &k->pending);
    p->refused_count++;
}

void peer_link_retire(struct peer_link *k, uint64_t linger_ms)
{
    assert(k->state == LINK_ENDED);
    list_remove(&k->in_turn);
    list_remove(&k->by_number); /* the core may not name it again */
    if (k->stream == NULL) {
        link_free(k);
        return;
    }
    k->state = LINK_LINGERING;
    if (!linger(k)) {
        return;
    }
    timer_start(k->timer, linger_ms);
    if (k->accepted && k->traffic == NULL) { /* it never was up */
        join_refused(k);
    }
}

void peer_link_farewell(struct peer_link *k)
{
    peer_link_end(k, LINK_END_OURS);
    peer_link_retire(k, LINK_FAREWELL_MS);
}

static void throw_away_input(struct peer_link *k)
{
    size_t got;
    for (unsigned i = 0; i < READS_PER_TURN; i++) {
        if (peer_stream_read(k->stream, k->owner->scratch, PEERS_SCRATCH_SIZE, &got) != 0) {
            link_free(k);
            return;
        }
        if (got < PEERS_SCRATCH_SIZE) {
            return;
        }
    }
}

static void on_time(void *owner)
{
    struct peer_link *k = owner;
    if (k->state == LINK_LINGERING) {
        link_free(k);
    } else {
        peer_link_end(k, LINK_END_UNREACHABLE);
    }
}

/* --- receiving ---------------------------------------------------------------------------- */

/* The core has accepted the peer: larger frames may come, and its bytes are counted. */
static void note_up(struct peer_link *k)
{
    struct peers *p = k->owner;
    size_t limit = p->config.events.frame_max(p->config.events.owner, k->number);
    if (limit <= MSG_HELLO_MAX || k->state != LINK_OPEN) {
        return;
    }
    frame_reader_set_limit(&k->reader, (uint32_t)limit);
    k->is_up = true;
    p->up_count++;
    k->traffic = traffic_of(&p->traffic, bytes_of(k->name, k->name_size));
    if (!list_is_empty(&k->pending)) {
        list_remove(&k->pending);
        p->pending_count--;
    }
}

static void note_hello(struct peer_link *k, const struct msg_hello *hello)
{
    k->name_size = (uint32_t)hello->node_name.size;
    memcpy(k->name, hello->node_name.at, hello->node_name.size);
    if (k->accepted) {
        k->lane = (enum msg_lane)hello->lane;
    }
}

static void on_frame(struct peer_link *k, const struct frame *f)
{
    struct peers *p = k->owner;
    struct msg m;
    int rc = codec_decode(&m, f, &p->arrays, p->config.budget);
    if (rc == ERR_NOTFOUND) {
        p->counters.unknown_kinds++;
        return;
    }
    if (rc != 0) {
        p->counters.malformed++;
        trouble(k, "a message that cannot be read");
        peer_link_end(k, LINK_END_MALFORMED);
        return;
    }
    p->counters.messages_received++;
    if (!k->is_up && (m.kind == MSG_HELLO || m.kind == MSG_HELLO_OK)) {
        note_hello(k, &m.hello);
    }
    p->counters.no_room += (m.kind == MSG_ACCEPT && m.accept.no_room) ||
                           (m.kind == MSG_CREATE && m.create.no_room);
    p->config.events.on_message(p->config.events.owner, k->number, &m, f->sent_ms);
    codec_release(&m);
    if (!k->is_up) {
        note_up(k);
    }
}

static void on_hostile(struct peer_link *k, int error)
{
    struct peers *p = k->owner;
    if (error == ERR_NOMEM) {
        peer_link_end(k, LINK_END_RESET);
        return;
    }
    p->counters.malformed += error == ERR_MALFORMED;
    p->counters.too_large += error == ERR_TOOBIG;
    trouble(k, error == ERR_TOOBIG ? "a frame over its limit" : "a frame that is none");
    peer_link_end(k, LINK_END_MALFORMED);
}

/* A stream of records of TLS (RFC 8446 5.1) where a frame should be, whose length cannot begin
 * like that. */
static bool is_tls(struct bytes first)
{
    return first.size >= 2 && (first.at[0] == 0x16 || first.at[0] == 0x15) &&
           first.at[1] == 0x03;
}

static void on_unasked_tls(struct peer_link *k)
{
    k->owner->counters.tls_unasked++;
    trouble(k, "it speaks TLS, and this node has neither cluster.secret_file nor cluster.tls");
    peer_link_end(k, LINK_END_MALFORMED);
}

static void on_read_error(struct peer_link *k, int rc)
{
    const char *why = peer_stream_explain(k->stream);
    if (why != NULL) {
        trouble(k, why);
    }
    peer_link_end(k, rc == ERR_CLOSED ? LINK_END_CLOSED : LINK_END_RESET);
}

/* Reads once. False: nothing more to read now. */
static bool receive(struct peer_link *k)
{
    struct peers *p = k->owner;
    size_t size, got;
    uint8_t *in_place = frame_reader_room(&k->reader, &size);
    if (in_place == NULL) {
        size = PEERS_SCRATCH_SIZE;
    }
    p->counters.reads++;
    int rc = peer_stream_read(k->stream, in_place == NULL ? p->scratch : in_place, size, &got);
    if (rc != 0) {
        on_read_error(k, rc);
        return false;
    }
    if (in_place == NULL && !k->is_up && is_tls(bytes_of(p->scratch, got))) {
        on_unasked_tls(k);
        return false;
    }
    if (in_place != NULL) {
        frame_reader_filled(&k->reader, got);
    } else {
        frame_reader_feed(&k->reader, bytes_of(p->scratch, got));
    }
    struct frame f;
    while (k->state == LINK_OPEN && frame_reader_next(&k->reader, &f)) {
        on_frame(k, &f);
    }
    if (k->traffic != NULL) {
        k->traffic->received_size[k->lane] += got;
    }
    if (k->state == LINK_OPEN && frame_reader_error(&k->reader) != 0) {
        on_hostile(k, frame_reader_error(&k->reader));
    }
    return got == size && k->state == LINK_OPEN;
}

static void on_readable(void *owner)
{
    struct peer_link *k = owner;
    struct peers *p = k->owner;
    if (k->state == LINK_LINGERING) {
        throw_away_input(k);
        return;
    }
    if (k->state != LINK_OPEN) {
        return; /* ENDED: it lingers from the end of this turn on */
    }
    p->busy = true;
    for (unsigned i = 0; i < READS_PER_TURN && receive(k); i++) {
    }
    p->busy = false;
}

/* --- sending ------------------------------------------------------------------------------ */

static void mark_dirty(struct peer_link *k)
{
    if (list_is_empty(&k->in_turn)) {
        list_push_back(&k->owner->dirty, &k->in_turn);
    }
}

/* Members that do not fit one frame go in two: names and addresses may be long. */
static int send_peers_in_halves(struct peer_link *k, const struct msg *m, size_t limit)
{
    uint32_t step = m->peers.count;
    for (uint32_t at = 0; at < m->peers.count;) {
        uint32_t left = m->peers.count - at;
        struct msg part = {.kind = MSG_PEERS};
        part.peers.count = step < left ? step : left;
        part.peers.at = m->peers.at + at;
        int rc = codec_encode(&k->queue, &part, loop_now_ms(k->owner->loop), limit);
        if (rc == 0) {
            at += part.peers.count;
        } else if (rc != ERR_TOOBIG || step == 1) {
            return rc;
        } else {
            step /= 2;
        }
    }
    return 0;
}

void peer_link_send(struct peer_link *k, const struct msg *m)
{
    struct peers *p = k->owner;
    if (k->state != LINK_OPEN) {
        return;
    }
    const struct peers_events *e = &p->config.events;
    size_t limit = k->is_up ? k->reader.limit : e->frame_max(e->owner, k->number);
    int rc = codec_encode(&k->queue, m, loop_now_ms(p->loop), limit);
    if (rc == ERR_TOOBIG && m->kind == MSG_PEERS) {
        rc = send_peers_in_halves(k, m, limit);
    }
    if (rc == ERR_TOOBIG) {
        p->counters.unsendable++;
        trouble(k, "a message of ours is larger than its frame may be");
        return;
    }
    if (rc != 0) {
        peer_link_end(k, LINK_END_RESET);
        return;
    }
    p->counters.messages_sent++;
    size_t unsent_max = k->lane == LANE_BULK ? LINK_BULK_UNSENT_MAX : LINK_UNSENT_MAX;
    if (frame_queue_size(&k->queue) > unsent_max) {
        p->counters.unsent_full++;
        trouble(k, "it does not read what it is sent");
        peer_link_end(k, LINK_END_RESET);
        return;
    }
    mark_dirty(k);
}

/* A broken connection has no stream any more. */
static void on_broken(struct peer_link *k)
{
    peer_link_end(k, LINK_END_RESET);
    peer_stream_close(&k->stream);
}

void peer_link_write(struct peer_link *k)
{
    struct bytes runs[RUNS_PER_WRITE];
    while (frame_queue_size(&k->queue) > 0 && !k->blocked) {
        size_t count = frame_queue_peek(&k->queue, runs, RUNS_PER_WRITE);
        size_t size = 0, sent = 0;
        for (size_t i = 0; i < count; i++) {
            size += runs[i].size;
        }
        k->owner->counters.writes++;
        if (peer_stream_write(k->stream, runs, count, &sent) != 0) {
            on_broken(k);
            return;
        }
        frame_queue_sent(&k->queue, sent);
        if (k->traffic != NULL) {
            k->traffic->sent_size[k->lane] += sent;
        }
        k->blocked = sent < size;
    }
}

static void on_writable(void *owner)
{
    struct peer_link *k = owner;
    k->blocked = false;
    if (k->state == LINK_LINGERING) {
        linger(k);
    } else if (k->state == LINK_OPEN) {
        mark_dirty(k);
    }
}

/* --- beginning ---------------------------------------------------------------------------- */

static void try_next_address(struct peer_link *k);

static void on_open(void *owner, int rc)
{
    struct peer_link *k = owner;
    struct peers *p = k->owner;
    if (rc != 0) {
        const char *why = peer_stream_explain(k->stream);
        if (why != NULL) {
            trouble(k, why);
        }
        k->was_refused = rc == ERR_REFUSED;
        peer_stream_close(&k->stream);
        try_next_address(k);
        return;
    }
    timer_stop(k->timer);
    k->state = LINK_OPEN;
    p->busy = true;
    p->config.events.on_opened(p->config.events.owner, k->number);
    p->busy = false;
}

static struct peer_stream_events stream_events(struct peer_link *k)
{
    return (struct peer_stream_events){on_open, on_readable, on_writable, k};
}

/* False: no memory for it. */
static bool secure(struct peer_link *k)
{
    struct tls *tls = k->owner->config.tls;
    return tls == NULL || peer_stream_secure(k->stream, tls) == 0;
}

static void try_next_address(struct peer_link *k)
{
    struct peer_stream_events events = stream_events(k);
    while (k->address_next < k->address_count) {
        const union address *to = &k->addresses[k->address_next++];
        if (peer_stream_dial(&k->stream, k->owner->loop, to, &events) == 0 && secure(k)) {
            return;
        }
        peer_stream_close(&k->stream);
    }
    peer_link_end(k, k->was_refused ? LINK_END_REFUSED : LINK_END_UNREACHABLE);
}

static void on_found(void *owner, int rc, const union address *found, size_t count)
{
    struct peer_link *k = owner;
    k->lookup = NULL;
    k->address_count = rc != 0 ? 0 : count < LINK_ADDRESSES_MAX ? count : LINK_ADDRESSES_MAX;
    memcpy(k->addresses, found, k->address_count * sizeof *found);
    try_next_address(k);
}

void peer_link_dial(struct peer_link *k, struct bytes address)
{
    struct bytes host;
    uint16_t port;
    k->state = LINK_DIALLING;
    k->owner->counters.dials++;
    timer_start(k->timer, LINK_DIAL_MS);
    if (address_parse(&k->addresses[0], address) == 0) {
        k->address_count = 1;
        try_next_address(k);
        return;
    }
    struct dns_events events = {.on_found = on_found, .owner = k};
    if (address_split(address, &host, &port) != 0 ||
        dns_lookup_start(&k->lookup, k->owner->loop, host, port, &events) != 0) {
        peer_link_end(k, LINK_END_UNREACHABLE);
    }
}

void peer_link_accept(struct peer_link *k, struct peer_stream *s)
{
    struct peers *p = k->owner;
    struct peer_stream_events events = stream_events(k);
    k->state = LINK_OPEN;
    k->accepted = true;
    k->stream = s;
    if (!secure(k)) {
        link_free(k); /* nobody has heard of it */
        return;
    }
    list_push_back(&p->pending, &k->pending);
    p->pending_count++;
    p->busy = true;
    p->config.events.on_accepted(p->config.events.owner, k->number);
    p->busy = false;
    peer_stream_listen_to(s, &events);
}
