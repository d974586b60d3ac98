/* encryption -- the TLS of a node: what it shows to clients and to peers, read at the start and
 * again on SIGHUP. Knows the settings and the log; what TLS is knows crypto/tls.h. */
#ifndef NODE_ENCRYPTION_H
#define NODE_ENCRYPTION_H

#include "config/config.h"
#include "crypto/tls.h"
#include "obs/log.h"
#include "obs/metrics.h"

/* Either is NULL where the settings ask for none. */
struct encryption {
    struct tls *clients, *peers;
};

/* ERR_MALFORMED: a file that cannot be used; `em` says it. ERR_NOMEM. */
int encryption_open(struct encryption *e, const struct config *config, struct errmsg *em);

/* What the files are worth a warning for. */
void encryption_warn(const struct encryption *e, struct log *log);

/* Reads the files again. Those that cannot be used are logged, and the old ones stay. */
void encryption_reload(struct encryption *e, struct log *log);

/* After the last connection. */
void encryption_close(struct encryption *e);

/* For the metrics: fills `out`, at most `max` of them; how many. */
size_t encryption_sample(const struct encryption *e, struct metrics_tls *out, size_t max);

/* Likewise; of those that have a certificate. */
size_t encryption_ends(const struct encryption *e, struct metrics_end out[2]);

#endif
