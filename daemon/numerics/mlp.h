/* SPDX-License-Identifier: MIT */
/*
 * The hypernetwork W = g_phi(u): an MLP from a code u to the couplings of one RBM.
 *
 *	a_0 = u,  a_l = tanh(A_l a_(l-1) + b_l)  (l = 1 .. layers),  W = B a_layers + c
 *
 * W comes out as `out` = n * m numbers, row major. phi is one vector, in the order
 * A_1 (width x width before, row major), b_1, A_2, b_2, ..., B (out x width), c (out).
 *
 * The table is the degenerate g_phi of RBMs that share nothing: no tanh layer and no c, so that
 * for one-hot codes column u of B is W_u itself. Everything below works on it alike.
 *
 * All algebra is OpenBLAS dgemm on one thread: the same phi gives the same bits for any number of
 * threads of the process. OpenBLAS has kernels by CPU, so another kind of CPU may round otherwise.
 */
#ifndef PBIT_NUMERICS_MLP_H
#define PBIT_NUMERICS_MLP_H

#include "crew.h"
#include "err.h"
#include "spec.h"

#define MLP_MAX_PARAMS ((size_t)1 << 28)

struct mlp {
	unsigned int layers;		   /* tanh layers; 0: W is affine in u */
	size_t width[SPEC_MAX_LAYERS + 2]; /* code, tanh layers, out */
	size_t at[SPEC_MAX_LAYERS + 1];	   /* where the matrix of each layer starts in phi */
	bool table;			   /* no output bias c */
	size_t params;			   /* length of phi */
	double *phi;			   /* owned */
	struct crew *crew;		   /* borrowed, or NULL; the bits are the same */
};

/* What forward leaves for backward: what enters each layer, rows x width. Starts as zeros. */
struct mlp_tape {
	size_t rows;
	double *act[SPEC_MAX_LAYERS + 1]; /* act[0]: a copy of the codes */
};

/* phi all zero. -EINVAL for a zero width, -EFBIG above MLP_MAX_PARAMS. */
int mlp_new(size_t code_dim, const unsigned int *layer_widths, unsigned int layers, size_t out,
	    struct mlp **ret, struct err *e);
/* The table of `codes` matrices of `out` couplings. */
int mlp_new_table(size_t codes, size_t out, struct mlp **ret, struct err *e);
struct mlp *mlp_free(struct mlp *m);
static inline void mlp_freep(struct mlp **m)
{
	*m = mlp_free(*m);
}

/* The code length and the number of couplings. */
static inline size_t mlp_code_dim(const struct mlp *m)
{
	return m->width[0];
}
static inline size_t mlp_out(const struct mlp *m)
{
	return m->width[m->layers + 1];
}

/* The table of one code, where that is 1: W is phi, and the gradient in phi is the one in W. */
static inline bool mlp_is_identity(const struct mlp *m, const double *codes)
{
	return m->table && !m->layers && mlp_code_dim(m) == 1 && codes[0] == 1;
}

/*
 * Normal numbers that are a function of (seed, place in phi) alone: hidden layers with standard
 * deviation 1 / sqrt(inputs), the last matrix with out_sd / sqrt(inputs), a table with out_sd.
 * Biases: 0. The last matrix is to be small, so that every W_u starts near c.
 */
void mlp_init(struct mlp *m, uint64_t seed, double out_sd);

/*
 * Adds w0[out] to every W_u: to c, or to each row of a table. With w0 the couplings of the
 * independent-pixels model (independent_visible_bias()) the network starts at that baseline.
 */
void mlp_add_baseline(struct mlp *m, const double *w0);
/* Table only: adds w0[out] to W_u of this code alone. */
void mlp_table_add(struct mlp *m, size_t code, const double *w0);

/*
 * Where which[i] != 0, row i of the last matrix becomes the least-squares fit of W_u[i] to
 * target[u][i] at these codes (ridge 1e-6, so the smallest such row); c stays. With at least as
 * many units before it as codes, the fit is exact to about 1e-5. codes: rows x code_dim, target:
 * rows x out, of which only the chosen columns are read. Fitted to the visible biases of
 * independent pixels, every class starts at its own baseline.
 */
int mlp_fit_outputs(struct mlp *m, const double *codes, size_t rows, const uint8_t *which,
		    const double *target, struct err *e);

/*
 * 1 for the entries of phi that weight decay shrinks, 0 for the others: the biases b, and in the
 * last matrix and c everything that leads to a coupling with free_out[i] != 0 (the visible biases).
 * free_out[out], or NULL for none.
 */
void mlp_decay_mask(const struct mlp *m, const uint8_t *free_out, uint8_t *mask);

/*
 * codes: rows x code_dim, w: rows x out, both row major. tape may be NULL; otherwise it is made on
 * first use, and made anew when rows change. Free it with mlp_tape_free().
 */
int mlp_forward(const struct mlp *m, const double *codes, size_t rows, double *w,
		struct mlp_tape *tape, struct err *e);

/*
 * dw: rows x out, the gradient of a loss in W at the tape's forward pass. grad[params] is set (not
 * added to): grad = sum over rows of (dW_u/dphi)' dw_u.
 */
int mlp_backward(const struct mlp *m, const struct mlp_tape *tape, const double *dw, double *grad,
		 struct err *e);

/*
 * dw[out] = (dW/du) du at one code: the derivative of the couplings along du[code_dim]. The Jacobian
 * of W in u, a column at a time.
 */
int mlp_code_tangent(const struct mlp *m, const double *code, const double *du, double *dw,
		     struct err *e);

/* Frees and zeroes. */
void mlp_tape_free(struct mlp_tape *t);
#define _cleanup_mlp_	   _cleanup_(mlp_freep)
#define _cleanup_mlp_tape_ _cleanup_(mlp_tape_free)

#endif
