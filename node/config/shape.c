#include "config/shape.h"

#include "base/err.h"
#include "base/num.h"

#include <arpa/inet.h>

#define HOST_MAX 253 /* characters, RFC 1035 2.3.4 */

/* A host name or an IPv4 address; underscores are allowed, as container networks use them. */
static bool is_host(struct bytes text)
{
    return bytes_is_word(text) && text.size <= HOST_MAX && text.at[0] != '-' &&
           text.at[0] != '.';
}

static bool is_ip(int family, struct bytes text)
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr room;
    if (text.size == 0 || text.size >= sizeof copy) {
        return false;
    }
    memcpy(copy, text.at, text.size);
    copy[text.size] = '\0';
    return inet_pton(family, copy, &room) == 1;
}

/* Splits at the last colon. False without one. */
static bool cut_port(struct bytes *host, uint64_t *port)
{
    size_t n = host->size;
    while (n > 0 && host->at[n - 1] != ':') {
        n--;
    }
    if (n == 0) {
        return false;
    }
    struct bytes digits = bytes_of(host->at + n, host->size - n);
    host->size = n - 1;
    return digits.size <= 5 && num_parse(digits, UINT16_MAX, port) == 0;
}

bool shape_is_address(struct bytes text, bool zero_ok)
{
    uint64_t port;
    if (!cut_port(&text, &port) || (port == 0 && !zero_ok)) {
        return false;
    }
    if (text.size > 2 && text.at[0] == '[' && text.at[text.size - 1] == ']') {
        return is_ip(AF_INET6, bytes_of(text.at + 1, text.size - 2));
    }
    return is_host(text);
}

bool shape_is_loopback(struct bytes address)
{
    uint64_t port;
    if (!cut_port(&address, &port)) {
        return false;
    }
    bool is_v4 = is_ip(AF_INET, address) && bytes_cut_front(&address, "127.");
    return is_v4 || bytes_is(address, "[::1]") || bytes_is_nocase(address, "localhost");
}

bool shape_is_seed(struct bytes text)
{
    if (!bytes_cut_front(&text, "dns:")) {
        return shape_is_address(text, false);
    }
    return text.size > 0 && text.at[0] != '[' && shape_is_address(text, false);
}

static bool is_network(struct bytes text)
{
    struct bytes prefix = text;
    struct bytes address = bytes_cut_at(&prefix, '/');
    uint64_t bits;
    if (is_ip(AF_INET, address)) {
        return num_parse(prefix, 32, &bits) == 0;
    }
    return is_ip(AF_INET6, address) && num_parse(prefix, 128, &bits) == 0;
}

bool shape_is_address_or_network(struct bytes text)
{
    if (text.size > 0 && memchr(text.at, '/', text.size) != NULL) {
        return is_network(text);
    }
    return is_ip(AF_INET6, text) || is_ip(AF_INET, text);
}

bool shape_is_host_or_network(struct bytes text)
{
    bool has_slash = text.size > 0 && memchr(text.at, '/', text.size) != NULL;
    return shape_is_address_or_network(text) || (!has_slash && is_host(text));
}

bool shape_is_base_url(struct bytes text)
{
    if (!bytes_cut_front(&text, "https://") && !bytes_cut_front(&text, "http://")) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.at[i];
        if (c <= ' ' || c > '~' || strchr("?#\"<>\\^`{|}", c) != NULL) {
            return false;
        }
    }
    return text.size > 0 && text.at[0] != '/' && text.at[0] != ':' &&
           text.at[text.size - 1] != '/';
}

bool shape_is_function_name(struct bytes text)
{
    return bytes_is_word(text) && text.size <= SHAPE_FUNCTION_NAME_MAX &&
           !bytes_is(text, ".") && !bytes_is(text, "..");
}

bool shape_is_variable(struct bytes text)
{
    struct bytes name = bytes_cut_at(&text, '=');
    for (size_t i = 0; i < name.size; i++) {
        if (!bytes_is_letter_or_digit(name.at[i]) && name.at[i] != '_') {
            return false;
        }
    }
    return name.size > 0 && (name.at[0] < '0' || name.at[0] > '9') && shape_is_printable(text);
}

bool shape_is_printable(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < 0x20 || text.at[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

/* Microseconds of one unit, 0 when `text` does not begin with one. Cuts it off. */
static uint64_t cut_unit_us(struct bytes *text)
{
    static const struct {
        const char *name;
        uint64_t us;
    } units[] = {{"ms", 1000}, {"us", 1}, {"s", 1000000}, {"m", 60000000}, {"h", 3600000000}};

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (bytes_cut_front(text, units[i].name)) {
            return units[i].us;
        }
    }
    return 0;
}

static struct bytes cut_digits(struct bytes *text)
{
    struct bytes digits = bytes_of(text->at, 0);
    while (text->size > 0 && text->at[0] >= '0' && text->at[0] <= '9') {
        *text = bytes_of(text->at + 1, text->size - 1);
        digits.size++;
    }
    return digits;
}

#define DURATION_PART_MAX                                                                      \
    1000000000u /* of any unit; keeps the sums below far from overflow                         \
                 */

/* One "1.5h" of a duration. */
static int cut_part_us(struct bytes *text, uint64_t *out_us)
{
    struct bytes whole = cut_digits(text);
    struct bytes fraction = bytes_of(NULL, 0);
    if (bytes_cut_front(text, ".")) {
        fraction = cut_digits(text);
    }
    if (whole.size == 0 || fraction.size > 6) {
        return ERR_MALFORMED;
    }
    uint64_t unit_us = cut_unit_us(text);
    uint64_t value = 0, parts = 0;
    if (unit_us == 0) {
        return ERR_MALFORMED;
    }
    if (num_parse(whole, DURATION_PART_MAX, &value) != 0) {
        return ERR_TOOBIG;
    }
    *out_us = value * unit_us;
    uint64_t scale = 1;
    for (size_t i = 0; i < fraction.size; i++) {
        parts = parts * 10 + (uint64_t)(fraction.at[i] - '0');
        scale *= 10;
    }
    *out_us += parts * unit_us / scale;
    return 0;
}

int shape_duration(struct bytes text, uint64_t max_ms, uint64_t *out_ms)
{
    uint64_t seconds;
    int rc = num_parse(text, max_ms / 1000, &seconds);
    if (rc != ERR_MALFORMED) {
        *out_ms = rc == 0 ? seconds * 1000 : 0;
        return rc;
    }
    if (text.size == 0) {
        return ERR_MALFORMED;
    }
    uint64_t total_us = 0;
    while (text.size > 0) {
        uint64_t part_us = 0;
        rc = cut_part_us(&text, &part_us);
        if (rc != 0) {
            return rc;
        }
        total_us += part_us;
        if (total_us / 1000 > max_ms) {
            return ERR_TOOBIG;
        }
    }
    *out_ms = total_us / 1000;
    return 0;
}
