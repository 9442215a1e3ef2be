/* SPDX-License-Identifier: MIT */
/*
 * The job kind "measure": how the chains of a model mix under a reversible scan, at any size, from
 * what they show. Each figure comes with its error, and is a measurement, a bound, or refused.
 */
#ifndef PBIT_WORKER_MEASURE_H
#define PBIT_WORKER_MEASURE_H

#include "energy_ledger.h"
#include "job_model.h"
#include "mixing.h"
#include "t_o.h"

/* Of the states of all chains at all recorded sweeps of one code. */
#define MEASURE_TRACE_BYTES ((size_t)512 << 20)

/*
 * Chains whose mean energy differs between the halves of the trace by more than so many standard
 * errors have not reached pi: nothing is resolved then. 6e-7 of those that have do.
 */
#define MEASURE_DRIFT 5.0

/*
 * A7 asks for a bulk that relaxes at a rate of order 1. It is decided by enumeration alone, of models
 * without reference spins of up to so many states: holds from this rate on, in 1/sweep.
 */
#define MEASURE_A7	  0.1
#define MEASURE_A7_STATES ((size_t)1 << 15)

/* What the chains of one code show. Stands in checkpoints as it stands here. */
struct measured {
	uint64_t code;
	double scale;
	struct tau tau; /* of the slowest v_i h_j */
	struct t_o t_o;
	double drift; /* in standard errors; 0 when nothing moves, NaN when all fall alike */
	double energy, energy_error; /* mean E, in units of J */
	double gamma_bulk;	     /* exact, where the model is even and small; else NaN */
	uint64_t moved;		     /* observables that changed at all */
};

/* Stands in checkpoints as it stands here. */
struct measure_state {
	uint64_t done;	     /* codes */
	uint64_t elapsed_us; /* of all processes of the job; timing only */
	struct energy_ledger ledger;
};

struct measure_job {
	struct job *job;
	const struct spec_measure *spec;
	struct device *device;
	struct rbm_file rbm; /* of the present code */
	uint64_t identity, sequence;
	int64_t started_us;
	unsigned int codes;  /* in all */
	struct measured *of; /* [codes] */
	struct measure_state state;
};

/* measure_chains.c: the present code, whose number is `code`. -EINTR and so on leave *ret alone. */
int measure_code(struct measure_job *m, unsigned int code, struct measured *ret, struct err *e);

/* measure_report.c; NULL when out of memory. */
json_t *measure_report(const struct measure_job *m);

#endif
