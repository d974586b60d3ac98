/* Wall-clock milliseconds since 1970 as text, always in UTC. Pure arithmetic on the
 * proleptic Gregorian calendar: no libc time zone, no locale, no clock. */
#ifndef BASE_TIMESTAMP_H
#define BASE_TIMESTAMP_H

#include "base/text.h"

/* RFC 3339 with milliseconds: 2026-11-20T12:00:00.000Z */
void timestamp_add_rfc3339(struct text *t, uint64_t at_ms);

/* IMF-fixdate (RFC 9110 5.6.7), whole seconds: Fri, 20 Nov 2026 12:00:00 GMT */
void timestamp_add_http_date(struct text *t, uint64_t at_ms);

/* As .NET's round-trip format prints a local time of a machine that runs in UTC, which is
 * what Jube's clients parse: 2026-11-20T12:00:00.0000000+00:00 */
void timestamp_add_dotnet(struct text *t, uint64_t at_ms);

#endif
