#include "trim.h"

#include <malloc.h>

void trim_look(struct trim *t)
{
    size_t used = t->budget->used;
    if (used > t->high_size) {
        t->high_size = used;
    } else if (t->high_size - used >= TRIM_STEP_SIZE) {
        malloc_trim(0);
        t->high_size = used;
    }
}
