/* The command line of callbackctl as values. Borrows from argv and the environment. */
#ifndef NODE_CTL_OPTIONS_H
#define NODE_CTL_OPTIONS_H

#include "base/err.h"
#include "base/text.h"

#define CTL_HEADERS_MAX 32

#define CTL_EXIT_OK     0
#define CTL_EXIT_FAILED 1 /* the node said no, or could not be reached */
#define CTL_EXIT_USAGE  2

struct ctl_options {
    const char *node, *admin; /* URLs, scheme optional */
    bool json, help, version;
    const char *ca; /* a file: who may sign a node's certificate; NULL: who the system trusts */
    bool insecure;  /* no certificate is checked */
    const char *command;  /* NULL: none */
    const char *argument; /* the function or the id; NULL: none */
    const char *data;     /* invoke: text, @FILE or - */
    const char *wait;     /* invoke: seconds; collect: milliseconds */
    const char *token;
    const char *output;
    const char *tenant, *functions, *scopes, *name; /* key new; NULL: not given */
    const char *key;                                /* what to show to a node; NULL: nothing */
    const char *headers[CTL_HEADERS_MAX];
    size_t header_count;
};

/* ERR_MALFORMED: `em` says what is wrong; exit CTL_EXIT_USAGE. `environ` may be NULL. */
int ctl_options_read(struct ctl_options *out, int argc, char *const *argv, char *const *environ,
                     struct errmsg *em);

void ctl_options_help(struct text *out);

#endif
