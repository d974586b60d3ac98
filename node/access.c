#include "access.h"

#include "dialects/routes.h"

#include "base/unreachable.h"

static unsigned caller_scope_of(enum route_scope scope)
{
    switch (scope) {
    case ROUTE_OPEN:
        return 0;
    case ROUTE_INVOKE:
        return SCOPE_INVOKE;
    case ROUTE_COLLECT:
        return SCOPE_COLLECT;
    case ROUTE_CANCEL:
        return SCOPE_CANCEL;
    case ROUTE_ADMIN:
        return SCOPE_ADMIN;
    }
    UNREACHABLE("not a scope");
}

static void refuse(struct http_answer *answer, const struct http_request *in, bool is_known,
                   bool has_no_problems)
{
    text_clear(&answer->headers);
    text_clear(&answer->content);
    answer->close = false;
    if (!is_known) {
        text_add_str(&answer->headers, "WWW-Authenticate: Bearer realm=\"callbackd\"\r\n"
                                       "WWW-Authenticate: Basic realm=\"callbackd\", "
                                       "charset=\"UTF-8\"\r\n");
    }
    if (has_no_problems) {
        answer->status = is_known ? 403 : 401;
        text_add_str(&answer->headers, "Cache-Control: no-store\r\n");
    } else if (is_known) {
        dialect_problem(answer, 403, "forbidden", "the key does not allow this", in->path);
    } else {
        dialect_problem(answer, 401, "unauthorized", NULL, in->path);
    }
}

/* A page, or an answer without an operation. What no row declares is for who has a key when it
 * is a refusal, and for administrators when it is more: a page that the table has forgotten. */
static bool may_see(const struct access_request *r, const struct http_answer *answer)
{
    const struct route *row = route_find(r->in->method, r->in->path);
    bool is_declared = row != NULL && strcmp(row->dialect, r->routing.dialect->name) == 0;
    if (is_declared && row->scope == ROUTE_OPEN) {
        return true;
    }
    unsigned needed = is_declared             ? caller_scope_of(row->scope)
                      : answer->status >= 400 ? 0
                                              : SCOPE_ADMIN;
    return r->caller != NULL && caller_may(r->caller, needed);
}

static bool may_do(const struct caller *caller, const struct op_request *op)
{
    return caller != NULL && caller_may(caller, caller_scope_of(route_scope_of(op->kind))) &&
           (op->kind != OP_INVOKE || caller_may_invoke(caller, op->invoke.function));
}

bool access_refuses(const struct access_request *r, struct http_answer *answer)
{
    bool may = r->routing.verdict == DIALECT_OP ? may_do(r->caller, r->op) : may_see(r, answer);
    if (!may) {
        refuse(answer, r->in, r->caller != NULL, r->routing.dialect->has_no_problems);
    }
    return !may;
}

bool access_refuses_admin(const struct http_request *in, const struct caller *caller,
                          struct http_answer *answer)
{
    bool may = caller != NULL && caller_may(caller, SCOPE_ADMIN);
    if (!may) {
        refuse(answer, in, caller != NULL, false);
    }
    return !may;
}
