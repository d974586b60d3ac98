#include "wiring.h"

#include "io/ids.h"

#include <stdlib.h>

struct function_spec *wiring_function_specs(const struct config *config)
{
    struct function_spec *specs = calloc(config->function_count + 1, sizeof *specs);
    if (specs == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < config->function_count; i++) {
        const struct function_config *f = &config->functions[i];
        struct function_spec *s = &specs[i];
        s->name = bytes_text(f->name);
        s->concurrency = f->concurrency;
        s->queue = f->queue;
        s->timeout_ms = f->timeout_ms;
        s->ttl_ms = f->ttl_ms;
        s->deadline_ms = f->deadline_ms;
        s->on_node_loss = (uint8_t)f->on_node_loss;
        s->max_attempts = (uint8_t)f->max_attempts;
        s->retry.attempts = f->retry.attempts;
        s->retry.min_wait_ms = f->retry.min_wait_ms;
        s->retry.max_wait_ms = f->retry.max_wait_ms;
        for (size_t k = 0; k < f->retry.code_count && k < RETRY_CODES_MAX; k++) {
            s->retry.codes[s->retry.code_count++] = f->retry.codes[k];
        }
    }
    return specs;
}

_Static_assert(CONFIG_RETRY_CODES_MAX == RETRY_CODES_MAX, "no configured code is lost");
_Static_assert((int)CONFIG_LOSS_REEXECUTE == (int)ON_NODE_LOSS_REEXECUTE &&
                   (int)CONFIG_LOSS_FAIL == (int)ON_NODE_LOSS_FAIL &&
                   (int)CONFIG_LOSS_DROP == (int)ON_NODE_LOSS_DROP,
               "one enumeration in two layers");

uint32_t wiring_concurrency_total(const struct config *config)
{
    uint32_t total = 0;
    for (size_t i = 0; i < config->function_count; i++) {
        total += config->functions[i].concurrency;
    }
    return total;
}

static struct bytes function_named(void *owner, struct bytes name)
{
    const struct function_config *f = config_function(owner, name);
    return f == NULL ? bytes_of(NULL, 0) : bytes_text(f->name);
}

struct balance_model *wiring_models(const struct config *config)
{
    struct balance_model *models = calloc(config->function_count + 1, sizeof *models);
    for (size_t i = 0; models != NULL && i < config->function_count; i++) {
        const struct function_config *f = &config->functions[i];
        models[i].is_one =
            f->has_jube_model || guid_parse(&models[i].guid, bytes_text(f->name)) == 0;
        if (f->has_jube_model) {
            models[i].guid = f->jube_model;
        }
    }
    return models;
}

/* The function that is mapped to the model, or whose name is the model's GUID. */
static struct bytes function_of_model(void *owner, const struct guid *model)
{
    const struct config *config = owner;
    for (size_t i = 0; i < config->function_count; i++) {
        const struct function_config *f = &config->functions[i];
        struct guid named;
        if (f->has_jube_model && guid_equal(&f->jube_model, model)) {
            return bytes_text(f->name);
        }
        if (guid_parse(&named, bytes_text(f->name)) == 0 && guid_equal(&named, model)) {
            return bytes_text(f->name);
        }
    }
    return bytes_of(NULL, 0);
}

static void each_function(void *owner, void (*visit)(void *arg, struct bytes name), void *arg)
{
    const struct config *config = owner;
    for (size_t i = 0; i < config->function_count; i++) {
        visit(arg, bytes_text(config->functions[i].name));
    }
}

/* With keys, what a client says who it is by was said to this node, not to the function. */
static bool takes_credentials(void *owner, struct bytes function)
{
    const struct config *config = owner;
    const struct function_config *f = config_function(config, function);
    if (f == NULL || f->forward_credentials == CONFIG_FORWARD_AUTO) {
        return config->auth.keys_file[0] == '\0';
    }
    return f->forward_credentials == CONFIG_FORWARD_TRUE;
}

struct dialect_config wiring_dialects(const struct config *config, const struct guid *node_id)
{
    return (struct dialect_config){
        .status_pending_code = (uint16_t)config->status.pending_code,
        .status_done_code = (uint16_t)config->status.done,
        .status_conditions = config->status.body == CONFIG_STATUS_CONDITIONS,
        .base_url = bytes_text(config->status.base_url),
        .wait_max_ms = config->callback.wait_max_ms,
        .jube_strict_codes = config->jube.strict_codes,
        .jube_enabled = config->jube.enable_public_invoke,
        .jube_callback_enabled = config->jube.enable_callback,
        .jube_callback_timeout_ms = config->jube.callback_timeout_ms,
        .node_name = bytes_text(config->name),
        .instance_guid = *node_id,
        .function_named = function_named,
        .function_of_model = function_of_model,
        .each_function = each_function,
        .takes_credentials = takes_credentials,
        .owner = (void *)(uintptr_t)config,
    };
}

uint64_t wiring_seed(void)
{
    uint8_t random[GUID_SIZE];
    uint64_t seed;
    ids_random(random);
    memcpy(&seed, random, sizeof seed);
    return seed;
}

struct cluster_config wiring_cluster(const struct config *config, const struct guid *node_id,
                                     struct budget *budget)
{
    return (struct cluster_config){
        .node_id = *node_id,
        .node_name = bytes_text(config->name),
        .cluster_name = bytes_text(config->cluster.name),
        .zone = bytes_text(config->cluster.zone),
        .advertise = bytes_text(config->cluster.advertise),
        .available = config->cluster.claim == CONFIG_CLAIM_AVAILABLE,
        .accept_acks = (uint8_t)config->cluster.accept_acks,
        .expect = (uint8_t)config->cluster.expect,
        .payload_all = config->cluster.payload == CONFIG_PAYLOAD_ALL,
        .payload_inline_max =
            config->cluster.payload == CONFIG_PAYLOAD_ARBITERS ? 0 : PAYLOAD_INLINE_MAX,
        .payload_inline_nodes = PAYLOAD_INLINE_NODES,
        .retention_ms = config->status.retention_ms,
        .redelivery_ms = config->callback.redelivery_ms,
        .seed = wiring_seed(),
        .budget = budget,
    };
}

/* 0, no limit, when all of it may be had. */
static uint64_t share_of(uint64_t size, uint32_t percent)
{
    return percent >= 100 ? 0 : size / 100 * percent;
}

struct core_config wiring_core(const struct config *config, const struct guid *node_id,
                               struct budget *budget)
{
    return (struct core_config){
        .function_count = (uint32_t)config->function_count,
        .wait_ms = config->callback.wait_ms,
        .wait_max_ms = config->callback.wait_max_ms,
        .jube_wait_ms = config->jube.callback_timeout_ms,
        .home_tag = guid_home_tag(node_id),
        .webhook =
            {
                .attempts = config->webhook.attempts,
                .min_wait_ms = config->webhook.min_wait_ms,
                .max_wait_ms = config->webhook.max_wait_ms,
            },
        .seed = wiring_seed(),
        .node_name = bytes_text(config->name),
        .budget = budget,
        .tenant_bytes_max = share_of(config->limits.store_bytes, config->limits.tenant_share),
    };
}

struct http_server_config wiring_http(const struct config *config, struct budget *budget)
{
    return (struct http_server_config){
        .budget = budget,
        .body_max = config->limits.body_bytes,
        .header_max = config->limits.header_bytes,
        .connections_max = config->limits.connections,
        .head_timeout_ms = config->limits.head_timeout_ms,
        .body_timeout_ms = config->limits.body_timeout_ms,
        .idle_timeout_ms = config->limits.idle_timeout_ms,
        .write_timeout_ms = config->limits.write_timeout_ms,
        .body_rate_min = config->limits.body_rate_min,
        .write_rate_min = config->limits.write_rate_min,
        .half_close_ms = config->limits.half_close_ms,
    };
}

int wiring_allow(struct webhook_allow *out, const struct config *config)
{
    const struct config_list *list = &config->webhook.allow;
    struct bytes *items = calloc(list->count + 1, sizeof *items);
    if (items == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < list->count; i++) {
        items[i] = bytes_text(list->items[i]);
    }
    *out = (struct webhook_allow){.items = items, .count = list->count};
    return 0;
}

void wiring_free_allow(struct webhook_allow *allow)
{
    free((void *)(uintptr_t)allow->items);
    *allow = (struct webhook_allow){0};
}

struct handler_env wiring_handlers(const struct config *config, struct loop *loop,
                                   struct budget *budget)
{
    return (struct handler_env){
        .loop = loop,
        .budget = budget,
        .body_max = config->limits.body_bytes,
        .header_max = config->limits.header_bytes,
        .concurrency_total = wiring_concurrency_total(config),
        .plugin_dirs = config->plugins.path.items,
        .plugin_dir_count = config->plugins.path.count,
        .core_dumps = config->debug.core_dumps,
    };
}

static int open_target(struct driver_target *t, const struct function_config *f,
                       const struct handler_env *env, struct errmsg *em)
{
    struct bytes text = bytes_text(f->target);
    t->handler = handler_for(text);
    if (t->handler == NULL) {
        return err_set(em, ERR_MALFORMED,
                       "functions.%s.target: \"%s\" is no target; allowed are http://, "
                       "https://, exec:, plugin: and builtin:",
                       f->name, f->target);
    }
    struct errmsg why = {{0}};
    struct handler_function function = {
        .target = text,
        .concurrency = f->concurrency,
        .variables = f->env.items,
        .variable_count = f->env.count,
        .user = f->user,
        .dir = f->dir,
        .cpu_s = f->limits.cpu_s,
        .memory_bytes = f->limits.memory_bytes,
        .files = f->limits.files,
        .processes = f->limits.processes,
    };
    int rc = t->handler->open(env, &function, &t->target, &why);
    if (rc != 0) {
        t->handler = NULL;
        /* Whatever it is, a target that cannot be opened is a fault of the configuration. */
        rc = rc == ERR_NOMEM ? rc : ERR_MALFORMED;
        err_set(em, rc, "functions.%s.target: %s", f->name, why.text);
    }
    return rc;
}

int wiring_open_targets(struct driver_target **out, const struct config *config,
                        const struct handler_env *env, struct errmsg *em)
{
    *out = NULL;
    struct driver_target *targets = calloc(config->function_count + 1, sizeof *targets);
    if (targets == NULL) {
        return err_set(em, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < config->function_count; i++) {
        int rc = open_target(&targets[i], &config->functions[i], env, em);
        if (rc != 0) {
            wiring_close_targets(&targets, i);
            return rc;
        }
    }
    *out = targets;
    return 0;
}

void wiring_close_targets(struct driver_target **targets, size_t count)
{
    struct driver_target *mine = *targets;
    *targets = NULL;
    for (size_t i = 0; mine != NULL && i < count; i++) {
        mine[i].handler->close(mine[i].target);
    }
    free(mine);
}
