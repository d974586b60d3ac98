/* The OpenAPI 3.1 document of all dialects, made from the route table. */
#ifndef NODE_DIALECTS_OPENAPI_H
#define NODE_DIALECTS_OPENAPI_H

#include "base/text.h"

void openapi_add_document(struct text *t);

#endif
