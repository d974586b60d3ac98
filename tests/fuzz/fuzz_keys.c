/* Any bytes as a file of keys, and any bytes as a header that brings one.
 *
 * Beyond not crashing and not leaking: every fault is one line that names a line of the file;
 * what was taken has a hash, a known scope and a sound tenant. */
#include "fuzz.h"

#include "auth/credential.h"
#include "config/keys_file.h"

#include "base/num.h"

#include <assert.h>

static void check_faults(struct bytes faults)
{
    while (faults.size > 0) {
        struct bytes line = bytes_cut_at(&faults, '\n');
        uint64_t number;
        assert(bytes_cut_front(&line, "keys.yaml:"));
        assert(num_parse(bytes_cut_at(&line, ':'), UINT32_MAX, &number) == 0);
        assert(number >= 1 && line.size > 3);
    }
}

static void check_entry(const struct keys_file_entry *e)
{
    struct bytes tenant = bytes_text(e->tenant);
    assert(e->line >= 1);
    assert(tenant.size == 0 || keys_file_is_tenant(tenant));
    assert(e->rate <= 1000000 && e->concurrency <= 1000000 && e->parked <= 1000000);
    assert(e->share <= 100 && (e->share == 0 || tenant.size > 0));
    for (size_t i = 0; i < e->functions.count; i++) {
        assert(e->functions.items[i][0] != '\0');
    }
}

static void try_header(const char *name, struct bytes value)
{
    struct http_header h = {.name = bytes_text(name), .value = bytes_trim(value)};
    struct text scratch = {0};
    struct bytes secret;
    if (credential_of(&h, &scratch, &secret)) {
        assert(secret.size <= value.size);
    }
    text_fini(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct keys_file file;
    struct text faults = {0};
    struct bytes in = bytes_of(data, size);
    bool ok = keys_file_parse(&file, "keys.yaml", in, &faults);
    assert(ok == (faults.size == 0));
    check_faults(text_view(&faults));
    for (size_t i = 0; i < file.count; i++) {
        check_entry(&file.at[i]);
    }
    keys_file_fini(&file);
    text_fini(&faults);
    try_header("Authorization", in);
    try_header("X-Api-Key", in);
    return 0;
}
