/* From the configuration's plain values to what each module wants to be told. Private to
 * the folder node; pure but for opening handler targets. */
#ifndef NODE_WIRING_H
#define NODE_WIRING_H

#include "balance.h"
#include "cluster/cluster.h"
#include "config/config.h"
#include "core/core.h"
#include "core/webhook_url.h"
#include "dialects/dialect.h"
#include "driver.h"
#include "http/http_server.h"

#define PAYLOAD_INLINE_MAX   4096u /* bytes; PROTOCOL.md 4 */
#define PAYLOAD_INLINE_NODES 16u

/* An array of config->function_count specs, the caller's to free(); NULL: out of memory. Names
 * are borrowed from the configuration. */
struct function_spec *wiring_function_specs(const struct config *config);

/* Which of them are Jube's models, likewise. */
struct balance_model *wiring_models(const struct config *config);

/* Random, for what strangers must not foresee. */
uint64_t wiring_seed(void);

uint32_t wiring_concurrency_total(const struct config *config);

/* What dialects may know. Everything borrowed lives as long as the configuration. */
struct dialect_config wiring_dialects(const struct config *config, const struct guid *node_id);

struct cluster_config wiring_cluster(const struct config *config, const struct guid *node_id,
                                     struct budget *budget);

struct core_config wiring_core(const struct config *config, const struct guid *node_id,
                               struct budget *budget);

/* Limits and time-outs; the caller sets address, owner and callbacks. */
struct http_server_config wiring_http(const struct config *config, struct budget *budget);

/* webhook.allow as the checks want it; texts are borrowed from the configuration. ERR_NOMEM. */
int wiring_allow(struct webhook_allow *out, const struct config *config);
void wiring_free_allow(struct webhook_allow *allow);

/* What handlers are given; the caller sets owner and on_done. */
struct handler_env wiring_handlers(const struct config *config, struct loop *loop,
                                   struct budget *budget);

/* Opens the target of every function, in order. ERR_MALFORMED, ERR_IO ...: `em` names the
 * function and says what is wrong; nothing is left open. */
int wiring_open_targets(struct driver_target **out, const struct config *config,
                        const struct handler_env *env, struct errmsg *em);
void wiring_close_targets(struct driver_target **targets, size_t count);

#endif
