/* Marks code that only a bug can reach. Stays in every build, as our assertions do. */
#ifndef BASE_UNREACHABLE_H
#define BASE_UNREACHABLE_H

#include <stdio.h>
#include <stdlib.h>

#define UNREACHABLE(why)                                                                       \
    do {                                                                                       \
        fprintf(stderr, "%s:%d: unreachable: %s\n", __FILE__, __LINE__, why);                  \
        abort();                                                                               \
    } while (0)

#endif
