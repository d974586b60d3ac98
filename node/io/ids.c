#include "io/ids.h"

#include <string.h>
#include <sys/random.h>
#include <uuid/uuid.h>

void ids_random(uint8_t out[16])
{
    uuid_generate_random(out);
}

/* getrandom(2) may be interrupted when so much is asked for; less than all is as good. */
static void draw(struct ids_block *block)
{
    ssize_t n = getrandom(block->random, sizeof block->random, 0);
    block->left = n < 0 ? 0 : (uint32_t)((size_t)n / sizeof block->random[0]);
}

void ids_random_from(struct ids_block *block, uint8_t out[16])
{
    if (block->left == 0) {
        draw(block);
    }
    if (block->left == 0) {
        ids_random(out);
        return;
    }
    block->left--;
    uint8_t *at = block->random[block->left];
    memcpy(out, at, sizeof block->random[0]);
    explicit_bzero(at, sizeof block->random[0]);
}
