/* SPDX-License-Identifier: MIT */
/*
 * The family: small hypernetworks, each trained and then judged, whether G1b is constructed.
 *
 * A cell is (m, s, k, r), numbered in this order, r fastest:
 *
 *	m = 4, 5, 6	the RBM is m x m, without biases, beta 1
 *	s = 1 .. 4	split axis: which Walsh vector the teacher's law is split along (teacher.h)
 *	k = 0 .. 3	teacher code u_k: the one at which the cell is judged. Training sees all four.
 *	r = 0 .. 3	start: each cell has a phi_0 of its own, from (seed, the cell's number)
 *
 * so 3 x 4 x 4 x 4 = 192 cells, of 192 networks. g_phi is a tanh MLP 2 - 8 - m^2 (mlp.h). Training
 * (learner.h): FAMILY_STEPS steps of Adam down the mean over the codes of KL(teacher || model), by
 * exact gradients, and FAMILY_CHECKPOINTS checkpoints on the way, the start and the end among them.
 * The end is the anchor, where the gate stands.
 *
 * The objective is T_O of the random scan (mixing.h). G1b is constructed in a cell when
 *
 *	(a) T_O and its gradient in phi are finite at every checkpoint, without a refusal;
 *	(b) W depends on u: the Jacobian dW/du at the anchor is not zero;
 *	(c) independent evaluations of the objective agree: T_O against the __float128 resolvent to
 *	    FAMILY_VALUE_LIMIT, and against the eigenvalue sum (value only) to FAMILY_SUM_LIMIT;
 *	(d) the gradient in phi agrees with the __float128 one to FAMILY_REFERENCE_LIMIT, and along
 *	    FAMILY_DIRECTIONS frozen random directions with best-step central differences to
 *	    FAMILY_GRADIENT_LIMIT.
 *
 * All agreements are relative, to the quantity itself: |a - b| / |b|; of a gradient, the largest
 * error of an entry against the largest entry; of a difference, against the directional derivative.
 */
#ifndef PBIT_EXACT_FAMILY_H
#define PBIT_EXACT_FAMILY_H

#include "run.h"

#define FAMILY_CELLS	       192
#define FAMILY_SMALLEST	       4 /* m */
#define FAMILY_STARTS	       4
#define FAMILY_STEPS	       60
#define FAMILY_CHECKPOINTS     5
#define FAMILY_DIRECTIONS      5
#define FAMILY_VALUE_LIMIT     1e-14
#define FAMILY_SUM_LIMIT       1e-13
#define FAMILY_REFERENCE_LIMIT 1e-12
#define FAMILY_GRADIENT_LIMIT  1e-7
#define FAMILY_JACOBIAN_LIMIT  1e-6 /* (b): |dW/du|, Frobenius, against |W| */

/* A figure that could not be measured is NaN. */
struct family_cell {
	unsigned int index, m, axis, code, start;
	bool done; /* the rest says something */

	bool finite, depends, agrees, gradient_holds; /* (a) to (d) */
	bool constructed;			      /* all four */
	char why[160]; /* the first criterion that failed, a sentence; "" when constructed */

	unsigned int params;		       /* length of phi */
	double kl_start, kl_end;	       /* mean KL(teacher || model) over the codes, nats */
	double t_o;			       /* at the anchor, in steps */
	double tau_max;			       /* at the anchor, steps */
	double condition, residual;	       /* of the solve at the anchor */
	double couplings;		       /* |W|, Frobenius */
	double jacobian;		       /* |dW/du|, Frobenius */
	double value_absolute, value_relative; /* T_O, double against __float128 */
	double sum_relative;		       /* T_O against the eigenvalue sum */
	double reference_w, reference_phi;     /* gradient in W and in phi against __float128 */
	double gradient_error;		       /* worst of the directions, at its best step */
	double gradient_step;		       /* the best step of that direction */
	double seconds;			       /* of processor time */
};

struct family_summary {
	unsigned int cells, constructed;
	double worst_value_absolute, worst_value_agreement; /* the latter relative */
	double worst_sum_agreement;
	double worst_reference_error; /* gradient in W or phi against __float128 */
	double worst_gradient_error;  /* against central differences */
	double worst_condition;
	double seconds; /* wall */
};

struct family_options {
	uint64_t seed;		   /* of phi_0 and of the directions */
	unsigned int first, count; /* cells first .. first + count - 1; count 0: to the last */
	/*
	 * NULL, or called once a cell as cells end, by the thread that called family_run(); done of
	 * count. Less than 0 stops the run, and is what family_run() returns.
	 */
	int (*on_cell)(void *data, const struct family_cell *c, unsigned int done,
		       unsigned int count);
	void *data;
};

/*
 * cells[count] is filled in order. Cells are spread over run->threads threads, each cell on one: the
 * same bits (but `seconds`) for any number of threads. run->progress may be NULL beside on_cell.
 * A cell that fails its gate is a result; errors are -EINVAL for a range past the family, -ENOMEM,
 * -EFBIG (run->memory), -ECANCELED (run->cancel).
 */
int family_run(const struct family_options *o, const struct exact_run *run,
	       struct family_cell *cells, struct family_summary *ret, struct err *e);

#endif
