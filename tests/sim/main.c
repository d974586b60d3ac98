/* sim: the cluster simulator. See docs/simulation.md. */
#include "batch.h"
#include "run.h"
#include "shrink.h"

#include "base/num.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define USAGE                                                                                  \
    "usage: sim --seeds N [--first S] [--jobs N] [--known FILE] [--no-marks]\n"                \
    "       sim --seed S [-v] [--shrink] [--print] [--plant N]\n"                              \
    "       sim --ops FILE [-v] [--shrink]\n"

struct arguments {
    uint64_t seeds, first, jobs, seed, plant;
    bool one, verbose, shrink, print, no_marks;
    const char *ops, *known;
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

/* How many words were used; 0: not understood. */
static int take(struct arguments *a, const char *word, const char *next)
{
    if (strcmp(word, "-v") == 0) {
        a->verbose = true;
        return 1;
    }
    if (strcmp(word, "--shrink") == 0) {
        a->shrink = true;
        return 1;
    }
    if (strcmp(word, "--print") == 0) {
        a->print = true;
        return 1;
    }
    if (strcmp(word, "--no-marks") == 0) {
        a->no_marks = true;
        return 1;
    }
    if (strcmp(word, "--seed") == 0) {
        a->one = true;
        return take_number(&a->seed, next) ? 2 : 0;
    }
    if (strcmp(word, "--seeds") == 0) {
        return take_number(&a->seeds, next) ? 2 : 0;
    }
    if (strcmp(word, "--first") == 0) {
        return take_number(&a->first, next) ? 2 : 0;
    }
    if (strcmp(word, "--jobs") == 0) {
        return take_number(&a->jobs, next) && a->jobs > 0 && a->jobs <= 64 ? 2 : 0;
    }
    if (strcmp(word, "--plant") == 0) {
        return take_number(&a->plant, next) && a->plant < PLANT_COUNT ? 2 : 0;
    }
    if (strcmp(word, "--ops") == 0) {
        return take_text(&a->ops, next) ? 2 : 0;
    }
    return strcmp(word, "--known") == 0 && take_text(&a->known, next) ? 2 : 0;
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

static uint64_t known[KNOWN_MAX];

/* Lines that begin with a number are seeds; the rest of a line says what was found. */
static bool read_known(const char *path, uint32_t *count)
{
    FILE *file = fopen(path, "r");
    char line[256];
    if (file == NULL) {
        perror(path);
        return false;
    }
    while (*count < KNOWN_MAX && fgets(line, sizeof line, file) != NULL) {
        size_t size = strcspn(line, " \n");
        if (num_parse(bytes_of(line, size), UINT64_MAX, &known[*count]) == 0) {
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
                      .extra = known};
    if (a->known != NULL && !read_known(a->known, &b.extra_count)) {
        return EXIT_FAILURE;
    }
    return batch_run(&b) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct arguments a = {.jobs = 1};
    for (int i = 1; i < argc;) {
        int used = take(&a, argv[i], argv[i + 1]);
        if (used == 0) {
            fputs(USAGE, stderr);
            return 2;
        }
        i += used;
    }
    if (a.ops != NULL) {
        return run_file(&a);
    }
    if (a.one) {
        return run_seed(&a);
    }
    if (a.seeds > 0) {
        return run_batch(&a);
    }
    fputs(USAGE, stderr);
    return 2;
}
