/* SPDX-License-Identifier: MIT */
/*
 * The keys of one JSON object and where they live in a struct: one table says how a key is read,
 * checked, written and known, so that parser, writer and messages cannot disagree.
 */
#ifndef PBIT_BASE_SPEC_FIELD_H
#define PBIT_BASE_SPEC_FIELD_H

#include <limits.h>

#include "json.h"
#include "spec.h"

/* Paths, in bytes: what the kernel takes, without the terminator. */
#define SPEC_MAX_PATH (PATH_MAX - 1)

enum field_type {
	FIELD_UINT,  /* unsigned int in min..max */
	FIELD_REAL,  /* double in [min, max] */
	FIELD_ABOVE, /* double in (min, max] */
	FIELD_PATH,  /* char *, owned, or NULL */
	FIELD_OTHER, /* a known key that the caller reads and writes */
};

struct field {
	const char *key;
	enum field_type type;
	size_t offset;
	double min, max;
};

#define FIELD(type, base, member, key, min, max)            \
	{                                                   \
		key, type, offsetof(base, member), min, max \
	}
#define FIELD_KEY(key)                    \
	{                                 \
		key, FIELD_OTHER, 0, 0, 0 \
	}

#define FIELDS_MAX 16 /* of one object */

/* Refuses unknown keys, reads the known ones; base keeps its values (the defaults) elsewhere. */
int fields_parse(const json_t *obj, const char *path, const struct field *fields, size_t n,
		 void *base, struct err *e);

/* The opposite: sets the keys in obj, NULL paths left out. -ENOMEM when it cannot. */
int fields_write(json_t *obj, const struct field *fields, size_t n, const void *base);

/*
 * The parts of a spec, in the files spec_device.c, spec_train.c and so on. root is the whole
 * object; the keys "kind", "name", "seed" and "device.name" were read before. The defaults are set
 * first.
 */
int spec_device_parse(const json_t *root, struct spec_device *d, struct err *e);
int spec_device_write(json_t *root, const struct spec_device *d);
extern const struct spec_device spec_device_defaults;

int spec_train_parse(const json_t *root, struct spec_train *t, struct err *e);
int spec_train_write(json_t *root, const struct spec_train *t);
void spec_train_free(struct spec_train *t);

int spec_sample_parse(const json_t *root, struct spec_sample *s, struct err *e);
int spec_sample_write(json_t *root, const struct spec_sample *s);
void spec_sample_free(struct spec_sample *s);

int spec_bench_parse(const json_t *root, struct spec_bench *b, struct err *e);
int spec_bench_write(json_t *root, const struct spec_bench *b);
void spec_bench_free(struct spec_bench *b);

int spec_session_parse(const json_t *root, struct spec_session *s, struct err *e);
int spec_session_write(json_t *root, const struct spec_session *s);

int spec_certify_parse(const json_t *root, struct spec_certify *c, struct err *e);
int spec_certify_write(json_t *root, const struct spec_certify *c);
/* The one device that such a job runs on, in *device, in place of NULL; others are refused. */
int spec_certify_device(const json_t *root, char **device, struct err *e);
void spec_certify_free(struct spec_certify *c);

int spec_measure_parse(const json_t *root, struct spec_measure *m, struct err *e);
int spec_measure_write(json_t *root, const struct spec_measure *m);
void spec_measure_free(struct spec_measure *m);

#endif
