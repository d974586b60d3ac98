/* A handler runs functions of one kind: an upstream, a program, a plugin, a builtin.
 *
 * It executes and reports, and knows nothing of invocations, time-outs, retries or queues:
 * the core decides when to start, when to stop, and what an answer means. Nothing here
 * blocks the loop. All calls and callbacks happen on the loop thread.
 */
#ifndef NODE_HANDLERS_HANDLER_H
#define NODE_HANDLERS_HANDLER_H

#include "base/err.h"
#include "core/execution.h"

struct handler_env {
    struct loop *loop;          /* node/io */
    struct budget *budget;      /* results are charged here before they are allocated */
    size_t body_max;            /* limits.body_bytes */
    size_t header_max;          /* limits.header_bytes */
    uint32_t concurrency_total; /* sum over the functions: how much can run at once */
    char *const *plugin_dirs;   /* plugins.path; none: wherever the target says */
    size_t plugin_dir_count;
    bool core_dumps; /* debug.core_dumps: programs may leave theirs too */
    void *owner;
    /* Exactly once for each started execution that was not stopped. It may come from inside
     * start() already (builtins), never from inside stop(). */
    void (*on_done)(void *owner, uint64_t execution_id, struct execution_outcome *outcome);
};

/* What is configured for one function: functions.NAME. Borrowed for the call of open(). */
struct handler_function {
    struct bytes target; /* "exec:/bin/x -a" */
    uint32_t concurrency;
    /* Of programs (exec:) only. */
    char *const *variables; /* NAME of the node's own, or NAME=value */
    size_t variable_count;
    const char *user, *dir; /* NULL or empty: the node's own */
    uint64_t memory_bytes;  /* these four: 0 is no limit of its own; see io/confine.h */
    uint32_t cpu_s, files, processes;
};

/* One configured function of a handler. */
struct handler_target;

struct handler {
    const char *scheme; /* "http://", "exec:", "plugin:", "builtin:" */
    /* Makes a target. ERR_MALFORMED, ERR_IO, ERR_NOTFOUND: `em` says what is wrong and what is
     * allowed; nothing is left behind. */
    int (*open)(const struct handler_env *env, const struct handler_function *function,
                struct handler_target **out, struct errmsg *em);
    /* Begins an execution. ERR_NOMEM/ERR_FULL/ERR_IO: not begun, no on_done; the core treats
     * it as EXECUTION_FAILED. */
    int (*start)(struct handler_target *target, const struct execution *execution);
    /* Ends it: process group killed, upstream connection closed. No on_done comes after. An
     * unknown id is ignored (it may have just finished). */
    void (*stop)(struct handler_target *target, uint64_t execution_id);
    /* No execution is left. The target's memory goes away by itself, perhaps later. */
    void (*close)(struct handler_target *target);
};

/* The handler whose scheme `target` begins with, or NULL. */
const struct handler *handler_for(struct bytes target);

extern const struct handler handler_http, handler_exec, handler_plugin, handler_builtin;

#endif
