/* What became of each number of one origin: unknown, live here (its handle), or ended.
 *
 * Numbers only rise, so all below `low` have ended and need no memory; above it, pages of 64
 * numbers, and one word for a page in which all have ended. "Ended" is never taken back: this
 * is what makes removal win over any late copy (rule A4; invariant S3).
 */
#ifndef CLUSTER_SEQMAP_H
#define CLUSTER_SEQMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEQMAP_SPAN_MAX ((uint64_t)1 << 27) /* numbers between low and high */

struct seqpage;

struct seqmap {
    uint64_t low;  /* all below have ended */
    uint64_t high; /* none at or above is known */
    struct seqpage **ring;
    uint32_t room; /* pages, a power of two, or 0 */
    uint32_t live; /* numbers with a handle */
};

void seqmap_init(struct seqmap *m);
void seqmap_fini(struct seqmap *m);

/* Makes `seq` live. ERR_INUSE: it is, or has ended. ERR_TOOBIG: too far above `low`.
 * ERR_NOMEM. */
int seqmap_put(struct seqmap *m, uint64_t seq, uint32_t handle);

/* 0: not live. */
uint32_t seqmap_get(const struct seqmap *m, uint64_t seq);

bool seqmap_has_ended(const struct seqmap *m, uint64_t seq);

/* It was live or unknown, and has ended for good. ERR_TOOBIG, ERR_NOMEM: could not be noted
 * (never when it was live). */
int seqmap_end(struct seqmap *m, uint64_t seq);

/* A live one becomes unknown again: it was never really kept. */
void seqmap_forget(struct seqmap *m, uint64_t seq);

/* Digests tell which are ready; of a live one only. */
void seqmap_set_ready(struct seqmap *m, uint64_t seq);

/* The first live number at or above `from` and below `to`; `to` if there is none. */
uint64_t seqmap_next_live(const struct seqmap *m, uint64_t from, uint64_t to);

/* Nothing below `low` is live any more: says that all of it has ended. */
void seqmap_raise(struct seqmap *m, uint64_t low);

/* 64 numbers from `first` (a multiple of 64) at a time, as bits. */
void seqmap_bits(const struct seqmap *m, uint64_t first, uint64_t *ended, uint64_t *ready);

/* As seqmap_bits(): live here. */
uint64_t seqmap_live_bits(const struct seqmap *m, uint64_t first);

#endif
