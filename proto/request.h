/* What a client asked a function to do, as it is kept until the function has answered: queued
 * here, copied to arbiters, given to whoever runs it.
 *
 * Reference-counted (single-threaded, as struct buf). The head lies in one buffer:
 * method, sub-path, raw query and the end-to-end headers ("Name: value\r\n" each, as the
 * client wrote them), undecoded. The body is a second buffer, the very one that the
 * connection read into. Both are charged to the budget that the caller names.
 */
#ifndef PROTO_REQUEST_H
#define PROTO_REQUEST_H

#include "base/buf.h"

struct request {
    uint32_t refs;
    uint32_t method_size, path_size, query_size; /* bytes, in this order in `head` */
    struct buf *head;
    struct buf *body; /* NULL: empty */
};

struct request_view {
    struct bytes method;  /* "POST" */
    struct bytes path;    /* below the function's name: empty or begins with '/' */
    struct bytes query;   /* without '?'; empty when there is none */
    struct bytes headers; /* "Name: value\r\n"..., end-to-end only */
};

/* Copies the view; takes its own reference to `body` (may be NULL). ERR_FULL, ERR_NOMEM as
 * buf_new(): refuse the work; *out is NULL then. */
int request_new(struct request **out, struct budget *budget, const struct request_view *view,
                struct buf *body);

struct request *request_share(struct request *r);
void request_drop(struct request **r); /* accepts a pointer to NULL */

/* Borrowed from the request. */
struct request_view request_view(const struct request *r);

#endif
