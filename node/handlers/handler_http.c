/* http:// and https:// targets: an upstream that answers for the function.
 *
 * What passes stands in http_pass.h, how it travels in plain_client.h (http) and http_client.h
 * (https); here is what ties an execution to a transfer. Each target keeps connections of
 * its own. */
#include "handlers/handler.h"
#include "handlers/http_client.h"
#include "handlers/http_pass.h"
#include "handlers/plain_client.h"

#include "base/list.h"

#include <assert.h>
#include <stdlib.h>

#define CONNECT_TIMEOUT_MS 10000u

struct handler_target {
    struct handler_env env;
    struct http_client *client; /* https; NULL for http */
    struct plain_client *plain; /* http; NULL for https */
    char *origin;               /* "http://host:port" */
    char *base_path;            /* "/path", or empty */
    struct text lines;          /* of the request being started: target, then headers */
    struct text kept;           /* of the answer being reported */
    struct buf *last_headers;   /* of the last answer: an upstream mostly repeats itself */
    struct list calls;
};

/* One execution at the upstream. */
struct call {
    struct list link; /* of target->calls */
    struct handler_target *target;
    uint64_t execution_id;
    struct http_transfer *transfer; /* one of the two */
    struct plain_transfer *plain;
};

static void call_free(struct call *call)
{
    list_remove(&call->link);
    http_transfer_stop(&call->transfer);
    plain_transfer_stop(&call->plain);
    free(call);
}

/* The answer's headers as they are stored; the last answer's buffer when they are the same.
 * ERR_FULL, ERR_NOMEM. */
static int keep_headers(struct handler_target *t, struct bytes headers, struct buf **out)
{
    *out = NULL;
    text_clear(&t->kept);
    http_pass_answer(&t->kept, headers);
    if (text_failed(&t->kept)) {
        return ERR_NOMEM;
    }
    struct bytes kept = text_view(&t->kept);
    if (kept.size == 0) {
        return 0;
    }
    if (t->last_headers == NULL || !bytes_equal(kept, buf_view(t->last_headers))) {
        struct buf *fresh;
        int rc = buf_copy(&fresh, t->env.budget, kept);
        if (rc != 0) {
            return rc;
        }
        buf_drop(&t->last_headers);
        t->last_headers = fresh;
    }
    *out = buf_share(t->last_headers);
    return 0;
}

static enum execution_end end_of_error(int rc)
{
    switch (rc) {
    case 0:
        return EXECUTION_ANSWERED;
    case ERR_TOOBIG:
        return EXECUTION_TOO_LARGE;
    case ERR_FULL:
    case ERR_NOMEM:
        return EXECUTION_NO_MEMORY;
    default:
        return EXECUTION_FAILED;
    }
}

static void on_end(void *owner, struct http_transfer_end *end)
{
    struct call *call = owner;
    struct handler_target *t = call->target;
    uint64_t id = call->execution_id;
    struct execution_outcome out = {.detail = end->detail, .retry_after_s = end->retry_after_s};
    out.result.body = end->body;
    int rc = end->rc;
    if (rc == 0) {
        rc = keep_headers(t, end->headers, &out.result.headers);
    }
    if (rc == 0) {
        out.result.status = end->status;
        out.result.failed = end->status >= 400;
    } else {
        result_drop(&out.result);
        out.detail = out.detail != NULL ? out.detail : "no memory for the answer";
    }
    out.end = end_of_error(rc);
    call->transfer = NULL; /* has gone */
    call->plain = NULL;
    call_free(call);
    t->env.on_done(t->env.owner, id, &out);
}

static int http_start(struct handler_target *t, const struct execution *x)
{
    struct request_view v = request_view(x->request);
    text_clear(&t->lines);
    http_pass_target(&t->lines, bytes_text(t->base_path), &v);
    size_t target_size = t->lines.size;
    http_pass_request(&t->lines, x);
    struct call *call = text_failed(&t->lines) ? NULL : calloc(1, sizeof *call);
    if (call == NULL) {
        return ERR_NOMEM;
    }
    struct bytes lines = text_view(&t->lines);
    struct http_transfer_config config = {
        .origin = t->origin,
        .method = v.method,
        .target = bytes_of(lines.at, target_size),
        .headers = bytes_of(lines.at + target_size, lines.size - target_size),
        .body = x->request->body,
        .on_end = on_end,
        .owner = call,
    };
    call->target = t;
    call->execution_id = x->id;
    list_push_back(&t->calls, &call->link);
    int rc = t->plain != NULL ? plain_transfer_start(&call->plain, t->plain, &config)
                              : http_transfer_start(&call->transfer, t->client, &config);
    if (rc != 0) {
        call_free(call);
    }
    return rc;
}

static void http_stop(struct handler_target *t, uint64_t execution_id)
{
    for (struct list *l = t->calls.next; l != &t->calls; l = l->next) {
        struct call *call = list_item(l, struct call, link);
        if (call->execution_id == execution_id) {
            call_free(call);
            return;
        }
    }
}

static void http_close(struct handler_target *t)
{
    assert(list_is_empty(&t->calls));
    http_client_close(&t->client);
    plain_client_close(&t->plain);
    buf_drop(&t->last_headers);
    text_fini(&t->lines);
    text_fini(&t->kept);
    free(t->origin);
    free(t->base_path);
    free(t);
}

static int http_open(const struct handler_env *env, const struct handler_function *function,
                     struct handler_target **out, struct errmsg *em)
{
    *out = NULL;
    struct bytes target = function->target;
    size_t origin_size;
    int rc = http_origin_check(target, &origin_size, em);
    if (rc != 0) {
        return rc;
    }
    struct handler_target *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return err_set(em, ERR_NOMEM, "out of memory");
    }
    t->env = *env;
    list_init(&t->calls);
    const char *at = (const char *)target.at;
    t->origin = strndup(at, origin_size);
    t->base_path = strndup(at + origin_size, target.size - origin_size);
    struct http_client_config config = {
        .loop = env->loop,
        .budget = env->budget,
        .body_max = env->body_max,
        .header_max = env->header_max,
        .connections_max = function->concurrency,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
    };
    struct bytes authority = bytes_of(at, origin_size);
    if (t->origin == NULL || t->base_path == NULL) {
        rc = err_set(em, ERR_NOMEM, "out of memory");
    } else if (bytes_cut_front_nocase(&authority, "http://")) {
        rc = plain_client_open(&t->plain, &config, authority, em);
    } else {
        rc = http_client_open(&t->client, &config, em);
    }
    if (rc != 0) {
        http_close(t);
        return rc;
    }
    *out = t;
    return 0;
}

const struct handler handler_http = {
    .scheme = "http://",
    .open = http_open,
    .start = http_start,
    .stop = http_stop,
    .close = http_close,
};
