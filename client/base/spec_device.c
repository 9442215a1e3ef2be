// SPDX-License-Identifier: MIT
/* "device": how the p-bit machine is run. */
#include "spec_field.h"

const char *const scan_names[SCAN_COUNT] = {
	[SCAN_ALTERNATING] = "alternating",
	[SCAN_PALINDROME] = "palindrome",
	[SCAN_RANDOM_DIRECTION] = "random-direction",
};

#define DEVICE(type, member, min, max) FIELD(type, struct spec_device, member, #member, min, max)

static const struct field fields[] = {
	DEVICE(FIELD_UINT, bits, 8, 16),
	DEVICE(FIELD_REAL, scale, 0, 1e12),
	DEVICE(FIELD_ABOVE, beta, 0, 1e6),
	DEVICE(FIELD_UINT, chains, 1, SPEC_MAX_CHAINS),
	DEVICE(FIELD_UINT, sweeps, 1, 1 << 24),
	FIELD_KEY("scan"),
	FIELD_KEY("name"),
};

#define MIN_SCALE 1e-12

const struct spec_device spec_device_defaults = {
	.bits = 8,
	.scale = 0,
	.beta = 1,
	.scan = SCAN_RANDOM_DIRECTION,
	.chains = 64,
	.sweeps = 32,
};

int spec_device_parse(const json_t *root, struct spec_device *d, struct err *e)
{
	const json_t *obj = NULL;
	unsigned int scan = d->scan;
	int r;

	r = json_get_object(root, "", "device", &obj, e);
	if (r < 0 || !obj)
		return r;
	r = fields_parse(obj, "device", fields, ARRAY_SIZE(fields), d, e);
	if (r < 0)
		return r;
	r = json_get_word(obj, "device", "scan", scan_names, SCAN_COUNT, &scan, e);
	if (r < 0)
		return r;
	d->scan = scan;
	if (d->bits != 8 && d->bits != 16)
		return err_set(e, -EINVAL, "device.bits: %u is out of range; give 8 or 16",
			       d->bits);
	if (d->scale != 0 && d->scale < MIN_SCALE)
		return err_set(e, -EINVAL,
			       "device.scale: %g is out of range; give 0 (chosen for the largest "
			       "coupling) or %g to 1e12",
			       d->scale, MIN_SCALE);
	return 0;
}

int spec_device_write(json_t *root, const struct spec_device *d)
{
	json_t *obj = json_object();
	int r;

	if (json_object_set_new(root, "device", obj) < 0)
		return -ENOMEM;
	r = fields_write(obj, fields, ARRAY_SIZE(fields), d);
	if (r < 0)
		return r;
	return json_object_set_new(obj, "scan", json_string(scan_names[d->scan])) < 0 ? -ENOMEM : 0;
}
