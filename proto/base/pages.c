#include "base/pages.h"

#include <assert.h>
#include <stdint.h>
#include <sys/mman.h>

/* Twice as much is mapped, and what is not aligned is given back. */
void *pages_map(size_t size)
{
    assert(size >= 4096 && (size & (size - 1)) == 0);
    char *raw = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED) {
        return NULL;
    }
    size_t before = (size - ((uintptr_t)raw & (size - 1))) & (size - 1);
    if (before > 0) {
        munmap(raw, before);
    }
    munmap(raw + before + size, size - before);
    return raw + before;
}

void pages_unmap(void *at, size_t size)
{
    int rc = munmap(at, size);
    assert(rc == 0); /* it is what pages_map() gave */
    (void)rc;
}
