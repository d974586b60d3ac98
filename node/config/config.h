/* What a node is told before it starts: one struct of plain values, and how it is read.
 *
 * Sources, strongest first (API.md section 2): flags, environment, the YAML file, defaults.
 * One table (settings_table.h) says what there is; flags, variables, file, --check, --help and
 * docs/configuration.md all follow from it.
 *
 * This folder refuses to know what a setting does: it opens no socket, creates no log, asks no
 * clock. It reads the file that --config names, the one of `auth.keys_file` and the host's
 * name, nothing else.
 *
 * Every string, list and function belongs to the config and lives until config_free(). Strings
 * are never NULL; an empty one means "not set". Units stand last in the names.
 */
#ifndef NODE_CONFIG_CONFIG_H
#define NODE_CONFIG_CONFIG_H

#include "base/text.h"
#include "proto/guid.h"

enum config_claim { CONFIG_CLAIM_STRICT, CONFIG_CLAIM_AVAILABLE };
enum config_payload { CONFIG_PAYLOAD_AUTO, CONFIG_PAYLOAD_ARBITERS, CONFIG_PAYLOAD_ALL };
enum config_status_body { CONFIG_STATUS_NATIVE, CONFIG_STATUS_CONDITIONS };
enum config_node_loss { CONFIG_LOSS_REEXECUTE, CONFIG_LOSS_FAIL, CONFIG_LOSS_DROP };
enum config_forward { CONFIG_FORWARD_AUTO, CONFIG_FORWARD_TRUE, CONFIG_FORWARD_FALSE };
/* In the order of enum log_level (obs/log.h). */
enum config_log_level { CONFIG_LOG_DEBUG, CONFIG_LOG_INFO, CONFIG_LOG_WARN, CONFIG_LOG_ERROR };

struct config_list {
    char **items;
    size_t count;
};

#define CONFIG_RETRY_CODES_MAX 16

struct config_retry {
    uint32_t attempts; /* executions in all; 0 or 1: no retry */
    uint16_t codes[CONFIG_RETRY_CODES_MAX];
    size_t code_count;
    uint32_t min_wait_ms, max_wait_ms;
};

struct function_config {
    char *name;
    char *target;
    uint32_t concurrency; /* running at once on this node */
    uint32_t queue;       /* waiting on this node */
    uint32_t timeout_ms;  /* one execution */
    uint32_t ttl_ms;      /* resolved: callback.ttl_ms when the function has none of its own */
    enum config_node_loss on_node_loss;
    bool has_jube_model;
    struct guid jube_model;
    struct config_retry retry;
    uint32_t deadline_ms;  /* the whole invocation; 0: none */
    uint32_t max_attempts; /* executions over the whole cluster when nodes die */
    enum config_forward forward_credentials;
    /* Of programs (exec:) only. */
    struct config_list env; /* NAME, or NAME=value */
    char *user, *dir;
    struct {
        uint32_t cpu_s, files, processes; /* 0: no limit of its own */
        uint64_t memory_bytes;
    } limits;
};

struct config {
    char *name;
    char *listen, *admin; /* HOST:PORT; port 0 asks the system */

    struct {
        char *listen; /* empty: off, a single node */
        struct config_list seeds;
        char *advertise; /* empty: what `listen` was bound to */
        char *name, *zone;
        uint32_t expect; /* members before the first readiness; 0: do not wait */
        enum config_claim claim;
        uint32_t accept_acks;
        char *secret_file;
        struct {
            char *cert, *key, *ca;
        } tls;
        bool insecure;
        enum config_payload payload;
    } cluster;

    struct {
        uint32_t ttl_ms, wait_ms, wait_max_ms, redelivery_ms;
    } callback;

    struct {
        uint32_t callback_timeout_ms;
        bool strict_codes;
        bool enable_callback;      /* EnableCallback */
        bool enable_public_invoke; /* EnablePublicInvokeController */
    } jube;

    struct {
        uint32_t pending_code; /* 200 or 202 */
        uint32_t done;         /* 303, 302 or 200 */
        uint32_t retention_ms;
        enum config_status_body body;
        char *base_url; /* "": none */
    } status;

    struct {
        uint64_t body_bytes, header_bytes, store_bytes;
        uint32_t connections;
        uint32_t head_timeout_ms, body_timeout_ms, idle_timeout_ms, write_timeout_ms;
        uint64_t body_rate_min, write_rate_min; /* bytes a second; 0: none */
        uint32_t half_close_ms;
        struct {
            uint32_t rate, burst, concurrency, parked; /* 0: not limited */
            struct config_list trusted;
        } client;
        uint32_t tenant_share; /* percent */
    } limits;

    struct {
        uint32_t delay_ms;
    } shutdown;

    struct {
        char *secret_file;
        uint32_t attempts, min_wait_ms, max_wait_ms, timeout_ms;
        struct config_list allow;
    } webhook;

    struct {
        char *cert, *key;
    } tls;

    struct {
        char *keys_file;
        bool open, open_metrics;
    } auth;

    struct {
        enum config_log_level level;
    } log;

    struct {
        struct config_list path; /* folders; empty: anywhere */
    } plugins;

    struct {
        bool core_dumps;
    } debug;

    struct function_config *functions; /* in the order they were named */
    size_t function_count;

    struct config_origins *origins; /* where each value came from */
};

/* Every setting at its default, no function. Never NULL: memory that we size ourselves at
 * start-up may abort. */
struct config *config_new(void);
void config_free(struct config **c);

struct config_input {
    int argc;
    char *const *argv;
    char *const *environ; /* NULL: none */
    /* True for a name that a route of a dialect uses; such a function is refused. May be NULL.
     */
    bool (*name_is_reserved)(struct bytes name);
};

/* What to tell people. Lines, each with its newline. The caller ends it with
 * config_report_fini(). */
struct config_report {
    struct text out;      /* for standard output: --help, --version, --check */
    struct text faults;   /* for standard error; `file:line: key: what is wrong, allowed` */
    struct text warnings; /* likewise, and nothing ends because of them: log them */
};

void config_report_fini(struct config_report *report);

enum config_verdict {
    CONFIG_RUN,   /* run with it */
    CONFIG_CHECK, /* as DONE, when all that it names can be used; else as STOP */
    CONFIG_DONE,  /* print `out` and `warnings`, exit 0 */
    CONFIG_STOP,  /* print `faults` (all of them, not the first), exit 2 */
};

/* Reads all sources into `c`, which config_new() made. */
enum config_verdict config_load(struct config *c, const struct config_input *in,
                                struct config_report *report);

/* The function of that very name, or NULL. */
const struct function_config *config_function(const struct config *c, struct bytes name);

#endif
