#include "proto/states.h"

#include <assert.h>

const char *invocation_state_text(enum invocation_state state)
{
    static const char *const texts[INVOCATION_STATE_COUNT] = {
#define INVOCATION_TEXT(NAME, TEXT) [INVOCATION_##NAME] = TEXT,
        INVOCATION_STATES(INVOCATION_TEXT)
#undef INVOCATION_TEXT
    };
    assert(state < INVOCATION_STATE_COUNT);
    return texts[state];
}
