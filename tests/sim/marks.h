/* "Sometimes" counters: proof that a batch of runs has been where the bugs live.
 *
 * A rare path that no seed of a large batch reaches is a path that nothing tests, so such a
 * batch fails. Counters only count; they never change what happens.
 */
#ifndef TESTS_SIM_MARKS_H
#define TESTS_SIM_MARKS_H

#include <stdint.h>

/* Name, what it means. All must be reached by a batch of MARKS_BATCH_MIN seeds. */
#define MARKS(X)                                                                               \
    X(COLLECTED, "a callback was delivered")                                                   \
    X(LINE, "a claim waited in line behind another")                                           \
    X(YIELD, "a claim gave its other votes back for its place in line")                        \
    X(STALE_GRANT, "a vote came for a claim number of the past, and was given back")           \
    X(TAKEOVER, "a node executed what another had accepted")                                   \
    X(FETCH, "a hole in a stream was fetched")                                                 \
    X(WATERMARK, "a watermark dropped what a node still held")                                 \
    X(DUPLICATE_RESULT, "a second result for one invocation was dropped")                      \
    X(REFUSED_COPY, "an arbiter refused a copy")                                               \
    X(NOT_REPLICATED, "a POST was refused for want of copies")                                 \
    X(NO_ROOM, "a POST was refused for want of memory")                                        \
    X(EXHAUSTED, "an invocation failed because its attempts were used up")                     \
    X(REDELIVERY, "a claim token was served a second time")                                    \
    X(ABANDONED, "a client left before the last byte, and the callback was given back")        \
    X(SECOND_CHANCE, "a callback was collected after a first client had failed")               \
    X(NO_QUORUM, "a collector met too few arbiters")                                           \
    X(PAYLOAD, "a body was fetched from an arbiter")                                           \
    X(EXPIRED, "a callback became an orphan")                                                  \
    X(CANCELED, "an invocation was canceled")                                                  \
    X(WEBHOOK, "a webhook delivery collected")                                                 \
    X(DUPLICATE_NAME, "a client's id was found in use")                                        \
    X(SUSPECTED, "a node was suspected that was alive")                                        \
    X(DRAINED, "a node left in order")                                                         \
    X(STRANGER, "another tenant was told that there is no such invocation")                    \
    X(DUPLICATE_COLLECTION, "available mode collected twice, as it may")

enum mark {
#define MARK_ENUM(NAME, TEXT) MARK_##NAME,
    MARKS(MARK_ENUM)
#undef MARK_ENUM
        MARK_COUNT
};

struct marks {
    uint64_t count[MARK_COUNT];
};

static inline void mark(struct marks *m, enum mark what)
{
    m->count[what]++;
}

const char *mark_name(enum mark what);
const char *mark_text(enum mark what);

#endif
