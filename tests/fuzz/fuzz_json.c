/* Any text as the body of Jube's routes: is it a JSON object?
 *
 * Our scanner builds nothing; jansson builds the tree and is the judge. It refuses a few things
 * that RFC 8259 does not (numbers beyond a double, escapes of half a character or of NUL), and
 * is deeper than we are, and it overlooks a NUL behind a number; anything else must come out
 * the same. */
#include "fuzz.h"

#include "dialects/json_object.h"

#include <assert.h>
#include <jansson.h>

#define DEPTH_MAX 512u

static size_t depth_of(const json_t *value)
{
    size_t deepest = 0, i;
    const char *key;
    json_t *child;
    if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, key, child)
        {
            size_t d = depth_of(child);
            deepest = d > deepest ? d : deepest;
        }
        return deepest + 1;
    }
    if (json_is_array(value)) {
        json_array_foreach(value, i, child)
        {
            size_t d = depth_of(child);
            deepest = d > deepest ? d : deepest;
        }
        return deepest + 1;
    }
    return 0;
}

static bool may_differ(enum json_error_code code, const char *text)
{
    return code == json_error_null_character || code == json_error_null_byte_in_key ||
           code == json_error_numeric_overflow ||
           (code == json_error_invalid_syntax && strstr(text, "Unicode") != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_error_t error;
    bool ours = json_text_is_object(bytes_of(data, size));
    json_t *tree = json_loadb((const char *)data, size, JSON_DECODE_INT_AS_REAL, &error);
    if (tree == NULL) {
        assert(!ours || may_differ(json_error_code(&error), error.text));
    } else if (json_is_object(tree)) {
        bool has_nul = memchr(data, '\0', size) != NULL;
        assert(ours || has_nul || depth_of(tree) > DEPTH_MAX);
    } else {
        assert(!ours);
    }
    json_decref(tree);
    return 0;
}
