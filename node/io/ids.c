#include "io/ids.h"

#include <uuid/uuid.h>

void ids_random(uint8_t out[16])
{
    uuid_generate_random(out);
}
