#include "plan.h"

#include "base/num.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_SIZE 256

static const struct {
    const char *name;
    uint32_t args;
} ops[PLAN_OP_COUNT] = {
#define OP_ROW(NAME, ARGS) [PLAN_##NAME] = {#NAME, ARGS},
    PLAN_OPS(OP_ROW)
#undef OP_ROW
};

void plan_print_op(FILE *to, const struct plan_op *op)
{
    fprintf(to, "%" PRIu64 " %s", op->at_us, ops[op->op].name);
    for (uint32_t i = 0; i < ops[op->op].args; i++) {
        fprintf(to, " %" PRIu32, op->arg[i]);
    }
    fputc('\n', to);
}

void plan_print(FILE *to, const struct plan *p)
{
    fprintf(to, "seed %" PRIu64 "\n", p->seed);
#define OPTION_PRINT(NAME, DEFAULT) fprintf(to, #NAME " %" PRIu32 "\n", p->options.NAME);
    PLAN_OPTIONS(OPTION_PRINT)
#undef OPTION_PRINT
    for (size_t i = 0; i < p->op_count; i++) {
        plan_print_op(to, &p->ops[i]);
    }
}

static bool next_number(uint64_t *out, char **rest)
{
    char *word = strsep(rest, " \n");
    return word != NULL && num_parse(bytes_text(word), UINT64_MAX, out) == 0;
}

static uint32_t *find_option(struct plan_options *o, const char *name)
{
#define OPTION_FIND(NAME, DEFAULT)                                                             \
    if (strcmp(name, #NAME) == 0) {                                                            \
        return &o->NAME;                                                                       \
    }
    PLAN_OPTIONS(OPTION_FIND)
#undef OPTION_FIND
    return NULL;
}

static bool read_option(struct plan *p, const char *name, char *rest)
{
    uint64_t value;
    if (!next_number(&value, &rest)) {
        return false;
    }
    if (strcmp(name, "seed") == 0) {
        p->seed = value;
        return true;
    }
    uint32_t *option = find_option(&p->options, name);
    if (option == NULL || value > UINT32_MAX) {
        return false;
    }
    *option = (uint32_t)value;
    return true;
}

static bool read_op(struct plan *p, uint64_t at_us, char *rest)
{
    const char *name = strsep(&rest, " \n");
    struct plan_op op = {.at_us = at_us, .op = PLAN_OP_COUNT};
    for (int i = 0; name != NULL && i < PLAN_OP_COUNT; i++) {
        if (strcmp(ops[i].name, name) == 0) {
            op.op = (enum op)i;
        }
    }
    if (op.op == PLAN_OP_COUNT) {
        return false;
    }
    for (uint32_t i = 0; i < ops[op.op].args; i++) {
        uint64_t value;
        if (!next_number(&value, &rest) || value > UINT32_MAX) {
            return false;
        }
        op.arg[i] = (uint32_t)value;
    }
    plan_add(p, op);
    return true;
}

bool plan_read(struct plan *p, FILE *from)
{
    char line[LINE_MAX_SIZE];
    plan_init(p, 0);
    for (int number = 1; fgets(line, sizeof line, from) != NULL; number++) {
        char *rest = line;
        char *first = strsep(&rest, " \n");
        if (first[0] == '\0' || first[0] == '#') {
            continue;
        }
        uint64_t at_us;
        bool ok = num_parse(bytes_text(first), UINT64_MAX, &at_us) == 0
                      ? read_op(p, at_us, rest)
                      : read_option(p, first, rest);
        if (!ok) {
            fprintf(stderr, "line %d is not a line of a plan: %s\n", number, first);
            return false;
        }
    }
    plan_sort(p);
    return true;
}
