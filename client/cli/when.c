// SPDX-License-Identifier: MIT
#include <string.h>

#include "when.h"

#define DAY	    86400
#define MAX_SECONDS ((uint64_t)100 * 365 * DAY)

static uint64_t seconds_of(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return DAY;
	case 'w':
		return 7 * DAY;
	default:
		return 0;
	}
}

/* "10m" or, if it is all there is, "10". Moves *text on. */
static bool read_part(const char **text, bool first, uint64_t *sum)
{
	unsigned long long n;
	uint64_t unit, part;
	char *end;

	if ((*text)[0] < '0' || (*text)[0] > '9')
		return false;
	errno = 0;
	n = strtoull(*text, &end, 10);
	unit = *end ? seconds_of(*end) : first;
	if (errno || !unit || __builtin_mul_overflow((uint64_t)n, unit, &part) ||
	    __builtin_add_overflow(*sum, part, sum))
		return false;
	*text = *end ? end + 1 : end;
	return *sum <= MAX_SECONDS;
}

static bool read_duration(const char *text, uint64_t *ret)
{
	const char *at = text;
	uint64_t sum = 0;

	do {
		if (!read_part(&at, at == text, &sum))
			return false;
	} while (*at);
	*ret = sum;
	return true;
}

int when_duration(const char *what, const char *text, uint64_t *ret, struct err *e)
{
	if (read_duration(text, ret))
		return 0;
	return err_set(e, -EINVAL, "%s: '%s' is no time span; write for instance 90, 10m, 2h or 7d",
		       what, text);
}

/*
 * Only what mktime() gives back as it was given: no 31st of February. The hour that a change of the
 * clocks leaves out becomes the one after it.
 */
static bool to_time(const struct tm *given, time_t *ret)
{
	struct tm t = *given;
	time_t seconds;

	t.tm_isdst = -1;
	seconds = mktime(&t);
	if (t.tm_mday != given->tm_mday || t.tm_mon != given->tm_mon ||
	    t.tm_year != given->tm_year || t.tm_min != given->tm_min || t.tm_sec != given->tm_sec)
		return false;
	*ret = seconds;
	return true;
}

static bool read_date(const char *text, time_t *ret)
{
	static const char *const formats[] = { "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S",
					       "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S" };

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct tm t = { 0 };
		const char *end = strptime(text, formats[i], &t);

		/* strptime() skips blanks and takes years of fewer digits. */
		if (end && !*end && strcspn(text, "-") == 4 && text[0] >= '0' && text[0] <= '9')
			return to_time(&t, ret);
	}
	return false;
}

/* "18:00" of the day that is `days` after now's. */
static bool read_clock(const char *text, time_t now, int days, time_t *ret)
{
	struct tm t = { 0 }, clock = { 0 };
	const char *end = strptime(text, "%H:%M", &clock);

	if (!end || *end || text[0] == ' ' || !localtime_r(&now, &t))
		return false;
	/* Noon, so that the change of the clocks does not skip a day. */
	t.tm_mday += days;
	t.tm_hour = 12;
	t.tm_isdst = -1;
	if (mktime(&t) == -1)
		return false;
	t.tm_hour = clock.tm_hour;
	t.tm_min = clock.tm_min;
	t.tm_sec = 0;
	t.tm_isdst = -1;
	*ret = mktime(&t);
	return *ret != -1;
}

static int give(const char *what, const char *text, bool known, time_t t, int64_t *ret,
		struct err *e)
{
	/* Before 1970 is nothing to account, and nothing to reserve. */
	if (!known || t < 0)
		return err_set(e, -EINVAL,
			       "%s: '%s' is no time; write for instance 2026-11-24, "
			       "'2026-11-24 18:00', 18:00 or %s",
			       what, text, strcmp(what, "--since") == 0 ? "7d" : "+2h");
	*ret = (int64_t)t * 1000000;
	return 0;
}

int when_time(const char *what, const char *text, time_t now, int64_t *ret, struct err *e)
{
	uint64_t seconds;
	bool known = true;
	time_t t = now;

	if (text[0] == '+' && read_duration(text + 1, &seconds))
		t = now + (time_t)seconds;
	else if (read_clock(text, now, 0, &t))
		known = t > now || read_clock(text, now, 1, &t);
	else if (strcmp(text, "now") != 0)
		known = read_date(text, &t);
	return give(what, text, known, t, ret, e);
}

int when_since(const char *what, const char *text, time_t now, int64_t *ret, struct err *e)
{
	uint64_t seconds;
	bool known = true;
	time_t t = now;

	if (read_duration(text, &seconds))
		t = (uint64_t)now > seconds ? now - (time_t)seconds : 0;
	else if (read_clock(text, now, 0, &t))
		known = t <= now || read_clock(text, now, -1, &t);
	else if (strcmp(text, "now") != 0)
		known = read_date(text, &t);
	return give(what, text, known, t, ret, e);
}

const char *when_text(char buf[static WHEN_TEXT], int64_t us)
{
	time_t seconds = (time_t)(us / 1000000);
	struct tm parts;

	if (us <= 0 || !localtime_r(&seconds, &parts) ||
	    strftime(buf, WHEN_TEXT, "%Y-%m-%d %H:%M:%S", &parts) == 0)
		strcpy(buf, "-");
	return buf;
}
