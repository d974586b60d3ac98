#include "handlers/webhook_head.h"

#include "base/num.h"
#include "handlers/header_lines.h"

#define NS_PER_MS 1000000u

static void add_line(struct text *t, const char *name, struct bytes value)
{
    text_add_str(t, name);
    text_add(t, bytes_text(": "));
    text_add(t, value);
    text_add(t, bytes_text("\r\n"));
}

static void add_number(struct text *t, const char *name, uint64_t value)
{
    char digits[NUM_TEXT_MAX];
    add_line(t, name, bytes_of(digits, num_print(digits, value)));
}

/* What a receiver must be able to trust, or what would lead it astray. */
static bool is_ours(struct bytes name)
{
    static const char *const names[] = {
        "Host",
        "Date",
        "User-Agent",
        "X-Call-Id",
        "X-Duration-Seconds",
        "X-Function-Name",
        "X-Function-Status",
        "X-Start-Time",
        "X-Retry",
        "X-Retry-Max",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    };
    return bytes_is_any_nocase(name, names, sizeof names / sizeof names[0]);
}

static void add_the_functions(struct text *out, struct bytes lines)
{
    struct bytes connection = header_lines_value(lines, "Connection");
    struct header_line line;
    while (header_lines_next(&lines, &line)) {
        if (!is_ours(line.name) && !header_is_hop_by_hop(line.name, connection)) {
            text_add(out, line.whole);
        }
    }
}

static int sign(struct text *out, const struct webhook_attempt *a,
                const struct webhook_keys *keys, uint64_t now_s)
{
    char guid[GUID_TEXT_SIZE], digits[NUM_TEXT_MAX];
    struct text signature = {0};
    guid_print(guid, &a->guid);
    struct bytes id = bytes_of(guid, sizeof guid);
    struct bytes timestamp = bytes_of(digits, num_print(digits, now_s));
    int rc = webhook_sign(&signature, keys, id, timestamp, buf_view(a->result->body));
    if (rc == 0) {
        add_line(out, "webhook-id", id);
        add_line(out, "webhook-timestamp", timestamp);
        add_line(out, "webhook-signature", text_view(&signature));
    }
    text_fini(&signature);
    return rc;
}

int webhook_head(struct text *out, const struct webhook_attempt *a,
                 const struct webhook_keys *keys, uint64_t now_s)
{
    char guid[GUID_TEXT_SIZE];
    guid_print(guid, &a->guid);
    add_the_functions(out, buf_view(a->result->headers));
    add_line(out, "X-Call-Id",
             a->client_id.size > 0 ? a->client_id : bytes_of(guid, sizeof guid));
    add_line(out, "X-Function-Name", a->function);
    add_number(out, "X-Function-Status", a->result->status);
    add_number(out, "X-Start-Time", a->created_at_ms * NS_PER_MS);
    text_addf(out, "X-Duration-Seconds: %llu.%03u000\r\n",
              (unsigned long long)(a->duration_ms / 1000), (unsigned)(a->duration_ms % 1000));
    add_number(out, "X-Retry", a->retry);
    add_number(out, "X-Retry-Max", a->retry_max);
    add_line(out, "User-Agent", bytes_text("callbackd/" CALLBACKD_VERSION));
    return keys->count == 0 ? 0 : sign(out, a, keys, now_s);
}
