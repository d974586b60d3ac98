#include "http/http_date.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

void http_date_print(char *out, uint64_t wall_ms)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm t;
    struct tm *done = gmtime_r(&seconds, &t);
    assert(done != NULL); /* fails only beyond the year 2^31 */
    char text[64];
    int n =
        snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[t.tm_wday],
                 t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
    assert(n == (int)HTTP_DATE_SIZE);
    memcpy(out, text, HTTP_DATE_SIZE);
}

struct bytes http_date_now(struct http_date *d, const struct loop *loop)
{
    uint64_t now_ms = loop_now_ms(loop);
    if (now_ms >= d->stale_at_ms) {
        uint64_t wall_ms = loop_wall_ms();
        http_date_print(d->text, wall_ms);
        d->stale_at_ms = now_ms + 1000 - wall_ms % 1000;
    }
    return bytes_of(d->text, HTTP_DATE_SIZE);
}
