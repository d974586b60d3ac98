#include "admin.h"

#include "access.h"
#include "base/timestamp.h"
#include "cluster/links.h"
#include "dialects/answers.h"
#include "gather.h"
#include "io/timer.h"

#include <stdlib.h>

/* A sixteenth of the store must be free: near the end every larger request is refused. */
enum { MEMORY_RESERVE = 16 };

struct admin {
    struct admin_config config;
    struct balance balance;
    struct gather *gather;
    struct timer *minute;
};

/* --- views ---------------------------------------------------------------------------------
 */

static void add_member(struct text *t, const char *name, struct bytes value)
{
    text_add_char(t, '"');
    text_add_str(t, name);
    text_add_str(t, "\":");
    text_add_json(t, value);
}

static void add_number(struct text *t, const char *name, uint64_t value)
{
    text_add_str(t, ",\"");
    text_add_str(t, name);
    text_add_str(t, "\":");
    text_add_num(t, value);
}

static void add_guid(struct text *t, const struct guid *g)
{
    char id[GUID_TEXT_SIZE];
    guid_print(id, g);
    text_add_char(t, '"');
    text_add(t, bytes_of(id, sizeof id));
    text_add_char(t, '"');
}

static void answer_json(struct http_answer *answer)
{
    answer->status = 200;
    http_answer_header(answer, "Content-Type", bytes_text("application/json"));
    http_answer_header(answer, "Cache-Control", bytes_text("no-store"));
}

static void answer_text(struct http_answer *answer, uint16_t status, const char *text)
{
    answer->status = status;
    http_answer_header(answer, "Content-Type", bytes_text("text/plain; charset=utf-8"));
    text_add_str(&answer->content, text);
}

static void get_healthz(struct admin *a, struct http_answer *answer)
{
    (void)a;
    answer_text(answer, 200, "OK\n");
}

static void get_readyz(struct admin *a, struct http_answer *answer)
{
    const char *why = NULL;
    const struct budget *b = a->config.budget;
    if (core_is_draining(a->config.core)) {
        why = "draining";
    } else if (b->used >= b->limit - b->limit / MEMORY_RESERVE ||
               !core_has_memory(a->config.core)) {
        why = "memory: limits.store_bytes is used up";
    } else if (cluster_is_ready(core_cluster(a->config.core), &why)) {
        why = NULL;
    }
    answer_text(answer, why == NULL ? 200 : 503, why == NULL ? "ready" : why);
    text_add_char(&answer->content, '\n');
}

static void get_metrics(struct admin *a, struct http_answer *answer)
{
    answer->status = 200;
    http_answer_header(answer, "Content-Type", bytes_text("text/plain; version=0.0.4"));
    a->config.add_metrics(a->config.owner, &answer->content);
}

static const char *state_of(const struct admin *a)
{
    const char *why = NULL;
    if (core_is_draining(a->config.core)) {
        return "draining";
    }
    return cluster_is_ready(core_cluster(a->config.core), &why) ? "ready" : "joining";
}

static void get_node(struct admin *a, struct http_answer *answer)
{
    struct text *t = &answer->content;
    answer_json(answer);
    text_add_char(t, '{');
    add_member(t, "name", a->config.node_name);
    text_add_str(t, ",\"node_id\":");
    add_guid(t, &a->config.node_id);
    text_add_char(t, ',');
    add_member(t, "version", bytes_text(CALLBACKD_VERSION));
    text_add_str(t, ",\"started_at\":\"");
    timestamp_add_rfc3339(t, a->config.started_at_ms);
    text_add_str(t, "\",");
    add_member(t, "state", bytes_text(state_of(a)));
    add_number(t, "store_bytes", a->config.budget->used);
    add_number(t, "store_limit_bytes", a->config.budget->limit);
    text_add_char(t, '}');
}

static const char *member_state_text(enum msg_member_state state)
{
    switch (state) {
    case MEMBER_ALIVE:
        return "alive";
    case MEMBER_SUSPECT:
        return "suspect";
    case MEMBER_DEAD:
        return "dead";
    case MEMBER_LEAVING:
        return "leaving";
    }
    return "unknown";
}

static void get_cluster(struct admin *a, struct http_answer *answer)
{
    struct text *t = &answer->content;
    struct cluster_member m;
    answer_json(answer);
    text_add_char(t, '{');
    add_member(t, "name", a->config.cluster_name);
    text_add_char(t, ',');
    add_member(t, "claim", bytes_text(a->config.available ? "available" : "strict"));
    text_add_str(t, ",\"members\":[");
    for (uint32_t n = 0;
         cluster_member_at(core_cluster(a->config.core), loop_now_ms(a->config.loop), n, &m);
         n++) {
        text_add_str(t, n == 0 ? "{" : ",{");
        add_member(t, "name", m.name);
        text_add_str(t, ",\"node_id\":");
        add_guid(t, &m.node_id);
        text_add_char(t, ',');
        add_member(t, "address", m.address);
        text_add_char(t, ',');
        add_member(t, "zone", m.zone);
        text_add_char(t, ',');
        add_member(t, "state", bytes_text(member_state_text(m.state)));
        add_number(t, "rtt_ms", m.rtt_ms);
        add_number(t, "lag_ms", m.lag_ms);
        text_add_str(t, m.self ? ",\"self\":true}" : ",\"self\":false}");
    }
    text_add_str(t, "]}");
}

/* Made of node/dashboard.html by the build. */
extern const unsigned char dashboard_html[];
extern const size_t dashboard_html_size;

/* The same views for people: a page that asks for them every two seconds while it is seen. */
static void get_dashboard(struct admin *a, struct http_answer *answer)
{
    (void)a;
    answer->status = 200;
    http_answer_header(answer, "Content-Type", bytes_text("text/html; charset=utf-8"));
    http_answer_header(answer, "Cache-Control", bytes_text("no-cache"));
    http_answer_header(answer, "X-Content-Type-Options", bytes_text("nosniff"));
    http_answer_header(answer, "Content-Security-Policy",
                       bytes_text("default-src 'none'; script-src 'unsafe-inline'; "
                                  "style-src 'unsafe-inline'; connect-src 'self'; "
                                  "base-uri 'none'; frame-ancestors 'none'"));
    text_add(&answer->content, bytes_of(dashboard_html, dashboard_html_size));
}

static void post_drain(struct admin *a, struct http_answer *answer)
{
    answer_json(answer);
    answer->status = 202;
    text_add_str(&answer->content, "{\"state\":\"draining\"}");
    a->config.on_drain(a->config.owner);
}

/* --- routes ---------------------------------------------------------------------------------
 */

static const struct admin_route {
    const char *method, *path;
    enum admin_open { NEEDS_ADMIN, IS_OPEN, MAY_BE_OPEN } open;
    bool any_case; /* as ASP.NET, for Jube's clients */
    void (*answer)(struct admin *a, struct http_answer *answer); /* or, when NULL: */
    enum gather_topic topic; /* the other nodes are asked, too */
} routes[] = {
    {"GET", "/", NEEDS_ADMIN, false, get_dashboard, 0},
    {"GET", "/healthz", IS_OPEN, false, get_healthz, 0},
    {"GET", "/readyz", IS_OPEN, false, get_readyz, 0},
    {"GET", "/metrics", MAY_BE_OPEN, false, get_metrics, 0},
    {"GET", "/v1/node", NEEDS_ADMIN, false, get_node, 0},
    {"GET", "/v1/cluster", NEEDS_ADMIN, false, get_cluster, 0},
    {"GET", "/v1/queues", NEEDS_ADMIN, false, NULL, GATHER_QUEUES},
    {"POST", "/v1/drain", NEEDS_ADMIN, false, post_drain, 0},
    {"GET", "/api/EntityAnalysisAsynchronousQueueBalance", NEEDS_ADMIN, true, NULL,
     GATHER_BALANCE},
    {"GET", "/api/EntityAnalysisModelAsynchronousQueueBalance", NEEDS_ADMIN, true, NULL,
     GATHER_MODEL_BALANCE},
};

static bool path_is(const struct admin_route *route, struct bytes path)
{
    return route->any_case ? bytes_is_nocase(path, route->path) : bytes_is(path, route->path);
}

/* What is not here is for administrators to know as well. */
static bool is_refused(struct admin *a, const struct http_request *r,
                       const struct admin_route *route, struct http_answer *answer)
{
    enum admin_open open = route == NULL ? NEEDS_ADMIN : route->open;
    if (a->config.auth == NULL || open == IS_OPEN ||
        (open == MAY_BE_OPEN && a->config.open_metrics)) {
        return false;
    }
    struct auth_found who = auth_find(a->config.auth, r);
    bool refuses = access_refuses_admin(r, who.caller, answer);
    auth_found_drop(&who);
    return refuses;
}

/* A browser that has been given a key sends it with whatever another site makes it post here,
 * and says whose page it was (RFC 6454, section 7). Nothing else sends that, nor does the
 * dashboard, which only looks. */
static bool is_of_a_page(const struct http_request *r)
{
    return bytes_is(r->method, "POST") && http_request_header(r, "Origin") != NULL;
}

static const struct admin_route *find_route(struct bytes path)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (path_is(&routes[i], path)) {
            return &routes[i];
        }
    }
    return NULL;
}

/* Of strangers no body is read. */
bool admin_on_head(void *owner, struct http_exchange *x)
{
    struct admin *a = owner;
    const struct http_request *r = http_exchange_request(x);
    struct http_answer answer = {0};
    bool refuses = r->head_only && is_refused(a, r, find_route(r->path), &answer);
    if (refuses) {
        http_exchange_answer(x, &answer);
    }
    return !refuses;
}

void admin_on_request(void *owner, struct http_exchange *x)
{
    struct admin *a = owner;
    const struct http_request *r = http_exchange_request(x);
    struct http_answer answer = {0};
    const struct admin_route *found = find_route(r->path);
    if (is_refused(a, r, found, &answer)) {
        http_exchange_answer(x, &answer);
        return;
    }
    if (is_of_a_page(r)) {
        dialect_problem(&answer, 403, "forbidden", "web pages may not post here", r->path);
        http_exchange_answer(x, &answer);
        return;
    }
    bool head = found != NULL && r->is_head && strcmp(found->method, "GET") == 0;
    if (found == NULL) {
        dialect_problem(&answer, 404, "unknown-route",
                        "the admin address has / (the dashboard), /healthz, /readyz, /metrics, "
                        "/v1/node, /v1/cluster, /v1/queues and /v1/drain",
                        r->path);
    } else if (head || bytes_is(r->method, found->method)) {
        if (found->answer == NULL) {
            gather_begin(a->gather, x, found->topic);
            return;
        }
        found->answer(a, &answer);
    } else {
        answer_not_allowed(&answer, r, found->method[0] == 'G' ? "GET, HEAD" : "POST");
    }
    http_exchange_answer(x, &answer);
}

void admin_on_sent(void *owner, struct http_exchange *x, bool complete)
{
    (void)owner, (void)x, (void)complete; /* nothing here waits for its answer to arrive */
}

void admin_on_gone(void *owner, struct http_exchange *x)
{
    struct admin *a = owner;
    gather_end(a->gather, x);
}

void admin_on_survey(struct admin *a, const struct core_survey *survey)
{
    gather_on_survey(a->gather, survey);
}

/* --- life -----------------------------------------------------------------------------------
 */

static void on_minute(void *owner)
{
    struct admin *a = owner;
    balance_add(&a->balance, core_functions(a->config.core), loop_wall_ms());
    timer_start(a->minute, BALANCE_EVERY_MS);
}

struct admin *admin_new(const struct admin_config *config)
{
    struct admin *a = calloc(1, sizeof *a);
    if (a == NULL) {
        free(config->models);
        return NULL;
    }
    a->config = *config;
    uint32_t function_count = functions_count(core_functions(config->core));
    struct gather_config gather = {
        .loop = config->loop,
        .core = config->core,
        .balance = &a->balance,
        .node_name = config->node_name,
        .owner = config->owner,
        .pump = config->pump,
    };
    a->gather = gather_new(&gather);
    a->minute = timer_new(config->loop, on_minute, a);
    int rc = balance_init(&a->balance, config->models, function_count);
    if (a->minute == NULL || a->gather == NULL || rc != 0) {
        admin_free(&a);
        return NULL;
    }
    timer_start(a->minute, BALANCE_EVERY_MS);
    return a;
}

void admin_stop(struct admin *a)
{
    timer_close(&a->minute);
}

void admin_free(struct admin **a)
{
    struct admin *mine = *a;
    *a = NULL;
    if (mine != NULL) {
        timer_close(&mine->minute);
        gather_free(&mine->gather);
        balance_fini(&mine->balance);
        free(mine->config.models);
        free(mine);
    }
}
