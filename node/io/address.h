/* Where a socket listens or is reached: an IP address and a port, and their text form
 * HOST:PORT, with [HOST]:PORT for IPv6.
 *
 * address_resolve() asks the system for names and may block: for start-up only. Nothing here
 * opens a socket. */
#ifndef NODE_IO_ADDRESS_H
#define NODE_IO_ADDRESS_H

#include "base/bytes.h"
#include "base/err.h"

#include <netinet/in.h>

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

#define ADDRESS_TEXT_MAX 64u /* bytes: "[v6%zone]:65535" and a terminator */

/* Splits HOST:PORT; the brackets of [v6]:PORT are taken off. ERR_MALFORMED: no port, a port
 * that is no number up to 65535, an empty host, or an IPv6 address without brackets. */
int address_split(struct bytes text, struct bytes *host, uint16_t *port);

/* A literal only. ERR_MALFORMED as address_split(); ERR_NOTFOUND: the host is a name. */
int address_parse(union address *out, struct bytes text);

/* A literal or a name (its first address). ERR_MALFORMED, ERR_NOTFOUND: `em` says it. */
int address_resolve(union address *out, struct bytes text, struct errmsg *em);

/* "HOST:PORT" into `out` (ADDRESS_TEXT_MAX bytes), terminated; returns the length. */
size_t address_print(const union address *a, char *out);

/* The host alone, without brackets; likewise. */
size_t address_print_host(const union address *a, char *out);

uint16_t address_port(const union address *a);

#endif
