/* access -- the one place that decides whether a caller may do what it asks for: on the API by
 * the route table (dialects/routes.h), on the admin address by the scope admin. Pure.
 *
 * What belongs to another tenant is not decided here: it does not exist (cluster.h). */
#ifndef NODE_ACCESS_H
#define NODE_ACCESS_H

#include "dialects/dialect.h"

struct access_request {
    const struct http_request *in;
    const struct caller *caller; /* NULL: nobody that is known */
    struct dialect_routing routing;
    const struct op_request *op; /* routing.verdict DIALECT_OP */
};

/* True: it may not, and `answer` says so, in place of whatever was in it: 401 to nobody, 403 to
 * a caller, in the way of its dialect. */
bool access_refuses(const struct access_request *r, struct http_answer *answer);

/* The same for the admin address. */
bool access_refuses_admin(const struct http_request *in, const struct caller *caller,
                          struct http_answer *answer);

#endif
