/* SPDX-License-Identifier: MIT */
/* Numbers with a unit, as people write them: 90, 10min, 2h, 7d; 512M, 4G. */
#ifndef PBIT_BASE_QUANTITY_H
#define PBIT_BASE_QUANTITY_H

#include "util.h"

/* A whole number from 0 on, decimal, alone: -EINVAL, or -ERANGE when it does not fit. */
int quantity_number(const char *text, uint64_t *ret);

/* Microseconds: a whole number of s (or no unit), min or m, h, d or w. -EINVAL, -ERANGE. */
int quantity_duration(const char *text, uint64_t *ret);

/* Bytes: a whole number of bytes, or of K, M, G or T, which are powers of 1024. -EINVAL, -ERANGE. */
int quantity_bytes(const char *text, uint64_t *ret);

#endif
