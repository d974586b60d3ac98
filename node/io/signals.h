/* The signals that a node listens to: SIGTERM, SIGINT and SIGHUP become calls on the loop
 * thread. SIGPIPE is ignored for the whole process: a write to a client that left is an error
 * code, not a death. Open signals do not keep a loop from ending. */
#ifndef NODE_IO_SIGNALS_H
#define NODE_IO_SIGNALS_H

#include "base/err.h"
#include "io/loop.h"

struct signals;

/* `on_signal` gets SIGTERM, SIGINT or SIGHUP. ERR_NOMEM, ERR_IO: the system refused; give up
 * the start. */
int signals_open(struct signals **out, struct loop *l,
                 void (*on_signal)(void *owner, int number), void *owner);

void signals_close(struct signals **s); /* accepts a pointer to NULL */

#endif
