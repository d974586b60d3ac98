#include "dialects/openapi.h"

#include "dialects/routes.h"

#include "base/err.h"
#include "base/text.h"
#include "base/unreachable.h"

#include <assert.h>

/* What the rows refer to. */
static const char components[] =
    "\"components\":{\"schemas\":{"
    "\"Problem\":{\"type\":\"object\",\"description\":\"RFC 9457\",\"properties\":{"
    "\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},"
    "\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":\"string\"},"
    "\"instance\":{\"type\":\"string\"},\"invocation_status\":{\"type\":\"string\"}},"
    "\"required\":[\"type\",\"title\",\"status\",\"detail\"]},"
    "\"Accepted\":{\"type\":\"object\",\"properties\":{"
    "\"id\":{\"type\":\"string\"},\"function\":{\"type\":\"string\"},"
    "\"status\":{\"$ref\":\"#/components/schemas/State\"},"
    "\"created_at\":{\"type\":\"string\",\"format\":\"date-time\"},"
    "\"status_url\":{\"type\":\"string\"},\"callback_url\":{\"type\":\"string\"}},"
    "\"required\":[\"id\",\"function\",\"status\",\"status_url\",\"callback_url\"]},"
    "\"State\":{\"type\":\"string\",\"enum\":[\"queued\",\"running\",\"succeeded\",\"failed\","
    "\"collected\",\"expired\",\"canceled\"]},"
    "\"Invocation\":{\"type\":\"object\",\"properties\":{"
    "\"id\":{\"type\":\"string\"},\"function\":{\"type\":\"string\"},"
    "\"status\":{\"$ref\":\"#/components/schemas/State\"},\"node\":{\"type\":\"string\"},"
    "\"created_at\":{\"type\":\"string\",\"format\":\"date-time\"},"
    "\"started_at\":{\"type\":\"string\",\"format\":\"date-time\"},"
    "\"completed_at\":{\"type\":\"string\",\"format\":\"date-time\"},"
    "\"ended_at\":{\"type\":\"string\",\"format\":\"date-time\"},"
    "\"expires_at\":{\"type\":\"string\",\"format\":\"date-time\"},"
    "\"queue_position\":{\"type\":\"integer\"},"
    "\"estimated_completion_at\":{\"type\":\"string\",\"format\":\"date-time\"},"
    "\"attempt\":{\"type\":\"integer\"},"
    "\"webhook\":{\"type\":\"string\",\"enum\":[\"pending\",\"delivered\",\"failed\"]},"
    "\"callback_url\":{\"type\":\"string\"},\"cancel_url\":{\"type\":\"string\"}},"
    "\"required\":[\"id\",\"function\",\"status\"]},"
    "\"JubeAccepted\":{\"type\":\"object\",\"properties\":{\"payload\":{\"type\":\"object\"},"
    "\"entityAnalysisModelInstanceName\":{\"type\":\"string\"},"
    "\"createdDate\":{\"type\":\"string\"},"
    "\"entityAnalysisModelGuid\":{\"type\":\"string\",\"format\":\"uuid\"},"
    "\"entityAnalysisModelInstanceGuid\":{\"type\":\"string\",\"format\":\"uuid\"},"
    "\"entityAnalysisModelInstanceEntryGuid\":{\"type\":\"string\",\"format\":\"uuid\"}}},"
    "\"VerdaAccepted\":{\"type\":\"object\",\"properties\":{\"Id\":{\"type\":\"string\"},"
    "\"StatusPath\":{\"type\":\"string\"},\"ResultPath\":{\"type\":\"string\"}}},"
    "\"VerdaStatus\":{\"type\":\"object\",\"properties\":{\"Id\":{\"type\":\"string\"},"
    "\"Error\":{\"type\":[\"string\",\"null\"]},\"Status\":{\"type\":\"string\",\"enum\":["
    "\"Initialized\",\"Queue\",\"Inference\",\"Completed\"]}}}},"
    "\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"},"
    "\"basic\":{\"type\":\"http\",\"scheme\":\"basic\",\"description\":\"the password is the "
    "key\"},\"apiKey\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"X-Api-Key\"}},"
    "\"callbacks\":{\"webhook\":{\"{$request.header.X-Callback-Url}\":{\"post\":{"
    "\"summary\":\"The result, delivered once (Standard Webhooks)\",\"responses\":{"
    "\"2XX\":{\"description\":\"Delivered; the callback is freed\"},"
    "\"410\":{\"description\":\"Never asked again\"},"
    "\"default\":{\"description\":\"A failed attempt\"}}}}}}}";

static const char *description_of(struct bytes code)
{
    static const struct {
        const char *code, *description;
    } known[] = {
        {"200", "Done"},
        {"202", "Accepted, or not ready yet; Retry-After says when to ask"},
        {"204", "Done, nothing to say"},
        {"302", "Ready; Location names the callback"},
        {"303", "Ready; Location names the callback"},
        {"400", "The request is malformed"},
        {"401", "Without a key, where keys are asked for"},
        {"403", "The key does not allow it, or switched off"},
        {"404", "Unknown"},
        {"405", "Not this method; Allow names those that there are"},
        {"409", "The state, or an id in use, does not allow it"},
        {"410", "Collected, expired or canceled"},
        {"422", "The idempotency key was used for another request"},
        {"429", "The queue is full; Retry-After says when to ask again"},
        {"503", "Not now; Retry-After says when to ask again"},
        {"own", "The function's own answer"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (bytes_is(code, known[i].code)) {
            return known[i].description;
        }
    }
    UNREACHABLE("a code without a description");
}

static void add_schema(struct text *t, const char *type, const char *schema)
{
    text_add_str(t, ",\"content\":{\"");
    text_add_str(t, type);
    text_add_str(t, "\":{\"schema\":{\"$ref\":\"#/components/schemas/");
    text_add_str(t, schema);
    text_add_str(t, "\"}}}");
}

/* What access.h says before the row is asked. */
static void add_refusals(struct text *t, const struct route *r)
{
    static const char *const codes[] = {"401", "403"};
    for (size_t i = 0; i < 2; i++) {
        text_add_str(t, i == 0 ? "\"" : ",\"");
        text_add_str(t, codes[i]);
        text_add_str(t, "\":{\"description\":");
        text_add_json(t, bytes_text(description_of(bytes_text(codes[i]))));
        if (strcmp(r->dialect, "jube") != 0) {
            add_schema(t, "application/problem+json", "Problem");
        }
        text_add_char(t, '}');
    }
}

/* {}: keys may not be asked for. */
static void add_security(struct text *t, const struct route *r)
{
    text_add_str(t, "\"x-scope\":\"");
    text_add_str(t, route_scope_text(r->scope));
    text_add_str(t, r->scope == ROUTE_OPEN ? "\",\"security\":[],"
                                           : "\",\"security\":[{},{\"bearer\":[]},"
                                             "{\"basic\":[]},{\"apiKey\":[]}],");
}

static void add_responses(struct text *t, const struct route *r)
{
    struct bytes codes = bytes_text(r->codes);
    struct bytes code;
    const char *lead = "";
    text_add_str(t, "\"responses\":{");
    if (r->scope != ROUTE_OPEN) {
        add_refusals(t, r);
        lead = ",";
    }
    while (route_next_word(&codes, &code)) {
        if (bytes_is(code, "403")) {
            continue; /* above */
        }
        bool own = bytes_is(code, "own");
        text_add_str(t, lead);
        text_add_char(t, '"');
        text_add(t, own ? bytes_text("default") : code);
        text_add_str(t, "\":{\"description\":");
        text_add_json(t, bytes_text(description_of(code)));
        if (!own && code.at[0] >= '4' && strcmp(r->dialect, "jube") != 0) {
            add_schema(t, "application/problem+json", "Problem");
        } else if (r->schema != NULL && (bytes_is(code, "200") || bytes_is(code, "202"))) {
            add_schema(t, "application/json", r->schema);
        }
        text_add_char(t, '}');
        lead = ",";
    }
    text_add_char(t, '}');
}

static void add_parameter(struct text *t, struct bytes name, const char *where, bool *first)
{
    bool compulsory = name.at[name.size - 1] == '!';
    if (compulsory) {
        name.size--;
    }
    compulsory = compulsory || strcmp(where, "path") == 0;
    text_add_str(t, *first ? "{\"name\":" : ",{\"name\":");
    *first = false;
    text_add_json(t, name);
    text_add_str(t, ",\"in\":\"");
    text_add_str(t, where);
    text_add_str(t, compulsory ? "\",\"required\":true" : "\",\"required\":false");
    text_add_str(t, ",\"schema\":{\"type\":\"string\"}}");
}

static void add_parameters(struct text *t, const struct route *r)
{
    struct bytes path = bytes_text(r->path);
    struct bytes headers = bytes_text(r->headers);
    struct bytes query = bytes_text(r->query);
    struct bytes word;
    bool first = true;
    text_add_str(t, "\"parameters\":[");
    for (bytes_cut_at(&path, '{'); path.size > 0; bytes_cut_at(&path, '{')) {
        add_parameter(t, bytes_cut_at(&path, '}'), "path", &first);
    }
    while (route_next_word(&headers, &word)) {
        add_parameter(t, word, "header", &first);
    }
    while (route_next_word(&query, &word)) {
        add_parameter(t, word, "query", &first);
    }
    text_add_str(t, "],");
}

/* Unique in the document: dialect, operation, row, method. */
static void add_operation_id(struct text *t, const struct route *r, struct bytes method)
{
    text_add_str(t, "\"operationId\":\"");
    text_add_str(t, r->dialect);
    text_add_char(t, '_');
    text_add_str(t, r->operation);
    text_add_char(t, '_');
    text_add_num(t, (uint64_t)(r - routes));
    text_add_char(t, '_');
    text_add(t, method);
    text_add_str(t, "\",");
}

static bool takes_body(struct bytes method)
{
    return bytes_is(method, "post") || bytes_is(method, "put") || bytes_is(method, "patch");
}

static void add_operation(struct text *t, const struct route *r, struct bytes method)
{
    text_add_char(t, '"');
    text_add(t, method);
    text_add_str(t, "\":{\"tags\":[\"");
    text_add_str(t, r->dialect);
    text_add_str(t, "\"],\"summary\":");
    text_add_json(t, bytes_text(r->summary));
    text_add_char(t, ',');
    add_operation_id(t, r, method);
    add_security(t, r);
    add_parameters(t, r);
    if (takes_body(method)) {
        text_add_str(t, "\"requestBody\":{\"content\":{\"*/*\":{}}},");
    }
    if (strstr(r->headers, "X-Callback-Url") != NULL) {
        text_add_str(t, "\"callbacks\":{\"webhook\":"
                        "{\"$ref\":\"#/components/callbacks/webhook\"}},");
    }
    add_responses(t, r);
    text_add_char(t, '}');
}

/* Its methods in lower case, as OpenAPI has them. */
static void add_operations(struct text *t, const struct route *r)
{
    bool any = strcmp(r->methods, "*") == 0;
    struct bytes methods =
        bytes_text(any ? "GET HEAD POST PUT PATCH DELETE OPTIONS" : r->methods);
    struct bytes word;
    const char *lead = "";
    while (route_next_word(&methods, &word)) {
        char lower[8];
        assert(word.size <= sizeof lower);
        for (size_t i = 0; i < word.size; i++) {
            lower[i] = (char)(word.at[i] | 0x20);
        }
        text_add_str(t, lead);
        add_operation(t, r, bytes_of(lower, word.size));
        lead = ",";
    }
}

static void add_document(struct text *t)
{
    text_add_str(t, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"callbackd\",\"version\":"
                    "\"" CALLBACKD_VERSION "\",\"summary\":\"Asynchronous invocations, and "
                    "callbacks that are collected once\",\"license\":{\"name\":\"MIT\","
                    "\"identifier\":\"MIT\"}},\"servers\":[{\"url\":\"/\"}],\"paths\":{");
    for (size_t i = 0; i < route_count; i++) {
        bool same_path = i > 0 && strcmp(routes[i].path, routes[i - 1].path) == 0;
        if (!same_path) {
            text_add_str(t, i > 0 ? "},\"" : "\"");
            text_add_str(t, routes[i].path);
            text_add_str(t, "\":{");
        } else {
            text_add_char(t, ',');
        }
        add_operations(t, &routes[i]);
    }
    text_add_str(t, "}},");
    text_add_str(t, components);
    text_add_char(t, '}');
}

int openapi_make(struct buf **out)
{
    struct text t = {0};
    add_document(&t);
    *out = NULL;
    int rc = text_failed(&t) ? ERR_NOMEM : buf_copy(out, NULL, text_view(&t));
    text_fini(&t);
    return rc;
}
