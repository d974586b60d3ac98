/* `callbackctl key new`: makes a key, and the entry for the file of `auth.keys_file`
 * (docs/auth.md). Asks no node; what is printed is the only place where the key ever stands. */
#ifndef NODE_CTL_KEY_H
#define NODE_CTL_KEY_H

#include "ctl/commands.h"

/* The exit code. */
int ctl_key_new(struct ctl *ctl);

#endif
