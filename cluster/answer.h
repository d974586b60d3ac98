/* The answer to a question, to whoever put it: the core of this node, as an effect for its
 * ticket, or another node, as a message. */
#ifndef CLUSTER_ANSWER_H
#define CLUSTER_ANSWER_H

#include "cluster/state.h"

enum answer {
    ANSWER_DONE,           /* canceled, freed */
    ANSWER_WAIT_OVER,      /* still pending, or another is being served */
    ANSWER_ENDED,          /* `end` says how, where no tombstone does */
    ANSWER_NEVER_HEARD,    /* unknown */
    ANSWER_NO_QUORUM_LEFT, /* too few arbiters can be reached */
};

/* To a claim. The op stays. */
void answer_claim(struct cluster *c, const struct op *op, enum answer answer,
                  enum invocation_state end);

/* COLLECT_SERVE: references in *result become the core's. */
void answer_serve(struct cluster *c, const struct op *op, struct result *result,
                  const struct invocation_view *view);

/* COLLECT_PEEKED: the references stay the entry's. */
void answer_peek(struct cluster *c, const struct op *op, const struct invocation *inv);

/* To a status question. */
void answer_status(struct cluster *c, const struct op *op, const struct invocation_view *view);

/* A view as it is sent; `entry` NULL: it has ended, or is not here. */
void answer_message(struct cluster *c, struct msg *out, const struct invocation_view *view,
                    const struct invocation *entry);

/* And back, as this node sees it. The texts are kept in scratch memory. */
void answer_view(struct cluster *c, struct invocation_view *out, const struct msg_status *m);

#endif
