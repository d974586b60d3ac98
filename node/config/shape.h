/* What a well-formed name, address, network, target and duration look like. Pure questions
 * about text; no lookup of any name. */
#ifndef NODE_CONFIG_SHAPE_H
#define NODE_CONFIG_SHAPE_H

#include "base/bytes.h"

/* HOST:PORT or [v6]:PORT. Port 0 only when `zero_ok`. */
bool shape_is_address(struct bytes text, bool zero_ok);

/* An address that only this machine can reach: 127.0.0.0/8, ::1 or localhost. */
bool shape_is_loopback(struct bytes address);

/* shape_is_address() without port 0, or dns:NAME:PORT. */
bool shape_is_seed(struct bytes text);

/* An IPv4 or IPv6 address, or a network in CIDR. */
bool shape_is_address_or_network(struct bytes text);

/* Likewise, or a host name. */
bool shape_is_host_or_network(struct bytes text);

/* http:// or https://, a host, perhaps a path; what a path of ours can be put behind. */
bool shape_is_base_url(struct bytes text);

#define SHAPE_FUNCTION_NAME_MAX 64 /* characters */

/* [-a-zA-Z_0-9.]+, not "." or "..", which clients remove from paths. */
bool shape_is_function_name(struct bytes text);

/* NAME or NAME=value; NAME of letters, digits and _, not a digit first. */
bool shape_is_variable(struct bytes text);

/* No control characters, and valid for one line. */
bool shape_is_printable(struct bytes text);

/* A Go duration ("1m30s", "250ms", "1.5h") or a plain number of seconds, as OpenFaaS's
 * variables have it. ERR_MALFORMED; ERR_TOOBIG over `max_ms`. */
int shape_duration(struct bytes text, uint64_t max_ms, uint64_t *out_ms);

#endif
