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

struct tau {
	double tau;	   /* the larger of tau_l and tau_2l; NaN when nothing moved */
	double tau_l;	   /* over Sokal's window L */
	double tau_2l;	   /* over 2L */
	double error;	   /* standard error of tau_l */
	size_t window;	   /* L, in records */
	bool resolved;
	unsigned int v, h; /* tau_slowest(): the observable v_i h_j */
	size_t observables; /* tau_slowest(): how many moved at all */
	size_t constant;    /* tau_slowest(): free ones that never did, in no chain */
};

/*
 * The slowest gradient observable f_ij = -v_i h_j of an RBM: the one with the largest tau.
 *
 * states: [records][chains][pbm_state_words(shape)], records >= 1, one record a sweep. clamp: mask
 * of clamped p-bits, or NULL; products of two clamped p-bits are no observables. Free observables
 * that never change in any chain have no tau and are counted apart.
 *
 * Screening: each observable gets the tau of its means over blocks of 128 sweeps (64 or the whole
 * trace when that is short) first, B Var(block mean) / Var, over all chains. In falling order of
 * it the full tau is computed, until the block tau is below half of the slowest full one. A block
 * tau has standard error sqrt(2 / blocks) (6 % for 64 chains of 1024 sweeps) and falls short by
 * less than tau / B, or saturates near B: what is skipped is not the slowest.
 *
 * -ENOMEM only. Nothing moved: tau NaN, not resolved.
 */
int tau_slowest(const struct pbm_shape *shape, const uint64_t *clamp, const uint64_t *states,
		size_t records, struct tau *ret, struct err *e);

/* The tau of one observable v_i h_j, from the same trace. */
int tau_of_product(const struct pbm_shape *shape, const uint64_t *states, size_t records,
		   unsigned int i, unsigned int j, struct tau *ret, struct err *e);

/* The tau of a real series x: [records][chains], in records. */
void tau_of_series(const double *x, size_t records, size_t chains, struct tau *ret);

#endif
