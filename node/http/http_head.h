/* What the head of a request says about the request's body and the connection (RFC 9112 3,
 * 6, 9). Pure: a request in, a decision out. Ambiguous framing is refused, never guessed. */
#ifndef NODE_HTTP_HEAD_H
#define NODE_HTTP_HEAD_H

#include "http/http_message.h"

struct http_head {
    uint64_t size;   /* bytes of the body; 0 when chunked */
    bool is_chunked; /* the body comes in chunks */
    bool keep_alive; /* the client would send another request */
    bool is_http10;
    bool expects_continue; /* the client waits for 100 before it sends the body */
};

/* Reads method, target and headers of `r`, fills `out` and r's path, query, content_length
 * and is_head. Returns 0, or the HTTP status to refuse the request with: 400, 417. */
uint16_t http_head_read(struct http_head *out, struct http_request *r, unsigned minor);

#endif
