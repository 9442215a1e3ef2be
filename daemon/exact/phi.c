// SPDX-License-Identifier: MIT
#include <math.h>

#include "phi.h"
#include "quad_even.h"

int phi_gradient(const struct mlp *g, const double *code, const double *dw, double *grad,
		 struct err *e)
{
	_cleanup_mlp_tape_ struct mlp_tape tape = {};
	_cleanup_free_ double *w = alloc_zeroed(mlp_out(g), sizeof(*w));
	int r;

	if (!w)
		return err_oom(e);
	r = mlp_forward(g, code, 1, w, &tape, e);
	return r < 0 ? r : mlp_backward(g, &tape, dw, grad, e);
}

/* act of layer l + 1 from that of layer l; the last layer is affine and is not asked for. */
static void layer_up(const struct mlp *g, unsigned int l, const quad *below, quad *act)
{
	size_t in = g->width[l], out = g->width[l + 1];
	const double *a = g->phi + g->at[l], *b = a + in * out;

	for (size_t i = 0; i < out; i++) {
		quad sum = b[i];

		for (size_t j = 0; j < in; j++)
			sum += a[i * in + j] * below[j];
		act[i] = 2 * quad_logistic(2 * sum) - 1; /* tanh */
	}
}

/* What of up, the gradient in layer l + 1 before tanh, goes to phi and to layer l before tanh. */
static void layer_down(const struct mlp *g, unsigned int l, const quad *act, const quad *up,
		       double *grad, quad *down)
{
	size_t in = g->width[l], out = g->width[l + 1];
	const double *a = g->phi + g->at[l];

	for (size_t i = 0; i < out; i++) {
		for (size_t j = 0; j < in; j++)
			grad[g->at[l] + i * in + j] = (double)(up[i] * act[j]);
		grad[g->at[l] + in * out + i] = (double)up[i];
	}
	for (size_t j = 0; j < in; j++) {
		quad sum = 0;

		for (size_t i = 0; i < out; i++)
			sum += a[i * in + j] * up[i];
		down[j] = sum * (1 - act[j] * act[j]);
	}
}

int phi_gradient_quad(const struct mlp *g, const double *code, const double *dw, double *grad,
		      struct err *e)
{
	_cleanup_free_ quad *act = NULL, *up = NULL, *down = NULL;
	size_t widest = 0;

	for (unsigned int l = 0; l <= g->layers + 1; l++)
		widest = MAX(widest, g->width[l]);
	act = alloc_zeroed((g->layers + 1) * widest, sizeof(*act));
	up = alloc_zeroed(widest, sizeof(*up));
	down = alloc_zeroed(widest, sizeof(*down));
	if (!act || !up || !down)
		return err_oom(e);

	for (size_t j = 0; j < mlp_code_dim(g); j++)
		act[j] = code[j];
	for (unsigned int l = 0; l < g->layers; l++)
		layer_up(g, l, act + l * widest, act + (l + 1) * widest);
	for (size_t i = 0; i < mlp_out(g); i++)
		up[i] = dw[i];
	for (unsigned int l = g->layers + 1; l-- > 0;) {
		quad *swap = up;

		layer_down(g, l, act + l * widest, up, grad, down);
		up = down;
		down = swap;
	}
	return 0;
}

int phi_code_jacobian(const struct mlp *g, const double *code, double *ret, struct err *e)
{
	_cleanup_free_ double *dw = alloc_zeroed(mlp_out(g), sizeof(*dw));
	_cleanup_free_ double *du = alloc_zeroed(mlp_code_dim(g), sizeof(*du));
	double sum = 0;

	if (!dw || !du)
		return err_oom(e);
	for (size_t j = 0; j < mlp_code_dim(g); j++) {
		int r;

		du[j] = 1;
		r = mlp_code_tangent(g, code, du, dw, e);
		if (r < 0)
			return r;
		du[j] = 0;
		for (size_t i = 0; i < mlp_out(g); i++)
			sum += dw[i] * dw[i];
	}
	*ret = sqrt(sum);
	return 0;
}
