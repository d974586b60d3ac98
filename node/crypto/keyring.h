/* The secrets of a cluster, as the text of `cluster.secret_file` names them, and what TLS uses
 * of each: a key and the name that the key is called by on the wire, both derived from it
 * (HKDF-SHA256) and bound to the cluster's name. Two clusters that were given the same secret
 * still refuse each other.
 *
 * One secret a line, spaces around it ignored; empty lines and lines that begin with # say
 * nothing. The first secret is the one that a node dials with, all are accepted: so secrets
 * are changed without a moment in which two nodes have none in common (docs/tls.md). */
#ifndef NODE_CRYPTO_KEYRING_H
#define NODE_CRYPTO_KEYRING_H

#include "base/bytes.h"
#include "base/err.h"

#define KEYRING_MAX        8u    /* secrets */
#define KEYRING_SECRET_MIN 32u   /* characters: `openssl rand -hex 16` has as many */
#define KEYRING_SECRET_MAX 1024u /* characters */
#define KEYRING_KEY_SIZE   32u   /* bytes */
#define KEYRING_NAME_SIZE  16u   /* characters, hexadecimal */

struct keyring_key {
    char name[KEYRING_NAME_SIZE];
    uint8_t key[KEYRING_KEY_SIZE];
};

struct keyring {
    struct keyring_key keys[KEYRING_MAX];
    size_t count; /* at least 1 after keyring_parse() */
};

/* ERR_MALFORMED: no secret, one too short or too long, too many, one twice, or bytes that are
 * no text; `em` says the line and never the secret. ERR_NOMEM. */
int keyring_parse(struct keyring *out, struct bytes text, struct bytes cluster_name,
                  struct errmsg *em);

/* NULL: no secret of ours is called that. */
const struct keyring_key *keyring_find(const struct keyring *k, struct bytes name);

/* Overwrites the keys. */
void keyring_wipe(struct keyring *k);

#endif
