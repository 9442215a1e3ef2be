// SPDX-License-Identifier: MIT
/*
 * What does mixing in the loss buy? Teachers with two and four modes on m = 4, 5, 6 visible spins; an
 * RBM m x m without biases learns from PATTERNS of their patterns by
 *
 *	-L(W) + lambda ln(1 + O(W)) + DECAY / 2 |W|^2,   O = T_O / (n m) or tau_max, in sweeps
 *
 * of the random scan, all exact, lambda along a grid from 0, each optimum the start of the next. The
 * decay is small, and only there so that an optimum exists: patterns that were never seen would
 * be driven out by couplings without bounds. A third curve has more of it, DECAY_SCALE lambda, and
 * no O: what any shrinking of the couplings would do. What is held out is the
 * teacher itself: the mean of ln p(v; W) under its law. Five seeds: patterns and start.
 *
 * Writes the points as JSON, the curves as SVG, and one W of the control as an example for `pbit
 * certify`; all are functions of this file alone.
 */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "descent.h"
#include "exact/likelihood.h"
#include "exact/mixing.h"
#include "exact/teacher.h"
#include "mixing_figure.h"
#include "splitmix.h"

#define PATTERNS    200
#define STARTS	    4
#define DECAY	    1e-4 /* nats a pattern, for |W|^2 / 2 */
#define DECAY_SCALE 0.1
#define TRIES	    2 /* more, from nearby, where a descent ends at a kink */
#define STEPS	    150
#define SLOPE	    1e-5 /* where a descent ends */
#define TOLERANCE   1e-9 /* of the solves on the way; the gradient's error is about as large */

const double study_lambda[STUDY_LAMBDAS] = { 0, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3 };

/* The loss, and what it is taken from. */
struct loss {
	unsigned int m;
	const int8_t *rows; /* all 2^m patterns */
	const double *weight;
	double lambda;
	enum study_penalty penalty;
};

static struct exact_ask ask_for(enum study_penalty p)
{
	return (struct exact_ask){ .kernel = EXACT_RANDOM_SCAN,
				   .tolerance = TOLERANCE,
				   .gradient = p == PENALTY_T_O,
				   .dtau = p == PENALTY_TAU,
				   .observable = EXACT_WORST };
}

static int add_penalty(const struct loss *l, const struct exact_even *v, double *ret, double *grad)
{
	_cleanup_exact_mixing_ struct exact_mixing *x = NULL;
	struct exact_ask ask = ask_for(l->penalty);
	const double *slope;
	double unit, o;
	int r = exact_mixing(v, &ask, NULL, &x, NULL);

	if (r < 0)
		return r;
	slope = l->penalty == PENALTY_T_O ? x->dt_o : x->dtau;
	unit = x->steps_per_sweep * (l->penalty == PENALTY_T_O ? l->m * l->m : 1);
	o = (l->penalty == PENALTY_T_O ? x->t_o : x->tau_max) / unit;
	*ret += l->lambda * log1p(o);
	for (size_t k = 0; k < (size_t)l->m * l->m; k++)
		grad[k] += l->lambda * slope[k] / unit / (1 + o);
	return 0;
}

static int value(void *data, const double *w, double *ret, double *grad)
{
	const struct loss *l = data;
	double decay = DECAY + (l->penalty == PENALTY_DECAY ? DECAY_SCALE * l->lambda : 0);
	struct exact_model mo = { .n = l->m, .m = l->m, .beta = 1, .w = w };
	_cleanup_exact_even_ struct exact_even *v = NULL;
	int r = exact_even_new(&mo, NULL, &v, NULL);

	if (r == 0)
		r = exact_likelihood(v, l->rows, (size_t)1 << l->m, l->weight, ret, grad, NULL,
				     NULL);
	if (r < 0)
		return r;
	*ret = -*ret;
	for (size_t k = 0; k < (size_t)l->m * l->m; k++) {
		*ret += decay / 2 * w[k] * w[k];
		grad[k] = decay * w[k] - grad[k];
	}
	return l->lambda > 0 && l->penalty != PENALTY_DECAY ? add_penalty(l, v, ret, grad) : 0;
}

static int descend(struct loss *l, double *w, double *ret)
{
	struct descent d = { .n = (size_t)l->m * l->m,
			     .value = value,
			     .data = l,
			     .steps = STEPS,
			     .tolerance = SLOPE };
	unsigned int steps;

	return descent_run(&d, w, ret, &steps);
}

/*
 * tau_max has kinks, where another observable becomes the slowest, and descents end there. From
 * nearby they end elsewhere: the lowest counts.
 */
static int descend_again(struct loss *l, uint64_t seed, double *w)
{
	double trial[STUDY_MAX_M * STUDY_MAX_M], from[STUDY_MAX_M * STUDY_MAX_M], best, now;
	size_t n = (size_t)l->m * l->m;
	int r = descend(l, memcpy(from, w, n * sizeof(*w)), &best);

	memcpy(w, from, n * sizeof(*w));
	for (unsigned int t = 0; r == 0 && l->penalty == PENALTY_TAU && t < TRIES; t++) {
		for (size_t k = 0; k < n; k++)
			trial[k] = 0.95 * from[k] + 0.05 * splitmix_normal(splitmix(seed, t), k);
		r = descend(l, trial, &now);
		if (r < 0 || now >= best)
			continue;
		best = now;
		memcpy(w, trial, n * sizeof(*w));
	}
	return r;
}

/* The best of some starts, without a penalty. */
static int start(struct loss *l, uint64_t seed, double *w)
{
	double best = INFINITY, trial[STUDY_MAX_M * STUDY_MAX_M], now;

	l->lambda = 0;
	for (unsigned int s = 0; s < STARTS; s++) {
		int r;

		for (size_t k = 0; k < (size_t)l->m * l->m; k++)
			trial[k] = 0.5 * splitmix_normal(splitmix(seed, 100 + s), k);
		r = descend(l, trial, &now);
		if (r < 0)
			return r;
		if (now >= best)
			continue;
		best = now;
		memcpy(w, trial, (size_t)l->m * l->m * sizeof(*w));
	}
	return 0;
}

static int measure(unsigned int m, const double *w, const int8_t *rows, const double *law,
		   const double *sample, struct study_point *ret)
{
	struct exact_model mo = { .n = m, .m = m, .beta = 1, .w = w };
	struct exact_ask ask = { .kernel = EXACT_RANDOM_SCAN, .observable = EXACT_WORST };
	_cleanup_exact_mixing_ struct exact_mixing *x = NULL;
	_cleanup_exact_even_ struct exact_even *v = NULL;
	size_t count = (size_t)1 << m;
	int r = exact_even_new(&mo, NULL, &v, NULL);

	if (r == 0)
		r = exact_likelihood(v, rows, count, law, &ret->held_out, NULL, NULL, NULL);
	if (r == 0)
		r = exact_likelihood(v, rows, count, sample, &ret->train, NULL, NULL, NULL);
	if (r == 0)
		r = exact_mixing(v, &ask, NULL, &x, NULL);
	if (r < 0)
		return r;
	ret->t_o = x->t_o / x->steps_per_sweep / (m * m);
	ret->var = x->var / (m * m);
	ret->tau_max = x->tau_max / x->steps_per_sweep;
	return 0;
}

/* How often each pattern was drawn. */
static void draw(const double *law, unsigned int m, uint64_t seed, double *sample)
{
	memset(sample, 0, ((size_t)1 << m) * sizeof(*sample));
	for (unsigned int k = 0; k < PATTERNS; k++) {
		double u = splitmix_uniform(seed, k), sum = 0;
		size_t v = 0;

		while (v + 1 < (size_t)1 << m && (sum += law[v]) <= u)
			v++;
		sample[v]++;
	}
}

static int run_curve(struct study_curve *c)
{
	double law[1 << STUDY_MAX_M], sample[1 << STUDY_MAX_M];
	int8_t rows[(1 << STUDY_MAX_M) * STUDY_MAX_M];
	double w[STUDY_MAX_M * STUDY_MAX_M] = { 0 };
	struct loss l = { .m = c->m, .rows = rows, .weight = sample, .penalty = c->penalty };
	struct study_point best = { 0 };
	int r = teacher_law(c->m, 1, c->modes == 2 ? 0 : 1, law, NULL);

	for (size_t v = 0; v < (size_t)1 << c->m; v++)
		for (size_t i = 0; i < c->m; i++)
			rows[v * c->m + i] = v >> i & 1 ? 1 : -1;
	/* What the model could do: it learns from the law itself. */
	l.weight = law;
	if (r == 0)
		r = start(&l, c->seed, w);
	if (r == 0)
		r = measure(c->m, w, rows, law, law, &best);
	c->optimum = best;
	draw(law, c->m, splitmix(c->seed, c->modes * 100 + c->m), sample);
	l.weight = sample;
	if (r == 0)
		r = start(&l, c->seed, w);
	for (unsigned int k = 0; r == 0 && k < STUDY_LAMBDAS; k++) {
		l.lambda = study_lambda[k];
		r = descend_again(&l, splitmix(c->seed, k), w);
		if (k == 0)
			memcpy(c->control, w, sizeof(c->control));
		if (r == 0)
			r = measure(c->m, w, rows, law, sample, &c->point[k]);
	}
	return r;
}

static struct study_curve curves[STUDY_CURVES];
static atomic_uint next_curve;
static atomic_int result;

static void *work(void *unused)
{
	unsigned int k;

	(void)unused;
	while ((k = atomic_fetch_add(&next_curve, 1)) < STUDY_CURVES) {
		struct study_curve *c = &curves[k];
		int r = run_curve(c);

		if (r < 0)
			atomic_store(&result, r);
		fprintf(stderr, "m %u, %u modes, %s, seed %u\n", c->m, c->modes,
			study_penalty_names[c->penalty], (unsigned int)c->seed);
	}
	return NULL;
}

static void list_curves(void)
{
	unsigned int k = 0;

	for (unsigned int m = 4; m <= STUDY_MAX_M; m++)
		for (unsigned int modes = 2; modes <= 4; modes += 2)
			for (unsigned int p = 0; p < PENALTY_COUNT; p++)
				for (unsigned int s = 1; s <= STUDY_SEEDS; s++)
					curves[k++] = (struct study_curve){
						.m = m, .modes = modes, .penalty = p, .seed = s
					};
}

int main(int argc, char **argv)
{
	pthread_t thread[64];
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (argc != 4) {
		fprintf(stderr, "usage: mixing POINTS.json FIGURE.svg W.npy\n");
		return 2;
	}
	list_curves();
	n = MAX(1, MIN(n, (long)ARRAY_SIZE(thread)));
	for (long k = 0; k < n; k++)
		if (pthread_create(&thread[k], NULL, work, NULL))
			return 1;
	for (long k = 0; k < n; k++)
		pthread_join(thread[k], NULL);
	if (atomic_load(&result) < 0) {
		fprintf(stderr, "mixing: %s\n", strerror(-atomic_load(&result)));
		return 1;
	}
	return study_write_points(argv[1], curves) < 0 || study_write_figure(argv[2], curves) < 0 ||
	       study_write_example(argv[3], curves) < 0;
}
