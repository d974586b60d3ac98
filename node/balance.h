/* Jube's queue balance rows (API.md section 4, reference/jube.md 6): once a minute, for the
 * node and for each of its models, what waited, what was held and what expired since the row
 * before; of either kind the newest 60 are kept. An orphan is counted at its home, so once in
 * the cluster. Pure. */
#ifndef NODE_BALANCE_H
#define NODE_BALANCE_H

#include "base/text.h"
#include "core/functions.h"
#include "proto/guid.h"

#define BALANCE_ROWS_MAX 60u
#define BALANCE_EVERY_MS 60000u
#define BALANCE_NAME_MAX 255u

struct balance_row {
    uint64_t id;            /* from 1, of its node and kind */
    uint64_t created_at_ms; /* wall clock */
    uint64_t invoke;        /* waiting now */
    uint64_t callback;      /* ready and not collected */
    uint64_t timeout;       /* expired since the row before */
    struct guid model;      /* BALANCE_OF_MODELS */
};

enum balance_kind {
    BALANCE_OF_NODES,  /* a row is of all functions of a node */
    BALANCE_OF_MODELS, /* a row is of the function that answers for a model */
    BALANCE_KINDS
};

/* What a function is to Jube's clients. */
struct balance_model {
    bool is_one;
    struct guid guid;
};

/* This node's rows. */
struct balance {
    struct balance_ring {
        struct balance_row rows[BALANCE_ROWS_MAX];
        uint32_t count;
        uint64_t last_id;
    } of[BALANCE_KINDS];
    const struct balance_model *models; /* of each function, in the order of the functions */
    uint64_t *expired_before;           /* likewise */
    uint32_t function_count;
};

/* `models` is borrowed for life. ERR_NOMEM. */
int balance_init(struct balance *b, const struct balance_model *models,
                 uint32_t function_count);
void balance_fini(struct balance *b);

/* Adds the rows of this minute. */
void balance_add(struct balance *b, const struct functions *fs, uint64_t wall_ms);

/* As lines for other nodes (report.h): "b ID CREATED_AT_MS invoke callback timeout", or with
 * "m" in front and the model's GUID behind. */
void balance_write(const struct balance *b, enum balance_kind kind, struct text *out);

/* The newest rows of all nodes, newest first. */
struct balance_table {
    enum balance_kind kind;
    struct balance_table_row {
        struct balance_row row;
        char instance[BALANCE_NAME_MAX + 1];
    } at[BALANCE_ROWS_MAX];
    uint32_t count;
};

/* Adds what balance_write() wrote at the node of that name; other lines are passed over. */
void balance_read(struct balance_table *t, struct bytes instance, struct bytes report);

/* A JSON array with the columns of its kind's table. */
void balance_print(const struct balance_table *t, struct text *out);

#endif
