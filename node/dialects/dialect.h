/* A dialect is how one family of clients spells our operations in HTTP.
 *
 * It translates, and nothing else: no state, no I/O, no decision about an invocation. So a
 * dialect is tested with a table of requests and answers. To add one: write
 * dialect_<name>.c, add one line to the table in dialects.c (docs/dialects.md).
 */
#ifndef NODE_DIALECTS_DIALECT_H
#define NODE_DIALECTS_DIALECT_H

#include "core/caller.h"
#include "core/ops.h"
#include "http/http_message.h"

struct webhook_allow; /* core/webhook_url.h */

/* What dialects may know of the configuration. Shared by all, fixed after start. */
struct dialect_config {
    uint16_t status_pending_code; /* 200 or 202 */
    uint16_t status_done_code;    /* 303, 302, or 200 */
    bool status_conditions;       /* SECA's status body */
    struct bytes base_url;        /* before the paths of Location; empty: nothing */
    uint32_t wait_max_ms;
    bool jube_strict_codes;
    bool jube_enabled;          /* EnablePublicInvokeController */
    bool jube_callback_enabled; /* EnableCallback */
    uint32_t jube_callback_timeout_ms;
    struct bytes node_name;
    struct guid instance_guid; /* this process */
    struct buf *openapi;       /* openapi_make(); each answer shares it */
    /* The function that answers for a name (dialects that allow suffixes or model GUIDs ask
     * here), or an empty view. The answer lives as long as the process. */
    struct bytes (*function_named)(void *owner, struct bytes name);
    struct bytes (*function_of_model)(void *owner, const struct guid *model);
    /* Calls `visit` once for each function, in the order of the configuration. */
    void (*each_function)(void *owner, void (*visit)(void *arg, struct bytes name), void *arg);
    /* Whether a function of ours is given the client's credentials. NULL: each is. */
    bool (*takes_credentials)(void *owner, struct bytes function);
    const struct webhook_allow *webhook_allow; /* NULL: nothing internal is allowed */
    void *owner;
    const struct caller *caller; /* who asks now; NULL: keys are off */
};

enum dialect_verdict {
    DIALECT_NOT_MINE, /* ask the next one */
    DIALECT_OP,       /* `out` is filled, with views into the request */
    DIALECT_ANSWER,   /* no operation: `answer` is complete (405, 400, a fixed page) */
};

struct dialect {
    const char *name;     /* the label `dialect` of the metrics */
    bool has_no_problems; /* its clients know no problem documents: refusals are empty */
    /* Routes one request. For a request whose head only has arrived (`in->head_only`), it may
     * already answer, so that a body nobody wants is not read; what it says in `out` then is
     * not to be executed: it is asked again when the body is here.
     * `scratch` is the caller's memory, cleared here and used for what the request does not
     * hold in one piece (the headers for the function); views into it in `out` are good until
     * the caller's next parse, so the operation must be executed before that. */
    enum dialect_verdict (*parse)(const struct dialect_config *config,
                                  const struct http_request *in, struct text *scratch,
                                  struct op_request *out, struct http_answer *answer);
    /* Writes the reply to the request that parse() understood. Takes the references of
     * reply->result (moves them into the answer or drops them). */
    void (*render)(const struct dialect_config *config, const struct http_request *in,
                   const struct op_request *op, struct op_reply *reply,
                   struct http_answer *answer);
};

extern const struct dialect dialect_native, dialect_jube, dialect_openfaas, dialect_verda,
    dialect_fallback;

/* The table, most specific routes first. */
extern const struct dialect *const dialects[];
extern const size_t dialect_count;

struct dialect_routing {
    const struct dialect *dialect; /* never NULL */
    enum dialect_verdict verdict;  /* never DIALECT_NOT_MINE: the last one answers 404 */
};

/* The first dialect that takes the request, and what it made of it. */
struct dialect_routing dialect_route(const struct dialect_config *config,
                                     const struct http_request *in, struct text *scratch,
                                     struct op_request *out, struct http_answer *answer);

/* True for a name that another route begins with: such a function could not be reached in
 * every dialect, so the configuration refuses it at start. */
bool dialect_name_is_reserved(struct bytes name);

/* A problem document (RFC 9457): status, /problems/<slug>, and what to say; NULL: what there is
 * to say of every such problem. */
void dialect_problem(struct http_answer *answer, uint16_t status, const char *slug,
                     const char *detail, struct bytes instance);

#endif
