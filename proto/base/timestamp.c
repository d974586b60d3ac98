#include "base/timestamp.h"

/* The last millisecond of the year 9999: four digits of year are all the formats allow. */
#define AT_MS_MAX 253402300799999u
#define DAY_MS    86400000u

struct calendar {
    uint32_t year, month, day, weekday; /* month and day from 1; Sunday is weekday 0 */
    uint32_t hour, minute, second, millisecond;
};

/* Days since 1970 to year, month, day: eras of 400 years that begin on 1 March, so that the
 * leap day is the last day of a year. */
static struct calendar calendar_of(uint64_t at_ms)
{
    if (at_ms > AT_MS_MAX) {
        at_ms = AT_MS_MAX;
    }
    uint32_t days = (uint32_t)(at_ms / DAY_MS);
    uint32_t rest_ms = (uint32_t)(at_ms % DAY_MS);
    uint32_t shifted = days + 719468; /* since 0000-03-01 */
    uint32_t era = shifted / 146097;
    uint32_t day_of_era = shifted % 146097;
    uint32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t month_from_march = (5 * day_of_year + 2) / 153;

    struct calendar c;
    c.day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    c.month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    c.year = year_of_era + era * 400 + (c.month <= 2 ? 1 : 0);
    c.weekday = (days + 4) % 7; /* 1970-01-01 was a Thursday */
    c.hour = rest_ms / 3600000;
    c.minute = rest_ms / 60000 % 60;
    c.second = rest_ms / 1000 % 60;
    c.millisecond = rest_ms % 1000;
    return c;
}

/* Exactly `width` digits. */
static char *put_digits(char *to, uint32_t value, size_t width)
{
    for (size_t i = width; i > 0; i--) {
        to[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    return to + width;
}

static char *put_clock(char *to, const struct calendar *c)
{
    to = put_digits(to, c->hour, 2);
    *to++ = ':';
    to = put_digits(to, c->minute, 2);
    *to++ = ':';
    return put_digits(to, c->second, 2);
}

#define ISO_SIZE 23 /* 2026-11-20T12:00:00.000 */

static void add_iso(struct text *t, uint64_t at_ms)
{
    struct calendar c = calendar_of(at_ms);
    char *start = text_reserve(t, ISO_SIZE);
    if (start == NULL) {
        return;
    }
    char *to = put_digits(start, c.year, 4);
    *to++ = '-';
    to = put_digits(to, c.month, 2);
    *to++ = '-';
    to = put_digits(to, c.day, 2);
    *to++ = 'T';
    to = put_clock(to, &c);
    *to++ = '.';
    put_digits(to, c.millisecond, 3);
    text_commit(t, ISO_SIZE);
}

void timestamp_add_rfc3339(struct text *t, uint64_t at_ms)
{
    add_iso(t, at_ms);
    text_add_char(t, 'Z');
}

void timestamp_add_dotnet(struct text *t, uint64_t at_ms)
{
    add_iso(t, at_ms);
    text_add_str(t, "0000+00:00");
}

void timestamp_add_http_date(struct text *t, uint64_t at_ms)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct calendar c = calendar_of(at_ms);
    char digits[8];

    text_add(t, bytes_of(days + (size_t)c.weekday * 3, 3));
    text_add_str(t, ", ");
    text_add(t, bytes_of(digits, (size_t)(put_digits(digits, c.day, 2) - digits)));
    text_add_char(t, ' ');
    text_add(t, bytes_of(months + (size_t)(c.month - 1) * 3, 3));
    text_add_char(t, ' ');
    text_add(t, bytes_of(digits, (size_t)(put_digits(digits, c.year, 4) - digits)));
    text_add_char(t, ' ');
    text_add(t, bytes_of(digits, (size_t)(put_clock(digits, &c) - digits)));
    text_add_str(t, " GMT");
}
