/* SPDX-License-Identifier: MIT */
/*
 * ln Z by annealed importance sampling (Neal 2001; Salakhutdinov and Murray 2008), on the device.
 *
 * Sweep k runs at beta_k = beta k / K, k = 0 .. K - 1. The one at beta_0 = 0 draws fair coins: an
 * exact sample of the start, whose ln Z is (free p-bits) ln 2. Each chain's weight is
 *
 *	ln w = sum_(k = 0 .. K-1) (beta_(k+1) - beta_k) (-E(x_k)),	beta_K = beta,
 *
 * with E of the state *before* the transition at beta_(k+1). E[w] = Z / Z_0 exactly, for any number
 * of betas and any scan that leaves each law invariant; ln of the mean underestimates on average.
 *
 * ln w spreads about a normal law, the less the more betas there are. Where it spreads much, the mean
 * of w lives on weights that are too rare for any chain to come to: ln Z is too low, and the
 * jackknife, which has only the weights that did come, does not see it. *Resolved* means that
 * ess >= AIS_ESS sqrt(chains). Among log-normal weights of all spreads with so much, fewer than 1 in
 * 200 estimates are off by 6 of their errors, and just at this bound the bias is some 0.1 nats; with
 * an ess of 10 from 256 chains, 1 in 15 are. Fewer than 9 chains resolve nothing.
 */
#ifndef PBIT_WORKER_AIS_H
#define PBIT_WORKER_AIS_H

#include "control.h"
#include "couplings.h"
#include "energy_ledger.h"

#define AIS_ESS 3.0

struct ais_options {
	uint32_t chains; /* >= 2 */
	uint32_t betas;	 /* K >= 2 */
	uint32_t scan;
	uint64_t seed;
};

struct ais {
	double log_z;
	double error; /* standard error of log_z: jackknife over the chains */
	double ess;   /* (sum w)^2 / sum w^2, of `chains` */
	bool resolved;
};

/* What is asked of ess. */
double ais_least_ess(uint32_t chains);

/*
 * Of the RBM p with couplings q [n * m], J = scale * q. control may be NULL; otherwise its requests
 * come back as errors (see control.h).
 */
int ais_log_z(struct program *p, const int16_t *q, double scale, double beta, size_t free_units,
	      const struct ais_options *o, struct control *control, struct energy_ledger *ledger,
	      struct ais *ret, struct err *e);

/* The same of one class, with a program of its own. */
int ais_class(struct device *d, const struct couplings *c, unsigned int class,
	      const struct ais_options *o, struct control *control, struct energy_ledger *ledger,
	      struct ais *ret, struct err *e);

#endif
