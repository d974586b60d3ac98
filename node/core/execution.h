/* One run of a function for one invocation, as the core orders it and as a handler reports it.
 * Values only: the core decides when, the handlers know how. */
#ifndef NODE_CORE_EXECUTION_H
#define NODE_CORE_EXECUTION_H

#include "proto/guid.h"
#include "proto/request.h"
#include "proto/result.h"

/* Borrowed during the handler's start(); share what must stay. */
struct execution {
    uint64_t id; /* of the core; never used twice */
    struct request *request;
    struct bytes call_id; /* X-Call-Id: the client's own call id, or the GUID's text */
    struct guid guid;     /* Idempotency-Key */
    uint32_t attempt;     /* X-Attempt: 1, 2 ... */
    struct bytes forwarded_for, forwarded_host, forwarded_proto; /* X-Forwarded-*; or empty */
};

/* How an execution ended. */
enum execution_end {
    EXECUTION_ANSWERED,  /* `result` holds the answer */
    EXECUTION_FAILED,    /* could not be reached or gave no answer: 502 upstream-failed */
    EXECUTION_TIMED_OUT, /* 504 upstream-timeout */
    EXECUTION_CRASHED,   /* the function broke: 500 function-crashed */
    EXECUTION_TOO_LARGE, /* answer over limits.body_bytes: 502 upstream-failed */
    EXECUTION_NO_MEMORY, /* no room for the answer: 502 upstream-failed */
};

struct execution_outcome {
    enum execution_end end;
    struct result result;   /* ANSWERED: the receiver takes the references */
    const char *detail;     /* one line for people, valid during the call; may be NULL */
    uint32_t retry_after_s; /* the function's own Retry-After, 0: none */
};

#endif
