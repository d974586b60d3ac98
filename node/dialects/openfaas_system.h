/* What OpenFaaS clients ask about the gateway itself: /healthz and the reads of /system/. */
#ifndef NODE_DIALECTS_OPENFAAS_SYSTEM_H
#define NODE_DIALECTS_OPENFAAS_SYSTEM_H

#include "dialects/dialect.h"

/* False: the path is none of them. */
bool openfaas_answer_system(const struct dialect_config *config, const struct http_request *in,
                            struct http_answer *answer);

#endif
