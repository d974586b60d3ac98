/* One value of a setting: from text into its field, and back into text. Pure, except that a
 * file is asked whether it can be read. */
#ifndef NODE_CONFIG_VALUE_H
#define NODE_CONFIG_VALUE_H

#include "base/err.h"
#include "config/settings.h"

/* Reads `text` into the field of `s` in `base` (struct config or struct function_config). A
 * list is written with commas. ERR_MALFORMED: the field is as it was, and `em` says what is
 * wrong and what is allowed. */
int value_parse(const struct setting *s, struct bytes text, void *base, struct errmsg *em);

/* Appends the field so that value_parse() and the YAML reader take it. */
void value_print(const struct setting *s, const void *base, struct text *out);

/* Gives the memory of the field back. */
void value_fini(const struct setting *s, void *base);

/* Appends what is allowed: "1 to 1000", "strict or available". */
void value_allowed(const struct setting *s, struct text *out);

/* A copy with a terminator. Never NULL: configuration is sized by its owner, and a start
 * without memory may abort. */
char *value_copy(struct bytes text);

#endif
