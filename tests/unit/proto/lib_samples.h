/* One message of every kind, and of every shape a kind can take, with values that tell the
 * fields apart. Shared by the codec's tests. */
#ifndef LIB_SAMPLES_H
#define LIB_SAMPLES_H

#include "proto/msg.h"

struct sample {
    const char *name;
    struct msg msg; /* owns the buffers in it */
};

size_t samples_make(struct sample *out, size_t max); /* returns how many */
void samples_drop(struct sample *samples, size_t count);

#define SAMPLES_MAX 64u

#endif
