/* Any bytes as a configuration file.
 *
 * Beyond not crashing and not leaking: every fault is one line that names a line of the file;
 * and what was taken without a fault comes back unchanged from what --check prints of it. */
#include "fuzz.h"

#include "base/num.h"
#include "config/config_print.h"
#include "config/loader.h"

#include <assert.h>

#define PATH "fuzz.yaml"

struct loaded {
    struct config *config;
    struct config_report report;
    struct text check; /* empty when there were faults */
};

static struct loaded load(struct bytes yaml)
{
    const struct config_input in = {0};
    struct loaded loaded = {.config = config_new()};
    struct loader l;
    loader_init(&l, loaded.config, &in, &loaded.report);
    config_file_parse(&l, PATH, yaml);
    loader_finish(&l);
    assert((l.fault_count > 0) == (loaded.report.faults.size > 0));
    if (l.fault_count == 0) {
        config_print_check(loaded.config, &loaded.check);
    }
    loader_fini(&l);
    return loaded;
}

static void loaded_fini(struct loaded *l)
{
    text_fini(&l->check);
    config_report_fini(&l->report);
    config_free(&l->config);
}

/* The text without the marks of defaults, which a file made of it does not have. */
static struct text without_marks(struct bytes check)
{
    static const char mark[] = "# default";
    struct text out = {0};
    while (check.size > 0) {
        struct bytes line = bytes_cut_at(&check, '\n');
        size_t n = sizeof mark - 1;
        if (line.size > n && memcmp(line.at + line.size - n, mark, n) == 0) {
            line = bytes_trim(bytes_of(line.at, line.size - n));
        }
        text_add(&out, bytes_trim(line));
        text_add_char(&out, '\n');
    }
    return out;
}

static void check_faults(struct bytes faults, size_t line_count)
{
    while (faults.size > 0) {
        struct bytes line = bytes_cut_at(&faults, '\n');
        uint64_t number;
        if (bytes_is(line, "... and more")) {
            continue;
        }
        assert(bytes_cut_front(&line, PATH ":"));
        assert(num_parse(bytes_cut_at(&line, ':'), UINT32_MAX, &number) == 0);
        assert(number >= 1 && number <= line_count + 1);
        assert(line.size > 3);
    }
}

/* An upper bound: YAML also ends lines at CR, NEL, LS and PS. */
static size_t count_lines(struct bytes text)
{
    size_t lines = 1;
    for (size_t i = 0; i < text.size; i++) {
        lines += text.at[i] == '\n' || text.at[i] == '\r' || text.at[i] >= 0x80;
    }
    return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct loaded first = load(bytes_of(data, size));
    check_faults(text_view(&first.report.faults), count_lines(bytes_of(data, size)));
    if (first.check.size > 0) {
        struct loaded second = load(text_view(&first.check));
        assert(second.report.faults.size == 0);
        struct text wanted = without_marks(text_view(&first.check));
        struct text found = without_marks(text_view(&second.check));
        assert(bytes_equal(text_view(&wanted), text_view(&found)));
        text_fini(&wanted);
        text_fini(&found);
        loaded_fini(&second);
    }
    loaded_fini(&first);
    return 0;
}
