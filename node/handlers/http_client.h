/* HTTP requests to others: the only door to libcurl.
 *
 * One client keeps connections to be used again; a transfer is one request and its answer.
 * HTTP/1.1, http and https only; no redirect is followed, no proxy of the environment is
 * used, certificates are verified, names are resolved on libcurl's own threads. An answer
 * that was cut short is an error, never a short success.
 *
 * A kept connection that the other side closes before it answers anything is replaced and the
 * request sent again at once. That may execute it twice; every request of ours names itself
 * with Idempotency-Key, as RFC 9110 9.2.2 asks of whoever retries.
 *
 * Knows nothing of functions or webhooks: method, target and header lines are sent as given.
 * Nothing blocks, all callbacks come on the loop thread.
 */
#ifndef NODE_HANDLERS_HTTP_CLIENT_H
#define NODE_HANDLERS_HTTP_CLIENT_H

#include "base/buf.h"
#include "base/err.h"
#include "io/loop.h"

#include <sys/socket.h>

struct http_client;
struct http_transfer;

struct http_client_config {
    struct loop *loop;
    struct budget *budget;       /* answers' bodies are charged here */
    size_t body_max, header_max; /* bytes of an answer */
    uint32_t connections_max;    /* kept open when idle */
    uint32_t connect_timeout_ms;
};

/* ERR_NOMEM: `em` says it. */
int http_client_open(struct http_client **out, const struct http_client_config *config,
                     struct errmsg *em);

/* No transfer is left. Kept connections are closed; the memory goes away by itself. */
void http_client_close(struct http_client **c); /* accepts a pointer to NULL */

struct http_transfer_end {
    int rc;             /* 0: answered; ERR_TOOBIG, ERR_FULL, ERR_NOMEM: no room for the answer;
                         * ERR_IO: not reached, or no whole answer */
    const char *detail; /* of an error, for people; valid during the call */
    uint16_t status;
    struct bytes headers;   /* "Name: value\r\n"..., as they came; valid during the call */
    struct buf *body;       /* NULL: empty. The reference is the receiver's */
    uint32_t retry_after_s; /* of Retry-After, either form; 0: none */
};

struct http_transfer_config {
    const char *origin;   /* "http://host:port"; must live until the end */
    struct bytes method;  /* all but `origin` and `body` are copied */
    struct bytes target;  /* path and query, sent as they are */
    struct bytes headers; /* all that is sent beside Host and the framing */
    struct buf *body;     /* shared; NULL: none */
    /* Asked for each address before it is connected to; NULL: all may be. */
    bool (*may_connect)(void *owner, const struct sockaddr *address);
    /* Once, unless it was stopped; perhaps already within http_transfer_start(). The transfer
     * is gone. */
    void (*on_end)(void *owner, struct http_transfer_end *end);
    void *owner;
};

/* *out is set before on_end can be called. ERR_NOMEM: not begun. */
int http_transfer_start(struct http_transfer **out, struct http_client *c,
                        const struct http_transfer_config *config);

/* Its connection is closed if it was in use. No callback comes. Accepts a pointer to NULL. */
void http_transfer_stop(struct http_transfer **x);

/* Whether `text` is an origin as above, followed by a path or by nothing: no user, query or
 * fragment. ERR_MALFORMED: `em` says what is wrong. *origin_size: where the path begins. */
int http_origin_check(struct bytes text, size_t *origin_size, struct errmsg *em);

/* The seconds that the value of a Retry-After says, as a number or as a date; 0: none. */
uint32_t http_retry_after_s(struct bytes value);

#endif
