/* What a program that serves one request sees as its environment: a few variables of the
 * node's own, and the request as OpenFaaS's classic watchdog tells it.
 *
 *   what functions.NAME.env says        a variable of the node by its name, or NAME=value
 *   PATH HOME LANG LC_* TZ TMPDIR USER   from the node; nothing else of it is shown, for its
 *                                        own settings may hold secrets. HOME and USER are
 *                                        those of functions.NAME.user where that is set
 *   Http_Method, Http_Path               always; the path below the function's name
 *   Http_Query                           raw, when there is one
 *   Http_ContentLength, Http_Content_Length
 *   Http_Host                            the host that the client asked
 *   Http_X_Call_Id, Http_Idempotency_Key, Http_X_Attempt, Http_X_Forwarded_For/_Host/_Proto
 *   Http_<Header>                        '-' becomes '_', canonical case, the first value
 *
 * A header can never take the place of one of the names above it: the first of a name stays.
 */
#ifndef NODE_HANDLERS_EXEC_ENV_H
#define NODE_HANDLERS_EXEC_ENV_H

#include "base/text.h"
#include "handlers/handler.h"

/* Headers beyond so many are not shown. */
#define EXEC_ENV_HEADERS_MAX 256u

struct exec_env;

#define EXEC_ENV_OWN_MAX 64u /* variables that are not the request's; over it a fault */

/* Borrowed for one call. */
struct exec_env_own {
    char *const *variables; /* NAME, or NAME=value; a node without the variable passes none */
    size_t count;
    bool has_user;           /* the program runs as somebody else: */
    const char *user, *home; /* NULL: not known, so not told */
};

/* Takes what it needs of the node's environment. ERR_MALFORMED: a name that is none, or the
 * request's (Http_*). ERR_TOOBIG, ERR_NOMEM. `em` says which. */
int exec_env_new(struct exec_env **out, const struct exec_env_own *own, struct errmsg *em);
void exec_env_free(struct exec_env **e); /* accepts a pointer to NULL */

/* The environment for one execution, NULL-terminated "NAME=value" strings; valid until the
 * next call. NULL: out of memory. */
char **exec_env_render(struct exec_env *e, const struct execution *x);

#endif
