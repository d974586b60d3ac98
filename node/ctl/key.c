#include "ctl/key.h"

#include "crypto/crypto.h"

#define SECRET_SIZE 32u /* random bytes: nobody goes through so many */
#define WORD_MAX    64u /* characters of a tenant's, a function's or a key's name */

static bool is_word(struct bytes text)
{
    return bytes_is_word(text) && text.size <= WORD_MAX;
}

static bool is_scope(struct bytes text)
{
    return bytes_is(text, "invoke") || bytes_is(text, "collect") || bytes_is(text, "cancel") ||
           bytes_is(text, "admin");
}

static bool is_function(struct bytes text)
{
    return bytes_is(text, "*") || is_word(text);
}

static int refuse(struct ctl *ctl, const char *option, const char *allowed)
{
    text_addf(&ctl->err, "callbackctl: %s takes %s\n", option, allowed);
    return CTL_EXIT_USAGE;
}

/* "a,b" as "[a, b]", each in quotes. False: something in it may not be. */
static bool add_list(struct text *out, const char *commas, bool (*is_good)(struct bytes))
{
    struct bytes rest = bytes_text(commas);
    const char *lead = "[";
    bool good = true;
    do {
        struct bytes one = bytes_cut_at(&rest, ',');
        good = good && is_good(one);
        text_addf(out, "%s\"%.*s\"", lead, BYTES_ARG(one));
        lead = ", ";
    } while (rest.size > 0);
    text_add_char(out, ']');
    return good;
}

/* "cbk_" and the random bytes in base64url (RFC 4648 section 5) without padding. */
static int make_secret(struct text *out)
{
    uint8_t random[SECRET_SIZE];
    if (crypto_random(random, sizeof random) != 0) {
        return ERR_IO;
    }
    text_add_str(out, "cbk_");
    crypto_add_base64(out, bytes_of(random, sizeof random));
    for (size_t i = 0; i < out->size; i++) {
        char c = out->at[i];
        out->at[i] = (char)(c == '+' ? '-' : c == '/' ? '_' : c);
    }
    while (!text_failed(out) && out->at[out->size - 1] == '=') {
        out->size--;
    }
    return text_failed(out) ? ERR_NOMEM : 0;
}

static int add_digest(struct text *out, struct bytes secret)
{
    uint8_t digest[CRYPTO_SHA256_SIZE];
    int rc = crypto_sha256(digest, secret);
    for (size_t i = 0; i < sizeof digest && rc == 0; i++) {
        text_addf(out, "%02x", digest[i]);
    }
    return rc;
}

static int print(struct ctl *ctl, const struct text *functions, const struct text *scopes)
{
    const struct ctl_options *o = ctl->options;
    struct text secret = {0}, digest = {0};
    int rc = make_secret(&secret);
    rc = rc == 0 ? add_digest(&digest, text_view(&secret)) : rc;
    if (rc == 0) {
        text_addf(
            &ctl->out,
            "%.*s\n\n"
            "# Above is the key; it stands nowhere else. Add this to auth.keys_file, then\n"
            "# send the node a SIGHUP:\n",
            BYTES_ARG(text_view(&secret)));
        if (o->name != NULL) {
            text_addf(&ctl->out, "  - name: \"%s\"\n    sha256: ", o->name);
        } else {
            text_add_str(&ctl->out, "  - sha256: ");
        }
        text_addf(&ctl->out, "\"%.*s\"\n", BYTES_ARG(text_view(&digest)));
        if (o->tenant != NULL) {
            text_addf(&ctl->out, "    tenant: \"%s\"\n", o->tenant);
        }
        text_addf(&ctl->out, "    functions: %.*s\n    scopes: %.*s\n",
                  BYTES_ARG(text_view(functions)), BYTES_ARG(text_view(scopes)));
    } else {
        text_add_str(&ctl->err, "callbackctl: the system gave no random numbers\n");
    }
    text_fini(&secret);
    text_fini(&digest);
    return rc == 0 ? CTL_EXIT_OK : CTL_EXIT_FAILED;
}

int ctl_key_new(struct ctl *ctl)
{
    const struct ctl_options *o = ctl->options;
    struct text functions = {0}, scopes = {0};
    bool knows_functions =
        add_list(&functions, o->functions == NULL ? "*" : o->functions, is_function);
    bool knows_scopes =
        add_list(&scopes, o->scopes == NULL ? "invoke,collect,cancel" : o->scopes, is_scope);
    int code;
    if (o->tenant != NULL && !is_word(bytes_text(o->tenant))) {
        code = refuse(ctl, "--tenant", "at most 64 of a-z, A-Z, 0-9, '-', '_' and '.'");
    } else if (o->name != NULL && !is_word(bytes_text(o->name))) {
        code = refuse(ctl, "--name", "at most 64 of a-z, A-Z, 0-9, '-', '_' and '.'");
    } else if (!knows_functions) {
        code = refuse(ctl, "--functions", "names of functions, or *, parted by commas");
    } else if (!knows_scopes) {
        code = refuse(ctl, "--scopes", "some of invoke,collect,cancel,admin");
    } else {
        code = print(ctl, &functions, &scopes);
    }
    text_fini(&functions);
    text_fini(&scopes);
    return code;
}
