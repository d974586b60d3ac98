#include "dialects/answers.h"

#include "base/timestamp.h"
#include "dialects/problem.h"

#include <assert.h>

static void add_str(struct http_answer *a, const char *s)
{
    text_add_str(&a->headers, s);
}

static void add_guid_line(struct http_answer *answer, const char *path, const struct guid *guid)
{
    add_str(answer, path);
    char *to = text_reserve(&answer->headers, GUID_TEXT_SIZE);
    if (to != NULL) {
        guid_print(to, guid);
        text_commit(&answer->headers, GUID_TEXT_SIZE);
    }
    add_str(answer, "\r\n");
}

void answer_add_location(struct http_answer *answer, const struct dialect_config *config,
                         const char *path, const struct guid *guid)
{
    add_str(answer, "Location: ");
    text_add(&answer->headers, config->base_url);
    add_guid_line(answer, path, guid);
}

void answer_add_guid(struct http_answer *answer, const char *name, const struct guid *guid)
{
    add_str(answer, name);
    add_guid_line(answer, ": ", guid);
}

void answer_add_number(struct http_answer *answer, const char *name, uint64_t value)
{
    add_str(answer, name);
    add_str(answer, ": ");
    text_add_num(&answer->headers, value);
    add_str(answer, "\r\n");
}

void answer_add_call_id(struct http_answer *answer, const struct invocation_info *info)
{
    if (info->client_id.size > 0) {
        http_answer_header(answer, "X-Call-Id", info->client_id);
    } else {
        answer_add_guid(answer, "X-Call-Id", &info->guid);
    }
}

void answer_add_duration(struct http_answer *answer, uint64_t duration_ms)
{
    char fraction[7] = "000000";
    uint64_t rest_ms = duration_ms % 1000;
    fraction[0] = (char)('0' + rest_ms / 100);
    fraction[1] = (char)('0' + rest_ms / 10 % 10);
    fraction[2] = (char)('0' + rest_ms % 10);
    add_str(answer, "X-Duration-Seconds: ");
    text_add_num(&answer->headers, duration_ms / 1000);
    text_add_char(&answer->headers, '.');
    add_str(answer, fraction);
    add_str(answer, "\r\n");
}

void answer_add_expires(struct http_answer *answer, const struct invocation_info *info)
{
    if (info->expires_at_ms > 0) {
        add_str(answer, "Expires: ");
        timestamp_add_http_date(&answer->headers, info->expires_at_ms);
        add_str(answer, "\r\n");
    }
}

void answer_add_retry_after(struct http_answer *answer, const struct invocation_info *info)
{
    answer_add_number(answer, "Retry-After", info->retry_after_s > 0 ? info->retry_after_s : 1);
}

enum dialect_verdict answer_not_allowed(struct http_answer *answer,
                                        const struct http_request *in, const char *allow)
{
    http_answer_header(answer, "Allow", bytes_text(allow));
    dialect_problem(answer, 405, "method-not-allowed", NULL, in->path);
    return DIALECT_ANSWER;
}

enum dialect_verdict answer_bad_request(struct http_answer *answer,
                                        const struct http_request *in, const char *detail)
{
    dialect_problem(answer, 400, "bad-request", detail, in->path);
    return DIALECT_ANSWER;
}

enum dialect_verdict answer_unknown_function(struct http_answer *answer,
                                             const struct http_request *in)
{
    dialect_problem(answer, 404, "unknown-function", NULL, in->path);
    return DIALECT_ANSWER;
}

static const struct refusal {
    const char *slug; /* NULL: this outcome is none */
    const char *detail;
    uint16_t status;
    bool passes; /* Retry-After */
} refusals[OUT_COUNT] = {
    [OUT_CONFLICT] = {"conflict", "the invocation has ended already", 409, false},
    [OUT_GONE] = {"gone", NULL, 410, false},
    [OUT_UNKNOWN] = {"unknown-invocation", NULL, 404, false},
    [OUT_UNKNOWN_FUNCTION] = {"unknown-function", NULL, 404, false},
    [OUT_QUEUE_FULL] = {"queue-full", NULL, 429, true},
    [OUT_TENANT_FULL] = {"tenant-full", NULL, 429, true},
    [OUT_DRAINING] = {"draining", NULL, 503, true},
    [OUT_NO_MEMORY] = {"out-of-memory", NULL, 503, true},
    [OUT_NO_QUORUM] = {"no-quorum", NULL, 503, true},
    [OUT_NOT_REPLICATED] = {"not-replicated", NULL, 503, true},
    [OUT_IDEMPOTENCY_MISMATCH] = {"idempotency-mismatch", NULL, 422, false},
    [OUT_ID_IN_USE] = {"conflict", "the id that the client chose is in use already", 409,
                       false},
    [OUT_BAD_REQUEST] = {"bad-request", NULL, 400, false},
};

void answer_refusal(struct http_answer *answer, const struct http_request *in,
                    const struct op_reply *reply)
{
    const struct refusal *r = &refusals[reply->outcome];
    assert(r->slug != NULL);
    if (r->passes) {
        answer_add_retry_after(answer, &reply->info);
    }
    dialect_problem(answer, r->status, r->slug,
                    reply->detail != NULL ? reply->detail : r->detail, in->path);
    if (reply->outcome == OUT_GONE || reply->outcome == OUT_CONFLICT) {
        problem_add_member(answer, "invocation_status",
                           bytes_text(invocation_state_text(reply->info.state)));
    }
}

static struct bytes line_name(struct bytes *lines, struct bytes *line)
{
    struct bytes all = *lines;
    struct bytes rest = bytes_cut_at(lines, '\n');
    *line = bytes_of(all.at, rest.size < all.size ? rest.size + 1 : rest.size);
    return bytes_cut_at(&rest, ':');
}

static bool has_name(struct bytes line, struct bytes name)
{
    return line.size > name.size && line.at[name.size] == ':' &&
           bytes_equal_nocase(bytes_of(line.at, name.size), name);
}

/* Date is the front's; lists such as Vary and Set-Cookie may stand twice. */
static bool is_shadowed(struct bytes name, struct bytes ours)
{
    if (bytes_is_nocase(name, "Date")) {
        return true;
    }
    if (bytes_is_nocase(name, "Vary")) {
        return false;
    }
    while (ours.size > 0) {
        if (has_name(bytes_cut_at(&ours, '\n'), name)) {
            return true;
        }
    }
    return false;
}

/* Moves the function's headers into the answer: whole when none of them is also ours, which
 * costs nothing, else line by line. */
static void take_headers(struct http_answer *answer, struct buf **stored)
{
    struct bytes lines = buf_view(*stored);
    size_t ours_size = answer->headers.size;
    bool any = false;
    struct bytes line;
    while (lines.size > 0 && !any) {
        any = is_shadowed(line_name(&lines, &line), text_view(&answer->headers));
    }
    if (!any) {
        answer->stored_headers = *stored;
        *stored = NULL;
        return;
    }
    lines = buf_view(*stored);
    while (lines.size > 0) {
        struct bytes name = line_name(&lines, &line);
        if (!is_shadowed(name, bytes_of(answer->headers.at, ours_size))) {
            text_add(&answer->headers, line);
        }
    }
    buf_drop(stored);
}

void answer_function(struct http_answer *answer, struct op_reply *reply)
{
    struct result *result = &reply->result;
    answer->status = result->status;
    answer->hides_size = reply->is_elsewhere;
    take_headers(answer, &result->headers);
    answer->stored_body = result->body;
    result->body = NULL;
}

void answer_callback(struct http_answer *answer, struct op_reply *reply)
{
    answer_add_call_id(answer, &reply->info);
    add_str(answer, "X-Callback: delivered\r\n");
    http_answer_header(answer, "X-Function-Name", reply->info.function);
    answer_add_number(answer, "X-Function-Status", reply->result.status);
    answer_add_duration(answer, reply->duration_ms);
    add_str(answer, "Cache-Control: no-store\r\n");
    answer_function(answer, reply);
}

void answer_pending(struct http_answer *answer, const struct op_reply *reply)
{
    answer->status = 202;
    answer_add_retry_after(answer, &reply->info);
    answer_add_call_id(answer, &reply->info);
    add_str(answer, "X-Callback: pending\r\nCache-Control: no-store\r\n");
    if (answer->content.size > 0) {
        add_str(answer, "Content-Type: application/json\r\n");
    }
}
