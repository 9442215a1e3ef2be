/* SPDX-License-Identifier: MIT */
/*
 * The integrated autocorrelation time, tau_int = 1 + 2 sum_(t >= 1) rho(t), in sweeps, of what
 * parallel chains show over time.
 *
 * rho is pooled: means and products are taken over all chains together, so that chains that sit in
 * different modes show up as correlation that does not decay, instead of vanishing in a mean per
 * chain. The window is Sokal's: tau(L) sums rho(1) .. rho(L), L the smallest with L >= 5 tau(L).
 * *Resolved* means, all of it:
 *   - the doubling rule, |tau(2L) - tau(L)| / tau(L) < 0.15;
 *   - 2L within half of the trace;
 *   - the standard error sqrt(2 (2L + 1) / samples) (Madras and Sokal 1988) below 0.15 too.
 * Otherwise the number is a guess, and resolved is false: never a default pass.
 */
#ifndef PBIT_WORKER_TAU_H
#define PBIT_WORKER_TAU_H

#include "err.h"
#include "machine.h"

#define TAU_DOUBLING 0.15
#define TAU_WINDOW   5.0

/*
 * Of tau_search_find(). Below this part of the slowest tau, a block tau alone tells a faster
 * observable. One that is looked at and not resolved may be slower by the factor TAU_OPEN than what
 * was seen of it: 3 standard errors of a block tau, and what the doubling rule allows. A block tau
 * of so many times the tau is more than an error of its own.
 */
#define TAU_FASTER 0.5
#define TAU_OPEN   1.5
#define TAU_BELIED 2.0

struct tau {
	double tau;    /* the larger of tau_l and tau_2l; NaN when nothing moved */
	double tau_l;  /* over Sokal's window L */
	double tau_2l; /* over 2L */
	double error;  /* standard error of tau_l */
	size_t window; /* L, in records */
	bool resolved;
	unsigned int v, h;  /* of a product v_i h_j: i and j */
	size_t observables; /* tau_search_find(): how many moved at all */
	size_t constant;    /* tau_search_find(): free ones that never did, in no chain */
};

/*
 * The search for the slowest gradient observable f_ij = -v_i h_j over several RBMs of one shape,
 * the classes of a model: first add each one's trace, then find.
 *
 * Screening: tau_search_add() gives every observable the tau of its means over blocks,
 * B Var(block mean) / Var, over all chains; B is a power of two, about samples / 256, so that this
 * figure has a standard error of some 9 %. tau_search_find() takes full taus in falling order of it
 * and stops where the block tau is below half of the slowest full one. A block tau falls short of
 * the true one by about the fraction tau / 2B, which is at most 15 % where the trace is long enough
 * to resolve tau at all: an observable that is as slow as the slowest is skipped only if its block
 * tau is off by 4 standard errors, and so are those of all others that share its slow mode.
 *
 * The slowest of those whose tau is known is the slowest of all only where none of the others may
 * be it. So the answer is resolved if the slowest one is, and
 *   - every observable that is not known to be faster is resolved, too: by the rules above, and by
 *     a block tau of at most TAU_BELIED times its tau. One that is longer shows a slow mode of a
 *     small part of the variance, on which Sokal's window closes too early;
 *   - every free p-bit that is not held moved in the course of some chain. Of one that stood still
 *     nothing is known, and its products with p-bits that move would pass for fast.
 */
struct tau_search;
struct crew;

/* crew: who does the work, borrowed; or NULL. What is found does not depend on it. */
int tau_search_new(const struct pbm_shape *shape, const uint64_t *clamp, unsigned int classes,
		   struct crew *crew, struct tau_search **ret, struct err *e);
struct tau_search *tau_search_free(struct tau_search *s);

/*
 * states: [records][chains][pbm_state_words(shape)] of the next class, one record a sweep, copied.
 * Products of two clamped p-bits are no observables. Free observables that never change in any
 * chain have no tau and are counted apart. *ret_moved: how many did change. held: a mask of p-bits
 * that may stand still (held.h), or NULL. -ENOMEM only.
 */
int tau_search_add(struct tau_search *s, const uint64_t *states, size_t records,
		   const uint64_t *held, size_t *ret_moved, struct err *e);

/* p-bits that moved in no chain of a class, neither clamped nor held: of all classes. */
size_t tau_search_still(const struct tau_search *s);

/* Nothing moved: tau NaN, not resolved. *ret_class counts the traces in the order added. */
void tau_search_find(struct tau_search *s, struct tau *ret, unsigned int *ret_class);

/*
 * The tau of one observable v_i h_j, from the same kind of trace. block: 1, or a power of two up to
 * 64: records are first summed in blocks y of so many, b^2 times less work for
 *
 *	tau(x) = Var(y) / (b Var(x)) tau(y),
 *
 * which is exact but for the window, whose end is blurred over a block; tau_search_find() takes
 * blocks of at most an eighth of the tau.
 */
int tau_of_product(const struct pbm_shape *shape, const uint64_t *states, size_t records,
		   unsigned int i, unsigned int j, unsigned int block, struct tau *ret,
		   struct err *e);

/* The tau of a real series x: [records][chains], in records. */
void tau_of_series(const double *x, size_t records, size_t chains, struct tau *ret);

#endif
