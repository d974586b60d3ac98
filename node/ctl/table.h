/* A table for people at a terminal: columns aligned, numbers to the right. Cells come from
 * other machines, so whatever could steer a terminal is shown as '?'. */
#ifndef NODE_CTL_TABLE_H
#define NODE_CTL_TABLE_H

#include "base/text.h"

#define TABLE_COLUMNS_MAX 16

struct table {
    const char *const *titles; /* static; lower case, printed in capitals */
    const char *align;         /* one character a column: 'l' or 'r' */
    size_t columns;
    struct text *cells; /* row after row */
    size_t count, room;
};

/* `align` has one character a column. */
void table_init(struct table *t, const char *const *titles, const char *align);
void table_fini(struct table *t);

/* The next cell, from left to right, row after row. */
void table_add(struct table *t, struct bytes cell);
void table_add_str(struct table *t, const char *cell);
void table_add_num(struct table *t, uint64_t number);

/* 1536 -> "1.5 KiB" */
void table_add_size(struct table *t, uint64_t size);

/* Appends the table. Every row must be whole. */
void table_print(const struct table *t, struct text *out);

/* Appends `value` without anything that steers a terminal. */
void table_add_shown(struct text *out, struct bytes value);

#endif
