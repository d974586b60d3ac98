/* The words that travel: states of an invocation and spaces of names (API.md section 1). The
 * numbers are on the wire: only ever add at the end. */
#ifndef PROTO_STATES_H
#define PROTO_STATES_H

#include <stdbool.h>

#define INVOCATION_STATES(X)                                                                   \
    X(QUEUED, "queued")                                                                        \
    X(RUNNING, "running")                                                                      \
    X(SUCCEEDED, "succeeded")                                                                  \
    X(FAILED, "failed")                                                                        \
    X(COLLECTED, "collected")                                                                  \
    X(EXPIRED, "expired")                                                                      \
    X(CANCELED, "canceled")

enum invocation_state {
#define INVOCATION_ENUM(NAME, TEXT) INVOCATION_##NAME,
    INVOCATION_STATES(INVOCATION_ENUM)
#undef INVOCATION_ENUM
        INVOCATION_STATE_COUNT
};

const char *invocation_state_text(enum invocation_state state);

/* A callback is ready in these two. */
static inline bool invocation_state_is_ready(enum invocation_state s)
{
    return s == INVOCATION_SUCCEEDED || s == INVOCATION_FAILED;
}

/* No way leads out of these three. */
static inline bool invocation_state_is_final(enum invocation_state s)
{
    return s >= INVOCATION_COLLECTED;
}

/* Ids that clients choose live in spaces of their own. */
enum id_space {
    ID_GUID,        /* no client id: the entry GUID counts */
    ID_CALL,        /* X-Call-Id (OpenFaaS) */
    ID_INFERENCE,   /* X-Inference-Id (Verda) */
    ID_IDEMPOTENCY, /* Idempotency-Key; never given by a client as an id */
};

enum webhook_state { WEBHOOK_NONE, WEBHOOK_PENDING, WEBHOOK_DELIVERED, WEBHOOK_FAILED };

/* What becomes of an accepted invocation when its home dies. */
enum on_node_loss { ON_NODE_LOSS_REEXECUTE, ON_NODE_LOSS_FAIL, ON_NODE_LOSS_DROP };

#endif
