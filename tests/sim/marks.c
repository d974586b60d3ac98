#include "marks.h"

const char *mark_name(enum mark what)
{
    static const char *const names[MARK_COUNT] = {
#define MARK_NAME(NAME, TEXT) [MARK_##NAME] = #NAME,
        MARKS(MARK_NAME)
#undef MARK_NAME
    };
    return names[what];
}

const char *mark_text(enum mark what)
{
    static const char *const texts[MARK_COUNT] = {
#define MARK_TEXT(NAME, TEXT) [MARK_##NAME] = TEXT,
        MARKS(MARK_TEXT)
#undef MARK_TEXT
    };
    return texts[what];
}
