/* What a node said, in JSON or metrics text, as tables for people. ERR_MALFORMED: it is not
 * what a node says; nothing was appended. */
#ifndef NODE_CTL_RENDER_H
#define NODE_CTL_RENDER_H

#include "base/text.h"

/* The status of an invocation: a name and a value a line. */
int render_status(struct bytes json, struct text *out);

/* What a 202 said. */
int render_accepted(struct bytes json, struct text *out);

/* GET /v1/queues. */
int render_queues(struct bytes json, struct text *out);

/* GET /v1/cluster. `metrics` is the text of GET /metrics, for the bytes by peer; may be
 * empty. */
int render_cluster(struct bytes json, struct bytes metrics, struct text *out);

/* A problem document as one line, "queue-full: ..."; false when it is none. */
bool render_problem(struct bytes json, struct text *out);

#endif
