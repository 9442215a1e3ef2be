/* SPDX-License-Identifier: MIT */
/*
 * Do the chains mix? tau_int of the slowest gradient observable over all classes, against the
 * averaging window K, and the verdicts on conditions A6 and A7.
 *
 *	A6: K >> tau_int.  holds: resolved and K / tau_int >= ratio; fails: resolved and below;
 *	not resolved: the trace is too short to tell, whatever number came out.
 *	A7: overlapping-bulk relaxation needs the chain's whole spectrum: not verifiable here.
 */
#ifndef PBIT_WORKER_MIXING_H
#define PBIT_WORKER_MIXING_H

#include <jansson.h>

#include "control.h"
#include "couplings.h"
#include "energy_ledger.h"
#include "negative_phase.h"
#include "tau.h"

enum a6 { A6_HOLDS, A6_FAILS, A6_NOT_RESOLVED };
extern const char *const a6_names[];

struct mixing {
	struct tau tau;	    /* of the slowest observable of all classes */
	unsigned int class; /* whose it is */
	uint32_t K, chains;
	uint32_t traced; /* sweeps of the trace in the end */
	double ratio;
	enum a6 a6;
};

struct mixing_options {
	uint32_t burn;	     /* sweeps before the trace */
	uint32_t tau_sweeps; /* sweeps of the trace */
	uint32_t extend;     /* times it may be made four times as long when tau is not resolved */
	uint32_t scan;
	double ratio;
	uint64_t seed;
	unsigned int model;
	uint64_t epoch;
};

/*
 * From copies of the first chains of each class of np (all of them when the traces stay below 256
 * MiB), which themselves are left as they are. A longer trace begins with the shorter one, and is
 * not tried where it would not fit.
 */
int mixing_measure(struct device *d, const struct couplings *c, const struct negative_phase *np,
		   const struct mixing_options *o, struct control *control,
		   struct energy_ledger *ledger, struct mixing *ret, struct err *e);

/* A6 of tau and K as they stand in x. */
enum a6 mixing_verdict(const struct mixing *x);

/* The keys of the report's "mixing"; NaN becomes null. */
json_t *mixing_to_json(const struct mixing *x);

#endif
