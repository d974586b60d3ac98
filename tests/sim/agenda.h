/* What will happen, in order of virtual time: the heart of the simulator.
 *
 * A heap of events. Two events of the same moment happen in the order in which they were
 * added, so that a run is a pure function of its plan. The agenda knows nothing of what an
 * event means; that is world.c. Times: virtual microseconds since the run began.
 */
#ifndef TESTS_SIM_AGENDA_H
#define TESTS_SIM_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_KINDS(X)                                                                         \
    X(OP)       /* the plan's operation number `a` */                                          \
    X(TICK)     /* the core of a host asked to be called now */                                \
    X(WIRE)     /* a frame has reached the far end of direction `b` of connection `a` */       \
    X(DIALLED)  /* an attempt to connect, `a`, has its outcome */                              \
    X(CLOSED)   /* the close of link `a`, which the core asked for, is done */                 \
    X(FREED)    /* few bytes wait on link `a` again */                                         \
    X(SEED)     /* the resolver answers */                                                     \
    X(START)    /* the process in slot `a` starts */                                           \
    X(FINISH)   /* a draining process has served long enough */                                \
    X(EXIT)     /* the process ends by itself */                                               \
    X(RUN_DUE)  /* the run limit of execution `a` is reached */                                \
    X(RUN_DONE) /* the function of execution `a` has ended */                                  \
    X(RUN_RETRY)                                                                               \
    X(WROTE)      /* the last byte of ask `a` was handed to the system */                      \
    X(SENT)       /* ... and the host has noticed */                                           \
    X(GOODBYE)    /* the client of ask `a` has gone */                                         \
    X(ASK)        /* ask `a` has reached its node */                                           \
    X(RETRY)      /* the client sends ask `a` */                                               \
    X(LATE)       /* ask `a` should have been answered by now */                               \
    X(CHECK_GONE) /* the bytes of record `a` should be gone by now */                          \
    X(FAULT_END)  /* the fault of the plan's operation `a` is over */                          \
    X(PHASE)      /* the next phase of the run begins */

enum event_kind {
#define EVENT_ENUM(NAME) EVENT_##NAME,
    EVENT_KINDS(EVENT_ENUM)
#undef EVENT_ENUM
        EVENT_KIND_COUNT
};

#define NO_HOST UINT32_MAX

struct event {
    uint64_t at_us;
    uint64_t order;
    enum event_kind kind;
    uint32_t slot;        /* of the host it happens to; NO_HOST: to none */
    uint32_t incarnation; /* only to this one; a later start of the same slot never sees it */
    uint64_t a, b;
};

struct agenda {
    struct event *heap;
    size_t count, room;
    uint64_t added;
};

void agenda_fini(struct agenda *g);

/* `e->order` is set here, except when it is not 0: an event put off keeps its place. */
void agenda_add(struct agenda *g, struct event e);

/* False: nothing will ever happen again. */
bool agenda_next(struct agenda *g, struct event *out);

const char *event_kind_text(enum event_kind kind);

#endif
