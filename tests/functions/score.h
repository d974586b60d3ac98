/* A small fraud score of a card transaction, for trying functions out: the same rules as
 * score_http.py, and the same bytes as its answer. No memory is allocated. */
#ifndef TESTS_FUNCTIONS_SCORE_H
#define TESTS_FUNCTIONS_SCORE_H

#include <stddef.h>

#define SCORE_ANSWER_MAX 256 /* bytes, terminator included */

/* Reads one flat JSON object and writes the answer to `out`, terminated. Returns its length,
 * or 0 when `json` is not a JSON object. */
size_t score_transaction(char out[SCORE_ANSWER_MAX], const char *json, size_t size);

#endif
