// SPDX-License-Identifier: MIT
/* A number and one of a few units. */
#include "quantity.h"

#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit units_of_time[] = {
	{ "", 1000000 },
	{ "s", 1000000 },
	{ "m", 60 * (uint64_t)1000000 },
	{ "min", 60 * (uint64_t)1000000 },
	{ "h", 3600 * (uint64_t)1000000 },
	{ "d", 24 * 3600 * (uint64_t)1000000 },
	{ "w", 7 * 24 * 3600 * (uint64_t)1000000 },
	{ NULL, 0 },
};

static const struct unit units_of_memory[] = {
	{ "", 1 },
	{ "K", (uint64_t)1 << 10 },
	{ "M", (uint64_t)1 << 20 },
	{ "G", (uint64_t)1 << 30 },
	{ "T", (uint64_t)1 << 40 },
	{ NULL, 0 },
};

static const struct unit no_unit[] = { { "", 1 }, { NULL, 0 } };

static int parse(const char *text, const struct unit *units, uint64_t *ret)
{
	uint64_t n = 0;
	const char *p;

	for (p = text; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return -ERANGE;
	if (p == text)
		return -EINVAL;
	while (*p == ' ')
		p++;
	for (; units->name; units++)
		if (!strcmp(p, units->name)) {
			if (__builtin_mul_overflow(n, units->factor, &n))
				return -ERANGE;
			*ret = n;
			return 0;
		}
	return -EINVAL;
}

int quantity_number(const char *text, uint64_t *ret)
{
	return parse(text, no_unit, ret);
}

int quantity_duration(const char *text, uint64_t *ret)
{
	return parse(text, units_of_time, ret);
}

int quantity_bytes(const char *text, uint64_t *ret)
{
	return parse(text, units_of_memory, ret);
}
