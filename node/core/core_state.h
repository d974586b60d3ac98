/* What the files of core share: the state, and who may call whom. Private to node/core. */
#ifndef NODE_CORE_CORE_STATE_H
#define NODE_CORE_CORE_STATE_H

#include "base/rng.h"
#include "cluster/invocation.h"
#include "core/core.h"
#include "core/work.h"

/* One call into the core leads to a handful of effects; a tick stops before they are many. */
#define EFFECTS_MAX               256u
#define EFFECTS_ROOM_FOR_ONE_STEP 16u

/* Attempts at once: of this node, and to one receiver. A dead one must take neither all
 * descriptors nor the turns of the others. */
#define WEBHOOKS_SENDING_MAX  128u
#define WEBHOOKS_TO_ONE_MAX   16u
#define WEBHOOK_RECEIVERS_MAX 256u /* those of one hash share their turns */

/* Where a call stands. */
enum call_stage {
    STAGE_NEW,
    STAGE_REGISTER_KEY, /* its idempotency key is being registered */
    STAGE_REGISTER_ID,  /* its own id is being registered */
    STAGE_REPLAY,       /* the key was known: what became of that invocation? */
    STAGE_ID_TAKEN,     /* the id was known: is its invocation still? */
    STAGE_ACCEPT,       /* copies are being made */
    STAGE_WAIT,         /* accepted; the client waits for the answer a while */
    STAGE_SYNC,         /* the client waits for the function */
    STAGE_RESOLVE,      /* which GUID has the client's id? */
    STAGE_ASKED,        /* the cluster has the question */
    STAGE_SERVING,      /* the callback is being written */
    STAGE_DONE,
};

/* The webhooks to one receiver that are due. */
struct webhook_line {
    struct list link; /* of core->webhook_lines while one of `due` may be sent */
    struct list due;
    uint32_t busy; /* being claimed or sent */
};

struct core {
    struct core_config config;
    struct functions *functions;
    struct works *works;
    struct cluster *cluster;
    struct rng rng;
    uint64_t now_ms;
    bool draining, finishing, leaving;
    uint64_t refused[OUT_COUNT];
    char *node_name;
    struct alarms webhook_alarms;
    struct list webhooks; /* all of them */
    struct list webhooks_sending;
    struct webhook_line webhook_receivers[WEBHOOK_RECEIVERS_MAX];
    struct list webhook_lines; /* those of them that wait for their turn */
    uint32_t webhook_count, webhooks_busy;
    uint64_t webhook_ids, webhook_hash_key;
    struct core_effect effects[EFFECTS_MAX]; /* a ring */
    uint32_t effect_first, effect_count;
};

/* core.c */
struct core_effect *core_add_effect(struct core *c, enum core_effect_kind kind);
bool core_has_room(const struct core *c);
void core_reply(struct core *c, struct call *call, struct op_reply *reply);
void core_reply_plain(struct core *c, struct call *call, enum op_outcome outcome);
uint64_t core_wall_ms(const struct core *c, uint64_t monotonic_ms);
static inline uint64_t call_ticket(const struct call *call)
{
    return (uint64_t)(uintptr_t)call;
}

/* Tickets of webhooks are marked by the lowest bit, which no pointer has. */
static inline uint64_t webhook_ticket(const struct webhook *w)
{
    return (uint64_t)(uintptr_t)w | 1u;
}
static inline bool ticket_is_webhook(uint64_t ticket)
{
    return (ticket & 1u) != 0;
}
static inline struct webhook *webhook_of_ticket(uint64_t ticket)
{
    return (struct webhook *)(uintptr_t)(ticket & ~(uint64_t)1);
}

/* core_webhook.c */
void core_webhook_init(struct core *c);
void core_webhook_begin(struct core *c, struct invocation *inv);
void core_webhook_free_all(struct core *c);
void core_webhook_due(struct core *c);
void core_webhook_claimed(struct core *c, struct cluster_effect *fx);
void core_webhook_end(struct core *c, struct webhook *w);

/* core_invoke.c */
void core_invoke(struct core *c, struct call *call);
void core_invoke_unregister(struct core *c, const struct call *call);
void core_invoke_registered(struct core *c, struct call *call, const struct cluster_effect *fx);
void core_invoke_accepted(struct core *c, struct invocation *inv);
void core_invoke_refused(struct core *c, struct invocation *inv);
void core_invoke_name_owner(struct core *c, struct call *call,
                            const struct invocation_view *view);

/* core_ask.c: status, collect, cancel, release */
void core_ask(struct core *c, struct call *call);
void core_ask_resolved(struct core *c, struct call *call, const struct cluster_effect *fx);
/* Nothing has that GUID: perhaps it is a name that the client chose. */
void core_ask_unknown(struct core *c, struct call *call);
struct invocation_info core_info(struct core *c, struct call *call,
                                 const struct invocation_view *view);

/* core_run.c */
void core_run_admit(struct core *c, struct work *w);
void core_run_next(struct core *c, struct function *f);
void core_run_take_over(struct core *c, struct invocation *inv);
/* Ends the work without a word to anybody: canceled, or done elsewhere. */
void core_run_abandon(struct core *c, struct work *w);
void core_run_due(struct core *c, struct work *w);

/* core_cluster.c */
void core_handle(struct core *c, struct cluster_effect *fx);

#endif
