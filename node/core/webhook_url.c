#include "core/webhook_url.h"

#include "base/err.h"
#include "base/num.h"
#include "core/webhook_address.h"

#include <ctype.h>

#define HOST_NAME_MAX_SIZE 253 /* RFC 1035 2.3.4 */
#define LABEL_SIZE_MAX     63

static const char not_absolute[] =
    "X-Callback-Url: an absolute http or https URL is needed, as http://host/path";

/* Labels of letters, digits, '-' and '_', parted by dots; one dot may end it. */
static bool is_host_name(struct bytes host)
{
    if (host.size > 0 && host.at[host.size - 1] == '.') {
        host.size--;
    }
    if (host.size == 0 || host.size > HOST_NAME_MAX_SIZE) {
        return false;
    }
    size_t label = 0;
    for (size_t i = 0; i < host.size; i++) {
        uint8_t c = host.at[i];
        bool part = bytes_is_letter_or_digit(c) || c == '-' || c == '_';
        if (!part && (c != '.' || label == 0)) {
            return false;
        }
        label = c == '.' ? 0 : label + 1;
        if (label > LABEL_SIZE_MAX) {
            return false;
        }
    }
    return label > 0;
}

/* A resolver reads a name whose last label is a number as an IPv4 address, in whatever
 * spelling (WHATWG URL 3.5): if we could not read it as one, nobody shall. */
static bool ends_in_number(struct bytes host)
{
    if (host.size > 0 && host.at[host.size - 1] == '.') {
        host.size--;
    }
    const uint8_t *dot = host.size == 0 ? NULL : memrchr(host.at, '.', host.size);
    size_t from = dot == NULL ? 0 : (size_t)(dot - host.at) + 1;
    struct bytes label = bytes_of(host.at + from, host.size - from);
    if (label.size >= 2 && label.at[0] == '0' && (label.at[1] | 0x20) == 'x') {
        return true;
    }
    for (size_t i = 0; i < label.size; i++) {
        if (label.at[i] < '0' || label.at[i] > '9') {
            return false;
        }
    }
    return label.size > 0;
}

static const char *read_host(struct webhook_url *out, bool bracketed)
{
    if (bracketed) {
        out->kind = WEBHOOK_HOST_ADDRESS;
        return webhook_address_read_v6(&out->address, out->host)
                   ? NULL
                   : "X-Callback-Url: the host in brackets is not an IPv6 address";
    }
    if (webhook_address_read_v4(&out->address, out->host)) {
        out->kind = WEBHOOK_HOST_ADDRESS;
        return NULL;
    }
    out->kind = WEBHOOK_HOST_NAME;
    return is_host_name(out->host) && !ends_in_number(out->host)
               ? NULL
               : "X-Callback-Url: the host is neither a name nor an address";
}

static const char *read_port(struct webhook_url *out, struct bytes text)
{
    static const char fault[] = "X-Callback-Url: the port must be a number from 1 to 65535";
    uint64_t port = 0;
    if (text.size == 0) {
        return fault;
    }
    if (num_parse(text, UINT16_MAX, &port) != 0 || port == 0) {
        return fault;
    }
    out->port = (uint16_t)port;
    return NULL;
}

/* host [":" port], where the host may stand in brackets. */
static const char *read_authority(struct webhook_url *out, struct bytes authority)
{
    if (authority.size == 0) {
        return not_absolute;
    }
    if (memchr(authority.at, '@', authority.size) != NULL) {
        return "X-Callback-Url: a user name or password in the URL is not allowed";
    }
    bool bracketed = authority.at[0] == '[';
    struct bytes rest = authority;
    struct bytes after;
    if (bracketed) {
        rest = bytes_of(rest.at + 1, rest.size - 1);
        if (rest.size == 0 || memchr(rest.at, ']', rest.size) == NULL) {
            return "X-Callback-Url: the host in brackets is not an IPv6 address";
        }
        out->host = bytes_cut_at(&rest, ']');
        after = rest;
    } else {
        const uint8_t *colon = memchr(rest.at, ':', rest.size);
        size_t n = colon == NULL ? rest.size : (size_t)(colon - rest.at);
        out->host = bytes_of(rest.at, n);
        after = bytes_of(rest.at + n, rest.size - n);
    }
    const char *fault = read_host(out, bracketed);
    if (fault != NULL || after.size == 0) {
        return fault;
    }
    return bytes_cut_front(&after, ":") ? read_port(out, after) : not_absolute;
}

/* Only characters that RFC 3986 allows, and '%' only before two hex digits. */
static bool is_uri_text(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.at[i];
        if (c == '%') {
            if (i + 2 >= text.size || !isxdigit(text.at[i + 1]) || !isxdigit(text.at[i + 2])) {
                return false;
            }
        } else if (!bytes_is_letter_or_digit(c) &&
                   (c == 0 || strchr("-._~:/?#[]@!$&'()*+,;=", c) == NULL)) {
            return false;
        }
    }
    return true;
}

static size_t authority_size(struct bytes rest)
{
    size_t n = 0;
    while (n < rest.size && rest.at[n] != '/' && rest.at[n] != '?' && rest.at[n] != '#') {
        n++;
    }
    return n;
}

const char *webhook_url_parse(struct webhook_url *out, struct bytes text)
{
    *out = (struct webhook_url){0};
    struct bytes rest = text;
    if (bytes_cut_front_nocase(&rest, "https://")) {
        out->is_https = true;
        out->port = 443;
    } else if (bytes_cut_front_nocase(&rest, "http://")) {
        out->port = 80;
    } else {
        return not_absolute;
    }
    if (!is_uri_text(rest)) {
        return "X-Callback-Url: there is a character that a URL cannot have";
    }
    size_t n = authority_size(rest);
    const char *fault = read_authority(out, bytes_of(rest.at, n));
    if (fault != NULL) {
        return fault;
    }
    rest = bytes_of(rest.at + n, rest.size - n);
    out->origin = bytes_of(text.at, (size_t)(rest.at - text.at));
    out->target = bytes_cut_at(&rest, '#');
    return NULL;
}

static bool same_host(struct bytes a, struct bytes b)
{
    if (a.size > 0 && a.at[a.size - 1] == '.') {
        a.size--;
    }
    if (b.size > 0 && b.at[b.size - 1] == '.') {
        b.size--;
    }
    return a.size > 0 && bytes_equal_nocase(a, b);
}

bool webhook_address_is_allowed(const struct webhook_address *a, struct bytes host,
                                const struct webhook_allow *allow)
{
    if (!webhook_address_is_internal(a)) {
        return true;
    }
    for (size_t i = 0; allow != NULL && i < allow->count; i++) {
        struct webhook_network network;
        bool is_network = webhook_network_read(&network, allow->items[i]);
        if (is_network ? webhook_network_has(&network, a) : same_host(allow->items[i], host)) {
            return true;
        }
    }
    return false;
}

bool webhook_allow_is_valid(struct bytes text)
{
    struct webhook_network network;
    return webhook_network_read(&network, text) ||
           (is_host_name(text) && !ends_in_number(text));
}

/* "localhost" and what stands below it never leave the machine (RFC 6761 6.3). */
static bool is_localhost(struct bytes host)
{
    static const char local[] = "localhost";
    if (host.size > 0 && host.at[host.size - 1] == '.') {
        host.size--;
    }
    size_t n = sizeof local - 1;
    if (host.size < n || !bytes_is_nocase(bytes_of(host.at + host.size - n, n), local)) {
        return false;
    }
    return host.size == n || host.at[host.size - n - 1] == '.';
}

const char *webhook_url_fault(struct bytes text, const struct webhook_allow *allow)
{
    struct webhook_url url;
    const char *fault = webhook_url_parse(&url, text);
    if (fault != NULL) {
        return fault;
    }
    bool allowed = true;
    if (url.kind == WEBHOOK_HOST_ADDRESS) {
        allowed = webhook_address_is_allowed(&url.address, url.host, allow);
    } else if (is_localhost(url.host)) {
        static const uint8_t loopback[4] = {127, 0, 0, 1};
        struct webhook_address a = webhook_address_of(loopback, sizeof loopback);
        allowed = webhook_address_is_allowed(&a, url.host, allow);
    }
    return allowed ? NULL
                   : "X-Callback-Url: the host is an internal address, and webhook.allow does "
                     "not name it";
}
