/* The command line of an exec: target: split at spaces, found, and checked to be something
 * that can be run. Never a shell: no quotes, no variables, no patterns. */
#ifndef NODE_HANDLERS_EXEC_COMMAND_H
#define NODE_HANDLERS_EXEC_COMMAND_H

#include "base/bytes.h"
#include "base/err.h"

struct exec_command {
    char *file;  /* path of the program */
    char **argv; /* NULL-terminated; argv[0] as it was written */
};

/* A program without '/' is looked for in PATH, once, here. ERR_MALFORMED: nothing to run.
 * ERR_IO: missing, not a file, or not executable. ERR_NOMEM. `em` says which. */
int exec_command_parse(struct exec_command *out, struct bytes text, struct errmsg *em);

void exec_command_fini(struct exec_command *c);

#endif
