/* The callback of an invocation whose function gave no answer: a problem document
 * (RFC 9457), so that whoever collects it learns why. API.md sections 1 and 3. */
#ifndef NODE_CORE_FAILURE_H
#define NODE_CORE_FAILURE_H

#include "core/execution.h"

enum failure {
    FAILURE_UPSTREAM,  /* 502 upstream-failed */
    FAILURE_TIMEOUT,   /* 504 upstream-timeout */
    FAILURE_CRASHED,   /* 500 function-crashed */
    FAILURE_TOO_LARGE, /* 502 upstream-failed, and says so */
    FAILURE_NO_MEMORY, /* likewise */
    FAILURE_NODE_LOST, /* 502 node-lost */
    FAILURE_DEADLINE,  /* 504 upstream-timeout: the whole invocation's deadline */
};

/* Never fails: where there is no memory for the document, the result is the bare status.
 * `detail` may be NULL. The buffers are charged to `budget`, if it has room. */
struct result failure_result(enum failure failure, const char *detail, const struct guid *guid,
                             struct budget *budget);

/* The failure that an outcome stands for; not for EXECUTION_ANSWERED. */
enum failure failure_of(enum execution_end end);

#endif
