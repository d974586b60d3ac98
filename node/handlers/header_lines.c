#include "handlers/header_lines.h"

#include "http/http_message.h"

/* Cuts one line with its end off the front; the last one may lack its end. */
static struct bytes cut_line(struct bytes *rest)
{
    const uint8_t *end = memchr(rest->at, '\n', rest->size);
    size_t size = end == NULL ? rest->size : (size_t)(end - rest->at) + 1;
    struct bytes line = bytes_of(rest->at, size);
    *rest = bytes_of(rest->at + size, rest->size - size);
    return line;
}

static struct bytes without_end(struct bytes line)
{
    while (line.size > 0 &&
           (line.at[line.size - 1] == '\n' || line.at[line.size - 1] == '\r')) {
        line.size--;
    }
    return line;
}

bool header_lines_next(struct bytes *rest, struct header_line *out)
{
    while (rest->size > 0) {
        struct bytes line = cut_line(rest);
        const uint8_t *colon = memchr(line.at, ':', line.size);
        if (colon != NULL) {
            size_t name_size = (size_t)(colon - line.at);
            out->whole = line;
            out->name = bytes_of(line.at, name_size);
            line = bytes_of(colon + 1, line.size - name_size - 1);
            out->value = bytes_trim(without_end(line));
            return true;
        }
    }
    return false;
}

struct bytes header_lines_value(struct bytes lines, const char *name)
{
    size_t name_size = strlen(name);
    while (lines.size > name_size) {
        struct bytes line = cut_line(&lines);
        if (line.size > name_size && line.at[name_size] == ':' &&
            strncasecmp((const char *)line.at, name, name_size) == 0) {
            line = bytes_of(line.at + name_size + 1, line.size - name_size - 1);
            return bytes_trim(without_end(line));
        }
    }
    return bytes_of(NULL, 0);
}

bool header_is_hop_by_hop(struct bytes name, struct bytes connection)
{
    static const char *const others[] = {"Content-Length", "Expect", "HTTP2-Settings"};
    return bytes_is_any_nocase(name, others, sizeof others / sizeof others[0]) ||
           http_header_is_hop_by_hop(name, connection);
}
