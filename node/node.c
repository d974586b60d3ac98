/* The end: SIGTERM, SIGINT or POST /v1/drain -> core_drain() -> shutdown.delay_ms over and
 * EFFECT_DRAINED seen -> nobody connects any more, the last requests are read for
 * LAST_REQUESTS_MS -> the last clients get LAST_CLIENTS_MAX_MS -> everything is closed, the
 * loop runs empty. */
#include "node_inner.h"

#include "io/ids.h"
#include "wiring.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>

#define LAST_REQUESTS_MS    100u
#define LAST_CLIENTS_MAX_MS 5000u

/* --- the end --------------------------------------------------------------------------------
 */

static void end(struct node *n)
{
    n->ended = true;
    http_server_close(&n->api);
    http_server_close(&n->admin_server);
    if (n->admin != NULL) {
        admin_stop(n->admin);
    }
    timer_close(&n->end_timer);
    turn_end_close(&n->turn_end);
}

/* Nobody connects any more. Who has just done so may have sent a request that is not read yet.
 */
static void end_when_all_is_said(struct node *n)
{
    if (!n->delay_over || !n->drained || n->closing || n->ended) {
        return;
    }
    n->closing = true;
    http_server_stop_listening(n->api);
    timer_start(n->end_timer, http_server_connection_count(n->api) == 0 ? 0 : LAST_REQUESTS_MS);
}

/* Clients that wait for an answer keep the node up a little longer. */
static void finish(struct node *n)
{
    n->finishing = true;
    timer_start(n->end_timer, LAST_CLIENTS_MAX_MS);
    http_server_drain(n->api); /* node_on_no_client() follows, maybe from inside */
}

void node_on_end_timer(void *owner)
{
    struct node *n = owner;
    if (n->finishing) {
        end(n); /* without those who still have not gone */
    } else if (n->closing) {
        finish(n);
    } else {
        n->delay_over = true;
        core_finish(n->core, loop_now_ms(n->loop));
        driver_pump(n->driver);
        end_when_all_is_said(n);
    }
}

void node_on_drained(void *owner)
{
    struct node *n = owner;
    n->drained = true;
    end_when_all_is_said(n);
}

void node_on_no_client(void *owner)
{
    struct node *n = owner;
    if (n->finishing && !n->ended) {
        end(n);
    }
}

void node_drain(void *owner)
{
    struct node *n = owner;
    if (n->draining) {
        return;
    }
    n->draining = true;
    log_end(log_begin(n->log, LOG_INFO, "draining"));
    timer_start(n->end_timer, n->config->shutdown.delay_ms);
    http_server_say_goodbye(n->api);
    core_drain(n->core, loop_now_ms(n->loop));
    driver_pump(n->driver);
}

/* A file that cannot be used leaves the keys as they were. */
static void reload_keys(struct node *n)
{
    struct text faults = {0};
    if (n->auth == NULL) {
        return;
    }
    if (auth_reload(n->auth, &faults) == 0) {
        struct log_line *line = log_begin(n->log, LOG_INFO, "keys-read");
        log_num(line, "keys", auth_key_count(n->auth));
        log_end(line);
    } else {
        struct bytes rest = text_view(&faults);
        struct bytes first = bytes_cut_at(&rest, '\n');
        log_event(n->log, LOG_ERROR, "keys-not-read", "fault", first);
    }
    text_fini(&faults);
}

void node_on_signal(void *owner, int number)
{
    struct node *n = owner;
    if (number == SIGHUP) {
        encryption_reload(&n->encryption, n->log);
        if (n->peering != NULL) {
            peering_review(n->peering);
        }
        reload_keys(n);
        return;
    }
    if (number == SIGINT && n->draining && !n->ended) {
        log_end(log_begin(n->log, LOG_WARN, "ended-early")); /* Ctrl-C twice: do not wait */
        end(n);
        return;
    }
    node_drain(n);
}

/* --- life --------------------------------------------------------------------------------- */

int node_new(struct node **out, const struct config *config, struct errmsg *em)
{
    *out = NULL;
    struct node *n = calloc(1, sizeof *n);
    if (n == NULL) {
        return err_set(em, ERR_NOMEM, "out of memory");
    }
    n->config = config;
    n->budget.limit = config->limits.store_bytes;
    n->results.of = &n->budget;
    ids_random(n->node_id.at);
    int rc = node_start(n, em);
    if (rc != 0) {
        node_free(&n);
        return rc;
    }
    *out = n;
    return 0;
}

void node_run(struct node *n)
{
    while (!n->ended) {
        loop_turn(n->loop, true);
    }
}

static void stop_everything(struct node *n)
{
    bool more = true;
    while (more) {
        more = core_abandon(n->core);
        driver_pump(n->driver);
    }
    driver_stop(n->driver);
}

void node_free(struct node **n)
{
    struct node *mine = *n;
    *n = NULL;
    if (mine == NULL) {
        return;
    }
    end(mine);
    if (mine->driver != NULL) {
        stop_everything(mine);
    }
    webhook_sender_close(&mine->webhooks);
    peering_close(&mine->peering);
    if (mine->targets != NULL) {
        wiring_close_targets(&mine->targets, mine->config->function_count);
    }
    if (mine->loop != NULL) {
        loop_run(mine->loop); /* everything is closing: the exchanges get their last word */
    }
    signals_close(&mine->signals); /* not before: a late SIGTERM must not kill what ends well */
    driver_free(&mine->driver);
    gate_close(&mine->gate);
    admin_free(&mine->admin);
    core_free(&mine->core);
    if (mine->loop != NULL) {
        loop_run(mine->loop); /* the timers of these */
    }
    loop_free(&mine->loop);
    encryption_close(&mine->encryption);
    wiring_free_allow(&mine->allow);
    buf_drop(&mine->dialects.openapi);
    auth_close(&mine->auth);
    telemetry_free(&mine->telemetry);
    log_free(&mine->log);
    assert(mine->budget.used == 0 && mine->budget.promised == 0);
    free(mine);
}
