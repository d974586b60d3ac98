/* What a client can ask of a node, in no dialect at all, and what it can be told.
 *
 * Dialects translate HTTP into struct op_request and struct op_reply into HTTP; the core
 * knows no HTTP. Everything here is a value; who owns what stands at each field.
 * Words: API.md section 1. Times: milliseconds; `_at_ms` are wall-clock milliseconds since
 * 1970 (for people), spans are plain `_ms`.
 */
#ifndef NODE_CORE_OPS_H
#define NODE_CORE_OPS_H

#include "proto/guid.h"
#include "proto/request.h"
#include "proto/result.h"
#include "proto/states.h"

enum op_kind {
    OP_INVOKE,  /* run a function */
    OP_STATUS,  /* how far is it */
    OP_COLLECT, /* take the callback, once */
    OP_PEEK,    /* HEAD: tell what COLLECT would, never collect */
    OP_CANCEL,
    OP_RELEASE, /* DELETE of a callback with its claim token: free it now */
};

enum invoke_mode {
    INVOKE_SYNC,       /* the function's answer, on this connection */
    INVOKE_ASYNC,      /* accepted at once */
    INVOKE_ASYNC_WAIT, /* the answer if it comes within wait_ms, else accepted */
};

/* The name of an invocation as a client gave it. */
struct op_id {
    enum id_space space;
    struct guid guid;  /* ID_GUID */
    struct bytes text; /* others; borrowed from the request. Also tried as a GUID by the core */
    bool is_encoded;   /* the text is percent-encoded, as it stood in a path */
};

#define OP_WAIT_DEFAULT UINT64_MAX /* the configured wait */

struct op_invoke {
    enum invoke_mode mode;
    uint64_t wait_ms;             /* INVOKE_ASYNC_WAIT */
    struct bytes function;        /* name, borrowed */
    struct request_view request;  /* borrowed; what the function is given */
    struct buf *body;             /* borrowed reference, may be NULL; the core shares it */
    struct op_id client_id;       /* space ID_GUID: the client chose none */
    struct bytes idempotency_key; /* empty: none */
    struct bytes callback_url;    /* empty: none. API.md section 7 */
    uint32_t ttl_ms;              /* 0: the function's; else this invocation's own */
    uint32_t deadline_ms;         /* 0: none; X-Deadline-Ms */
    bool drop_result;             /* fire and forget (Verda respond-async-proxy) */
};

struct op_request {
    enum op_kind kind;
    struct bytes tenant;      /* who asks; empty: no tenant. Borrowed as long as the call */
    uint32_t tenant_share;    /* percent of the store; 0: as configured */
    struct op_id id;          /* all but INVOKE */
    struct bytes function;    /* STATUS, COLLECT...: when not empty, the invocation must be of
                               * this function, else it is unknown (Verda) */
    uint64_t wait_ms;         /* COLLECT; OP_WAIT_DEFAULT, or clamped by the core */
    bool default_wait_jube;   /* COLLECT with OP_WAIT_DEFAULT: jube.callback_timeout_ms */
    struct bytes claim_token; /* COLLECT, RELEASE; empty: none */
    struct op_invoke invoke;  /* INVOKE */
};

/* What the status of an invocation says. Times are 0 where not known. */
struct invocation_info {
    struct guid guid;
    struct bytes client_id; /* the client's own id, empty: none */
    struct bytes function;  /* borrowed until the reply is rendered, as all bytes here */
    struct bytes node;      /* name of the home, or of who runs it now */
    enum invocation_state state;
    uint64_t created_at_ms, started_at_ms, completed_at_ms, ended_at_ms, expires_at_ms;
    uint64_t estimated_completion_at_ms;
    uint32_t queue_position; /* 1 = next; 0: not known */
    uint32_t attempt;        /* 0: not started */
    uint32_t retry_after_s;  /* 1 to 60, for 202 and pending answers */
    uint16_t result_status;  /* of the callback, 0 while there is none */
    enum webhook_state webhook;
};

#define OP_OUTCOMES(X)                                                                         \
    X(ACCEPTED) /* INVOKE: 202; `info` */                                                      \
    X(RESULT)   /* COLLECT, or a synchronous INVOKE: `result`, `info` */                       \
    X(PENDING)  /* COLLECT, PEEK: no callback yet, or served to another; `info` */             \
    X(READY)    /* PEEK: it could be collected; `result` without the bodies, `info` */         \
    X(STATUS)   /* `info` */                                                                   \
    X(CANCELED) /* CANCEL done; `info` */                                                      \
    X(CONFLICT) /* CANCEL of what has ended; `info` */                                         \
    X(RELEASED) /* RELEASE done */                                                             \
    X(GONE)     /* collected, expired or canceled; `info` */                                   \
    X(UNKNOWN)  /* never heard of, or forgotten */                                             \
    X(UNKNOWN_FUNCTION)                                                                        \
    X(QUEUE_FULL)  /* `info.retry_after_s`, as in all refusals that pass */                    \
    X(TENANT_FULL) /* its tenant's share of the store */                                       \
    X(DRAINING)                                                                                \
    X(NO_MEMORY)                                                                               \
    X(NO_QUORUM)                                                                               \
    X(NOT_REPLICATED)                                                                          \
    X(IDEMPOTENCY_MISMATCH)                                                                    \
    X(ID_IN_USE)   /* a client-chosen id that is known already */                              \
    X(BAD_REQUEST) /* `detail` says what was wrong and what is allowed */

enum op_outcome {
#define OP_OUTCOME_ENUM(NAME) OUT_##NAME,
    OP_OUTCOMES(OP_OUTCOME_ENUM)
#undef OP_OUTCOME_ENUM
        OUT_COUNT
};

struct op_reply {
    enum op_outcome outcome;
    struct invocation_info info;
    struct result result; /* RESULT: the receiver owns these references and drops them */
    uint64_t duration_ms; /* RESULT, READY: how long the function took */
    bool is_elsewhere;    /* READY: headers and body are at other nodes, so not in `result` */
    const char *detail;   /* BAD_REQUEST; static text */
    bool was_waiting;     /* INVOKE_ASYNC_WAIT: RESULT came within the wait */
    bool report_sent;     /* tell the core with core_sent() whether the last byte left */
};

#endif
