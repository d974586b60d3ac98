/* Reading a run of header lines, "Name: value\r\n" each, as requests and results keep them.
 *
 * Knows the shape of the lines and which headers concern one connection only; builds and
 * owns nothing. All views are borrowed from the run that is read. */
#ifndef NODE_HANDLERS_HEADER_LINES_H
#define NODE_HANDLERS_HEADER_LINES_H

#include "base/bytes.h"

struct header_line {
    struct bytes whole; /* with its line end */
    struct bytes name;
    struct bytes value; /* without white space around it */
};

/* Cuts the next line off the front of *rest. False when none is left. A line without a colon
 * is skipped. */
bool header_lines_next(struct bytes *rest, struct header_line *out);

/* The value of the first header of that name (any case), or an empty view. */
struct bytes header_lines_value(struct bytes lines, const char *name);

/* True for what is never passed on, between a client and a function or back: as
 * http_header_is_hop_by_hop(), and what frames or negotiates a message (RFC 9112 6). */
bool header_is_hop_by_hop(struct bytes name, struct bytes connection);

#endif
