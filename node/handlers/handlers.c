#include "handlers/handler.h"

/* Every kind of target: what it begins with, and who runs it. */
static const struct {
    const char *scheme;
    const struct handler *handler;
} table[] = {
    {"builtin:", &handler_builtin}, {"exec:", &handler_exec},     {"http://", &handler_http},
    {"https://", &handler_http},    {"plugin:", &handler_plugin},
};

const struct handler *handler_for(struct bytes target)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct bytes rest = target;
        if (bytes_cut_front_nocase(&rest, table[i].scheme)) {
            return table[i].handler;
        }
    }
    return NULL;
}
