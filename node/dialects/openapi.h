/* The OpenAPI 3.1 document of all dialects, made from the route table alone: no configuration
 * changes it. */
#ifndef NODE_DIALECTS_OPENAPI_H
#define NODE_DIALECTS_OPENAPI_H

#include "base/buf.h"

/* Charged to nobody. ERR_NOMEM. */
int openapi_make(struct buf **out);

#endif
