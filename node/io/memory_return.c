#include "io/memory_return.h"

#include "io/loop.h"

#include <malloc.h>

#define LONG_NS       5000000u               /* of a step: a quarter of what a turn may take */
#define STEP_SIZE_MAX ((uint64_t)1024 << 20) /* bytes */

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
    uint64_t begun_ns = loop_clock_ns();
    malloc_trim(0);
    learn(m, loop_clock_ns() - begun_ns);
    return true;
}
