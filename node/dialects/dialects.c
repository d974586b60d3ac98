#include "dialects/dialect.h"

const struct dialect *const dialects[] = {
    &dialect_native, &dialect_jube, &dialect_openfaas, &dialect_verda, &dialect_fallback,
};

const size_t dialect_count = sizeof dialects / sizeof dialects[0];

struct dialect_routing dialect_route(const struct dialect_config *config,
                                     const struct http_request *in, struct text *scratch,
                                     struct op_request *out, struct http_answer *answer)
{
    struct dialect_routing routing = {.verdict = DIALECT_NOT_MINE};
    for (size_t i = 0; i < dialect_count && routing.verdict == DIALECT_NOT_MINE; i++) {
        *out = (struct op_request){0};
        text_clear(scratch);
        routing.dialect = dialects[i];
        routing.verdict = dialects[i]->parse(config, in, scratch, out, answer);
    }
    return routing;
}

bool dialect_name_is_reserved(struct bytes name)
{
    static const char *const first_segments[] = {
        "v1",     "api",     "function", "async-function", "system",       "healthz",
        "readyz", "metrics", "status",   "result",         "openapi.json", "problems",
    };
    return bytes_is_any_nocase(name, first_segments,
                               sizeof first_segments / sizeof first_segments[0]);
}
