/* The settings table: one row says everything about one setting. Flags, variables, the file,
 * --check, --help and docs/configuration.md all read these rows, so a new setting is one row
 * here and one field in config.h. Constant data only. */
#ifndef NODE_CONFIG_SETTINGS_H
#define NODE_CONFIG_SETTINGS_H

#include "config/config.h"

enum setting_kind {
    SETTING_TEXT,    /* at most `max` visible characters */
    SETTING_ADDRESS, /* HOST:PORT, port not below `min` */
    SETTING_ADDRESS_OR_OFF,
    SETTING_FILE, /* must be readable now */
    SETTING_DIR,  /* absolute, must be there now */
    SETTING_BOOL,
    SETTING_NUMBER, /* uint32_t, min to max */
    SETTING_SIZE,   /* uint64_t bytes, KiB, MiB, GiB allowed */
    SETTING_CHOICE, /* one of `words`; its index is the value of the enum */
    SETTING_CODE,   /* one of `words`; the number itself is the value */
    SETTING_SEEDS,
    SETTING_HOSTS,    /* addresses, networks, host names */
    SETTING_NETWORKS, /* addresses, networks */
    SETTING_DIRS,
    SETTING_VARIABLES, /* NAME, or NAME=value */
    SETTING_RETRY_CODES,
    SETTING_GUID,
    SETTING_BASE_URL, /* http or https, nothing behind the path, no / at its end */
    SETTING_TARGET,
};

struct setting {
    const char *key;      /* "callback.ttl_ms"; of a function: what follows functions.NAME. */
    const char *flag;     /* "--listen", or NULL: only by --set */
    const char *fallback; /* the default as one would write it; "" is "not set" */
    enum setting_kind kind;
    size_t offset; /* into struct config, or struct function_config */
    uint64_t min, max;
    const char *words; /* "strict|available" */
    const char *shown; /* how people are told the default, when `fallback` cannot say it */
    const char *help;
    bool of_function;
};

#define SETTINGS_MAX 160 /* rows; a test holds the table to it */

extern const struct setting settings[];
extern const size_t setting_count;

/* The row of that key, or NULL. For a function's, `key` is what follows functions.NAME. */
const struct setting *setting_find(struct bytes key, bool of_function);

static inline size_t setting_index(const struct setting *s)
{
    return (size_t)(s - settings);
}

/* True for the kinds that are written as lists. */
static inline bool setting_is_list(const struct setting *s)
{
    return s->kind == SETTING_SEEDS || s->kind == SETTING_HOSTS ||
           s->kind == SETTING_NETWORKS || s->kind == SETTING_DIRS ||
           s->kind == SETTING_VARIABLES || s->kind == SETTING_RETRY_CODES;
}

/* A variable of another system that we accept in place of a key of ours. */
enum alias_kind { ALIAS_PLAIN, ALIAS_GO_DURATION };

struct setting_alias {
    const char *variable;
    const char *key;     /* which one it sets; for `of_function` the default of all functions */
    const char *and_key; /* a second one, or NULL */
    bool of_function;
    enum alias_kind kind;
    const char *help;
};

extern const struct setting_alias setting_aliases[];
extern const size_t setting_alias_count;

#endif
