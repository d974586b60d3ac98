/* What a function answered: the callback, as it is stored and handed over byte for byte.
 *
 * Holds one reference to each buffer; result_drop() gives them back. Copying the struct
 * moves the references: only one of the two may be dropped. */
#ifndef PROTO_RESULT_H
#define PROTO_RESULT_H

#include "base/buf.h"

struct result {
    uint16_t status;     /* HTTP status code, 100 to 599 */
    bool failed;         /* the function answered >= 400, or gave no answer */
    struct buf *headers; /* "Name: value\r\n"..., end-to-end, no Content-Length; NULL: none */
    struct buf *body;    /* NULL: empty */
};

static inline void result_drop(struct result *r)
{
    buf_drop(&r->headers);
    buf_drop(&r->body);
}

#endif
