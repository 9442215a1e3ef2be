// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "blas.h"
#include "mlp.h"
#include "splitmix.h"
#include "wide.h"

/* The matrix into layer l + 1 and the bias after it; inputs and outputs of layer l -> l + 1. */
static inline double *matrix_of(const struct mlp *m, unsigned int l)
{
	return m->phi + m->at[l];
}

static inline bool has_bias(const struct mlp *m, unsigned int l)
{
	return !(m->table && l == m->layers);
}

static inline double *bias_of(const struct mlp *m, unsigned int l)
{
	return m->phi + m->at[l] + m->width[l] * m->width[l + 1];
}

static int layout(struct mlp *m, struct err *e)
{
	size_t at = 0, size;

	for (unsigned int l = 0; l <= m->layers; l++) {
		m->at[l] = at;
		if (!size_mul(m->width[l] + has_bias(m, l), m->width[l + 1], &size) ||
		    !size_add(at, size, &at) || at > MLP_MAX_PARAMS)
			return err_set(
				e, -EFBIG,
				"the network from codes of %zu numbers to %zu couplings has more than "
				"%zu parameters; use narrower layers or fewer p-bits",
				mlp_code_dim(m), mlp_out(m), MLP_MAX_PARAMS);
	}
	m->params = at;
	return 0;
}

static int check_widths(const struct mlp *m, struct err *e)
{
	for (unsigned int l = 0; l <= m->layers + 1; l++) {
		if (!m->width[l])
			return err_set(e, -EINVAL, "layer %u of the network has no units", l);
		if (m->width[l] > MLP_MAX_PARAMS)
			return err_set(e, -EFBIG,
				       "layer %u of the network has %zu units; at most %zu", l,
				       m->width[l], MLP_MAX_PARAMS);
	}
	return 0;
}

static int new_network(size_t code_dim, const unsigned int *layer_widths, unsigned int layers,
		       size_t out, bool table, struct mlp **ret, struct err *e)
{
	_cleanup_mlp_ struct mlp *m = NULL;
	int r;

	if (layers > SPEC_MAX_LAYERS)
		return err_set(e, -EINVAL, "the network has %u layers; at most %u", layers,
			       SPEC_MAX_LAYERS);
	m = alloc_zeroed(1, sizeof(*m));
	if (!m)
		return err_oom(e);
	m->layers = layers;
	m->table = table;
	m->width[0] = code_dim;
	for (unsigned int l = 0; l < layers; l++)
		m->width[l + 1] = layer_widths[l];
	m->width[layers + 1] = out;

	r = check_widths(m, e);
	if (r < 0)
		return r;
	r = layout(m, e);
	if (r < 0)
		return r;
	m->phi = alloc_zeroed(m->params, sizeof(*m->phi));
	if (!m->phi)
		return err_oom(e);
	*ret = TAKE_PTR(m);
	return 0;
}

int mlp_new(size_t code_dim, const unsigned int *layer_widths, unsigned int layers, size_t out,
	    struct mlp **ret, struct err *e)
{
	return new_network(code_dim, layer_widths, layers, out, false, ret, e);
}

int mlp_new_table(size_t codes, size_t out, struct mlp **ret, struct err *e)
{
	return new_network(codes, NULL, 0, out, true, ret, e);
}

struct mlp *mlp_free(struct mlp *m)
{
	if (m)
		free(m->phi);
	free(m);
	return NULL;
}

void mlp_init(struct mlp *m, uint64_t seed, double out_sd)
{
	memset(m->phi, 0, m->params * sizeof(*m->phi));
	for (unsigned int l = 0; l <= m->layers; l++) {
		size_t size = m->width[l] * m->width[l + 1];
		double sd = l < m->layers ? 1 : out_sd;

		if (!m->table)
			sd /= sqrt((double)m->width[l]);
		for (size_t i = 0; i < size; i++)
			matrix_of(m, l)[i] = sd * splitmix_normal(seed, m->at[l] + i);
	}
}

void mlp_table_add(struct mlp *m, size_t code, const double *w0)
{
	for (size_t i = 0; i < mlp_out(m); i++)
		m->phi[i * mlp_code_dim(m) + code] += w0[i];
}

void mlp_add_baseline(struct mlp *m, const double *w0)
{
	if (m->table) {
		for (size_t u = 0; u < mlp_code_dim(m); u++)
			mlp_table_add(m, u, w0);
		return;
	}
	for (size_t i = 0; i < mlp_out(m); i++)
		bias_of(m, m->layers)[i] += w0[i];
}

void mlp_decay_mask(const struct mlp *m, const uint8_t *free_out, uint8_t *mask)
{
	size_t in = m->width[m->layers];
	uint8_t *last = mask + m->at[m->layers];

	memset(mask, 0, m->params);
	for (unsigned int l = 0; l < m->layers; l++)
		memset(mask + m->at[l], 1, m->width[l] * m->width[l + 1]);
	for (size_t i = 0; i < mlp_out(m); i++) {
		uint8_t decays = !(free_out && free_out[i]);

		memset(last + i * in, decays, in);
		if (!m->table)
			last[mlp_out(m) * in + i] = decays;
	}
}

void mlp_tape_free(struct mlp_tape *t)
{
	for (size_t l = 0; l < ARRAY_SIZE(t->act); l++)
		free(t->act[l]);
	memset(t, 0, sizeof(*t));
}

/* act[0] is the copy of the codes; the last layer's output goes straight to the caller. */
static int tape_prepare(const struct mlp *m, size_t rows, struct mlp_tape *t, struct err *e)
{
	if (t->rows == rows)
		return 0;
	mlp_tape_free(t);
	for (unsigned int l = 0; l <= m->layers; l++) {
		size_t size;

		if (size_mul(rows, m->width[l], &size))
			t->act[l] = alloc_zeroed(size, sizeof(double));
		if (!t->act[l]) {
			mlp_tape_free(t);
			return err_oom(e);
		}
	}
	t->rows = rows;
	return 0;
}

WIDE_BODY scale_body(size_t count, double x, const double *from, double *restrict to)
{
	for (size_t k = 0; k < count; k++)
		to[k] = x * from[k];
}
WIDE(scale, (size_t count, double x, const double *from, double *restrict to), (count, x, from, to))

/* A layer's way up, or a gradient's way down: below and above have `rows` rows, in phi and grad. */
struct layer {
	const struct mlp *m;
	unsigned int l;
	size_t rows;
	const double *below;
	double *above;	  /* up */
	const double *up; /* down: the gradient in what is above */
	double *grad;
};

/* A matrix of one column and no bias, which scales a vector: the same products, without more. */
static bool is_column(const struct layer *x)
{
	return x->rows == 1 && x->m->width[x->l] == 1 && !has_bias(x->m, x->l);
}

static void affine_part(void *data, size_t k)
{
	const struct layer *x = data;
	const struct mlp *m = x->m;
	size_t in = m->width[x->l], out = m->width[x->l + 1], from, some = crew_part(out, k, &from);

	if (is_column(x)) {
		scale(some, x->below[0], matrix_of(m, x->l) + from, x->above + from);
		return;
	}
	for (size_t u = 0; has_bias(m, x->l) && u < x->rows; u++)
		memcpy(x->above + u * out + from, bias_of(m, x->l) + from,
		       some * sizeof(*x->above));
	blas_gemm_columns(x->rows, out, in, x->below, matrix_of(m, x->l), from, some,
			  has_bias(m, x->l), x->above);
}

/* next = prev A' + b, the affine part of layer l -> l + 1. */
static void affine(const struct mlp *m, unsigned int l, const double *prev, size_t rows,
		   double *next)
{
	struct layer x = { .m = m, .l = l, .rows = rows, .below = prev, .above = next };

	crew_run(m->crew, crew_parts(m->width[l + 1]), affine_part, &x);
}

int mlp_forward(const struct mlp *m, const double *codes, size_t rows, double *w,
		struct mlp_tape *tape, struct err *e)
{
	_cleanup_mlp_tape_ struct mlp_tape own = {};
	struct mlp_tape *t = tape ?: &own;
	int r;

	if (!rows || rows > MLP_MAX_PARAMS)
		return err_set(e, -EINVAL, "%zu codes given to the network; from 1 to %zu", rows,
			       MLP_MAX_PARAMS);
	r = tape_prepare(m, rows, t, e);
	if (r < 0)
		return r;
	memcpy(t->act[0], codes, rows * m->width[0] * sizeof(*codes));
	for (unsigned int l = 0; l < m->layers; l++) {
		affine(m, l, t->act[l], rows, t->act[l + 1]);
		for (size_t i = 0; i < rows * m->width[l + 1]; i++)
			t->act[l + 1][i] = tanh(t->act[l + 1][i]);
	}
	affine(m, m->layers, t->act[m->layers], rows, w);
	return 0;
}

/* Columns of d (rows x width) summed: some of them. */
static void sum_rows(const double *d, size_t rows, size_t width, size_t some, double *sum)
{
	memset(sum, 0, some * sizeof(*sum));
	for (size_t u = 0; u < rows; u++)
		for (size_t i = 0; i < some; i++)
			sum[i] += d[u * width + i];
}

static void gradient_part(void *data, size_t k)
{
	const struct layer *x = data;
	size_t in = x->m->width[x->l], out = x->m->width[x->l + 1], from,
	       some = crew_part(out, k, &from);

	if (is_column(x)) {
		scale(some, x->below[0], x->up + from, x->grad + from);
		return;
	}
	blas_gemm_rows(out, in, x->rows, x->up, x->below, from, some, x->grad);
	if (has_bias(x->m, x->l))
		sum_rows(x->up + from, x->rows, out, some, x->grad + in * out + from);
}

int mlp_backward(const struct mlp *m, const struct mlp_tape *t, const double *dw, double *grad,
		 struct err *e)
{
	_cleanup_free_ double *d = NULL, *below = NULL;
	size_t widest = 1;
	const double *up = dw; /* the gradient in the layer's pre-activations */

	for (unsigned int l = 1; l <= m->layers; l++)
		widest = MAX(widest, m->width[l]);
	d = alloc_zeroed(t->rows * widest, sizeof(*d));
	below = alloc_zeroed(t->rows * widest, sizeof(*below));
	if (!d || !below)
		return err_oom(e);

	for (unsigned int l = m->layers + 1; l-- > 0;) {
		size_t in = m->width[l], out = m->width[l + 1];
		struct layer x = { .m = m,
				   .l = l,
				   .rows = t->rows,
				   .below = t->act[l],
				   .up = up,
				   .grad = grad + m->at[l] };
		double *swap;

		crew_run(m->crew, crew_parts(out), gradient_part, &x);
		if (!l)
			break;
		blas_gemm(false, false, t->rows, in, out, up, matrix_of(m, l), 0, below);
		for (size_t i = 0; i < t->rows * in; i++)
			below[i] *= 1 - t->act[l][i] * t->act[l][i];
		swap = d;
		d = below;
		below = swap;
		up = d;
	}
	return 0;
}

int mlp_code_tangent(const struct mlp *m, const double *code, const double *du, double *dw,
		     struct err *e)
{
	_cleanup_mlp_tape_ struct mlp_tape t = {};
	_cleanup_free_ double *w = alloc_zeroed(mlp_out(m), sizeof(*w));
	const double *below = du;
	int r;

	if (!w)
		return err_oom(e);
	r = mlp_forward(m, code, 1, w, &t, e);
	if (r < 0)
		return r;
	/* The tape's layers turn into their tangents, from the code up. */
	for (unsigned int l = 0; l < m->layers; l++) {
		size_t out = m->width[l + 1];
		double *act = t.act[l + 1];

		for (size_t i = 0; i < out; i++) {
			const double *row = matrix_of(m, l) + i * m->width[l];
			double sum = 0;

			for (size_t j = 0; j < m->width[l]; j++)
				sum += row[j] * below[j];
			act[i] = (1 - act[i] * act[i]) * sum;
		}
		below = act;
	}
	blas_gemm(false, true, 1, mlp_out(m), m->width[m->layers], below, matrix_of(m, m->layers),
		  0, dw);
	return 0;
}
