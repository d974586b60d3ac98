/* One request's way:
 *
 *   driver_on_request -> dialect parses -> core_request -> driver_pump:
 *       EFFECT_START -> handler ... driver_on_done -> core_done -> driver_pump
 *       EFFECT_REPLY -> dialect renders -> http_exchange_answer ... driver_on_sent
 *   or the client leaves first: driver_on_gone -> core_leave
 */
#include "driver.h"

#include "access.h"
#include "dialects/routes.h"
#include "io/ids.h"
#include "io/timer.h"
#include "io/turn_end.h"

#include <assert.h>
#include <stdlib.h>

/* Smaller bodies are read before anything is said: cheaper than parsing the request twice. */
#define EARLY_ANSWER_BODY_MIN (64u << 10) /* bytes */
#define SPARE_EXCHANGES_MAX   256u

/* One request in our hands. */
struct exchange {
    struct call call; /* the core's; call.owner is this */
    struct op_request op;
    const struct dialect *dialect;
    struct http_exchange *x;
    struct auth_found who; /* resolved once a request, before a dialect acts */
    uint64_t begun_ns;
    uint16_t code;
    bool reports;          /* the core wants to know whether the answer left */
    struct client *client; /* whose it is, where clients are limited */
    bool is_asked;         /* the core has it */
    bool is_parked;        /* it counts among those of its client that wait */
    bool may_not_wait;     /* too many of them wait */
    struct exchange *next_spare;
};

struct driver {
    struct driver_config config;
    struct timer *timer;
    struct turn_end *turn_end;
    uint64_t timer_at_ms; /* UINT64_MAX: not armed */
    bool pumping;
    struct text scratch;
    struct ids_block ids;
    struct exchange *spare;
    uint32_t spare_count;
    uint32_t open_count;
};

static uint64_t now(const struct driver *d)
{
    return loop_now_ms(d->config.loop);
}

static struct exchange *exchange_new(struct driver *d, struct http_exchange *x)
{
    struct exchange *e = d->spare;
    if (e != NULL) {
        d->spare = e->next_spare;
        d->spare_count--;
        memset(e, 0, sizeof *e);
    } else {
        e = calloc(1, sizeof *e);
        if (e == NULL) {
            return NULL;
        }
    }
    e->x = x;
    e->call.op = &e->op;
    e->call.owner = e;
    e->begun_ns = loop_clock_ns();
    http_exchange_set_data(x, (uint64_t)(uintptr_t)e);
    d->open_count++;
    return e;
}

static void exchange_end(struct driver *d, struct exchange *e)
{
    if (e->code != 0) {
        struct driver_served served = {
            .dialect = e->dialect,
            .code = e->code,
            .duration_us = (loop_clock_ns() - e->begun_ns) / 1000,
        };
        d->config.on_served(d->config.owner, &served);
    }
    if (e->is_parked) {
        gate_unpark(e->client);
    }
    if (e->client != NULL) {
        gate_leave(d->config.gate, now(d), &e->client);
    }
    d->open_count--;
    auth_found_drop(&e->who);
    if (d->spare_count == SPARE_EXCHANGES_MAX) {
        free(e);
        return;
    }
    e->next_spare = d->spare;
    d->spare = e;
    d->spare_count++;
}

static struct exchange *exchange_of(const struct http_exchange *x)
{
    return (struct exchange *)(uintptr_t)http_exchange_data(x);
}

/* --- effects -------------------------------------------------------------------------------
 */

static void do_reply(struct driver *d, struct core_effect *fx)
{
    struct exchange *e = fx->call->owner;
    struct http_answer answer = {0};
    http_exchange_lend(e->x, &answer);
    e->reports = fx->reply.report_sent;
    const struct http_request *request = http_exchange_request(e->x);
    if (e->may_not_wait && fx->reply.outcome == OUT_PENDING) {
        gate_refuse_parked(d->config.gate, request, &answer);
    } else {
        e->dialect->render(d->config.dialects, request, &e->op, &fx->reply, &answer);
    }
    e->code = answer.status;
    http_exchange_answer(e->x, &answer); /* `e` may be gone now */
}

static void do_start(struct driver *d, const struct core_effect *fx)
{
    const struct driver_target *t = &d->config.targets[fx->function->index];
    int rc = t->handler->start(t->target, &fx->execution);
    if (rc != 0) {
        struct execution_outcome outcome = {
            .end = rc == ERR_NOMEM || rc == ERR_FULL ? EXECUTION_NO_MEMORY : EXECUTION_FAILED,
            .detail = "the function could not be started",
        };
        core_done(d->config.core, now(d), fx->execution.id, &outcome);
    }
}

static void do_effect(struct driver *d, struct core_effect *fx)
{
    switch (fx->kind) {
    case EFFECT_REPLY:
        do_reply(d, fx);
        break;
    case EFFECT_START:
        do_start(d, fx);
        break;
    case EFFECT_STOP: {
        const struct driver_target *t = &d->config.targets[fx->function->index];
        t->handler->stop(t->target, fx->execution.id);
        break;
    }
    case EFFECT_WEBHOOK:
        d->config.on_webhook(d->config.owner, &fx->webhook);
        break;
    case EFFECT_WEBHOOK_STOP:
        d->config.on_webhook_stop(d->config.owner, fx->webhook.id);
        break;
    case EFFECT_SURVEY:
        d->config.on_survey(d->config.owner, &fx->survey);
        break;
    case EFFECT_LINK:
        d->config.on_link(d->config.owner, fx->link_kind, fx->link);
        break;
    case EFFECT_DRAINED:
        d->config.on_drained(d->config.owner);
        break;
    }
}

/* Once for all events of a turn. The timer is moved only when something is due earlier: a
 * wake-up too many costs less than setting it after every request. */
static void on_turn_end(void *owner)
{
    struct driver *d = owner;
    uint64_t at = core_deadline_ms(d->config.core);
    if (at >= d->timer_at_ms) {
        return;
    }
    d->timer_at_ms = at;
    timer_start(d->timer, at > now(d) ? at - now(d) : 0);
}

void driver_pump(struct driver *d)
{
    if (d->pumping) {
        return; /* an effect led back here: the loop below goes on with what it brought */
    }
    d->pumping = true;
    struct core_effect fx;
    while (core_next_effect(d->config.core, &fx)) {
        do_effect(d, &fx);
    }
    d->pumping = false;
}

static void on_timer(void *owner)
{
    struct driver *d = owner;
    d->config.on_lag(d->config.owner, now(d) - d->timer_at_ms);
    d->timer_at_ms = UINT64_MAX;
    core_tick(d->config.core, now(d));
    driver_pump(d);
}

/* --- events from the front
 * --------------------------------------------------------------------- */

/* Who it is; NULL: nobody that is known. The key is for nobody behind us: it is taken out of
 * the request. */
static const struct caller *resolve_caller(struct driver *d, struct exchange *e)
{
    e->who = auth_find(d->config.auth, http_exchange_request(e->x));
    if (e->who.caller != NULL) {
        http_exchange_drop_headers(e->x, auth_is_ours, d->config.auth);
    }
    return e->who.caller;
}

/* The caller may not do this: `answer` says so. */
static bool is_refused(struct driver *d, struct exchange *e, struct dialect_routing routing,
                       struct http_answer *answer)
{
    struct access_request r = {.in = http_exchange_request(e->x),
                               .caller = e->who.caller,
                               .routing = routing,
                               .op = &e->op};
    return d->config.auth != NULL && access_refuses(&r, answer);
}

static void act_for_caller(struct exchange *e)
{
    if (e->who.caller != NULL) {
        e->op.tenant = e->who.caller->tenant;
        e->op.tenant_share = e->who.caller->tenant_share;
    }
}

static struct dialect_routing ask_dialects(struct driver *d, struct exchange *e,
                                           struct http_answer *answer)
{
    const struct http_request *in = http_exchange_request(e->x);
    if (d->config.auth == NULL) {
        return dialect_route(d->config.dialects, in, &d->scratch, &e->op, answer);
    }
    struct dialect_config config = *d->config.dialects;
    config.caller = e->who.caller;
    return dialect_route(&config, in, &d->scratch, &e->op, answer);
}

/* An invocation that its dialect refused is counted as if the core had refused it. */
static void note_refused(struct driver *d, const struct exchange *e)
{
    const struct http_request *in = http_exchange_request(e->x);
    const struct route *row = route_find(in->method, in->path);
    if (row == NULL || row->scope != ROUTE_INVOKE ||
        strcmp(row->dialect, e->dialect->name) != 0) {
        return;
    }
    if (e->code == 404) {
        core_note_refused(d->config.core, OUT_UNKNOWN_FUNCTION);
    } else if (e->code == 400) {
        core_note_refused(d->config.core, OUT_BAD_REQUEST);
    }
}

/* True: e->op is to be asked of the core; false: it is answered. */
static bool route(struct driver *d, struct exchange *e)
{
    struct http_answer answer = {0};
    struct dialect_routing routing = ask_dialects(d, e, &answer);
    e->dialect = routing.dialect;
    if (!is_refused(d, e, routing, &answer) && routing.verdict == DIALECT_OP) {
        act_for_caller(e);
        return true;
    }
    e->code = answer.status;
    note_refused(d, e);
    http_exchange_answer(e->x, &answer);
    return false;
}

/* False: its client asks too much, and it is answered. *out is NULL without memory. */
static bool come_in(struct driver *d, struct http_exchange *x, struct exchange **out)
{
    struct gate_visitor visitor = {.request = http_exchange_request(x), .now_ms = now(d)};
    struct http_answer answer = {0};
    struct exchange *e = exchange_new(d, x);
    *out = e;
    if (e != NULL && d->config.auth != NULL) {
        visitor.caller = resolve_caller(d, e);
    }
    if (e == NULL || d->config.gate == NULL ||
        gate_enter(d->config.gate, &visitor, &e->client, &answer)) {
        return true;
    }
    e->code = answer.status;
    http_exchange_answer(x, &answer);
    return false;
}

bool driver_on_head(void *owner, struct http_exchange *x)
{
    struct driver *d = owner;
    const struct http_request *r = http_exchange_request(x);
    bool is_early =
        r->content_length >= EARLY_ANSWER_BODY_MIN || http_request_header(r, "expect") != NULL;
    if (!is_early && d->config.gate == NULL && d->config.auth == NULL) {
        return true;
    }
    struct exchange *e;
    if (!come_in(d, x, &e)) {
        return false;
    }
    if (e == NULL) {
        return true; /* driver_on_request() will miss it */
    }
    bool is_strange = d->config.auth != NULL && e->who.caller == NULL && r->head_only;
    return (!is_early && !is_strange) || route(d, e); /* of strangers no body is read */
}

/* A GET that may wait holds its place among those of its client. */
static void begin_wait(struct exchange *e)
{
    http_exchange_end_with_client(e->x); /* served to nobody, the callback would be lost */
    if (e->client == NULL || e->op.wait_ms == 0) {
        return;
    }
    e->is_parked = gate_park(e->client);
    if (!e->is_parked) {
        e->may_not_wait = true;
        e->op.wait_ms = 0;
    }
}

void driver_on_request(void *owner, struct http_exchange *x)
{
    struct driver *d = owner;
    struct exchange *e = exchange_of(x);
    if (e == NULL && !come_in(d, x, &e)) {
        return;
    }
    if (e == NULL) {
        struct http_answer answer = {.close = true};
        text_add_str(&answer.headers, "Retry-After: 1\r\n");
        dialect_problem(&answer, 503, "out-of-memory", NULL, http_exchange_request(x)->path);
        http_exchange_answer(x, &answer);
        return;
    }
    memset(&e->op, 0, sizeof e->op); /* its head may have been looked at before */
    e->begun_ns = loop_clock_ns();
    if (!route(d, e)) {
        return;
    }
    if (e->op.kind == OP_COLLECT) {
        begin_wait(e);
    }
    uint8_t random[GUID_SIZE] = {0};
    if (e->op.kind == OP_INVOKE) {
        ids_random_from(&d->ids, random);
    }
    e->is_asked = true;
    core_request(d->config.core, now(d), &e->call, random);
    driver_pump(d);
}

void driver_on_sent(void *owner, struct http_exchange *x, bool complete)
{
    struct driver *d = owner;
    struct exchange *e = exchange_of(x);
    if (e == NULL) {
        return;
    }
    if (e->reports) {
        core_sent(d->config.core, now(d), &e->call, complete);
    }
    exchange_end(d, e);
    driver_pump(d);
}

void driver_on_gone(void *owner, struct http_exchange *x)
{
    struct driver *d = owner;
    struct exchange *e = exchange_of(x);
    if (e == NULL) {
        return;
    }
    if (e->is_asked) { /* else it left before its body was here */
        core_leave(d->config.core, now(d), &e->call);
    }
    exchange_end(d, e);
    driver_pump(d);
}

void driver_on_empty(void *owner)
{
    struct driver *d = owner;
    d->config.on_empty(d->config.owner);
}

/* --- events from the handlers
 * ------------------------------------------------------------------- */

void driver_on_done(void *owner, uint64_t execution_id, struct execution_outcome *outcome)
{
    struct driver *d = owner;
    core_done(d->config.core, now(d), execution_id, outcome);
    driver_pump(d);
}

/* --- life
 * ----------------------------------------------------------------------------------------- */

struct driver *driver_new(const struct driver_config *config)
{
    struct driver *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return NULL;
    }
    d->config = *config;
    d->timer_at_ms = UINT64_MAX;
    d->timer = timer_new(config->loop, on_timer, d);
    d->turn_end = turn_end_new(config->loop, on_turn_end, d);
    if (d->timer == NULL || d->turn_end == NULL) {
        driver_free(&d);
        return NULL;
    }
    return d;
}

void driver_stop(struct driver *d)
{
    timer_close(&d->timer);
    turn_end_close(&d->turn_end);
}

void driver_free(struct driver **d)
{
    struct driver *mine = *d;
    *d = NULL;
    if (mine == NULL) {
        return;
    }
    assert(mine->open_count == 0);
    driver_stop(mine);
    text_fini(&mine->scratch);
    while (mine->spare != NULL) {
        struct exchange *e = mine->spare;
        mine->spare = e->next_spare;
        free(e);
    }
    free(mine);
}
