/* An HTTP request as the front hands it on, and an answer as it is given back. Values only;
 * no parsing, no I/O. Both sides of the wire agree here: server, dialects, tests. */
#ifndef NODE_HTTP_MESSAGE_H
#define NODE_HTTP_MESSAGE_H

#include "base/buf.h"
#include "base/text.h"

struct http_header {
    struct bytes name, value; /* value trimmed of white space */
};

/* Everything is borrowed from the connection and lives until the request is answered. */
struct http_request {
    struct bytes method; /* "GET" */
    struct bytes target; /* as sent */
    struct bytes path;   /* target up to '?', undecoded, never empty */
    struct bytes query;  /* after '?', undecoded; empty when there is none */
    const struct http_header *headers;
    size_t header_count;
    uint32_t initials;       /* of the headers' names: see http_initial(); 0: not known */
    struct buf *body;        /* NULL: empty or not yet read. Share it to keep it */
    struct bytes peer;       /* the client's address, without port, for X-Forwarded-For */
    uint64_t content_length; /* as declared; 0 when absent or chunked */
    bool is_head;
    bool is_tls;
    bool head_only; /* the body is still to come: this is the call of on_head() */
};

/* The bit of a name's first letter, in either case. Most headers that are asked for are not
 * there, and then the union of these bits says so without a walk. */
static inline uint32_t http_initial(char first)
{
    return (uint32_t)1 << ((uint8_t)first & 31);
}

/* False: no header of the request begins with that letter. */
static inline bool http_request_may_have(const struct http_request *r, char first)
{
    return r->initials == 0 || (r->initials & http_initial(first)) != 0;
}

const struct http_header *http_request_find(const struct http_request *r, const char *name);

/* The first header of that name, or NULL. */
static inline const struct http_header *http_request_header(const struct http_request *r,
                                                            const char *name)
{
    return http_request_may_have(r, name[0]) ? http_request_find(r, name) : NULL;
}

/* Its value, or an empty view. */
struct bytes http_request_value(const struct http_request *r, const char *name);

/* The value of the first query parameter `name`, undecoded. False when it is not there. */
bool http_query_value(struct bytes query, const char *name, struct bytes *out);

/* True for headers that concern one connection only and are never passed on: those of
 * RFC 9110 7.6.1, and those that the `Connection` value names. */
bool http_header_is_hop_by_hop(struct bytes name, struct bytes connection);

/* An answer in the making. The front adds Date, Content-Length, Connection, and sends a
 * HEAD's answer without its body. */
struct http_answer {
    uint16_t status;
    struct text headers; /* "Name: value\r\n"...; ours */
    struct buf
        *stored_headers;     /* likewise, as the function gave them; one reference, or NULL */
    struct text content;     /* body that we wrote ourselves; or: */
    struct buf *stored_body; /* body that is kept, as a function's; one reference, or NULL */
    struct bytes before, after; /* put around stored_body; static or inside `content` */
    bool close;                 /* end the connection after this answer */
    bool hides_size;            /* to HEAD: the size of the content is not known here */
};

/* Adds "name: value\r\n". */
void http_answer_header(struct http_answer *a, const char *name, struct bytes value);

#endif
