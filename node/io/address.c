#include "io/address.h"

#include "base/num.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netdb.h>
#include <stdio.h>

#define HOST_SIZE_MAX 253u /* bytes of a name, RFC 1035 2.3.4 */

int address_split(struct bytes text, struct bytes *host, uint16_t *port)
{
    const uint8_t *colon = text.size == 0 ? NULL : memrchr(text.at, ':', text.size);
    if (colon == NULL) {
        return ERR_MALFORMED;
    }
    struct bytes before = bytes_of(text.at, (size_t)(colon - text.at));
    uint64_t number;
    int rc = num_parse(bytes_of(colon + 1, text.size - before.size - 1), UINT16_MAX, &number);
    if (rc != 0) {
        return ERR_MALFORMED;
    }
    if (before.size >= 2 && before.at[0] == '[' && before.at[before.size - 1] == ']') {
        before = bytes_of(before.at + 1, before.size - 2);
    } else if (before.size > 0 && memchr(before.at, ':', before.size) != NULL) {
        return ERR_MALFORMED; /* which colon begins the port is anybody's guess */
    }
    if (before.size == 0 || before.size > HOST_SIZE_MAX) {
        return ERR_MALFORMED;
    }
    *host = before;
    *port = (uint16_t)number;
    return 0;
}

static int parse_host(union address *out, const char *host, uint16_t port)
{
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, host, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        return 0;
    }
    if (inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(port);
        return 0;
    }
    return ERR_NOTFOUND;
}

int address_parse(union address *out, struct bytes text)
{
    struct bytes host;
    uint16_t port;
    int rc = address_split(text, &host, &port);
    if (rc != 0) {
        return rc;
    }
    char name[HOST_SIZE_MAX + 1];
    memcpy(name, host.at, host.size);
    name[host.size] = '\0';
    return parse_host(out, name, port);
}

int address_resolve(union address *out, struct bytes text, struct errmsg *em)
{
    int rc = address_parse(out, text);
    if (rc == ERR_MALFORMED) {
        return err_set(em, rc, "\"%.*s\" is not HOST:PORT", BYTES_ARG(text));
    }
    if (rc == 0) {
        return 0;
    }
    struct bytes host;
    uint16_t port;
    rc = address_split(text, &host, &port);
    assert(rc == 0); /* address_parse() has split it already */
    char name[HOST_SIZE_MAX + 1];
    memcpy(name, host.at, host.size);
    name[host.size] = '\0';

    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    rc = getaddrinfo(name, NULL, &hints, &found);
    if (rc != 0) {
        return err_set(em, ERR_NOTFOUND, "%s: %s", name, gai_strerror(rc));
    }
    memset(out, 0, sizeof *out);
    assert(found->ai_addrlen <= sizeof *out); /* IPv4 and IPv6 are all there is for TCP */
    memcpy(out, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    if (out->any.sa_family == AF_INET6) {
        out->v6.sin6_port = htons(port);
    } else {
        out->v4.sin_port = htons(port);
    }
    return 0;
}

size_t address_print_host(const union address *a, char *out)
{
    bool is_v6 = a->any.sa_family == AF_INET6;
    const void *binary = is_v6 ? (const void *)&a->v6.sin6_addr : &a->v4.sin_addr;
    const char *done = inet_ntop(is_v6 ? AF_INET6 : AF_INET, binary, out, ADDRESS_TEXT_MAX);
    assert(done != NULL); /* the family is known and the room suffices */
    return strlen(out);
}

size_t address_print(const union address *a, char *out)
{
    char host[ADDRESS_TEXT_MAX];
    address_print_host(a, host);
    bool is_v6 = a->any.sa_family == AF_INET6;
    int n = snprintf(out, ADDRESS_TEXT_MAX, "%s%.46s%s:%u", is_v6 ? "[" : "", host,
                     is_v6 ? "]" : "", (unsigned)address_port(a));
    assert(n > 0 && (unsigned)n < ADDRESS_TEXT_MAX);
    return (size_t)n;
}

uint16_t address_port(const union address *a)
{
    return ntohs(a->any.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port);
}
