#include "handlers/plain_framing.h"

#include "base/num.h"
#include "handlers/header_lines.h"

/* Whether the connection stays, by its options (RFC 9112 9.3). */
static bool stays(struct bytes lines, unsigned minor)
{
    struct bytes options = header_lines_value(lines, "Connection");
    bool has_close = false, has_keep = false;
    while (options.size > 0) {
        struct bytes option = bytes_trim(bytes_cut_at(&options, ','));
        has_close = has_close || bytes_is_nocase(option, "close");
        has_keep = has_keep || bytes_is_nocase(option, "keep-alive");
    }
    return !has_close && (minor == 1 || has_keep);
}

enum length { LENGTH_NONE, LENGTH_KNOWN, LENGTH_BAD };

/* The one length that all Content-Length lines say. */
static enum length find_length(struct bytes lines, uint64_t *out)
{
    enum length found = LENGTH_NONE;
    struct header_line line;
    while (header_lines_next(&lines, &line)) {
        uint64_t size;
        if (!bytes_is_nocase(line.name, "Content-Length")) {
            continue;
        }
        if (num_parse(line.value, UINT64_MAX, &size) != 0 ||
            (found == LENGTH_KNOWN && size != *out)) {
            return LENGTH_BAD;
        }
        *out = size;
        found = LENGTH_KNOWN;
    }
    return found;
}

struct answer_framing plain_framing(struct bytes lines, unsigned status, unsigned minor,
                                    bool is_head)
{
    struct answer_framing f = {.may_stay = stays(lines, minor)};
    enum length length = find_length(lines, &f.size);
    struct bytes coding = header_lines_value(lines, "Transfer-Encoding");
    if (is_head || status == 204 || status == 304) {
        f.framing = FRAMING_NONE;
    } else if (length == LENGTH_BAD || (coding.size > 0 && length != LENGTH_NONE)) {
        f.framing = FRAMING_BAD;
    } else if (bytes_is_nocase(coding, "chunked")) {
        f.framing = FRAMING_CHUNKS;
    } else if (coding.size > 0 || length == LENGTH_NONE) {
        f.framing = FRAMING_TO_END;
    } else {
        f.framing = f.size == 0 ? FRAMING_NONE : FRAMING_SIZED;
    }
    f.may_stay = f.may_stay && f.framing != FRAMING_TO_END;
    return f;
}
