#include "proto/request.h"

#include "base/err.h"

#include <assert.h>
#include <stdlib.h>

static uint8_t *put(uint8_t *to, struct bytes b)
{
    if (b.size > 0) {
        memcpy(to, b.at, b.size);
    }
    return to + b.size;
}

int request_new(struct request **out, struct budget *budget, const struct request_view *view,
                struct buf *body)
{
    *out = NULL;
    struct request *r = malloc(sizeof *r); /* of glibc's, malloc() alone uses its caches */
    if (r == NULL) {
        return ERR_NOMEM;
    }
    *r = (struct request){.refs = 1};
    int rc =
        buf_new(&r->head, budget,
                view->method.size + view->path.size + view->query.size + view->headers.size);
    if (rc != 0) {
        free(r);
        return rc;
    }
    uint8_t *to = put(r->head->data, view->method);
    to = put(to, view->path);
    to = put(to, view->query);
    put(to, view->headers);
    r->method_size = (uint32_t)view->method.size;
    r->path_size = (uint32_t)view->path.size;
    r->query_size = (uint32_t)view->query.size;
    r->body = body == NULL ? NULL : buf_share(body);
    *out = r;
    return 0;
}

struct request *request_share(struct request *r)
{
    assert(r->refs > 0);
    r->refs++;
    return r;
}

void request_drop(struct request **r)
{
    struct request *mine = *r;
    *r = NULL;
    if (mine == NULL) {
        return;
    }
    assert(mine->refs > 0);
    mine->refs--;
    if (mine->refs > 0) {
        return;
    }
    buf_drop(&mine->head);
    buf_drop(&mine->body);
    free(mine);
}

struct request_view request_view(const struct request *r)
{
    const uint8_t *at = r->head->data;
    struct request_view v;
    v.method = bytes_of(at, r->method_size);
    v.path = bytes_of(v.method.at + r->method_size, r->path_size);
    v.query = bytes_of(v.path.at + r->path_size, r->query_size);
    size_t before = (size_t)r->method_size + r->path_size + r->query_size;
    v.headers = bytes_of(at + before, r->head->size - before);
    return v;
}
