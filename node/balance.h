/* Jube's queue balance rows (API.md section 4, reference/jube.md 6): once a minute, what
 * waited, what was held and what expired since the row before; the newest 60 are kept. Pure. */
#ifndef NODE_BALANCE_H
#define NODE_BALANCE_H

#include "base/text.h"
#include "core/functions.h"

#define BALANCE_ROWS_MAX 60u
#define BALANCE_EVERY_MS 60000u

struct balance_row {
    uint64_t id;            /* from 1 */
    uint64_t created_at_ms; /* wall clock */
    uint64_t invoke;        /* waiting now, all functions */
    uint64_t callback;      /* ready and not collected */
    uint64_t timeout;       /* expired since the row before */
};

struct balance {
    struct balance_row rows[BALANCE_ROWS_MAX]; /* a ring */
    uint32_t count;
    uint64_t last_id, expired_before;
};

/* Adds the row of this minute. */
void balance_add(struct balance *b, const struct functions *fs, uint64_t wall_ms);

/* JSON array, newest first. `per_model`: the columns of the per-model table. */
void balance_print(const struct balance *b, bool per_model, struct bytes instance,
                   struct text *out);

#endif
