/* The log: one JSON object a line, {"time","level","node","event", ...}, to one descriptor.
 *
 *   struct log_line *line = log_begin(log, LOG_INFO, "ready");
 *   log_text(line, "listen", address);
 *   log_end(line);
 *
 * A line below the level is NULL and every call on it does nothing, so callers do not ask.
 * A line is one write of at most LOG_LINE_MAX bytes and never blocks the loop: when the reader
 * of a pipe is behind, the line is dropped and counted, and the next one that passes says how
 * many were ("dropped"). No body and no full GUID is ever logged above debug level.
 *
 * The log refuses to know a clock: it is given one. Single-threaded, one line at a time.
 */
#ifndef NODE_OBS_LOG_H
#define NODE_OBS_LOG_H

#include "base/err.h"
#include "base/text.h"
#include "proto/guid.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* What a pipe takes whole or not at all (POSIX, PIPE_BUF on Linux). Longer values are cut. */
#define LOG_LINE_MAX 4096u /* bytes, newline included */

struct log;
struct log_line;

struct log_config {
    int fd; /* not closed by the log */
    enum log_level level;
    struct bytes node;         /* its name; copied */
    uint64_t (*wall_ms)(void); /* milliseconds since 1970 */
};

/* NULL: out of memory. */
struct log *log_new(const struct log_config *config);
void log_free(struct log **log);

/* Lines that were dropped since the start. */
uint64_t log_dropped(const struct log *log);

bool log_is_on(const struct log *log, enum log_level level);

/* Begins a line; `event` and all keys are static words of ours. NULL when `level` is not
 * logged, or `log` is NULL. The next call must end it. */
struct log_line *log_begin(struct log *log, enum log_level level, const char *event);

void log_text(struct log_line *line, const char *key, struct bytes value);
void log_num(struct log_line *line, const char *key, uint64_t value);
void log_bool(struct log_line *line, const char *key, bool value);

/* Its first 8 digits; whole at debug level. */
void log_guid(struct log_line *line, const char *key, const struct guid *guid);

/* What err_text() says, as "error". */
void log_error(struct log_line *line, int code);

void log_end(struct log_line *line);

/* A line with one value, the commonest kind. */
void log_event(struct log *log, enum log_level level, const char *event, const char *key,
               struct bytes value);

#endif
