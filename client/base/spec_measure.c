// SPDX-License-Identifier: MIT
/* The keys of a measure job. */
#include "spec_field.h"

#define MEASURE(type, member, min, max) FIELD(type, struct spec_measure, member, #member, min, max)

#define MIN_CHAINS 4
#define MIN_SWEEPS 16

static const struct field fields[] = {
	FIELD_KEY("kind"),
	FIELD_KEY("name"),
	FIELD_KEY("seed"),
	FIELD_KEY("device"),
	FIELD_KEY("code"),
	MEASURE(FIELD_PATH, model, 0, 0),
	MEASURE(FIELD_UINT, burn, 0, 1 << 24),
	MEASURE(FIELD_UINT, window, 0, INT_MAX),
	MEASURE(FIELD_REAL, ratio, 1, 1e6),
};

static int check_device(const struct spec_device *d, struct err *e)
{
	if (d->scan == SCAN_ALTERNATING)
		return err_set(
			e, -EINVAL,
			"device.scan: alternating sweeps are not reversible (A2), and what is "
			"measured here rests on that; give random-direction or palindrome");
	if (d->chains < MIN_CHAINS)
		return err_set(e, -EINVAL,
			       "device.chains: %u chains have no spread; give at least %d",
			       d->chains, MIN_CHAINS);
	if (d->sweeps < MIN_SWEEPS)
		return err_set(
			e, -EINVAL,
			"device.sweeps: %u recorded sweeps resolve nothing; give at least %d",
			d->sweeps, MIN_SWEEPS);
	return 0;
}

int spec_measure_parse(const json_t *root, struct spec_measure *m, struct err *e)
{
	int r;

	m->burn = 1000;
	m->ratio = 10;
	m->one_code = json_object_get(root, "code") != NULL;
	m->device = spec_device_defaults;
	m->device.chains = 256;
	m->device.sweeps = 4096;
	r = fields_parse(root, "", fields, ARRAY_SIZE(fields), m, e);
	if (r == 0)
		r = json_get_uint(root, "", "code", 0, INT_MAX, &m->code, e);
	if (r == 0)
		r = json_require(root, "", "model",
				 "give the path of a W.npy or of a .safetensors that a train job "
				 "wrote",
				 e);
	if (r == 0)
		r = spec_device_parse(root, &m->device, e);
	return r < 0 ? r : check_device(&m->device, e);
}

int spec_measure_write(json_t *root, const struct spec_measure *m)
{
	int r = fields_write(root, fields, ARRAY_SIZE(fields), m);

	if (r == 0 && m->one_code && json_object_set_new(root, "code", json_integer(m->code)) < 0)
		r = -ENOMEM;
	return r < 0 ? r : spec_device_write(root, &m->device);
}

void spec_measure_free(struct spec_measure *m)
{
	freep(&m->model);
}
