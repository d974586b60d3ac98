/* Webhooks (API.md section 7): a callback that its client wants brought to a URL.
 *
 *            due                 vote won              2xx
 *   RESTING ------> CLAIMING ---------------> SENDING --------> (gone: delivered)
 *      ^               | served to another       | other answer, or none
 *      +---------------+-------------------------+--> given up: the callback stays collectable
 *
 * The one-shot rule has no side door: a webhook collects as a client does, for each attempt
 * anew, and a client that asks in between wins. Pure, like all of node/core.
 */
#ifndef NODE_CORE_WEBHOOK_H
#define NODE_CORE_WEBHOOK_H

#include "base/alarms.h"
#include "base/list.h"
#include "proto/guid.h"
#include "proto/result.h"

struct invocation;

struct webhook_policy {
    uint32_t attempts;
    uint32_t min_wait_ms, max_wait_ms;
};

enum webhook_step { WEBHOOK_RESTING, WEBHOOK_CLAIMING, WEBHOOK_SENDING };

struct webhook_line;

struct webhook {
    uint64_t id;      /* names the attempt to whoever sends it */
    struct list all;  /* among all webhooks of this node */
    struct list link; /* among those due, or being sent */
    struct alarm alarm;
    struct webhook_line *line; /* its receiver's */
    struct invocation *inv;    /* NULL: it has ended; the claim is yet to be answered */
    struct guid guid;
    enum webhook_step step;
    uint32_t tried;
    struct result result; /* SENDING: own references */
};

/* One attempt to bring a callback to its URL. All borrowed. */
struct webhook_attempt {
    uint64_t id;
    struct bytes url;
    const struct result *result;
    struct guid guid;
    struct bytes client_id, function;
    uint64_t created_at_ms; /* wall clock, for X-Start-Time */
    uint64_t duration_ms;
    uint32_t retry, retry_max; /* X-Retry, X-Retry-Max */
};

/* What became of one attempt. */
struct webhook_outcome {
    uint16_t status;        /* of the receiver; 0: no answer */
    bool refused;           /* an internal address: trying again would not help */
    uint32_t retry_after_s; /* 0: none */
};

enum webhook_verdict { WEBHOOK_IS_DELIVERED, WEBHOOK_TRY_AGAIN, WEBHOOK_GIVE_UP };

/* API.md section 7: what an attempt's end means, without regard to how many were made. */
enum webhook_verdict webhook_judge(const struct webhook_outcome *outcome);

/* Before attempt `tried` + 1: doubling from min_wait_ms, jitter of half, never before
 * Retry-After asks, never above max_wait_ms. `random` is any number. */
uint32_t webhook_wait_ms(const struct webhook_policy *p, uint32_t tried, uint32_t retry_after_s,
                         uint64_t random);

#endif
