// SPDX-License-Identifier: MIT
/* The teachers of the family, and the hypernetworks that learn them. */
#include "exact/learner.h"
#include "support.h"

/* Of 2^m states, those that no neighbour (one flip away) is more probable than. */
static unsigned int modes(const double *law, unsigned int m)
{
	unsigned int count = 0;

	for (size_t v = 0; v < (size_t)1 << m; v++) {
		bool highest = true;

		for (unsigned int i = 0; i < m; i++)
			highest = highest && law[v] > law[v ^ (size_t)1 << i];
		count += highest;
	}
	return count;
}

START_TEST(laws_are_even_and_have_their_modes)
{
	double law[64];

	for (unsigned int m = 4; m <= 6; m++) {
		for (unsigned int axis = 1; axis <= TEACHER_AXES; axis++) {
			for (unsigned int k = 0; k < TEACHER_CODES; k++) {
				size_t states = (size_t)1 << m;
				double sum = 0;

				ck_assert_int_eq(teacher_law(m, axis, k, law, NULL), 0);
				for (size_t v = 0; v < states; v++) {
					sum += law[v];
					ck_assert_double_eq_tol(law[v], law[states - 1 - v], 1e-16);
					ck_assert_double_gt(law[v], 0);
				}
				ck_assert_double_eq_tol(sum, 1, 1e-14);
				ck_assert_uint_eq(modes(law, m), k ? 4 : 2);
			}
		}
	}
}
END_TEST

/* Axis s is in each of its codes: the Walsh vector of the axis is a mode. */
START_TEST(codes_share_the_axis)
{
	static const size_t walsh[] = { 15, 5, 3, 9 }; /* bit i: a_x(i) = +1 */
	double law[16];

	for (unsigned int axis = 1; axis <= TEACHER_AXES; axis++) {
		for (unsigned int k = 0; k < TEACHER_CODES; k++) {
			size_t at = walsh[axis - 1];

			ck_assert_int_eq(teacher_law(4, axis, k, law, NULL), 0);
			for (unsigned int i = 0; i < 4; i++)
				ck_assert_double_gt(law[at], law[at ^ (size_t)1 << i]);
		}
	}
}
END_TEST

START_TEST(no_such_teacher)
{
	static const unsigned int bad[][3] = {
		{ 0, 1, 0 }, { 4, 0, 0 }, { 4, 5, 0 }, { 4, 1, 4 }, { 17, 1, 0 }
	};
	struct err e = {};
	double law[16];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_int_eq(teacher_law(bad[i][0], bad[i][1], bad[i][2], law, &e), -EINVAL);
		ck_assert_ptr_nonnull(strstr(e.text, "at most 16 spins"));
		e = (struct err){};
	}
}
END_TEST

/* KL of one teacher by plain enumeration of all states (v, h), nothing shared. */
static double plain_kl(const double *law, const double *w, unsigned int m)
{
	double p[16] = {}, z = 0, kl = 0;

	for (size_t v = 0; v < (size_t)1 << m; v++) {
		for (size_t h = 0; h < (size_t)1 << m; h++) {
			double minus_e = 0;

			for (unsigned int i = 0; i < m; i++)
				for (unsigned int j = 0; j < m; j++)
					minus_e += ((v >> i ^ h >> j) & 1 ? -1 : 1) * w[i * m + j];
			p[v] += exp(minus_e);
		}
		z += p[v];
	}
	for (size_t v = 0; v < (size_t)1 << m; v++)
		kl += law[v] * (log(law[v]) - log(p[v] / z));
	return kl;
}

START_TEST(loss_is_the_divergence)
{
	_cleanup_learner_ struct learner *l = NULL;
	double dw[16], kl = 0, plain = 0;

	ck_assert_int_eq(learner_new(4, 2, 11, &l, NULL), 0);
	ck_assert_int_eq(learner_loss(l, &kl, NULL, NULL), 0);
	for (size_t k = 0; k < TEACHER_CODES; k++)
		plain += plain_kl(l->law + 16 * k, l->w + 16 * k, 4) / TEACHER_CODES;
	ck_assert_double_eq_tol(kl, plain, 1e-13);
	for (size_t i = 0; i < 16; i++) {
		_cleanup_free_ double *w = alloc_zeroed(16, sizeof(*w));
		double up, down;

		memcpy(w, l->w, 16 * sizeof(*w));
		w[i] += 1e-5;
		up = plain_kl(l->law, w, 4);
		w[i] -= 2e-5;
		down = plain_kl(l->law, w, 4);
		learner_kl(l, l->law, l->w, dw);
		ck_assert_double_eq_tol(dw[i], (up - down) / 2e-5, 1e-9);
	}
}
END_TEST

START_TEST(loss_gradient_reaches_phi)
{
	_cleanup_learner_ struct learner *l = NULL;
	_cleanup_free_ double *grad = NULL;
	double up, down;

	ck_assert_int_eq(learner_new(5, 3, 12, &l, NULL), 0);
	grad = alloc_zeroed(l->g->params, sizeof(*grad));
	ck_assert_int_eq(learner_loss(l, &up, grad, NULL), 0);
	for (size_t i = 0; i < l->g->params; i += 7) {
		double kept = l->g->phi[i];

		l->g->phi[i] = kept + 1e-5;
		ck_assert_int_eq(learner_loss(l, &up, NULL, NULL), 0);
		l->g->phi[i] = kept - 1e-5;
		ck_assert_int_eq(learner_loss(l, &down, NULL, NULL), 0);
		l->g->phi[i] = kept;
		ck_assert_double_eq_tol(grad[i], (up - down) / 2e-5, 1e-8);
	}
}
END_TEST

/* A start is its seed's, and training learns: less than a tenth of the divergence is left. */
START_TEST(training_learns)
{
	_cleanup_learner_ struct learner *l = NULL, *same = NULL, *other = NULL;
	double w[36], start, end;

	ck_assert_int_eq(learner_new(6, 1, 13, &l, NULL), 0);
	ck_assert_int_eq(learner_new(6, 1, 13, &same, NULL), 0);
	ck_assert_int_eq(learner_new(6, 1, 14, &other, NULL), 0);
	ck_assert_mem_ne(l->g->phi, other->g->phi, l->g->params * sizeof(double));
	ck_assert_int_eq(learner_loss(l, &start, NULL, NULL), 0);
	ck_assert_int_eq(learner_train(l, 60, NULL), 0);
	ck_assert_int_eq(learner_loss(l, &end, NULL, NULL), 0);
	ck_assert_double_lt(end, start / 10);

	for (int part = 0; part < 4; part++)
		ck_assert_int_eq(learner_train(same, 15, NULL), 0);
	ck_assert_mem_eq(l->g->phi, same->g->phi, l->g->params * sizeof(double));
	for (unsigned int k = 0; k < TEACHER_CODES; k++) {
		ck_assert_int_eq(learner_couplings(l, k, w, NULL), 0);
		for (size_t i = 0; i < 36; i++)
			ck_assert_double_eq_tol(w[i], l->w[36 * k + i], 1e-14);
	}
}
END_TEST

static void add(TCase *t)
{
	tcase_add_test(t, laws_are_even_and_have_their_modes);
	tcase_add_test(t, codes_share_the_axis);
	tcase_add_test(t, no_such_teacher);
	tcase_add_test(t, loss_is_the_divergence);
	tcase_add_test(t, loss_gradient_reaches_phi);
	tcase_add_test(t, training_learns);
}

int main(void)
{
	return run_cases("learner", add);
}
