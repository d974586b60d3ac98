/* An answer as bytes (RFC 9112 4): composes the head and lists the parts to be written.
 * Pure: it sends nothing and copies no body of any size that matters. */
#ifndef NODE_HTTP_WRITER_H
#define NODE_HTTP_WRITER_H

#include "http/http_message.h"

/* What the connection adds to an answer. */
struct http_terms {
    bool is_head;      /* the request was HEAD: no body follows */
    bool closes;       /* the connection ends after this answer */
    bool tells_alive;  /* an HTTP/1.0 client asked to keep the connection: say so */
    struct bytes date; /* HTTP_DATE_SIZE bytes */
};

#define HTTP_PARTS_MAX 6u

/* Appends the head to `head` and lists all that must be written, in order, in `parts`; they
 * borrow from `head` and `a`, which must stay as they are until all is written. Returns the
 * number of parts. Check text_failed(head) before using them. */
size_t http_writer_compose(struct bytes parts[HTTP_PARTS_MAX], struct text *head,
                           const struct http_answer *a, const struct http_terms *terms);

/* "Not Found"; "Unknown" for codes without a name. */
struct bytes http_reason(uint16_t status);

#endif
