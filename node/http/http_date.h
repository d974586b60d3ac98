/* The Date of answers (RFC 9110 5.6.7), written anew once a second. */
#ifndef NODE_HTTP_DATE_H
#define NODE_HTTP_DATE_H

#include "base/bytes.h"
#include "io/loop.h"

#define HTTP_DATE_SIZE 29u /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/* Embedded in its owner; zero it before the first use. */
struct http_date {
    char text[HTTP_DATE_SIZE];
    uint64_t stale_at_ms;
};

/* Borrowed until the next call. */
struct bytes http_date_now(struct http_date *d, const struct loop *loop);

/* `wall_ms` as a date, HTTP_DATE_SIZE bytes, no terminator. */
void http_date_print(char *out, uint64_t wall_ms);

#endif
