/* Reads the small files that hold secrets, and looks at who else may. */
#ifndef NODE_CRYPTO_SECRET_FILE_H
#define NODE_CRYPTO_SECRET_FILE_H

#include "base/err.h"
#include "base/text.h"

enum secret_file_look {
    SECRET_FILE_CLOSED,   /* its owner's, perhaps its group's to read */
    SECRET_FILE_READABLE, /* by everybody on this machine: worth a warning */
};

/* Whether that file may be used: ERR_IO: it cannot be looked at, or is no file;
 * ERR_MALFORMED: others than its owner may write it. `em` says it with the path. */
int secret_file_check(const char *path, enum secret_file_look *look, struct errmsg *em);

/* As secret_file_check(), and appends its text, at most `size_max` bytes. The caller wipes it
 * with secret_file_wipe(). ERR_NOMEM, ERR_TOOBIG too. */
int secret_file_read(struct text *out, const char *path, size_t size_max,
                     enum secret_file_look *look, struct errmsg *em);

/* Cuts lines off `text` to the next that says something: that is not empty, nor begins with #.
 * Without the spaces around it; empty: there is none. *number is that line's, counted up from
 * 0. */
struct bytes secret_file_line(struct bytes *text, unsigned *number);

void secret_file_wipe(struct text *t);

#endif
