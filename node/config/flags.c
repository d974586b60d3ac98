#include "config/flags.h"

#include <stdlib.h>

/* The row that the flag stands for, or NULL. */
static const struct setting *setting_of_flag(struct bytes flag)
{
    for (size_t i = 0; i < setting_count; i++) {
        if (settings[i].flag != NULL && bytes_is(flag, settings[i].flag)) {
            return &settings[i];
        }
    }
    return NULL;
}

static bool takes_value(struct bytes flag)
{
    return bytes_is(flag, "--config") || bytes_is(flag, "--function") ||
           bytes_is(flag, "--set") || setting_of_flag(flag) != NULL;
}

/* True when `arg` is a flag without a value, and is noted. */
static bool note_switch(struct flags *flags, struct bytes arg)
{
    if (bytes_is(arg, "--help") || bytes_is(arg, "-h")) {
        flags->help = true;
    } else if (bytes_is(arg, "--version")) {
        flags->version = true;
    } else if (bytes_is(arg, "--check")) {
        flags->check = true;
    } else {
        return false;
    }
    return true;
}

static void note_value(struct flags *flags, struct bytes flag, const char *value)
{
    if (bytes_is(flag, "--config")) {
        flags->config_path = value;
        return;
    }
    flags->values[flags->value_count++] =
        (struct flag_value){.flag = flag, .value = bytes_text(value)};
}

static void fault_unknown(struct loader *l, const char *arg)
{
    struct bytes shown = bytes_text(arg);
    shown.size = shown.size > 80 ? 80 : shown.size;
    if (arg[0] == '-') {
        loader_fault(l, "command line", shown, "unknown flag; --help lists those allowed");
    } else {
        loader_fault(l, "command line", shown,
                     "is not a flag; allowed: flags only, see --help");
    }
}

void flags_init(struct flags *flags, struct loader *l)
{
    *flags = (struct flags){0};
    size_t count = (size_t)l->in->argc;
    flags->values = calloc(count + 1, sizeof *flags->values);
    if (flags->values == NULL) {
        abort();
    }
    for (size_t i = 1; i < count; i++) {
        const char *arg = l->in->argv[i];
        struct bytes value = bytes_text(arg);
        struct bytes flag = bytes_cut_at(&value, '=');
        if (note_switch(flags, bytes_text(arg))) {
            continue;
        }
        if (!takes_value(flag)) {
            fault_unknown(l, arg);
        } else if (flag.size < strlen(arg)) {
            note_value(flags, flag, arg + flag.size + 1);
        } else if (i + 1 < count) {
            note_value(flags, flag, l->in->argv[++i]);
        } else {
            loader_fault(l, "command line", flag, "has no value; --help shows what it takes");
        }
    }
}

void flags_fini(struct flags *flags)
{
    free(flags->values);
    *flags = (struct flags){0};
}

const char *flags_config_path(const struct flags *flags, char *const *environ)
{
    static const char variable[] = "CALLBACKD_CONFIG=";
    if (flags->config_path != NULL || environ == NULL) {
        return flags->config_path;
    }
    for (; *environ != NULL; environ++) {
        size_t n = sizeof variable - 1;
        if (strncmp(*environ, variable, n) == 0 && (*environ)[n] != '\0') {
            return *environ + n;
        }
    }
    return NULL;
}

void flags_name_functions(const struct flags *flags, struct loader *l)
{
    for (size_t i = 0; i < flags->value_count; i++) {
        struct bytes rest = flags->values[i].value;
        struct bytes name = bytes_cut_at(&rest, '=');
        struct loader_key key;
        size_t index;
        if (bytes_is(flags->values[i].flag, "--function")) {
            loader_function(l, NULL, name, &index);
        } else if (bytes_is(flags->values[i].flag, "--set")) {
            loader_find(l, NULL, name, &key);
        }
    }
}

static void apply_function(struct loader *l, struct bytes value)
{
    static const char origin[] = "--function";
    struct bytes target = value;
    struct bytes name = bytes_cut_at(&target, '=');
    struct loader_key key = {.setting = setting_find(bytes_text("target"), true)};
    if (name.size == value.size) {
        loader_fault(l, origin, bytes_text("functions"),
                     "has no target; allowed: NAME=TARGET, as score=http://127.0.0.1:9000/");
    } else if (loader_function(l, origin, name, &key.function)) {
        loader_put(l, origin, key, target);
    }
}

static void apply_set(struct loader *l, struct bytes value)
{
    struct bytes text = value;
    struct bytes name = bytes_cut_at(&text, '=');
    struct loader_key key;
    if (name.size == value.size) {
        loader_fault(l, "--set", name, "has no value; allowed: KEY=VALUE");
    } else if (loader_find(l, "--set", name, &key)) {
        loader_put(l, "--set", key, text);
    }
}

void flags_apply(const struct flags *flags, struct loader *l)
{
    for (size_t i = 0; i < flags->value_count; i++) {
        const struct flag_value *v = &flags->values[i];
        if (bytes_is(v->flag, "--function")) {
            apply_function(l, v->value);
        } else if (bytes_is(v->flag, "--set")) {
            apply_set(l, v->value);
        } else {
            struct loader_key key = {.setting = setting_of_flag(v->flag)};
            loader_put(l, key.setting->flag, key, v->value);
        }
    }
}
