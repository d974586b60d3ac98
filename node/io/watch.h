/* Watches one descriptor that another library owns and reads itself: says when it is ready.
 *
 * For libraries that bring their own sockets (libcurl). The descriptor stays theirs: they
 * close it, after watch_close(). Level-triggered: what is not read is reported again. */
#ifndef NODE_IO_WATCH_H
#define NODE_IO_WATCH_H

#include "base/err.h"
#include "io/loop.h"

struct watch;

struct watch_ready {
    bool read, write, error;
};

/* Watches for nothing yet. ERR_NOMEM, ERR_IO: it cannot be watched (not a socket or pipe). */
int watch_open(struct watch **out, struct loop *l, int fd,
               void (*on_ready)(void *owner, int fd, struct watch_ready ready), void *owner);

/* What to wait for from now on; both false: for nothing. ERR_IO: the system refuses. */
int watch_set(struct watch *w, bool read, bool write);

/* The descriptor may be closed right after it. Accepts a pointer to NULL. */
void watch_close(struct watch **w);

#endif
