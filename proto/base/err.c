#include "base/err.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

const char *err_text(int code)
{
    switch (code) {
#define ERR_CASE(NAME, CODE, TEXT)                                                             \
    case CODE:                                                                                 \
        return TEXT;
        ERR_MAP(ERR_CASE)
#undef ERR_CASE
    default:
        return "unknown error";
    }
}

int err_set(struct errmsg *em, int code, const char *fmt, ...)
{
    if (em != NULL) {
        va_list args;
        va_start(args, fmt);
        vsnprintf(em->text, sizeof em->text, fmt, args);
        va_end(args);
    }
    return code;
}
