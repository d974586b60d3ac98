#include "core/webhook.h"

#include "base/backoff.h"

enum webhook_verdict webhook_judge(const struct webhook_outcome *outcome)
{
    uint16_t status = outcome->status;
    if (outcome->refused) {
        return WEBHOOK_GIVE_UP;
    }
    if (status >= 200 && status <= 299) {
        return WEBHOOK_IS_DELIVERED;
    }
    if (status == 0 || status == 408 || status == 429 || status >= 500) {
        return WEBHOOK_TRY_AGAIN;
    }
    /* A redirect is not followed, for it could lead inside: a failure, but the receiver may
     * be mended. Any other 4xx is its last word, 410 above all. */
    return status >= 300 && status <= 399 ? WEBHOOK_TRY_AGAIN : WEBHOOK_GIVE_UP;
}

uint32_t webhook_wait_ms(const struct webhook_policy *p, uint32_t tried, uint32_t retry_after_s,
                         uint64_t random)
{
    return backoff_ms(p->min_wait_ms, p->max_wait_ms, tried, (uint64_t)retry_after_s * 1000,
                      random);
}
