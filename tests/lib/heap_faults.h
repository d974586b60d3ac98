/* Makes the n-th allocation fail, so that every path that has no memory can be walked.
 * Programs that link the target heap_faults are linked with --wrap for malloc, calloc and
 * realloc. */
#ifndef TESTS_LIB_HEAP_FAULTS_H
#define TESTS_LIB_HEAP_FAULTS_H

#include <stdbool.h>

/* The `countdown`-th allocation from now fails, once. 0: none. */
void heap_faults_set(unsigned countdown);

/* True when the fault has happened since the last heap_faults_set(). */
bool heap_faults_hit(void);

/* How many allocations have been asked for since the last heap_faults_set(). */
unsigned heap_faults_count(void);

#endif
