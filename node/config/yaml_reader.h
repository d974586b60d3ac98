/* A YAML document as a flat run of nodes with their lines: the door to libyaml.
 *
 * libyaml's events, not libcyaml's schemas: a libcyaml schema cannot have keys that the
 * operator invents (functions.NAME), it stops at the first fault, and it tells faults only as
 * log text; we owe every fault with its file, line and key.
 *
 * Knows nothing of settings. Borrows the text, which must outlive the reader. */
#ifndef NODE_CONFIG_YAML_READER_H
#define NODE_CONFIG_YAML_READER_H

#include "base/text.h"

enum yaml_kind {
    YAML_IS_NOTHING, /* the end of the document, or of what can be read: see `problem` */
    YAML_IS_SCALAR,
    YAML_IS_LIST,    /* its items follow, then YAML_IS_END */
    YAML_IS_MAPPING, /* its keys and values follow in turn, then YAML_IS_END */
    YAML_IS_END,
    YAML_IS_ALIAS,
};

struct yaml_node {
    enum yaml_kind kind;
    size_t line;       /* from 1 */
    struct bytes text; /* SCALAR; valid until the next call */
    bool is_null;      /* SCALAR: ~, null, or nothing at all */
    /* Has an anchor or a tag, or is an alias. Configuration has no use for them, and aliases
     * let a small file grow without bound. */
    bool is_decorated;
};

struct yaml_reader;

/* Never NULL: a start without memory may abort. */
struct yaml_reader *yaml_reader_new(struct bytes content);

/* For what is read while the node runs. NULL: no memory. */
struct yaml_reader *yaml_reader_try(struct bytes content);
void yaml_reader_free(struct yaml_reader **r);

/* The next node. After YAML_IS_NOTHING always that. */
void yaml_reader_next(struct yaml_reader *r, struct yaml_node *out);

/* With `node` the first of a nested run: passes over the rest of it. */
void yaml_reader_skip(struct yaml_reader *r, struct yaml_node *node);

/* Why the text ended early, and where; NULL when it was read whole. */
const char *yaml_reader_problem(const struct yaml_reader *r, size_t *line);

#endif
