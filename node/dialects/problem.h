/* Problem documents (RFC 9457): what we say when something is wrong. The kinds of API.md
 * section 3 stand in one table with their titles; each is also a page, /problems/<slug>. */
#ifndef NODE_DIALECTS_PROBLEM_H
#define NODE_DIALECTS_PROBLEM_H

#include "http/http_message.h"

struct problem_kind {
    const char *slug;
    uint16_t status; /* the usual one */
    const char *title;
    const char *meaning; /* for the page: what happened, and what the client should do */
};

extern const struct problem_kind problem_kinds[];
extern const size_t problem_kind_count;

/* NULL: there is no such slug. */
const struct problem_kind *problem_kind_named(struct bytes slug);

/* What to say of a request that the HTTP front refuses with 400, 408, 417 or 505; NULL of any
 * other code, whose kind says enough. */
const char *problem_of_bad_http(uint16_t status);

/* Adds one more member to a document that dialect_problem() wrote last into `answer`. */
void problem_add_member(struct http_answer *answer, const char *name, struct bytes value);

#endif
