// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "learner.h"

int learner_new(unsigned int m, unsigned int axis, uint64_t seed, struct learner **ret,
		struct err *e)
{
	_cleanup_learner_ struct learner *l = alloc_zeroed(1, sizeof(*l));
	size_t visible, half, couplings = (size_t)m * m;
	int r;

	if (!l)
		return err_oom(e);
	if (m < 1 || m > TEACHER_MAX_BITS)
		return teacher_law(m, axis, 0, NULL, e);
	visible = (size_t)1 << m;
	half = visible / 2;
	l->m = m;
	r = mlp_new(TEACHER_CODE_DIM, &(unsigned int){ LEARNER_HIDDEN }, 1, couplings, &l->g, e);
	if (r == 0)
		r = optimizer_new(METHOD_ADAM, l->g->params, LEARNER_RATE, 0, &l->optimizer, e);
	if (r < 0)
		return r;
	mlp_init(l->g, seed, LEARNER_OUT_SD);
	l->law = alloc_zeroed(TEACHER_CODES * visible, sizeof(*l->law));
	l->w = alloc_zeroed(TEACHER_CODES * couplings, sizeof(*l->w));
	l->dw = alloc_zeroed(TEACHER_CODES * couplings, sizeof(*l->dw));
	l->grad = alloc_zeroed(l->g->params, sizeof(*l->grad));
	l->log_p = alloc_zeroed(half, sizeof(*l->log_p));
	l->tanhs = alloc_zeroed(half * m, sizeof(*l->tanhs));
	if (!l->law || !l->w || !l->dw || !l->grad || !l->log_p || !l->tanhs)
		return err_oom(e);
	for (unsigned int k = 0; k < TEACHER_CODES; k++) {
		r = teacher_law(m, axis, k, l->law + k * visible, e);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(l);
	return 0;
}

struct learner *learner_free(struct learner *l)
{
	if (!l)
		return NULL;
	mlp_free(l->g);
	optimizer_free(l->optimizer);
	free(l->law);
	free(l->w);
	free(l->dw);
	free(l->grad);
	free(l->log_p);
	free(l->tanhs);
	mlp_tape_free(&l->tape);
	free(l);
	return NULL;
}

static inline double spin(size_t state, unsigned int i)
{
	return state >> i & 1 ? 1 : -1;
}

/*
 * log_p and tanhs of the states with v_(m-1) = -1, which stand for all; returns ln of the sum of p*
 * over them: ln Z - ln 2.
 */
static double enumerate(struct learner *l, const double *w)
{
	size_t half = (size_t)1 << (l->m - 1);
	double largest = -INFINITY, sum = 0;

	for (size_t s = 0; s < half; s++) {
		double *th = l->tanhs + s * l->m;

		l->log_p[s] = 0;
		for (unsigned int j = 0; j < l->m; j++) {
			double x = 0;

			for (unsigned int i = 0; i < l->m; i++)
				x += spin(s, i) * w[i * l->m + j];
			th[j] = tanh(x);
			l->log_p[s] += fabs(x) + log1p(exp(-2 * fabs(x)));
		}
		largest = fmax(largest, l->log_p[s]);
	}
	for (size_t s = 0; s < half; s++)
		sum += exp(l->log_p[s] - largest);
	return largest + log(sum);
}

double learner_kl(struct learner *l, const double *law, const double *w, double *dw)
{
	size_t half = (size_t)1 << (l->m - 1);
	double log_z = enumerate(l, w), kl = 0;

	memset(dw, 0, (size_t)l->m * l->m * sizeof(*dw));
	for (size_t s = 0; s < half; s++) {
		const double *th = l->tanhs + s * l->m;
		double teacher = 2 * law[s], log_p = l->log_p[s] - log_z;
		double excess = exp(log_p) - teacher;

		kl += teacher * (log(teacher) - log_p);
		for (unsigned int i = 0; i < l->m; i++)
			for (unsigned int j = 0; j < l->m; j++)
				dw[i * l->m + j] += excess * spin(s, i) * th[j];
	}
	return kl;
}

int learner_loss(struct learner *l, double *ret_kl, double *grad, struct err *e)
{
	size_t visible = (size_t)1 << l->m, couplings = (size_t)l->m * l->m;
	double kl = 0;
	int r = mlp_forward(l->g, teacher_code[0], TEACHER_CODES, l->w, &l->tape, e);

	if (r < 0)
		return r;
	for (size_t k = 0; k < TEACHER_CODES; k++)
		kl += learner_kl(l, l->law + k * visible, l->w + k * couplings,
				 l->dw + k * couplings);
	for (size_t i = 0; i < TEACHER_CODES * couplings; i++)
		l->dw[i] /= TEACHER_CODES;
	if (grad) {
		r = mlp_backward(l->g, &l->tape, l->dw, grad, e);
		if (r < 0)
			return r;
	}
	*ret_kl = kl / TEACHER_CODES;
	return 0;
}

int learner_train(struct learner *l, unsigned int steps, struct err *e)
{
	double kl;

	for (unsigned int t = 0; t < steps; t++) {
		int r = learner_loss(l, &kl, l->grad, e);

		if (r == 0)
			r = optimizer_step(l->optimizer, l->g->phi, l->grad, 1, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int learner_couplings(const struct learner *l, unsigned int code, double *w, struct err *e)
{
	return mlp_forward(l->g, teacher_code[code], 1, w, NULL, e);
}
