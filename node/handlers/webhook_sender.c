#include "handlers/webhook_sender.h"

#include "base/list.h"
#include "handlers/http_client.h"
#include "handlers/webhook_signature.h"
#include "io/timer.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#define SECRET_FILE_MAX    4096u
#define ANSWER_BODY_MAX    (64u << 10) /* bytes; what the receiver says is not kept */
#define ANSWER_HEADER_MAX  (32u << 10)
#define KEPT_CONNECTIONS   32u
#define CONNECT_TIMEOUT_MS 5000u
#define ORIGIN_SIZE_MAX    512u

struct webhook_sender {
    struct webhook_sender_config config;
    struct http_client *client;
    struct webhook_keys keys;
    struct list posts;
};

/* One attempt. */
struct post {
    struct list link;
    struct webhook_sender *sender;
    uint64_t id;
    struct http_exchange *exchange; /* NULL: it has ended, the answer is due */
    struct timer *deadline;
    struct webhook_outcome outcome;
    char origin[ORIGIN_SIZE_MAX];
    char host[ORIGIN_SIZE_MAX];
    size_t host_size;
};

static void post_free(struct post *p)
{
    list_remove(&p->link);
    http_exchange_stop(&p->exchange);
    timer_close(&p->deadline);
    free(p);
}

/* Asked by the client for every address, so that a name whose answer changes between check and
 * connect is caught (DNS rebinding). */
static bool may_connect(void *owner, const struct sockaddr *address)
{
    struct post *p = owner;
    struct webhook_address a;
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        a = webhook_address_of((const uint8_t *)&in->sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)address;
        a = webhook_address_of((const uint8_t *)&in->sin6_addr, 16);
    } else {
        return false;
    }
    bool allowed = webhook_address_is_allowed(&a, bytes_of(p->host, p->host_size),
                                              p->sender->config.allow);
    p->outcome.refused = !allowed;
    return allowed;
}

/* The outcome is told from the timer, at once: never from inside webhook_send(). */
static void end_soon(struct post *p)
{
    timer_start(p->deadline, 0);
}

static void on_end(void *owner, struct http_exchange_end *end)
{
    struct post *p = owner;
    p->exchange = NULL;
    buf_drop(&end->body);
    if (end->rc == 0 || end->rc == ERR_TOOBIG) {
        p->outcome.status = end->status;
        p->outcome.retry_after_s = end->retry_after_s;
    }
    if (end->rc == 0) {
        p->outcome.refused = false;
    }
    end_soon(p);
}

static void on_deadline(void *owner)
{
    struct post *p = owner;
    struct webhook_sender *s = p->sender;
    struct webhook_outcome outcome = p->outcome;
    uint64_t id = p->id;
    post_free(p);
    s->config.on_done(s->config.owner, id, &outcome);
}

static void add_line(struct text *t, const char *name, struct bytes value)
{
    text_add_str(t, name);
    text_add_str(t, ": ");
    text_add(t, value);
    text_add_str(t, "\r\n");
}

static void add_number(struct text *t, const char *name, uint64_t value)
{
    text_addf(t, "%s: %llu\r\n", name, (unsigned long long)value);
}

static void sign(const struct webhook_sender *s, const struct webhook_attempt *a,
                 struct text *headers)
{
    char id[GUID_TEXT_SIZE];
    char now[24];
    struct text signature = {0};
    guid_print(id, &a->guid);
    int size = snprintf(now, sizeof now, "%llu", (unsigned long long)(loop_wall_ms() / 1000));
    struct bytes id_text = bytes_of(id, sizeof id);
    struct bytes timestamp = bytes_of(now, (size_t)size);
    add_line(headers, "webhook-id", id_text);
    add_line(headers, "webhook-timestamp", timestamp);
    if (s->keys.count > 0 && webhook_sign(&signature, &s->keys, id_text, timestamp,
                                          buf_view(a->result->body)) == 0) {
        add_line(headers, "webhook-signature", text_view(&signature));
    }
    text_fini(&signature);
}

static void write_headers(const struct webhook_sender *s, const struct webhook_attempt *a,
                          struct text *t)
{
    char id[GUID_TEXT_SIZE];
    guid_print(id, &a->guid);
    text_add(t, buf_view(a->result->headers));
    add_line(t, "X-Call-Id", a->client_id.size > 0 ? a->client_id : bytes_of(id, sizeof id));
    add_line(t, "X-Function-Name", a->function);
    add_number(t, "X-Function-Status", a->result->status);
    add_number(t, "X-Start-Time", a->created_at_ms * 1000000u);
    text_addf(t, "X-Duration-Seconds: %llu.%03u\r\n",
              (unsigned long long)(a->duration_ms / 1000), (unsigned)(a->duration_ms % 1000));
    add_number(t, "X-Retry", a->retry);
    add_number(t, "X-Retry-Max", a->retry_max);
    add_line(t, "User-Agent", bytes_text("callbackd/" CALLBACKD_VERSION));
    sign(s, a, t);
}

/* Cuts the URL into what the client wants; false when it is none that may be asked. */
static bool take_url(struct post *p, const struct webhook_attempt *a, struct bytes *target)
{
    struct webhook_url url;
    size_t origin_size;
    if (webhook_url_parse(&url, a->url) != NULL ||
        http_origin_check(a->url, &origin_size, NULL) != 0 || origin_size >= sizeof p->origin ||
        url.host.size > sizeof p->host) {
        return false;
    }
    memcpy(p->origin, a->url.at, origin_size);
    memcpy(p->host, url.host.at, url.host.size);
    p->host_size = url.host.size;
    *target = url.target.size > 0 ? url.target : bytes_text("/");
    return true;
}

static int start(struct post *p, const struct webhook_attempt *a)
{
    struct text headers = {0};
    struct http_exchange_config config = {
        .origin = p->origin,
        .method = bytes_text("POST"),
        .body = a->result->body,
        .may_connect = may_connect,
        .on_end = on_end,
        .owner = p,
    };
    if (!take_url(p, a, &config.target)) {
        p->outcome.refused = true;
        return ERR_MALFORMED;
    }
    write_headers(p->sender, a, &headers);
    config.headers = text_view(&headers);
    int rc = text_failed(&headers)
                 ? ERR_NOMEM
                 : http_exchange_start(&p->exchange, p->sender->client, &config);
    text_fini(&headers);
    return rc;
}

int webhook_send(struct webhook_sender *s, const struct webhook_attempt *attempt)
{
    struct post *p = calloc(1, sizeof *p);
    struct timer *deadline = p == NULL ? NULL : timer_new(s->config.loop, on_deadline, p);
    if (deadline == NULL) {
        free(p);
        return ERR_NOMEM;
    }
    p->sender = s;
    p->id = attempt->id;
    p->deadline = deadline;
    list_push_back(&s->posts, &p->link);
    timer_start(deadline, s->config.timeout_ms);
    if (start(p, attempt) != 0) {
        end_soon(p);
    }
    return 0;
}

static struct post *find(struct webhook_sender *s, uint64_t id)
{
    for (struct list *l = s->posts.next; l != &s->posts; l = l->next) {
        struct post *p = list_item(l, struct post, link);
        if (p->id == id) {
            return p;
        }
    }
    return NULL;
}

void webhook_stop(struct webhook_sender *s, uint64_t id)
{
    struct post *p = find(s, id);
    if (p != NULL) {
        post_free(p);
    }
}

static int read_keys(struct webhook_keys *keys, const char *path, struct errmsg *em)
{
    char text[SECRET_FILE_MAX];
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        return err_set(em, ERR_IO, "webhook.secret_file: %s cannot be read", path);
    }
    size_t size = fread(text, 1, sizeof text, f);
    fclose(f);
    struct errmsg why;
    int rc = webhook_keys_parse(keys, bytes_of(text, size), &why);
    explicit_bzero(text, sizeof text);
    return rc == 0 ? 0 : err_set(em, rc, "webhook.secret_file: %s: %s", path, why.text);
}

int webhook_sender_open(struct webhook_sender **out, const struct webhook_sender_config *config,
                        struct errmsg *em)
{
    *out = NULL;
    struct webhook_sender *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return err_set(em, ERR_NOMEM, "out of memory");
    }
    s->config = *config;
    list_init(&s->posts);
    struct http_client_config client = {
        .loop = config->loop,
        .budget = config->budget,
        .body_max = ANSWER_BODY_MAX,
        .header_max = ANSWER_HEADER_MAX,
        .connections_max = KEPT_CONNECTIONS,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
    };
    int rc = http_client_open(&s->client, &client, em);
    if (rc == 0 && config->secret_file[0] != '\0') {
        rc = read_keys(&s->keys, config->secret_file, em);
    }
    if (rc != 0) {
        webhook_sender_close(&s);
        return rc;
    }
    *out = s;
    return 0;
}

void webhook_sender_close(struct webhook_sender **s)
{
    struct webhook_sender *mine = *s;
    *s = NULL;
    if (mine == NULL) {
        return;
    }
    while (!list_is_empty(&mine->posts)) {
        post_free(list_item(mine->posts.next, struct post, link));
    }
    http_client_close(&mine->client);
    explicit_bzero(&mine->keys, sizeof mine->keys);
    free(mine);
}
