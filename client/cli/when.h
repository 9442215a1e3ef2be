/* SPDX-License-Identifier: MIT */
/* Durations and times of day, as people write them. */
#ifndef PBIT_CLI_WHEN_H
#define PBIT_CLI_WHEN_H

#include <time.h>

#include "err.h"

/*
 * Seconds from "90", "90s", "10m", "2h", "7d", "2w" or a sum such as "1h30m"; at most 100 years.
 * what: the option's name, with which a refusal begins.
 */
int when_duration(const char *what, const char *text, uint64_t *ret, struct err *e);

/*
 * Microseconds since 1970 from local time: "now", "18:00" (the next one after now), "2026-11-24",
 * "2026-11-24 18:00", the same with seconds or with a T between, or "+2h" from now.
 */
int when_time(const char *what, const char *text, time_t now, int64_t *ret, struct err *e);

/* The same, where a bare duration means so long before now: "7d", or "18:00" of the past day. */
int when_since(const char *what, const char *text, time_t now, int64_t *ret, struct err *e);

/* "2026-11-24 18:00:00" in local time; "-" for none. */
#define WHEN_TEXT 32
const char *when_text(char buf[static WHEN_TEXT], int64_t us);

#endif
