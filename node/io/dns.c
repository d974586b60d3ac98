#include "io/dns.h"

#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#define NAME_MAX_SIZE 254u /* bytes of a host name and a terminator (RFC 1035 2.3.4) */

struct dns_lookup {
    uv_getaddrinfo_t req;
    struct dns_events events; /* on_found is NULL once cancelled */
};

static size_t collect(union address *to, const struct addrinfo *from)
{
    size_t n = 0;
    for (; from != NULL && n < DNS_ADDRESSES_MAX; from = from->ai_next) {
        if (from->ai_addrlen > sizeof *to) {
            continue;
        }
        memset(&to[n], 0, sizeof to[n]);
        memcpy(&to[n], from->ai_addr, from->ai_addrlen);
        n++;
    }
    return n;
}

static void on_answer(uv_getaddrinfo_t *req, int status, struct addrinfo *found)
{
    struct dns_lookup *l = req->data;
    union address addresses[DNS_ADDRESSES_MAX];
    size_t count = status == 0 ? collect(addresses, found) : 0;
    uv_freeaddrinfo(found);
    struct dns_events events = l->events;
    free(l);
    if (events.on_found == NULL) {
        return;
    }
    bool is_unknown =
        status == UV_EAI_NONAME || status == UV_EAI_NODATA || (status == 0 && count == 0);
    int rc = count > 0 ? 0 : is_unknown ? ERR_NOTFOUND : ERR_IO;
    events.on_found(events.owner, rc, addresses, count);
}

int dns_lookup_start(struct dns_lookup **out, struct loop *l, struct bytes host, uint16_t port,
                     const struct dns_events *events)
{
    *out = NULL;
    char name[NAME_MAX_SIZE], service[8];
    if (host.size == 0 || host.size >= sizeof name ||
        memchr(host.at, '\0', host.size) != NULL) {
        return ERR_MALFORMED;
    }
    memcpy(name, host.at, host.size);
    name[host.size] = '\0';
    (void)snprintf(service, sizeof service, "%u", port);
    struct dns_lookup *lookup = calloc(1, sizeof *lookup);
    if (lookup == NULL) {
        return ERR_NOMEM;
    }
    lookup->req.data = lookup;
    lookup->events = *events;
    /* Not AI_ADDRCONFIG: it hides names on a machine that has loopback alone. */
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    if (uv_getaddrinfo(loop_uv(l), &lookup->req, on_answer, name, service, &hints) != 0) {
        free(lookup); /* refused before it began: no callback comes */
        return ERR_NOMEM;
    }
    *out = lookup;
    return 0;
}

void dns_lookup_cancel(struct dns_lookup **lookup)
{
    struct dns_lookup *mine = *lookup;
    *lookup = NULL;
    if (mine == NULL) {
        return;
    }
    mine->events.on_found = NULL;
    uv_cancel((uv_req_t *)&mine->req); /* fails while a thread has it: then it ends by itself */
}

void dns_limit_waiting(void)
{
    setenv("RES_OPTIONS", "timeout:1 attempts:2", 0);
}
