/* What one node tells another about its functions, for GET /v1/queues and Jube's balance rows
 * of the whole cluster: lines of text, so that nodes of different versions understand each
 * other as far as they can. Pure.
 *
 *   q NAME queued running ready bytes accepted collected expired canceled failed
 *       delivered taken_over elsewhere unaccounted (the last one may be negative)
 *   b CREATED_AT_MS invoke callback timeout
 */
#ifndef NODE_REPORT_H
#define NODE_REPORT_H

#include "base/text.h"
#include "core/functions.h"

#define REPORT_NUMBERS   13u
#define REPORT_NEEDED    9u    /* older nodes tell no more; the rest is 0 then */
#define REPORT_FUNCTIONS 1024u /* summed over all nodes; more are left out */

/* The members of a function's object in /v1/queues, in the order of a `q` line. */
extern const char *const report_members[REPORT_NUMBERS];

/* This node's `q` lines. */
void report_queues(const struct functions *fs, struct text *out);

struct report_sums {
    struct report_sum {
        char name[65];
        int64_t number[REPORT_NUMBERS];
    } * at;
    size_t count, room;
};

void report_sums_fini(struct report_sums *sums);

/* Appends the `q` lines of one report as a JSON object and adds them to the sums. Lines that
 * are no such lines are passed over. */
void report_queues_print(struct bytes report, struct report_sums *sums, struct text *out);

/* Appends the sums as a JSON object. */
void report_sums_print(const struct report_sums *sums, struct text *out);

#endif
