#include "heap_faults.h"

#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);

static unsigned left, asked;
static bool hit;

void heap_faults_set(unsigned countdown)
{
    left = countdown;
    asked = 0;
    hit = false;
}

bool heap_faults_hit(void)
{
    return hit;
}

unsigned heap_faults_count(void)
{
    return asked;
}

static bool fails_now(void)
{
    asked++;
    if (left == 0 || --left > 0) {
        return false;
    }
    hit = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *at, size_t size)
{
    return fails_now() ? NULL : __real_realloc(at, size);
}
