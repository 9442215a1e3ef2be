// SPDX-License-Identifier: MIT
/* One spec with many values at a key: what comes out, and what is refused in which words. */
#include "spec_array.h"
#include "support.h"

#define BENCH "{\"kind\": \"bench\"}"
#define TRAIN "{\"kind\": \"train\", \"data\": {\"images\": \"x.npy\"}}"

START_TEST(values_in_their_places)
{
	_cleanup_spec_array_ struct spec_array a = { 0 };
	static const double rates[] = { 0.5, 1, 0.001 };
	struct err e = { 0 };
	int r = spec_array_parse(TRAIN, "optimizer.rate", "[0.5, 1, 0.001]", &a, &e);

	assert_ok(r, e);
	ck_assert_uint_eq(a.count, 3);
	for (size_t i = 0; i < 3; i++) {
		_cleanup_(spec_freep) struct spec *s = NULL;
		_cleanup_free_ char *text = NULL;

		r = spec_array_get(&a, i, &text, &s, &e);
		assert_ok(r, e);
		ck_assert(s->train.optimizer.rate == rates[i]);
		ck_assert_ptr_nonnull(strstr(text, "\"images\":\"x.npy\""));
	}
	/* The spec that was given is not the first job's. */
	ck_assert_ptr_null(json_object_get(a.root, "optimizer"));
}
END_TEST

START_TEST(words_and_seeds)
{
	_cleanup_spec_array_ struct spec_array a = { 0 }, b = { 0 };
	_cleanup_(spec_freep) struct spec *s = NULL;
	struct err e = { 0 };
	int r = spec_array_parse(BENCH, "device.name", "[\"pbit0\", \"embedded0\"]", &a, &e);

	assert_ok(r, e);
	r = spec_array_get(&a, 1, NULL, &s, &e);
	assert_ok(r, e);
	ck_assert_str_eq(s->device, "embedded0");
	/* A key that the spec has already is replaced. */
	r = spec_array_parse("{\"kind\": \"bench\", \"seed\": 7}", "seed", "[3]", &b, &e);
	assert_ok(r, e);
	ck_assert_uint_eq(b.count, 1);
	ck_assert_uint_eq(b.first->seed, 3);
}
END_TEST

static const struct {
	const char *spec, *key, *values, *needle;
} refused[] = {
	{ BENCH, "seed", "[]", "1 to 1000 values, not 0" },
	{ BENCH, "seed", "{}", "1 to 1000 values" },
	{ BENCH, "seed", "7", "array values: " },
	{ BENCH, "seed", "[1, [2]]", "array value 2: must be a number" },
	{ BENCH, "seed", "[1, null]", "array value 2: must be a number" },
	{ BENCH, "seed", "[1, -2]", NULL },
	{ BENCH, "sede", "[1]", "did you mean 'seed'" },
	{ BENCH, "", "[1]", "'' is not a dotted key" },
	{ BENCH, "kind.x", "[1]", "'kind' is not an object" },
	{ BENCH, "seed", "[1, 2", "array values: line 1" },
	{ "[]", "seed", "[1]", "must be an object" },
	{ TRAIN, "optimizer.rate", "[-1]", "array value 1, -1: optimizer.rate" },
	{ TRAIN, "optimizer.rate", "[\"fast\"]", "array value 1, \"fast\": optimizer.rate" },
};

START_TEST(refusals)
{
	struct spec_array a = { 0 };
	struct err e = { 0 };
	const char *needle = refused[_i].needle;
	int r = spec_array_parse(refused[_i].spec, refused[_i].key, refused[_i].values, &a, &e);

	/* A later value is looked at when it is asked for. */
	if (!needle) {
		assert_ok(r, e);
		needle = "array value 2, -2: seed";
		r = spec_array_get(&a, 1, NULL, NULL, &e);
		spec_array_free(&a);
	}
	assert_refused(r, e, needle);
	ck_assert_ptr_null(a.root);
}
END_TEST

START_TEST(files_are_shared)
{
	_cleanup_spec_array_ struct spec_array a = { 0 };
	struct err e = { 0 };
	int r = spec_array_parse(TRAIN, "data.images", "[\"a.npy\", \"b.npy\"]", &a, &e);

	assert_ok(r, e);
	r = spec_array_get(&a, 0, NULL, NULL, &e);
	assert_ok(r, e);
	r = spec_array_get(&a, 1, NULL, NULL, &e);
	assert_refused(r, e, "array value 2, \"b.npy\": data.images: the jobs of an array share");
	/* One that adds a file. */
	spec_array_free(&a);
	e = (struct err){ 0 };
	r = spec_array_parse(TRAIN, "data.labels", "[\"y.npy\", \"x.npy\"]", &a, &e);
	assert_ok(r, e);
	r = spec_array_get(&a, 1, NULL, NULL, &e);
	assert_refused(r, e, "share their files");
}
END_TEST

START_TEST(too_many)
{
	char text[3 * (SPEC_MAX_ARRAY + 1) + 3] = "[1";
	struct spec_array a = { 0 };
	struct err e = { 0 };
	int r;

	for (size_t i = 1; i < SPEC_MAX_ARRAY; i++)
		strcpy(text + 2 + 2 * (i - 1), ",1");
	strcat(text, "]");
	r = spec_array_parse(BENCH, "seed", text, &a, &e);
	assert_ok(r, e);
	ck_assert_uint_eq(a.count, SPEC_MAX_ARRAY);
	spec_array_free(&a);
	strcpy(strrchr(text, ']'), ",1]");
	r = spec_array_parse(BENCH, "seed", text, &a, &e);
	assert_refused(r, e, "not 1001");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("spec_array");
	TCase *t = tcase_create("spec_array");

	tcase_add_test(t, values_in_their_places);
	tcase_add_test(t, words_and_seeds);
	tcase_add_loop_test(t, refusals, 0, (int)ARRAY_SIZE(refused));
	tcase_add_test(t, files_are_shared);
	tcase_add_test(t, too_many);
	suite_add_tcase(s, t);
	return run_suite(s);
}
