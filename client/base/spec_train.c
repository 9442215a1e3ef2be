// SPDX-License-Identifier: MIT
/* The keys of a train job. */
#include <float.h>
#include <string.h>

#include "spec_field.h"

#define TRAIN(type, section, member, min, max) \
	FIELD(type, struct spec_train, section.member, #member, min, max)

#define ONE_HOT "one-hot"

#define MAX_EPOCHS 1000000

static const struct field root_fields[] = {
	FIELD_KEY("kind"),   FIELD_KEY("name"),	  FIELD_KEY("seed"),	  FIELD_KEY("data"),
	FIELD_KEY("model"),  FIELD_KEY("device"), FIELD_KEY("optimizer"), FIELD_KEY("baselines"),
	FIELD_KEY("report"), FIELD_KEY("mixing"),
};

static const struct field data_fields[] = {
	TRAIN(FIELD_PATH, data, images, 0, 0),
	TRAIN(FIELD_PATH, data, labels, 0, 0),
	TRAIN(FIELD_REAL, data, threshold, -DBL_MAX, DBL_MAX),
	TRAIN(FIELD_ABOVE, data, holdout, 0, 0.9),
	TRAIN(FIELD_REAL, data, validation, 0, 0.9),
};

static const struct field model_fields[] = {
	TRAIN(FIELD_UINT, model, hidden, 1, SPEC_MAX_UNITS),
	FIELD_KEY("layers"),
	FIELD_KEY("code"),
	FIELD_KEY("references"),
};

const char *const method_names[METHOD_COUNT] = {
	[METHOD_ADAM] = "adam",
	[METHOD_DESCENT] = "descent",
};

static const char *const positive_names[POSITIVE_COUNT] = {
	[POSITIVE_EXACT] = "exact",
	[POSITIVE_SAMPLED] = "sampled",
};

static const struct field optimizer_fields[] = {
	FIELD_KEY("method"),
	FIELD_KEY("positive"),
	TRAIN(FIELD_UINT, optimizer, epochs, 1, MAX_EPOCHS),
	TRAIN(FIELD_UINT, optimizer, steps, 1, 1000000),
	TRAIN(FIELD_UINT, optimizer, batch, 0, INT_MAX),
	TRAIN(FIELD_ABOVE, optimizer, rate, 0, 100),
	TRAIN(FIELD_REAL, optimizer, decay, 0, 1000),
};

static const struct field mixing_fields[] = {
	TRAIN(FIELD_REAL, mixing, weight, 0, 1e6),
	FIELD_KEY("observable"),
	FIELD_KEY("kernel"),
};

static const struct field report_fields[] = {
	TRAIN(FIELD_UINT, report, every, 1, MAX_EPOCHS),
	TRAIN(FIELD_UINT, report, tau_sweeps, 16, 1 << 20),
	TRAIN(FIELD_REAL, report, a6_ratio, 1, 1e6),
	TRAIN(FIELD_UINT, report, ais_chains, 2, SPEC_MAX_CHAINS),
	TRAIN(FIELD_UINT, report, ais_betas, 2, 1000000),
	TRAIN(FIELD_UINT, report, samples, 1, 1024),
};

static const struct {
	const char *key;
	const struct field *fields;
	size_t n;
} sections[] = {
	{ "data", data_fields, ARRAY_SIZE(data_fields) },
	{ "model", model_fields, ARRAY_SIZE(model_fields) },
	{ "optimizer", optimizer_fields, ARRAY_SIZE(optimizer_fields) },
	{ "report", report_fields, ARRAY_SIZE(report_fields) },
};

enum baseline { BASELINE_INDEPENDENT, BASELINE_SEPARATE, BASELINE_COUNT };
static const char *const baseline_names[BASELINE_COUNT] = {
	[BASELINE_INDEPENDENT] = "independent",
	[BASELINE_SEPARATE] = "separate",
};

static void set_defaults(struct spec_train *t)
{
	t->data.threshold = 8;
	t->data.holdout = 0.2;
	t->data.validation = 0.1;
	t->model.hidden = 12;
	t->model.n_layers = 1;
	t->model.layers[0] = 16;
	t->device = spec_device_defaults;
	t->optimizer.epochs = 40;
	t->optimizer.steps = 25;
	t->optimizer.rate = 0.01;
	t->baseline_independent = true;
	t->baseline_separate = true;
	t->mixing.observable = OBJECTIVE_T_O;
	t->report.every = 1;
	t->report.tau_sweeps = 1024;
	t->report.a6_ratio = 10;
	t->report.ais_chains = 256;
	t->report.ais_betas = 2000;
	t->report.samples = 8;
}

static int parse_layers(const json_t *model, struct spec_train *t, struct err *e)
{
	const json_t *list = NULL;
	int r;

	r = json_get_array(model, "model", "layers", SPEC_MAX_LAYERS, &list, e);
	if (r < 0 || !list)
		return r;
	t->model.n_layers = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *v = json_array_get(list, i);

		if (!json_is_integer(v) || json_integer_value(v) < 1 ||
		    json_integer_value(v) > SPEC_MAX_UNITS)
			return err_set(e, -EINVAL,
				       "model.layers[%zu]: must be a whole number of units from 1 "
				       "to %d",
				       i, SPEC_MAX_UNITS);
		t->model.layers[t->model.n_layers++] = (unsigned int)json_integer_value(v);
	}
	return 0;
}

static int parse_code(const json_t *model, struct spec_train *t, struct err *e)
{
	bool references = true;
	int r;

	r = json_get_bool(model, "model", "references", &references, e);
	if (r < 0)
		return r;
	t->model.even = !references;
	r = json_get_string(model, "model", "code", SPEC_MAX_PATH, &t->model.codes, e);
	if (r < 0)
		return r;
	if (t->model.codes && !strcmp(t->model.codes, ONE_HOT))
		freep(&t->model.codes);
	return 0;
}

static int parse_optimizer(const json_t *root, struct spec_train *t, struct err *e)
{
	const json_t *obj = json_object_get(root, "optimizer");
	unsigned int method = t->optimizer.method, positive = t->optimizer.positive;
	int r = json_get_word(obj, "optimizer", "method", method_names, METHOD_COUNT, &method, e);

	if (r == 0)
		r = json_get_word(obj, "optimizer", "positive", positive_names, POSITIVE_COUNT,
				  &positive, e);
	t->optimizer.method = method;
	t->optimizer.positive = positive;
	return r;
}

static int write_optimizer(json_t *obj, const struct spec_train *t)
{
	if (json_object_set_new(obj, "method", json_string(method_names[t->optimizer.method])) < 0)
		return -ENOMEM;
	return json_object_set_new(obj, "positive",
				   json_string(positive_names[t->optimizer.positive])) < 0 ?
		       -ENOMEM :
		       0;
}

static int parse_baselines(const json_t *root, struct spec_train *t, struct err *e)
{
	bool on[BASELINE_COUNT] = { false };
	const json_t *list = NULL;
	int r;

	r = json_get_array(root, "", "baselines", BASELINE_COUNT, &list, e);
	if (r < 0 || !list)
		return r;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *word = json_string_value(json_array_get(list, i));
		size_t b = 0;

		while (b < BASELINE_COUNT && (!word || strcmp(word, baseline_names[b])))
			b++;
		if (b == BASELINE_COUNT)
			return err_set(e, -EINVAL,
				       "baselines[%zu]: unknown; give \"independent\" or "
				       "\"separate\"",
				       i);
		if (on[b])
			return err_set(e, -EINVAL, "baselines[%zu]: \"%s\" is there twice", i,
				       baseline_names[b]);
		on[b] = true;
	}
	t->baseline_independent = on[BASELINE_INDEPENDENT];
	t->baseline_separate = on[BASELINE_SEPARATE];
	return 0;
}

static int parse_mixing(const json_t *root, struct spec_train *t, struct err *e)
{
	static const char *const observables[] = { "T_O", "tau_max" };
	unsigned int observable = 0, kernel = t->mixing.kernel;
	const json_t *obj = NULL;
	int r;

	r = json_get_object(root, "", "mixing", &obj, e);
	if (r < 0 || !obj)
		return r;
	r = fields_parse(obj, "mixing", mixing_fields, ARRAY_SIZE(mixing_fields), t, e);
	if (r == 0)
		r = json_get_word(obj, "mixing", "observable", observables, ARRAY_SIZE(observables),
				  &observable, e);
	if (r == 0)
		r = json_get_word(obj, "mixing", "kernel", kernel_names, KERNEL_COUNT, &kernel, e);
	if (r < 0)
		return r;
	t->mixing.on = true;
	t->mixing.observable = observable ? OBJECTIVE_TAU_MAX : OBJECTIVE_T_O;
	t->mixing.kernel = kernel;
	if (kernel == KERNEL_ALTERNATING)
		return err_set(e, -EINVAL,
			       "mixing.kernel: alternating sweeps are not reversible (A2); choose "
			       "another kernel");
	if (!t->model.even)
		return err_set(e, -EINVAL,
			       "mixing: is exact for models without reference spins alone; give "
			       "\"references\": false in the model");
	if (t->model.hidden >= SPEC_MIXING_BITS)
		return err_set(
			e, -EINVAL,
			"mixing: a model of more than %d p-bits is not enumerated; use fewer "
			"hidden p-bits",
			SPEC_MIXING_BITS);
	return 0;
}

static int parse_sections(const json_t *root, struct spec_train *t, struct err *e)
{
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		const json_t *obj = NULL;

		r = json_get_object(root, "", sections[i].key, &obj, e);
		if (r < 0)
			return r;
		if (!obj)
			continue;
		r = fields_parse(obj, sections[i].key, sections[i].fields, sections[i].n, t, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int spec_train_parse(const json_t *root, struct spec_train *t, struct err *e)
{
	const json_t *model;
	int r;

	set_defaults(t);
	r = fields_parse(root, "", root_fields, ARRAY_SIZE(root_fields), t, e);
	if (r < 0)
		return r;
	r = json_require(root, "", "data",
			 "give {\"images\": \"FILE.npy\", \"labels\": \"FILE.npy\"}", e);
	if (r < 0)
		return r;
	r = parse_sections(root, t, e);
	if (r < 0)
		return r;
	r = json_require(json_object_get(root, "data"), "data", "images",
			 "give the path of a .npy or IDX file", e);
	if (r < 0)
		return r;
	model = json_object_get(root, "model");
	r = parse_layers(model, t, e);
	if (r < 0)
		return r;
	r = parse_code(model, t, e);
	if (r < 0)
		return r;
	r = parse_optimizer(root, t, e);
	if (r < 0)
		return r;
	r = parse_baselines(root, t, e);
	if (r < 0)
		return r;
	r = parse_mixing(root, t, e);
	if (r < 0)
		return r;
	return spec_device_parse(root, &t->device, e);
}

static int write_model(json_t *model, const struct spec_train *t)
{
	json_t *layers = json_array();

	if (json_object_set_new(model, "layers", layers) < 0 ||
	    json_object_set_new(model, "references", json_boolean(!t->model.even)) < 0)
		return -ENOMEM;
	for (unsigned int i = 0; i < t->model.n_layers; i++)
		if (json_array_append_new(layers, json_integer(t->model.layers[i])) < 0)
			return -ENOMEM;
	return json_object_set_new(model, "code",
				   json_string(t->model.codes ? t->model.codes : ONE_HOT)) < 0 ?
		       -ENOMEM :
		       0;
}

static int write_baselines(json_t *root, const struct spec_train *t)
{
	json_t *list = json_array();

	if (json_object_set_new(root, "baselines", list) < 0)
		return -ENOMEM;
	if (t->baseline_independent &&
	    json_array_append_new(list, json_string(baseline_names[BASELINE_INDEPENDENT])) < 0)
		return -ENOMEM;
	if (t->baseline_separate &&
	    json_array_append_new(list, json_string(baseline_names[BASELINE_SEPARATE])) < 0)
		return -ENOMEM;
	return 0;
}

static int write_mixing(json_t *root, const struct spec_train *t)
{
	json_t *obj;

	if (!t->mixing.on)
		return 0;
	obj = json_object();
	if (json_object_set_new(root, "mixing", obj) < 0 ||
	    fields_write(obj, mixing_fields, ARRAY_SIZE(mixing_fields), t) < 0 ||
	    json_object_set_new(obj, "observable",
				json_string(objective_names[t->mixing.observable])) < 0 ||
	    json_object_set_new(obj, "kernel", json_string(kernel_names[t->mixing.kernel])) < 0)
		return -ENOMEM;
	return 0;
}

int spec_train_write(json_t *root, const struct spec_train *t)
{
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		json_t *obj = json_object();

		if (json_object_set_new(root, sections[i].key, obj) < 0)
			return -ENOMEM;
		r = fields_write(obj, sections[i].fields, sections[i].n, t);
		if (r < 0)
			return r;
	}
	r = write_model(json_object_get(root, "model"), t);
	if (r < 0)
		return r;
	r = write_optimizer(json_object_get(root, "optimizer"), t);
	if (r < 0)
		return r;
	r = write_baselines(root, t);
	if (r < 0)
		return r;
	r = write_mixing(root, t);
	if (r < 0)
		return r;
	return spec_device_write(root, &t->device);
}

void spec_train_free(struct spec_train *t)
{
	freep(&t->data.images);
	freep(&t->data.labels);
	freep(&t->model.codes);
}
