/* callbackd/plugin.h -- functions that run inside the node, as shared libraries.
 *
 *     functions: {score: {target: "plugin:/usr/lib/score.so config text"}}
 *
 * A plugin is a shared library that exports one symbol, callbackd_plugin(). This header is
 * all it needs; it links nothing of the node. The binary interface is versioned: a library
 * that was built for ABI 1 works with every node that speaks ABI 1, and is refused by name
 * otherwise. Structures only grow at the end, and `struct_size` says how far.
 *
 * Threads. callbackd_plugin(), init and fini are called on the node's event loop: be quick.
 * invoke is called on worker threads, min(concurrency, 64) of the function's own, several
 * at once for one instance: what they share, the plugin must lock. Workers take no signals.
 *
 * Ownership. Everything in a request is borrowed until invoke returns, read-only. What is
 * given to callbackd_write() and callbackd_header() is copied.
 *
 * Time. When a caller cancels, or the function's timeout_ms is over, callbackd_is_canceled()
 * becomes true: return soon, the answer is dropped. Nobody can end a plugin that does not:
 * it keeps its thread (the other threads go on), and when the node stops it is left
 * behind after two seconds, without fini, and ends with the process.
 *
 * Safety. A plugin is part of the node: if it crashes, the node does. Functions that may crash
 * belong in an exec: target.
 */
#ifndef CALLBACKD_PLUGIN_H
#define CALLBACKD_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CALLBACKD_PLUGIN_ABI 1u

/* Not terminated; `at` may be NULL when `size` is 0. */
struct callbackd_bytes {
    const char *at;
    size_t size;
};

struct callbackd_request {
    size_t struct_size;
    struct callbackd_bytes method;  /* "POST" */
    struct callbackd_bytes path;    /* below the function's name: empty, or begins with '/' */
    struct callbackd_bytes query;   /* raw, without '?' */
    struct callbackd_bytes headers; /* "Name: value\r\n"..., end-to-end only */
    struct callbackd_bytes body;
    struct callbackd_bytes call_id;         /* X-Call-Id */
    struct callbackd_bytes idempotency_key; /* the same for every attempt */
    uint32_t attempt;                       /* 1, 2 ... */
};

/* The answer in the making: 200, no headers, no body, until the plugin says otherwise. */
struct callbackd_response;

/* What the node does for a plugin; use the functions below. */
struct callbackd_host {
    size_t struct_size;
    int (*status)(struct callbackd_response *r, int status);
    int (*header)(struct callbackd_response *r, const char *name, const char *value);
    int (*write)(struct callbackd_response *r, const void *at, size_t size);
    int (*is_canceled)(const struct callbackd_response *r);
};

struct callbackd_response {
    const struct callbackd_host *host; /* private members follow */
};

/* 200 to 599. Not 0: not one of these, and nothing changed. */
static inline int callbackd_status(struct callbackd_response *r, int status)
{
    return r->host->status(r, status);
}

/* Adds one. Content-Length and connection headers are the node's and are left out. Not 0: not
 * a header, over limits.header_bytes, or no memory. */
static inline int callbackd_header(struct callbackd_response *r, const char *name,
                                   const char *value)
{
    return r->host->header(r, name, value);
}

/* Appends to the body. Not 0: over limits.body_bytes or no memory; the execution has failed. */
static inline int callbackd_write(struct callbackd_response *r, const void *at, size_t size)
{
    return r->host->write(r, at, size);
}

/* Not 0: nobody waits for the answer any more. Cheap; ask in every long loop. */
static inline int callbackd_is_canceled(const struct callbackd_response *r)
{
    return r->host->is_canceled(r);
}

struct callbackd_plugin {
    uint32_t abi; /* CALLBACKD_PLUGIN_ABI */
    size_t struct_size;
    /* May be NULL. `config` is the text after the path in the target, "" without one. *instance
     * is the plugin's own. Not 0: the node does not start, and says what is in `error`
     * (`error_size` bytes; terminate it). */
    int (*init)(void **instance, const char *config, char *error, size_t error_size);
    /* May be NULL. No invoke runs any more. */
    void (*fini)(void *instance);
    /* One request. 0: the response is the answer. Not 0: the function broke (500,
     * function-crashed); what was written is dropped. */
    int (*invoke)(void *instance, const struct callbackd_request *request,
                  struct callbackd_response *response);
};

/* The one symbol that a plugin exports. What it returns lives as long as the library. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const struct callbackd_plugin *
callbackd_plugin(void);

#ifdef __cplusplus
}
#endif

#endif
