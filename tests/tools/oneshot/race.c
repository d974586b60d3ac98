#include "race.h"

#include "web.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define LATE_MS     8000u /* longer than any pause that the tests lay on a node */
#define AGAIN_MS    50u
#define STAMP_SIZE  24
#define HEAD_MAX    512u
#define EVENTS_MAX  256
#define LOOP_MAX_MS 50

enum client_state { CLIENT_IDLE, CLIENT_STATUS, CLIENT_GET, CLIENT_PAUSED, CLIENT_DONE };
enum slot_state { SLOT_IDLE, SLOT_POSTING, SLOT_HOLDING, SLOT_RACING };

struct slot;

struct client {
    struct web web;
    struct slot *slot;
    uint32_t first, node; /* the node it prefers, and asks now */
    enum client_state state;
    uint64_t due_ms; /* of a pause, or of the answer */
};

struct entry {
    char id[40];
    uint8_t deliveries;
    uint16_t code;               /* of the last answer to a GET */
    uint8_t home, broken_at;     /* nodes: who accepted it, who broke the first connection */
    uint64_t home_ms, broken_ms; /* when */
    bool cut, broken, unknown, unavailable, unanswered;
};

struct slot {
    struct client *clients;
    enum slot_state state;
    uint64_t at; /* which callback */
    uint64_t due_ms, accepted_ms;
};

struct race {
    const struct race_options *o;
    struct race_report *report;
    int epoll;
    struct slot *slots;
    struct entry *entries;
    uint64_t entry_room, now_ms, started_ms, next, posted;
    char *filler;
    bool sweeping, is_over;
};

static uint64_t clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

static void *need(void *memory)
{
    if (memory == NULL) {
        perror("oneshot");
        exit(2);
    }
    return memory;
}

static uint32_t size_of(const struct race *r, uint64_t at)
{
    return r->o->sizes[(at / r->o->node_count) % r->o->size_count];
}

static void stamp(char out[STAMP_SIZE + 1], uint64_t at)
{
    snprintf(out, STAMP_SIZE + 1, "callback %015llu", (unsigned long long)at);
}

/* --- asking --------------------------------------------------------------------------------
 */

static void finish_client(struct race *r, struct client *c);

static void pause_client(struct race *r, struct client *c)
{
    c->state = CLIENT_PAUSED;
    c->due_ms = r->now_ms + AGAIN_MS;
}

static void move_on(struct race *r, struct client *c)
{
    c->node = (c->node + 1) % r->o->node_count;
    pause_client(r, c);
}

static void ask(struct race *r, struct client *c, enum client_state what)
{
    char *room = web_room(&c->web, HEAD_MAX);
    const char *id = r->entries[c->slot->at].id;
    uint32_t wait_ms = r->sweeping ? 0 : r->o->wait_ms;
    char token[64] = "";
    if (r->o->has_tokens && !r->sweeping) {
        snprintf(token, sizeof token, "Claim-Token: %llu-%u-%u\r\n",
                 (unsigned long long)c->slot->at, (unsigned)(c - c->slot->clients),
                 (unsigned)getpid());
    }
    int n =
        what == CLIENT_STATUS
            ? snprintf(room, HEAD_MAX,
                       "GET /v1/invocations/%s?redirect=false HTTP/1.1\r\nHost: x\r\n\r\n", id)
            : snprintf(room, HEAD_MAX,
                       "GET /v1/callbacks/%s?wait=%u HTTP/1.1\r\nHost: x\r\n%s\r\n", id,
                       wait_ms, token);
    c->state = what;
    c->due_ms = r->now_ms + wait_ms + LATE_MS;
    if (!web_send(&c->web, &r->o->nodes[c->node], (size_t)n)) {
        r->report->gets_refused++;
        move_on(r, c);
    }
}

/* As behind a load balancer: the next node is asked. */
static void post_again(struct race *r, struct slot *s, struct client *c)
{
    c->node = (c->node + 1) % r->o->node_count;
    s->state = SLOT_HOLDING;
    s->due_ms = r->now_ms + AGAIN_MS;
}

static void post(struct race *r, struct slot *s)
{
    struct client *c = &s->clients[s->at % r->o->clients];
    size_t size = size_of(r, s->at);
    char *room = web_room(&c->web, HEAD_MAX + size), mark[STAMP_SIZE + 1];
    int n = snprintf(room, HEAD_MAX,
                     "POST %s HTTP/1.1\r\nHost: x\r\nPrefer: respond-async\r\n"
                     "Content-Type: text/plain\r\nContent-Length: %zu\r\n\r\n",
                     r->o->path, size);
    stamp(mark, s->at);
    memcpy(room + n, r->filler, size);
    memcpy(room + n, mark, size < STAMP_SIZE ? size : STAMP_SIZE);
    s->state = SLOT_POSTING;
    c->state = CLIENT_IDLE;
    s->due_ms = r->now_ms + LATE_MS;
    if (!web_send(&c->web, &r->o->nodes[c->node], (size_t)n + size)) {
        r->report->posts_refused++;
        post_again(r, s, c);
    }
}

static void race(struct race *r, struct slot *s)
{
    s->state = SLOT_RACING;
    for (uint32_t i = 0; i < r->o->clients; i++) {
        ask(r, &s->clients[i], r->o->asks_status && !r->sweeping ? CLIENT_STATUS : CLIENT_GET);
    }
}

/* --- the ledger ----------------------------------------------------------------------------
 */

static struct entry *entry_at(struct race *r, uint64_t at)
{
    while (at >= r->entry_room) {
        uint64_t room = r->entry_room == 0 ? 4096 : r->entry_room * 2;
        r->entries = need(realloc(r->entries, room * sizeof *r->entries));
        memset(r->entries + r->entry_room, 0, (room - r->entry_room) * sizeof *r->entries);
        r->entry_room = room;
    }
    return &r->entries[at];
}

static bool is_right(const struct race *r, uint64_t at, const struct web_answer *a)
{
    char mark[STAMP_SIZE + 1];
    size_t size = size_of(r, at), head = size < STAMP_SIZE ? size : STAMP_SIZE;
    stamp(mark, at);
    return a->body_size == size && memcmp(a->body, mark, head) == 0 &&
           memcmp(a->body + head, r->filler + head, size - head) == 0;
}

static void note_delivery(struct race *r, uint64_t at, const struct web_answer *a)
{
    struct entry *e = &r->entries[at];
    e->deliveries++;
    if (e->deliveries > 1) {
        r->report->twice++;
        r->report->swept_twice += r->sweeping;
        fprintf(stderr, "oneshot: %s was delivered %d times\n", e->id, e->deliveries);
    } else {
        r->report->delivered += !r->sweeping;
        r->report->swept_late += r->sweeping;
    }
    if (a->code != 200) {
        r->report->failed++;
    } else if (!is_right(r, at, a)) {
        r->report->wrong_bodies++;
        fprintf(stderr, "oneshot: %s has a wrong body of %zu bytes\n", e->id, a->body_size);
    }
}

static void note_lost(struct race *r, const struct entry *e)
{
    struct race_report *p = r->report;
    /* Whose node died while it asked may have had it served, and in strict mode nobody is
     * served again: 503 or, when more nodes have died, 404 is what is left to say. */
    uint64_t *why = e->cut           ? &p->lost_cut
                    : e->broken      ? &p->lost_asked
                    : e->unknown     ? &p->lost_unknown
                    : e->broken      ? &p->lost_asked
                    : e->unavailable ? &p->lost_unavailable
                    : e->unanswered  ? &p->lost_unanswered
                                     : &p->lost_gone;
    (*why)++;
    p->broke_once += e->broken || e->cut;
    fprintf(stderr, "oneshot: %s is lost, last answer %u; accepted by %c at %.1f s", e->id,
            e->code, 'a' + e->home, (double)e->home_ms / 1000);
    if (e->broken || e->cut) {
        fprintf(stderr, ", connection to %c broke%s at %.1f s", 'a' + e->broken_at,
                e->cut ? " within the answer" : "", (double)e->broken_ms / 1000);
    }
    fprintf(stderr, "\n");
}

/* API.md 3 and 9: what a client may be told while nodes fail. */
static void judge(struct race *r, const struct web_answer *a, bool is_final)
{
    bool is_busy = a->code == 429 || a->code == 503;
    r->report->no_retry_after += is_busy && !a->has_retry_after && !a->is_delivered;
    r->report->wrong_answers += !is_final && !is_busy && (a->code < 200 || a->code > 299);
}

static void write_ledger(const struct race *r)
{
    FILE *out = need(fopen(r->o->ledger, "w"));
    for (uint64_t at = 0; at < r->posted; at++) {
        const struct entry *e = &r->entries[at];
        if (e->id[0] != '\0') {
            fprintf(out, "%s %u %u\n", e->id, e->deliveries, e->code);
        }
    }
    fclose(out);
}

/* --- answers -------------------------------------------------------------------------------
 */

static void finish_slot(struct race *r, struct slot *s)
{
    s->state = SLOT_IDLE;
    s->due_ms = r->now_ms + (r->sweeping ? 0 : r->o->pace_ms);
    if (r->sweeping) {
        r->report->swept++;
    }
}

static void finish_client(struct race *r, struct client *c)
{
    struct slot *s = c->slot;
    c->state = CLIENT_DONE;
    c->node = c->first; /* the next race begins at different nodes again */
    for (uint32_t i = 0; i < r->o->clients; i++) {
        if (s->clients[i].state != CLIENT_DONE) {
            return;
        }
    }
    finish_slot(r, s);
}

/* True: this client asks no more for this callback. */
static bool is_given_up(struct race *r, struct client *c)
{
    if (!r->sweeping && r->now_ms - c->slot->accepted_ms < r->o->give_up_ms) {
        return false;
    }
    finish_client(r, c);
    return true;
}

static void on_posted(struct race *r, struct client *c, const struct web_answer *a)
{
    struct slot *s = c->slot;
    r->report->post_codes[a->code % 600]++;
    judge(r, a, false);
    if (a->code != 202 || a->id == NULL || a->id_size >= sizeof r->entries->id) {
        r->report->refused++;
        post_again(r, s, c);
        return;
    }
    struct entry *e = &r->entries[s->at];
    memcpy(e->id, a->id, a->id_size);
    e->id[a->id_size] = '\0';
    e->home = (uint8_t)c->node;
    e->home_ms = r->now_ms;
    r->report->accepted++;
    s->accepted_ms = r->now_ms;
    if (r->o->hold_ms > 0 && (s->at / r->o->node_count) % 2 == 1) {
        s->state = SLOT_HOLDING;
        s->due_ms = r->now_ms + r->o->hold_ms;
    } else {
        race(r, s);
    }
}

static void on_callback(struct race *r, struct client *c, const struct web_answer *a)
{
    struct entry *e = &r->entries[c->slot->at];
    bool is_gone = a->code == 410;
    (r->sweeping ? r->report->sweep_codes : r->report->codes)[a->code % 600]++;
    judge(r, a, a->is_delivered || r->sweeping || (is_gone && r->o->clients > 1));
    e->code = r->sweeping ? e->code : (uint16_t)a->code;
    if (a->is_delivered) {
        note_delivery(r, c->slot->at, a);
        finish_client(r, c);
        return;
    }
    e->unknown = e->unknown || a->code == 404;
    if (is_gone || (a->code == 404 && (!r->o->insists || r->sweeping))) {
        finish_client(r, c);
        return;
    }
    e->unavailable = a->code == 503;
    if (is_given_up(r, c)) {
        return;
    }
    if (a->code == 404) {
        move_on(r, c);
    } else {
        pause_client(r, c);
    }
}

static void on_answer(struct race *r, struct client *c, const struct web_answer *a)
{
    if (c->slot->state == SLOT_POSTING) {
        on_posted(r, c, a);
    } else if (c->state == CLIENT_STATUS) {
        r->report->status_codes[a->code % 600]++;
        ask(r, c, CLIENT_GET);
    } else if (c->state == CLIENT_GET) {
        on_callback(r, c, a);
    }
}

static void on_post_broken(struct race *r, struct slot *s, struct client *c)
{
    uint64_t *which =
        web_was_sent(&c->web) ? &r->report->posts_broken : &r->report->posts_refused;
    web_close(&c->web);
    (*which)++;
    post_again(r, s, c);
}

static void on_broken(struct race *r, struct client *c)
{
    if (c->slot->state == SLOT_POSTING) {
        on_post_broken(r, c->slot, c);
        return;
    }
    struct entry *e = &r->entries[c->slot->at];
    if (web_was_sent(&c->web) && !e->broken && !e->cut) {
        e->broken_at = (uint8_t)c->node;
        e->broken_ms = r->now_ms;
    }
    if (web_has_begun(&c->web) && c->state == CLIENT_GET) {
        r->report->gets_cut++;
        e->cut = true;
    } else if (web_was_sent(&c->web)) {
        r->report->gets_broken++;
        e->broken = true;
    } else {
        r->report->gets_refused++;
    }
    web_close(&c->web);
    if (!is_given_up(r, c)) {
        move_on(r, c);
    }
}

/* --- time ----------------------------------------------------------------------------------
 */

static void on_client_due(struct race *r, struct client *c)
{
    if (c->state == CLIENT_PAUSED) {
        if (!is_given_up(r, c)) {
            ask(r, c, CLIENT_GET);
        }
    } else if (c->state == CLIENT_STATUS || c->state == CLIENT_GET) {
        r->report->gets_unanswered++;
        r->entries[c->slot->at].unanswered = true;
        web_close(&c->web);
        if (!is_given_up(r, c)) {
            move_on(r, c);
        }
    }
}

static bool is_last(const struct race *r)
{
    if (r->sweeping) {
        return r->next >= r->posted;
    }
    return r->next >= r->o->count || *r->o->is_told ||
           (r->o->seconds > 0 && r->now_ms - r->started_ms >= r->o->seconds * 1000);
}

static void begin(struct race *r, struct slot *s)
{
    if (r->now_ms < s->due_ms) {
        return;
    }
    s->at = r->next++;
    if (!r->sweeping) {
        entry_at(r, s->at);
        post(r, s);
        return;
    }
    s->accepted_ms = r->now_ms;
    if (r->entries[s->at].id[0] != '\0') {
        race(r, s);
    }
}

static void on_slot_due(struct race *r, struct slot *s)
{
    struct client *poster = &s->clients[s->at % r->o->clients];
    if (r->now_ms < s->due_ms) {
        return;
    }
    if (s->state == SLOT_POSTING) {
        on_post_broken(r, s, poster);
    } else if (s->state == SLOT_HOLDING && r->entries[s->at].id[0] == '\0') {
        if (r->o->count == UINT64_MAX && is_last(r)) {
            s->state = SLOT_IDLE; /* no node took it, and time is up */
        } else {
            post(r, s);
        }
    } else if (s->state == SLOT_HOLDING) {
        race(r, s);
    }
}

static void on_time(struct race *r)
{
    bool is_busy = false;
    for (uint32_t i = 0; i < r->o->window; i++) {
        struct slot *s = &r->slots[i];
        if (s->state == SLOT_IDLE && !is_last(r)) {
            begin(r, s);
            is_busy = true;
        } else if (s->state != SLOT_RACING) {
            on_slot_due(r, s);
        }
        for (uint32_t k = 0; s->state == SLOT_RACING && k < r->o->clients; k++) {
            if (r->now_ms >= s->clients[k].due_ms) {
                on_client_due(r, &s->clients[k]);
            }
        }
        is_busy = is_busy || s->state != SLOT_IDLE;
    }
    r->is_over = !is_busy && is_last(r);
}

static void on_events(struct race *r)
{
    struct epoll_event events[EVENTS_MAX];
    struct web_answer answer;
    int n = epoll_wait(r->epoll, events, EVENTS_MAX, LOOP_MAX_MS);
    r->now_ms = clock_ms();
    for (int i = 0; i < n; i++) {
        struct client *c = events[i].data.ptr;
        enum web_event what = web_handle(&c->web, &answer);
        if (what == WEB_ANSWER) {
            on_answer(r, c, &answer);
        } else if (what == WEB_BROKEN) {
            on_broken(r, c);
        }
    }
}

static void run_phase(struct race *r, bool sweeping)
{
    r->sweeping = sweeping;
    r->is_over = false;
    r->next = 0;
    for (uint32_t i = 0; i < r->o->window; i++) {
        r->slots[i].due_ms = 0;
    }
    while (!r->is_over) {
        r->now_ms = clock_ms();
        on_time(r);
        on_events(r);
    }
}

/* --- life ----------------------------------------------------------------------------------
 */

static void make_slots(struct race *r)
{
    const struct race_options *o = r->o;
    r->slots = need(calloc(o->window, sizeof *r->slots));
    for (uint32_t i = 0; i < o->window; i++) {
        struct slot *s = &r->slots[i];
        s->clients = need(calloc(o->clients, sizeof *s->clients));
        for (uint32_t k = 0; k < o->clients; k++) {
            struct client *c = &s->clients[k];
            c->slot = s;
            c->first = c->node = (i + k) % o->node_count;
            web_init(&c->web, r->epoll, c);
        }
    }
}

static void free_slots(struct race *r)
{
    for (uint32_t i = 0; i < r->o->window; i++) {
        for (uint32_t k = 0; k < r->o->clients; k++) {
            web_free(&r->slots[i].clients[k].web);
        }
        free(r->slots[i].clients);
    }
    free(r->slots);
}

static void make_filler(struct race *r)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < r->o->size_count; i++) {
        most = r->o->sizes[i] > most ? r->o->sizes[i] : most;
    }
    r->filler = need(malloc((size_t)most + 1));
    for (uint32_t i = 0; i < most; i++) {
        r->filler[i] = (char)('a' + (i * 7 + i / 251) % 26);
    }
}

void race_run(const struct race_options *options, struct race_report *out)
{
    struct race r = {.o = options, .report = out, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    assert(options->node_count > 0 && options->clients > 0 && options->window > 0);
    *out = (struct race_report){0};
    make_filler(&r);
    make_slots(&r);
    r.started_ms = clock_ms();
    run_phase(&r, false);
    r.posted = r.next;
    out->seconds = (double)(clock_ms() - r.started_ms) / 1000.0;
    for (uint64_t at = 0; at < r.posted; at++) {
        if (r.entries[at].id[0] != '\0' && r.entries[at].deliveries == 0) {
            note_lost(&r, &r.entries[at]);
        }
    }
    if (options->sweeps) {
        run_phase(&r, true);
    }
    if (options->ledger != NULL) {
        write_ledger(&r);
    }
    free_slots(&r);
    free(r.entries);
    free(r.filler);
}
