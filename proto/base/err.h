/* Error codes shared by every layer.
 *
 * A function that can fail returns int: 0 for success, or one negative ERR_* code.
 * A code tells the caller what to DO; it is never the only thing told to a human.
 * Paths that a human reads (configuration, listening, TLS, the control program) also fill a
 * struct errmsg.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define ERR_MAP(X)                                                                             \
    X(NOMEM, -1, "out of memory")                                                              \
    X(FULL, -2, "limit reached, try again later")                                              \
    X(NOTFOUND, -3, "not found")                                                               \
    X(MALFORMED, -4, "malformed")                                                              \
    X(TOOBIG, -5, "over the configured limit")                                                 \
    X(CLOSED, -6, "connection is closed")                                                      \
    X(REFUSED, -7, "refused")                                                                  \
    X(INUSE, -8, "already in use")                                                             \
    X(TIMEOUT, -9, "took too long")                                                            \
    X(IO, -10, "input or output failed")

enum {
#define ERR_ENUM(NAME, CODE, TEXT) ERR_##NAME = CODE,
    ERR_MAP(ERR_ENUM)
#undef ERR_ENUM
};

/* A human-readable account of one failure, outermost context first. */
struct errmsg {
    char text[256];
};

/* Static text for `code`; never NULL, also for codes this build does not know. */
const char *err_text(int code);

/* Replaces the message. `em` may be NULL when the caller does not want the text.
 * Always returns `code`, so that a failing line reads: return err_set(em, ERR_X, "..."). */
int err_set(struct errmsg *em, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
