// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "dataset.h"
#include "splitmix.h"

/* What is known of the files before any row is placed. */
struct source {
	const struct array *images, *labels;
	const char *images_name, *labels_name;
	size_t count, pixels;
	unsigned int classes;
	uint32_t *label; /* [count] */
};

static int check_images(struct source *s, struct err *e)
{
	const struct array *a = s->images;

	if (a->ndim < 2)
		return err_set(e, -EINVAL,
			       "%s: images must be (N, ...), but the array has %u dimension%s",
			       s->images_name, a->ndim, a->ndim == 1 ? "" : "s");
	s->count = a->shape[0];
	if (!s->count || !a->count)
		return err_set(e, -EINVAL, "%s: there are no images in it", s->images_name);
	s->pixels = a->count / s->count;
	if (s->count > UINT32_MAX)
		return err_set(e, -EFBIG, "%s: %zu images; at most %u", s->images_name, s->count,
			       UINT32_MAX);
	/* One more for the reference spin. */
	if (s->pixels >= SPEC_MAX_UNITS)
		return err_set(e, -EFBIG, "%s: %zu pixels an image; a device takes at most %u",
			       s->images_name, s->pixels, SPEC_MAX_UNITS - 1);

	for (size_t i = 0; i < a->count; i++) {
		double x = array_get(a, i);

		if (!isfinite(x))
			return err_set(e, -EINVAL,
				       "%s: pixel %zu of image %zu is %g; pixels must be finite",
				       s->images_name, i % s->pixels, i / s->pixels, x);
	}
	return 0;
}

static int read_label(const struct source *s, size_t i, unsigned int classes, uint32_t *ret,
		      struct err *e)
{
	double x = array_get(s->labels, i);

	if (x != rint(x))
		return err_set(e, -EINVAL, "%s: label %zu is %g; labels must be whole numbers",
			       s->labels_name, i, x);
	if (x < 0)
		return err_set(e, -EINVAL, "%s: label %zu is %.0f; labels start at 0",
			       s->labels_name, i, x);
	if (x >= classes)
		return err_set(e, -EINVAL, "%s: label %zu is %.0f, but labels must be below %u%s",
			       s->labels_name, i, x, classes,
			       classes == DATASET_MAX_CLASSES ? "" : ", the number of codes");
	*ret = (uint32_t)x;
	return 0;
}

static int read_labels(struct source *s, unsigned int codes, struct err *e)
{
	uint32_t largest = 0;

	s->label = alloc_zeroed(s->count, sizeof(*s->label));
	if (!s->label)
		return err_oom(e);
	if (codes > DATASET_MAX_CLASSES)
		return err_set(e, -EFBIG, "%u codes; at most %u", codes, DATASET_MAX_CLASSES);
	if (s->labels) {
		if (s->labels->ndim != 1)
			return err_set(e, -EINVAL,
				       "%s: labels must be (N,), but the array has %u dimensions",
				       s->labels_name, s->labels->ndim);
		if (s->labels->count != s->count)
			return err_set(e, -EINVAL, "%s has %zu labels, but %s has %zu images",
				       s->labels_name, s->labels->count, s->images_name, s->count);
		for (size_t i = 0; i < s->count; i++) {
			int r = read_label(s, i, codes ?: DATASET_MAX_CLASSES, &s->label[i], e);

			if (r < 0)
				return r;
			largest = MAX(largest, s->label[i]);
		}
	}
	s->classes = codes ?: largest + 1;
	return 0;
}

/* How many of `total` a fraction takes; always leaves one behind, so that training keeps a row. */
static size_t share(size_t total, double fraction)
{
	size_t k = (size_t)floor((double)total * fraction + 0.5);

	return total ? MIN(k, total - 1) : 0;
}

/* The rows of one class in an order that the seed alone decides (Fisher and Yates). */
static void shuffle(uint32_t *rows, size_t count, uint64_t seed, unsigned int class)
{
	uint64_t key = splitmix(seed, class);

	for (size_t i = count; i > 1; i--) {
		size_t j = splitmix_below(key, i, (uint32_t)i);
		uint32_t t = rows[i - 1];

		rows[i - 1] = rows[j];
		rows[j] = t;
	}
}

/* Decides each row's part: part[row]. */
static int split(const struct source *s, const struct dataset_options *o, uint8_t *part,
		 struct err *e)
{
	_cleanup_free_ uint32_t *rows = alloc_zeroed(s->count, sizeof(*rows));

	if (!rows)
		return err_oom(e);
	for (unsigned int u = 0; u < s->classes; u++) {
		size_t count = 0, held_out, validation;

		for (size_t i = 0; i < s->count; i++)
			if (s->label[i] == u)
				rows[count++] = (uint32_t)i;
		if (!count)
			return err_set(
				e, -EINVAL,
				"%s: class %u has no training image; number the labels without gaps",
				s->labels_name ?: s->images_name, u);
		shuffle(rows, count, o->seed, u);
		held_out = share(count, o->holdout);
		validation = share(count - held_out, o->validation);
		for (size_t k = 0; k < count; k++)
			part[rows[k]] = k < held_out		  ? PART_HELD_OUT :
					k < held_out + validation ? PART_VALIDATION :
								    PART_TRAIN;
	}
	return 0;
}

/* Counting sort by (part, class); rows of one block stay in file order. */
static int place(const struct source *s, const uint8_t *part, struct dataset *d, struct err *e)
{
	size_t blocks = (size_t)PART_COUNT * d->classes;
	_cleanup_free_ size_t *next = alloc_zeroed(blocks + 1, sizeof(*next));

	d->start = alloc_zeroed(blocks + 1, sizeof(*d->start));
	d->origin = alloc_zeroed(d->count, sizeof(*d->origin));
	if (!next || !d->start || !d->origin)
		return err_oom(e);
	for (size_t i = 0; i < s->count; i++)
		d->start[(size_t)part[i] * d->classes + s->label[i] + 1]++;
	for (size_t b = 0; b < blocks; b++)
		d->start[b + 1] += d->start[b];
	memcpy(next, d->start, (blocks + 1) * sizeof(*next));
	for (size_t i = 0; i < s->count; i++)
		d->origin[next[(size_t)part[i] * d->classes + s->label[i]]++] = (uint32_t)i;
	return 0;
}

static int fill(const struct source *s, double threshold, struct dataset *d, struct err *e)
{
	size_t size;

	if (size_mul(d->count, d->n, &size))
		d->spins = alloc_zeroed(size, sizeof(*d->spins));
	if (!d->spins)
		return err_oom(e);
	for (size_t r = 0; r < d->count; r++) {
		int8_t *row = d->spins + r * d->n;
		size_t from = d->origin[r] * d->pixels;

		row[0] = 1; /* the reference spin, or to be overwritten */
		for (size_t i = 0; i < d->pixels; i++)
			row[d->first + i] = array_get(s->images, from + i) >= threshold ? 1 : -1;
	}
	return 0;
}

static int check_options(const struct dataset_options *o, struct err *e)
{
	if (!isfinite(o->threshold))
		return err_set(e, -EINVAL, "data.threshold is %g; give a finite number",
			       o->threshold);
	if (!(o->holdout >= 0 && o->holdout < 1))
		return err_set(e, -EINVAL, "data.holdout is %g; give a fraction from 0 to below 1",
			       o->holdout);
	if (!(o->validation >= 0 && o->validation < 1))
		return err_set(e, -EINVAL,
			       "data.validation is %g; give a fraction from 0 to below 1",
			       o->validation);
	return 0;
}

static int build(struct source *s, const struct dataset_options *o, struct dataset **ret,
		 struct err *e)
{
	_cleanup_dataset_ struct dataset *d = NULL;
	_cleanup_free_ uint8_t *part = NULL;
	const struct array *a = s->images;
	int r;

	part = alloc_zeroed(s->count, sizeof(*part));
	d = alloc_zeroed(1, sizeof(*d));
	if (!part || !d)
		return err_oom(e);
	d->count = s->count;
	d->pixels = s->pixels;
	d->first = !o->even;
	d->n = d->first + s->pixels;
	d->classes = s->classes;
	d->height = a->ndim == 3 ? a->shape[1] : 1;
	d->width = a->ndim == 3 ? a->shape[2] : s->pixels;

	r = split(s, o, part, e);
	if (r < 0)
		return r;
	r = place(s, part, d, e);
	if (r < 0)
		return r;
	r = fill(s, o->threshold, d, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(d);
	return 0;
}

int dataset_new(const struct array *images, const char *images_name, const struct array *labels,
		const char *labels_name, const struct dataset_options *o, struct dataset **ret,
		struct err *e)
{
	struct source s = {
		.images = images,
		.images_name = images_name,
		.labels = labels,
		.labels_name = labels_name,
	};
	int r;

	r = check_options(o, e);
	if (r >= 0)
		r = check_images(&s, e);
	if (r >= 0)
		r = read_labels(&s, o->classes, e);
	if (r >= 0)
		r = build(&s, o, ret, e);
	free(s.label);
	return r;
}

struct dataset *dataset_free(struct dataset *d)
{
	if (!d)
		return NULL;
	free(d->spins);
	free(d->origin);
	free(d->start);
	free(d);
	return NULL;
}

const int8_t *dataset_rows(const struct dataset *d, enum dataset_part part, unsigned int class,
			   size_t *ret_count)
{
	const size_t *start = d->start + (size_t)part * d->classes + class;

	*ret_count = start[1] - start[0];
	return d->spins + start[0] * d->n;
}

const int8_t *dataset_part(const struct dataset *d, enum dataset_part part, size_t *ret_count)
{
	const size_t *start = d->start + (size_t)part * d->classes;

	*ret_count = start[d->classes] - start[0];
	return d->spins + start[0] * d->n;
}

void dataset_pack(const int8_t *spins, size_t n, uint64_t *words)
{
	memset(words, 0, (n + 63) / 64 * sizeof(*words));
	for (size_t i = 0; i < n; i++)
		words[i / 64] |= (uint64_t)(spins[i] > 0) << (i % 64);
}
