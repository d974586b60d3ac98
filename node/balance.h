/* Jube's queue balance rows (API.md section 4, reference/jube.md 6): once a minute and node,
 * what waited, what was held and what expired since the row before; the newest 60 are kept.
 * An orphan is counted at its home, so once in the cluster. Pure. */
#ifndef NODE_BALANCE_H
#define NODE_BALANCE_H

#include "base/text.h"
#include "core/functions.h"

#define BALANCE_ROWS_MAX 60u
#define BALANCE_EVERY_MS 60000u
#define BALANCE_NAME_MAX 255u

struct balance_row {
    uint64_t id;            /* from 1, of its node */
    uint64_t created_at_ms; /* wall clock */
    uint64_t invoke;        /* waiting now, all functions */
    uint64_t callback;      /* ready and not collected */
    uint64_t timeout;       /* expired since the row before */
};

/* This node's rows. */
struct balance {
    struct balance_row rows[BALANCE_ROWS_MAX]; /* a ring */
    uint32_t count;
    uint64_t last_id, expired_before;
};

/* Adds the row of this minute. */
void balance_add(struct balance *b, const struct functions *fs, uint64_t wall_ms);

/* As lines for other nodes (report.h): "b ID CREATED_AT_MS invoke callback timeout". */
void balance_write(const struct balance *b, struct text *out);

/* The newest rows of all nodes, newest first. */
struct balance_table {
    struct balance_table_row {
        struct balance_row row;
        char instance[BALANCE_NAME_MAX + 1];
    } at[BALANCE_ROWS_MAX];
    uint32_t count;
};

/* Adds what balance_write() wrote at the node of that name; other lines are passed over. */
void balance_read(struct balance_table *t, struct bytes instance, struct bytes report);

/* A JSON array. `per_model`: the columns of the per-model table. */
void balance_print(const struct balance_table *t, bool per_model, struct text *out);

#endif
