// SPDX-License-Identifier: MIT
/*
 * Cells of the family. With PBIT_TEST_FAMILY set all of them, and the figures they come to: what
 * `make check-family` does.
 */
#include "exact/cell.h"
#include "support.h"

static struct family_cell cells[FAMILY_CELLS], again[FAMILY_CELLS];
static unsigned int told;

static int tell(void *data _unused_, const struct family_cell *c, unsigned int done,
		unsigned int count)
{
	ck_assert_uint_eq(done, ++told);
	ck_assert_uint_le(done, count);
	ck_assert(c->done);
	return 0;
}

static void run_cells(unsigned int first, unsigned int count, unsigned int threads,
		      struct family_cell *to, struct family_summary *s)
{
	struct family_options o = { .seed = 1, .first = first, .count = count, .on_cell = tell };
	struct exact_run run = { .threads = threads };
	struct err e = {};

	told = 0;
	ck_assert_msg(family_run(&o, &run, to, s, &e) == 0, "%s", e.text);
	ck_assert_uint_eq(told, count);
	ck_assert_uint_eq(s->cells, count);
}

static void check_cell(const struct family_cell *c)
{
	ck_assert_msg(c->constructed, "cell %u: %s", c->index, c->why);
	ck_assert(c->finite && c->depends && c->agrees && c->gradient_holds);
	ck_assert_str_eq(c->why, "");
	ck_assert_double_le(c->value_relative, 1e-14);
	ck_assert_double_le(c->sum_relative, 1e-13);
	ck_assert_double_le(fmax(c->reference_w, c->reference_phi), 1e-12);
	ck_assert_double_le(c->gradient_error, 1e-7);
	/* It is a measurement: nothing agrees to the last bit along five directions. */
	ck_assert_double_gt(c->gradient_error, 0);
	ck_assert_double_lt(c->kl_end, c->kl_start / 10);
	ck_assert_double_gt(c->t_o, c->m * c->m);
	ck_assert_double_gt(c->jacobian, 0);
	ck_assert_double_ge(c->condition, 1);
}

START_TEST(constructed)
{
	static const unsigned int first[] = { 0, 30, 62, 64, 127, 191 };
	unsigned int count[] = { 4, 1, 2, 2, 1, 1 };
	struct family_summary s;

	for (size_t i = 0; i < ARRAY_SIZE(first); i++) {
		double worst = 0;

		run_cells(first[i], count[i], 2, cells, &s);
		for (unsigned int k = 0; k < count[i]; k++) {
			check_cell(&cells[k]);
			ck_assert_uint_eq(cells[k].index, first[i] + k);
			worst = fmax(worst, cells[k].gradient_error);
		}
		ck_assert_uint_eq(s.constructed, count[i]);
		ck_assert_double_eq(s.worst_gradient_error, worst);
		ck_assert_double_gt(s.seconds, 0);
	}
}
END_TEST

/* One figure past its limit, or none at all, and G1b is not constructed; the sentence says which. */
START_TEST(every_criterion_can_fail)
{
	static const struct {
		size_t figure;
		double value;
		const char *why;
	} bad[] = {
		{ offsetof(struct family_cell, jacobian), 0, "does not depend on u" },
		{ offsetof(struct family_cell, jacobian), NAN, "does not depend on u" },
		{ offsetof(struct family_cell, value_relative), 1.1e-14, "the __float128 value" },
		{ offsetof(struct family_cell, value_relative), NAN, "the __float128 value" },
		{ offsetof(struct family_cell, sum_relative), 1.1e-13, "the eigenvalue sum" },
		{ offsetof(struct family_cell, sum_relative), INFINITY, "the eigenvalue sum" },
		{ offsetof(struct family_cell, reference_w), 1.1e-12, "in W" },
		{ offsetof(struct family_cell, reference_phi), NAN, "in phi" },
		{ offsetof(struct family_cell, reference_phi), 1.1e-12, "in phi" },
		{ offsetof(struct family_cell, gradient_error), 1.1e-7, "differences" },
		{ offsetof(struct family_cell, gradient_error), NAN, "differences" },
	};
	const struct family_cell good = {
		.finite = true, .jacobian = 0.1, .couplings = 1, .value_relative = 1e-16
	};
	struct family_cell c = good;

	cell_decide(&c);
	ck_assert(c.constructed);
	ck_assert_str_eq(c.why, "");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		c = good;
		memcpy((char *)&c + bad[i].figure, &bad[i].value, sizeof(double));
		cell_decide(&c);
		ck_assert_msg(!c.constructed, "%zu", i);
		ck_assert_msg(strstr(c.why, bad[i].why), "%zu: %s", i, c.why);
		ck_assert_int_eq(c.depends + c.agrees + c.gradient_holds, 2);
	}
	c = good;
	c.finite = false;
	cell_decide(&c);
	ck_assert(!c.constructed);
	ck_assert_ptr_nonnull(strstr(c.why, "checkpoint"));
}
END_TEST

/* Every place once, r fastest. */
START_TEST(places)
{
	bool seen[3][4][4][4] = {};
	struct family_cell c;

	for (unsigned int i = 0; i < FAMILY_CELLS; i++) {
		cell_place(i, &c);
		ck_assert_uint_eq(c.index, i);
		ck_assert(c.m >= 4 && c.m <= 6 && c.axis >= 1 && c.axis <= 4 && c.code < 4 &&
			  c.start < 4);
		ck_assert(!seen[c.m - 4][c.axis - 1][c.code][c.start]);
		seen[c.m - 4][c.axis - 1][c.code][c.start] = true;
		ck_assert_uint_eq(c.start, i % 4);
	}
}
END_TEST

/* All but the seconds. */
static void check_same(const struct family_cell *a, const struct family_cell *b, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		struct family_cell x, y;

		memcpy(&x, &a[i], sizeof(x));
		memcpy(&y, &b[i], sizeof(y));
		x.seconds = y.seconds = 0;
		ck_assert_mem_eq(&x, &y, sizeof(x));
	}
}

START_TEST(same_bits_for_any_threads)
{
	struct family_summary s;

	run_cells(60, 8, 1, cells, &s);
	run_cells(60, 8, 3, again, &s);
	check_same(cells, again, 8);
	/* A cell is what it is, whatever runs beside it. */
	run_cells(63, 1, 1, again, &s);
	check_same(&cells[3], again, 1);
}
END_TEST

START_TEST(no_such_cells)
{
	static const unsigned int bad[][2] = { { 192, 0 }, { 192, 1 }, { 191, 2 },
					       { 0, 193 }, { 1, ~0u }, { ~0u, 2 } };
	struct family_summary s = { .cells = 77 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct family_options o = { .first = bad[i][0], .count = bad[i][1] };
		struct err e = {};

		ck_assert_int_eq(family_run(&o, NULL, cells, &s, &e), -EINVAL);
		ck_assert_ptr_nonnull(strstr(e.text, "0 to 191"));
		ck_assert_uint_eq(s.cells, 77);
	}
}
END_TEST

/* Two threads share what is allowed; it is said before it is taken. */
START_TEST(memory_is_limited)
{
	struct family_options o = { .first = 191 };
	struct exact_run run = { .threads = 2, .memory = 1 << 16 };
	struct family_summary s;
	struct err e = {};

	ck_assert_int_eq(family_run(&o, &run, cells, &s, &e), -EFBIG);
	ck_assert_ptr_nonnull(strstr(e.text, "memory"));
}
END_TEST

static int stop(void *data _unused_, const struct family_cell *c _unused_,
		unsigned int done _unused_, unsigned int count _unused_)
{
	return -EPIPE;
}

START_TEST(stops)
{
	struct family_options o = { .count = 4, .on_cell = stop };
	atomic_bool cancel = true;
	struct exact_run run = { .threads = 2, .cancel = &cancel };
	struct family_summary s = { .cells = 77 };

	ck_assert_int_eq(family_run(&o, NULL, cells, &s, NULL), -EPIPE);
	ck_assert_int_eq(family_run(&o, &run, cells, &s, NULL), -ECANCELED);
	ck_assert_uint_eq(s.cells, 77);
}
END_TEST

START_TEST(whole_family)
{
	struct family_summary one, two;
	double seconds = 0;

	run_cells(0, FAMILY_CELLS, 2, cells, &two);
	for (unsigned int i = 0; i < FAMILY_CELLS; i++)
		seconds += cells[i].seconds;
	printf("cells %u, constructed %u\n"
	       "value against __float128     %.3g relative, %.3g absolute\n"
	       "value against eigenvalue sum %.3g\n"
	       "gradient against __float128  %.3g\n"
	       "gradient against differences %.3g\n"
	       "condition %.3g, %.1f s on two threads, %.1f s of processor time\n",
	       two.cells, two.constructed, two.worst_value_agreement, two.worst_value_absolute,
	       two.worst_sum_agreement, two.worst_reference_error, two.worst_gradient_error,
	       two.worst_condition, two.seconds, seconds);
	for (unsigned int i = 0; i < FAMILY_CELLS; i++)
		check_cell(&cells[i]);
	run_cells(0, FAMILY_CELLS, 1, again, &one);
	check_same(cells, again, FAMILY_CELLS);
}
END_TEST

static void add(TCase *t)
{
	tcase_set_timeout(t, 1800);
	tcase_add_test(t, places);
	tcase_add_test(t, constructed);
	tcase_add_test(t, every_criterion_can_fail);
	tcase_add_test(t, same_bits_for_any_threads);
	tcase_add_test(t, no_such_cells);
	tcase_add_test(t, memory_is_limited);
	tcase_add_test(t, stops);
	if (getenv("PBIT_TEST_FAMILY"))
		tcase_add_test(t, whole_family);
}

int main(void)
{
	return run_cases("family", add);
}
