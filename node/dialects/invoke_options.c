#include "dialects/invoke_options.h"

#include "dialects/prefer.h"

#include "base/err.h"
#include "base/num.h"
#include "core/webhook_url.h"

#define IDEMPOTENCY_KEY_SIZE_MAX 255
#define CLAIM_TOKEN_SIZE_MAX     64
#define CHOSEN_ID_SIZE_MAX       255

/* The inside of sf-string (RFC 9651 3.3.3) at the front of *text, escapes as they are: a
 * string has one spelling only, so they need not be undone to compare keys. */
static bool cut_string(struct bytes *text, struct bytes *inside)
{
    for (size_t i = 1; i < text->size; i++) {
        uint8_t c = text->at[i];
        if (c == '"') {
            *inside = bytes_of(text->at + 1, i - 1);
            *text = bytes_of(text->at + i + 1, text->size - i - 1);
            return true;
        }
        if (c < 0x20 || c > 0x7e) {
            return false;
        }
        if (c == '\\') {
            i++;
            if (i >= text->size || (text->at[i] != '"' && text->at[i] != '\\')) {
                return false;
            }
        }
    }
    return false;
}

const char *idempotency_key_read(const struct http_request *in, struct bytes *out)
{
    static const char fault[] = "Idempotency-Key: a string in quotes or a token of 1 to 255 "
                                "characters is allowed, once";
    *out = bytes_of(NULL, 0);
    const struct http_header *h = http_request_header(in, "Idempotency-Key");
    if (h == NULL) {
        return NULL;
    }
    struct http_request after = *in;
    after.headers = h + 1;
    after.header_count = in->header_count - (size_t)(h + 1 - in->headers);
    if (http_request_header(&after, "Idempotency-Key") != NULL) {
        return fault;
    }
    struct bytes rest = h->value;
    struct bytes key = rest;
    if (rest.size == 0) {
        return fault;
    }
    if (rest.at[0] == '"') {
        if (!cut_string(&rest, &key)) {
            return fault;
        }
        rest = bytes_trim(rest); /* parameters of the item: none has a meaning here */
        if (rest.size > 0 && rest.at[0] != ';') {
            return fault;
        }
    } else if (!bytes_is_visible(key) || memchr(key.at, '"', key.size) != NULL) {
        return fault;
    }
    if (key.size == 0 || key.size > IDEMPOTENCY_KEY_SIZE_MAX) {
        return fault;
    }
    *out = key;
    return NULL;
}

const char *claim_token_read(const struct http_request *in, struct bytes *out)
{
    *out = bytes_of(NULL, 0);
    const struct http_header *h = http_request_header(in, "Claim-Token");
    if (h == NULL) {
        return NULL;
    }
    if (h->value.size == 0 || h->value.size > CLAIM_TOKEN_SIZE_MAX ||
        !bytes_is_visible(h->value)) {
        return "Claim-Token: 1 to 64 visible characters are allowed";
    }
    *out = h->value;
    return NULL;
}

const char *chosen_id_read(const struct http_request *in, const char *header, struct bytes *out)
{
    *out = bytes_of(NULL, 0);
    const struct http_header *h = http_request_header(in, header);
    if (h == NULL || h->value.size == 0) {
        return NULL;
    }
    bool allowed = h->value.size <= CHOSEN_ID_SIZE_MAX;
    for (size_t i = 0; allowed && i < h->value.size; i++) {
        allowed = h->value.at[i] >= 0x20 && h->value.at[i] <= 0x7e;
    }
    if (!allowed) {
        return "the id that the client chose: up to 255 visible characters are allowed";
    }
    *out = h->value;
    return NULL;
}

static const char *deadline_read(const struct http_request *in, uint32_t *out)
{
    const struct http_header *h = http_request_header(in, "X-Deadline-Ms");
    if (h == NULL) {
        return NULL;
    }
    uint64_t deadline_ms = 0;
    int rc = num_parse(h->value, UINT32_MAX, &deadline_ms);
    if (rc == ERR_TOOBIG) {
        deadline_ms = UINT32_MAX; /* 49 days: it shortens nothing */
    } else if (rc != 0 || deadline_ms == 0) {
        return "X-Deadline-Ms: a positive number of milliseconds is needed";
    }
    *out = (uint32_t)deadline_ms;
    return NULL;
}

const char *invoke_options_read(const struct dialect_config *config,
                                const struct http_request *in, struct op_invoke *out)
{
    const char *fault = idempotency_key_read(in, &out->idempotency_key);
    if (fault == NULL) {
        fault = deadline_read(in, &out->deadline_ms);
    }
    const struct http_header *url = http_request_header(in, "X-Callback-Url");
    if (fault == NULL && url != NULL && url->value.size > 0 && out->mode != INVOKE_SYNC) {
        fault = webhook_url_fault(url->value, config->webhook_allow);
        out->callback_url = url->value;
    }
    return fault;
}

const char *collect_wait_read(const struct dialect_config *config,
                              const struct http_request *in, uint64_t *out)
{
    struct bytes value;
    *out = OP_WAIT_DEFAULT;
    if (http_query_value(in->query, "wait", &value)) {
        int rc = num_parse(value, config->wait_max_ms, out);
        if (rc == ERR_MALFORMED) {
            return "wait: a number of milliseconds is needed";
        }
        *out = rc == 0 ? *out : config->wait_max_ms;
        return NULL;
    }
    struct prefer prefer = prefer_read(in);
    if (prefer.has_wait) {
        uint64_t wait_ms = prefer.wait_s * 1000;
        *out = wait_ms < config->wait_max_ms ? wait_ms : config->wait_max_ms;
    }
    return NULL;
}
