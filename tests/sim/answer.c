/* What a client hears, and what becomes of it: each answer is compared with the truth. */
#include "client.h"

#include "host.h"
#include "tap.h"

#include <assert.h>

#define WRITE_MAX_US    20000u /* how long a client may take to read a small answer */
#define NOTICE_MAX_US   2000u  /* until the host knows that the last byte has left */
#define STALL_EXCUSE_US 1500000u
#define EARLY_MS        1u

/* --- being served ---------------------------------------------------------------------- */

static void begin_serving(struct sim *s, struct host *h, struct ask *a,
                          struct cluster_effect *fx)
{
    struct record *r = a->record == NO_RECORD ? NULL : &s->records[a->record];
    a->stage = ASK_SERVING;
    a->result = fx->result;
    if (r == NULL) {
        sim_fail(s, "S2", "node %u serves a GUID that never existed", h->slot);
        return;
    }
    sim_note(s, "  %u serves inv %u to ask %u", h->slot, r->inv, (unsigned)(a - s->asks));
    if (s->options.plant == PLANT_WRONG_BODY && a->result.body != NULL) {
        a->result.body->data[a->result.body->size - 1] ^= 1;
    }
    truth_check_serve(s, r, a, &a->result);
    uint64_t write_us = rng_below(&s->rng, WRITE_MAX_US);
    bool leaves = a->cut > 0 || (a->kind == ASK_WEBHOOK && rng_below(&s->rng, 3) == 0);
    if (leaves) {
        sim_later(s, write_us * (a->cut % 101) / 100, EVENT_GOODBYE, h,
                  (uint64_t)(a - s->asks));
    } else {
        sim_later(s, write_us, EVENT_WROTE, h, (uint64_t)(a - s->asks));
    }
}

/* From here on the client has the whole answer, whatever becomes of the node. */
void client_wrote(struct sim *s, uint32_t ask)
{
    struct ask *a = &s->asks[ask];
    if (a->stage != ASK_SERVING || a->wrote) {
        return;
    }
    a->wrote = true;
    struct record *r = &s->records[a->record];
    truth_delivered(s, r, a);
    if (s->options.plant == PLANT_SERVE_TWICE) {
        struct ask second = *a;
        second.token = 9;
        truth_delivered(s, r, &second);
    }
    sim_later(s, rng_below(&s->rng, NOTICE_MAX_US), EVENT_SENT, host_at(s, a->slot), ask);
}

static void end_serving(struct sim *s, struct ask *a, bool complete)
{
    struct host *h = host_at(s, a->slot);
    uint64_t ticket = client_ticket(s->asks, a);
    result_drop(&a->result);
    a->stage = ASK_DONE;
    a->answer = CLUSTER_COLLECT_SERVE;
    sim_note(s, "  %u: ask %u %s", h->slot, (unsigned)ticket - 1,
             complete ? "has all" : "left before the end");
    if (!complete) {
        s->records[a->record].failed_serves++;
        mark(&s->marks, MARK_ABANDONED);
        client_retry(s, a);
    } else if (a->kind == ASK_WEBHOOK) {
        mark(&s->marks, MARK_WEBHOOK);
    }
    cluster_sent(h->cluster, host_now_ms(h), ticket, complete);
    host_settle(h);
}

void client_sent(struct sim *s, uint32_t ask)
{
    struct ask *a = &s->asks[ask];
    assert(a->stage == ASK_SERVING && a->wrote);
    end_serving(s, a, true);
}

void client_goodbye(struct sim *s, uint32_t ask)
{
    struct ask *a = &s->asks[ask];
    if (a->stage == ASK_SERVING && !a->wrote) {
        end_serving(s, a, false);
    } else if (a->stage == ASK_OPEN) {
        struct host *h = host_at(s, a->slot);
        a->stage = ASK_DONE;
        sim_note(s, "  %u: ask %u leaves", h->slot, ask);
        cluster_leave(h->cluster, host_now_ms(h), client_ticket(s->asks, a));
        client_retry(s, a);
        host_settle(h);
    }
}

/* L1: every GET ends by its wait plus 1 s. A node that stood still has an excuse, once. */
void client_late(struct sim *s, uint32_t ask)
{
    struct ask *a = &s->asks[ask];
    if (a->stage != ASK_OPEN) {
        return;
    }
    struct host *h = host_at(s, a->slot);
    if (h->stalled_us > 0 && s->now_us < h->stalled_us + STALL_EXCUSE_US) {
        sim_later(s, STALL_EXCUSE_US, EVENT_LATE, h, ask);
        return;
    }
    sim_fail(s, "L1", "ask %u of kind %u at node %u got no answer, wait %u ms", ask,
             (unsigned)a->kind, a->slot, a->wait_ms);
}

/* --- not being served ------------------------------------------------------------------ */

static void on_pending(struct sim *s, struct host *h, struct ask *a)
{
    uint64_t waited_ms = host_now_ms(h) - a->asked_local_ms;
    if (a->kind != ASK_PEEK && waited_ms + EARLY_MS < a->wait_ms) {
        sim_fail(s, "L3", "ask %u waited %u ms of %u and was told to come again",
                 (unsigned)(a - s->asks), (unsigned)waited_ms, a->wait_ms);
    }
    client_retry(s, a);
}

static void on_unknown(struct sim *s, struct host *h, struct ask *a)
{
    if (a->record != NO_RECORD) {
        truth_check_unknown(s, &s->records[a->record], h);
        client_retry(s, a);
    }
}

static void on_no_quorum(struct sim *s, struct ask *a)
{
    mark(&s->marks, MARK_NO_QUORUM);
    if (a->record != NO_RECORD) {
        truth_check_no_quorum(s, &s->records[a->record], a);
    }
    client_retry(s, a);
}

static void on_peeked(struct sim *s, struct ask *a, const struct cluster_effect *fx)
{
    if (a->kind != ASK_PEEK) {
        sim_fail(s, "HEAD", "a collector was shown, not served");
    } else if (fx->view.known && !guid_equal(&fx->view.guid, &a->guid)) {
        sim_fail(s, "S2", "HEAD told of another invocation");
    }
}

static void on_status(struct sim *s, struct host *h, struct ask *a,
                      const struct cluster_effect *fx)
{
    if (!fx->view.known) {
        on_unknown(s, h, a);
    } else if (a->record != NO_RECORD) {
        truth_check_view(s, &s->records[a->record], h, &fx->view);
    }
}

static void on_cancel(struct sim *s, struct host *h, struct ask *a,
                      const struct cluster_effect *fx)
{
    struct record *r = &s->records[a->record];
    switch (fx->kind) {
    case CLUSTER_CANCEL_DONE:
        mark(&s->marks, MARK_CANCELED);
        truth_canceled(s, r);
        break;
    case CLUSTER_CANCEL_CONFLICT:
        truth_check_view(s, r, h, &fx->view);
        break;
    case CLUSTER_CANCEL_UNKNOWN:
        on_unknown(s, h, a);
        break;
    default:
        on_no_quorum(s, a);
        break;
    }
}

/* What is another tenant's does not exist. PENDING and NO_QUORUM say nothing either: who asks
 * about what never was may hear them, too. */
static void on_stranger(struct sim *s, struct host *h, struct ask *a, struct cluster_effect *fx)
{
    a->stage = ASK_DONE;
    a->answer = fx->kind;
    mark(&s->marks, MARK_STRANGER);
    const struct invocation_view *v = &fx->view;
    bool is_blank = v->function.size + v->tenant.size + v->client_id.size + v->node.size == 0 &&
                    v->created_at_ms == 0 && v->bytes == 0;
    switch (fx->kind) {
    case CLUSTER_COLLECT_UNKNOWN:
    case CLUSTER_COLLECT_NO_QUORUM:
    case CLUSTER_COLLECT_PENDING:
    case CLUSTER_STATUS:
    case CLUSTER_CANCEL_UNKNOWN:
    case CLUSTER_CANCEL_NO_QUORUM:
        break;
    default:
        is_blank = false;
    }
    if (!is_blank) {
        sim_fail(s, "TEN", "node %u tells another tenant of inv %u: effect %u", h->slot,
                 s->records[a->record].inv, (unsigned)fx->kind);
    }
    result_drop(&fx->result);
}

static void on_answer(struct sim *s, struct host *h, struct ask *a, struct cluster_effect *fx)
{
    switch (fx->kind) {
    case CLUSTER_COLLECT_PENDING:
        on_pending(s, h, a);
        break;
    case CLUSTER_COLLECT_GONE:
        if (a->record != NO_RECORD) {
            truth_check_gone(s, &s->records[a->record], a, h, &fx->view);
        }
        break;
    case CLUSTER_COLLECT_UNKNOWN:
        on_unknown(s, h, a);
        break;
    case CLUSTER_COLLECT_NO_QUORUM:
        on_no_quorum(s, a);
        break;
    case CLUSTER_COLLECT_PEEKED:
        on_peeked(s, a, fx);
        break;
    case CLUSTER_STATUS:
        on_status(s, h, a, fx);
        break;
    case CLUSTER_RESOLVED:
        truth_check_resolved(s, &s->records[a->record], fx);
        break;
    case CLUSTER_RELEASED:
        break;
    default:
        on_cancel(s, h, a, fx);
        break;
    }
}

void client_answer(struct sim *s, struct host *h, struct cluster_effect *fx)
{
    if (fx->ticket == 0 || fx->ticket > s->ask_count) {
        sim_fail(s, "T", "node %u answers ticket %llu that nobody has", h->slot,
                 (unsigned long long)fx->ticket);
        return;
    }
    struct ask *a = &s->asks[fx->ticket - 1];
    if (a->stage != ASK_OPEN || a->incarnation != h->incarnation) {
        sim_fail(s, "T", "node %u answers ask %u with effect %u, and nobody waits", h->slot,
                 (unsigned)fx->ticket - 1, (unsigned)fx->kind);
        return;
    }
    sim_trace(s, fx->ticket, fx->kind);
    sim_note(s, "  %u answers ask %u: effect %u", h->slot, (unsigned)fx->ticket - 1,
             (unsigned)fx->kind);
    if (a->kind == ASK_POST) {
        post_registered(s, h, a, fx);
        return;
    }
    if (s->options.plant == PLANT_FORGET_CLIENT && fx->kind != CLUSTER_COLLECT_SERVE) {
        return;
    }
    if (a->is_stranger) {
        on_stranger(s, h, a, fx);
        return;
    }
    if (a->must_succeed) {
        final_note_answer(s, a, fx);
    }
    if (fx->kind == CLUSTER_COLLECT_SERVE) {
        begin_serving(s, h, a, fx);
        return;
    }
    a->stage = ASK_DONE;
    a->answer = fx->kind;
    a->told = fx->view.state;
    on_answer(s, h, a, fx);
}
