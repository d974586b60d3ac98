/* One request and its answer: everything a connection needs only while it has a request. Kept
 * in a pool of the server, so that an idle connection holds none of it and a busy one
 * allocates nothing. Inside of this folder only. */
#ifndef NODE_HTTP_EXCHANGE_H
#define NODE_HTTP_EXCHANGE_H

#include "base/list.h"
#include "http/http_head.h"
#include "http/http_parser.h"

struct http_conn;

struct http_exchange {
    struct list link;       /* in the pool */
    struct http_conn *conn; /* NULL in the pool */
    uint64_t data;          /* the owner's */
    struct http_parser *parser;
    struct http_head head;
    struct http_request request;
    struct buf *body;   /* as far as it has been read */
    size_t body_filled; /* bytes */

    bool is_told;          /* the owner knows it and has not had the last word */
    bool is_answered;      /* by the owner, or refused by the server */
    bool is_read;          /* to its last byte */
    bool is_timed;         /* the time for its head runs */
    bool closes;           /* its answer says so */
    bool ends_with_client; /* do not answer a client that has ended its side */

    uint64_t begun_ms; /* when its body, or the writing of its answer, began */
    uint64_t moved;    /* bytes of the body since then; of an answer: queued then */

    struct text out;           /* head of the answer, while it is written */
    struct http_answer answer; /* likewise: what the parts borrow from */
    struct text spare_headers, spare_content;
};

struct http_pool {
    struct list spares;
    size_t spare_count;
};

void http_pool_init(struct http_pool *pool);
void http_pool_fini(struct http_pool *pool);

/* NULL: out of memory. */
struct http_exchange *http_exchange_take(struct http_pool *pool, struct http_conn *c);

/* Gives references and memory back; clears *x. */
void http_exchange_put(struct http_pool *pool, struct http_exchange **x);

/* What the answer held: references dropped, texts kept for the next one. */
void http_exchange_drop_answer(struct http_exchange *x);

#endif
