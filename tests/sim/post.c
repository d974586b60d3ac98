/* A POST: a GUID is drawn, a name is registered where the client chose one, copies are made,
 * and only then comes the 202. */
#include "client.h"

#include "host.h"
#include "work.h"

#include <assert.h>
#include <stdio.h>

static const char *const tenants[] = {"", "red", "blue"};

struct bytes post_tenant(const struct record *r)
{
    return bytes_text(tenants[r->name_inv % 3]);
}

struct bytes post_other_tenant(const struct record *r)
{
    return bytes_text(tenants[(r->name_inv + 1) % 3]);
}

struct cluster_name post_naming(const struct record *r, char room[NAME_ROOM])
{
    struct cluster_name name = {.tenant = post_tenant(r)};
    if (r->flags & (POST_CLIENT_ID | POST_IDEMPOTENCY)) {
        int n = snprintf(room, NAME_ROOM, "name-%u", r->name_inv / 3); /* each tenant's own */
        name.key = bytes_of(room, (size_t)n);
    }
    name.space = r->flags & POST_CLIENT_ID ? ID_CALL : ID_IDEMPOTENCY;
    return name;
}

static struct record *begin(struct sim *s, const struct plan_op *op, uint32_t inv)
{
    struct record *r = truth_add(s, inv);
    r->stage = STAGE_ASKED;
    r->asked_us = s->now_us;
    r->home_slot = op->arg[1];
    r->size = op->arg[2];
    r->run_ms = op->arg[3];
    r->flags = op->arg[4];
    r->ttl_ms = op->arg[5];
    r->run_limit_ms = op->arg[6];
    r->name_inv = inv;
    return r;
}

static void send(struct sim *s, struct record *r)
{
    struct ask *a = client_new(s, ASK_POST, (uint32_t)(r - s->records), r->home_slot);
    client_send(s, a);
    if (host_at(s, r->home_slot) == NULL) {
        client_refused(s, r);
    }
}

void post_begin(struct sim *s, const struct plan_op *op)
{
    if (op->arg[1] < s->slot_count && truth_of_inv(s, op->arg[0]) == NULL) {
        send(s, begin(s, op, op->arg[0]));
    }
}

void post_again(struct sim *s, const struct plan_op *op)
{
    const struct record *first = truth_of_inv(s, op->arg[0]);
    if (first == NULL || op->arg[1] >= s->slot_count) {
        return;
    }
    struct plan_op copy = {.arg = {0, op->arg[1], first->size, first->run_ms, first->flags,
                                   first->ttl_ms, first->run_limit_ms}};
    uint32_t name = first->name_inv;
    struct record *r = begin(s, &copy, NO_RECORD);
    r->name_inv = name;
    send(s, r);
}

void post_lost(struct sim *s, struct record *r)
{
    if (r->stage == STAGE_ASKED) {
        r->stage = STAGE_LOST; /* the client never heard: it may run, nobody knows its GUID */
        while (r->first_waiting != NO_ASK) {
            struct ask *a = &s->asks[r->first_waiting];
            r->first_waiting = a->next_waiting;
            a->stage = ASK_DONE;
        }
    }
}

static struct request *make_request(struct host *h, const struct record *r)
{
    struct request_view view = {.method = bytes_text("POST"),
                                .path = bytes_text("/run"),
                                .headers = bytes_text("Content-Type: text/x-sim\r\n")};
    struct buf *body = NULL;
    struct request *request = NULL;
    if (buf_new(&body, &h->budget, r->size / 2 + 1) == 0) {
        memset(body->data, 'q', body->size);
        request_new(&request, &h->budget, &view, body);
    }
    buf_drop(&body);
    return request;
}

static void free_name(struct host *h, const struct record *r)
{
    char room[NAME_ROOM];
    struct cluster_name name = post_naming(r, room);
    if (name.key.size > 0) {
        cluster_unregister(h->cluster, host_now_ms(h), &name, &r->guid);
    }
}

void post_refuse(struct sim *s, struct host *h, struct record *r)
{
    sim_note(s, "  %u refuses inv %u", h->slot, r->inv);
    free_name(h, r);
    client_refused(s, r);
}

static uint8_t loss_of(const struct record *r)
{
    if (r->flags & POST_LOSS_FAIL) {
        return ON_NODE_LOSS_FAIL;
    }
    return r->flags & POST_LOSS_DROP ? ON_NODE_LOSS_DROP : ON_NODE_LOSS_REEXECUTE;
}

static void accept_record(struct sim *s, struct host *h, struct record *r)
{
    struct request *request = make_request(h, r);
    if (request == NULL) {
        mark(&s->marks, MARK_NO_ROOM);
        post_refuse(s, h, r);
        return;
    }
    char room[NAME_ROOM];
    struct work *w = work_new(h, r);
    struct cluster_accept in = {
        .guid = r->guid,
        .function = bytes_text("score"),
        .tenant = post_tenant(r),
        .request = request,
        .ttl_ms = r->ttl_ms,
        .run_limit_ms = r->run_limit_ms,
        .on_node_loss = loss_of(r),
        .max_attempts = ATTEMPTS_MAX,
        .client_id = r->flags & POST_CLIENT_ID ? post_naming(r, room).key : bytes_of(NULL, 0),
        .client_id_space = r->flags & POST_CLIENT_ID ? ID_CALL : ID_GUID,
        .callback_url = bytes_text(r->flags & POST_WEBHOOK ? "http://192.0.2.1/" : ""),
        .drop_result = (r->flags & POST_DROP_RESULT) != 0,
        .work = w,
    };
    if (cluster_accept(h->cluster, host_now_ms(h), &in, &w->inv) != 0) {
        mark(&s->marks, MARK_NO_ROOM);
        work_free(h, w);
        post_refuse(s, h, r);
    }
    request_drop(&request);
    host_settle(h);
}

void post_arrives(struct sim *s, struct host *h, struct ask *a)
{
    struct record *r = &s->records[a->record];
    r->home_incarnation = h->incarnation;
    uint64_t bits[2] = {rng_next(&s->rng), rng_next(&s->rng)};
    uint8_t random[GUID_SIZE];
    memcpy(random, bits, sizeof random);
    memcpy(random, &a->record, sizeof a->record); /* so that truth_find() is short */
    r->guid = guid_make(random, guid_home_tag(&h->node_id));
    if (h->draining) {
        client_refused(s, r);
        a->stage = ASK_DONE;
        return;
    }
    char room[NAME_ROOM];
    struct cluster_name name = post_naming(r, room);
    if (name.key.size == 0) {
        a->stage = ASK_DONE;
        accept_record(s, h, r);
        return;
    }
    struct cluster_register in = {.ticket = client_ticket(s->asks, a),
                                  .name = name,
                                  .guid = r->guid,
                                  .fingerprint = r->name_inv + 1,
                                  .keep_ms = r->ttl_ms};
    cluster_register(h->cluster, host_now_ms(h), &in);
    host_settle(h);
}

void post_registered(struct sim *s, struct host *h, struct ask *a,
                     const struct cluster_effect *fx)
{
    struct record *r = &s->records[a->record];
    a->stage = ASK_DONE;
    if (fx->kind == CLUSTER_REGISTER_FAILED) {
        client_refused(s, r);
    } else if (fx->found) {
        mark(&s->marks, MARK_DUPLICATE_NAME);
        truth_check_name(s, r, &fx->guid, fx->fingerprint);
        client_refused(s, r);
    } else if (h->draining) {
        post_refuse(s, h, r);
    } else {
        truth_check_new_name(s, r);
        accept_record(s, h, r);
    }
}
