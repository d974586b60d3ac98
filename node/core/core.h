/* core -- one node's whole logic, sans-I/O: what clients ask, what waits and runs, what the
 * cluster decides. It joins operations (ops.h), functions and their queues, and the cluster.
 *
 * Events enter through the calls below, with the monotonic time; effects leave one by one
 * through core_next_effect(), which the driver calls until it says false after each event.
 * No clock, socket, thread or randomness: random bytes come with the requests. Nothing
 * here calls back, so nothing re-enters.
 *
 * Times: monotonic milliseconds; only struct invocation_info has wall-clock times.
 */
#ifndef NODE_CORE_CORE_H
#define NODE_CORE_CORE_H

#include "cluster/cluster.h"
#include "core/execution.h"
#include "core/functions.h"
#include "core/ops.h"
#include "core/webhook.h"

struct core;

struct core_config {
    const struct function_spec *functions; /* copied */
    uint32_t function_count;
    uint64_t wall_offset_ms; /* wall clock minus monotonic clock, at start */
    uint32_t wait_ms;        /* callback.wait_ms */
    uint32_t wait_max_ms;    /* callback.wait_max_ms */
    uint32_t jube_wait_ms;   /* jube.callback_timeout_ms */
    uint32_t home_tag;       /* 24 bits of our node id, for GUIDs */
    struct webhook_policy webhook;
    uint64_t seed;
    struct bytes node_name;    /* copied */
    struct budget *budget;     /* limits.store_bytes */
    uint64_t tenant_bytes_max; /* held for one tenant; 0: not limited */
    struct cluster *cluster;   /* the core becomes its owner */
};

/* NULL: out of memory; the cluster is then still the caller's. */
struct core *core_new(const struct core_config *config, uint64_t now_ms);
void core_free(struct core **c);

/* One client's request in the hands of the core. The driver embeds it where it keeps the
 * exchange, zeroed, with `op` and `owner` set; it must stay in place until EFFECT_REPLY was
 * taken (and, where the reply asks for it, core_sent() was called) or core_leave(). */
struct call {
    const struct op_request *op; /* alive as long as the call */
    void *owner;                 /* the driver's */
    /* The core's own from here. */
    uint8_t stage;
    bool resolved; /* `id` was found by name: do not look it up again */
    bool mismatch; /* the idempotency key came with another request before */
    bool is_link;  /* of a chain: its id names another function's invocation */
    struct work *work;
    struct guid id;
    uint64_t fingerprint;
    char function_text[64]; /* a function that only other nodes have */
};

/* A request has arrived. `random` are 16 bytes of the system's generator, for a GUID. */
void core_request(struct core *c, uint64_t now_ms, struct call *call,
                  const uint8_t random[GUID_SIZE]);

/* The client left before it was answered. A synchronous invocation ends with it. */
void core_leave(struct core *c, uint64_t now_ms, struct call *call);

/* After a reply with `report_sent`: whether the last byte was handed to the system. */
void core_sent(struct core *c, uint64_t now_ms, struct call *call, bool complete);

/* An execution has ended. Takes the references in `outcome`. One that the core had stopped in
 * the meantime is ignored (and its references dropped). */
void core_done(struct core *c, uint64_t now_ms, uint64_t execution_id,
               struct execution_outcome *outcome);

/* An attempt of EFFECT_WEBHOOK has ended. Unknown ids are ignored. */
void core_webhook_done(struct core *c, uint64_t now_ms, uint64_t id,
                       const struct webhook_outcome *outcome);

uint64_t core_deadline_ms(const struct core *c);
void core_tick(struct core *c, uint64_t now_ms);

/* Refuse new invocations from now on; finish or hand over what is here. Clients are served. */
void core_drain(struct core *c, uint64_t now_ms);

/* After core_drain(): clients have had their time. As soon as no work is left the node leaves
 * the cluster; EFFECT_DRAINED follows. */
void core_finish(struct core *c, uint64_t now_ms);
bool core_is_draining(const struct core *c);

/* Is memory free for a usual result of some function? Else every invocation is refused. */
bool core_has_memory(const struct core *c);

/* The process ends without waiting: stops some of what runs (EFFECT_STOP); true while more is
 * left. Nobody is told. */
bool core_abandon(struct core *c);

enum core_effect_kind {
    EFFECT_REPLY,   /* `call`, `reply`: answer the client. The call may be forgotten after it,
                     * unless reply.report_sent */
    EFFECT_START,   /* `function`, `execution`: run it. Ends in core_done() */
    EFFECT_STOP,    /* `function`, `execution.id`: end it, no core_done() is awaited */
    EFFECT_WEBHOOK, /* `webhook`: one POST of the callback. Ends in core_webhook_done() */
    EFFECT_WEBHOOK_STOP, /* `webhook.id`: end it, nothing is awaited */
    EFFECT_SURVEY,       /* `survey`: reports of nodes, for the admin address */
    EFFECT_LINK,         /* `link`: an effect of the cluster for its links */
    EFFECT_DRAINED,      /* the process may exit */
};

/* Tickets of cluster_survey() carry this mark, so that the core hands them on. */
#define CORE_TICKET_SURVEY 2u

struct core_survey {
    enum cluster_effect_kind kind; /* CLUSTER_ASK_REPORT, _REPORT, _SURVEY_DONE */
    uint64_t ticket;
    uint64_t topic;          /* ASK_REPORT */
    struct bytes node, text; /* REPORT */
};

struct core_effect {
    enum core_effect_kind kind;
    union {
        struct {
            struct call *call;
            struct op_reply reply;
        };
        struct {
            struct function *function;
            struct execution execution;
        };
        struct webhook_attempt webhook;
        struct core_survey survey;
        struct {
            enum cluster_effect_kind link_kind;
            struct link_effect *link;
        };
    };
};

/* False: none left. What is borrowed in it lives until the next call into the core. */
bool core_next_effect(struct core *c, struct core_effect *out);

/* For the admin address and metrics; borrowed. What the functions say of what is ready is of
 * this moment. */
const struct functions *core_functions(const struct core *c);
struct cluster *core_cluster(const struct core *c);
uint64_t core_refused(const struct core *c, enum op_outcome reason);

/* An invocation that the core was never asked for, because nothing could come of it. */
void core_note_refused(struct core *c, enum op_outcome reason);

#endif
