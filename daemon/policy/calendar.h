/* SPDX-License-Identifier: MIT */
/* Local time, as people have it: where days begin, and hours in words. us since 1970. */
#ifndef PBIT_POLICY_CALENDAR_H
#define PBIT_POLICY_CALENDAR_H

#include <stddef.h>
#include <stdint.h>

/* The midnight with which the day of the time begins, or the one so many days later. */
int64_t calendar_midnight(int64_t wall, int days);

/* "14:00", or "14:00 on 2025-01-07" when that is not the day of now. */
void calendar_words(int64_t wall, int64_t now, char *buf, size_t size);

/* A length of time: "10 s", "90 s", "5 min", "2 h"; the largest unit that is exact. */
void calendar_length(uint64_t us, char *buf, size_t size);

#endif
