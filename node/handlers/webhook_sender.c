#include "handlers/webhook_sender.h"

#include "base/list.h"
#include "crypto/secret_file.h"
#include "handlers/http_client.h"
#include "handlers/webhook_head.h"
#include "io/timer.h"

#include <netinet/in.h>
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
    struct http_transfer *transfer; /* NULL: it has ended, the answer is due */
    struct timer *deadline;
    struct webhook_outcome outcome;
    char origin[ORIGIN_SIZE_MAX];
    char host[ORIGIN_SIZE_MAX];
    size_t host_size;
};

static void post_free(struct post *p)
{
    list_remove(&p->link);
    http_transfer_stop(&p->transfer);
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

static void on_end(void *owner, struct http_transfer_end *end)
{
    struct post *p = owner;
    p->transfer = NULL;
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

/* Cuts the URL into what the client wants; false when it is none that may be asked. */
static bool take_url(struct post *p, const struct webhook_attempt *a, struct text *target)
{
    struct webhook_url url;
    size_t origin_size;
    if (webhook_url_parse(&url, a->url) != NULL ||
        http_origin_check(url.origin, &origin_size, NULL) != 0 ||
        url.origin.size >= sizeof p->origin || url.host.size > sizeof p->host) {
        return false;
    }
    memcpy(p->origin, url.origin.at, url.origin.size);
    memcpy(p->host, url.host.at, url.host.size);
    p->host_size = url.host.size;
    if (url.target.size == 0 || url.target.at[0] != '/') {
        text_add_char(target, '/'); /* RFC 9112 3.2.1: a request's target has a path */
    }
    text_add(target, url.target);
    return true;
}

static int start(struct post *p, const struct webhook_attempt *a)
{
    struct text headers = {0}, target = {0};
    struct http_transfer_config config = {
        .origin = p->origin,
        .method = bytes_text("POST"),
        .body = a->result->body,
        .may_connect = may_connect,
        .on_end = on_end,
        .owner = p,
    };
    if (!take_url(p, a, &target)) {
        p->outcome.refused = true;
        text_fini(&target);
        return ERR_MALFORMED;
    }
    int rc = webhook_head(&headers, a, &p->sender->keys, loop_wall_ms() / 1000);
    if (rc == 0 && (text_failed(&headers) || text_failed(&target))) {
        rc = ERR_NOMEM;
    }
    if (rc == 0) {
        config.target = text_view(&target);
        config.headers = text_view(&headers);
        rc = http_transfer_start(&p->transfer, p->sender->client, &config);
    }
    text_fini(&headers);
    text_fini(&target);
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
    struct errmsg why = {{0}};
    struct text file = {0};
    enum secret_file_look look;
    int rc = secret_file_read(&file, path, SECRET_FILE_MAX, &look, &why);
    if (rc != 0) {
        err_set(em, rc, "webhook.secret_file: %s", why.text);
    } else {
        rc = webhook_keys_parse(keys, text_view(&file), &why);
        err_set(em, rc, "webhook.secret_file: %s: %s", path, why.text);
    }
    secret_file_wipe(&file);
    return rc;
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
