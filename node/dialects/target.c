#include "dialects/target.h"

#define FUNCTION_NAME_SIZE_MAX 255

struct bytes target_cut_segment(struct bytes *rest)
{
    struct bytes all = *rest;
    if (all.size == 0) {
        return all;
    }
    const uint8_t *slash = memchr(all.at, '/', all.size);
    size_t n = slash == NULL ? all.size : (size_t)(slash - all.at);
    *rest = bytes_of(all.at + n, all.size - n);
    return bytes_of(all.at, n);
}

struct bytes target_function(const struct dialect_config *config, struct bytes name)
{
    bool is_name = bytes_is_word(name) && name.size <= FUNCTION_NAME_SIZE_MAX;
    return is_name ? config->function_named(config->owner, name) : bytes_of(NULL, 0);
}

struct bytes target_function_in_namespace(const struct dialect_config *config,
                                          struct bytes name)
{
    struct bytes function = target_function(config, name);
    const uint8_t *dot = name.size == 0 ? NULL : memrchr(name.at, '.', name.size);
    if (function.size > 0 || dot == NULL) {
        return function;
    }
    return target_function(config, bytes_of(name.at, (size_t)(dot - name.at)));
}

int target_guid(struct guid *out, struct bytes text)
{
    /* A client that encodes its paths writes braces like this. */
    size_t n = 3;
    if (text.size > 2 * n && bytes_is_nocase(bytes_of(text.at, n), "%7B") &&
        bytes_is_nocase(bytes_of(text.at + text.size - n, n), "%7D")) {
        text = bytes_of(text.at + n, text.size - 2 * n);
    }
    return guid_parse(out, text);
}

struct op_id target_path_id(struct bytes text)
{
    struct op_id id = target_id(text, ID_CALL);
    id.is_encoded = true;
    return id;
}

struct op_id target_id(struct bytes text, enum id_space chosen)
{
    struct op_id id = {.space = chosen, .text = text};
    if (target_guid(&id.guid, text) == 0 && id.guid.at[6] >> 4 == 8) {
        id.space = ID_GUID;
    }
    return id;
}
