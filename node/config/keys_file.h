/* The file of `auth.keys_file` as plain values: who holds a key, and what for (docs/auth.md).
 *
 *   keys:
 *     - name: billing
 *       sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
 *       tenant: acme
 *       functions: [score, report]
 *       scopes: [invoke, collect]
 *       rate: 100
 *
 * Read as strictly as the configuration, every fault with its file and line. It holds hashes
 * only; what a key is stands nowhere. Everything belongs to the struct. */
#ifndef NODE_CONFIG_KEYS_FILE_H
#define NODE_CONFIG_KEYS_FILE_H

#include "config/config.h"

#define KEYS_FILE_MAX         10000u /* keys */
#define KEYS_FILE_TENANT_MAX  64u    /* characters */
#define KEYS_FILE_DIGEST_SIZE 32u    /* bytes of a SHA-256 */

struct keys_file_entry {
    size_t line;
    char *name, *tenant; /* empty: none */
    uint8_t digest[KEYS_FILE_DIGEST_SIZE];
    struct config_list functions;       /* "*": all */
    unsigned scopes;                    /* bits of enum caller_scope (core/caller.h) */
    uint32_t rate, concurrency, parked; /* 0: not said */
    uint32_t share; /* percent; what a key of the tenant says, all of them have; 0: none does */
};

struct keys_file {
    struct keys_file_entry *at;
    size_t count;
};

/* False: `faults` has a line for each fault, and `out` is empty. */
bool keys_file_parse(struct keys_file *out, const char *path, struct bytes content,
                     struct text *faults);

/* Likewise, of the file at `path`. */
bool keys_file_read(struct keys_file *out, const char *path, struct text *faults);

void keys_file_fini(struct keys_file *file);

/* Appends one scope's word for each bit, parted by ", ". */
void keys_file_print_scopes(unsigned scopes, struct text *out);

/* The bit of that word; 0: none has it. */
unsigned keys_file_scope(struct bytes word);

/* [-a-zA-Z_0-9.]+, at most KEYS_FILE_TENANT_MAX. */
bool keys_file_is_tenant(struct bytes text);

#endif
