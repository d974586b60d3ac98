/* One child process: bytes in on its standard input, bytes out of its standard output and
 * standard error (one pipe for both, as they come), an end.
 *
 * It runs in a session and process group of its own, so that it ends with all its children:
 * process_kill() kills the whole group, and so does the end of the program itself, which
 * leaves nothing behind. (Only a descendant that made itself another session escapes.) It
 * inherits no descriptor but those three and no signal disposition, and is confined before
 * its first instruction (confine.h). Children are always waited for: no zombies.
 *
 * Knows nothing of functions or HTTP. All callbacks come on the loop thread. Nothing blocks,
 * but for the fork and exec. Expects that SIGPIPE is ignored (node/io/signals.h).
 */
#ifndef NODE_IO_PROCESS_H
#define NODE_IO_PROCESS_H

#include "base/buf.h"
#include "base/err.h"
#include "io/confine.h"
#include "io/loop.h"

struct process;

struct process_end {
    int exit_status; /* when term_signal is 0 */
    int term_signal; /* the signal that ended it, or 0 */
};

struct process_config {
    const char *file; /* path of the program; never searched, never given to a shell */
    char **argv;      /* NULL-terminated; borrowed for the call of process_spawn() */
    char **env;       /* likewise: all that the program sees */
    const struct confinement *confinement; /* likewise */
    struct buf *input;                     /* shared until it is written; NULL: empty */
    /* Where to put more output: room for at least one byte, *size is how much. NULL: no more
     * is wanted, the group is killed; on_end comes when it is dead. */
    uint8_t *(*on_room)(void *owner, size_t *size);
    void (*on_output)(void *owner, size_t size); /* so much was put there */
    /* Once, when the program has ended and its output was read to the end. *p is gone. */
    void (*on_end)(void *owner, const struct process_end *end);
    void *owner;
};

/* Output of descendants that outlive the program is awaited for so long. */
#define PROCESS_DRAIN_MS 1000u

/* ERR_FULL: the system has no descriptor, process or memory left; try again later.
 * ERR_NOTFOUND: the program is missing, not executable, or cannot be given these arguments.
 * `em` says which; nothing was started and no callback comes. */
int process_spawn(struct process **out, struct loop *l, const struct process_config *config,
                  struct errmsg *em);

/* Does everything that process_spawn() does but run the program, and waits for it: whether it
 * could be run, under that confinement, as far as that can be known before. Blocks; for the
 * start of the node. Errors and `em` as process_spawn(). */
int process_try(const char *file, const struct confinement *confinement, struct errmsg *em);

/* Kills the whole group. No callback comes any more; the memory goes away by itself when the
 * system has reported the end. Accepts a pointer to NULL. */
void process_kill(struct process **p);

#endif
