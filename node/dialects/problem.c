#include "dialects/problem.h"

#include "dialects/dialect.h"

#include <assert.h>

const struct problem_kind problem_kinds[] = {
    {"unknown-route", 404, "Unknown route", "No route of any dialect has this path."},
    {"unknown-function", 404, "Unknown function",
     "No function of that name is configured here. Nothing was accepted."},
    {"queue-full", 429, "Queue full",
     "As many invocations of the function wait as its limit allows. Nothing was accepted; ask "
     "again after Retry-After seconds."},
    {"tenant-full", 429, "Share of the store used up",
     "The node holds as many bytes for the tenant as limits.tenant_share allows. Nothing was "
     "accepted; collect what is ready, or ask again after Retry-After seconds."},
    {"draining", 503, "Draining",
     "The node is shutting down and takes no new work. Nothing was accepted; ask another node, "
     "or again after Retry-After seconds."},
    {"out-of-memory", 503, "Out of memory",
     "The node holds as many bytes as its limit allows. Nothing was accepted; ask again after "
     "Retry-After seconds."},
    {"too-many-connections", 503, "Too many connections",
     "As many clients are connected as limits.connections allows, and all are busy. Nothing "
     "was accepted; connect again after Retry-After seconds, or to another node."},
    {"no-node", 503, "No node is ready",
     "Said by the load balancer of deploy/haproxy: no node behind it is ready. Nothing was "
     "accepted; ask again after Retry-After seconds."},
    {"rate-limited", 429, "Too fast",
     "The client asks more often than limits.client.rate allows. Nothing was done; ask again "
     "after Retry-After seconds."},
    {"too-many-requests", 429, "Too many requests at once",
     "As many requests of the client are being served as limits.client.concurrency allows. "
     "Nothing was done; ask again after Retry-After seconds."},
    {"too-many-parked", 429, "Too many waiting requests",
     "The callback is not ready, and as many requests of the client wait as "
     "limits.client.parked allows. Nothing is lost; ask again after Retry-After seconds."},
    {"no-quorum", 503, "No quorum",
     "Too few of the nodes that decide about this callback agreed in time: they cannot be "
     "reached, or another client is being served. Nothing is lost; ask again after "
     "Retry-After seconds."},
    {"not-replicated", 503, "Not replicated",
     "The configured number of copies was not confirmed in time. Nothing was accepted; ask "
     "again after Retry-After seconds."},
    {"unknown-invocation", 404, "Unknown invocation",
     "No invocation has this name, or it was forgotten after its retention time."},
    {"gone", 410, "Gone",
     "The callback was collected, has expired, or was canceled. It will not come back."},
    {"conflict", 409, "Conflict",
     "The invocation, or the name that the client chose, is in a state that does not allow "
     "this."},
    {"idempotency-mismatch", 422, "Idempotency key used for another request",
     "The Idempotency-Key was used before, with another request. Take a new key for new "
     "work."},
    {"bad-request", 400, "Bad request", "The request is malformed; `detail` says where."},
    {"body-too-large", 413, "Body too large",
     "The body is larger than limits.body_bytes. Nothing was accepted."},
    {"headers-too-large", 431, "Headers too large",
     "The head of the request is larger than limits.header_bytes."},
    {"method-not-allowed", 405, "Method not allowed",
     "The route exists, but not for this method; `Allow` names those that it has."},
    {"unauthorized", 401, "Unauthorized",
     "The request came without a key that is valid here. Send one as Authorization: Bearer, "
     "as the password of Authorization: Basic, or as X-Api-Key."},
    {"forbidden", 403, "Forbidden",
     "The key does not allow this, or the route is switched off by configuration."},
    {"upstream-failed", 502, "Function not reached",
     "The function could not be reached, or gave no answer."},
    {"upstream-timeout", 504, "Function timed out",
     "The function gave no answer within its time; it was stopped."},
    {"function-crashed", 500, "Function crashed", "The function broke before it answered."},
    {"node-lost", 502, "Node lost",
     "The node that ran the function died, and the function is not to be run again."},
};

const size_t problem_kind_count = sizeof problem_kinds / sizeof problem_kinds[0];

const struct problem_kind *problem_kind_named(struct bytes slug)
{
    for (size_t i = 0; i < problem_kind_count; i++) {
        if (bytes_is(slug, problem_kinds[i].slug)) {
            return &problem_kinds[i];
        }
    }
    return NULL;
}

const char *problem_of_bad_http(uint16_t status)
{
    switch (status) {
    case 408:
        return "The request came too slowly: limits.head_timeout_ms, limits.body_timeout_ms "
               "and limits.body_rate_min say how fast it must. Nothing was accepted.";
    case 417:
        return "Expect: only 100-continue can be expected of this node.";
    case 505:
        return "HTTP/1.1 and HTTP/1.0 are spoken here, and no other version.";
    case 400:
        return "The request is not HTTP, or could be read in more than one way. Nothing was "
               "accepted.";
    default:
        return NULL;
    }
}

void dialect_problem(struct http_answer *answer, uint16_t status, const char *slug,
                     const char *detail, struct bytes instance)
{
    const struct problem_kind *kind = problem_kind_named(bytes_text(slug));
    assert(kind != NULL);
    answer->status = status;
    text_add_str(&answer->headers, "Content-Type: application/problem+json\r\n"
                                   "Cache-Control: no-store\r\n");
    struct text *t = &answer->content;
    text_clear(t);
    text_add_str(t, "{\"type\":\"/problems/");
    text_add_str(t, slug);
    text_add_str(t, "\",\"title\":\"");
    text_add_str(t, kind->title);
    text_add_str(t, "\",\"status\":");
    text_add_num(t, status);
    text_add_str(t, ",\"detail\":");
    text_add_json(t, bytes_text(detail != NULL ? detail : kind->meaning));
    if (instance.size > 0) {
        text_add_str(t, ",\"instance\":");
        text_add_json(t, instance);
    }
    text_add_char(t, '}');
}

void problem_add_member(struct http_answer *answer, const char *name, struct bytes value)
{
    struct text *t = &answer->content;
    if (text_failed(t)) {
        return;
    }
    assert(t->size > 0 && t->at[t->size - 1] == '}');
    t->size--;
    text_add_str(t, ",\"");
    text_add_str(t, name);
    text_add_str(t, "\":");
    text_add_json(t, value);
    text_add_char(t, '}');
}
