/* Standard Webhooks 1.0.0: "v1," and the base64 of HMAC-SHA256 over id.timestamp.body. Pure. */
#ifndef NODE_HANDLERS_WEBHOOK_SIGNATURE_H
#define NODE_HANDLERS_WEBHOOK_SIGNATURE_H

#include "base/err.h"
#include "base/text.h"

#define WEBHOOK_KEYS_MAX     4u
#define WEBHOOK_KEY_SIZE_MIN 24u /* bytes, by the standard */
#define WEBHOOK_KEY_SIZE_MAX 64u

/* The keyring: several keys make several signatures, so that receivers can change over. */
struct webhook_keys {
    struct {
        uint8_t at[WEBHOOK_KEY_SIZE_MAX];
        size_t size;
    } key[WEBHOOK_KEYS_MAX];
    size_t count;
};

/* Lines of `whsec_<base64>`; empty ones and those that begin with '#' are passed over.
 * ERR_MALFORMED: `em` names the line and says what is wrong. */
int webhook_keys_parse(struct webhook_keys *out, struct bytes text, struct errmsg *em);

/* Appends the value of `webhook-signature`. ERR_NOMEM. */
int webhook_sign(struct text *out, const struct webhook_keys *keys, struct bytes id,
                 struct bytes timestamp, struct bytes body);

#endif
