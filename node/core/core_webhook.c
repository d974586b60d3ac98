/* Webhooks in the core: begun when a callback with a URL is ready, ended with it.
 *
 *   core_webhook_begin -> claim -> EFFECT_WEBHOOK -> core_webhook_done: delivered, or rest
 *   core_webhook_end   whatever ended the invocation also ends this */
#include "core/core_state.h"

#include "base/hash.h"
#include "base/unreachable.h"
#include "core/webhook_url.h"

#include <assert.h>
#include <stdlib.h>

static void claim(struct core *c, struct webhook *w)
{
    struct cluster_collect in = {.ticket = webhook_ticket(w),
                                 .guid = w->guid,
                                 .tenant = invocation_tenant(w->inv),
                                 .is_webhook = true};
    w->step = WEBHOOK_CLAIMING;
    cluster_collect(c->cluster, c->now_ms, &in);
}

void core_webhook_init(struct core *c)
{
    list_init(&c->webhooks);
    list_init(&c->webhooks_sending);
    list_init(&c->webhook_lines);
    for (size_t i = 0; i < WEBHOOK_RECEIVERS_MAX; i++) {
        list_init(&c->webhook_receivers[i].link);
        list_init(&c->webhook_receivers[i].due);
    }
    c->webhook_hash_key = rng_next(&c->rng);
}

/* A receiver is a scheme, host and port. */
static struct webhook_line *line_of(struct core *c, struct bytes text)
{
    struct webhook_url url;
    bool is_url = webhook_url_parse(&url, text) == NULL;
    uint64_t hash = hash_bytes(is_url ? url.origin : text, c->webhook_hash_key);
    return &c->webhook_receivers[hash % WEBHOOK_RECEIVERS_MAX];
}

/* Into the round of those that may send, unless it is in it, has nothing to send or no more
 * may be sent there now. */
static void line_up(struct core *c, struct webhook_line *line)
{
    if (line->busy < WEBHOOKS_TO_ONE_MAX && !list_is_empty(&line->due) &&
        list_is_empty(&line->link)) {
        list_push_back(&c->webhook_lines, &line->link);
    }
}

/* One of each receiver in turn: a flood to a dead one must not take the others' turns. */
static void claim_next(struct core *c)
{
    struct list *next;
    while (c->webhooks_busy < WEBHOOKS_SENDING_MAX &&
           (next = list_pop_front(&c->webhook_lines)) != NULL) {
        struct webhook_line *line = list_item(next, struct webhook_line, link);
        struct list *first = list_pop_front(&line->due);
        if (first == NULL) {
            continue; /* what was due has ended */
        }
        c->webhooks_busy++;
        line->busy++;
        line_up(c, line);
        claim(c, list_item(first, struct webhook, link));
    }
}

static void make_due(struct core *c, struct webhook *w)
{
    w->step = WEBHOOK_RESTING;
    list_push_back(&w->line->due, &w->link);
    line_up(c, w->line);
    claim_next(c);
}

void core_webhook_begin(struct core *c, struct invocation *inv)
{
    struct webhook *w = NULL;
    if (alarms_reserve(&c->webhook_alarms, c->webhook_count + 1)) {
        w = calloc(1, sizeof *w);
    }
    if (w == NULL) { /* no memory: it stays collectable, and the status says so */
        cluster_set_webhook(c->cluster, inv, WEBHOOK_FAILED);
        return;
    }
    c->webhook_count++;
    list_init(&w->link);
    list_push_back(&c->webhooks, &w->all);
    w->id = ++c->webhook_ids;
    w->inv = inv;
    w->line = line_of(c, invocation_callback_url(inv));
    w->guid = invocation_guid(inv);
    invocation_set_work(inv, w);
    cluster_set_webhook(c->cluster, inv, WEBHOOK_PENDING);
    make_due(c, w);
}

static void not_busy(struct core *c, struct webhook_line *line)
{
    assert(c->webhooks_busy > 0 && line->busy > 0);
    c->webhooks_busy--;
    line->busy--;
    line_up(c, line);
}

static void drop(struct core *c, struct webhook *w)
{
    result_drop(&w->result);
    list_remove(&w->all);
    list_remove(&w->link);
    alarm_clear(&c->webhook_alarms, &w->alarm);
    if (w->inv != NULL) {
        invocation_set_work(w->inv, NULL);
    }
    c->webhook_count--;
    free(w);
}

void core_webhook_end(struct core *c, struct webhook *w)
{
    if (w->step == WEBHOOK_CLAIMING) { /* the answer is on its way, and names it */
        invocation_set_work(w->inv, NULL);
        w->inv = NULL;
        return;
    }
    bool was_sending = w->step == WEBHOOK_SENDING;
    if (was_sending) {
        core_add_effect(c, EFFECT_WEBHOOK_STOP)->webhook.id = w->id;
        cluster_leave(c->cluster, c->now_ms, webhook_ticket(w));
        not_busy(c, w->line);
    }
    drop(c, w);
    if (was_sending) {
        claim_next(c);
    }
}

void core_webhook_free_all(struct core *c)
{
    while (!list_is_empty(&c->webhooks)) {
        drop(c, list_item(c->webhooks.next, struct webhook, all));
    }
    alarms_fini(&c->webhook_alarms);
}

static void rest(struct core *c, struct webhook *w, uint32_t retry_after_s)
{
    w->step = WEBHOOK_RESTING;
    alarm_set(&c->webhook_alarms, &w->alarm,
              c->now_ms + webhook_wait_ms(&c->config.webhook, w->tried == 0 ? 1 : w->tried,
                                          retry_after_s, rng_next(&c->rng)));
}

void core_webhook_due(struct core *c)
{
    struct alarm *due;
    while (core_has_room(c) && (due = alarms_due(&c->webhook_alarms, c->now_ms)) != NULL) {
        make_due(c, alarm_item(due, struct webhook, alarm));
    }
}

static void post(struct core *c, struct webhook *w, struct cluster_effect *fx)
{
    const struct invocation_view *view = &fx->view;
    w->step = WEBHOOK_SENDING;
    w->result = fx->result;
    w->tried++;
    list_push_back(&c->webhooks_sending, &w->link);
    struct core_effect *out = core_add_effect(c, EFFECT_WEBHOOK);
    struct webhook_attempt *a = &out->webhook;
    a->id = w->id;
    a->url = invocation_callback_url(w->inv);
    a->result = &w->result;
    a->guid = w->guid;
    a->client_id = invocation_client_id(w->inv);
    a->function = invocation_function(w->inv);
    a->created_at_ms = core_wall_ms(c, view->created_at_ms);
    a->duration_ms = view->started_at_ms == 0 ? 0 : view->completed_at_ms - view->started_at_ms;
    a->retry = w->tried - 1;
    a->retry_max = c->config.webhook.attempts - 1;
}

/* The answer to the claim of one whose invocation has ended meanwhile. */
static void claimed_in_vain(struct core *c, struct webhook *w, struct cluster_effect *fx)
{
    if (fx->kind == CLUSTER_COLLECT_SERVE) {
        result_drop(&fx->result);
        cluster_sent(c->cluster, c->now_ms, fx->ticket, false);
    }
    not_busy(c, w->line);
    drop(c, w);
    claim_next(c);
}

void core_webhook_claimed(struct core *c, struct cluster_effect *fx)
{
    struct webhook *w = webhook_of_ticket(fx->ticket);
    if (w->inv == NULL) {
        claimed_in_vain(c, w, fx);
        return;
    }
    switch (fx->kind) {
    case CLUSTER_COLLECT_SERVE:
        post(c, w, fx);
        return;
    case CLUSTER_COLLECT_PENDING:
    case CLUSTER_COLLECT_NO_QUORUM:
        not_busy(c, w->line);
        rest(c, w, 0);
        break;
    case CLUSTER_COLLECT_GONE:
    case CLUSTER_COLLECT_UNKNOWN:
        not_busy(c, w->line);
        drop(c, w); /* a client was faster; the effect that ends the invocation follows */
        break;
    default:
        UNREACHABLE("not an answer to a claim");
    }
    claim_next(c);
}

static struct webhook *find(const struct core *c, uint64_t id)
{
    for (struct list *l = c->webhooks_sending.next; l != &c->webhooks_sending; l = l->next) {
        struct webhook *w = list_item(l, struct webhook, link);
        if (w->id == id) {
            return w;
        }
    }
    return NULL;
}

void core_webhook_done(struct core *c, uint64_t now_ms, uint64_t id,
                       const struct webhook_outcome *outcome)
{
    assert(now_ms >= c->now_ms);
    c->now_ms = now_ms;
    struct webhook *w = find(c, id);
    if (w == NULL) {
        return; /* its invocation ended in the meantime */
    }
    enum webhook_verdict verdict = webhook_judge(outcome);
    if (verdict == WEBHOOK_TRY_AGAIN && w->tried >= c->config.webhook.attempts) {
        verdict = WEBHOOK_GIVE_UP;
    }
    uint64_t ticket = webhook_ticket(w);
    list_remove(&w->link);
    result_drop(&w->result);
    not_busy(c, w->line);
    if (verdict == WEBHOOK_TRY_AGAIN) {
        rest(c, w, outcome->retry_after_s);
    } else {
        bool delivered = verdict == WEBHOOK_IS_DELIVERED;
        cluster_set_webhook(c->cluster, w->inv, delivered ? WEBHOOK_DELIVERED : WEBHOOK_FAILED);
        drop(c, w);
    }
    cluster_sent(c->cluster, c->now_ms, ticket, verdict == WEBHOOK_IS_DELIVERED);
    claim_next(c);
}
