// SPDX-License-Identifier: MIT
/* What is wrong with the files of a job is said before the job is queued. */
#include <check.h>
#include <math.h>

#include "inputs.h"
#include "npy.h"
#include "support.h"

#define TRAIN                                                                             \
	"{\"kind\": \"train\", \"data\": {\"images\": \"x.npy\", \"labels\": \"y.npy\"}," \
	" \"model\": {\"code\": \"u.npy\"}}"
#define ONE_HOT "{\"kind\": \"train\", \"data\": {\"images\": \"x.npy\", \"labels\": \"y.npy\"}}"
#define MIXING(hidden)                                                                         \
	"{\"kind\": \"train\", \"data\": {\"images\": \"x.npy\"}, \"mixing\": {}, \"model\": " \
	"{\"references\": false, \"hidden\": " #hidden "}}"
#define CERTIFY "{\"kind\": \"certify\", \"model\": \"W.npy\"}"
#define SAMPLE	"{\"kind\": \"sample\", \"model\": \"W.npy\", \"device\": {%s}}"

/* A job whose files are all well, to be spoilt one by one. */
static struct array x, y, u, W;

static struct array new_array(enum dtype t, unsigned int ndim, const size_t *shape)
{
	struct array a = { 0 };

	ck_assert_int_eq(array_new(&a, t, ndim, shape, NULL), 0);
	return a;
}

static void setup(void)
{
	x = new_array(DT_F32, 3, (size_t[]){ 6, 2, 2 });
	y = new_array(DT_I64, 1, (size_t[]){ 6 });
	u = new_array(DT_F64, 2, (size_t[]){ 3, 2 });
	W = new_array(DT_F64, 2, (size_t[]){ 3, 2 });
	for (size_t i = 0; i < 6; i++)
		((int64_t *)y.data)[i] = (int64_t)i % 3;
}

static void teardown(void)
{
	array_free(&x);
	array_free(&y);
	array_free(&u);
	array_free(&W);
}

static int fd_of(const struct array *a)
{
	_cleanup_free_ void *buf = NULL;
	size_t size = 0;

	ck_assert_int_eq(npy_encode(a, &buf, &size, NULL), 0);
	return bytes_fd(buf, size);
}

static int read_all(const char *text, struct err *e)
{
	struct input_file files[] = {
		{ "x.npy", fd_of(&x) },
		{ "y.npy", fd_of(&y) },
		{ "u.npy", fd_of(&u) },
		{ "W.npy", fd_of(&W) },
	};
	_cleanup_(spec_freep) struct spec *s = NULL;
	struct inputs in = { .safetensors = true };
	int r;

	*e = (struct err){ 0 };
	ck_assert_msg(spec_parse(text, strlen(text), &s, e) == 0, "%s", e->text);
	r = inputs_read(s, files, ARRAY_SIZE(files), &in, e);
	if (r == 0) {
		ck_assert(!in.safetensors);
		inputs_free(&in);
	} else {
		ck_assert(in.safetensors && !in.images.data);
	}
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		close(files[i].fd);
	return r;
}

static int read_sample(const char *device, struct err *e)
{
	char text[256];

	snprintf(text, sizeof(text), SAMPLE, device);
	return read_all(text, e);
}

START_TEST(test_good)
{
	struct err e;
	int r;

	r = read_all(TRAIN, &e);
	assert_ok(r, e);
	r = read_all(ONE_HOT, &e);
	assert_ok(r, e);
	r = read_sample("", &e);
	assert_ok(r, e);
}
END_TEST

START_TEST(test_labels)
{
	int64_t *label = y.data;
	struct err e;

	label[4] = 3;
	assert_refused(read_all(TRAIN, &e), e,
		       "y.npy: label 4 is 3, but u.npy has codes for 0 .. 2");
	label[4] = INPUTS_MAX_CLASSES - 1;
	ck_assert_int_eq(read_all(ONE_HOT, &e), 0);
	label[4] = INPUTS_MAX_CLASSES;
	assert_refused(read_all(ONE_HOT, &e), e, "y.npy: label 4 is 4096");
	label[4] = -1;
	assert_refused(read_all(ONE_HOT, &e), e, "y.npy: label 4 is -1; labels count from 0");
	array_free(&y);
	y = new_array(DT_U8, 1, (size_t[]){ 5 });
	assert_refused(read_all(TRAIN, &e), e, "y.npy has 5 labels, but x.npy has 6 images");
	array_free(&y);
	y = new_array(DT_F32, 1, (size_t[]){ 6 });
	assert_refused(read_all(TRAIN, &e), e, "y.npy: labels have dtype float32");
	array_free(&y);
	y = new_array(DT_BOOL, 1, (size_t[]){ 6 });
	assert_refused(read_all(TRAIN, &e), e, "y.npy: labels have dtype bool");
	array_free(&y);
	y = new_array(DT_U8, 2, (size_t[]){ 6, 1 });
	assert_refused(read_all(TRAIN, &e), e, "y.npy: labels have shape (6, 1)");
}
END_TEST

START_TEST(test_codes)
{
	double *code = u.data;
	struct err e;

	code[3] = NAN;
	assert_refused(read_all(TRAIN, &e), e, "u.npy: code 1, value 1, is NaN");
	code[3] = -INFINITY;
	assert_refused(read_all(TRAIN, &e), e, "u.npy: code 1, value 1, is -inf");
	array_free(&u);
	u = new_array(DT_F64, 1, (size_t[]){ 3 });
	assert_refused(read_all(TRAIN, &e), e, "u.npy: codes have shape (3,)");
	array_free(&u);
	u = new_array(DT_F64, 2, (size_t[]){ 3, 0 });
	assert_refused(read_all(TRAIN, &e), e, "u.npy: codes have shape (3, 0)");
}
END_TEST

START_TEST(test_images)
{
	struct err e;

	((float *)x.data)[23] = (float)INFINITY;
	assert_refused(read_all(TRAIN, &e), e, "x.npy: image 5, value 3, is +inf");
	array_free(&x);
	x = new_array(DT_U8, 1, (size_t[]){ 6 });
	assert_refused(read_all(TRAIN, &e), e, "x.npy: shape (6,) is not a list of images");
	array_free(&x);
	x = new_array(DT_U8, 2, (size_t[]){ 0, 4 });
	assert_refused(read_all(TRAIN, &e), e, "x.npy: shape (0, 4) holds no image");
	array_free(&x);
	x = new_array(DT_U8, 2, (size_t[]){ 6, SPEC_MAX_UNITS - 1 });
	ck_assert_int_eq(read_all(TRAIN, &e), 0);
	array_free(&x);
	x = new_array(DT_U8, 2, (size_t[]){ 6, SPEC_MAX_UNITS });
	assert_refused(read_all(TRAIN, &e), e, "x.npy: an image has 16384 pixels");
}
END_TEST

START_TEST(test_couplings)
{
	double *w = W.data;
	struct err e;

	w[5] = 1.28;
	ck_assert_int_eq(read_sample("", &e), 0);
	ck_assert_int_eq(read_sample("\"scale\": 0.01, \"bits\": 16", &e), 0);
	assert_refused(read_sample("\"scale\": 0.01", &e), e, "W.npy: W[2][1] = 1.28 is beyond 8");
	w[5] = -1.27;
	ck_assert_int_eq(read_sample("\"scale\": 0.01", &e), 0);
	array_free(&W);
	W = new_array(DT_I16, 2, (size_t[]){ 3, 2 });
	((int16_t *)W.data)[3] = -128;
	assert_refused(read_sample("\"scale\": 0.01", &e), e,
		       "W.npy: W[1][1] = -128 is beyond 8 coupling bits, +-127; give bits 16");
	ck_assert_int_eq(read_sample("\"scale\": 0.01, \"bits\": 16", &e), 0);
	((int16_t *)W.data)[3] = 127;
	ck_assert_int_eq(read_sample("\"scale\": 0.01", &e), 0);
	array_free(&W);
	W = new_array(DT_F64, 2, (size_t[]){ 3, 2 });
	((double *)W.data)[2] = NAN;
	assert_refused(read_sample("", &e), e, "W.npy: row 1, value 0, is NaN");
	array_free(&W);
	W = new_array(DT_F64, 3, (size_t[]){ 3, 2, 1 });
	assert_refused(read_sample("", &e), e, "W.npy: couplings have shape (3, 2, 1)");
	array_free(&W);
	W = new_array(DT_I8, 2, (size_t[]){ SPEC_MAX_UNITS + 1, 1 });
	assert_refused(read_sample("", &e), e, "W.npy: W is 16385 x 1");
	array_free(&W);
	W = new_array(DT_I8, 2, (size_t[]){ 0, 1 });
	assert_refused(read_sample("", &e), e, "W.npy: couplings have shape (0, 1)");
}
END_TEST

/* Four pixels. */
START_TEST(test_mixing)
{
	struct err e;

	ck_assert_int_eq(read_all(MIXING(12), &e), 0);
	assert_refused(read_all(MIXING(13), &e), e,
		       "mixing: 4 pixels and 13 hidden p-bits are more than the 16");
}
END_TEST

/* The exact gate takes what a sample job takes, but no trained model. */
START_TEST(test_certify)
{
	struct err e;

	ck_assert_int_eq(read_all(CERTIFY, &e), 0);
	((double *)W.data)[2] = INFINITY;
	assert_refused(read_all(CERTIFY, &e), e, "W.npy: row 1, value 0, is +inf");
	array_free(&W);
	W = new_array(DT_F64, 1, (size_t[]){ 3 });
	assert_refused(read_all(CERTIFY, &e), e, "W.npy: couplings have shape (3,)");
	array_free(&W);
	W = new_array(DT_F32, 2, (size_t[]){ 3, 0 });
	assert_refused(read_all(CERTIFY, &e), e, "W.npy: couplings have shape (3, 0)");
}
END_TEST

START_TEST(test_files)
{
	char tensors[] = "\x10\0\0\0\0\0\0\0{\"__metadata__\":{}";
	_cleanup_(spec_freep) struct spec *s = NULL;
	struct input_file file = { .path = "W.npy" };
	_cleanup_inputs_ struct inputs in = { 0 };
	struct err e = { 0 };
	char text[64];

	snprintf(text, sizeof(text), SAMPLE, "");
	ck_assert_int_eq(spec_parse(text, strlen(text), &s, &e), 0);
	assert_refused(inputs_read(s, &file, 0, &in, &e), e, "W.npy: the spec names this file");
	file.fd = bytes_fd("rubbish, but long enough", 24);
	e = (struct err){ 0 };
	assert_refused(inputs_read(s, &file, 1, &in, &e), e, "W.npy");
	fill_fd(file.fd, "", 0);
	e = (struct err){ 0 };
	assert_refused(inputs_read(s, &file, 1, &in, &e), e, "W.npy");
	fill_fd(file.fd, tensors, sizeof(tensors) - 1);
	ck_assert_int_eq(inputs_read(s, &file, 1, &in, &e), 0);
	ck_assert(in.safetensors);
	/* The length of a header may begin as the magic of a .npy file does. */
	tensors[0] = '\x93';
	fill_fd(file.fd, tensors, sizeof(tensors) - 1);
	in.safetensors = false;
	ck_assert_int_eq(inputs_read(s, &file, 1, &in, &e), 0);
	ck_assert(in.safetensors);
	e = (struct err){ 0 };
	assert_refused(inputs_read_even(file.fd, "W.npy", &in.W, &e), e,
		       "W.npy: is a trained model");
	close(file.fd);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("inputs");
	TCase *t = tcase_create("inputs");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_good);
	tcase_add_test(t, test_labels);
	tcase_add_test(t, test_codes);
	tcase_add_test(t, test_images);
	tcase_add_test(t, test_couplings);
	tcase_add_test(t, test_certify);
	tcase_add_test(t, test_mixing);
	tcase_add_test(t, test_files);
	suite_add_tcase(s, t);
	return run_suite(s);
}
