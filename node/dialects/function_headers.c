#include "dialects/function_headers.h"

#include "dialects/prefer.h"

/* NULL `connection`: the request has no such header, the usual case. */
static bool ends_here(const struct http_request *in, const struct http_header *connection,
                      struct bytes name)
{
    static const char *const never[] = {
        "Host",
        "Content-Length",
        "Expect",
        "X-Call-Id",
        "Idempotency-Key",
        "X-Attempt",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "Prefer",
    };
    if (bytes_is_any_nocase(name, never, sizeof never / sizeof never[0]) ||
        http_header_is_hop_by_hop(name, bytes_of(NULL, 0))) {
        return true;
    }
    const struct http_header *end = in->headers + in->header_count;
    for (const struct http_header *h = connection; h != NULL && h < end; h++) {
        if (bytes_is_nocase(h->name, "Connection") &&
            http_header_is_hop_by_hop(name, h->value)) {
            return true;
        }
    }
    return false;
}

static void add_line(struct text *out, struct bytes name, struct bytes value)
{
    text_add(out, name);
    text_add(out, bytes_of(": ", 2));
    text_add(out, value);
    text_add(out, bytes_of("\r\n", 2));
}

static void add_forwarded(struct text *out, const struct http_request *in)
{
    text_add_str(out, "X-Forwarded-For: ");
    for (size_t i = 0; i < in->header_count; i++) {
        if (bytes_is_nocase(in->headers[i].name, "X-Forwarded-For")) {
            text_add(out, in->headers[i].value);
            text_add_str(out, ", ");
        }
    }
    text_add(out, in->peer);
    text_add_str(out, "\r\n");

    struct bytes host = http_request_value(in, "X-Forwarded-Host");
    if (host.size == 0) {
        host = http_request_value(in, "Host");
    }
    if (host.size > 0) {
        add_line(out, bytes_text("X-Forwarded-Host"), host);
    }
    struct bytes proto = http_request_value(in, "X-Forwarded-Proto");
    if (proto.size == 0) {
        proto = bytes_text(in->is_tls ? "https" : "http");
    }
    add_line(out, bytes_text("X-Forwarded-Proto"), proto);
}

static bool is_ours(struct bytes name, enum prefer_use use)
{
    if (use == PREFER_NOT_OURS) {
        return false;
    }
    if (bytes_is_nocase(name, "respond-async")) {
        return true;
    }
    return use == PREFER_HONOURED ? bytes_is_nocase(name, "wait")
                                  : bytes_is_nocase(name, "respond-async-proxy") ||
                                        bytes_is_nocase(name, "respond-async-container");
}

/* What is left of the preferences, as one list. */
static void add_prefer(struct text *out, const struct http_request *in, enum prefer_use use)
{
    const char *lead = "Prefer: ";
    if (use == PREFER_FOR_FUNCTION) {
        text_add_str(out, "Prefer: respond-async");
        lead = ", ";
    }
    bool any = use == PREFER_FOR_FUNCTION;
    struct prefer_walk w = prefer_walk(in);
    struct preference one;
    while (prefer_next(&w, &one)) {
        if (!is_ours(one.name, use)) {
            text_add_str(out, lead);
            text_add(out, one.raw);
            lead = ", ";
            any = true;
        }
    }
    if (any) {
        text_add_str(out, "\r\n");
    }
}

/* Nothing was honoured: not even what does not parse is touched. */
static void pass_prefer(struct text *out, const struct http_request *in)
{
    for (size_t i = 0; i < in->header_count; i++) {
        if (bytes_is_nocase(in->headers[i].name, "Prefer")) {
            add_line(out, in->headers[i].name, in->headers[i].value);
        }
    }
}

/* Proxy-Authorization is hop-by-hop. */
static bool is_credential(struct bytes name)
{
    return bytes_is_nocase(name, "Authorization") || bytes_is_nocase(name, "Cookie") ||
           bytes_is_nocase(name, "x-api-key");
}

void function_headers_add(struct text *out, const struct dialect_config *config,
                          const struct http_request *in, struct bytes function,
                          enum prefer_use prefer)
{
    const struct http_header *connection = http_request_header(in, "Connection");
    bool takes_credentials =
        config->takes_credentials == NULL || config->takes_credentials(config->owner, function);
    for (size_t i = 0; i < in->header_count; i++) {
        struct bytes name = in->headers[i].name;
        if (!ends_here(in, connection, name) && (takes_credentials || !is_credential(name))) {
            add_line(out, in->headers[i].name, in->headers[i].value);
        }
    }
    if (prefer == PREFER_NOT_OURS) {
        pass_prefer(out, in);
    } else if (prefer != PREFER_USED_UP) {
        add_prefer(out, in, prefer);
    }
    add_forwarded(out, in);
}
