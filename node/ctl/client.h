/* One HTTP request to a node, and its answer. The door to libcurl in callbackctl. */
#ifndef NODE_CTL_CLIENT_H
#define NODE_CTL_CLIENT_H

#include "base/err.h"
#include "base/text.h"

#define CTL_REQUEST_HEADERS_MAX 40

struct ctl_request {
    const char *method;
    const char *base;   /* "http://127.0.0.1:8080", scheme optional */
    struct bytes path;  /* "/v1/queues" */
    const char *option; /* which option names `base`: --node or --admin, for messages */
    const char *headers[CTL_REQUEST_HEADERS_MAX];
    size_t header_count;
    struct bytes body;
    uint32_t timeout_ms;
    const char *ca; /* NULL: who the system trusts */
    bool insecure;
};

struct ctl_answer {
    long status;
    struct text headers; /* as received, lines with CRLF; of the last head only */
    struct text body;
};

void ctl_answer_fini(struct ctl_answer *a);

/* The value of a header, or an empty view. */
struct bytes ctl_answer_header(const struct ctl_answer *a, const char *name);

/* Asks, and waits. ERR_IO, ERR_TIMEOUT: `em` says what happened and what to check. Follows no
 * redirect, uses no proxy: it talks to the very node that was named. */
int ctl_client_ask(void *owner, const struct ctl_request *request, struct ctl_answer *out,
                   struct errmsg *em);

#endif
