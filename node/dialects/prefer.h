/* The Prefer request header (RFC 7240), in full: several headers are one list, names in any
 * case, token or quoted values, parameters, and of a preference that is repeated only the
 * first counts. What does not parse is passed over, as a preference never makes an error.
 * Everything is borrowed from the request. */
#ifndef NODE_DIALECTS_PREFER_H
#define NODE_DIALECTS_PREFER_H

#include "http/http_message.h"

struct preference {
    struct bytes name;
    struct bytes value; /* without its quotes; empty when there is none */
    struct bytes raw;   /* as sent, with parameters, without white space around it */
};

struct prefer_walk {
    const struct http_request *in;
    size_t next_header;
    struct bytes rest;
};

/* Goes through all preferences of the request in order. */
struct prefer_walk prefer_walk(const struct http_request *in);
bool prefer_next(struct prefer_walk *w, struct preference *out);

/* The preferences that we know ourselves. */
struct prefer {
    bool respond_async;
    bool has_wait;
    bool has_others; /* than these two */
    uint64_t wait_s; /* as asked for; huge numbers are UINT32_MAX */
};

struct prefer prefer_read(const struct http_request *in);

#endif
