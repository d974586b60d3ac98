#include "base/buf.h"

#include "base/err.h"

#include <assert.h>
#include <stdlib.h>

int buf_new(struct buf **out, struct budget *budget, size_t size)
{
    *out = NULL;
    if (size > BUF_SIZE_MAX) {
        return ERR_TOOBIG;
    }
    if (budget != NULL && !budget_charge(budget, sizeof(struct buf) + size)) {
        return ERR_FULL;
    }
    struct buf *b = malloc(sizeof *b + size);
    if (b == NULL) {
        if (budget != NULL) {
            budget_return(budget, sizeof *b + size);
        }
        return ERR_NOMEM;
    }
    b->refs = 1;
    b->size = (uint32_t)size;
    b->budget = budget;
    *out = b;
    return 0;
}

int buf_copy(struct buf **out, struct budget *budget, struct bytes content)
{
    int rc = buf_new(out, budget, content.size);
    if (rc == 0 && content.size > 0) {
        memcpy((*out)->data, content.at, content.size);
    }
    return rc;
}

void buf_shrink(struct buf **b, size_t size)
{
    struct buf *mine = *b;
    assert(mine->refs == 1);
    assert(size <= mine->size);
    size_t excess = mine->size - size;
    if (excess == 0) {
        return;
    }
    mine->size = (uint32_t)size;
    if (mine->budget != NULL) {
        budget_return(mine->budget, excess);
    }
    struct buf *moved = realloc(mine, sizeof *mine + size);
    *b = moved == NULL ? mine : moved; /* shrinking that fails leaves the old block */
}

int buf_grow(struct buf **b, size_t size)
{
    struct buf *mine = *b;
    assert(mine->refs == 1);
    assert(size >= mine->size);
    size_t more = size - mine->size;
    if (size > BUF_SIZE_MAX) {
        return ERR_TOOBIG;
    }
    if (mine->budget != NULL && !budget_charge(mine->budget, more)) {
        return ERR_FULL;
    }
    struct buf *moved = realloc(mine, sizeof *mine + size);
    if (moved == NULL) {
        if (mine->budget != NULL) {
            budget_return(mine->budget, more);
        }
        return ERR_NOMEM;
    }
    moved->size = (uint32_t)size;
    *b = moved;
    return 0;
}

int buf_charge(struct buf *b, struct budget *budget)
{
    assert(b->budget == NULL);
    if (!budget_charge(budget, sizeof *b + b->size)) {
        return ERR_FULL;
    }
    b->budget = budget;
    return 0;
}

void buf_drop(struct buf **b)
{
    struct buf *mine = *b;
    *b = NULL;
    if (mine == NULL) {
        return;
    }
    assert(mine->refs > 0);
    mine->refs--;
    if (mine->refs > 0) {
        return;
    }
    if (mine->budget != NULL) {
        budget_return(mine->budget, sizeof *mine + mine->size);
    }
    free(mine);
}
