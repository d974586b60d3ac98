#include "obs/log.h"

#include "base/timestamp.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_TAIL         48u /* bytes kept for what closes a line, "dropped" included */
#define GUID_SHOWN_DIGITS 8u

struct log_line {
    struct log *log;
    struct text text;
    bool is_open;
    bool is_full; /* values that do not fit any more are left out */
    bool is_debug;
};

struct log {
    int fd;
    bool is_socket;
    enum log_level level;
    uint64_t (*wall_ms)(void);
    struct text node; /* as JSON */
    struct log_line line;
    uint64_t dropped;        /* since the start */
    uint64_t dropped_untold; /* since the last line that passed */
};

struct log *log_new(const struct log_config *config)
{
    struct log *log = calloc(1, sizeof *log);
    if (log == NULL) {
        return NULL;
    }
    struct stat status;
    log->fd = config->fd;
    log->level = config->level;
    log->wall_ms = config->wall_ms;
    log->is_socket = fstat(config->fd, &status) == 0 && S_ISSOCK(status.st_mode);
    log->line.log = log;
    text_add_json(&log->node, config->node);
    if (text_reserve(&log->line.text, LOG_LINE_MAX) == NULL || text_failed(&log->node)) {
        log_free(&log);
    }
    return log;
}

void log_free(struct log **log)
{
    if (*log != NULL) {
        text_fini(&(*log)->node);
        text_fini(&(*log)->line.text);
        free(*log);
        *log = NULL;
    }
}

uint64_t log_dropped(const struct log *log)
{
    return log->dropped;
}

bool log_is_on(const struct log *log, enum log_level level)
{
    return log != NULL && level >= log->level;
}

/* Appends all of `part` or, where the line would grow too long, nothing. */
static bool add_whole(struct log_line *line, const struct text *part)
{
    if (line->is_full || text_failed(part) ||
        line->text.size + part->size + LINE_TAIL > LOG_LINE_MAX) {
        line->is_full = true;
        return false;
    }
    text_add(&line->text, text_view(part));
    return true;
}

static void add_key(struct text *part, const char *key)
{
    text_add_str(part, ",\"");
    text_add_str(part, key);
    text_add_str(part, "\":");
}

struct log_line *log_begin(struct log *log, enum log_level level, const char *event)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    if (!log_is_on(log, level)) {
        return NULL;
    }
    struct log_line *line = &log->line;
    assert(!line->is_open); /* one line at a time */
    line->is_open = true;
    line->is_full = false;
    line->is_debug = level == LOG_DEBUG;
    text_clear(&line->text);
    text_add_str(&line->text, "{\"time\":\"");
    timestamp_add_rfc3339(&line->text, log->wall_ms());
    text_add_str(&line->text, "\",\"level\":\"");
    text_add_str(&line->text, levels[level]);
    text_add_str(&line->text, "\",\"node\":");
    text_add(&line->text, text_view(&log->node));
    text_add_str(&line->text, ",\"event\":\"");
    text_add_str(&line->text, event);
    text_add_char(&line->text, '"');
    return line;
}

void log_text(struct log_line *line, const char *key, struct bytes value)
{
    if (line == NULL) {
        return;
    }
    struct text part = {0};
    /* In JSON a byte can become six; a value too long for that is cut beforehand. */
    size_t room = LOG_LINE_MAX / 8;
    bool is_cut = value.size > room;
    add_key(&part, key);
    text_add_json(&part, is_cut ? bytes_of(value.at, room) : value);
    add_whole(line, &part);
    text_fini(&part);
}

void log_num(struct log_line *line, const char *key, uint64_t value)
{
    if (line == NULL) {
        return;
    }
    struct text part = {0};
    add_key(&part, key);
    text_add_num(&part, value);
    add_whole(line, &part);
    text_fini(&part);
}

void log_bool(struct log_line *line, const char *key, bool value)
{
    if (line == NULL) {
        return;
    }
    struct text part = {0};
    add_key(&part, key);
    text_add_str(&part, value ? "true" : "false");
    add_whole(line, &part);
    text_fini(&part);
}

void log_guid(struct log_line *line, const char *key, const struct guid *guid)
{
    char digits[GUID_TEXT_SIZE];
    if (line == NULL) {
        return;
    }
    guid_print(digits, guid);
    log_text(line, key,
             bytes_of(digits, line->is_debug ? sizeof digits : (size_t)GUID_SHOWN_DIGITS));
}

void log_error(struct log_line *line, int code)
{
    log_text(line, "error", bytes_text(err_text(code)));
}

/* True when the descriptor takes a line now. For pipes, "writable" means that PIPE_BUF bytes
 * go in whole; O_NONBLOCK would do the same, but belongs to everybody who shares the pipe. */
static bool is_writable(int fd)
{
    struct pollfd wanted = {.fd = fd, .events = POLLOUT};
    return poll(&wanted, 1, 0) == 1 && (wanted.revents & POLLOUT) != 0;
}

static bool write_line(const struct log *log, struct bytes line)
{
    ssize_t n;
    do {
        if (log->is_socket) {
            n = send(log->fd, line.at, line.size, MSG_DONTWAIT | MSG_NOSIGNAL);
        } else {
            n = is_writable(log->fd) ? write(log->fd, line.at, line.size) : -1;
        }
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)line.size;
}

void log_end(struct log_line *line)
{
    if (line == NULL) {
        return;
    }
    struct log *log = line->log;
    assert(line->is_open);
    if (log->dropped_untold > 0) {
        add_key(&line->text, "dropped");
        text_add_num(&line->text, log->dropped_untold);
    }
    text_add_str(&line->text, "}\n");
    assert(line->text.size <= LOG_LINE_MAX);
    line->is_open = false;
    if (!text_failed(&line->text) && write_line(log, text_view(&line->text))) {
        log->dropped_untold = 0;
    } else {
        log->dropped++;
        log->dropped_untold++;
    }
}

void log_event(struct log *log, enum log_level level, const char *event, const char *key,
               struct bytes value)
{
    struct log_line *line = log_begin(log, level, event);
    log_text(line, key, value);
    log_end(line);
}
