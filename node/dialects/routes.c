#include "dialects/routes.h"

#include "dialects/dialect.h"

#include "base/unreachable.h"

#include <assert.h>

#define CALL_HEADERS "Prefer Idempotency-Key X-Callback-Url X-Deadline-Ms"
#define JUBE         "/api/invoke/EntityAnalysisModel/"

/* clang-format off */
const struct route routes[] = {
    {"native", "*", "/v1/functions/{name}", "invoke", "own 202 400 404 422 429 503",
     ROUTE_INVOKE, CALL_HEADERS, "", "Accepted",
     "Call the function; asynchronously with Prefer: respond-async"},
    {"native", "*", "/v1/functions/{name}/{path}", "invoke", "own 202 400 404 422 429 503",
     ROUTE_INVOKE, CALL_HEADERS, "", "Accepted",
     "Call the function with a path below its name"},
    {"native", "GET HEAD", "/v1/invocations/{id}", "status", "200 202 302 303 400 404",
     ROUTE_COLLECT, "", "redirect", "Invocation", "How far the invocation is"},
    {"native", "DELETE", "/v1/invocations/{id}", "cancel", "200 404 409 503",
     ROUTE_CANCEL, "", "", "Invocation", "Cancel the invocation, or discard its callback"},
    {"native", "GET HEAD", "/v1/callbacks/{id}", "collect", "own 202 400 404 410 503",
     ROUTE_COLLECT, "Prefer Claim-Token", "wait", "Invocation",
     "Collect the callback, once; HEAD tells and takes nothing"},
    {"native", "DELETE", "/v1/callbacks/{id}", "release", "204 400 404 409 410 503",
     ROUTE_COLLECT, "Claim-Token!", "", NULL, "Free a callback collected with a token"},

    {"jube", "POST", JUBE "{modelGuid}", "invoke", "own 200 400 403 404 429 503",
     ROUTE_INVOKE, "X-Deadline-Ms", "", NULL, "Invoke the model"},
    {"jube", "POST", JUBE "{modelGuid}/async", "invoke", "own 200 400 403 404 422 429 503",
     ROUTE_INVOKE, "Idempotency-Key X-Callback-Url X-Deadline-Ms", "", "JubeAccepted",
     "Invoke the model asynchronously"},
    {"jube", "GET HEAD", JUBE "Callback/{entryGuid}", "collect",
     "own 200 400 403 404 405 410 503",
     ROUTE_COLLECT, "Claim-Token", "timeout", NULL, "Collect the callback, once"},

    {"openfaas", "*", "/function/{name}", "invoke", "own 400 404 429 503",
     ROUTE_INVOKE, "X-Call-Id X-Deadline-Ms", "", NULL, "Call the function"},
    {"openfaas", "*", "/function/{name}/{path}", "invoke", "own 400 404 429 503",
     ROUTE_INVOKE, "X-Call-Id X-Deadline-Ms", "", NULL,
     "Call the function with a path below its name"},
    {"openfaas", "POST", "/async-function/{id}", "invoke", "202 400 404 409 422 429 503",
     ROUTE_INVOKE, "X-Call-Id X-Callback-Url Idempotency-Key X-Deadline-Ms", "", NULL,
     "Call the function {id} asynchronously"},
    {"openfaas", "GET HEAD", "/async-function/{id}", "collect", "own 202 400 404 405 410 503",
     ROUTE_COLLECT, "Prefer Claim-Token", "wait", "Invocation",
     "Collect the callback of the call {id}"},
    {"openfaas", "DELETE", "/async-function/{id}", "cancel", "202 404 405 503",
     ROUTE_CANCEL, "", "", NULL, "Cancel the call {id}"},
    {"openfaas", "POST", "/async-function/{id}/{path}", "invoke",
     "202 400 404 409 422 429 503",
     ROUTE_INVOKE, "X-Call-Id X-Callback-Url Idempotency-Key X-Deadline-Ms", "", NULL,
     "Call the function {id} asynchronously with a path below its name"},
    {"openfaas", "GET HEAD", "/healthz", "health", "200",
     ROUTE_OPEN, "", "", NULL, "OK"},
    {"openfaas", "GET HEAD", "/system/info", "info", "200",
     ROUTE_ADMIN, "", "", NULL, "What this gateway is"},
    {"openfaas", "GET HEAD", "/system/functions", "functions", "200",
     ROUTE_ADMIN, "", "", NULL, "All functions"},
    {"openfaas", "GET HEAD", "/system/function/{name}", "functions", "200 404",
     ROUTE_ADMIN, "", "", NULL, "One function"},
    {"openfaas", "GET HEAD", "/system/namespaces", "functions", "200",
     ROUTE_ADMIN, "", "", NULL, "All namespaces: one"},
    {"openfaas", "GET HEAD", "/system/namespace/{namespace}", "functions", "200 404",
     ROUTE_ADMIN, "", "", NULL, "The one namespace"},

    {"verda", "GET HEAD", "/status/{deployment}", "status", "200 400 404",
     ROUTE_COLLECT, "X-Inference-Id!", "", "VerdaStatus", "How far the inference is"},
    {"verda", "GET HEAD", "/result/{deployment}", "collect", "own 202 400 404 410 503",
     ROUTE_COLLECT, "X-Inference-Id! Prefer Claim-Token", "wait", "VerdaStatus",
     "Collect the result, once"},
    {"verda", "*", "/{deployment}", "invoke", "own 202 400 404 409 422 429 503",
     ROUTE_INVOKE, CALL_HEADERS " X-Inference-Id", "", "VerdaAccepted",
     "Call the deployment; asynchronously with Prefer"},
    {"verda", "*", "/{deployment}/{path}", "invoke", "own 202 400 404 409 422 429 503",
     ROUTE_INVOKE, CALL_HEADERS " X-Inference-Id", "", "VerdaAccepted",
     "Call the deployment with a path below its name"},

    {"other", "GET HEAD", "/openapi.json", "describe", "200",
     ROUTE_OPEN, "", "", NULL, "This document"},
    {"other", "GET HEAD", "/problems/{slug}", "describe", "200 404",
     ROUTE_OPEN, "", "", NULL, "What a problem means"},
};
/* clang-format on */

const size_t route_count = sizeof routes / sizeof routes[0];

const char *route_scope_text(enum route_scope scope)
{
    static const char *const texts[] = {
        [ROUTE_OPEN] = "none",     [ROUTE_INVOKE] = "invoke", [ROUTE_COLLECT] = "collect",
        [ROUTE_CANCEL] = "cancel", [ROUTE_ADMIN] = "admin",
    };
    assert(scope < sizeof texts / sizeof texts[0]);
    return texts[scope];
}

enum route_scope route_scope_of(enum op_kind kind)
{
    switch (kind) {
    case OP_INVOKE:
        return ROUTE_INVOKE;
    case OP_STATUS:
    case OP_COLLECT:
    case OP_PEEK:
    case OP_RELEASE:
        return ROUTE_COLLECT;
    case OP_CANCEL:
        return ROUTE_CANCEL;
    }
    UNREACHABLE("not an operation");
}

/* Verda's routes begin with a function's name, and those of others with what none is called. */
static bool begins_otherwise(const struct route *r, struct bytes path)
{
    bytes_cut_front(&path, "/");
    return r->path[1] == '{' && dialect_name_is_reserved(bytes_cut_at(&path, '/'));
}

/* "/v1/functions/{name}/{path}": a word in braces is one segment, {path} all that is left. */
static bool path_fits(const struct route *r, struct bytes path)
{
    bool any_case = strcmp(r->dialect, "jube") == 0;
    struct bytes template = bytes_text(r->path);
    if (begins_otherwise(r, path)) {
        return false;
    }
    while (template.size > 0 && path.size > 0) {
        struct bytes want = bytes_cut_at(&template, '/');
        if (bytes_is(want, "{path}")) {
            return true;
        }
        struct bytes have = bytes_cut_at(&path, '/');
        bool is_word = want.size > 0 && want.at[0] == '{' && have.size > 0;
        if (!is_word && !bytes_equal(want, have) &&
            !(any_case && bytes_equal_nocase(want, have))) {
            return false;
        }
    }
    return template.size == 0 && path.size == 0;
}

static bool has_method(const struct route *r, struct bytes method)
{
    struct bytes methods = bytes_text(r->methods), word;
    while (route_next_word(&methods, &word)) {
        if (bytes_is(word, "*") || bytes_equal(word, method)) {
            return true;
        }
    }
    return false;
}

const struct route *route_find(struct bytes method, struct bytes path)
{
    size_t first = 0;
    while (first < route_count && !path_fits(&routes[first], path)) {
        first++;
    }
    size_t i = first; /* rows of one path stand together */
    for (; i < route_count && strcmp(routes[i].path, routes[first].path) == 0; i++) {
        if (has_method(&routes[i], method)) {
            return &routes[i];
        }
    }
    return first == route_count ? NULL : &routes[first];
}

bool route_next_word(struct bytes *list, struct bytes *word)
{
    *word = bytes_cut_at(list, ' ');
    return word->size > 0;
}
