/* sim: the cluster simulator. See docs/simulation.md. */
#include "batch.h"
#include "churn.h"
#include "run.h"
#include "scale.h"
#include "shrink.h"

#include "base/num.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define USAGE                                                                                  \
    "usage: sim --seeds N [--first S] [--jobs N] [--known FILE] [--open FILE] [--no-marks]\n"  \
    "       sim --seed S [-v] [--shrink] [--print] [--plant N]\n"                              \
    "       sim --ops FILE [-v] [--shrink]\n"                                                  \
    "       sim --scale NODES\n"                                                               \
    "       sim --churn 1h | 10m [--nodes N]\n"

struct arguments {
    uint64_t seeds, first, jobs, seed, plant, scale, minutes, nodes;
    bool one, verbose, shrink, print, no_marks;
    const char *ops, *known, *open;
};

static bool take_number(uint64_t *out, const char *text)
{
    return text != NULL && num_parse(bytes_text(text), UINT64_MAX, out) == 0;
}

static bool take_text(const char **out, const char *text)
{
    *out = text;
    return text != NULL;
}

/* "1h" or "10m" to minutes. */
static bool take_span(uint64_t *out, const char *text)
{
    size_t size = text == NULL ? 0 : strlen(text);
    if (size < 2 || num_parse(bytes_of(text, size - 1), 100000, out) != 0) {
        return false;
    }
    *out *= text[size - 1] == 'h' ? 60 : 1;
    return text[size - 1] == 'h' || text[size - 1] == 'm';
}

static bool take_switch(struct arguments *a, const char *word)
{
    struct {
        const char *word;
        bool *to;
    } switches[] = {
        {"-v", &a->verbose},
        {"--shrink", &a->shrink},
        {"--print", &a->print},
        {"--no-marks", &a->no_marks},
    };
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++) {
        if (strcmp(word, switches[i].word) == 0) {
            *switches[i].to = true;
            return true;
        }
    }
    return false;
}

static bool take_value(struct arguments *a, const char *word, const char *value)
{
    struct {
        const char *word;
        uint64_t *to;
    } numbers[] = {
        {"--seed", &a->seed},   {"--seeds", &a->seeds}, {"--first", &a->first},
        {"--jobs", &a->jobs},   {"--plant", &a->plant}, {"--scale", &a->scale},
        {"--nodes", &a->nodes},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(word, numbers[i].word) == 0) {
            a->one = a->one || numbers[i].to == &a->seed;
            return take_number(numbers[i].to, value);
        }
    }
    if (strcmp(word, "--churn") == 0) {
        return take_span(&a->minutes, value);
    }
    if (strcmp(word, "--ops") == 0) {
        return take_text(&a->ops, value);
    }
    if (strcmp(word, "--open") == 0) {
        return take_text(&a->open, value);
    }
    return strcmp(word, "--known") == 0 && take_text(&a->known, value);
}

/* How many words were used; 0: not understood. */
static int take(struct arguments *a, const char *word, const char *next)
{
    return take_switch(a, word) ? 1 : take_value(a, word, next) ? 2 : 0;
}

static bool are_sound(const struct arguments *a)
{
    return a->jobs > 0 && a->jobs <= JOBS_MAX && a->plant < PLANT_COUNT && a->scale <= 5000 &&
           a->nodes <= 64;
}

/* --- one plan -------------------------------------------------------------------------------
 */

static int shrink(struct plan *plan)
{
    if (!shrink_plan(plan, stderr)) {
        fprintf(stderr, "it does not fail\n");
        return EXIT_FAILURE;
    }
    printf("# replay: sim --ops FILE -v\n");
    plan_print(stdout, plan);
    return EXIT_SUCCESS;
}

static int run_one(const struct arguments *a, struct plan *plan)
{
    if (a->print) {
        plan_print(stdout, plan);
        return EXIT_SUCCESS;
    }
    if (a->shrink) {
        return shrink(plan);
    }
    struct outcome out;
    run_plan(&out, plan, a->verbose ? stdout : NULL);
    printf("%s %s %s\nhash %016" PRIx64 ", %" PRIu64 " steps, %" PRIu64 " virtual ms\n",
           out.failed ? "FAILED" : "ok", out.rule, out.why, out.hash, out.steps,
           out.virtual_ms);
    return out.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run_seed(const struct arguments *a)
{
    struct plan plan;
    plan_draw(&plan, a->seed);
    plan.options.plant = (uint32_t)a->plant;
    int code = run_one(a, &plan);
    plan_fini(&plan);
    return code;
}

static int run_file(const struct arguments *a)
{
    FILE *file = fopen(a->ops, "r");
    if (file == NULL) {
        perror(a->ops);
        return EXIT_FAILURE;
    }
    struct plan plan;
    bool ok = plan_read(&plan, file);
    fclose(file);
    int code = ok ? run_one(a, &plan) : EXIT_FAILURE;
    plan_fini(&plan);
    return code;
}

/* --- many seeds ------------------------------------------------------------------------ */

#define KNOWN_MAX 10000u

static uint64_t known[KNOWN_MAX], still_open[KNOWN_MAX];

/* Lines that begin with a number are seeds; the rest of a line says what was found. */
static bool read_seeds(const char *path, uint64_t *seeds, uint32_t *count)
{
    FILE *file = fopen(path, "r");
    char line[256];
    if (file == NULL) {
        perror(path);
        return false;
    }
    while (*count < KNOWN_MAX && fgets(line, sizeof line, file) != NULL) {
        size_t size = strcspn(line, " \n");
        if (num_parse(bytes_of(line, size), UINT64_MAX, &seeds[*count]) == 0) {
            (*count)++;
        }
    }
    fclose(file);
    return true;
}

static int run_batch(const struct arguments *a)
{
    struct batch b = {.first = a->first,
                      .count = a->seeds,
                      .jobs = (uint32_t)a->jobs,
                      .must_mark = a->seeds >= MARKS_BATCH_MIN && !a->no_marks,
                      .extra = known,
                      .open = still_open};
    if ((a->known != NULL && !read_seeds(a->known, known, &b.extra_count)) ||
        (a->open != NULL && !read_seeds(a->open, still_open, &b.open_count))) {
        return EXIT_FAILURE;
    }
    return batch_run(&b) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_churn(const struct arguments *a)
{
    struct churn c = {.seed = a->seed + 1,
                      .nodes = (uint32_t)a->nodes,
                      .minutes = (uint32_t)a->minutes,
                      .post_each_ms = 50,
                      .go_each_ms = 3500};
    return churn_run(&c) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct arguments a = {.jobs = 1, .nodes = 5};
    int used = 1;
    for (int i = 1; i < argc && used > 0; i += used) {
        used = take(&a, argv[i], argv[i + 1]);
    }
    if (used > 0 && are_sound(&a)) {
        if (a.ops != NULL) {
            return run_file(&a);
        }
        if (a.scale > 1) {
            return scale_run((uint32_t)a.scale, a.seed + 1) ? EXIT_SUCCESS : EXIT_FAILURE;
        }
        if (a.minutes > 0) {
            return run_churn(&a);
        }
        if (a.one) {
            return run_seed(&a);
        }
        if (a.seeds > 0) {
            return run_batch(&a);
        }
    }
    fputs(USAGE, stderr);
    return 2;
}
