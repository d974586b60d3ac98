#include "http/http_exchange.h"

#include "http/http_server.h"

#include <assert.h>
#include <stdlib.h>

#define POOL_SPARES_MAX 128u  /* exchanges kept for later */
#define TEXT_ROOM_KEPT  4096u /* bytes of a text kept for the next answer */

void http_pool_init(struct http_pool *pool)
{
    list_init(&pool->spares);
    pool->spare_count = 0;
}

static void exchange_free(struct http_exchange *x)
{
    http_parser_free(&x->parser);
    text_fini(&x->out);
    text_fini(&x->spare_headers);
    text_fini(&x->spare_content);
    free(x);
}

void http_pool_fini(struct http_pool *pool)
{
    struct list *l;
    while ((l = list_pop_front(&pool->spares)) != NULL) {
        exchange_free(list_item(l, struct http_exchange, link));
    }
    pool->spare_count = 0;
}

static struct http_exchange *exchange_new(void)
{
    struct http_exchange *x = calloc(1, sizeof *x);
    if (x == NULL) {
        return NULL;
    }
    list_init(&x->link);
    x->parser = http_parser_new();
    if (x->parser == NULL) {
        free(x);
        return NULL;
    }
    return x;
}

struct http_exchange *http_exchange_take(struct http_pool *pool, struct http_conn *c)
{
    struct http_exchange *x;
    struct list *l = list_pop_front(&pool->spares);
    if (l != NULL) {
        pool->spare_count--;
        x = list_item(l, struct http_exchange, link);
    } else {
        x = exchange_new();
    }
    if (x != NULL) {
        x->conn = c;
    }
    return x;
}

/* The text becomes the spare one, unless it is unusually large. */
static void keep_text(struct text *spare, struct text *used)
{
    if (used->room > TEXT_ROOM_KEPT || used->room < spare->room) {
        text_fini(used);
        return;
    }
    text_fini(spare);
    *spare = *used;
    text_clear(spare);
    *used = (struct text){0};
}

void http_exchange_drop_answer(struct http_exchange *x)
{
    buf_drop(&x->answer.stored_headers);
    buf_drop(&x->answer.stored_body);
    keep_text(&x->spare_headers, &x->answer.headers);
    keep_text(&x->spare_content, &x->answer.content);
    x->answer = (struct http_answer){0};
}

void http_exchange_put(struct http_pool *pool, struct http_exchange **x)
{
    struct http_exchange *mine = *x;
    *x = NULL;
    if (mine == NULL) {
        return;
    }
    assert(!mine->is_told);
    http_exchange_drop_answer(mine);
    buf_drop(&mine->body);
    if (pool->spare_count == POOL_SPARES_MAX) {
        exchange_free(mine);
        return;
    }
    if (mine->out.room > TEXT_ROOM_KEPT) {
        text_fini(&mine->out);
    }
    text_clear(&mine->out);
    http_parser_slim(mine->parser);
    mine->conn = NULL;
    mine->data = 0;
    mine->body_filled = 0;
    mine->is_answered = false;
    mine->is_read = false;
    mine->is_timed = false;
    mine->closes = false;
    mine->ends_with_client = false;
    mine->request = (struct http_request){0};
    mine->head = (struct http_head){0};
    pool->spare_count++;
    list_push_front(&pool->spares, &mine->link); /* the warmest is used first */
}

const struct http_request *http_exchange_request(const struct http_exchange *x)
{
    return &x->request;
}

void http_exchange_end_with_client(struct http_exchange *x)
{
    x->ends_with_client = true;
}

void http_exchange_set_data(struct http_exchange *x, uint64_t data)
{
    x->data = data;
}

uint64_t http_exchange_data(const struct http_exchange *x)
{
    return x->data;
}

void http_exchange_drop_headers(struct http_exchange *x,
                                bool (*drops)(void *owner, const struct http_header *h),
                                void *owner)
{
    /* They are the parser's, which is ours. */
    struct http_header *headers = (struct http_header *)(uintptr_t)x->request.headers;
    size_t kept = 0;
    for (size_t i = 0; i < x->request.header_count; i++) {
        if (!drops(owner, &headers[i])) {
            headers[kept++] = headers[i];
        }
    }
    x->request.header_count = kept;
}

void http_exchange_lend(struct http_exchange *x, struct http_answer *answer)
{
    assert(answer->headers.at == NULL && answer->content.at == NULL);
    answer->headers = x->spare_headers;
    answer->content = x->spare_content;
    x->spare_headers = (struct text){0};
    x->spare_content = (struct text){0};
}
