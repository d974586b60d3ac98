/* The parts of a request's path: function names, sub-paths, names of invocations.
 * Nothing is decoded here: what a function gets below its name is what the client wrote. */
#ifndef NODE_DIALECTS_TARGET_H
#define NODE_DIALECTS_TARGET_H

#include "dialects/dialect.h"

/* Cuts "name[/sub/path]": *rest becomes the sub-path, empty or with its '/'. */
struct bytes target_cut_segment(struct bytes *rest);

/* The function of that name, or an empty view; that also for what no name can be:
 * [-a-zA-Z_0-9.]+ as in OpenFaaS, at most 255 characters. */
struct bytes target_function(const struct dialect_config *config, struct bytes name);

/* Likewise; a namespace suffix behind the last dot may follow the name (OpenFaaS). */
struct bytes target_function_in_namespace(const struct dialect_config *config,
                                          struct bytes name);

/* guid_parse() of a piece of a path, whose braces may be percent-encoded. */
int target_guid(struct guid *out, struct bytes text);

/* What a client calls an invocation: our GUID, or the id that it chose itself in the space
 * `chosen`. A UUID that is not one of ours (version 8) can only be chosen. */
struct op_id target_id(struct bytes text, enum id_space chosen);

/* Likewise of what stands in a path: a call id there is percent-encoded. */
struct op_id target_path_id(struct bytes text);

#endif
