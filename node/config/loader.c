#include "config/loader.h"

#include "config/shape.h"
#include "config/value.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void loader_init(struct loader *l, struct config *c, const struct config_input *in,
                 struct config_report *report)
{
    assert(setting_count <= SETTINGS_MAX);
    *l = (struct loader){.config = c, .in = in, .report = report};
}

void loader_fini(struct loader *l)
{
    for (size_t i = 0; i < SETTINGS_MAX; i++) {
        free(l->defaults[i]);
    }
}

void config_origins_free(struct config_origins **origins, const struct config *c)
{
    struct config_origins *o = *origins;
    assert(o->function_count == c->function_count);
    for (size_t i = 0; i < SETTINGS_MAX; i++) {
        free(o->of[i]);
        free(o->of_defaults[i]);
    }
    for (size_t f = 0; f < o->function_count; f++) {
        free(o->functions[f].named);
        for (size_t i = 0; i < SETTINGS_MAX; i++) {
            free(o->functions[f].of[i]);
        }
    }
    free(o->functions);
    free(o);
    *origins = NULL;
}

static void set_origin(char **slot, const char *origin)
{
    free(*slot);
    *slot = value_copy(bytes_text(origin));
}

/* A key may be any text in YAML; a fault is one line all the same. */
static void add_one_line(struct text *out, struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        bool is_control = text.at[i] < 0x20 || text.at[i] == 0x7f;
        text_add_char(out, is_control ? '?' : (char)text.at[i]);
    }
}

void loader_fault(struct loader *l, const char *origin, struct bytes key, const char *fmt, ...)
{
    struct text *out = &l->report->faults;
    l->fault_count++;
    if (l->fault_count > CONFIG_FAULTS_MAX) {
        text_add_str(out, l->fault_count == CONFIG_FAULTS_MAX + 1 ? "... and more\n" : "");
        return;
    }
    struct errmsg em;
    va_list args;
    va_start(args, fmt);
    vsnprintf(em.text, sizeof em.text, fmt, args);
    va_end(args);
    text_addf(out, "%s: ", origin);
    add_one_line(out, key);
    text_add_str(out, ": ");
    add_one_line(out, bytes_text(em.text));
    text_add_char(out, '\n');
}

void loader_warn(struct loader *l, const char *origin, const char *fmt, ...)
{
    struct errmsg em;
    va_list args;
    va_start(args, fmt);
    vsnprintf(em.text, sizeof em.text, fmt, args);
    va_end(args);
    text_addf(&l->report->warnings, "%s: %s\n", origin, em.text);
}

/* Makes room for one more function, at the table's defaults. */
static size_t add_function(struct loader *l, const char *origin, struct bytes name)
{
    struct config *c = l->config;
    size_t n = c->function_count;
    c->functions = realloc(c->functions, (n + 1) * sizeof *c->functions);
    c->origins->functions =
        realloc(c->origins->functions, (n + 1) * sizeof *c->origins->functions);
    if (c->functions == NULL || c->origins->functions == NULL) {
        abort();
    }
    struct function_config *f = &c->functions[n];
    *f = (struct function_config){.name = value_copy(name), .target = value_copy(name)};
    f->target[0] = '\0';
    for (size_t i = 0; i < setting_count; i++) {
        const struct setting *s = &settings[i];
        if (s->of_function && s->kind != SETTING_TARGET) {
            int rc = value_parse(s, bytes_text(s->fallback), f, NULL);
            assert(rc == 0); /* the table's own text */
        }
    }
    c->origins->functions[n] = (struct function_origins){0};
    set_origin(&c->origins->functions[n].named, origin == NULL ? "--function" : origin);
    c->function_count = n + 1;
    c->origins->function_count = n + 1;
    return n;
}

/* Why no function may have that name, or NULL. */
static const char *name_fault(const struct loader *l, struct bytes name)
{
    if (!shape_is_function_name(name)) {
        return "is not a function name; allowed: 1 to 64 of a-z A-Z 0-9 - _ .";
    }
    if (l->in->name_is_reserved != NULL && l->in->name_is_reserved(name)) {
        return "is the name of a route of this node; choose another name";
    }
    if (l->config->function_count == CONFIG_FUNCTIONS_MAX) {
        return "is one function too many; allowed: 1000";
    }
    return NULL;
}

bool loader_function(struct loader *l, const char *origin, struct bytes name, size_t *out)
{
    const struct function_config *known = config_function(l->config, name);
    if (known != NULL) {
        *out = (size_t)(known - l->config->functions);
        return true;
    }
    const char *fault = name_fault(l, name);
    if (fault == NULL) {
        *out = add_function(l, origin, name);
        return true;
    }
    if (origin != NULL) {
        struct text shown = {0};
        text_add_json(&shown, name.size > 60 ? bytes_of(name.at, 60) : name);
        loader_fault(l, origin, bytes_text("functions"), "%.*s %s",
                     BYTES_ARG(text_view(&shown)), fault);
        text_fini(&shown);
    }
    return false;
}

/* The setting whose key ends `key` after a dot, the longest; *name is what stands before. */
static const struct setting *find_of_function(struct bytes key, struct bytes *name)
{
    for (size_t i = 1; i < key.size; i++) {
        struct bytes rest = bytes_of(key.at + i + 1, key.size - i - 1);
        const struct setting *s = key.at[i] == '.' ? setting_find(rest, true) : NULL;
        if (s != NULL) {
            *name = bytes_of(key.at, i);
            return s;
        }
    }
    return NULL;
}

bool loader_find(struct loader *l, const char *origin, struct bytes key, struct loader_key *out)
{
    struct bytes rest = key;
    *out = (struct loader_key){0};
    if (!bytes_cut_front(&rest, "functions.")) {
        out->setting = setting_find(key, false);
    } else {
        struct bytes name = bytes_of(NULL, 0);
        out->setting = find_of_function(rest, &name);
        if (out->setting != NULL) {
            return loader_function(l, origin, name, &out->function);
        }
    }
    if (out->setting == NULL && origin != NULL) {
        struct bytes shown = key.size > 80 ? bytes_of(key.at, 80) : key;
        loader_fault(l, origin, shown, "unknown key; --help lists those that are allowed");
    }
    return out->setting != NULL;
}

void loader_key_print(const struct loader *l, struct loader_key key, struct text *out)
{
    if (key.setting->of_function) {
        text_addf(out, "functions.%s.", l->config->functions[key.function].name);
    }
    text_add_str(out, key.setting->key);
}

void loader_put(struct loader *l, const char *origin, struct loader_key key, struct bytes value)
{
    struct config *c = l->config;
    const struct setting *s = key.setting;
    size_t index = setting_index(s);
    struct errmsg em = {""};
    int rc;
    if (s->of_function) {
        rc = value_parse(s, value, &c->functions[key.function], &em);
        set_origin(&c->origins->functions[key.function].of[index], origin);
    } else {
        rc = value_parse(s, value, c, &em);
        set_origin(&c->origins->of[index], origin);
    }
    if (rc != 0) {
        struct text name = {0};
        loader_key_print(l, key, &name);
        loader_fault(l, origin, text_view(&name), "%s", em.text);
        text_fini(&name);
    }
}

void loader_put_default(struct loader *l, const char *origin, const struct setting *s,
                        struct bytes value)
{
    struct function_config scratch = {0};
    struct errmsg em;
    assert(s->of_function && s->kind == SETTING_NUMBER);
    if (value_parse(s, value, &scratch, &em) != 0) {
        loader_fault(l, origin, bytes_text(s->key), "%s", em.text);
        return;
    }
    free(l->defaults[setting_index(s)]);
    l->defaults[setting_index(s)] = value_copy(value);
    set_origin(&l->config->origins->of_defaults[setting_index(s)], origin);
}
