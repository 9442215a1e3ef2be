// SPDX-License-Identifier: MIT
/* Both methods against trajectories worked out by hand, and their state kept and put back. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "optimizer.h"
#include "splitmix.h"

#include "../run_suite.h"

/*
 * A constant gradient g: m_hat = g and v_hat = g^2 at every step, so each step is
 * rate * g / (|g| + eps), whatever beta1 and beta2.
 */
START_TEST(constant_gradient)
{
	static const double grad[] = { 3, -0.25, 0, 1e-9 };
	double phi[] = { 1, 1, 1, 1 };
	_cleanup_optimizer_ struct optimizer *a = NULL;

	ck_assert_int_eq(optimizer_new(METHOD_ADAM, 4, 0.1, 0, &a, NULL), 0);
	for (int t = 1; t <= 20; t++) {
		ck_assert_int_eq(optimizer_step(a, phi, grad, 1, NULL), 0);
		for (int i = 0; i < 4; i++) {
			double step = 0.1 * grad[i] / (fabs(grad[i]) + ADAM_EPSILON);

			ck_assert_double_le(fabs(phi[i] - (1 - t * step)), 1e-12);
		}
	}
	ck_assert_uint_eq(a->t, 20);
}
END_TEST

/*
 * Two steps with gradients 1 and -1, by hand:
 * m_1 = 0.1, m_2 = 0.9 * 0.1 - 0.1 = -0.01, 1 - 0.9^2 = 0.19: m_hat = -1/19; v_hat = 1.
 */
START_TEST(two_steps_by_hand)
{
	double phi = 0, grad = 1;
	_cleanup_optimizer_ struct optimizer *a = NULL;

	ck_assert_int_eq(optimizer_new(METHOD_ADAM, 1, 0.01, 0, &a, NULL), 0);
	ck_assert_int_eq(optimizer_step(a, &phi, &grad, 1, NULL), 0);
	ck_assert_double_le(fabs(phi + 0.01 / (1 + 1e-8)), 1e-16);
	grad = -1;
	ck_assert_int_eq(optimizer_step(a, &phi, &grad, 1, NULL), 0);
	ck_assert_double_le(fabs(phi - (-1 + 1. / 19) * 0.01 / (1 + 1e-8)), 1e-15);
	ck_assert_double_le(fabs(a->m[0] + 0.01), 1e-16);
	ck_assert_double_le(fabs(a->v[0] - (0.999 * 0.001 + 0.001)), 1e-16);
}
END_TEST

/* No gradient: phi shrinks by 1 - rate * schedule * decay where the mask says so. */
START_TEST(decay_is_decoupled_and_masked)
{
	static const uint8_t mask[] = { 1, 0 };
	double phi[] = { 2, 2 }, grad[] = { 0, 0 };
	_cleanup_optimizer_ struct optimizer *a = NULL;

	ck_assert_int_eq(optimizer_new(METHOD_ADAM, 2, 0.1, 0.5, &a, NULL), 0);
	optimizer_set_mask(a, mask);
	ck_assert_int_eq(optimizer_step(a, phi, grad, 1, NULL), 0);
	ck_assert_double_eq(phi[0], 2 - 0.1 * (0.5 * 2));
	ck_assert_double_eq(phi[1], 2);
	ck_assert_int_eq(optimizer_step(a, phi, grad, 0.5, NULL), 0);
	ck_assert_double_le(fabs(phi[0] - 1.9 * (1 - 0.05 * 0.5)), 1e-15);
}
END_TEST

/* The average follows a fixed phi at once, and a jump with the stated weights. */
START_TEST(average_of_iterates)
{
	double phi[] = { 7, 5 }, grad[] = { 0, 0 }, average = 5;
	_cleanup_optimizer_ struct optimizer *a = NULL;

	ck_assert_int_eq(optimizer_new(METHOD_ADAM, 2, 0.1, 0, &a, NULL), 0);
	for (int t = 1; t <= 800; t++) {
		double keep = t / (t + 10.) < OPTIMIZER_AVERAGE ? t / (t + 10.) : OPTIMIZER_AVERAGE;

		phi[1] = t < 300 ? 5 : -1;
		ck_assert_int_eq(optimizer_step(a, phi, grad, 1, NULL), 0);
		average = keep * average + (1 - keep) * phi[1];
		ck_assert_double_le(fabs(a->average[0] - 7), 1e-12);
		ck_assert_double_le(fabs(a->average[1] - average), 1e-12);
		if (t < 300)
			ck_assert_double_le(fabs(average - 5), 1e-12);
	}
	ck_assert_double_le(fabs(average + 1), 6 * pow(OPTIMIZER_AVERAGE, 500) + 1e-12);
}
END_TEST

/* Finds the minimum of a badly scaled quadratic. */
START_TEST(minimises)
{
	double phi[] = { 3, -4 }, grad[2];
	_cleanup_optimizer_ struct optimizer *a = NULL;

	ck_assert_int_eq(optimizer_new(METHOD_ADAM, 2, 0.05, 0, &a, NULL), 0);
	for (int t = 0; t < 2000; t++) {
		grad[0] = 1000 * (phi[0] - 1);
		grad[1] = 0.01 * (phi[1] + 2);
		ck_assert_int_eq(optimizer_step(a, phi, grad, 1, NULL), 0);
	}
	ck_assert_double_le(fabs(phi[0] - 1), 1e-3);
	ck_assert_double_le(fabs(phi[1] + 2), 1e-3);
}
END_TEST

static void steps(struct optimizer *a, double *phi, uint64_t from, uint64_t to)
{
	double grad[8];

	for (uint64_t t = from; t < to; t++) {
		for (uint64_t i = 0; i < 8; i++)
			grad[i] = phi[i] + splitmix_normal(3, 8 * t + i);
		ck_assert_int_eq(optimizer_step(a, phi, grad, 1 / (1 + (double)t), NULL), 0);
	}
}

/* On phi = 2 with the gradient phi: phi (1 - rate (1 + decay)), where it decays. */
START_TEST(descent_by_hand)
{
	static const uint8_t mask[] = { 1, 0, 1 };
	double phi[] = { 2, 2, 2 }, grad[] = { 2, 2, 0 };
	_cleanup_optimizer_ struct optimizer *a = NULL;

	ck_assert_int_eq(optimizer_new(METHOD_DESCENT, 3, 0.1, 0.5, &a, NULL), 0);
	ck_assert(!a->m && !a->v);
	optimizer_set_mask(a, mask);
	ck_assert_int_eq(optimizer_step(a, phi, grad, 1, NULL), 0);
	ck_assert_double_le(fabs(phi[0] - 2 * 0.85), 1e-15);
	ck_assert_double_le(fabs(phi[1] - 2 * 0.9), 1e-15);
	ck_assert_double_le(fabs(phi[2] - 2 * 0.95), 1e-15);
	ck_assert_double_le(fabs(a->average[1] - (2 * 1. / 11 + 1.8 * 10 / 11)), 1e-15);
	ck_assert_int_eq(optimizer_step(a, phi, grad, 0.5, NULL), 0);
	ck_assert_double_le(fabs(phi[1] - (1.8 - 0.05 * 2)), 1e-15);
}
END_TEST

/* Nothing moves where one parameter would leave the numbers. */
START_TEST(descent_diverges)
{
	static const double bad[] = { NAN, INFINITY, -INFINITY, -1.7e308 };
	double phi[] = { 1, 1.7e308 }, grad[] = { 1, 0 };
	_cleanup_optimizer_ struct optimizer *a = NULL;

	ck_assert_int_eq(optimizer_new(METHOD_DESCENT, 2, 0.5, 0, &a, NULL), 0);
	ck_assert_int_eq(optimizer_step(a, phi, grad, 1, NULL), 0);
	for (size_t k = 0; k < ARRAY_SIZE(bad); k++) {
		double kept[] = { phi[0], phi[1], a->average[0], a->average[1] };
		struct err e = {};

		grad[1] = bad[k];
		ck_assert_int_eq(optimizer_step(a, phi, grad, 1, &e), -EDOM);
		ck_assert_ptr_nonnull(strstr(e.text, "step 2"));
		ck_assert_ptr_nonnull(strstr(e.text, "parameter 1"));
		ck_assert(phi[0] == kept[0] && phi[1] == kept[1] && a->average[0] == kept[2] &&
			  a->average[1] == kept[3] && a->t == 1);
	}
}
END_TEST

/* What a checkpoint does: t, m, v, average and phi in a new Adam go on to the same bits. */
START_TEST(state_resumes)
{
	_cleanup_optimizer_ struct optimizer *a = NULL, *b = NULL;
	double phi[8] = { 1, 2, 3 }, again[8];

	ck_assert_int_eq(optimizer_new(METHOD_ADAM, 8, 0.02, 0.1, &a, NULL), 0);
	ck_assert_int_eq(optimizer_new(METHOD_ADAM, 8, 0.02, 0.1, &b, NULL), 0);
	steps(a, phi, 0, 17);
	b->t = a->t;
	memcpy(b->m, a->m, sizeof(phi));
	memcpy(b->v, a->v, sizeof(phi));
	memcpy(b->average, a->average, sizeof(phi));
	memcpy(again, phi, sizeof(phi));
	steps(a, phi, 17, 40);
	steps(b, again, 17, 40);
	ck_assert(!memcmp(phi, again, sizeof(phi)));
	ck_assert(!memcmp(a->average, b->average, sizeof(phi)));
}
END_TEST

START_TEST(divergence_is_refused)
{
	static const double bad[] = { NAN, INFINITY, -INFINITY, 1e200 };
	double phi[] = { 1, 2 }, grad[] = { 1, 1 };
	_cleanup_optimizer_ struct optimizer *a = NULL;
	struct err e = {};

	ck_assert_int_eq(optimizer_new(METHOD_ADAM, 2, 0.1, 0, &a, NULL), 0);
	ck_assert_int_eq(optimizer_step(a, phi, grad, 1, NULL), 0);
	for (size_t k = 0; k < ARRAY_SIZE(bad); k++) {
		double kept[] = { phi[0], phi[1], a->m[0], a->v[0], a->average[0] };

		grad[1] = bad[k];
		e = (struct err){};
		ck_assert_int_eq(optimizer_step(a, phi, grad, 1, &e), -EDOM);
		ck_assert_ptr_nonnull(strstr(e.text, "step 2"));
		ck_assert_ptr_nonnull(strstr(e.text, "parameter 1"));
		ck_assert(phi[0] == kept[0] && phi[1] == kept[1] && a->m[0] == kept[2] &&
			  a->v[0] == kept[3] && a->average[0] == kept[4] && a->t == 1);
	}
}
END_TEST

START_TEST(refusals)
{
	static const struct {
		double rate, decay;
	} bad[] = { { 0, 0 },	 { -1, 0 },    { NAN, 0 },  { INFINITY, 0 },
		    { 0.1, -1 }, { 0.1, NAN }, { 0.1, 10 }, { 0.1, INFINITY } };
	struct optimizer *a = NULL;

	for (size_t k = 0; k < ARRAY_SIZE(bad); k++) {
		struct err e = {};

		ck_assert_int_eq(optimizer_new(METHOD_ADAM, 3, bad[k].rate, bad[k].decay, &a, &e),
				 -EINVAL);
		ck_assert_ptr_nonnull(strstr(e.text, k < 4 ? "rate" : "decay"));
	}
	ck_assert_int_eq(optimizer_new(METHOD_ADAM, 0, 0.1, 0, &a, NULL), -EINVAL);
	ck_assert_ptr_null(a);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("optimizer");
	TCase *t = tcase_create("optimizer");

	tcase_add_test(t, constant_gradient);
	tcase_add_test(t, two_steps_by_hand);
	tcase_add_test(t, decay_is_decoupled_and_masked);
	tcase_add_test(t, average_of_iterates);
	tcase_add_test(t, minimises);
	tcase_add_test(t, state_resumes);
	tcase_add_test(t, divergence_is_refused);
	tcase_add_test(t, descent_by_hand);
	tcase_add_test(t, descent_diverges);
	tcase_add_test(t, refusals);
	suite_add_tcase(s, t);
	return run_suite(s);
}
