/* What a child process may not do: whose rights it has, where it stands, how much of the
 * system it may take.
 *
 * The values are looked up once, at start (confine_as()); confine_apply() runs in the child
 * between fork and exec, where only async-signal-safe calls are allowed, so it allocates
 * nothing and looks nothing up. Knows nothing of functions or settings.
 */
#ifndef NODE_IO_CONFINE_H
#define NODE_IO_CONFINE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CONFINE_GROUPS_MAX 64 /* supplementary groups of one user; over it a fault */

/* All zero: nothing but what the node itself may. */
struct confinement {
    bool has_user; /* run as uid, gid and groups, and never gain rights by exec (PR_SET_NO_NEW_
                      PRIVS), so that what was given away cannot be taken back */
    uid_t uid;
    gid_t gid;
    gid_t groups[CONFINE_GROUPS_MAX];
    size_t group_count;
    char *user, *home; /* as the system's user table has them; owned, NULL: unknown */
    const char *dir;   /* working directory; NULL: the node's own. Borrowed */
    /* 0: as the node. */
    uint32_t cpu_s;         /* RLIMIT_CPU: SIGXCPU then; SIGKILL a second later */
    uint64_t memory_bytes;  /* RLIMIT_AS: of address space, in each process of the group */
    uint32_t files;         /* RLIMIT_NOFILE: descriptors of one process; 0: as the node came */
    uint32_t processes;     /* RLIMIT_NPROC: of that user on the whole machine; not for root */
    bool allows_core_dumps; /* else none is written: a dump holds what the process was given */
};

/* `user` is NAME, UID or UID:GID. ERR_NOTFOUND: nobody is called so. ERR_TOOBIG: too many
 * groups. ERR_NOMEM. `em` says which. */
int confine_as(struct confinement *c, const char *user, struct errmsg *em);

void confine_fini(struct confinement *c);

/* Which step was refused; errno says why. */
enum confine_step {
    CONFINE_DONE,
    CONFINE_LIMITS,
    CONFINE_GROUPS,
    CONFINE_USER,
    CONFINE_PRIVILEGES,
    CONFINE_DIR,
};

/* Only in a child process, whose rights it takes away for good. */
enum confine_step confine_apply(const struct confinement *c);

/* Of this process, from now on: no core dump of it is written, and no other process of the
 * same user may look into its memory (PR_SET_DUMPABLE; ptrace, /proc/PID/mem). */
void confine_own_memory(void);

/* This process may have `wanted` open descriptors (RLIMIT_NOFILE), or as many as its hard limit
 * allows: how many that is. The soft limit that it came with, often 1024, is given back to its
 * children: there are programs that trust in it (select(2)). At the start, once. */
uint64_t confine_own_files(uint64_t wanted);

/* "its working directory", for people. */
const char *confine_step_text(enum confine_step step);

#endif
