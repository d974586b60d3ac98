#include "http/http_writer.h"

#include <assert.h>

#define COPY_SIZE_MAX 1024u /* up to here a copy is cheaper than one more part to write */

/* RFC 9110 6.4.1: these have no content, and Content-Length would lie. */
static bool has_content(uint16_t status)
{
    return status >= 200 && status != 204 && status != 304;
}

/* True when a line of `headers` begins with `name`, which ends in ':'. */
static bool has_line(struct bytes headers, const char *name)
{
    while (headers.size > 0) {
        struct bytes line = bytes_cut_at(&headers, '\n');
        if (bytes_cut_front_nocase(&line, name)) {
            return true;
        }
    }
    return false;
}

static void add_status_line(struct text *head, uint16_t status)
{
    assert(status >= 100 && status <= 999);
    char line[] = "HTTP/1.1 200 ";
    line[9] = (char)('0' + status / 100);
    line[10] = (char)('0' + status / 10 % 10);
    line[11] = (char)('0' + status % 10);
    text_add(head, bytes_of(line, sizeof line - 1));
    text_add(head, http_reason(status));
}

/* Returns how many parts are listed then. */
static size_t add_part(struct bytes parts[], size_t count, struct bytes part)
{
    if (part.size > 0) {
        assert(count < HTTP_PARTS_MAX);
        parts[count] = part;
        count++;
    }
    return count;
}

static void add_own_headers(struct text *head, const struct http_answer *a,
                            const struct http_terms *terms, size_t content_size)
{
    if (!has_line(buf_view(a->stored_headers), "date:")) {
        text_add(head, bytes_of("\r\nDate: ", 8));
        text_add(head, terms->date);
    }
    if (has_content(a->status) && !(terms->is_head && a->hides_size)) {
        text_add(head, bytes_of("\r\nContent-Length: ", 18));
        text_add_num(head, content_size);
    }
    if (terms->closes) {
        text_add(head, bytes_of("\r\nConnection: close", 19));
    } else if (terms->tells_alive) {
        text_add(head, bytes_of("\r\nConnection: keep-alive", 24));
    }
    text_add(head, bytes_of("\r\n", 2));
    text_add(head, text_view(&a->headers));
}

size_t http_writer_compose(struct bytes parts[HTTP_PARTS_MAX], struct text *head,
                           const struct http_answer *a, const struct http_terms *terms)
{
    bool is_stored = a->stored_body != NULL || a->before.size > 0 || a->after.size > 0;
    struct bytes content = is_stored ? buf_view(a->stored_body) : text_view(&a->content);
    struct bytes before = is_stored ? a->before : bytes_of(NULL, 0);
    struct bytes after = is_stored ? a->after : bytes_of(NULL, 0);
    add_status_line(head, a->status);
    add_own_headers(head, a, terms, before.size + content.size + after.size);

    static const struct bytes line_end = {.at = (const uint8_t *)"\r\n", .size = 2};
    struct bytes stored_headers = buf_view(a->stored_headers);
    bool lists_headers = stored_headers.size > COPY_SIZE_MAX;
    if (!lists_headers) {
        text_add(head, stored_headers);
        text_add(head, line_end);
    }
    bool sends_content = has_content(a->status) && !terms->is_head;
    size_t content_size = before.size + content.size + after.size;
    bool copies_content = sends_content && !lists_headers && content_size <= COPY_SIZE_MAX;
    if (copies_content) {
        text_add(head, before);
        text_add(head, content);
        text_add(head, after);
    }
    size_t count = add_part(parts, 0, text_view(head));
    if (lists_headers) {
        count = add_part(parts, count, stored_headers);
        count = add_part(parts, count, line_end);
    }
    if (sends_content && !copies_content) {
        count = add_part(parts, count, before);
        count = add_part(parts, count, content);
        count = add_part(parts, count, after);
    }
    return count;
}
