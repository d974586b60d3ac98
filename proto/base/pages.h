/* Memory straight from the system, in large aligned pieces that go back to it at once: for
 * pools, whose emptiness after a burst malloc could not promise. Zeroed when new. */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stddef.h>

/* `size` bytes at an address that is a multiple of `size`, a power of two and at least a
 * page. NULL: the system has none. */
void *pages_map(size_t size);

void pages_unmap(void *at, size_t size);

#endif
