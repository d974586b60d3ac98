#include "io/memory_return.h"

#include <malloc.h>
#include <time.h>

#define LONG_NS       5000000u               /* of a step: a quarter of what a turn may take */
#define STEP_SIZE_MAX ((uint64_t)1024 << 20) /* bytes */

/* Of the processor: on a busy machine a quick step may take long by any other clock. */
static uint64_t own_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void learn(struct memory_return *m, uint64_t took_ns)
{
    if (took_ns > LONG_NS && m->step_size < STEP_SIZE_MAX) {
        m->step_size *= 2;
    } else if (took_ns < LONG_NS / 4 && m->step_size > MEMORY_RETURN_STEP_SIZE) {
        m->step_size /= 2;
    }
}

bool memory_return_look(struct memory_return *m, uint64_t stored_size)
{
    if (m->step_size == 0) {
        m->step_size = MEMORY_RETURN_STEP_SIZE;
    }
    if (stored_size >= m->high_size) {
        m->high_size = stored_size;
        return false;
    }
    if (m->high_size - stored_size < m->step_size) {
        return false;
    }
    m->high_size = stored_size;
    uint64_t begun_ns = own_clock_ns();
    malloc_trim(0);
    learn(m, own_clock_ns() - begun_ns);
    return true;
}
