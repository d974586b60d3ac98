/* The environment: CALLBACKD_* variables, and those of Jube and OpenFaaS. An empty variable
 * counts as not set, because compose files and charts pass empty ones on. */
#include "config/loader.h"
#include "config/shape.h"

#include <stdlib.h>
#include <strings.h>

#define LIMITLESS_MS 86400000u /* what "0 = no limit" of another system means here: a day */

static char upper(char c)
{
    bool is_lower = c >= 'a' && c <= 'z';
    return is_lower ? (char)(c - 'a' + 'A') : (c == '.' || c == '-' ? '_' : c);
}

/* True when `name` is `key` in capitals with `_` for dots. */
static bool is_variable_of(struct bytes name, struct bytes key)
{
    if (name.size != key.size) {
        return false;
    }
    for (size_t i = 0; i < name.size; i++) {
        if ((char)name.at[i] != upper((char)key.at[i])) {
            return false;
        }
    }
    return true;
}

/* The setting of functions whose name ends `rest`, the longest; *name is what stands before. */
static const struct setting *find_of_function(struct bytes rest, struct bytes *name)
{
    const struct setting *found = NULL;
    for (size_t i = 0; i < setting_count; i++) {
        struct bytes key = bytes_text(settings[i].key);
        if (!settings[i].of_function || rest.size < key.size + 2 ||
            rest.at[rest.size - key.size - 1] != '_' ||
            !is_variable_of(bytes_of(rest.at + rest.size - key.size, key.size), key)) {
            continue;
        }
        if (found == NULL || strlen(found->key) < key.size) {
            found = &settings[i];
            *name = bytes_of(rest.at, rest.size - key.size - 1);
        }
    }
    return found;
}

/* Variables cannot spell every name: SCORE_V2 is the known function `score-v2` or `score.v2`
 * where there is one, else the new function `score_v2`. */
static bool find_function(struct loader *l, const char *origin, struct bytes word, size_t *out)
{
    const struct config *c = l->config;
    size_t hits = 0;
    for (size_t i = 0; i < c->function_count; i++) {
        struct bytes name = bytes_text(c->functions[i].name);
        if (bytes_equal(name, word) || is_variable_of(word, name)) {
            *out = i;
            hits++;
        }
    }
    if (hits > 1) {
        loader_fault(l, origin, bytes_text("functions"),
                     "stands for more than one function; allowed: set it in the file");
    }
    if (hits > 0) {
        return hits == 1;
    }
    char lower[SHAPE_FUNCTION_NAME_MAX];
    if (word.size > sizeof lower) {
        return loader_function(l, origin, word, out);
    }
    for (size_t i = 0; i < word.size; i++) {
        char ch = (char)word.at[i];
        lower[i] = ch >= 'A' && ch <= 'Z' ? (char)(ch - 'A' + 'a') : ch;
    }
    return loader_function(l, origin, bytes_of(lower, word.size), out);
}

/* `rest` is the variable's name without CALLBACKD_. False: no key of ours. */
static bool find_key(struct loader *l, const char *origin, struct bytes rest,
                     struct loader_key *out)
{
    struct bytes word = {0};
    *out = (struct loader_key){0};
    for (size_t i = 0; i < setting_count; i++) {
        if (!settings[i].of_function && is_variable_of(rest, bytes_text(settings[i].key))) {
            out->setting = &settings[i];
            return true;
        }
    }
    if (!bytes_cut_front(&rest, "FUNCTIONS_")) {
        return false;
    }
    out->setting = find_of_function(rest, &word);
    if (out->setting != NULL && !find_function(l, origin, word, &out->function)) {
        out->setting = NULL; /* the fault is written down */
        return true;
    }
    return out->setting != NULL;
}

static void read_own(struct loader *l, const char *origin, struct bytes value)
{
    struct bytes rest = bytes_text(origin);
    struct loader_key key;
    if (!bytes_cut_front(&rest, "CALLBACKD_") || bytes_is(rest, "CONFIG")) {
        return;
    }
    if (!find_key(l, origin, rest, &key)) {
        loader_warn(l, origin, "unknown variable, not used; --help lists the keys");
    } else if (key.setting != NULL && value.size > 0) {
        loader_put(l, origin, key, value);
    }
}

static void put_alias(struct loader *l, const struct setting_alias *alias, const char *key_text,
                      struct bytes value)
{
    const struct setting *s = setting_find(bytes_text(key_text), alias->of_function);
    if (alias->of_function) {
        loader_put_default(l, alias->variable, s, value);
    } else {
        loader_put(l, alias->variable, (struct loader_key){.setting = s}, value);
    }
}

static void read_alias(struct loader *l, const struct setting_alias *alias, struct bytes value)
{
    struct text ms = {0};
    uint64_t duration_ms = 0;
    if (alias->kind == ALIAS_GO_DURATION) {
        if (shape_duration(value, LIMITLESS_MS, &duration_ms) != 0) {
            loader_fault(l, alias->variable, bytes_text(alias->key),
                         "is not a duration; allowed: whole seconds, or as 1m30s, up to 24h");
            return;
        }
        text_add_num(&ms, duration_ms == 0 ? LIMITLESS_MS : duration_ms);
        value = text_view(&ms);
    }
    put_alias(l, alias, alias->key, value);
    if (alias->and_key != NULL) {
        put_alias(l, alias, alias->and_key, value);
    }
    text_fini(&ms);
}

static void read_foreign(struct loader *l, const char *origin, struct bytes value)
{
    for (size_t i = 0; i < setting_alias_count; i++) {
        if (strcmp(origin, setting_aliases[i].variable) == 0 && value.size > 0) {
            read_alias(l, &setting_aliases[i], value);
        }
    }
}

typedef void (*read_variable)(struct loader *l, const char *origin, struct bytes value);

static void for_each(struct loader *l, read_variable read)
{
    for (char *const *entry = l->in->environ; *entry != NULL; entry++) {
        struct bytes value = bytes_text(*entry);
        struct bytes name = bytes_cut_at(&value, '=');
        char *origin = strndup((const char *)name.at, name.size);
        if (origin == NULL) {
            abort();
        }
        read(l, origin, value);
        free(origin);
    }
}

void config_env_read(struct loader *l)
{
    if (l->in->environ != NULL) {
        for_each(l, read_foreign); /* ours are stronger, so they come second */
        for_each(l, read_own);
    }
}
