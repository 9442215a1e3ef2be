/* SPDX-License-Identifier: MIT */
/* Jobs that are taken in together, or not at all: one, or those of an array. */
#ifndef PBIT_DAEMON_BATCH_H
#define PBIT_DAEMON_BATCH_H

#include "job.h"
#include "spec_array.h"

#define BATCH_MAX_BYTES ((size_t)16 << 20) /* of all specs together */

struct batch {
	struct job **jobs; /* n of them; NULL for those that others have taken over */
	char **specs;
	size_t n; /* >= 1 */
	bool is_array;
	unsigned int number; /* their staged directories: tmp-number and the n - 1 that follow */
};

/*
 * like: a job with all that those of the batch have in common. array: NULL for one job with that
 * spec. Touches nothing but its arguments, so that any thread may do it. -EFBIG above
 * BATCH_MAX_BYTES; a value that does not fit the spec is refused as spec_array.h says.
 */
int batch_make(const struct job *like, const char *spec, const struct spec_array *array,
	       struct batch *ret, struct err *e);
void batch_clear(struct batch *b);

#endif
