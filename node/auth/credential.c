#include "auth/credential.h"

#include "crypto/crypto.h"

/* "Scheme rest": the scheme in any case, then one space or more (RFC 9110 11.4). */
static bool cut_scheme(struct bytes *value, const char *scheme)
{
    struct bytes rest = *value;
    if (!bytes_cut_front_nocase(&rest, scheme) || rest.size == 0 || rest.at[0] != ' ') {
        return false;
    }
    *value = bytes_trim(rest);
    return true;
}

static bool password_of(struct bytes encoded, struct text *scratch, struct bytes *out)
{
    text_clear(scratch);
    if (crypto_add_decoded(scratch, encoded) != 0 || text_failed(scratch)) {
        return false;
    }
    struct bytes pair = text_view(scratch);
    struct bytes user = bytes_cut_at(&pair, ':');
    *out = pair;
    return user.size < scratch->size; /* there was a colon */
}

bool credential_is_header(struct bytes name)
{
    return bytes_is_nocase(name, "Authorization") || bytes_is_nocase(name, "X-Api-Key");
}

bool credential_of(const struct http_header *header, struct text *scratch, struct bytes *out)
{
    struct bytes value = header->value;
    if (bytes_is_nocase(header->name, "X-Api-Key")) {
        *out = value;
        return value.size > 0;
    }
    if (!bytes_is_nocase(header->name, "Authorization")) {
        return false;
    }
    if (cut_scheme(&value, "Basic")) {
        return password_of(value, scratch, out);
    }
    *out = value;
    return cut_scheme(out, "Bearer") && out->size > 0;
}
