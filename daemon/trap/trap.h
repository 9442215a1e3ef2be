/* SPDX-License-Identifier: MIT */
/*
 * The trap, shown: the gradient of T_O by differentiating through an eigendecomposition, beside that
 * of the resolvent, both against __float128.
 *
 * This directory alone forms the derivative of an eigendecomposition: an archive of its own, for a
 * program of its own. No job's program has it, and a test of the symbols says so.
 *
 * By eigenpairs (lambda_k, u_k) of the symmetrised P, T_O = sum_a sum_k <f~_a, u_k>^2 /
 * (1 - lambda_k). The derivative of the pairs, as automatic differentiation takes it, has
 * E_jk = 1 / (lambda_k - lambda_j): where two eigenvalues are equal up to rounding it multiplies
 * rounding errors by up to 1e16, and a finite number comes out. Where they are equal to the last bit
 * E is infinite; the usual mend, which is made here, takes 0 for it, and such pairs are counted.
 */
#ifndef PBIT_TRAP_TRAP_H
#define PBIT_TRAP_TRAP_H

#include "exact/run.h"

enum trap_kind {
	TRAP_ZERO,	/* W = 0: eigenvalues 1 - k/N, C(N, k) of each */
	TRAP_SYMMETRIC, /* W unchanged by permutations of p-bits */
	TRAP_TRAINED,	/* the last checkpoint of a cell of the family, as training left it */
	TRAP_CONTROL,	/* well-separated eigenvalues: both routes must be right */
	TRAP_KINDS
};

/* Limits of the verdict. */
#define TRAP_GAP       1e-15 /* a trap has two neighbours at most this far apart */
#define TRAP_WRONG     1e-8  /* a gradient with a larger error is wrong ... */
#define TRAP_RIGHT     1e-11 /* ... and with a smaller one right */
#define TRAP_SEPARATE  1e-6  /* a control's eigenvalues are at least this far apart */
#define TRAP_CONDITION 1e4   /* the resolvent's condition is at most this */

struct trap_case {
	enum trap_kind kind;
	char name[64];
	unsigned int n, m;
	size_t states;
	double t_o;
	double gap;			    /* the smallest between neighbours that is not 0 */
	size_t close;			    /* pairs of neighbours at most TRAP_GAP apart */
	size_t ties;			    /* pairs (of any two) equal to the last bit */
	double gradient;		    /* |dT_O/dW| by __float128, the largest entry */
	double eigh_value, resolvent_value; /* T_O against __float128, relative */
	/*
	 * Largest error of an entry of dT_O/dW, against `gradient`; where that is 0 up to rounding (W = 0),
	 * against T_O.
	 */
	double eigh_error, resolvent_error;
	double eigh_condition;	    /* 1 / gap: how much E multiplies */
	double resolvent_condition; /* of I - P, deflated */
	bool eigh_finite;	    /* every entry of its gradient is a finite number */
	bool eigh_wrong, eigh_right, resolvent_right;
	bool as_expected; /* a trap: finite, wrong, and the resolvent right; a control: both right */
};

struct trap_summary {
	unsigned int cases, controls; /* cases: the controls are not among them */
	unsigned int wrong;	      /* cases where eigh gave a finite wrong number */
	unsigned int resolvent_right; /* cases and controls */
	unsigned int controls_right;  /* controls where both are right */
	double worst_eigh_error, worst_eigh_condition;
	double worst_resolvent_error, worst_resolvent_condition;
	double worst_control_error; /* of either route */
	/*
	 * Of every kind of trap at least one case as expected, most of all cases, the resolvent
	 * right everywhere, and every control as expected. Rounding decides which pairs tie to the
	 * last bit, so that now and then an eigh gradient comes out right by luck.
	 */
	bool shown;
	double seconds; /* wall */
};

struct trap_options {
	uint64_t seed; /* of the trained checkpoints and the controls */
	/* NULL, or called with each case in order, by the calling thread. < 0 stops the run. */
	int (*on_case)(void *data, const struct trap_case *c, unsigned int done,
		       unsigned int count);
	void *data;
};

const char *trap_kind_name(enum trap_kind k); /* "zero", "symmetric", "trained", "control" */
/* The verdict from cases that are there; seconds 0. */
void trap_summarise(const struct trap_case *cases, unsigned int count, struct trap_summary *ret);
/* Cases and controls: the room that trap_run() needs. */
unsigned int trap_count(void);

/* cases[trap_count()]. A trap that is not shown is a result. -ENOMEM, -ECANCELED; -EDOM: LAPACK. */
int trap_run(const struct trap_options *o, const struct exact_run *run, struct trap_case *cases,
	     struct trap_summary *ret, struct err *e);

#endif
