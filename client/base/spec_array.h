/* SPDX-License-Identifier: MIT */
/*
 * One spec with many values at one of its keys: what the jobs of an array are asked to do.
 *
 * The jobs share their input files: a key that changes which files are named is refused.
 */
#ifndef PBIT_BASE_SPEC_ARRAY_H
#define PBIT_BASE_SPEC_ARRAY_H

#include "spec.h"

#define SPEC_MAX_ARRAY	     1000
#define SPEC_MAX_ARRAY_BYTES SPEC_MAX_BYTES /* of the values as JSON */

struct spec_array {
	json_t *root; /* the spec as written */
	char *key;    /* dotted: "optimizer.rate" */
	json_t *values;
	size_t count;	    /* 1 .. SPEC_MAX_ARRAY */
	struct spec *first; /* with the first value */
};

/* values: a JSON array of 1 .. SPEC_MAX_ARRAY numbers, strings and booleans. */
int spec_array_parse(const char *spec, const char *key, const char *values, struct spec_array *ret,
		     struct err *e);

/*
 * The spec with value i: its text, and its parsed form; either may be NULL. A refusal begins with
 * the value: "array value 3, 0.5: optimizer.rate: ...".
 */
int spec_array_get(const struct spec_array *a, size_t i, char **ret_text, struct spec **ret,
		   struct err *e);

void spec_array_free(struct spec_array *a);
#define _cleanup_spec_array_ _cleanup_(spec_array_free)

#endif
