// SPDX-License-Identifier: MIT
/* The keys of a certify job. */
#include <string.h>

#include "spec_field.h"

#define CERTIFY(type, member, min, max) FIELD(type, struct spec_certify, member, #member, min, max)

/* It samples nowhere: its arithmetic runs where the emulation would. */
#define CERTIFY_DEVICE "embedded0"
#define CELLS	       192

const char *const kernel_names[KERNEL_COUNT] = {
	[KERNEL_RANDOM_SCAN] = "random-scan", [KERNEL_RANDOM_2_BLOCK] = "random-2-block",
	[KERNEL_PALINDROME] = "palindrome",   [KERNEL_MIXTURE] = "mixture",
	[KERNEL_ALTERNATING] = "alternating",
};

const char *const suite_names[SUITE_COUNT] = {
	[SUITE_NONE] = "none",
	[SUITE_FAMILY] = "family",
};

const char *const objective_names[OBJECTIVE_COUNT] = {
	[OBJECTIVE_NONE] = "none",
	[OBJECTIVE_T_O] = "T_O",
	[OBJECTIVE_LOG_T_O] = "log-T_O",
	[OBJECTIVE_TAU_MAX] = "tau_max",
};

static const struct field fields[] = {
	FIELD_KEY("kind"),
	FIELD_KEY("name"),
	FIELD_KEY("seed"),
	FIELD_KEY("device"),
	FIELD_KEY("suite"),
	FIELD_KEY("kernel"),
	FIELD_KEY("gradient"),
	CERTIFY(FIELD_PATH, model, 0, 0),
	CERTIFY(FIELD_ABOVE, beta, 0, 1e6),
	CERTIFY(FIELD_ABOVE, memory, 0, 1e6),
	CERTIFY(FIELD_UINT, cells, 1, CELLS),
};

int spec_certify_device(const json_t *root, char **device, struct err *e)
{
	static const char *const known[] = { "name" };
	const json_t *obj = json_object_get(root, "device");
	int r = obj ? json_check_keys(obj, "device", known, ARRAY_SIZE(known), e) : 0;

	if (r < 0)
		return r;
	if (!*device)
		*device = strdup(CERTIFY_DEVICE);
	if (!*device)
		return err_oom(e);
	if (strcmp(*device, CERTIFY_DEVICE))
		return err_set(
			e, -EINVAL,
			"device.name: a certify job samples on no device; leave the key out");
	return 0;
}

/* What a suite decides for itself must not be asked for. */
static int check_suite(const json_t *root, const struct spec_certify *c, struct err *e)
{
	static const char *const of_one[] = { "model", "beta", "kernel", "gradient" };

	if (c->suite != SUITE_FAMILY && json_object_get(root, "cells"))
		return err_set(e, -EINVAL,
			       "cells: only the family has cells; give \"suite\": \"family\"");
	if (c->suite == SUITE_NONE)
		return json_require(root, "", "model",
				    "give the path of a W.npy, or the \"suite\" \"family\"", e);
	for (size_t i = 0; i < ARRAY_SIZE(of_one); i++)
		if (json_object_get(root, of_one[i]))
			return err_set(e, -EINVAL,
				       "%s: the suite \"%s\" has couplings, beta and kernel of its "
				       "own; leave the key out",
				       of_one[i], suite_names[c->suite]);
	return 0;
}

static int parse_words(const json_t *root, struct spec_certify *c, struct err *e)
{
	unsigned int suite = c->suite, kernel = c->kernel, gradient = c->gradient;
	bool asked = json_object_get(root, "gradient") != NULL;
	int r;

	r = json_get_word(root, "", "suite", suite_names, SUITE_COUNT, &suite, e);
	if (r == 0)
		r = json_get_word(root, "", "kernel", kernel_names, KERNEL_COUNT, &kernel, e);
	if (r == 0)
		r = json_get_word(root, "", "gradient", objective_names, OBJECTIVE_COUNT, &gradient,
				  e);
	if (r < 0)
		return r;
	c->suite = suite;
	c->kernel = kernel;
	c->gradient = gradient;
	if (kernel != KERNEL_ALTERNATING)
		return 0;
	if (asked && gradient != OBJECTIVE_NONE)
		return err_set(e, -EINVAL,
			       "gradient: %s needs a reversible kernel, and alternating sweeps are "
			       "not one (A2); choose another kernel, or leave the key out to have "
			       "the A2 residual alone",
			       objective_names[gradient]);
	c->gradient = OBJECTIVE_NONE;
	return 0;
}

int spec_certify_parse(const json_t *root, struct spec_certify *c, struct err *e)
{
	int r;

	c->beta = 1;
	c->memory = 4;
	c->cells = CELLS;
	c->gradient = OBJECTIVE_T_O;
	r = fields_parse(root, "", fields, ARRAY_SIZE(fields), c, e);
	if (r == 0)
		r = parse_words(root, c, e);
	return r < 0 ? r : check_suite(root, c, e);
}

static int put_word(json_t *root, const char *key, const char *word)
{
	return json_object_set_new(root, key, json_string(word)) < 0 ? -ENOMEM : 0;
}

int spec_certify_write(json_t *root, const struct spec_certify *c)
{
	int r = fields_write(root, fields, ARRAY_SIZE(fields), c);

	if (c->suite != SUITE_FAMILY)
		json_object_del(root, "cells");
	if (c->suite == SUITE_NONE) {
		if (r == 0)
			r = put_word(root, "kernel", kernel_names[c->kernel]);
		return r < 0 ? r : put_word(root, "gradient", objective_names[c->gradient]);
	}
	json_object_del(root, "beta");
	return r < 0 ? r : put_word(root, "suite", suite_names[c->suite]);
}

void spec_certify_free(struct spec_certify *c)
{
	freep(&c->model);
}
