/* Where the sources meet: file, environment and flags put what they found here, weakest
 * first, and every fault is written down instead of ending the reading.
 *
 * An origin is what a person is told to look at: "callbackd.yaml:12", "CALLBACKD_LISTEN" or
 * "--listen". */
#ifndef NODE_CONFIG_LOADER_H
#define NODE_CONFIG_LOADER_H

#include "config/settings.h"

#define CONFIG_FUNCTIONS_MAX 1000
#define CONFIG_FAULTS_MAX    1000 /* lines; then one that says there are more */

struct function_origins {
    char *named; /* where the name was first met */
    char *of[SETTINGS_MAX];
};

/* NULL: the default. */
struct config_origins {
    char *of[SETTINGS_MAX];
    struct function_origins *functions; /* parallel to config.functions */
    size_t function_count;
    char *
        of_defaults[SETTINGS_MAX]; /* of function defaults that another system's variable set */
};

void config_origins_free(struct config_origins **origins, const struct config *c);

struct loader {
    struct config *config;
    const struct config_input *in;
    struct config_report *report;
    size_t fault_count;
    char *defaults[SETTINGS_MAX]; /* text of a function default that is not the table's */
};

/* What a value is for: a setting, of the node or of the function with that index. */
struct loader_key {
    const struct setting *setting;
    size_t function;
};

void loader_init(struct loader *l, struct config *c, const struct config_input *in,
                 struct config_report *report);
void loader_fini(struct loader *l);

void loader_fault(struct loader *l, const char *origin, struct bytes key, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void loader_warn(struct loader *l, const char *origin, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The index of the function `name`, made when it is new. False: the name may not be; the
 * fault is written down, or not when `origin` is NULL. */
bool loader_function(struct loader *l, const char *origin, struct bytes name, size_t *out);

/* Finds what the dotted `key` names ("callback.ttl_ms", "functions.score.queue"). False: no
 * such key; the fault is written down. */
bool loader_find(struct loader *l, const char *origin, struct bytes key,
                 struct loader_key *out);

/* Reads a value; a stronger source overwrites a weaker. */
void loader_put(struct loader *l, const char *origin, struct loader_key key,
                struct bytes value);

/* A default for all functions. */
void loader_put_default(struct loader *l, const char *origin, const struct setting *s,
                        struct bytes value);

/* Appends "functions.NAME.queue" or "listen". */
void loader_key_print(const struct loader *l, struct loader_key key, struct text *out);

/* Fills what follows from other values, and checks what must fit together. */
void loader_finish(struct loader *l);

/* Reads the file of `auth.keys_file`, for its faults only. */
void loader_check_keys(struct loader *l);

/* The sources. */
void config_file_read(struct loader *l, const char *path);
void config_file_parse(struct loader *l, const char *path, struct bytes content);
void config_env_read(struct loader *l);

#endif
