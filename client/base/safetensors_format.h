/* SPDX-License-Identifier: MIT */
/* What the reader and the writer of safetensors share. */
#ifndef PBIT_BASE_SAFETENSORS_FORMAT_H
#define PBIT_BASE_SAFETENSORS_FORMAT_H

#include "array.h"

#define SAFETENSORS_PREFIX     8 /* bytes: the header's length, u64 little-endian */
#define SAFETENSORS_MAX_HEADER ((size_t)16 << 20)
#define SAFETENSORS_METADATA   "__metadata__"

/* "F64" and so on, by dtype. */
extern const char *const safetensors_codes[DT_COUNT];

#endif
