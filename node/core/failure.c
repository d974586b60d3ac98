#include "core/failure.h"

#include "base/text.h"
#include "base/unreachable.h"

struct failure_row {
    uint16_t status;
    const char *slug, *title, *detail;
};

static const struct failure_row rows[] = {
    [FAILURE_UPSTREAM] = {502, "upstream-failed", "The function gave no answer",
                          "the function could not be reached, or broke off its answer"},
    [FAILURE_TIMEOUT] = {504, "upstream-timeout", "The function took too long",
                         "the function was ended at its time limit"},
    [FAILURE_CRASHED] = {500, "function-crashed", "The function broke",
                         "the function ended without an answer"},
    [FAILURE_TOO_LARGE] = {502, "upstream-failed", "The function's answer is too large",
                           "the answer is over limits.body_bytes"},
    [FAILURE_NO_MEMORY] = {502, "upstream-failed", "No memory for the function's answer",
                           "limits.store_bytes left no room for the answer"},
    [FAILURE_NODE_LOST] = {502, "node-lost", "The node that ran it died",
                           "its node died, and it may not be run again"},
    [FAILURE_DEADLINE] = {504, "upstream-timeout", "The invocation's deadline passed",
                          "the invocation was not done by its deadline"},
};

enum failure failure_of(enum execution_end end)
{
    switch (end) {
    case EXECUTION_FAILED:
        return FAILURE_UPSTREAM;
    case EXECUTION_TIMED_OUT:
        return FAILURE_TIMEOUT;
    case EXECUTION_CRASHED:
        return FAILURE_CRASHED;
    case EXECUTION_TOO_LARGE:
        return FAILURE_TOO_LARGE;
    case EXECUTION_NO_MEMORY:
        return FAILURE_NO_MEMORY;
    case EXECUTION_ANSWERED:
        break;
    }
    UNREACHABLE("an answer is no failure");
}

struct result failure_result(enum failure failure, const char *detail, const struct guid *guid,
                             struct budget *budget)
{
    const struct failure_row *row = &rows[failure];
    struct result result = {.status = row->status, .failed = true};
    char id[GUID_TEXT_SIZE];
    struct text t = {0};

    guid_print(id, guid);
    text_add_str(&t, "{\"type\":\"/problems/");
    text_add_str(&t, row->slug);
    text_add_str(&t, "\",\"title\":");
    text_add_json(&t, bytes_text(row->title));
    text_add_str(&t, ",\"status\":");
    text_add_num(&t, row->status);
    text_add_str(&t, ",\"detail\":");
    text_add_json(&t, bytes_text(detail == NULL ? row->detail : detail));
    text_add_str(&t, ",\"instance\":\"/v1/invocations/");
    text_add(&t, bytes_of(id, sizeof id));
    text_add_str(&t, "\"}");
    if (!text_failed(&t) && buf_copy(&result.body, budget, text_view(&t)) == 0 &&
        buf_copy(&result.headers, budget,
                 bytes_text("Content-Type: application/problem+json\r\n")) != 0) {
        buf_drop(&result.body); /* a document without its type would be taken for an answer */
    }
    text_fini(&t);
    return result;
}
