/* The machine's own addresses, for a node that listens on all of them and must tell its peers
 * one at which it can be reached. */
#ifndef NODE_IO_INTERFACE_H
#define NODE_IO_INTERFACE_H

#include "base/err.h"

#define INTERFACE_TEXT_MAX 64u /* bytes, terminator included */

/* The first address that is neither loopback nor link-local, IPv4 before IPv6, as text; IPv6 in
 * brackets.
 * ERR_NOTFOUND: there is none. ERR_IO: the system does not tell. */
int interface_address(char out[INTERFACE_TEXT_MAX]);

#endif
