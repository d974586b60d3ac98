#include "base/num.h"

#include "base/err.h"

int num_parse(struct bytes text, uint64_t max, uint64_t *out)
{
    if (text.size == 0) {
        return ERR_MALFORMED;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') {
            return ERR_MALFORMED;
        }
    }
    for (size_t i = 0; i < text.size; i++) {
        uint64_t digit = (uint64_t)(text.at[i] - '0');
        if (digit > max || value > (max - digit) / 10) {
            return ERR_TOOBIG;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return 0;
}

int num_parse_size(struct bytes text, uint64_t *out)
{
    static const struct {
        const char *unit;
        uint64_t bytes;
    } units[] = {{"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}};

    uint64_t factor = 1;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t n = strlen(units[i].unit);
        if (text.size > n && memcmp(text.at + text.size - n, units[i].unit, n) == 0) {
            factor = units[i].bytes;
            text = bytes_trim(bytes_of(text.at, text.size - n));
            break;
        }
    }
    uint64_t value;
    int rc = num_parse(text, UINT64_MAX / factor, &value);
    if (rc == 0) {
        *out = value * factor;
    }
    return rc;
}

size_t num_print(char *out, uint64_t value)
{
    size_t n = 1;
    for (uint64_t rest = value; rest >= 10; rest /= 10) {
        n++;
    }
    for (size_t i = n; i > 0; i--) {
        out[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    return n;
}
