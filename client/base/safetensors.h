/* SPDX-License-Identifier: MIT */
/* safetensors: u64 header length, JSON header, raw little-endian tensors. Parameters live here. */
#ifndef PBIT_BASE_SAFETENSORS_H
#define PBIT_BASE_SAFETENSORS_H

#include <jansson.h>

#include "array.h"

struct tensor {
	char *name;
	struct array array;
};

struct safetensors {
	struct tensor *tensors; /* in file order */
	size_t count;
	json_t *metadata; /* object of strings, or NULL: the __metadata__ entry */
};

/* Refuses overlapping, out-of-file, misaligned or unknown-dtype tensors and headers above 16 MiB. */
int safetensors_read(int fd, const char *name, struct safetensors *ret, struct err *e);
/* Deterministic bytes: names in the order given, metadata keys sorted, header padded to 8. */
int safetensors_encode(const struct safetensors *s, void **ret_buf, size_t *ret_size,
		       struct err *e);
const struct array *safetensors_get(const struct safetensors *s, const char *name);
/* Moves *a into s under a copy of name. */
int safetensors_add(struct safetensors *s, const char *name, struct array *a, struct err *e);
void safetensors_free(struct safetensors *s);

#endif
