/* Every route of every dialect as data: for /openapi.json, for docs/routes.md, for what a key
 * must allow (access.h), and for tests that must not forget one. The dialects themselves do not
 * read it; a test asks each row of them and compares. */
#ifndef NODE_DIALECTS_ROUTES_H
#define NODE_DIALECTS_ROUTES_H

#include "base/text.h"
#include "core/ops.h"

/* What a key must allow before the route may be used. */
enum route_scope {
    ROUTE_OPEN, /* nothing: it tells nothing of anybody's */
    ROUTE_INVOKE,
    ROUTE_COLLECT,
    ROUTE_CANCEL,
    ROUTE_ADMIN,
};

struct route {
    const char *dialect;
    const char *methods;   /* parted by spaces; "*": any */
    const char *path;      /* an OpenAPI template; {path} may contain slashes */
    const char *operation; /* what it does, one word for all dialects */
    /* What the dialect answers, parted by spaces; "own": the function's own status code. What
     * the front refuses by itself is not repeated in each row. */
    const char *codes;
    enum route_scope scope;
    const char *headers; /* request headers with a meaning here; '!' behind one: compulsory */
    const char *query;   /* query parameters with a meaning here */
    const char *schema;  /* of a 200 or 202 body in /openapi.json; NULL: not described */
    const char *summary;
};

/* Rows of one path stand together. */
extern const struct route routes[];
extern const size_t route_count;

const char *route_scope_text(enum route_scope scope);

/* What a key must allow for an operation: the scope of every row that leads to it. */
enum route_scope route_scope_of(enum op_kind kind);

/* The row that a request for a fixed page, or a refused one, belongs to; the first one of its
 * path when none has the method. NULL: no row has the path. */
const struct route *route_find(struct bytes method, struct bytes path);

/* The next word of a list parted by spaces; false at its end. */
bool route_next_word(struct bytes *list, struct bytes *word);

#endif
