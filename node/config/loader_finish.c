/* What can only be said when every source was read: values that follow from others, and
 * values that do not fit together. */
#include "config/loader.h"

#include "config/keys_file.h"
#include "config/shape.h"
#include "config/value.h"

#include <stdlib.h>
#include <unistd.h>

#define HOST_NAME_ROOM 256

static bool is_given(const struct config *c, const char *key)
{
    return c->origins->of[setting_index(setting_find(bytes_text(key), false))] != NULL;
}

static const char *origin_of(const struct config *c, const char *key)
{
    const char *origin = c->origins->of[setting_index(setting_find(bytes_text(key), false))];
    return origin == NULL ? "default" : origin;
}

static const char *function_origin(const struct config *c, size_t function, const char *key)
{
    const struct setting *s = setting_find(bytes_text(key), true);
    return c->origins->functions[function].of[setting_index(s)];
}

static void name_after_host(struct config *c)
{
    char host[HOST_NAME_ROOM] = "";
    if (c->name[0] == '\0') {
        bool has_name = gethostname(host, sizeof host - 1) == 0 && host[0] != '\0';
        free(c->name);
        c->name = value_copy(bytes_text(has_name ? host : "callbackd"));
    }
}

/* `low` may not pass `high`. Where only one of them was chosen, the other gives way. */
static void order(struct loader *l, const char *low_key, uint32_t *low, const char *high_key,
                  uint32_t *high)
{
    const struct config *c = l->config;
    if (*low <= *high) {
        return;
    }
    if (!is_given(c, low_key)) {
        *low = *high;
    } else if (!is_given(c, high_key)) {
        *high = *low;
    } else {
        loader_fault(l, origin_of(c, low_key), bytes_text(low_key),
                     "%u is above %s (%u); allowed: at most that", *low, high_key, *high);
    }
}

static void check_together(struct loader *l, const char *key, const char *needed)
{
    const struct config *c = l->config;
    if (is_given(c, key) && !is_given(c, needed)) {
        loader_fault(l, origin_of(c, key), bytes_text(key), "needs %s as well", needed);
    }
}

/* Peers are given every callback's body: nobody else may read along, or be one. */
static void check_peers(struct loader *l)
{
    const struct config *c = l->config;
    bool has_secret = c->cluster.secret_file[0] != '\0';
    bool has_certificate = c->cluster.tls.cert[0] != '\0';
    check_together(l, "cluster.tls.cert", "cluster.tls.key");
    check_together(l, "cluster.tls.cert", "cluster.tls.ca");
    check_together(l, "cluster.tls.key", "cluster.tls.cert");
    check_together(l, "cluster.tls.ca", "cluster.tls.cert");
    if (has_secret && has_certificate) {
        loader_fault(l, origin_of(c, "cluster.secret_file"), bytes_text("cluster.secret_file"),
                     "stands beside cluster.tls.cert; allowed: one of them");
    }
    if (c->cluster.listen[0] != '\0' && !shape_is_loopback(bytes_text(c->cluster.listen)) &&
        !has_secret && !has_certificate && !c->cluster.insecure) {
        loader_fault(
            l, origin_of(c, "cluster.listen"), bytes_text("cluster.listen"),
            "is beyond loopback, where anybody could read along and join; allowed: with "
            "cluster.secret_file, or cluster.tls.cert, .key and .ca, or "
            "cluster.insecure=true (docs/tls.md)");
    }
}

/* Who can reach a node without keys can take what others wait for. */
static void check_open(struct loader *l, const char *key, const char *address)
{
    const struct config *c = l->config;
    bool is_guarded = c->auth.keys_file[0] != '\0' || c->auth.open;
    if (!is_guarded && !shape_is_loopback(bytes_text(address))) {
        loader_fault(l, origin_of(c, key), bytes_text(key),
                     "%s can be reached from other machines, and no keys are asked for; "
                     "allowed: set auth.keys_file, or auth.open: true",
                     address);
    }
}

/* The node reads them again when it starts, and whenever it is told to. */
void loader_check_keys(struct loader *l)
{
    const struct config *c = l->config;
    struct keys_file keys;
    if (c->auth.keys_file[0] == '\0') {
        return;
    }
    if (!keys_file_read(&keys, c->auth.keys_file, &l->report->faults)) {
        l->fault_count++;
        return;
    }
    keys_file_fini(&keys);
}

static void finish_node(struct loader *l)
{
    struct config *c = l->config;
    name_after_host(c);
    order(l, "callback.wait_ms", &c->callback.wait_ms, "callback.wait_max_ms",
          &c->callback.wait_max_ms);
    order(l, "webhook.min_wait_ms", &c->webhook.min_wait_ms, "webhook.max_wait_ms",
          &c->webhook.max_wait_ms);
    check_open(l, "listen", c->listen);
    check_open(l, "admin", c->admin);
    check_together(l, "tls.cert", "tls.key");
    check_together(l, "tls.key", "tls.cert");
    check_peers(l);
    if (c->cluster.seeds.count > 0 && c->cluster.listen[0] == '\0') {
        loader_warn(l, origin_of(c, "cluster.seeds"),
                    "cluster.seeds: not used without cluster.listen");
    }
}

/* Defaults that another system's variable set, for every function that has no value of its
 * own. */
static void use_defaults(struct loader *l, size_t function)
{
    struct config *c = l->config;
    struct function_origins *origins = &c->origins->functions[function];
    for (size_t i = 0; i < setting_count; i++) {
        if (l->defaults[i] != NULL && origins->of[i] == NULL) {
            value_parse(&settings[i], bytes_text(l->defaults[i]), &c->functions[function],
                        NULL);
            origins->of[i] = value_copy(bytes_text(c->origins->of_defaults[i]));
        }
    }
}

static void order_retry(struct loader *l, size_t function)
{
    struct config *c = l->config;
    struct config_retry *retry = &c->functions[function].retry;
    const char *low = function_origin(c, function, "retry.min_wait_ms");
    if (retry->min_wait_ms <= retry->max_wait_ms) {
        return;
    }
    if (low == NULL) {
        retry->min_wait_ms = retry->max_wait_ms;
    } else if (function_origin(c, function, "retry.max_wait_ms") == NULL) {
        retry->max_wait_ms = retry->min_wait_ms;
    } else {
        struct text key = {0};
        text_addf(&key, "functions.%s.retry.min_wait_ms", c->functions[function].name);
        loader_fault(l, low, text_view(&key),
                     "%u is above retry.max_wait_ms (%u); allowed: at most that",
                     retry->min_wait_ms, retry->max_wait_ms);
        text_fini(&key);
    }
}

static void check_model(struct loader *l, size_t function)
{
    struct config *c = l->config;
    const struct function_config *mine = &c->functions[function];
    for (size_t i = 0; mine->has_jube_model && i < function; i++) {
        const struct function_config *other = &c->functions[i];
        if (other->has_jube_model && guid_equal(&other->jube_model, &mine->jube_model)) {
            struct text key = {0};
            text_addf(&key, "functions.%s.jube_model", mine->name);
            loader_fault(l, function_origin(c, function, "jube_model"), text_view(&key),
                         "belongs to function %s already; allowed: one function a model",
                         other->name);
            text_fini(&key);
        }
    }
}

/* What confines a program would seem to confine an upstream or a plugin as well. */
static void check_for_programs(struct loader *l, size_t function)
{
    const struct function_config *f = &l->config->functions[function];
    const struct {
        const char *key;
        bool is_set;
    } all[] = {
        {"env", f->env.count > 0},
        {"user", f->user[0] != '\0'},
        {"dir", f->dir[0] != '\0'},
        {"limits.cpu_s", f->limits.cpu_s > 0},
        {"limits.memory_bytes", f->limits.memory_bytes > 0},
        {"limits.files", f->limits.files > 0},
        {"limits.processes", f->limits.processes > 0},
    };
    struct bytes target = bytes_text(f->target);
    bool is_program = bytes_cut_front(&target, "exec:");
    for (size_t i = 0; !is_program && i < sizeof all / sizeof all[0]; i++) {
        if (all[i].is_set) {
            struct text key = {0};
            text_addf(&key, "functions.%s.%s", f->name, all[i].key);
            loader_fault(l, function_origin(l->config, function, all[i].key), text_view(&key),
                         "is for programs; allowed: with an exec: target");
            text_fini(&key);
        }
    }
}

static void finish_function(struct loader *l, size_t function)
{
    struct config *c = l->config;
    struct function_config *f = &c->functions[function];
    use_defaults(l, function);
    if (f->ttl_ms == 0) {
        f->ttl_ms = c->callback.ttl_ms;
    }
    order_retry(l, function);
    check_model(l, function);
    check_for_programs(l, function);
    if (function_origin(c, function, "target") == NULL) {
        struct text allowed = {0};
        struct text key = {0};
        value_allowed(setting_find(bytes_text("target"), true), &allowed);
        text_addf(&key, "functions.%s.target", f->name);
        loader_fault(l, c->origins->functions[function].named, text_view(&key),
                     "is missing; allowed: %.*s", BYTES_ARG(text_view(&allowed)));
        text_fini(&allowed);
        text_fini(&key);
    }
}

void loader_finish(struct loader *l)
{
    finish_node(l);
    for (size_t i = 0; i < l->config->function_count; i++) {
        finish_function(l, i);
    }
}
