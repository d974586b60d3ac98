/* Any text as X-Callback-Url, and any as an item of webhook.allow ("URL\nitem\nitem...").
 *
 * Beyond not crashing: a host that the C library would take for an address is one for us, and
 * the same one, so that no spelling slips past the guard to a resolver; what is internal is
 * refused unless the list names it; the parts of an accepted URL make up its text again. */
#include "fuzz.h"

#include "core/webhook_url.h"

#include <arpa/inet.h>
#include <assert.h>

#define ITEMS_MAX 8u
#define HOST_ROOM 300u

static bool address_equal(const struct webhook_address *a, const struct webhook_address *b)
{
    return memcmp(a->at, b->at, sizeof a->at) == 0;
}

/* What this machine's own readers of addresses say of the host. */
static bool read_by_system(struct bytes host, struct webhook_address *out)
{
    char text[HOST_ROOM];
    struct in_addr v4;
    struct in6_addr v6;
    assert(host.size < sizeof text);
    memcpy(text, host.at, host.size);
    text[host.size] = '\0';
    if (inet_aton(text, &v4) != 0) {
        *out = webhook_address_of((const uint8_t *)&v4, sizeof v4);
        return true;
    }
    if (inet_pton(AF_INET6, text, &v6) == 1) {
        *out = webhook_address_of((const uint8_t *)&v6, sizeof v6);
        return true;
    }
    return false;
}

static void check_parts(const struct webhook_url *u, struct bytes text)
{
    assert(u->host.size > 0 && u->host.size < HOST_ROOM && u->port > 0);
    assert(u->origin.at == text.at && u->origin.size <= text.size);
    assert(u->host.at > text.at && u->host.at + u->host.size <= text.at + u->origin.size);
    if (u->target.size > 0) {
        assert(u->target.at == text.at + u->origin.size);
        assert(u->target.at[0] == '/' || u->target.at[0] == '?');
        assert(u->target.size + u->origin.size <= text.size);
        assert(memchr(u->target.at, '#', u->target.size) == NULL);
        assert(memchr(u->target.at, ' ', u->target.size) == NULL);
    }
}

static void check_url(struct bytes text, const struct webhook_allow *allow)
{
    struct webhook_url u;
    const char *fault = webhook_url_parse(&u, text);
    const char *guarded = webhook_url_fault(text, NULL);
    const char *allowed = webhook_url_fault(text, allow);
    if (fault != NULL) {
        assert(guarded != NULL && allowed != NULL);
        return;
    }
    struct webhook_address a;
    check_parts(&u, text);
    if (read_by_system(u.host, &a)) {
        assert(u.kind == WEBHOOK_HOST_ADDRESS && address_equal(&a, &u.address));
    }
    if (u.kind == WEBHOOK_HOST_ADDRESS) {
        struct bytes none = bytes_of(NULL, 0);
        assert((guarded != NULL) == webhook_address_is_internal(&u.address));
        assert((allowed == NULL) == webhook_address_is_allowed(&u.address, none, allow));
    }
    assert(guarded != NULL || allowed == NULL); /* a list only ever allows more */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_of(data, size);
    struct bytes url = bytes_cut_at(&rest, '\n');
    struct bytes items[ITEMS_MAX];
    struct webhook_allow allow = {.items = items};
    while (rest.size > 0 && allow.count < ITEMS_MAX) {
        struct bytes item = bytes_cut_at(&rest, '\n');
        if (webhook_allow_is_valid(item)) { /* no other reaches the check */
            items[allow.count++] = item;
        }
    }
    check_url(url, &allow);
    if (size == 4 || size == 16) {
        struct webhook_address a = webhook_address_of(data, size);
        bool is_allowed = webhook_address_is_allowed(&a, bytes_of(NULL, 0), NULL);
        assert(is_allowed != webhook_address_is_internal(&a));
    }
    return 0;
}
