/* Carries callbacks to the URLs of their clients: one POST an attempt (API.md section 7).
 *
 * Signed by Standard Webhooks 1.0.0 where a secret is configured. Never follows a redirect,
 * never connects to an internal address that is not allowed, whatever name led there, and
 * ends each attempt at one deadline. Knows nothing of retries: the core judges the outcome.
 */
#ifndef NODE_HANDLERS_WEBHOOK_SENDER_H
#define NODE_HANDLERS_WEBHOOK_SENDER_H

#include "base/err.h"
#include "core/webhook.h"
#include "core/webhook_url.h"
#include "io/loop.h"

struct webhook_sender;

struct webhook_sender_config {
    struct loop *loop;
    struct budget *budget;
    uint32_t timeout_ms;               /* webhook.timeout_ms: a whole attempt */
    const char *secret_file;           /* empty: unsigned */
    const struct webhook_allow *allow; /* must outlive the sender; may be NULL */
    void *owner;
    /* Once for each attempt that was not stopped; never from inside webhook_send(). */
    void (*on_done)(void *owner, uint64_t id, const struct webhook_outcome *outcome);
};

/* ERR_IO, ERR_MALFORMED: the secret's file cannot be read, or holds no secret; `em` says it. */
int webhook_sender_open(struct webhook_sender **out, const struct webhook_sender_config *config,
                        struct errmsg *em);

/* Ends all attempts without a word. Accepts a pointer to NULL. */
void webhook_sender_close(struct webhook_sender **s);

/* Takes references of what it needs. ERR_NOMEM: not begun, and on_done() will not come. */
int webhook_send(struct webhook_sender *s, const struct webhook_attempt *attempt);

/* Unknown ids are ignored. */
void webhook_stop(struct webhook_sender *s, uint64_t id);

#endif
