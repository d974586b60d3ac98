#include "client.h"

#include "host.h"

#include <assert.h>
#include <stdlib.h>

#define WAY_TO_NODE_US 100u
#define RETRY_MIN_US   5000u
#define RETRY_SPAN_US  300000u
#define LATE_GRACE_MS  30u
#define LATE_MS        1000u /* API.md 3: its wait plus 1 s, always */
#define LATE_OTHERS_MS 8000u /* what has no promise must at least end */

struct ask *client_new(struct sim *s, enum ask_kind kind, uint32_t record, uint32_t slot)
{
    if (s->ask_count == s->ask_room) {
        s->ask_room = s->ask_room == 0 ? 64 : s->ask_room * 2;
        s->asks = realloc(s->asks, s->ask_room * sizeof *s->asks);
        assert(s->asks != NULL);
    }
    struct ask *a = &s->asks[s->ask_count++];
    *a = (struct ask){.kind = kind,
                      .record = record,
                      .slot = slot,
                      .next_waiting = NO_ASK,
                      .answer = CLUSTER_EFFECT_COUNT};
    if (record != NO_RECORD) {
        a->guid = s->records[record].guid;
    }
    return a;
}

void client_send(struct sim *s, struct ask *a)
{
    const struct host *h = host_at(s, a->slot);
    if (a->record != NO_RECORD) {
        a->guid = s->records[a->record].guid; /* drawn by the home, maybe just now */
    }
    if (h == NULL) {
        client_retry(s, a);
        return;
    }
    a->stage = ASK_COMING;
    a->incarnation = h->incarnation;
    sim_later(s, rng_below(&s->rng, WAY_TO_NODE_US), EVENT_ASK, h, (uint64_t)(a - s->asks));
}

void client_retry(struct sim *s, struct ask *a)
{
    bool again = a->retries > 0 && a->kind != ASK_POST;
    a->stage = ASK_DONE;
    if (!again) {
        return;
    }
    struct ask old = *a;
    uint32_t slot =
        old.kind == ASK_WEBHOOK ? old.slot : (uint32_t)rng_below(&s->rng, s->slot_count);
    a = client_new(s, old.kind, old.record, slot);
    a->guid = old.guid;
    a->wait_ms = old.wait_ms;
    a->token = old.token;
    a->must_succeed = old.must_succeed;
    a->retries = old.retries - 1;
    a->stage = ASK_WAITS;
    sim_later(s, RETRY_MIN_US + rng_below(&s->rng, RETRY_SPAN_US), EVENT_RETRY, NULL,
              (uint64_t)(a - s->asks));
}

/* --- the plan's operations ------------------------------------------------------------- */

/* Who knows no GUID yet waits for the 202, and asks then. */
static void send_or_wait(struct sim *s, struct ask *a)
{
    struct record *r = &s->records[a->record];
    if (r->stage == STAGE_ACCEPTED) {
        client_send(s, a);
    } else if (r->stage == STAGE_ASKED) {
        a->stage = ASK_WAITS;
        a->next_waiting = r->first_waiting;
        r->first_waiting = (uint32_t)(a - s->asks);
    } else {
        a->stage = ASK_DONE;
    }
}

static void begin_about(struct sim *s, const struct plan_op *op)
{
    static const enum ask_kind kinds[PLAN_OP_COUNT] = {
        [PLAN_COLLECT] = ASK_COLLECT, [PLAN_PEEK] = ASK_PEEK,
        [PLAN_STATUS] = ASK_STATUS,   [PLAN_CANCEL] = ASK_CANCEL,
        [PLAN_RELEASE] = ASK_RELEASE, [PLAN_RESOLVE] = ASK_RESOLVE,
    };
    struct record *r = truth_of_inv(s, op->arg[0]);
    if (r == NULL || op->arg[1] >= s->slot_count) {
        return;
    }
    struct ask *a = client_new(s, kinds[op->op], (uint32_t)(r - s->records), op->arg[1]);
    if (op->op == PLAN_COLLECT) {
        a->wait_ms = op->arg[2];
        a->token = op->arg[3];
        a->cut = op->arg[4];
        a->patience_ms = op->arg[5];
        a->retries = op->arg[6];
    } else if (op->op == PLAN_PEEK) {
        a->wait_ms = op->arg[2];
    } else if (op->op == PLAN_RELEASE) {
        a->token = op->arg[2];
        r->release_asked = true;
    } else if (op->op == PLAN_CANCEL) {
        r->cancel_asked = true;
    }
    send_or_wait(s, a);
}

static void begin_stranger(struct sim *s, const struct plan_op *op)
{
    static const enum ask_kind kinds[STRANGER_ASKS_COUNT] = {
        [STRANGER_COLLECTS] = ASK_COLLECT,   [STRANGER_PEEKS] = ASK_PEEK,
        [STRANGER_ASKS_STATUS] = ASK_STATUS, [STRANGER_CANCELS] = ASK_CANCEL,
        [STRANGER_RELEASES] = ASK_RELEASE,
    };
    struct record *r = truth_of_inv(s, op->arg[0]);
    if (r == NULL || op->arg[1] >= s->slot_count) {
        return;
    }
    enum ask_kind kind = kinds[op->arg[2] % STRANGER_ASKS_COUNT];
    struct ask *a = client_new(s, kind, (uint32_t)(r - s->records), op->arg[1]);
    a->is_stranger = true;
    a->token = kind == ASK_RELEASE; /* as its owner may have chosen it */
    a->wait_ms = kind == ASK_COLLECT || kind == ASK_PEEK ? op->arg[3] : 0;
    send_or_wait(s, a);
}

static void begin_bogus(struct sim *s, const struct plan_op *op)
{
    if (op->arg[0] >= s->slot_count) {
        return;
    }
    struct ask *a = client_new(s, ASK_COLLECT, NO_RECORD, op->arg[0]);
    uint64_t bits[2] = {rng_next(&s->rng), rng_next(&s->rng)};
    memcpy(a->guid.at, bits, sizeof a->guid.at);
    memset(a->guid.at, 0xff, sizeof(uint32_t)); /* the number of no record */
    a->wait_ms = op->arg[1];
    client_send(s, a);
}

void client_begin(struct sim *s, const struct plan_op *op)
{
    switch (op->op) {
    case PLAN_POST:
        post_begin(s, op);
        break;
    case PLAN_REPOST:
        post_again(s, op);
        break;
    case PLAN_BOGUS:
        begin_bogus(s, op);
        break;
    case PLAN_STRANGER:
        begin_stranger(s, op);
        break;
    default:
        begin_about(s, op);
        break;
    }
}

static uint32_t take_waiting(struct sim *s, struct record *r)
{
    uint32_t first = r->first_waiting;
    if (first != NO_ASK) {
        r->first_waiting = s->asks[first].next_waiting;
    }
    return first;
}

void client_accepted(struct sim *s, struct record *r)
{
    for (uint32_t i = take_waiting(s, r); i != NO_ASK; i = take_waiting(s, r)) {
        sim_later(s, 1 + rng_below(&s->rng, 2000), EVENT_RETRY, NULL, i);
    }
}

void client_refused(struct sim *s, struct record *r)
{
    r->stage = STAGE_REFUSED;
    for (uint32_t i = take_waiting(s, r); i != NO_ASK; i = take_waiting(s, r)) {
        s->asks[i].stage = ASK_DONE;
    }
}

/* --- at the node ----------------------------------------------------------------------- */

static struct bytes token_text(const struct ask *a, char room[16])
{
    if (a->token == 0) {
        return bytes_of(NULL, 0);
    }
    room[0] = 't';
    room[1] = (char)('0' + a->token % 10);
    return bytes_of(room, 2);
}

static struct bytes tenant_of(const struct host *h, const struct ask *a)
{
    if (a->record == NO_RECORD) {
        return bytes_of(NULL, 0);
    }
    const struct record *r = &h->sim->records[a->record];
    return a->is_stranger ? post_other_tenant(r) : post_tenant(r);
}

static void put_collect(struct host *h, const struct ask *a, uint64_t ticket)
{
    char token[16];
    struct cluster_collect in = {.ticket = ticket,
                                 .guid = a->guid,
                                 .wait_ms = a->wait_ms,
                                 .token = token_text(a, token),
                                 .tenant = tenant_of(h, a),
                                 .peek = a->kind == ASK_PEEK,
                                 .is_webhook = a->kind == ASK_WEBHOOK};
    cluster_collect(h->cluster, host_now_ms(h), &in);
}

static void put_release(struct host *h, const struct ask *a, uint64_t ticket)
{
    char token[16];
    struct cluster_collect in = {.ticket = ticket,
                                 .guid = a->guid,
                                 .token = token_text(a, token),
                                 .tenant = tenant_of(h, a)};
    cluster_release(h->cluster, host_now_ms(h), &in);
}

static void put_resolve(struct host *h, const struct ask *a, uint64_t ticket)
{
    char room[NAME_ROOM];
    struct cluster_name name = post_naming(&h->sim->records[a->record], room);
    cluster_resolve(h->cluster, host_now_ms(h), ticket, &name);
}

static void put(struct host *h, const struct ask *a, uint64_t ticket)
{
    uint64_t now_ms = host_now_ms(h);
    struct bytes tenant = tenant_of(h, a);
    switch (a->kind) {
    case ASK_STATUS:
        cluster_status(h->cluster, now_ms, ticket, &a->guid, tenant);
        break;
    case ASK_CANCEL:
        cluster_cancel(h->cluster, now_ms, ticket, &a->guid, tenant);
        break;
    case ASK_RELEASE:
        put_release(h, a, ticket);
        break;
    case ASK_RESOLVE:
        put_resolve(h, a, ticket);
        break;
    default:
        put_collect(h, a, ticket);
        break;
    }
}

static void expect_answer(struct sim *s, const struct host *h, const struct ask *a)
{
    bool promised = a->kind == ASK_COLLECT || a->kind == ASK_WEBHOOK || a->kind == ASK_PEEK ||
                    a->kind == ASK_STATUS;
    uint64_t span_ms = a->wait_ms + (promised ? LATE_MS : LATE_OTHERS_MS) + LATE_GRACE_MS;
    uint64_t at_us = host_world_us(h, host_now_ms(h) + span_ms);
    sim_later(s, at_us - s->now_us, EVENT_LATE, h, (uint64_t)(a - s->asks));
    if (a->patience_ms > 0) {
        sim_later(s, a->patience_ms * 1000ull, EVENT_GOODBYE, h, (uint64_t)(a - s->asks));
    }
}

void client_arrives(struct sim *s, uint32_t ask)
{
    struct ask *a = &s->asks[ask];
    struct host *h = host_at(s, a->slot);
    assert(h != NULL && a->incarnation == h->incarnation && a->stage == ASK_COMING);
    a->stage = ASK_OPEN;
    a->asked_us = s->now_us;
    a->asked_local_ms = host_now_ms(h);
    if (a->kind == ASK_POST) {
        post_arrives(s, h, a);
        return;
    }
    sim_note(s, "  %u is asked (%u) about inv %d, ask %u token %u wait %u", h->slot,
             (unsigned)a->kind, a->record == NO_RECORD ? -1 : (int)s->records[a->record].inv,
             ask, a->token, a->wait_ms);
    bool no_name = a->kind == ASK_RESOLVE &&
                   !(s->records[a->record].flags & (POST_CLIENT_ID | POST_IDEMPOTENCY));
    if (no_name) {
        a->stage = ASK_DONE;
        return;
    }
    expect_answer(s, h, a);
    put(h, a, client_ticket(s->asks, a));
    host_settle(h);
}

void client_node_died(struct sim *s, const struct host *h)
{
    for (uint32_t i = s->first_record; i < s->record_count; i++) {
        if (s->records[i].home_incarnation == h->incarnation) {
            post_lost(s, &s->records[i]);
        }
    }
    for (uint32_t i = s->first_ask; i < s->ask_count; i++) {
        struct ask *a = &s->asks[i];
        if (a->stage == ASK_DONE || a->stage == ASK_WAITS || a->incarnation != h->incarnation) {
            continue;
        }
        result_drop(&a->result);
        if (a->kind == ASK_POST) {
            a->stage = ASK_DONE;
            post_lost(s, &s->records[a->record]);
        } else if (a->kind == ASK_WEBHOOK || a->wrote) {
            a->stage = ASK_DONE;
        } else {
            client_retry(s, a);
        }
    }
}
