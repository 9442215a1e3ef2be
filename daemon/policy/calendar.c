// SPDX-License-Identifier: MIT
/* Days and hours. */
#include "calendar.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#define USEC ((int64_t)1000000)

/* Rounded down, before 1970 as well. */
static struct tm local(int64_t wall)
{
	time_t seconds = wall / USEC - (wall % USEC < 0);
	struct tm tm;

	localtime_r(&seconds, &tm);
	return tm;
}

int64_t calendar_midnight(int64_t wall, int days)
{
	struct tm tm = local(wall);

	tm.tm_mday += days;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	return (int64_t)mktime(&tm) * USEC;
}

void calendar_words(int64_t wall, int64_t now, char *buf, size_t size)
{
	struct tm tm = local(wall), today = local(now);
	bool same = tm.tm_year == today.tm_year && tm.tm_yday == today.tm_yday;

	if (strftime(buf, size, same ? "%H:%M" : "%H:%M on %Y-%m-%d", &tm) == 0 && size)
		buf[0] = '\0';
}

void calendar_length(uint64_t us, char *buf, size_t size)
{
	uint64_t s = us / (uint64_t)USEC, rest = us % (uint64_t)USEC;

	if (rest)
		snprintf(buf, size, "%.3f s", (double)us / (double)USEC);
	else if (s && s % 3600 == 0)
		snprintf(buf, size, "%" PRIu64 " h", s / 3600);
	else if (s >= 120 && s % 60 == 0)
		snprintf(buf, size, "%" PRIu64 " min", s / 60);
	else
		snprintf(buf, size, "%" PRIu64 " s", s);
}
