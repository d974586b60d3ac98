/* A result that a handler words itself: a status and a line of plain text. */
#ifndef NODE_HANDLERS_ANSWER_TEXT_H
#define NODE_HANDLERS_ANSWER_TEXT_H

#include "handlers/handler.h"

/* Fills `out` with `status` and `text` as text/plain. Without memory for it, `out` is an
 * EXECUTION_NO_MEMORY. */
void answer_text(struct execution_outcome *out, struct budget *budget, uint16_t status,
                 const char *text);

/* "Content-Type: text/plain; charset=utf-8" as result headers. ERR_* as buf_new(). */
int answer_text_headers(struct buf **out, struct budget *budget);

#endif
