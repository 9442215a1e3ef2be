// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "blas.h"
#include "eigh.h"

/* LAPACK's, in OpenBLAS, which has no header for it. */
void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w,
	     double *work, const int *lwork, int *iwork, const int *liwork, int *info);

/* The way forward, kept for the way back. All matrices row major. */
struct tape {
	const struct exact_even *v;
	size_t states, obs;
	double *u;	  /* [states][states] row k: u_k */
	double *f;	  /* [states][obs] F */
	double *c;	  /* [states][obs] row k: c_k */
	double *g_s;	  /* [states][states] */
	double *g_f;	  /* [states][obs] */
	double *g_log_pi; /* [states] */
};

static void tape_free(struct tape *t)
{
	free(t->u);
	free(t->f);
	free(t->c);
	free(t->g_s);
	free(t->g_f);
	free(t->g_log_pi);
}
#define _cleanup_tape_ _cleanup_(tape_free)

static int tape_prepare(struct tape *t, const struct exact_even *v, struct err *e)
{
	t->v = v;
	t->states = v->states;
	t->obs = exact_observables(&v->model);
	t->u = alloc_zeroed(t->states * t->states, sizeof(*t->u));
	t->f = alloc_zeroed(t->states * t->obs, sizeof(*t->f));
	t->c = alloc_zeroed(t->states * t->obs, sizeof(*t->c));
	t->g_s = alloc_zeroed(t->states * t->states, sizeof(*t->g_s));
	t->g_f = alloc_zeroed(t->states * t->obs, sizeof(*t->g_f));
	t->g_log_pi = alloc_zeroed(t->states, sizeof(*t->g_log_pi));
	return t->u && t->f && t->c && t->g_s && t->g_f && t->g_log_pi ? 0 : err_oom(e);
}

/* The state with p-bit i flipped; the last p-bit, which is +1 always, by flipping all others. */
static size_t flipped(const struct exact_model *mo, size_t state, unsigned int i)
{
	return i + 1 < exact_bits(mo) ? state ^ (size_t)1 << i : exact_states(mo) - 1 - state;
}

/* v_i h_j - E[v_i h_j], which is -f~. */
static double centred(const struct exact_even *v, size_t state, size_t a)
{
	return exact_product(&v->model, state, a / v->model.m, a % v->model.m) - v->mean[a];
}

static double logistic(double x)
{
	return 1 / (1 + exp(-x));
}

/* S into t->u, and F. */
static void build(struct tape *t)
{
	const struct exact_model *mo = &t->v->model;
	unsigned int bits = exact_bits(mo);

	for (size_t s = 0; s < t->states; s++) {
		for (unsigned int i = 0; i < bits; i++) {
			size_t to = flipped(mo, s, i);
			double d = t->v->log_pi[s] - t->v->log_pi[to];

			t->u[s * t->states + to] += 1 / (2 * bits * cosh(d / 2));
			t->u[s * t->states + s] += logistic(d) / bits;
		}
		for (size_t a = 0; a < t->obs; a++)
			t->f[s * t->obs + a] = sqrt(t->v->pi[s]) * centred(t->v, s, a);
	}
}

/* S in t->u becomes its eigenvectors, a row each: LAPACK's columns. */
static int decompose(struct tape *t, double *lambda, struct err *e)
{
	int n = (int)t->states, lwork = 1 + 6 * n + 2 * n * n, liwork = 3 + 5 * n, info = 0;
	_cleanup_free_ double *work = alloc_zeroed((size_t)lwork, sizeof(*work));
	_cleanup_free_ int *iwork = alloc_zeroed((size_t)liwork, sizeof(*iwork));

	if (!work || !iwork)
		return err_oom(e);
	blas_one_thread();
	dsyevd_("V", "L", &n, t->u, &n, lambda, work, &lwork, iwork, &liwork, &info);
	if (info)
		return err_set(e, -EDOM,
			       "LAPACK finds no eigenvalues of %zu states: dsyevd says %d",
			       t->states, info);
	return 0;
}

/* G_S from G_lambda and U' G_U, and G_F. The stationary pair, the last one, takes no part. */
static int backward_pairs(struct tape *t, const double *lambda, struct err *e)
{
	size_t n = t->states, obs = t->obs;
	_cleanup_free_ double *g_c = alloc_zeroed(n * obs, sizeof(*g_c));
	_cleanup_free_ double *g_u = alloc_zeroed(n * n, sizeof(*g_u));
	_cleanup_free_ double *inner = alloc_zeroed(n * n, sizeof(*inner));

	if (!g_c || !g_u || !inner)
		return err_oom(e);
	for (size_t k = 0; k + 1 < n; k++)
		for (size_t a = 0; a < obs; a++)
			g_c[k * obs + a] = 2 * t->c[k * obs + a] / (1 - lambda[k]);
	blas_gemm(true, false, n, obs, n, t->u, g_c, 0, t->g_f);
	blas_gemm(false, true, n, n, obs, t->f, g_c, 0, g_u); /* column k: G_u_k */
	blas_gemm(false, false, n, n, n, t->u, g_u, 0, inner);
	for (size_t j = 0; j < n; j++) {
		double size = 0;

		for (size_t k = 0; k < n; k++) {
			double gap = lambda[k] - lambda[j];

			inner[j * n + k] = gap != 0 ? inner[j * n + k] / gap : 0;
		}
		for (size_t a = 0; a < obs; a++)
			size += t->c[j * obs + a] * t->c[j * obs + a];
		if (j + 1 < n)
			inner[j * n + j] = size / ((1 - lambda[j]) * (1 - lambda[j]));
	}
	blas_gemm(true, false, n, n, n, t->u, inner, 0, g_u);
	blas_gemm(false, false, n, n, n, g_u, t->u, 0, t->g_s);
	return 0;
}

/* From S and F to ln pi, which both of them are functions of. */
static void backward_entries(struct tape *t)
{
	const struct exact_model *mo = &t->v->model;
	unsigned int bits = exact_bits(mo);

	for (size_t s = 0; s < t->states; s++) {
		for (unsigned int i = 0; i < bits; i++) {
			size_t to = flipped(mo, s, i);
			double d = t->v->log_pi[s] - t->v->log_pi[to];
			double off = -tanh(d / 2) / (4 * bits * cosh(d / 2));
			double stay = logistic(d) * logistic(-d) / bits;
			double g =
				t->g_s[s * t->states + to] * off + t->g_s[s * t->states + s] * stay;

			t->g_log_pi[s] += g;
			t->g_log_pi[to] -= g;
		}
	}
	for (size_t a = 0; a < t->obs; a++) {
		double mean = 0; /* G of E[v_i h_j] */

		for (size_t s = 0; s < t->states; s++)
			mean -= t->g_f[s * t->obs + a] * sqrt(t->v->pi[s]);
		for (size_t s = 0; s < t->states; s++)
			t->g_log_pi[s] += t->g_f[s * t->obs + a] * t->f[s * t->obs + a] / 2 +
					  mean * t->v->pi[s] * centred(t->v, s, a);
	}
}

/* d ln pi(s) / dW_ij = beta (v_i h_j - E[v_i h_j]) */
static void backward_couplings(const struct tape *t, double *dt_o)
{
	for (size_t a = 0; a < t->obs; a++) {
		dt_o[a] = 0;
		for (size_t s = 0; s < t->states; s++)
			dt_o[a] += t->v->model.beta * t->g_log_pi[s] * centred(t->v, s, a);
	}
}

int eigh_gradient(const struct exact_even *v, struct eigh **ret, struct err *e)
{
	_cleanup_eigh_ struct eigh *g = NULL;
	_cleanup_tape_ struct tape t = {};
	int r;

	if (v->states > EIGH_MAX_STATES)
		return err_set(e, -E2BIG,
			       "%zu even states; an eigendecomposition takes at most %zu",
			       v->states, EIGH_MAX_STATES);
	g = alloc_zeroed(1, sizeof(*g));
	if (!g)
		return err_oom(e);
	g->dt_o = alloc_zeroed(exact_observables(&v->model), sizeof(*g->dt_o));
	g->lambda = alloc_zeroed(v->states, sizeof(*g->lambda));
	if (!g->dt_o || !g->lambda)
		return err_oom(e);
	r = tape_prepare(&t, v, e);
	if (r < 0)
		return r;
	build(&t);
	r = decompose(&t, g->lambda, e);
	if (r < 0)
		return r;
	blas_gemm(false, false, t.states, t.obs, t.states, t.u, t.f, 0, t.c);
	for (size_t k = 0; k + 1 < t.states; k++)
		for (size_t a = 0; a < t.obs; a++)
			g->t_o += t.c[k * t.obs + a] * t.c[k * t.obs + a] / (1 - g->lambda[k]);
	r = backward_pairs(&t, g->lambda, e);
	if (r < 0)
		return r;
	backward_entries(&t);
	backward_couplings(&t, g->dt_o);
	*ret = TAKE_PTR(g);
	return 0;
}

struct eigh *eigh_free(struct eigh *g)
{
	if (!g)
		return NULL;
	free(g->dt_o);
	free(g->lambda);
	free(g);
	return NULL;
}
