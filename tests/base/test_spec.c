// SPDX-License-Identifier: MIT
/* Specs: defaults, round trips, and one sentence for each way to get one wrong. */
#include "session_wire.h"
#include "spec.h"

#include "support.h"

#define TRAIN(rest)  "{\"kind\": \"train\", \"data\": {\"images\": \"i.npy\"}" rest "}"
#define SAMPLE(rest) "{\"kind\": \"sample\", \"model\": \"W.npy\"" rest "}"

static const char full_train[] =
	"{\"kind\": \"train\", \"name\": \"digits, Gr\xc3\xb6\xc3\x9f"
	"e 8\", \"seed\": 9223372036854775807,"
	" \"data\": {\"images\": \"a/i.npy\", \"labels\": \"l.idx\", \"threshold\": -0.5,"
	"  \"holdout\": 0.25, \"validation\": 0},"
	" \"model\": {\"references\": false, \"hidden\": 9, \"layers\": [7, 16384], \"code\": \"u.npy\"},"
	" \"device\": {\"bits\": 16, \"scale\": 0.001, \"beta\": 0.1, \"scan\": \"palindrome\","
	"  \"chains\": 65536, \"sweeps\": 16777216, \"name\": \"pbit0\"},"
	" \"optimizer\": {\"method\": \"descent\", \"positive\": \"sampled\","
	"  \"epochs\": 1, \"steps\": 2, \"batch\": 3, \"rate\": 0.3,"
	"  \"decay\": 1e-4},"
	" \"baselines\": [\"separate\"],"
	" \"report\": {\"tau_sweeps\": 64, \"a6_ratio\": 20.5, \"ais_chains\": 16, \"ais_betas\": 99,"
	"  \"samples\": 3, \"every\": 1000000},"
	" \"mixing\": {\"weight\": 0.5, \"observable\": \"tau_max\", \"kernel\": \"mixture\"}}";

static const char full_sample[] =
	"{\"kind\": \"sample\", \"name\": \"s\", \"seed\": 0, \"model\": \"m.safetensors\", \"code\": 9,"
	" \"burn\": 0, \"every\": 5, \"device\": {\"scan\": \"alternating\", \"sweeps\": 5}}";

#define CERTIFY(rest) "{\"kind\": \"certify\", \"model\": \"W.npy\"" rest "}"
#define SUITE(rest)   "{\"kind\": \"certify\", \"suite\": " rest "}"

static const char full_certify[] =
	"{\"kind\": \"certify\", \"name\": \"c\", \"seed\": 3, \"model\": \"W.npy\","
	" \"beta\": 0.5, \"kernel\": \"mixture\", \"gradient\": \"tau_max\", \"memory\": 0.25,"
	" \"device\": {\"name\": \"embedded0\"}}";

#define MEASURE(rest) "{\"kind\": \"measure\", \"model\": \"m.safetensors\"" rest "}"

static const char full_measure[] = MEASURE(
	", \"name\": \"m\", \"seed\": 5, \"code\": 3, \"burn\": 0, \"window\": 32,"
	" \"ratio\": 20.5, \"device\": {\"name\": \"pbit1\", \"scan\": \"palindrome\", \"chains\": 4,"
	" \"sweeps\": 16, \"beta\": 0.5}");

static const char full_bench[] =
	"{\"kind\": \"bench\", \"seconds\": 0.25, \"chains\": 64, \"threads\": 1, \"training\": 5,"
	" \"model\": \"W.npy\", \"code\": 2,"
	" \"device\": {\"name\": \"pbit63\"}}";

static int parse(const char *text, struct spec **s, struct err *e)
{
	return spec_parse(text, strlen(text), s, e);
}

static struct spec *parsed(const char *text)
{
	struct spec *s = NULL;
	struct err e = { 0 };

	assert_ok(parse(text, &s, &e), e);
	return s;
}

START_TEST(train_defaults)
{
	_cleanup_(spec_freep) struct spec *s = parsed(TRAIN(""));
	const struct spec_train *t = &s->train;

	ck_assert_int_eq(s->kind, JOB_TRAIN);
	ck_assert_ptr_null(s->name);
	ck_assert_ptr_null(s->device);
	ck_assert_uint_eq(s->seed, 1);
	ck_assert_str_eq(t->data.images, "i.npy");
	ck_assert_ptr_null(t->data.labels);
	ck_assert_double_eq(t->data.threshold, 8);
	ck_assert_double_eq(t->data.holdout, 0.2);
	ck_assert_double_eq(t->data.validation, 0.1);
	ck_assert_uint_eq(t->model.hidden, 12);
	ck_assert(!t->model.even);
	ck_assert(!t->mixing.on);
	ck_assert_uint_eq(t->model.n_layers, 1);
	ck_assert_uint_eq(t->model.layers[0], 16);
	ck_assert_ptr_null(t->model.codes);
	ck_assert_uint_eq(t->device.bits, 8);
	ck_assert_double_eq(t->device.scale, 0);
	ck_assert_double_eq(t->device.beta, 1);
	ck_assert_int_eq(t->device.scan, SCAN_RANDOM_DIRECTION);
	ck_assert_uint_eq(t->device.chains, 64);
	ck_assert_uint_eq(t->device.sweeps, 32);
	ck_assert_int_eq(t->optimizer.method, METHOD_ADAM);
	ck_assert_int_eq(t->optimizer.positive, POSITIVE_EXACT);
	ck_assert_uint_eq(t->optimizer.epochs, 40);
	ck_assert_uint_eq(t->optimizer.steps, 25);
	ck_assert_uint_eq(t->optimizer.batch, 0);
	ck_assert_double_eq(t->optimizer.rate, 0.01);
	ck_assert_double_eq(t->optimizer.decay, 0);
	ck_assert(t->baseline_independent);
	ck_assert(t->baseline_separate);
	ck_assert_uint_eq(t->report.every, 1);
	ck_assert_uint_eq(t->report.tau_sweeps, 1024);
	ck_assert_double_eq(t->report.a6_ratio, 10);
	ck_assert_uint_eq(t->report.ais_chains, 256);
	ck_assert_uint_eq(t->report.ais_betas, 2000);
	ck_assert_uint_eq(t->report.samples, 8);
}
END_TEST

START_TEST(other_defaults)
{
	_cleanup_(spec_freep) struct spec *sample = parsed(SAMPLE(""));
	_cleanup_(spec_freep) struct spec *bench = parsed("{\"kind\": \"bench\"}");

	ck_assert_int_eq(sample->kind, JOB_SAMPLE);
	ck_assert_str_eq(sample->sample.model, "W.npy");
	ck_assert_uint_eq(sample->sample.code, 0);
	ck_assert_uint_eq(sample->sample.burn, 100);
	ck_assert_uint_eq(sample->sample.every, 1);
	ck_assert_uint_eq(sample->sample.device.chains, 64);
	ck_assert_uint_eq(sample->sample.device.sweeps, 1000);
	ck_assert_int_eq(bench->kind, JOB_BENCH);
	ck_assert_double_eq(bench->bench.seconds, 1);
	ck_assert_uint_eq(bench->bench.chains, 256);
	ck_assert_uint_eq(bench->bench.threads, 2);
	ck_assert_ptr_null(bench->bench.model);
	ck_assert_uint_eq(bench->bench.training, 300);
}
END_TEST

START_TEST(certify_defaults)
{
	_cleanup_(spec_freep) struct spec *s = parsed(CERTIFY(""));
	_cleanup_(spec_freep) struct spec *family = parsed(SUITE("\"family\""));
	_cleanup_(spec_freep) struct spec *alternating =
		parsed(CERTIFY(", \"kernel\": \"alternating\""));

	ck_assert_int_eq(s->kind, JOB_CERTIFY);
	ck_assert_str_eq(s->device, "embedded0");
	ck_assert_int_eq(s->certify.suite, SUITE_NONE);
	ck_assert_str_eq(s->certify.model, "W.npy");
	ck_assert_double_eq(s->certify.beta, 1);
	ck_assert_int_eq(s->certify.kernel, KERNEL_RANDOM_SCAN);
	ck_assert_int_eq(s->certify.gradient, OBJECTIVE_T_O);
	ck_assert_double_eq(s->certify.memory, 4);
	ck_assert_int_eq(family->certify.suite, SUITE_FAMILY);
	ck_assert_ptr_null(family->certify.model);
	ck_assert_uint_eq(family->certify.cells, 192);
	/* There is none of what is not reversible. */
	ck_assert_int_eq(alternating->certify.gradient, OBJECTIVE_NONE);
}
END_TEST

START_TEST(measure_defaults)
{
	_cleanup_(spec_freep) struct spec *s = parsed(MEASURE("")), *full = parsed(full_measure);

	ck_assert_int_eq(s->kind, JOB_MEASURE);
	ck_assert(!s->measure.one_code);
	ck_assert_uint_eq(s->measure.burn, 1000);
	ck_assert_uint_eq(s->measure.window, 0);
	ck_assert_double_eq(s->measure.ratio, 10);
	ck_assert_uint_eq(s->measure.device.chains, 256);
	ck_assert_uint_eq(s->measure.device.sweeps, 4096);
	ck_assert_int_eq(s->measure.device.scan, SCAN_RANDOM_DIRECTION);
	ck_assert(full->measure.one_code);
	ck_assert_uint_eq(full->measure.code, 3);
	ck_assert_str_eq(full->device, "pbit1");
}
END_TEST

START_TEST(session_in_full)
{
	_cleanup_(spec_freep) struct spec *s =
		parsed("{\"kind\": \"session\", \"device\": {\"bits\": 16, \"chains\": 32}, "
		       "\"session\": {\"visible\": 784, \"hidden\": 500, \"references\": true, "
		       "\"rows\": 100, \"idle\": 0.5}}");
	_cleanup_(spec_freep) struct spec *least =
		parsed("{\"kind\": \"session\", \"session\": {\"visible\": 3, \"hidden\": 2}}");

	ck_assert_int_eq(s->kind, JOB_SESSION);
	ck_assert_uint_eq(s->session.visible, 784);
	ck_assert_uint_eq(s->session.hidden, 500);
	ck_assert_uint_eq(s->session.rows, 100);
	ck_assert(s->session.references);
	ck_assert_double_eq(s->session.idle, 0.5);
	ck_assert_uint_eq(s->session.device.bits, 16);
	ck_assert_uint_eq(s->session.device.chains, 32);
	ck_assert_uint_eq(least->session.rows, 0);
	ck_assert(!least->session.references);
	ck_assert_double_eq(least->session.idle, 1);
	ck_assert_uint_eq(least->session.device.sweeps, 32);
}
END_TEST

/* Arrays stand one behind the other, each on a page of its own, and none is above its memory. */
START_TEST(session_layout)
{
	struct spec_session s = { .visible = 784, .hidden = 512, .rows = 100, .references = true };
	struct session_layout l;
	struct err e = { 0 };
	uint64_t end = 0;

	s.device.chains = 256;
	ck_assert_int_eq(session_layout_make(&s, &l, NULL), 0);
	ck_assert_uint_eq(l.n, 785);
	ck_assert_uint_eq(l.m, 513);
	ck_assert_uint_eq(l.words, 13 + 9);
	for (int k = 0; k < SESSION_ARRAYS; k++) {
		ck_assert_uint_eq(l.offset[k] % 4096, 0);
		ck_assert_uint_ge(l.offset[k], end);
		end = l.offset[k] + l.size[k];
	}
	ck_assert_uint_ge(l.total, end);
	ck_assert_uint_eq(l.size[SESSION_COUPLINGS], 785 * 513 * 8);
	ck_assert_uint_eq(l.size[SESSION_STATES], 256 * 22 * 8);

	s = (struct spec_session){ .visible = 16384, .hidden = 16384, .rows = 65536 };
	s.device.chains = 65536;
	ck_assert_int_eq(session_layout_make(&s, &l, &e), -EFBIG);
	ck_assert_ptr_nonnull(strstr(e.text, "above 4 GiB"));
}
END_TEST

START_TEST(train_in_full)
{
	_cleanup_(spec_freep) struct spec *s = parsed(full_train);
	const struct spec_train *t = &s->train;

	ck_assert_str_eq(s->name, "digits, Gr\xc3\xb6\xc3\x9f"
				  "e 8");
	ck_assert_uint_eq(s->seed, INT64_MAX);
	ck_assert_str_eq(t->data.labels, "l.idx");
	ck_assert_double_eq(t->data.threshold, -0.5);
	ck_assert_double_eq(t->data.validation, 0);
	ck_assert_uint_eq(t->model.n_layers, 2);
	ck_assert_uint_eq(t->model.layers[0], 7);
	ck_assert_uint_eq(t->model.layers[1], 16384);
	ck_assert_str_eq(t->model.codes, "u.npy");
	ck_assert_uint_eq(t->device.bits, 16);
	ck_assert_double_eq(t->device.scale, 0.001);
	ck_assert_int_eq(t->device.scan, SCAN_PALINDROME);
	ck_assert_uint_eq(t->device.sweeps, 1 << 24);
	ck_assert_int_eq(t->optimizer.method, METHOD_DESCENT);
	ck_assert_int_eq(t->optimizer.positive, POSITIVE_SAMPLED);
	ck_assert_uint_eq(t->optimizer.batch, 3);
	ck_assert(!t->baseline_independent);
	ck_assert(t->baseline_separate);
	ck_assert_uint_eq(t->report.every, 1000000);
	ck_assert_double_eq(t->report.a6_ratio, 20.5);
}
END_TEST

static const char *const accepted[] = {
	full_train,
	full_sample,
	full_bench,
	full_certify,
	full_measure,
	MEASURE(""),
	MEASURE(", \"code\": 0"),
	CERTIFY(""),
	CERTIFY(", \"kernel\": \"alternating\", \"gradient\": \"none\""),
	SUITE("\"family\", \"cells\": 12, \"memory\": 0.5"),
	TRAIN(""),
	SAMPLE(""),
	"{\"kind\": \"bench\"}",
	TRAIN(", \"baselines\": []"),
	TRAIN(", \"baselines\": [\"separate\", \"independent\"]"),
	TRAIN(", \"model\": {\"layers\": [], \"code\": \"one-hot\"}"),
	TRAIN(", \"model\": {\"layers\": [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}"),
	TRAIN(", \"device\": {\"beta\": 1e6, \"scale\": 1e-12}"),
	TRAIN(", \"device\": {\"beta\": 5e-324, \"scale\": 1e12}"),
	TRAIN(", \"optimizer\": {\"rate\": 0.1}, \"seed\": 0"),
	SAMPLE(", \"burn\": 999"),
};

/* Every field, by way of the complete JSON form: the same JSON comes out of what it says. */
START_TEST(round_trip)
{
	_cleanup_(spec_freep) struct spec *once = parsed(accepted[_i]), *twice = NULL;
	json_t *first = spec_to_json(once), *second;
	char *text = json_dumps(first, 0), *again;
	json_t *given = json_loads(accepted[_i], 0, NULL), *value;
	const char *key;

	ck_assert_ptr_nonnull(text);
	twice = parsed(text);
	second = spec_to_json(twice);
	again = json_dumps(second, 0);
	ck_assert(json_equal(first, second));
	ck_assert_str_eq(text, again);
	/* Nothing that was given is lost: all of it is in the complete form. */
	json_object_foreach(given, key, value)
		if (json_is_object(value))
			ck_assert_uint_ge(json_object_size(json_object_get(first, key)),
					  json_object_size(value));
		else if (strcmp(key, "baselines"))
			ck_assert_msg(json_equal(json_object_get(first, key), value), "%s", key);
	free(text);
	free(again);
	json_decref(first);
	json_decref(second);
	json_decref(given);
}
END_TEST

/* A spec that gives everything is its own complete form. */
START_TEST(full_is_complete)
{
	_cleanup_(spec_freep) struct spec *s = parsed(full_train);
	json_t *complete = spec_to_json(s), *given = json_loads(full_train, 0, NULL);

	/* 0 was written as an integer; the complete form says 0.0. */
	json_object_set_new(json_object_get(given, "data"), "validation", json_real(0));
	ck_assert(json_equal(complete, given));
	json_decref(complete);
	json_decref(given);
}
END_TEST

START_TEST(files)
{
	_cleanup_(spec_freep) struct spec *train = parsed(full_train), *bare = parsed(TRAIN("")),
					  *sample = parsed(full_sample),
					  *bench = parsed(full_bench),
					  *certify = parsed(full_certify),
					  *family = parsed(SUITE("\"family\"")),
					  *measure = parsed(full_measure);
	const char *names[SPEC_MAX_FILES] = { NULL };

	ck_assert_uint_eq(spec_files(train, names), 3);
	ck_assert_str_eq(names[0], "a/i.npy");
	ck_assert_str_eq(names[1], "l.idx");
	ck_assert_str_eq(names[2], "u.npy");
	ck_assert_uint_eq(spec_files(bare, names), 1);
	ck_assert_str_eq(names[0], "i.npy");
	ck_assert_uint_eq(spec_files(sample, names), 1);
	ck_assert_str_eq(names[0], "m.safetensors");
	ck_assert_uint_eq(spec_files(bench, names), 1);
	ck_assert_str_eq(names[0], "W.npy");
	ck_assert_uint_eq(spec_files(certify, names), 1);
	ck_assert_str_eq(names[0], "W.npy");
	ck_assert_uint_eq(spec_files(family, names), 0);
	ck_assert_uint_eq(spec_files(measure, names), 1);
	ck_assert_str_eq(names[0], "m.safetensors");
}
END_TEST

#define DATA(rest)	"{\"kind\": \"train\", \"data\": {\"images\": \"i\", " rest "}}"
#define MODEL(rest)	TRAIN(", \"model\": {" rest "}")
#define DEVICE(rest)	TRAIN(", \"device\": {" rest "}")
#define OPTIMIZER(rest) TRAIN(", \"optimizer\": {" rest "}")
#define EVEN(rest)	TRAIN(", \"model\": {\"references\": false}, " rest)
#define REPORT(rest)	TRAIN(", \"report\": {" rest "}")

static const struct {
	const char *text;
	const char *sentence;
} refused[] = {
	/* No JSON, or not an object of a known kind. */
	{ "", "empty" },
	{ "{", "line 1, column 1: not valid JSON" },
	{ "{\"kind\": \"train\",\n\"data\": [}", "line 2, column 10: not valid JSON" },
	{ "[]", "the top level: must be an object" },
	{ "{}", "kind: missing; give \"train\", \"sample\", \"bench\", \"session\", " },
	{ "{\"kind\": \"session\"}", "session: missing; give an object" },
	{ "{\"kind\": \"session\", \"session\": {\"hidden\": 2}}", "session.visible: missing" },
	{ "{\"kind\": \"session\", \"session\": {\"visible\": 0, \"hidden\": 2}}",
	  "session.visible" },
	{ "{\"kind\": \"session\", \"session\": {\"visible\": 16384, \"hidden\": 2, "
	  "\"references\": true}}",
	  "session.references: a side of 16384 p-bits has no room" },
	{ "{\"kind\": \"session\", \"session\": {\"visible\": 4, \"hidden\": 2, \"row\": 1}}",
	  "session.row: unknown" },
	{ "{\"kind\": 1}",
	  "kind: must be a string, one of 'train', 'sample', 'bench', 'session', " },
	{ "{\"kind\": \"trian\"}", "kind: 'trian' is unknown; did you mean 'train'?" },
	{ "{\"kind\": \"anneal\"}", "kind: 'anneal' is unknown; give one of" },
	{ "{\"kind\": \"bench\", \"kind\": \"train\"}", "duplicate object key" },
	{ DATA("\"holdout\": 0.1, \"holdout\": 0.2"), "duplicate object key" },
	{ "{\"kind\": \"bench\"} x", "not valid JSON" },
	/* What all kinds share. */
	{ TRAIN(", \"seed\": -1"), "seed: -1 is out of range; give 0 to 9223372036854775807" },
	{ TRAIN(", \"seed\": 9223372036854775808"), "too big integer" },
	{ TRAIN(", \"seed\": 1.5"), "seed: must be a whole number" },
	{ TRAIN(", \"seed\": \"1\""), "seed: must be a whole number" },
	{ TRAIN(", \"name\": 1"), "name: must be a string" },
	{ TRAIN(", \"name\": \"\""), "name: must not be empty" },
	{ TRAIN(", \"name\": \"a\\u001bb\""), "name: control characters" },
	{ TRAIN(", \"name\": \"a\\u009bb\""), "name: control characters" },
	{ TRAIN(", \"name\": \"a\\ufffeb\""), "name: it has code points that are no characters" },
	{ TRAIN(", \"name\": \"0123456789012345678901234567890123456789012345678901234567890123x\""),
	  "name: 65 bytes are more than the limit of 64" },
	/* Keys. */
	{ TRAIN(", \"optimiser\": {}"), "optimiser: unknown key; did you mean 'optimizer'?" },
	{ TRAIN(", \"$comment\": \"x\""), "$comment: unknown key; the keys known here are 'kind'" },
	{ TRAIN(", \"model\": {\"hiden\": 3}"),
	  "model.hiden: unknown key; did you mean 'hidden'?" },
	{ OPTIMIZER("\"method\": \"adan\""),
	  "optimizer.method: 'adan' is unknown; did you mean 'adam'?" },
	{ OPTIMIZER("\"positive\": \"drawn\""),
	  "optimizer.positive: 'drawn' is unknown; give one of 'exact' and 'sampled'" },
	{ OPTIMIZER("\"method\": 1"),
	  "optimizer.method: must be a string, one of 'adam' and 'descent'" },
	{ OPTIMIZER("\"rtae\": 1"), "optimizer.rtae: unknown key; did you mean 'rate'?" },
	{ DEVICE("\"temperature\": 1"),
	  "device.temperature: unknown key; the keys known here are" },
	{ REPORT("\"tau_sweep\": 1"), "did you mean 'tau_sweeps'?" },
	{ DATA("\"label\": \"l\""), "data.label: unknown key; did you mean 'labels'?" },
	{ SAMPLE(", \"epochs\": 1"), "epochs: unknown key" },
	{ "{\"kind\": \"bench\", \"models\": \"W\"}", "models: unknown key" },
	/* data */
	{ "{\"kind\": \"train\"}", "data: missing; give" },
	{ "{\"kind\": \"train\", \"data\": \"i.npy\"}", "data: must be an object" },
	{ "{\"kind\": \"train\", \"data\": {}}", "data.images: missing; give the path" },
	{ "{\"kind\": \"train\", \"data\": {\"images\": null}}", "data.images: must be a string" },
	{ "{\"kind\": \"train\", \"data\": {\"images\": \"\"}}", "data.images: must not be empty" },
	{ "{\"kind\": \"train\", \"data\": {\"images\": \"a\\u0000b\"}}", "not valid JSON" },
	{ DATA("\"labels\": null"), "data.labels: must be a string" },
	{ DATA("\"threshold\": \"8\""), "data.threshold: must be a number" },
	{ DATA("\"threshold\": NaN"), "invalid token near 'NaN'" },
	{ DATA("\"threshold\": -Infinity"), "not valid JSON" },
	{ DATA("\"threshold\": 1e400"), "real number overflow" },
	{ DATA("\"holdout\": 0"), "data.holdout: 0 is out of range; give a number above 0 and at" },
	{ DATA("\"holdout\": 0.91"), "data.holdout: 0.91 is out of range" },
	{ DATA("\"validation\": -0.1"), "data.validation: -0.1 is out of range" },
	{ DATA("\"validation\": 1"), "data.validation: 1 is out of range" },
	/* model */
	{ MODEL("\"hidden\": 0"), "model.hidden: 0 is out of range; give 1 to 16384" },
	{ MODEL("\"hidden\": 16385"), "model.hidden: 16385 is out of range" },
	{ MODEL("\"hidden\": 4294967308"), "model.hidden: 4294967308 is out of range" },
	{ MODEL("\"layers\": 16"), "model.layers: must be a list" },
	{ MODEL("\"layers\": [16, 0]"), "model.layers[1]: must be a whole number of units" },
	{ MODEL("\"layers\": [16384, 16385]"), "model.layers[1]: must be a whole number of units" },
	{ MODEL("\"layers\": [1.0]"), "model.layers[0]: must be a whole number of units" },
	{ MODEL("\"layers\": [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]"),
	  "model.layers: 17 items are more than the limit of 16" },
	{ MODEL("\"code\": [1]"), "model.code: must be a string" },
	{ TRAIN(", \"model\": []"), "model: must be an object" },
	/* device */
	{ DEVICE("\"bits\": 12"), "device.bits: 12 is out of range; give 8 or 16" },
	{ DEVICE("\"bits\": 32"), "device.bits: 32 is out of range" },
	{ DEVICE("\"scale\": -1"), "device.scale: -1 is out of range" },
	{ DEVICE("\"scale\": 1e-13"), "device.scale: 1e-13 is out of range; give 0" },
	{ DEVICE("\"scale\": 1e13"), "device.scale: 1e+13 is out of range" },
	{ DEVICE("\"beta\": 0"), "device.beta: 0 is out of range; give a number above 0" },
	{ DEVICE("\"beta\": -1"), "device.beta: -1 is out of range" },
	{ DEVICE("\"beta\": 1000001"), "device.beta: 1000001 is out of range" },
	{ DEVICE("\"scan\": \"palindrom\""), "did you mean 'palindrome'?" },
	{ DEVICE("\"scan\": 1"), "device.scan: must be a string, one of 'alternating'" },
	{ DEVICE("\"chains\": 0"), "device.chains: 0 is out of range; give 1 to 65536" },
	{ DEVICE("\"chains\": 65537"), "device.chains: 65537 is out of range" },
	{ DEVICE("\"sweeps\": 16777217"), "device.sweeps: 16777217 is out of range" },
	{ TRAIN(", \"device\": 1"), "device: must be an object" },
	{ DEVICE("\"name\": 0"), "device.name: must be a string" },
	{ DEVICE("\"name\": \"\""), "device.name: must not be empty" },
	{ DEVICE("\"name\": \"../null\""), "device.name: is no device's name" },
	{ DEVICE("\"name\": \"pbit 0\""), "device.name: is no device's name" },
	{ SAMPLE(", \"device\": {\"name\": \"pb\\u00eft0\"}"), "device.name: is no device's" },
	{ DEVICE("\"name\": \"0123456789012345678901234567890x\""),
	  "device.name: 32 bytes are more than the limit of 31" },
	{ "{\"kind\": \"bench\", \"device\": 0}", "device: must be an object" },
	{ "{\"kind\": \"bench\", \"device\": {\"bits\": 8}}", "device.bits: unknown key" },
	/* optimizer */
	{ OPTIMIZER("\"epochs\": 0"), "optimizer.epochs: 0 is out of range" },
	{ OPTIMIZER("\"epochs\": 1000001"), "optimizer.epochs: 1000001 is out of range" },
	{ OPTIMIZER("\"steps\": 1e3"), "optimizer.steps: must be a whole number" },
	{ OPTIMIZER("\"batch\": -1"), "optimizer.batch: -1 is out of range" },
	{ OPTIMIZER("\"rate\": 0"), "optimizer.rate: 0 is out of range; give a number above 0" },
	{ OPTIMIZER("\"rate\": true"), "optimizer.rate: must be a number" },
	{ OPTIMIZER("\"decay\": -1e-9"), "optimizer.decay: -1e-09 is out of range" },
	/* baselines and report */
	{ TRAIN(", \"baselines\": \"separate\""), "baselines: must be a list" },
	{ TRAIN(", \"baselines\": [\"none\"]"), "baselines[0]: unknown; give \"independent\"" },
	{ TRAIN(", \"baselines\": [1]"), "baselines[0]: unknown" },
	{ TRAIN(", \"baselines\": [\"separate\", \"separate\"]"), "baselines[1]: \"separate\" is" },
	{ TRAIN(", \"baselines\": [\"a\", \"b\", \"c\"]"), "baselines: 3 items are more" },
	{ REPORT("\"every\": 0"), "report.every: 0 is out of range; give 1 to 1000000" },
	{ REPORT("\"every\": 1000001"), "report.every: 1000001 is out of range" },
	{ REPORT("\"every\": -1"), "report.every: -1 is out of range" },
	{ REPORT("\"every\": 2.5"), "report.every: must be a whole number" },
	{ REPORT("\"every\": \"last\""), "report.every: must be a whole number" },
	{ REPORT("\"tau_sweeps\": 1"), "report.tau_sweeps: 1 is out of range" },
	{ REPORT("\"a6_ratio\": 0.5"), "report.a6_ratio: 0.5 is out of range" },
	{ REPORT("\"ais_chains\": 1"), "report.ais_chains: 1 is out of range" },
	{ REPORT("\"ais_betas\": 1000001"), "report.ais_betas: 1000001 is out of range" },
	{ REPORT("\"samples\": 0"), "report.samples: 0 is out of range" },
	/* mixing */
	{ EVEN("\"mixing\": {\"weight\": -1}"), "mixing.weight: -1 is out of range" },
	{ EVEN("\"mixing\": {\"wieght\": 1}"), "mixing.wieght: unknown key; did you mean" },
	{ EVEN("\"mixing\": {\"observable\": \"T_0\"}"), "did you mean 'T_O'?" },
	{ EVEN("\"mixing\": {\"kernel\": \"alternating\"}"),
	  "mixing.kernel: alternating sweeps are" },
	{ EVEN("\"mixing\": 1"), "mixing: must be an object" },
	{ TRAIN(", \"mixing\": {\"weight\": 1}"), "mixing: is exact for models without reference" },
	{ MODEL("\"references\": false, \"hidden\": 16}, \"mixing\": {\"weight\": 1"),
	  "mixing: a model of more than 16 p-bits" },
	{ MODEL("\"references\": 1"), "model.references: must be " },
	/* sample */
	{ "{\"kind\": \"sample\"}", "model: missing; give the path of a W.npy" },
	{ SAMPLE(", \"code\": -1"), "code: -1 is out of range" },
	{ SAMPLE(", \"every\": 0"), "every: 0 is out of range" },
	{ SAMPLE(", \"burn\": 1000"), "device.sweeps: 1000 sweeps record nothing after burn 1000" },
	{ SAMPLE(", \"every\": 901"), "give at least 1001" },
	{ SAMPLE(", \"device\": {\"sweeps\": 100}"), "device.sweeps: 100 sweeps record nothing" },
	/* measure */
	{ "{\"kind\": \"measure\"}", "model: missing; give the path" },
	{ MEASURE(", \"code\": -1"), "code: -1 is out of range" },
	{ MEASURE(", \"every\": 2"), "every: unknown key" },
	{ MEASURE(", \"ratio\": 0.5"), "ratio: 0.5 is out of range" },
	{ MEASURE(", \"device\": {\"scan\": \"alternating\"}"),
	  "device.scan: alternating sweeps are not reversible (A2)" },
	{ MEASURE(", \"device\": {\"chains\": 3}"), "device.chains: 3 chains have no spread" },
	{ MEASURE(", \"device\": {\"sweeps\": 15}"), "device.sweeps: 15 recorded sweeps" },
	/* certify */
	{ "{\"kind\": \"certify\"}", "model: missing; give the path of a W.npy, or the \"suite\"" },
	{ CERTIFY(", \"beta\": 0"), "beta: 0 is out of range; give a number above 0" },
	{ CERTIFY(", \"beta\": -1"), "beta: -1 is out of range" },
	{ CERTIFY(", \"memory\": 0"), "memory: 0 is out of range" },
	{ CERTIFY(", \"kernel\": \"gibbs\""), "kernel: 'gibbs' is unknown; give one of" },
	{ CERTIFY(", \"gradient\": \"T_o\""), "gradient: 'T_o' is unknown; did you mean 'T_O'?" },
	{ CERTIFY(", \"kernel\": \"alternating\", \"gradient\": \"T_O\""),
	  "gradient: T_O needs a reversible kernel" },
	{ CERTIFY(", \"cells\": 3"), "cells: only the family has cells" },
	{ CERTIFY(", \"suite\": \"family\""), "model: the suite \"family\" has couplings" },
	{ CERTIFY(", \"device\": {\"name\": \"pbit0\"}"),
	  "device.name: a certify job samples on no" },
	{ CERTIFY(", \"device\": {\"beta\": 2}"), "device.beta: unknown key" },
	{ SUITE("\"famly\""), "suite: 'famly' is unknown; did you mean 'family'?" },
	{ SUITE("\"none\""), "model: missing; give the path of a W.npy" },
	{ SUITE("\"family\", \"cells\": 0"), "cells: 0 is out of range" },
	{ SUITE("\"family\", \"cells\": 193"), "cells: 193 is out of range" },
	{ SUITE("\"family\", \"beta\": 1"), "beta: the suite \"family\" has couplings, beta" },
	/* bench */
	{ "{\"kind\": \"bench\", \"seconds\": 0}", "seconds: 0 is out of range" },
	{ "{\"kind\": \"bench\", \"seconds\": 601}", "seconds: 601 is out of range" },
	{ "{\"kind\": \"bench\", \"threads\": 0}", "threads: 0 is out of range" },
	{ "{\"kind\": \"bench\", \"chains\": 65537}", "chains: 65537 is out of range" },
};

START_TEST(refusals)
{
	struct spec *s = NULL;
	struct err e = { 0 };
	int r;

	r = parse(refused[_i].text, &s, &e);
	assert_refused(r, e, refused[_i].sentence);
	ck_assert_ptr_null(s);
}
END_TEST

START_TEST(nested)
{
	const size_t n = 100000;
	_cleanup_free_ char *text = malloc(2 * n);
	struct spec *s = NULL;
	struct err e = { 0 };
	int r;

	memset(text, '[', n);
	memset(text + n, ']', n);
	r = spec_parse(text, 2 * n, &s, &e);
	assert_refused(r, e, "line 1, column 17: nested deeper than 16 levels");
}
END_TEST

START_TEST(oversized)
{
	_cleanup_free_ char *text = malloc(SPEC_MAX_BYTES + 1);
	_cleanup_(spec_freep) struct spec *most = NULL;
	struct spec *s = NULL;
	struct err e = { 0 };
	int r;

	memset(text, ' ', SPEC_MAX_BYTES + 1);
	memcpy(text, full_bench, sizeof(full_bench) - 1);
	assert_ok(spec_parse(text, SPEC_MAX_BYTES, &most, &e), e);
	r = spec_parse(text, SPEC_MAX_BYTES + 1, &s, &e);
	assert_refused(r, e, "262145 bytes of JSON are more than the limit of 262144");
}
END_TEST

START_TEST(long_path)
{
	char text[8192];
	_cleanup_(spec_freep) struct spec *most = NULL;
	struct spec *s = NULL;
	struct err e = { 0 };
	int r;

	snprintf(text, sizeof(text), "{\"kind\": \"sample\", \"model\": \"%0*d\"}", 4095, 0);
	assert_ok(parse(text, &most, &e), e);
	snprintf(text, sizeof(text), "{\"kind\": \"sample\", \"model\": \"%0*d\"}", 4096, 0);
	r = parse(text, &s, &e);
	assert_refused(r, e, "model: 4096 bytes are more than the limit of 4095");
}
END_TEST

/* Each prefix of a spec is no spec. */
START_TEST(truncated_everywhere)
{
	for (size_t size = 0; size < sizeof(full_train) - 1; size++) {
		struct spec *s = NULL;
		struct err e = { 0 };
		int r = spec_parse(full_train, size, &s, &e);

		assert_clean_refusal(r, &e);
		ck_assert_ptr_null(s);
	}
}
END_TEST

START_TEST(mutations)
{
	static const struct {
		const char *text;
		size_t size;
	} seeds[] = {
		{ full_train, sizeof(full_train) - 1 },
		{ full_sample, sizeof(full_sample) - 1 },
		{ full_bench, sizeof(full_bench) - 1 },
		{ full_certify, sizeof(full_certify) - 1 },
		{ full_measure, sizeof(full_measure) - 1 },
	};
	unsigned int parsed_again = 0;
	uint64_t state = 4;
	uint8_t buf[2048];

	for (int i = 0; i < FUZZ_ROUNDS; i++) {
		size_t k = random_below(&state, ARRAY_SIZE(seeds)), size = seeds[k].size;
		_cleanup_(spec_freep) struct spec *s = NULL, *again = NULL;
		struct err e = { 0 };
		json_t *j;
		char *text;
		int r;

		memcpy(buf, seeds[k].text, size);
		mutate(buf, &size, sizeof(buf), &state);
		r = spec_parse((const char *)buf, size, &s, &e);
		if (r < 0) {
			assert_clean_refusal(r, &e);
			expect(!s);
			continue;
		}
		/* What is accepted can be written down and read again. */
		j = spec_to_json(s);
		text = json_dumps(j, 0);
		expect(parse(text, &again, &e) == 0);
		parsed_again++;
		free(text);
		json_decref(j);
	}
	ck_assert_uint_gt(parsed_again, FUZZ_ROUNDS / 1000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("spec");
	TCase *t = tcase_create("spec");

	tcase_set_timeout(t, FUZZ_TIMEOUT);
	tcase_add_test(t, train_defaults);
	tcase_add_test(t, other_defaults);
	tcase_add_test(t, train_in_full);
	tcase_add_test(t, certify_defaults);
	tcase_add_test(t, measure_defaults);
	tcase_add_test(t, session_in_full);
	tcase_add_test(t, session_layout);
	tcase_add_loop_test(t, round_trip, 0, (int)ARRAY_SIZE(accepted));
	tcase_add_test(t, full_is_complete);
	tcase_add_test(t, files);
	tcase_add_loop_test(t, refusals, 0, (int)ARRAY_SIZE(refused));
	tcase_add_test(t, nested);
	tcase_add_test(t, oversized);
	tcase_add_test(t, long_path);
	tcase_add_test(t, truncated_everywhere);
	tcase_add_test(t, mutations);
	suite_add_tcase(s, t);
	return run_suite(s);
}
