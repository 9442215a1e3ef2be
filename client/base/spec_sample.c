// SPDX-License-Identifier: MIT
/* The keys of a sample job and of a bench job. */
#include "spec_field.h"

#define SAMPLE(type, member, min, max) FIELD(type, struct spec_sample, member, #member, min, max)
#define BENCH(type, member, min, max)  FIELD(type, struct spec_bench, member, #member, min, max)

#define SAMPLE_SWEEPS 1000

static const struct field sample_fields[] = {
	FIELD_KEY("kind"),
	FIELD_KEY("name"),
	FIELD_KEY("seed"),
	FIELD_KEY("device"),
	SAMPLE(FIELD_PATH, model, 0, 0),
	SAMPLE(FIELD_UINT, code, 0, INT_MAX),
	SAMPLE(FIELD_UINT, burn, 0, 1 << 24),
	SAMPLE(FIELD_UINT, every, 1, 1 << 24),
};

static const struct field bench_fields[] = {
	FIELD_KEY("kind"),
	FIELD_KEY("name"),
	FIELD_KEY("seed"),
	FIELD_KEY("device"),
	BENCH(FIELD_ABOVE, seconds, 0, 600),
	BENCH(FIELD_UINT, chains, 1, SPEC_MAX_CHAINS),
	BENCH(FIELD_UINT, threads, 1, 1024),
	BENCH(FIELD_PATH, model, 0, 0),
	BENCH(FIELD_UINT, code, 0, INT_MAX),
	BENCH(FIELD_UINT, training, 0, 1000000),
};

int spec_sample_parse(const json_t *root, struct spec_sample *s, struct err *e)
{
	int r;

	s->burn = 100;
	s->every = 1;
	s->device = spec_device_defaults;
	s->device.sweeps = SAMPLE_SWEEPS;
	r = fields_parse(root, "", sample_fields, ARRAY_SIZE(sample_fields), s, e);
	if (r < 0)
		return r;
	r = json_require(root, "", "model",
			 "give the path of a W.npy or of a .safetensors that a train job wrote", e);
	if (r < 0)
		return r;
	r = spec_device_parse(root, &s->device, e);
	if (r < 0)
		return r;
	/* Both are at most 2^24. */
	if (s->burn + s->every > s->device.sweeps)
		return err_set(
			e, -EINVAL,
			"device.sweeps: %u sweeps record nothing after burn %u with every %u; "
			"give at least %u",
			s->device.sweeps, s->burn, s->every, s->burn + s->every);
	return 0;
}

int spec_sample_write(json_t *root, const struct spec_sample *s)
{
	int r;

	r = fields_write(root, sample_fields, ARRAY_SIZE(sample_fields), s);
	if (r < 0)
		return r;
	return spec_device_write(root, &s->device);
}

void spec_sample_free(struct spec_sample *s)
{
	freep(&s->model);
}

int spec_bench_parse(const json_t *root, struct spec_bench *b, struct err *e)
{
	static const char *const known[] = { "name" };
	const json_t *device;
	int r;

	b->seconds = 1;
	b->chains = 256;
	b->threads = 2;
	b->training = 300;
	r = fields_parse(root, "", bench_fields, ARRAY_SIZE(bench_fields), b, e);
	if (r < 0)
		return r;
	device = json_object_get(root, "device");
	return device ? json_check_keys(device, "device", known, ARRAY_SIZE(known), e) : 0;
}

int spec_bench_write(json_t *root, const struct spec_bench *b)
{
	return fields_write(root, bench_fields, ARRAY_SIZE(bench_fields), b);
}

void spec_bench_free(struct spec_bench *b)
{
	freep(&b->model);
}
