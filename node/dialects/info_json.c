#include "dialects/info_json.h"

#include "base/timestamp.h"

/* Name with its comma and colon: ,"name": */
static void add_name(struct text *t, const char *name)
{
    text_add(t, bytes_of(",\"", 2));
    text_add_str(t, name);
    text_add(t, bytes_of("\":", 2));
}

static void add_time(struct text *t, const char *name, uint64_t at_ms)
{
    if (at_ms == 0) {
        return;
    }
    add_name(t, name);
    text_add_char(t, '"');
    timestamp_add_rfc3339(t, at_ms);
    text_add_char(t, '"');
}

static void add_count(struct text *t, const char *name, uint64_t n)
{
    if (n > 0) {
        add_name(t, name);
        text_add_num(t, n);
    }
}

static void add_string(struct text *t, const char *name, struct bytes value)
{
    if (value.size > 0) {
        add_name(t, name);
        text_add_json(t, value);
    }
}

static void add_url(struct text *t, const char *name, const char *path, struct bytes guid)
{
    add_name(t, name);
    text_add_char(t, '"');
    text_add_str(t, path);
    text_add(t, guid);
    text_add_char(t, '"');
}

static void add_head(struct text *t, const struct invocation_info *info, struct bytes guid)
{
    text_add_str(t, "{\"id\":\"");
    text_add(t, guid);
    text_add_char(t, '"');
    add_string(t, "function", info->function);
    text_add_str(t, ",\"status\":\"");
    text_add_str(t, invocation_state_text(info->state));
    text_add_char(t, '"');
}

void info_json_accepted(struct text *t, const struct invocation_info *info, struct bytes guid)
{
    add_head(t, info, guid);
    add_time(t, "created_at", info->created_at_ms);
    text_add_str(t, ",\"status_url\":\"/v1/invocations/");
    text_add(t, guid);
    text_add_str(t, "\",\"callback_url\":\"/v1/callbacks/");
    text_add(t, guid);
    text_add_str(t, "\"}");
}

static const char *webhook_text(enum webhook_state state)
{
    switch (state) {
    case WEBHOOK_PENDING:
        return "pending";
    case WEBHOOK_DELIVERED:
        return "delivered";
    case WEBHOOK_FAILED:
        return "failed";
    case WEBHOOK_NONE:
        break;
    }
    return "";
}

void info_json_status(struct text *t, const struct invocation_info *info)
{
    char text[GUID_TEXT_SIZE];
    struct bytes guid = guid_text(text, &info->guid);
    add_head(t, info, guid);
    add_string(t, "node", info->node);
    add_time(t, "created_at", info->created_at_ms);
    add_time(t, "started_at", info->started_at_ms);
    add_time(t, "completed_at", info->completed_at_ms);
    add_time(t, "ended_at", info->ended_at_ms);
    add_time(t, "expires_at", info->expires_at_ms);
    add_count(t, "queue_position", info->queue_position);
    add_time(t, "estimated_completion_at", info->estimated_completion_at_ms);
    add_count(t, "attempt", info->attempt);
    add_string(t, "webhook", bytes_text(webhook_text(info->webhook)));
    if (!invocation_state_is_final(info->state)) {
        add_url(t, "callback_url", "/v1/callbacks/", guid);
        add_url(t, "cancel_url", "/v1/invocations/", guid);
    }
    text_add_char(t, '}');
}

struct condition {
    const char *type, *reason, *message;
    uint64_t at_ms; /* 0: it has not happened */
};

static void add_condition(struct text *t, const struct condition *c, bool *first)
{
    if (c->at_ms == 0) {
        return;
    }
    text_add_str(t, *first ? "{\"type\":\"" : ",{\"type\":\"");
    *first = false;
    text_add_str(t, c->type);
    text_add_str(t, "\",\"status\":\"True\",\"lastTransitionTime\":\"");
    timestamp_add_rfc3339(t, c->at_ms);
    text_add_str(t, "\",\"reason\":\"");
    text_add_str(t, c->reason);
    text_add_str(t, "\",\"message\":\"");
    text_add_str(t, c->message);
    text_add_str(t, "\"}");
}

static struct condition ended_condition(const struct invocation_info *info)
{
    struct condition c = {.at_ms = info->ended_at_ms};
    switch (info->state) {
    case INVOCATION_COLLECTED:
        c.type = "Collected";
        c.reason = "CallbackCollected";
        c.message = "The callback was collected.";
        break;
    case INVOCATION_EXPIRED:
        c.type = "Expired";
        c.reason = "CallbackExpired";
        c.message = "Nobody collected the callback within its time to live.";
        break;
    case INVOCATION_CANCELED:
        c.type = "Canceled";
        c.reason = "InvocationCanceled";
        c.message = "The invocation was canceled.";
        break;
    default:
        c.at_ms = 0;
    }
    return c;
}

/* A result's status tells success also after the callback is gone. */
static bool has_failed(const struct invocation_info *info)
{
    return info->state == INVOCATION_FAILED || info->result_status >= 400;
}

void info_json_conditions(struct text *t, const struct invocation_info *info)
{
    const struct condition steps[] = {
        {"Accepted", "InvocationAccepted", "The invocation was accepted and queued.",
         info->created_at_ms},
        {"Started", "FunctionStarted", "The function was started.", info->started_at_ms},
        {"Completed", has_failed(info) ? "FunctionFailed" : "FunctionSucceeded",
         has_failed(info) ? "The function failed; the callback says how."
                          : "The function has ended; the callback is ready.",
         info->completed_at_ms},
        ended_condition(info),
    };
    bool first = true;
    text_add_str(t, "{\"status\":{\"state\":\"");
    text_add_str(t, invocation_state_text(info->state));
    text_add_str(t, "\",\"conditions\":[");
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        add_condition(t, &steps[i], &first);
    }
    text_add_str(t, "]}}");
}
