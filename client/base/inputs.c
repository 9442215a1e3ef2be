/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "inputs.h"
#include "npy.h"
#include "npy_header.h"

static bool is_float(const struct array *a)
{
	return a->dtype == DT_F32 || a->dtype == DT_F64;
}

static bool is_integer(const struct array *a)
{
	return !is_float(a) && a->dtype != DT_BOOL;
}

/* "(1797, 8, 8)" */
static const char *shape_text(const struct array *a, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = 0;
	for (unsigned int d = 0; d < a->ndim && used + 1 < size; d++) {
		int r = snprintf(buf + used, size - used, "%s%zu%s", d ? ", " : "(", a->shape[d],
				 d + 1 < a->ndim ? "" : (d ? ")" : ",)"));

		if (r < 0)
			break;
		used += (size_t)r;
	}
	return a->ndim ? buf : "()";
}

/* The index of the first value that is NaN or infinite, or a->count. */
static size_t first_not_finite(const struct array *a)
{
	size_t i = 0;

	if (!is_float(a))
		return a->count;
	while (i < a->count && isfinite(array_get(a, i)))
		i++;
	return i;
}

static int check_finite(const struct array *a, const char *path, const char *what, struct err *e)
{
	size_t i = first_not_finite(a), cols;
	double x;

	if (i == a->count)
		return 0;
	cols = a->count / a->shape[0];
	x = array_get(a, i);
	return err_set(e, -EINVAL, "%s: %s %zu, value %zu, is %s; all values must be finite", path,
		       what, i / cols, i % cols,
		       isnan(x) ? "NaN" :
		       x > 0	? "+inf" :
				  "-inf");
}

static int check_images(const struct spec_train *t, const struct array *a, struct err *e)
{
	const char *path = t->data.images;
	char shape[96];
	size_t pixels;

	if (a->ndim < 2)
		return err_set(e, -EINVAL,
			       "%s: shape %s is not a list of images; give (images, pixels) or "
			       "(images, rows, columns)",
			       path, shape_text(a, shape, sizeof(shape)));
	if (a->shape[0] == 0 || a->count == 0)
		return err_set(e, -EINVAL, "%s: shape %s holds no image", path,
			       shape_text(a, shape, sizeof(shape)));
	pixels = a->count / a->shape[0];
	/* One more p-bit on the visible side is the clamped reference spin. */
	if (pixels > SPEC_MAX_UNITS - 1)
		return err_set(e, -EINVAL,
			       "%s: an image has %zu pixels, the device at most %d visible p-bits; "
			       "use smaller images",
			       path, pixels, SPEC_MAX_UNITS - 1);
	return check_finite(a, path, "image", e);
}

static int check_labels(const struct spec_train *t, const struct inputs *in, struct err *e)
{
	const struct array *a = &in->labels, *images = &in->images, *codes = &in->codes;
	const char *path = t->data.labels;
	size_t limit = codes->data ? codes->shape[0] : INPUTS_MAX_CLASSES;
	char shape[96];

	if (a->ndim != 1)
		return err_set(e, -EINVAL, "%s: labels have shape %s; give one number an image",
			       path, shape_text(a, shape, sizeof(shape)));
	if (!is_integer(a))
		return err_set(
			e, -EINVAL,
			"%s: labels have dtype %s; save them as integers, for instance int32", path,
			dtype_name(a->dtype));
	if (a->count != images->shape[0])
		return err_set(e, -EINVAL, "%s has %zu labels, but %s has %zu images", path,
			       a->count, t->data.images, images->shape[0]);
	for (size_t i = 0; i < a->count; i++) {
		int64_t label = array_get_int(a, i);

		if (label < 0)
			return err_set(e, -EINVAL, "%s: label %zu is %lld; labels count from 0",
				       path, i, (long long)label);
		if ((uint64_t)label < limit)
			continue;
		if (!codes->data)
			return err_set(
				e, -EINVAL,
				"%s: label %zu is %lld; with one-hot codes labels lie in 0 .. "
				"%zu, so number the classes from 0",
				path, i, (long long)label, limit - 1);
		return err_set(e, -EINVAL, "%s: label %zu is %lld, but %s has codes for 0 .. %zu",
			       path, i, (long long)label, t->model.codes, limit - 1);
	}
	return 0;
}

static int check_codes(const struct spec_train *t, const struct array *a, struct err *e)
{
	const char *path = t->model.codes;
	char shape[96];

	if (a->ndim != 2 || a->count == 0)
		return err_set(e, -EINVAL,
			       "%s: codes have shape %s; give (classes, length), one row a class",
			       path, shape_text(a, shape, sizeof(shape)));
	if (a->shape[1] > SPEC_MAX_UNITS)
		return err_set(e, -EINVAL, "%s: a code has %zu numbers, at most %d are possible",
			       path, a->shape[1], SPEC_MAX_UNITS);
	return check_finite(a, path, "code", e);
}

/* Its states are enumerated at every step. */
static int check_mixing(const struct spec_train *t, const struct array *a, struct err *e)
{
	size_t pixels = a->count / a->shape[0];

	if (pixels + t->model.hidden <= SPEC_MIXING_BITS)
		return 0;
	return err_set(e, -EINVAL,
		       "mixing: %zu pixels and %u hidden p-bits are more than the %d that are "
		       "enumerated; use fewer, or leave mixing out",
		       pixels, t->model.hidden, SPEC_MIXING_BITS);
}

static int check_train(const struct spec_train *t, const struct inputs *in, struct err *e)
{
	int r = check_images(t, &in->images, e);

	if (r == 0 && t->mixing.on)
		r = check_mixing(t, &in->images, e);
	if (r < 0)
		return r;
	if (in->codes.data) {
		r = check_codes(t, &in->codes, e);
		if (r < 0)
			return r;
	}
	return in->labels.data ? check_labels(t, in, e) : 0;
}

/* Integers are couplings in device format; floats are divided by the scale, if it is fixed. */
static int check_range(const char *model, const struct spec_device *d, const struct array *a,
		       struct err *e)
{
	double limit = d->bits == 16 ? 32767 : 127, scale = d->scale;

	if (is_float(a) && scale <= 0)
		return 0;
	for (size_t i = 0; i < a->count; i++) {
		size_t row = i / a->shape[1], column = i % a->shape[1];
		double w = array_get(a, i);

		if (!is_float(a) && fabs(w) > limit)
			return err_set(
				e, -EINVAL,
				"%s: W[%zu][%zu] = %.0f is beyond %u coupling bits, +-%.0f%s",
				model, row, column, w, d->bits, limit,
				d->bits == 8 ? "; give bits 16" : "");
		if (is_float(a) && fabs(nearbyint(w / scale)) > limit)
			return err_set(
				e, -EINVAL,
				"%s: W[%zu][%zu] = %g is beyond %u coupling bits at scale %g; "
				"raise device.scale, or leave it out to have it chosen",
				model, row, column, w, d->bits, scale);
	}
	return 0;
}

/* Couplings that a device is to hold. */
static int check_device_model(const char *model, const struct spec_device *d,
			      const struct inputs *in, struct err *e)
{
	const struct array *a = &in->W;
	char shape[96];
	int r;

	if (in->safetensors)
		return 0;
	if (a->ndim != 2 || a->count == 0)
		return err_set(e, -EINVAL,
			       "%s: couplings have shape %s; give W as (visible, hidden)", model,
			       shape_text(a, shape, sizeof(shape)));
	if (a->shape[0] > SPEC_MAX_UNITS || a->shape[1] > SPEC_MAX_UNITS)
		return err_set(e, -EINVAL, "%s: W is %zu x %zu, the device at most %d x %d", model,
			       a->shape[0], a->shape[1], SPEC_MAX_UNITS, SPEC_MAX_UNITS);
	r = check_finite(a, model, "row", e);
	return r < 0 ? r : check_range(model, d, a, e);
}

/* As the worker reads it: the smallest scale that fits. */
static const struct spec_device bench_device = { .bits = 8 };

static int refuse_trained(const char *model, struct err *e)
{
	return err_set(e, -EINVAL,
		       "%s: is a trained model, whose reference spins make its energy not "
		       "even; give a W.npy",
		       model);
}

static int check_certify(const struct spec_certify *c, const struct inputs *in, struct err *e)
{
	const struct array *a = &in->W;
	char shape[96];

	if (!c->model)
		return 0;
	if (in->safetensors)
		return refuse_trained(c->model, e);
	if (a->ndim != 2 || a->count == 0)
		return err_set(e, -EINVAL,
			       "%s: couplings have shape %s; give W as (visible, hidden)", c->model,
			       shape_text(a, shape, sizeof(shape)));
	return check_finite(a, c->model, "row", e);
}

int inputs_check(const struct spec *s, const struct inputs *in, struct err *e)
{
	switch (s->kind) {
	case JOB_TRAIN:
		return check_train(&s->train, in, e);
	case JOB_SAMPLE:
		return check_device_model(s->sample.model, &s->sample.device, in, e);
	case JOB_BENCH:
		return s->bench.model ? check_device_model(s->bench.model, &bench_device, in, e) :
					0;
	case JOB_CERTIFY:
		return check_certify(&s->certify, in, e);
	case JOB_MEASURE:
		return check_device_model(s->measure.model, &s->measure.device, in, e);
	default:
		return 0;
	}
}

static int find_fd(const char *path, const struct input_file *files, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(files[i].path, path) == 0)
			return files[i].fd;
	return err_set(e, -ENOENT, "%s: the spec names this file, but it was not sent along", path);
}

static int read_one(const char *path, const struct input_file *files, size_t n, struct array *ret,
		    struct err *e)
{
	int fd;

	if (!path)
		return 0;
	fd = find_fd(path, files, n, e);
	if (fd < 0)
		return fd;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	return array_read(fd, path, ret, e);
}

/*
 * A model is an array file or a safetensors file, told apart by the first bytes: "\x93NUMPY", two
 * zero bytes (IDX) or gzip's 1f 8b against the length of a JSON header, which may be any, then '{'.
 */
static bool is_safetensors(int fd)
{
	char head[9];

	return pread(fd, head, sizeof(head), 0) == sizeof(head) && head[8] == '{' &&
	       memcmp(head, NPY_MAGIC, NPY_MAGIC_SIZE) != 0;
}

static int read_model(const char *path, const struct input_file *files, size_t n,
		      struct inputs *ret, struct err *e)
{
	int fd;

	fd = find_fd(path, files, n, e);
	if (fd < 0)
		return fd;
	if (is_safetensors(fd)) {
		ret->safetensors = true;
		return 0;
	}
	return read_one(path, files, n, &ret->W, e);
}

int inputs_read_even(int fd, const char *path, struct array *ret, struct err *e)
{
	return is_safetensors(fd) ? refuse_trained(path, e) : array_read(fd, path, ret, e);
}

int inputs_read(const struct spec *s, const struct input_file *files, size_t n, struct inputs *ret,
		struct err *e)
{
	_cleanup_inputs_ struct inputs in = { 0 };
	int r = 0;

	if (s->kind == JOB_TRAIN) {
		r = read_one(s->train.data.images, files, n, &in.images, e);
		if (r >= 0)
			r = read_one(s->train.data.labels, files, n, &in.labels, e);
		if (r >= 0)
			r = read_one(s->train.model.codes, files, n, &in.codes, e);
	} else if (s->kind == JOB_SAMPLE) {
		r = read_model(s->sample.model, files, n, &in, e);
	} else if (s->kind == JOB_BENCH && s->bench.model) {
		r = read_model(s->bench.model, files, n, &in, e);
	} else if (s->kind == JOB_MEASURE) {
		r = read_model(s->measure.model, files, n, &in, e);
	} else if (s->kind == JOB_CERTIFY && s->certify.model) {
		r = read_model(s->certify.model, files, n, &in, e);
	}
	if (r >= 0)
		r = inputs_check(s, &in, e);
	if (r < 0)
		return r;
	*ret = in;
	in = (struct inputs){ 0 };
	return 0;
}

void inputs_free(struct inputs *in)
{
	array_free(&in->images);
	array_free(&in->labels);
	array_free(&in->codes);
	array_free(&in->W);
}
