// SPDX-License-Identifier: MIT
/* A spec as a whole: what all kinds of jobs share, and the way to the parts of each. */
#include "spec.h"

#include "json.h"
#include "spec_field.h"

#define MAX_NAME 64

const char *const job_kind_names[JOB_KIND_COUNT] = {
	[JOB_TRAIN] = "train",	   [JOB_SAMPLE] = "sample",   [JOB_BENCH] = "bench",
	[JOB_SESSION] = "session", [JOB_CERTIFY] = "certify", [JOB_MEASURE] = "measure",
};

/* A name is shown in tables and terminals: one line of printable text. */
static int check_name(const char *name, struct err *e)
{
	for (const unsigned char *p = (const unsigned char *)name; p && *p; p++)
		if (*p < 0x20 || *p == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0))
			return err_set(e, -EINVAL,
				       "name: control characters are not allowed in it");
	if (name && !err_is_plain(name))
		return err_set(e, -EINVAL,
			       "name: it has code points that are no characters, such as U+FFFE; "
			       "leave them out");
	return 0;
}

/* As the kernel names devices: it becomes part of no path, and is shown in tables. */
static int parse_device_name(const json_t *root, struct spec *s, struct err *e)
{
	const json_t *device = NULL;
	int r = json_get_object(root, "", "device", &device, e);

	if (r >= 0 && device)
		r = json_get_string(device, "device", "name", SPEC_MAX_DEVICE, &s->device, e);
	if (r < 0)
		return r;
	for (const char *p = s->device; p && *p; p++)
		if (*p <= ' ' || *p > '~' || *p == '/')
			return err_set(e, -EINVAL,
				       "device.name: is no device's name; `pbit devices` lists "
				       "them");
	return 0;
}

static int parse_common(const json_t *root, struct spec *s, struct err *e)
{
	unsigned int kind = 0;
	int r;

	r = json_check_object(root, "", e);
	if (r < 0)
		return r;
	r = json_require(root, "", "kind",
			 "give \"train\", \"sample\", \"bench\", \"session\", \"certify\" or "
			 "\"measure\"",
			 e);
	if (r < 0)
		return r;
	r = json_get_word(root, "", "kind", job_kind_names, JOB_KIND_COUNT, &kind, e);
	if (r < 0)
		return r;
	s->kind = kind;
	s->seed = 1;
	r = json_get_u64(root, "", "seed", 0, INT64_MAX, &s->seed, e);
	if (r < 0)
		return r;
	r = json_get_string(root, "", "name", MAX_NAME, &s->name, e);
	if (r < 0)
		return r;
	r = check_name(s->name, e);
	return r < 0 ? r : parse_device_name(root, s, e);
}

static int parse_kind(const json_t *root, struct spec *s, struct err *e)
{
	int r;

	switch (s->kind) {
	case JOB_TRAIN:
		return spec_train_parse(root, &s->train, e);
	case JOB_SAMPLE:
		return spec_sample_parse(root, &s->sample, e);
	case JOB_BENCH:
		return spec_bench_parse(root, &s->bench, e);
	case JOB_SESSION:
		return spec_session_parse(root, &s->session, e);
	case JOB_CERTIFY:
		r = spec_certify_device(root, &s->device, e);
		return r < 0 ? r : spec_certify_parse(root, &s->certify, e);
	case JOB_MEASURE:
		return spec_measure_parse(root, &s->measure, e);
	case JOB_KIND_COUNT:
		break;
	}
	return -EINVAL;
}

int spec_parse(const char *text, size_t size, struct spec **ret, struct err *e)
{
	_cleanup_(spec_freep) struct spec *s = NULL;
	_cleanup_json_ json_t *root = NULL;
	int r;

	r = json_parse_limited(text, size, SPEC_MAX_BYTES, SPEC_MAX_DEPTH, &root, e);
	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_oom(e);
	r = parse_common(root, s, e);
	if (r < 0)
		return r;
	r = parse_kind(root, s, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}

struct spec *spec_free(struct spec *s)
{
	if (!s)
		return NULL;
	if (s->kind == JOB_TRAIN)
		spec_train_free(&s->train);
	else if (s->kind == JOB_SAMPLE)
		spec_sample_free(&s->sample);
	else if (s->kind == JOB_BENCH)
		spec_bench_free(&s->bench);
	else if (s->kind == JOB_CERTIFY)
		spec_certify_free(&s->certify);
	else if (s->kind == JOB_MEASURE)
		spec_measure_free(&s->measure);
	free(s->name);
	free(s->device);
	free(s);
	return NULL;
}

size_t spec_files(const struct spec *s, const char *ret[SPEC_MAX_FILES])
{
	size_t n = 0;

	if (s->kind == JOB_SAMPLE)
		ret[n++] = s->sample.model;
	if (s->kind == JOB_BENCH && s->bench.model)
		ret[n++] = s->bench.model;
	if (s->kind == JOB_CERTIFY && s->certify.model)
		ret[n++] = s->certify.model;
	if (s->kind == JOB_MEASURE)
		ret[n++] = s->measure.model;
	if (s->kind != JOB_TRAIN)
		return n;
	ret[n++] = s->train.data.images;
	if (s->train.data.labels)
		ret[n++] = s->train.data.labels;
	if (s->train.model.codes)
		ret[n++] = s->train.model.codes;
	return n;
}

static int write_kind(json_t *root, const struct spec *s)
{
	switch (s->kind) {
	case JOB_TRAIN:
		return spec_train_write(root, &s->train);
	case JOB_SAMPLE:
		return spec_sample_write(root, &s->sample);
	case JOB_BENCH:
		return spec_bench_write(root, &s->bench);
	case JOB_SESSION:
		return spec_session_write(root, &s->session);
	case JOB_CERTIFY:
		return spec_certify_write(root, &s->certify);
	case JOB_MEASURE:
		return spec_measure_write(root, &s->measure);
	case JOB_KIND_COUNT:
		break;
	}
	return -EINVAL;
}

static int write_device_name(json_t *root, const struct spec *s)
{
	json_t *device = json_object_get(root, "device");

	if (!s->device)
		return 0;
	if (!device) {
		device = json_object();
		if (json_object_set_new(root, "device", device) < 0)
			return -ENOMEM;
	}
	return json_object_set_new(device, "name", json_string(s->device)) < 0 ? -ENOMEM : 0;
}

json_t *spec_to_json(const struct spec *s)
{
	_cleanup_json_ json_t *root = json_object();

	if (json_object_set_new(root, "kind", json_string(job_kind_names[s->kind])) < 0 ||
	    json_object_set_new(root, "seed", json_integer((json_int_t)s->seed)) < 0)
		return NULL;
	if (s->name && json_object_set_new(root, "name", json_string(s->name)) < 0)
		return NULL;
	if (write_kind(root, s) < 0 || write_device_name(root, s) < 0)
		return NULL;
	return TAKE_PTR(root);
}
