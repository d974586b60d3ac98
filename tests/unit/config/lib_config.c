#include "lib_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARGS_MAX 64

static bool is_reserved(struct bytes name)
{
    return bytes_is(name, "v1") || bytes_is(name, "metrics");
}

/* The file's path is the same in every test, so that whole faults can be compared. */
static char path[] = "/tmp/callbackd-test-XXXXXX";

static void write_file(const char *yaml)
{
    memcpy(path + strlen(path) - 6, "XXXXXX", 6);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, yaml, strlen(yaml)), (ssize_t)strlen(yaml));
    close(fd);
}

struct loaded load(const char *yaml, const char *const *variables, const char *const *flags)
{
    char *argv[ARGS_MAX] = {"callbackd"};
    int argc = 1;
    if (yaml != NULL) {
        write_file(yaml);
        argv[argc++] = "--config";
        argv[argc++] = path;
    }
    for (; flags != NULL && *flags != NULL; flags++) {
        argv[argc++] = (char *)(uintptr_t)*flags;
    }
    struct loaded l = {.config = config_new()};
    struct config_input in = {.argc = argc,
                              .argv = argv,
                              .environ = (char *const *)(uintptr_t)variables,
                              .name_is_reserved = is_reserved};
    l.verdict = config_load(l.config, &in, &l.report);
    if (yaml != NULL) {
        unlink(path);
    }
    return l;
}

void loaded_fini(struct loaded *l)
{
    config_report_fini(&l->report);
    config_free(&l->config);
    assert_null(l->config);
}

static bool contains(const struct text *text, const char *part)
{
    return text->size > 0 && memmem(text->at, text->size, part, strlen(part)) != NULL;
}

void assert_contains(const struct text *text, const char *part)
{
    if (!contains(text, part)) {
        fail_msg("no \"%s\" in:\n%.*s", part, (int)text->size, text->at);
    }
}

void assert_lacks(const struct text *text, const char *part)
{
    if (contains(text, part)) {
        fail_msg("there is \"%s\" in:\n%.*s", part, (int)text->size, text->at);
    }
}

void assert_only_fault(const char *yaml, const char *fault)
{
    struct loaded l = load(yaml, NULL, NULL);
    struct text expected = {0};
    text_add_str(&expected, path);
    text_addf(&expected, "%s\n", fault);
    assert_int_equal(l.verdict, CONFIG_STOP);
    if (!bytes_equal(text_view(&expected), text_view(&l.report.faults))) {
        fail_msg("expected %.*s     but got %.*s", (int)expected.size, expected.at,
                 (int)l.report.faults.size, l.report.faults.at);
    }
    text_fini(&expected);
    loaded_fini(&l);
}
