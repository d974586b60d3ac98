/* Starts a program in a child process of its own: the system calls between fork and exec.
 *
 * libuv's uv_spawn() knows no resource limits, and to set them on a child that already runs
 * would leave it a moment without (what it forks in that moment has none for ever). So the
 * few steps are done here, in the child, before the program's first instruction: a session of
 * its own, three descriptors and no other, default signals, then confine_apply(). Nobody
 * waits here for the end of the program; that is process.c's business.
 */
#ifndef NODE_IO_SPAWN_H
#define NODE_IO_SPAWN_H

#include "io/confine.h"

struct spawn_config {
    const char *file;  /* path of the program; never searched, never given to a shell */
    char **argv;       /* NULL-terminated */
    char **env;        /* likewise; all that the program sees */
    int input, output; /* become its 0, and its 1 and 2; not closed here */
    const struct confinement *confinement;
    bool is_trial; /* everything but the program: it is only asked whether it could be run */
};

struct spawn_fault {
    enum confine_step step; /* CONFINE_DONE: the fork, or the exec itself */
    int code;               /* errno */
};

/* Returns when the program has begun; for a trial when the child has ended. 0: *out is its
 * process id, and that of its group and session; the caller waits for it. ERR_IO: nothing
 * runs, `fault` says why. Blocks for the fork and exec. */
int spawn(pid_t *out, const struct spawn_config *config, struct spawn_fault *fault);

#endif
