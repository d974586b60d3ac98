#include "work.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define RETRY_AFTER_US 5000u

static struct work *find(struct host *h, uint64_t id)
{
    struct work *w = h->works;
    while (w != NULL && w->id != id) {
        w = w->next;
    }
    return w;
}

static struct record *record_of(const struct host *h, const struct work *w)
{
    return &h->sim->records[w->record];
}

struct work *work_new(struct host *h, const struct record *r)
{
    struct work *w = calloc(1, sizeof *w);
    assert(w != NULL);
    w->id = ++h->work_ids;
    w->record = (uint32_t)(r - h->sim->records);
    struct work **at = &h->works;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = w;
    return w;
}

void work_free(struct host *h, struct work *w)
{
    struct work **at = &h->works;
    while (*at != w) {
        at = &(*at)->next;
    }
    *at = w->next;
    h->running -= w->stage == WORK_RUNNING;
    free(w);
}

/* --- running ---------------------------------------------------------------------------------
 */

static void start(struct host *h, struct work *w)
{
    struct sim *s = h->sim;
    struct record *r = record_of(h, w);
    w->stage = WORK_RUNNING;
    h->running++;
    r->started_count++;
    cluster_started(h->cluster, host_now_ms(h), w->inv);
    w->attempt = invocation_attempt(w->inv);
    sim_note(s, "  %u: inv %u runs, attempt %u", h->slot, r->inv, w->attempt);
    truth_check_start(s, r, w->attempt);
    uint64_t run_us = r->run_ms * 1000ull;
    sim_later(s, run_us / 2 + rng_below(&s->rng, run_us + 100), EVENT_RUN_DONE, h, w->id);
}

static void start_next(struct host *h)
{
    for (struct work *w = h->works; w != NULL && !h->sim->failed; w = w->next) {
        if (h->running >= h->sim->options.concurrency) {
            return;
        }
        if (w->stage == WORK_QUEUED) {
            start(h, w);
        }
    }
}

void work_admit(struct host *h, struct invocation *inv, struct record *r, struct work *w)
{
    assert(w != NULL && w->inv == inv && w->record == (uint32_t)(r - h->sim->records));
    w->stage = WORK_QUEUED;
    uint64_t due_ms = invocation_run_deadline_ms(inv);
    if (due_ms != UINT64_MAX) {
        uint64_t at_us = host_world_us(h, due_ms);
        sim_later(h->sim, at_us - h->sim->now_us, EVENT_RUN_DUE, h, w->id);
    }
    start_next(h);
}

void work_take_over(struct host *h, struct invocation *inv)
{
    struct guid guid = invocation_guid(inv);
    struct record *r = truth_find(h->sim, &guid);
    assert(r != NULL && invocation_work(inv) == NULL);
    mark(&h->sim->marks, MARK_TAKEOVER);
    sim_note(h->sim, "  %u: takes inv %u over", h->slot, r->inv);
    if (invocation_request(inv) == NULL) {
        sim_fail(h->sim, "W1", "node %u shall run inv %u and has no request", h->slot, r->inv);
        return;
    }
    struct work *w = work_new(h, r);
    w->inv = inv;
    invocation_set_work(inv, w);
    work_admit(h, inv, r, w);
}

void work_end(struct host *h, struct invocation *inv)
{
    struct work *w = invocation_work(inv);
    if (w != NULL) {
        invocation_set_work(inv, NULL);
        work_free(h, w);
        start_next(h);
    }
}

/* --- results ---------------------------------------------------------------------------------
 */

static bool fill(struct host *h, struct result *out, const struct record *r, uint32_t attempt)
{
    size_t size = r->size < BODY_SIZE_MIN ? BODY_SIZE_MIN : r->size;
    if (buf_new(&out->body, &h->budget, size) != 0) {
        return false;
    }
    struct body_mark front = {r->guid, h->incarnation, attempt, (uint32_t)size};
    memset(out->body->data, (int)(r->inv & 0xff), size);
    memcpy(out->body->data, &front, sizeof front);
    return buf_copy(&out->headers, &h->budget, bytes_text("Content-Type: text/x-sim\r\n")) == 0;
}

static void complete(struct host *h, struct work *w, struct result *result)
{
    struct invocation *inv = w->inv;
    invocation_set_work(inv, NULL);
    work_free(h, w);
    cluster_complete(h->cluster, host_now_ms(h), inv, result);
    start_next(h);
    host_settle(h);
}

static void complete_failed(struct host *h, struct work *w)
{
    struct result result = {.status = 504, .failed = true};
    truth_ran(h->sim, record_of(h, w), h, 0);
    complete(h, w, &result);
}

void work_done(struct host *h, uint64_t id)
{
    struct work *w = find(h, id);
    if (w == NULL || w->stage != WORK_RUNNING) {
        return;
    }
    struct record *r = record_of(h, w);
    if (r->flags & POST_POISON) {
        host_crash(h->sim, h, false);
        return;
    }
    if ((r->flags & POST_RETRY) && !w->retried) {
        w->retried = true;
        w->stage = WORK_RESTING;
        h->running--;
        cluster_requeued(h->cluster, host_now_ms(h), w->inv);
        sim_later(h->sim, RETRY_AFTER_US, EVENT_RUN_RETRY, h, id);
        start_next(h);
        host_settle(h);
        return;
    }
    struct result result = {.status = r->flags & POST_FAILS ? 500 : 200,
                            .failed = (r->flags & POST_FAILS) != 0};
    if (!fill(h, &result, r, w->attempt)) {
        result_drop(&result);
        complete_failed(h, w);
        return;
    }
    sim_note(h->sim, "  %u: inv %u has run, attempt %u", h->slot, r->inv, w->attempt);
    truth_ran(h->sim, r, h, w->attempt);
    complete(h, w, &result);
}

void work_retry(struct host *h, uint64_t id)
{
    struct work *w = find(h, id);
    if (w != NULL && w->stage == WORK_RESTING) {
        w->stage = WORK_QUEUED;
        start_next(h);
        host_settle(h);
    }
}

void work_due(struct host *h, uint64_t id)
{
    struct work *w = find(h, id);
    if (w != NULL) {
        sim_note(h->sim, "  %u: inv %u is over its run limit", h->slot, record_of(h, w)->inv);
        complete_failed(h, w);
    }
}

/* --- what is ready --------------------------------------------------------------------- */

void work_ready(struct host *h, const struct cluster_effect *fx)
{
    struct sim *s = h->sim;
    struct guid guid = invocation_guid(fx->inv);
    struct record *r = truth_find(s, &guid);
    assert(r != NULL);
    sim_note(s, "  %u: inv %u is ready, %u", h->slot, r->inv, fx->view.result_status);
    work_end(h, fx->inv);
    truth_ready(s, r, h, fx);
    if ((r->flags & POST_WEBHOOK) && invocation_callback_url(fx->inv).size > 0) {
        cluster_set_webhook(h->cluster, fx->inv, WEBHOOK_PENDING);
        struct ask *a = client_new(s, ASK_WEBHOOK, (uint32_t)(r - s->records), h->slot);
        a->retries = 2;
        client_send(s, a);
    }
}
