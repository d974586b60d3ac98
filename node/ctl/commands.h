/* What each command asks a node, and what it makes of the answer. Everything said goes into
 * two texts, and the node is asked through a function, so that all of it can be tested
 * without a node. Only `collect --output` and `invoke --data @FILE` touch files. */
#ifndef NODE_CTL_COMMANDS_H
#define NODE_CTL_COMMANDS_H

#include "ctl/client.h"
#include "ctl/options.h"

struct ctl {
    const struct ctl_options *options;
    int (*ask)(void *owner, const struct ctl_request *request, struct ctl_answer *out,
               struct errmsg *em);
    void *owner;
    struct text out; /* for standard output */
    struct text err; /* for standard error, whole lines */
};

/* Runs the command that the options name; returns the exit code. */
int ctl_run(struct ctl *ctl);
void ctl_fini(struct ctl *ctl);

#endif
