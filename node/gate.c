#include "gate.h"

#include "dialects/dialect.h"

#include <stdlib.h>

struct gate {
    struct clients *clients;
    struct clients_limits limits; /* of who has no others */
    struct client_trust trust;
    uint64_t refused[GATE_REASON_COUNT];
};

static const char *const reasons[] = {
#define GATE_SLUG(NAME, SLUG) [GATE_##NAME] = SLUG,
    GATE_REASONS(GATE_SLUG)
#undef GATE_SLUG
};

static int read_trust(struct gate *g, const struct config_list *list)
{
    g->trust.at = calloc(list->count + 1, sizeof g->trust.at[0]);
    if (g->trust.at == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (!webhook_network_read(&g->trust.at[i], bytes_text(list->items[i]))) {
            return ERR_MALFORMED;
        }
        g->trust.count++;
    }
    return 0;
}

static bool is_any(const struct clients_limits *l)
{
    return l->rate > 0 || l->concurrency > 0 || l->parked > 0;
}

int gate_open(struct gate **out, const struct config *config, uint64_t seed, struct errmsg *em)
{
    uint32_t known_max = config->limits.connections;
    const struct clients_config clients = {
        .known_max = known_max < CLIENTS_KNOWN_MIN ? CLIENTS_KNOWN_MIN : known_max,
        .seed = seed,
    };
    const struct clients_limits limits = {
        .rate = config->limits.client.rate,
        .burst = config->limits.client.burst,
        .concurrency = config->limits.client.concurrency,
        .parked = config->limits.client.parked,
    };
    *out = NULL;
    if (!is_any(&limits) && config->auth.keys_file[0] == '\0') {
        return 0;
    }
    struct gate *g = calloc(1, sizeof *g);
    if (g == NULL) {
        return err_set(em, ERR_NOMEM, "out of memory");
    }
    int rc = read_trust(g, &config->limits.client.trusted);
    g->limits = limits;
    g->clients = rc == 0 ? clients_new(&clients) : NULL;
    if (g->clients == NULL) {
        gate_close(&g);
        return err_set(em, rc == 0 ? ERR_NOMEM : rc, "limits.client: %s",
                       rc == ERR_MALFORMED ? "no network" : "out of memory");
    }
    *out = g;
    return 0;
}

void gate_close(struct gate **g)
{
    struct gate *mine = *g;
    *g = NULL;
    if (mine == NULL) {
        return;
    }
    clients_free(&mine->clients);
    free(mine->trust.at);
    free(mine);
}

/* Proxies add to the end of the last X-Forwarded-For, or add another one behind it. */
static void look_behind_proxies(const struct gate *g, const struct http_request *r,
                                struct webhook_address *a)
{
    struct bytes left = bytes_of(NULL, 0);
    for (size_t i = r->header_count; i > 0 && left.size == 0; i--) {
        if (bytes_is_nocase(r->headers[i - 1].name, "X-Forwarded-For")) {
            left = r->headers[i - 1].value;
        }
        while (client_step_back(a, &left, &g->trust)) {
        }
    }
}

static struct client_id identify(const struct gate *g, const struct gate_visitor *v)
{
    struct webhook_address a = {{0}};
    if (v->caller != NULL) {
        return client_id_of_key(bytes_of(&v->caller->id, sizeof v->caller->id));
    }
    client_address_read(&a, v->request->peer); /* broken already: they share one */
    if (g->trust.count > 0) {
        look_behind_proxies(g, v->request, &a);
    }
    return client_id_of_address(&a);
}

static void refuse(struct gate *g, enum gate_reason reason, const struct http_request *r,
                   struct http_answer *answer)
{
    g->refused[reason]++;
    dialect_problem(answer, reason == GATE_MEMORY ? 503 : 429, reasons[reason], NULL, r->path);
    text_add_str(&answer->headers, "Retry-After: 1\r\n");
}

static struct clients_limits limits_of(const struct gate *g, const struct caller *c)
{
    struct clients_limits l = g->limits;
    if (c != NULL && c->rate > 0) {
        l.rate = c->rate;
        l.burst = 0;
    }
    if (c != NULL && c->concurrency > 0) {
        l.concurrency = c->concurrency;
    }
    if (c != NULL && c->parked > 0) {
        l.parked = c->parked;
    }
    return l;
}

bool gate_enter(struct gate *g, const struct gate_visitor *v, struct client **client,
                struct http_answer *answer)
{
    static const enum gate_reason why[] = {
        [CLIENTS_TOO_FAST] = GATE_RATE,
        [CLIENTS_TOO_MANY] = GATE_CONCURRENCY,
        [CLIENTS_NO_MEMORY] = GATE_MEMORY,
    };
    const struct clients_limits limits = limits_of(g, v->caller);
    *client = NULL;
    if (!is_any(&limits)) {
        return true;
    }
    struct client_id id = identify(g, v);
    enum clients_verdict verdict = clients_enter(g->clients, v->now_ms, &id, &limits, client);
    if (verdict == CLIENTS_MAY) {
        return true;
    }
    refuse(g, why[verdict], v->request, answer);
    return false;
}

void gate_leave(struct gate *g, uint64_t now_ms, struct client **client)
{
    clients_leave(g->clients, now_ms, client);
}

bool gate_park(struct client *client)
{
    return clients_park(client);
}

void gate_unpark(struct client *client)
{
    clients_unpark(client);
}

void gate_refuse_parked(struct gate *g, const struct http_request *r,
                        struct http_answer *answer)
{
    refuse(g, GATE_PARKED, r, answer);
}

bool gate_refused_at(const struct gate *g, size_t n, const char **reason, uint64_t *count)
{
    if (n >= GATE_REASON_COUNT) {
        return false;
    }
    *reason = reasons[n];
    *count = g == NULL ? 0 : g->refused[n];
    return true;
}

uint32_t gate_known(const struct gate *g)
{
    return g == NULL ? 0 : clients_known(g->clients);
}
