/* SPDX-License-Identifier: MIT */
/* Mixing in the loss: the gradient is a slope, following it down lowers T_O, training obeys it. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "mixing_loss.h"
#include "splitmix.h"
#include "trainer.h"

#include "../run_suite.h"

#define N 4
#define M 3

static struct device *device;
static struct dataset *data;

/*
 * Class 0: all pixels alike, but for one in twenty; class 1: those, or the first half against the
 * other. Two modes and four, which are one and two where v and -v are one.
 */
static void set_up(void)
{
	struct dataset_options o = { .threshold = 0.5, .seed = 5, .even = true };
	size_t shape[2] = { 400, N }, count[1] = { 400 };
	struct array images, labels;

	ck_assert_int_eq(array_new(&images, DT_U8, 2, shape, NULL), 0);
	ck_assert_int_eq(array_new(&labels, DT_U8, 1, count, NULL), 0);
	for (size_t k = 0; k < 400; k++) {
		uint8_t *row = (uint8_t *)images.data + k * N;
		bool up = splitmix_below(1, k, 2);

		((uint8_t *)labels.data)[k] = k % 2;
		for (size_t i = 0; i < N; i++)
			row[i] =
				up ^ (k % 2 && i < N / 2) ^ (splitmix_uniform(2, k * N + i) < 0.05);
	}
	ck_assert_int_eq(dataset_new(&images, "images", &labels, "labels", &o, &data, NULL), 0);
	array_free(&images);
	array_free(&labels);
	ck_assert_int_eq(device_open_embedded(1, &device, NULL), 0);
}

static void tear_down(void)
{
	device = device_close(device);
	data = dataset_free(data);
}

static struct spec_train make_spec(enum spec_objective observable, enum spec_kernel kernel)
{
	struct spec_train s = { 0 };

	s.model.even = true;
	s.model.hidden = M;
	s.model.n_layers = 1;
	s.model.layers[0] = 4;
	s.device = (struct spec_device){
		.bits = 16, .beta = 1, .scan = SCAN_RANDOM_DIRECTION, .chains = 64, .sweeps = 32
	};
	s.optimizer.epochs = 1;
	s.optimizer.steps = 150;
	s.optimizer.rate = 0.05;
	s.mixing.on = true;
	s.mixing.observable = observable;
	s.mixing.kernel = kernel;
	return s;
}

/* Couplings of two classes whose reals are set by hand. */
static struct couplings make_couplings(double beta, double size)
{
	struct couplings c;

	ck_assert_int_eq(couplings_new(2, N, M, 8, beta, &c, NULL), 0);
	c.even = true;
	for (size_t k = 0; k < 2 * N * M; k++)
		c.w[k] = size * splitmix_normal(7, k);
	return c;
}

static double loss_of(const struct spec_train *s, const struct couplings *c, unsigned int class)
{
	_cleanup_mixing_exact_ struct mixing_exact x = { 0 };
	struct err e = { 0 };

	ck_assert_msg(mixing_exact_measure(s, c, &x, &e) == 0, "%s", e.text);
	return log1p((s->mixing.observable == OBJECTIVE_T_O ? x.t_o[class] / (N * M) :
							      x.tau_max[class]) /
		     x.steps_per_sweep);
}

static void get_gradient(const struct spec_train *s, const struct couplings *c, double *grad)
{
	struct err e = { 0 };

	ck_assert_msg(mixing_loss_gradient(s, c, grad, &e) == 0, "%s", e.text);
}

/* Central differences, whose own error is about h^2 and 1e-16 / h. */
START_TEST(gradient_is_a_slope)
{
	static const enum spec_objective of[] = { OBJECTIVE_T_O, OBJECTIVE_TAU_MAX };
	static const enum spec_kernel kernels[] = { KERNEL_RANDOM_SCAN, KERNEL_MIXTURE };
	struct spec_train s = make_spec(of[_i % 2], kernels[_i / 2]);
	struct couplings c = make_couplings(0.8, 0.6);
	const double h = 1e-5;
	double grad[2 * N * M];

	get_gradient(&s, &c, grad);
	for (size_t k = 0; k < 2 * N * M; k++) {
		double w = c.w[k], up, down;

		c.w[k] = w + h;
		up = loss_of(&s, &c, (unsigned int)(k / (N * M)));
		c.w[k] = w - h;
		down = loss_of(&s, &c, (unsigned int)(k / (N * M)));
		c.w[k] = w;
		ck_assert_double_eq_tol(grad[k], (up - down) / (2 * h), 1e-8);
	}
	couplings_free(&c);
}
END_TEST

/*
 * With the likelihood's weight at zero: steps down the gradient alone, each with a line search that
 * asks for half of the decrease that the slope promises. Every one is found, and the loss, which
 * rises with T_O, falls at each: along a wrong gradient the search would fail. Weak couplings end
 * at independent coins, of T_O = n m (n + m) / 2; strong ones freeze, and T_O goes to 0.
 */
START_TEST(descent_lowers_t_o_at_every_step)
{
	static const double size[] = { 0.8, 2 }, end[] = { N * M * (N + M) / 2.0, 0 };
	struct spec_train s = make_spec(OBJECTIVE_T_O, KERNEL_RANDOM_SCAN);
	struct couplings c = make_couplings(1, size[_i]);
	double grad[2 * N * M], from[N * M], now = loss_of(&s, &c, 0), first = now, rate = 4;

	for (unsigned int step = 0; step < 60; step++) {
		double slope = 0, next;
		unsigned int halvings = 0;

		get_gradient(&s, &c, grad);
		for (size_t k = 0; k < N * M; k++)
			slope += grad[k] * grad[k];
		/* At the bottom rounding decides. */
		if (slope < 1e-16)
			break;
		memcpy(from, c.w, sizeof(from));
		for (rate *= 2;; rate /= 2) {
			for (size_t k = 0; k < N * M; k++)
				c.w[k] = from[k] - rate * grad[k];
			next = loss_of(&s, &c, 0);
			if (next <= now - 0.5 * rate * slope)
				break;
			ck_assert_uint_lt(++halvings, 30);
		}
		ck_assert_double_lt(next, now);
		now = next;
	}
	now = expm1(now) * N * M * (N + M);
	first = expm1(first) * N * M * (N + M);
	ck_assert_double_lt(fabs(now - end[_i]), 0.01 * first);
	couplings_free(&c);
}
END_TEST

START_TEST(independent_coins)
{
	struct spec_train s = make_spec(OBJECTIVE_T_O, KERNEL_RANDOM_SCAN);
	struct couplings c = make_couplings(1, 0);
	_cleanup_mixing_exact_ struct mixing_exact x = { 0 };

	ck_assert_int_eq(mixing_exact_measure(&s, &c, &x, NULL), 0);
	ck_assert_double_eq_tol(x.t_o[1], N * M * (N + M) / 2.0, 1e-10);
	ck_assert_double_eq_tol(x.sum_var[1], N * M, 1e-12);
	ck_assert_double_eq_tol(x.tau_max[1], N + M - 1, 1e-11);
	ck_assert_double_eq(x.steps_per_sweep, N + M);
	couplings_free(&c);
}
END_TEST

/* Trains, and returns the sum of O over the classes; phi into ret_phi. */
static double train(enum spec_objective of, double weight, bool on, double **ret_phi,
		    size_t *ret_params)
{
	struct spec_train s = make_spec(of, KERNEL_RANDOM_SCAN);
	struct array no_codes = { 0 };
	struct energy_ledger l = { 0 };
	struct err e = { 0 };
	struct couplings c;
	struct trainer *t;
	double sum;

	s.mixing.on = on;
	s.mixing.weight = weight;
	ck_assert_int_eq(trainer_new(MODEL_HYPERNETWORK, &s, 42, data, &no_codes, device, &t, &e),
			 0);
	for (unsigned int k = 0; k < s.optimizer.steps; k++)
		ck_assert_msg(trainer_step(t, NULL, &l, &e) == 0, "%s", e.text);
	ck_assert_int_eq(trainer_couplings_new(t, &c, NULL), 0);
	ck_assert_int_eq(trainer_couplings(t, t->optimizer->average, &c, NULL), 0);
	sum = expm1(loss_of(&s, &c, 0)) + expm1(loss_of(&s, &c, 1));
	*ret_phi = malloc(t->mlp->params * sizeof(double));
	memcpy(*ret_phi, t->mlp->phi, t->mlp->params * sizeof(double));
	*ret_params = t->mlp->params;
	couplings_free(&c);
	trainer_free(t);
	return sum;
}

START_TEST(training_obeys)
{
	enum spec_objective of = _i ? OBJECTIVE_TAU_MAX : OBJECTIVE_T_O;
	double *without, *zero, *some, *much;
	size_t params;
	double t0 = train(of, 0, false, &without, &params), t1 = train(of, 0, true, &zero, &params);
	double t2 = train(of, 0.3, true, &some, &params), t3 = train(of, 3, true, &much, &params);

	/* A weight of zero is none, to the bit. */
	ck_assert_double_eq(t0, t1);
	ck_assert(!memcmp(without, zero, params * sizeof(double)));
	ck_assert_double_lt(t2, 0.9 * t1);
	ck_assert_double_lt(t3, 0.9 * t2);
	free(without);
	free(zero);
	free(some);
	free(much);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mixing_loss");
	TCase *t = tcase_create("mixing_loss");

	tcase_set_timeout(t, 600);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, gradient_is_a_slope, 0, 4);
	tcase_add_loop_test(t, descent_lowers_t_o_at_every_step, 0, 2);
	tcase_add_test(t, independent_coins);
	tcase_add_loop_test(t, training_obeys, 0, 2);
	suite_add_tcase(s, t);
	return run_suite(s);
}
