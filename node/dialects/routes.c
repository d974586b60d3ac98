#include "dialects/routes.h"

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

bool route_next_word(struct bytes *list, struct bytes *word)
{
    *word = bytes_cut_at(list, ' ');
    return word->size > 0;
}
