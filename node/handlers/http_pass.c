#include "handlers/http_pass.h"

#include "base/num.h"
#include "handlers/header_lines.h"

static void add_header(struct text *t, const char *name, struct bytes value)
{
    text_add_str(t, name);
    text_add(t, bytes_text(": "));
    text_add(t, value);
    text_add(t, bytes_text("\r\n"));
}

/* Headers that we say ourselves whenever we know them. */
static bool is_ours(struct bytes name, const struct execution *x)
{
    return bytes_is_nocase(name, "Host") || bytes_is_nocase(name, "X-Call-Id") ||
           bytes_is_nocase(name, "Idempotency-Key") || bytes_is_nocase(name, "X-Attempt") ||
           (x->forwarded_for.size > 0 && bytes_is_nocase(name, "X-Forwarded-For")) ||
           (x->forwarded_host.size > 0 && bytes_is_nocase(name, "X-Forwarded-Host")) ||
           (x->forwarded_proto.size > 0 && bytes_is_nocase(name, "X-Forwarded-Proto"));
}

static void add_ours(struct text *out, const struct execution *x)
{
    char key[GUID_TEXT_SIZE], attempt[NUM_TEXT_MAX];
    guid_print(key, &x->guid);
    add_header(out, "X-Call-Id", x->call_id);
    add_header(out, "Idempotency-Key", bytes_of(key, sizeof key));
    add_header(out, "X-Attempt", bytes_of(attempt, num_print(attempt, x->attempt)));
    if (x->forwarded_for.size > 0) {
        add_header(out, "X-Forwarded-For", x->forwarded_for);
    }
    if (x->forwarded_host.size > 0) {
        add_header(out, "X-Forwarded-Host", x->forwarded_host);
    }
    if (x->forwarded_proto.size > 0) {
        add_header(out, "X-Forwarded-Proto", x->forwarded_proto);
    }
}

void http_pass_request(struct text *out, const struct execution *x)
{
    struct bytes rest = request_view(x->request).headers;
    struct bytes connection = header_lines_value(rest, "Connection");
    struct header_line line;
    while (header_lines_next(&rest, &line)) {
        if (!header_is_hop_by_hop(line.name, connection) && !is_ours(line.name, x)) {
            text_add(out, line.whole);
        }
    }
    add_ours(out, x);
}

void http_pass_target(struct text *out, struct bytes base_path, const struct request_view *v)
{
    /* "/base/" and "/x" give "/base/x": one slash stands between them. */
    bool has_slash = base_path.size > 0 && base_path.at[base_path.size - 1] == '/';
    if (has_slash && v->path.size > 0) {
        base_path.size--;
    }
    text_add(out, base_path);
    text_add(out, v->path);
    if (base_path.size + v->path.size == 0) {
        text_add_char(out, '/');
    }
    if (v->query.size > 0) {
        text_add_char(out, '?');
        text_add(out, v->query);
    }
}

/* RFC 9110 5.6.2. */
static bool is_token(struct bytes b)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < b.size; i++) {
        uint8_t c = b.at[i];
        if (!bytes_is_letter_or_digit(c) && (c == 0 || strchr(others, c) == NULL)) {
            return false;
        }
    }
    return b.size > 0;
}

static bool is_clean(struct bytes value)
{
    return value.size == 0 || (memchr(value.at, '\r', value.size) == NULL &&
                               memchr(value.at, '\0', value.size) == NULL);
}

void http_pass_answer(struct text *out, struct bytes headers)
{
    struct bytes connection = header_lines_value(headers, "Connection");
    struct header_line line;
    while (header_lines_next(&headers, &line)) {
        if (!header_is_hop_by_hop(line.name, connection) &&
            !bytes_is_nocase(line.name, "Date") && is_token(line.name) &&
            is_clean(line.value)) {
            text_add(out, line.name);
            text_add(out, bytes_text(": "));
            text_add(out, line.value);
            text_add(out, bytes_text("\r\n"));
        }
    }
}
