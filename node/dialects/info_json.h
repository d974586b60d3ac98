/* The status of an invocation as JSON (API.md sections 3 and 8). What is not known is left
 * out. */
#ifndef NODE_DIALECTS_INFO_JSON_H
#define NODE_DIALECTS_INFO_JSON_H

#include "base/text.h"
#include "core/ops.h"

/* The body of a 202: what the client needs to find the invocation again. `guid` is its GUID,
 * printed already. */
void info_json_accepted(struct text *t, const struct invocation_info *info, struct bytes guid);

/* The native status body. */
void info_json_status(struct text *t, const struct invocation_info *info);

/* SECA's status body: the state, and one condition for each transition that happened. */
void info_json_conditions(struct text *t, const struct invocation_info *info);

#endif
