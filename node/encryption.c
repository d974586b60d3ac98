#include "encryption.h"

/* To who speaks plain HTTP where HTTPS is spoken. */
static const char plain_answer[] = "HTTP/1.1 400 Bad Request\r\n"
                                   "Content-Type: text/plain\r\n"
                                   "Content-Length: 24\r\n"
                                   "Connection: close\r\n"
                                   "\r\n"
                                   "this port speaks HTTPS\r\n";

static int open_clients(struct tls **out, const struct config *config, struct errmsg *em)
{
    const struct tls_config tls = {.use = TLS_FOR_CLIENTS,
                                   .prefix = "",
                                   .cert = config->tls.cert,
                                   .key = config->tls.key,
                                   .plain_answer = plain_answer};
    return config->tls.cert[0] == '\0' ? 0 : tls_open(out, &tls, em);
}

static int open_peers(struct tls **out, const struct config *config, struct errmsg *em)
{
    const struct tls_config tls = {.use = TLS_FOR_PEERS,
                                   .prefix = "cluster.",
                                   .cert = config->cluster.tls.cert,
                                   .key = config->cluster.tls.key,
                                   .ca = config->cluster.tls.ca,
                                   .secrets = config->cluster.secret_file,
                                   .cluster_name = config->cluster.name};
    bool is_asked = tls.secrets[0] != '\0' || tls.cert[0] != '\0';
    return is_asked && config->cluster.listen[0] != '\0' ? tls_open(out, &tls, em) : 0;
}

int encryption_open(struct encryption *e, const struct config *config, struct errmsg *em)
{
    *e = (struct encryption){0};
    int rc = open_clients(&e->clients, config, em);
    if (rc == 0) {
        rc = open_peers(&e->peers, config, em);
    }
    if (rc != 0) {
        encryption_close(e);
    }
    return rc;
}

static void warn(const struct tls *t, struct log *log)
{
    if (t != NULL && tls_warning(t)[0] != '\0') {
        log_event(log, LOG_WARN, "tls", "warning", bytes_text(tls_warning(t)));
    }
}

void encryption_warn(const struct encryption *e, struct log *log)
{
    warn(e->clients, log);
    warn(e->peers, log);
}

static void reload(struct tls *t, const char *port, struct log *log)
{
    struct errmsg em = {{0}};
    if (t == NULL) {
        return;
    }
    if (tls_reload(t, &em) != 0) {
        struct log_line *line = log_begin(log, LOG_ERROR, "tls-kept");
        log_text(line, "port", bytes_text(port));
        log_text(line, "error", bytes_text(em.text));
        log_end(line);
        return;
    }
    log_event(log, LOG_INFO, "tls-reloaded", "port", bytes_text(port));
    warn(t, log);
}

void encryption_reload(struct encryption *e, struct log *log)
{
    reload(e->clients, "clients", log);
    reload(e->peers, "peers", log);
}

void encryption_close(struct encryption *e)
{
    tls_free(&e->clients);
    tls_free(&e->peers);
}

static size_t sample(const struct tls *t, const char *port, struct metrics_tls *out, size_t max)
{
    size_t n = 0;
    const char *name;
    uint64_t value;
    for (size_t i = 0; t != NULL && tls_counter_at(t, i, &name, &value) && n < max; i++) {
        out[n++] = (struct metrics_tls){port, {name, value}};
    }
    return n;
}

size_t encryption_sample(const struct encryption *e, struct metrics_tls *out, size_t max)
{
    size_t n = sample(e->clients, "clients", out, max);
    return n + sample(e->peers, "peers", out + n, max - n);
}

size_t encryption_ends(const struct encryption *e, struct metrics_end out[2])
{
    size_t n = 0;
    if (e->clients != NULL && tls_expires_at_s(e->clients) > 0) {
        out[n++] = (struct metrics_end){"clients", tls_expires_at_s(e->clients)};
    }
    if (e->peers != NULL && tls_expires_at_s(e->peers) > 0) {
        out[n++] = (struct metrics_end){"peers", tls_expires_at_s(e->peers)};
    }
    return n;
}
