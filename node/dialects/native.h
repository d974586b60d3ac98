/* What other dialects take over from the native one: collecting a callback. */
#ifndef NODE_DIALECTS_NATIVE_H
#define NODE_DIALECTS_NATIVE_H

#include "dialects/dialect.h"

/* GET or HEAD of a callback whose `out->id` is set: wait and Claim-Token. */
enum dialect_verdict native_parse_collect(const struct dialect_config *config,
                                          const struct http_request *in, struct op_request *out,
                                          struct http_answer *answer);

/* Every outcome of COLLECT, PEEK and RELEASE as API.md section 3 says it. */
void native_render_callback(const struct dialect_config *config, const struct http_request *in,
                            const struct op_request *op, struct op_reply *reply,
                            struct http_answer *answer);

#endif
