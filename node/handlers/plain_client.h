/* HTTP requests over plain TCP to one origin: the lean counterpart of http_client.h, with the
 * same questions and answers. A call costs one write, one read and no allocation but its
 * answer's body, because connections, their memory and their place in the loop are kept.
 *
 * Names are resolved without blocking, remembered for PLAIN_ORIGIN_NAME_MS and tried address by
 * address. What http_client.h says of redirects, short answers and stale connections holds
 * here too. Stricter than libcurl: an answer that breaks RFC 9112 is none (http_parser.h). */
#ifndef NODE_HANDLERS_PLAIN_CLIENT_H
#define NODE_HANDLERS_PLAIN_CLIENT_H

#include "handlers/http_client.h"

struct plain_client;
struct plain_transfer;

/* `authority` is "host:port" or "host". There is no time limit on connecting but the system's
 * and the owner's: connect_timeout_ms is not looked at. ERR_NOMEM, ERR_MALFORMED: `em` says it.
 */
int plain_client_open(struct plain_client **out, const struct http_client_config *config,
                      struct bytes authority, struct errmsg *em);

/* No transfer is left. */
void plain_client_close(struct plain_client **c); /* accepts a pointer to NULL */

/* As http_transfer_start(); `origin` and `may_connect` are not looked at. on_end never comes
 * from inside it. ERR_NOMEM; ERR_IO: it could not be begun. */
int plain_transfer_start(struct plain_transfer **out, struct plain_client *c,
                         const struct http_transfer_config *config);

/* As http_transfer_stop(). */
void plain_transfer_stop(struct plain_transfer **x);

#endif
