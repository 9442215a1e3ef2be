// SPDX-License-Identifier: MIT
/* The positive phase of quantised couplings: what rounding may change, and that nothing else does. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "crew.h"
#include "machine.h"
#include "rbm_exact.h"
#include "splitmix.h"

#include "../run_suite.h"

#define ROWS 1000

struct shape {
	size_t n, m;
	int limit; /* of a coupling */
	double scale, beta;
	bool references;
};

static const struct shape shapes[] = {
	{ 1, 1, 127, 0x1p-4, 1, true },		    /* nothing but reference spins */
	{ 1, 3, 127, 0x1p-4, 1, false },	    /* one visible p-bit */
	{ 7, 5, 127, 0x1.234566p-4, 1, true },	    /* less than a group's rows, twice */
	{ 130, 66, 127, 0x1.fffffep-7, 0.7, true }, /* a column in a block of its own */
	{ 65, 64, 3, 0x1p-3, -1, false },	    /* a block of columns, and beta negative */
	{ 33, 20, 127, 0x1.8p-20, 1.5, true },	    /* fields so small that all round to zero */
	{ 33, 20, 127, 0x1.8p-14, 1.5, true },	    /* or that all differ */
	{ 33, 20, 127, 4, 3, true },		    /* and so large that none is below 1 */
	{ 20, 20, 127, 0x1p-5, 0, false },	    /* at no temperature */
	{ 600, 9, 32767, 0x1.abcdeep-18, 1, true }, /* of 16 bits, beyond the integers of floats */
	{ 1030, 131, 32767, 0x1p-18, 1, true }, /* more visible spins than are taken at a time */
};

static const size_t counts[] = { 1000, 0, 1, 255, 256, 257 };

struct model {
	struct rbm r;
	int16_t *q;
	int8_t *rows;
	double *w, *want, *got;
	struct positive *p;
};

static size_t size_of(const struct model *x)
{
	return x->r.n * x->r.m;
}

/* largest: all couplings and spins as large as they can be, so that fields are. */
static void model_new(struct model *x, const struct shape *s, size_t rows, bool largest)
{
	size_t size = s->n * s->m;

	*x = (struct model){ .r = { .n = s->n,
				    .m = s->m,
				    .ref_v = s->references,
				    .ref_h = s->references,
				    .beta = s->beta },
			     .q = calloc(size, sizeof(*x->q)),
			     .rows = calloc(rows, s->n),
			     .w = calloc(size, sizeof(double)),
			     .want = calloc(size, sizeof(double)),
			     .got = calloc(size, sizeof(double)) };
	ck_assert(x->q && x->rows && x->w && x->want && x->got);
	ck_assert_int_eq(positive_new(s->n, s->m, &x->p, NULL), 0);
	for (size_t k = 0; k < size; k++) {
		int any = (int)splitmix_below(1, k, 2 * (uint32_t)s->limit + 1) - s->limit;

		x->q[k] = (int16_t)(largest ? s->limit : any);
		x->w[k] = s->scale * x->q[k];
		x->got[k] = 77;
	}
	for (size_t k = 0; k < rows * s->n; k++)
		x->rows[k] = largest || k % s->n == 0 || splitmix_below(2, k, 2) ? 1 : -1;
	x->r.w = x->w;
}

static void model_free(struct model *x)
{
	positive_free(x->p);
	free(x->q);
	free(x->rows);
	free(x->w);
	free(x->want);
	free(x->got);
}

static void check_sums(struct model *x, double scale, size_t count)
{
	double allowed = (double)count * (0x1p-17 + 0x1p-31);

	ck_assert_int_eq(rbm_positive(&x->r, x->rows, count, x->want, NULL), 0);
	rbm_positive_quantised(x->p, NULL, &x->r, x->q, scale, x->rows, count, x->got);
	for (size_t k = 0; k < size_of(x); k++) {
		double units = x->got[k] * 0x1p16;

		/* Not a call of Check's for each: they take a write(). */
		if (!(fabs(x->got[k] - x->want[k]) <= allowed) || units != rint(units))
			ck_abort_msg("%zu rows, %zu: %a, of %a", count, k, x->got[k], x->want[k]);
	}
}

START_TEST(off_by_rounding_alone)
{
	struct model x;

	for (int largest = 0; largest < 2; largest++) {
		model_new(&x, &shapes[_i], ROWS, largest);
		for (size_t k = 0; k < ARRAY_SIZE(counts); k++)
			check_sums(&x, shapes[_i].scale, counts[k]);
		model_free(&x);
	}
}
END_TEST

START_TEST(the_largest_fields)
{
	static const struct shape s = { PBM_MAX_UNITS, 2, 32767, 0x1p-29, 1, false };
	struct model x;

	model_new(&x, &s, 3, true);
	check_sums(&x, s.scale, 3);
	model_free(&x);
}
END_TEST

/* beta times the field from 0 to 8 in steps of 2^-11, one to a column. */
START_TEST(rounds_to_nearest)
{
	static const struct shape s = { 2, 16384, 32767, 0x1p-11, 0.5, false };
	struct model x;

	model_new(&x, &s, 1, false);
	for (size_t j = 0; j < s.m; j++) {
		x.q[j] = (int16_t)j;
		x.q[s.m + j] = (int16_t)j;
		x.w[j] = s.scale * (double)j;
		x.w[s.m + j] = x.w[j];
	}
	x.rows[0] = x.rows[1] = 1;
	check_sums(&x, s.scale, 1);
	model_free(&x);
}
END_TEST

START_TEST(any_number_of_threads)
{
	struct model x;

	model_new(&x, &shapes[_i], ROWS, false);
	for (unsigned int threads = 2; threads <= 3; threads++) {
		struct crew *c = NULL;

		ck_assert_int_eq(crew_new(threads, &c, NULL), 0);
		for (size_t k = 0; k < ARRAY_SIZE(counts); k++) {
			rbm_positive_quantised(x.p, NULL, &x.r, x.q, shapes[_i].scale, x.rows,
					       counts[k], x.want);
			rbm_positive_quantised(x.p, c, &x.r, x.q, shapes[_i].scale, x.rows,
					       counts[k], x.got);
			ck_assert_mem_eq(x.got, x.want, size_of(&x) * sizeof(double));
		}
		crew_free(c);
	}
	model_free(&x);
}
END_TEST

/* Bits that every processor and every library is to give; long doubles of libm give them, too. */
static const struct golden {
	struct shape shape;
	int64_t sum;
	uint64_t mix;
} golden[] = {
	{ { 257, 131, 127, 0x1.23456789abcdep-7, 0.9, true }, 269582284, 0x745502dccdeec60a },
	{ { 257, 131, 32767, 0x1.23456789abcdep-15, 0.9, true }, 269794569, 0xd266b393a789d18c },
};

START_TEST(the_same_bits_everywhere)
{
	const struct golden *g = &golden[_i];
	struct model x;
	int64_t sum = 0;
	uint64_t mix = 0;

	model_new(&x, &g->shape, ROWS, false);
	rbm_positive_quantised(x.p, NULL, &x.r, x.q, g->shape.scale, x.rows, 700, x.got);
	for (size_t k = 0; k < size_of(&x); k++) {
		int64_t units = (int64_t)(x.got[k] * 0x1p16);

		sum += units;
		mix = splitmix_mix(mix ^ (uint64_t)units);
	}
	ck_assert_int_eq(sum, g->sum);
	ck_assert_msg(mix == g->mix, "%#jx", (uintmax_t)mix);
	model_free(&x);
}
END_TEST

START_TEST(shapes_that_no_device_has)
{
	static const size_t sides[][2] = {
		{ 0, 3 }, { 3, 0 }, { PBM_MAX_UNITS + 1, 3 }, { 3, PBM_MAX_UNITS + 1 }
	};
	struct positive *p = NULL;
	struct err e = { 0 };

	ck_assert_int_eq(positive_new(sides[_i][0], sides[_i][1], &p, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "16384"));
	ck_assert_ptr_null(p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rbm_positive");
	TCase *t = tcase_create("rbm_positive");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, off_by_rounding_alone, 0, ARRAY_SIZE(shapes));
	tcase_add_test(t, the_largest_fields);
	tcase_add_test(t, rounds_to_nearest);
	tcase_add_loop_test(t, any_number_of_threads, 0, ARRAY_SIZE(shapes));
	tcase_add_loop_test(t, the_same_bits_everywhere, 0, ARRAY_SIZE(golden));
	tcase_add_loop_test(t, shapes_that_no_device_has, 0, 4);
	suite_add_tcase(s, t);
	return run_suite(s);
}
