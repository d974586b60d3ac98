/* gate -- how much one client may ask of this node (limits.client.*, or what its key says
 * instead): finds out who a request's
 * client is, asks the table of clients (clients/clients.h), and says no with a problem
 * document. Counts what it refuses. Decides nothing about invocations.
 *
 * On the loop thread. */
#ifndef NODE_GATE_H
#define NODE_GATE_H

#include "base/err.h"
#include "clients/clients.h"
#include "config/config.h"
#include "core/caller.h"
#include "http/http_message.h"

struct gate;

#define GATE_REASONS(X)                                                                        \
    X(RATE, "rate-limited")                                                                    \
    X(CONCURRENCY, "too-many-requests")                                                        \
    X(PARKED, "too-many-parked")                                                               \
    X(MEMORY, "out-of-memory")

enum gate_reason {
#define GATE_REASON(NAME, SLUG) GATE_##NAME,
    GATE_REASONS(GATE_REASON)
#undef GATE_REASON
        GATE_REASON_COUNT
};

/* *out stays NULL when nothing can limit a client: no setting, and no file of keys.
 * ERR_MALFORMED, ERR_NOMEM. */
int gate_open(struct gate **out, const struct config *config, uint64_t seed, struct errmsg *em);
void gate_close(struct gate **g); /* accepts a pointer to NULL; all must have left */

/* A request has come. True: *client is counted until gate_leave(), or NULL: nothing limits it.
 * False: `answer` (empty until then) says why not. */
struct gate_visitor {
    const struct http_request *request;
    const struct caller *caller; /* NULL: it came without one of our keys */
    uint64_t now_ms;
};
bool gate_enter(struct gate *g, const struct gate_visitor *v, struct client **client,
                struct http_answer *answer);
void gate_leave(struct gate *g, uint64_t now_ms, struct client **client);

/* The request is going to wait, until gate_unpark(). False: as many of its client's wait as
 * may; gate_refuse_parked() says so. */
bool gate_park(struct client *client);
void gate_unpark(struct client *client);
void gate_refuse_parked(struct gate *g, const struct http_request *r,
                        struct http_answer *answer);

/* For metrics. `n` from 0; false: there are no more. */
bool gate_refused_at(const struct gate *g, size_t n, const char **reason, uint64_t *count);
uint32_t gate_known(const struct gate *g);

#endif
