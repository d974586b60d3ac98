#include "plan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void plan_init(struct plan *p, uint64_t seed)
{
    *p = (struct plan){.seed = seed};
#define OPTION_DEFAULT(NAME, DEFAULT) p->options.NAME = DEFAULT;
    PLAN_OPTIONS(OPTION_DEFAULT)
#undef OPTION_DEFAULT
}

void plan_fini(struct plan *p)
{
    free(p->ops);
    *p = (struct plan){0};
}

void plan_copy(struct plan *to, const struct plan *from)
{
    *to = *from;
    to->op_room = from->op_count + 1;
    to->ops = malloc(to->op_room * sizeof *to->ops);
    assert(to->ops != NULL);
    if (from->op_count > 0) {
        memcpy(to->ops, from->ops, from->op_count * sizeof *to->ops);
    }
}

void plan_add(struct plan *p, struct plan_op op)
{
    if (p->op_count == p->op_room) {
        p->op_room = p->op_room == 0 ? 64 : p->op_room * 2;
        p->ops = realloc(p->ops, p->op_room * sizeof *p->ops);
        assert(p->ops != NULL);
    }
    p->ops[p->op_count++] = op;
}

void plan_sort(struct plan *p)
{
    for (size_t i = 1; i < p->op_count; i++) {
        struct plan_op op = p->ops[i];
        size_t to = i;
        for (; to > 0 && p->ops[to - 1].at_us > op.at_us; to--) {
            p->ops[to] = p->ops[to - 1];
        }
        p->ops[to] = op;
    }
}

bool op_is_fault(enum op op)
{
    return op >= PLAN_CRASH;
}

void plan_drop_faults(struct plan *p)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->op_count; i++) {
        if (!op_is_fault(p->ops[i].op)) {
            p->ops[kept++] = p->ops[i];
        }
    }
    p->op_count = kept;
}
