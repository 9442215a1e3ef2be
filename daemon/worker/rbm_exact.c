// SPDX-License-Identifier: MIT
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "rbm_exact.h"
#include "rbm_sum.h"

#define MAX_THREADS 256
/* Products that are worth a thread: a few milliseconds, against some 0.1 ms to start one. */
#define THREAD_WORK ((size_t)1 << 22)

/* One call's work: blocks are taken by whoever is free, results stand by block. */
struct job {
	const struct rbm_sum *sum;
	double log_z;	 /* known in the second pass */
	double *maximum; /* [blocks] first pass: largest ln f */
	double *total;	 /* [blocks] first pass: sum of f / exp(maximum) */
	double *means;	 /* [blocks][(bits + 1) * (n_b + 1)] second pass, or NULL */
	size_t next;	 /* atomic */
	int error;	 /* atomic; -ENOMEM */
};

static size_t means_size(const struct rbm_sum *s)
{
	return (s->bits + 1) * (s->n_b + 1);
}

/* Adds exp(ln f) of the lanes to the block's (maximum, total). */
static void add_lanes(double *maximum, double *total, const double *log_f)
{
	double largest = *maximum, sum = 0;

	for (size_t i = 0; i < RBM_SUM_LANES; i++)
		largest = MAX(largest, log_f[i]);
	for (size_t i = 0; i < RBM_SUM_LANES; i++)
		sum += exp(log_f[i] - largest);
	*total = *total * exp(*maximum - largest) + sum;
	*maximum = largest;
}

/*
 * Sums over the lanes of q[i] s_k(i) for each low p-bit k, into out[k * stride]; returns the plain
 * sum. Halving from the highest p-bit down: 2 additions a lane instead of one a lane and p-bit.
 */
static double add_low_spins(double *q, size_t low_bits, double *out, size_t stride)
{
	for (size_t k = RBM_SUM_LANE_BITS; k-- > 0;) {
		size_t half = (size_t)1 << k;
		double difference = 0;

		for (size_t i = 0; i < half; i++) {
			difference += q[i + half] - q[i];
			q[i] += q[i + half];
		}
		if (k < low_bits)
			out[k * stride] += difference;
	}
	return q[0];
}

/*
 * Adds p(s) s_k tanh x_b of the lanes to out[(bits + 1)][(n_b + 1)]; index 0 on either side is the
 * constant 1 (the reference spin, or no spin at all).
 */
static void add_means(const struct rbm_sum *s, size_t high_state, const struct rbm_lanes *l,
		      double log_z, double *out)
{
	size_t low_bits = s->bits - s->high, row = s->n_b + 1;
	double p[RBM_SUM_LANES], q[RBM_SUM_LANES];

	for (size_t i = 0; i < RBM_SUM_LANES; i++)
		p[i] = exp(l->log_f[i] - log_z);
	for (size_t b = 0; b <= s->n_b; b++) {
		const double *th = b ? l->th + (b - 1) * RBM_SUM_LANES : NULL;
		double all;

		for (size_t i = 0; i < RBM_SUM_LANES; i++)
			q[i] = th ? p[i] * th[i] : p[i];
		all = add_low_spins(q, low_bits, out + row + b, row);
		out[b] += all;
		for (size_t k = low_bits; k < s->bits; k++)
			out[(k + 1) * row + b] += rbm_sum_spin(high_state, k - low_bits) * all;
	}
}

static void run_block(struct job *j, size_t block, struct rbm_lanes *l)
{
	const struct rbm_sum *s = j->sum;
	size_t run = ((size_t)1 << s->high) / s->blocks;

	if (!j->means) {
		j->maximum[block] = -INFINITY;
		j->total[block] = 0;
	}
	for (size_t high = block * run; high < (block + 1) * run; high++) {
		rbm_sum_lanes(s, high, l);
		if (j->means)
			add_means(s, high, l, j->log_z, j->means + block * means_size(s));
		else
			add_lanes(&j->maximum[block], &j->total[block], l->log_f);
	}
}

static void *run_blocks(void *arg)
{
	struct job *j = arg;
	const struct rbm_sum *s = j->sum;
	struct rbm_lanes *l = alloc_zeroed(1, sizeof(*l));
	_cleanup_free_ double *x = alloc_zeroed(MAX(s->n_b, 1), sizeof(double));
	_cleanup_free_ double *th = NULL;
	size_t block;

	if (j->means)
		th = alloc_zeroed(MAX(s->n_b, 1), RBM_SUM_LANES * sizeof(double));
	if (!l || !x || (j->means && !th)) {
		free(l);
		__atomic_store_n(&j->error, -ENOMEM, __ATOMIC_RELAXED);
		return NULL;
	}
	l->x = x;
	l->th = th;
	while ((block = __atomic_fetch_add(&j->next, 1, __ATOMIC_RELAXED)) < s->blocks)
		run_block(j, block, l);
	free(l);
	return NULL;
}

/* A thread that cannot be started costs time, not the result: its blocks go to the others. */
static int run_job(struct job *j, unsigned int threads, struct err *e)
{
	pthread_t helper[MAX_THREADS];
	unsigned int started = 0;
	size_t work = MAX(j->sum->n_b, 1) << j->sum->bits;
	size_t wanted = MIN(MIN((size_t)threads, 1 + work / THREAD_WORK), (size_t)MAX_THREADS);

	j->next = 0;
	j->error = 0;
	while (started + 1 < wanted && !pthread_create(&helper[started], NULL, run_blocks, j))
		started++;
	run_blocks(j);
	for (unsigned int t = 0; t < started; t++)
		pthread_join(helper[t], NULL);
	return j->error ? err_oom(e) : 0;
}

static int check(const struct rbm *r, struct err *e)
{
	size_t size;

	if (!r->n || !r->m || !size_mul(r->n, r->m, &size))
		return err_set(e, -EINVAL, "an RBM of %zu x %zu p-bits", r->n, r->m);
	if (!isfinite(r->beta))
		return err_set(e, -EDOM, "beta is %g; give a finite number", r->beta);
	for (size_t i = 0; i < size; i++)
		if (!isfinite(r->w[i]))
			return err_set(e, -EDOM, "the coupling in row %zu, column %zu is %g",
				       i / r->m, i % r->m, r->w[i]);
	return 0;
}

size_t rbm_smaller_layer(const struct rbm *r)
{
	return MIN(r->n - r->ref_v, r->m - r->ref_h);
}

/* The first pass: ln Z from the blocks, in their order. */
static int log_z(struct job *j, unsigned int threads, double *ret, struct err *e)
{
	double maximum[RBM_SUM_BLOCKS], total[RBM_SUM_BLOCKS];
	double largest = -INFINITY, sum = 0, result;
	int r;

	j->maximum = maximum;
	j->total = total;
	r = run_job(j, threads, e);
	if (r < 0)
		return r;
	for (size_t b = 0; b < j->sum->blocks; b++)
		largest = MAX(largest, maximum[b]);
	for (size_t b = 0; b < j->sum->blocks; b++)
		sum += total[b] * exp(maximum[b] - largest);
	result = largest + log(sum);
	if (!isfinite(result))
		return err_set(e, -EDOM, "the couplings are too large: ln Z is not finite");
	*ret = result;
	return 0;
}

static int prepare(const struct rbm *r, bool *ret_sum_visible, struct rbm_sum **ret, struct err *e)
{
	bool sum_visible = r->n - r->ref_v < r->m - r->ref_h;
	int rc = check(r, e);

	if (rc < 0)
		return rc;
	if (!rbm_is_exact(r))
		return err_set(e, -E2BIG,
			       "the smaller layer has %zu free p-bits; ln Z sums over at most %d",
			       rbm_smaller_layer(r), RBM_EXACT_MAX_BITS);
	rc = rbm_sum_new(r, sum_visible, ret, e);
	if (rc < 0)
		return rc;
	*ret_sum_visible = sum_visible;
	return 0;
}

int rbm_log_z(const struct rbm *r, unsigned int threads, double *ret_log_z, struct err *e)
{
	_cleanup_rbm_sum_ struct rbm_sum *s = NULL;
	bool sum_visible;
	int rc = prepare(r, &sum_visible, &s, e);

	if (rc < 0)
		return rc;
	return log_z(&(struct job){ .sum = s }, threads, ret_log_z, e);
}

/* means[(bits + 1)][(n_b + 1)], summed over blocks in order, to vh[n * m]. */
static void place_means(const struct rbm *r, const struct rbm_sum *s, bool sum_visible,
			const double *means, double *vh)
{
	size_t skip_v = !r->ref_v, skip_h = !r->ref_h; /* index 0 of means is no spin then */

	for (size_t i = 0; i < r->n; i++) {
		for (size_t k = 0; k < r->m; k++) {
			size_t a = sum_visible ? i + skip_v : k + skip_h;
			size_t b = sum_visible ? k + skip_h : i + skip_v;
			double sum = 0;

			for (size_t block = 0; block < s->blocks; block++)
				sum += means[block * means_size(s) + a * (s->n_b + 1) + b];
			vh[i * r->m + k] = sum;
		}
	}
}

int rbm_moments(const struct rbm *r, unsigned int threads, double *vh, double *ret_log_z,
		struct err *e)
{
	_cleanup_rbm_sum_ struct rbm_sum *s = NULL;
	_cleanup_free_ double *means = NULL;
	struct job j = {};
	bool sum_visible;
	double z;
	int rc = prepare(r, &sum_visible, &s, e);

	if (rc < 0)
		return rc;
	j.sum = s;
	rc = log_z(&j, threads, &z, e);
	if (rc < 0)
		return rc;
	means = alloc_zeroed(s->blocks, means_size(s) * sizeof(double));
	if (!means)
		return err_oom(e);
	j.means = means;
	j.log_z = z;
	rc = run_job(&j, threads, e);
	if (rc < 0)
		return rc;
	place_means(r, s, sum_visible, means, vh);
	if (ret_log_z)
		*ret_log_z = z;
	return 0;
}
