/* SPDX-License-Identifier: MIT */
/*
 * JSON from strangers: bounded before it is parsed, and read key by key with the place named.
 *
 * A place is a dotted path: an object's path ("" for the root) and a key give "optimizer.rate".
 * The getters leave *ret untouched and return 0 when the key is absent, so that *ret holds the
 * default before; json_require() is for keys that have none. Every refusal is one sentence that
 * begins with the place.
 */
#ifndef PBIT_BASE_JSON_H
#define PBIT_BASE_JSON_H

#include <jansson.h>

#include "err.h"

#define _cleanup_json_ _cleanup_(json_decrefp)

/*
 * Parses size bytes (no terminator needed) into a new reference. -EFBIG above max_bytes, -EINVAL
 * with line and column for what is no JSON, has duplicate keys, or nests deeper than max_depth;
 * depth is checked by a scan before the recursive parser sees the text. The top level is an object
 * or an array, which counts as depth 1.
 */
int json_parse_limited(const char *text, size_t size, size_t max_bytes, unsigned int max_depth,
		       json_t **ret, struct err *e);

/* Refuses keys of obj that are not among the n known, with the nearest known one or all of them. */
int json_check_keys(const json_t *obj, const char *path, const char *const *known, size_t n,
		    struct err *e);

/* obj must be an object: "PATH: must be an object". */
int json_check_object(const json_t *obj, const char *path, struct err *e);

/* -EINVAL "PATH.KEY: missing; HINT" when obj lacks the key. */
int json_require(const json_t *obj, const char *path, const char *key, const char *hint,
		 struct err *e);

/* "PATH.KEY", "KEY" for an empty path; shortened to fit. For messages of the caller's own. */
#define JSON_MAX_PATH 128
const char *json_place(char buf[static JSON_MAX_PATH], const char *path, const char *key);

/* Whole numbers in min..max; 1.0 and 1e3 are refused as not whole. */
int json_get_uint(const json_t *obj, const char *path, const char *key, unsigned int min,
		  unsigned int max, unsigned int *ret, struct err *e);
int json_get_u64(const json_t *obj, const char *path, const char *key, uint64_t min, uint64_t max,
		 uint64_t *ret, struct err *e);

/* Finite numbers in [min, max], or (min, max] when above_min; integers are taken as well. */
int json_get_real(const json_t *obj, const char *path, const char *key, double min, double max,
		  bool above_min, double *ret, struct err *e);

int json_get_bool(const json_t *obj, const char *path, const char *key, bool *ret, struct err *e);

/* A non-empty string of at most max_bytes; *ret is replaced by a new copy, the old one is freed. */
int json_get_string(const json_t *obj, const char *path, const char *key, size_t max_bytes,
		    char **ret, struct err *e);

/* A string that is one of n words; *ret is its index. */
int json_get_word(const json_t *obj, const char *path, const char *key, const char *const *words,
		  size_t n, unsigned int *ret, struct err *e);

/* Borrowed references. */
int json_get_object(const json_t *obj, const char *path, const char *key, const json_t **ret,
		    struct err *e);
int json_get_array(const json_t *obj, const char *path, const char *key, size_t max_items,
		   const json_t **ret, struct err *e);

#endif
