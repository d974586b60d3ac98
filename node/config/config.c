#include "config/config.h"

#include "config/config_print.h"
#include "config/flags.h"
#include "config/loader.h"
#include "config/value.h"

#include <assert.h>
#include <stdlib.h>

struct config *config_new(void)
{
    struct config *c = calloc(1, sizeof *c);
    if (c == NULL) {
        abort();
    }
    c->origins = calloc(1, sizeof *c->origins);
    if (c->origins == NULL) {
        abort();
    }
    for (size_t i = 0; i < setting_count; i++) {
        if (!settings[i].of_function) {
            int rc = value_parse(&settings[i], bytes_text(settings[i].fallback), c, NULL);
            assert(rc == 0); /* the table's own text */
        }
    }
    return c;
}

static void function_fini(struct function_config *f)
{
    free(f->name);
    for (size_t i = 0; i < setting_count; i++) {
        if (settings[i].of_function) {
            value_fini(&settings[i], f);
        }
    }
}

void config_free(struct config **c)
{
    struct config *mine = *c;
    if (mine == NULL) {
        return;
    }
    config_origins_free(&mine->origins, mine);
    for (size_t i = 0; i < mine->function_count; i++) {
        function_fini(&mine->functions[i]);
    }
    free(mine->functions);
    for (size_t i = 0; i < setting_count; i++) {
        if (!settings[i].of_function) {
            value_fini(&settings[i], mine);
        }
    }
    free(mine);
    *c = NULL;
}

void config_report_fini(struct config_report *report)
{
    text_fini(&report->out);
    text_fini(&report->faults);
    text_fini(&report->warnings);
}

const struct function_config *config_function(const struct config *c, struct bytes name)
{
    for (size_t i = 0; i < c->function_count; i++) {
        if (bytes_is(name, c->functions[i].name)) {
            return &c->functions[i];
        }
    }
    return NULL;
}

/* Weakest source first, so that a stronger one overwrites it. */
static void read_sources(struct loader *l, const struct flags *flags)
{
    const char *path = flags_config_path(flags, l->in->environ);
    if (path != NULL) {
        config_file_read(l, path);
    }
    flags_name_functions(flags, l);
    config_env_read(l);
    flags_apply(flags, l);
    loader_finish(l);
    loader_check_keys(l);
}

enum config_verdict config_load(struct config *c, const struct config_input *in,
                                struct config_report *report)
{
    struct loader l;
    struct flags flags;
    loader_init(&l, c, in, report);
    flags_init(&flags, &l);
    enum config_verdict verdict = CONFIG_DONE;
    if (flags.help) {
        config_print_help(&report->out);
    } else if (flags.version) {
        text_add_str(&report->out, "callbackd " CALLBACKD_VERSION "\n");
    } else {
        read_sources(&l, &flags);
        verdict = l.fault_count > 0 ? CONFIG_STOP : CONFIG_RUN;
        if (verdict == CONFIG_RUN && flags.check) {
            verdict = CONFIG_CHECK;
            config_print_check(c, &report->out);
        }
    }
    flags_fini(&flags);
    loader_fini(&l);
    assert(!text_failed(&report->out) && !text_failed(&report->faults));
    return verdict;
}
