/* Is this text one JSON object (RFC 8259)? Jube's routes take nothing else. */
#ifndef NODE_DIALECTS_JSON_OBJECT_H
#define NODE_DIALECTS_JSON_OBJECT_H

#include "base/bytes.h"

/* Strict: UTF-8, nothing behind the object but white space, at most 512 levels deep. Nothing is
 * allocated: a tree of a hostile body, as a JSON library builds it, would be twenty times its
 * size and outside every budget. */
bool json_text_is_object(struct bytes text);

#endif
