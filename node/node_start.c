/* The start: the steps of node_new() in their order, each undone by node_free(). Clients come
 * last, when nothing that a file or an address may have wrong can end the start any more. */
#include "node_inner.h"

#include "dialects/openapi.h"
#include "dialects/problem.h"
#include "io/ids.h"
#include "wiring.h"

#include <stdlib.h>

/* --- what its parts tell each other ----------------------------------------------------------
 */

static void on_link(void *owner, enum cluster_effect_kind kind, struct link_effect *link)
{
    struct node *n = owner;
    if (n->peering != NULL) {
        peering_dispatch(n->peering, kind, link);
    }
}

static void add_metrics(void *owner, struct text *out)
{
    struct node *n = owner;
    struct telemetry_view view = {
        .core = n->core,
        .api = n->api,
        .peers = n->peering == NULL ? NULL : peering_peers(n->peering),
        .gate = n->gate,
    };
    telemetry_print(n->telemetry, &view, out);
}

/* Targets are opened before there is a driver: they report to the node. */
static void on_done(void *owner, uint64_t execution_id, struct execution_outcome *outcome)
{
    struct node *n = owner;
    driver_on_done(n->driver, execution_id, outcome);
}

static void on_served(void *owner, const struct driver_served *served)
{
    struct node *n = owner;
    telemetry_served(n->telemetry, served);
}

static void on_survey(void *owner, const struct core_survey *survey)
{
    struct node *n = owner;
    if (n->admin != NULL) {
        admin_on_survey(n->admin, survey);
    }
}

static void pump(void *owner)
{
    struct node *n = owner;
    driver_pump(n->driver);
}

static void on_lag(void *owner, uint64_t late_ms)
{
    struct node *n = owner;
    telemetry_lag(n->telemetry, late_ms);
}

static void on_webhook(void *owner, const struct webhook_attempt *attempt)
{
    struct node *n = owner;
    if (webhook_send(n->webhooks, attempt) != 0) {
        struct webhook_outcome none = {0};
        core_webhook_done(n->core, loop_now_ms(n->loop), attempt->id, &none);
    }
}

static void on_webhook_stop(void *owner, uint64_t id)
{
    struct node *n = owner;
    webhook_stop(n->webhooks, id);
}

static void on_webhook_done(void *owner, uint64_t id, const struct webhook_outcome *outcome)
{
    struct node *n = owner;
    core_webhook_done(n->core, loop_now_ms(n->loop), id, outcome);
    driver_pump(n->driver);
}

/* --- the start -------------------------------------------------------------------------------
 */

static int no_memory(struct errmsg *em)
{
    return err_set(em, ERR_NOMEM, "out of memory");
}

static int make_encryption(struct node *n, struct errmsg *em)
{
    int rc = encryption_open(&n->encryption, n->config, em);
    encryption_warn(&n->encryption, n->log);
    return rc;
}

static int make_peering(struct node *n, struct errmsg *em)
{
    if (n->config->cluster.listen[0] == '\0') {
        return 0;
    }
    const struct peering_config peering = {
        .loop = n->loop,
        .settings = n->config,
        .budget = &n->budget,
        .tls = n->encryption.peers,
    };
    return peering_open(&n->peering, &peering, em);
}

static int make_auth(struct node *n, struct errmsg *em)
{
    struct text faults = {0};
    uint8_t random[GUID_SIZE];
    uint64_t seed;
    ids_random(random);
    memcpy(&seed, random, sizeof seed);
    if (n->config->auth.keys_file[0] == '\0') {
        return 0;
    }
    int rc = auth_open(&n->auth, n->config->auth.keys_file, seed, &faults);
    if (rc == ERR_MALFORMED) {
        struct bytes rest = text_view(&faults);
        err_set(em, rc, "%.*s", BYTES_ARG(bytes_cut_at(&rest, '\n')));
    }
    text_fini(&faults);
    return rc == ERR_NOMEM ? no_memory(em) : rc;
}

static int make_core(struct node *n, struct errmsg *em)
{
    const struct config *config = n->config;
    uint64_t now_ms = loop_now_ms(n->loop);
    struct cluster_config cluster = wiring_cluster(config, &n->node_id, &n->results);
    cluster.advertise = n->peering == NULL ? bytes_of(NULL, 0) : peering_advertised(n->peering);
    struct core_config core = wiring_core(config, &n->node_id, &n->results);
    struct function_spec *specs = wiring_function_specs(config);
    core.functions = specs;
    core.wall_offset_ms = loop_wall_ms() - now_ms;
    core.cluster = specs == NULL ? NULL : cluster_new(&cluster, now_ms);
    n->core = core.cluster == NULL ? NULL : core_new(&core, now_ms);
    if (n->core == NULL) {
        cluster_free(&core.cluster);
    }
    free(specs);
    return n->core == NULL ? no_memory(em) : 0;
}

static int make_gate(struct node *n, struct errmsg *em)
{
    return gate_open(&n->gate, n->config, wiring_seed(), em);
}

static int make_driver(struct node *n, struct errmsg *em)
{
    struct driver_config driver = {
        .loop = n->loop,
        .core = n->core,
        .dialects = &n->dialects,
        .targets = n->targets,
        .gate = n->gate,
        .auth = n->auth,
        .owner = n,
        .on_served = on_served,
        .on_lag = on_lag,
        .on_survey = on_survey,
        .on_link = on_link,
        .on_webhook = on_webhook,
        .on_webhook_stop = on_webhook_stop,
        .on_drained = node_on_drained,
        .on_empty = node_on_no_client,
    };
    n->driver = driver_new(&driver);
    if (n->driver == NULL) {
        return no_memory(em);
    }
    if (n->peering != NULL) {
        peering_start(n->peering, n->core, n->driver, n->log);
    }
    return 0;
}

static int make_webhooks(struct node *n, struct errmsg *em)
{
    struct webhook_sender_config sender = {
        .loop = n->loop,
        .budget = &n->budget,
        .timeout_ms = n->config->webhook.timeout_ms,
        .secret_file = n->config->webhook.secret_file,
        .allow = &n->allow,
        .owner = n,
        .on_done = on_webhook_done,
    };
    return webhook_sender_open(&n->webhooks, &sender, em);
}

static int make_admin(struct node *n, struct errmsg *em)
{
    struct admin_config admin = {
        .loop = n->loop,
        .core = n->core,
        .budget = &n->budget,
        .node_name = bytes_text(n->config->name),
        .node_id = n->node_id,
        .cluster_name = bytes_text(n->config->cluster.name),
        .available = n->config->cluster.claim == CONFIG_CLAIM_AVAILABLE,
        .started_at_ms = loop_wall_ms(),
        .auth = n->auth,
        .open_metrics = n->config->auth.open_metrics,
        .models = wiring_models(n->config),
        .owner = n,
        .on_drain = node_drain,
        .pump = pump,
        .add_metrics = add_metrics,
    };
    n->admin = admin.models == NULL ? NULL : admin_new(&admin);
    return n->admin == NULL ? no_memory(em) : 0;
}

/* What the front refuses by itself, before any dialect sees it. */
static void on_refused(void *owner, const struct http_refused *what, struct http_answer *answer)
{
    (void)owner;
    const char *slug = what->why == HTTP_REFUSED_CONNECTION ? "too-many-connections"
                       : what->status == 413                ? "body-too-large"
                       : what->status == 431                ? "headers-too-large"
                       : what->status == 503                ? "out-of-memory"
                                                            : "bad-request";
    dialect_problem(answer, what->status, slug, problem_of_bad_http(what->status), what->path);
}

static int open_servers(struct node *n, struct errmsg *em)
{
    struct http_server_config api = wiring_http(n->config, &n->budget);
    api.listen = bytes_text(n->config->listen);
    api.tls = n->encryption.clients;
    api.owner = n->driver;
    api.on_head = driver_on_head;
    api.on_request = driver_on_request;
    api.on_sent = driver_on_sent;
    api.on_gone = driver_on_gone;
    api.on_empty = driver_on_empty;
    api.on_refused = on_refused;
    int rc = http_server_open(&n->api, n->loop, &api, em);
    if (rc != 0) {
        return rc;
    }
    struct http_server_config admin = wiring_http(n->config, &n->budget);
    admin.listen = bytes_text(n->config->admin);
    admin.tls = n->encryption.clients;
    admin.owner = n->admin;
    admin.on_head = admin_on_head;
    admin.on_request = admin_on_request;
    admin.on_sent = admin_on_sent;
    admin.on_gone = admin_on_gone;
    admin.on_refused = on_refused;
    return http_server_open(&n->admin_server, n->loop, &admin, em);
}

static int make_log(struct node *n, struct errmsg *em)
{
    struct log_config log = {
        .fd = 2,
        .level = (enum log_level)n->config->log.level,
        .node = bytes_text(n->config->name),
        .wall_ms = loop_wall_ms,
    };
    n->log = log_new(&log);
    if (n->log == NULL) {
        return no_memory(em);
    }
    struct telemetry_config telemetry = {
        .node_name = log.node,
        .budget = &n->budget,
        .loop = n->loop,
        .log = n->log,
        .encryption = &n->encryption,
    };
    n->telemetry = telemetry_new(&telemetry);
    return n->telemetry == NULL ? no_memory(em) : 0;
}

static void on_turn_end(void *owner)
{
    struct node *n = owner;
    memory_return_look(&n->memory_return, n->budget.used);
}

static int make_loop(struct node *n, struct errmsg *em)
{
    n->loop = loop_new();
    if (n->loop == NULL) {
        return err_set(em, ERR_IO, "the system gave no event loop");
    }
    n->end_timer = timer_new(n->loop, node_on_end_timer, n);
    n->turn_end = turn_end_new(n->loop, on_turn_end, n);
    if (n->end_timer == NULL || n->turn_end == NULL) {
        return no_memory(em);
    }
    int rc = signals_open(&n->signals, n->loop, node_on_signal, n);
    return rc == 0 ? 0 : err_set(em, rc, "the system refused to deliver signals");
}

static int make_dialects(struct node *n, struct errmsg *em)
{
    n->dialects = wiring_dialects(n->config, &n->node_id);
    n->dialects.webhook_allow = &n->allow;
    bool ok =
        wiring_allow(&n->allow, n->config) == 0 && openapi_make(&n->dialects.openapi) == 0;
    return ok ? 0 : no_memory(em);
}

static int make_targets(struct node *n, struct errmsg *em)
{
    n->env = wiring_handlers(n->config, n->loop, &n->results);
    n->env.owner = n;
    n->env.on_done = on_done;
    int rc = wiring_open_targets(&n->targets, n->config, &n->env, em);
    /* Whatever is wrong with a target is wrong in the configuration. */
    return rc == 0 || rc == ERR_NOMEM ? rc : ERR_MALFORMED;
}

static void say_ready(struct node *n)
{
    struct log_line *line = log_begin(n->log, LOG_INFO, "ready");
    log_text(line, "version", bytes_text(CALLBACKD_VERSION));
    log_text(line, "listen", http_server_address(n->api));
    log_text(line, "admin", http_server_address(n->admin_server));
    if (n->peering != NULL) {
        log_text(line, "cluster", peering_address(n->peering));
    }
    log_end(line);
}

int node_start(struct node *n, struct errmsg *em)
{
    static int (*const steps[])(struct node *, struct errmsg *) = {
        make_loop,     make_log,     make_dialects, make_auth, make_encryption,
        make_targets,  make_peering, make_core,     make_gate, make_driver,
        make_webhooks, make_admin,   open_servers,
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        int rc = steps[i](n, em);
        if (rc != 0) {
            return rc;
        }
    }
    say_ready(n);
    return 0;
}
