/* SPDX-License-Identifier: MIT */
/*
 * Device operations: what a job needs of a p-bit device, whatever stands behind it. One small
 * table, one file a backend; job code sees nothing but this header.
 *
 * A device runs programs. A program is a network of a given shape with its couplings, the states
 * of its chains and its last results. Submission does not block; several programs of one device
 * may be in flight, and each gives bits that depend on nothing but its own inputs.
 */
#ifndef PBIT_WORKER_DEVICE_H
#define PBIT_WORKER_DEVICE_H

#include "err.h"
#include "machine.h"

struct device;
struct program;

struct device_info {
	char name[32];	  /* "embedded0", "pbit0" */
	char backend[32]; /* "embedded", "emulated": software here, in the kernel; "pci" */
	char route[16];	  /* as pbm_isa_name(); "device" where it is no software */
	unsigned int threads;
	bool serial; /* one program at a time, and shared with others: device times add up */
	bool ideal;  /* p-bits follow the law as it stands: the bits are those of any such device */
	uint64_t p_bits_hash; /* of how they differ, where they do */
};

/* What to accumulate. */
enum {
	ACC_MOMENTS = 1 << 0,	   /* vh, v, h */
	ACC_ENERGY = 1 << 1,	   /* energy sum */
	ACC_ENERGY_TRACE = 1 << 2, /* energy of each chain at each recorded sweep */
	ACC_STATE_TRACE = 1 << 3,  /* states of each chain at each recorded sweep */
	ACC_NEAR = 1 << 4,	   /* with ACC_MOMENTS: vh may come as s16, in near */
};

struct submission {
	uint64_t seed;
	uint64_t sweep0;
	uint32_t sweeps;
	uint32_t every; /* record after each so many sweeps */
	uint32_t scan;
	uint32_t gains;		 /* 1, or equal to sweeps */
	const uint64_t *gain;	 /* copied */
	unsigned int accumulate; /* ACC_* */
	bool waits;		 /* who submits it does nothing else until it has ended */
};

/* Valid from program_wait() to the program's next submission. Not accumulated: NULL, or zero. */
struct results {
	const int64_t *vh, *v, *h;   /* [n*m], [n], [m]: sums over `samples` */
	const int16_t *near;	     /* vh, where that is NULL */
	int64_t energy;		     /* sum over samples, in units of the coupling scale */
	const int64_t *energy_trace; /* [records][chains] */
	const uint64_t *state_trace; /* [records][chains][state_words] */
	uint64_t records, samples;
	uint64_t flips, changed;
	uint64_t ns;	     /* device time */
	uint64_t moments_ns; /* of it, for the moments; 0 where the device does not tell */
	uint64_t end_ns;     /* when it ended, by CLOCK_MONOTONIC; likewise */
};

/* The embedded device: the p-bit machine in this process, on `threads` threads (>= 1). */
int device_open_embedded(unsigned int threads, struct device **ret, struct err *e);
/* The same with one route forced, for tests and benchmarks; -EOPNOTSUPP when the CPU lacks it. */
int device_open_embedded_isa(unsigned int threads, enum pbm_isa isa, struct device **ret,
			     struct err *e);
/*
 * /dev/pbitN by a context that is open already, which the device takes over. name: "pbit0".
 * -ENODEV, from this and from whatever is asked of it or its programs later: the device is gone,
 * and the same work is to be done on another one.
 */
int device_open_fd(int fd, const char *name, struct device **ret, struct err *e);
struct device *device_close(struct device *d); /* programs must be gone */
void device_get_info(const struct device *d, struct device_info *ret);

/* clamp: [pbm_state_words] mask, copied, or NULL. States start as zeros (all -1). */
int program_new(struct device *d, const struct pbm_shape *shape, const uint64_t *clamp,
		struct program **ret, struct err *e);
struct program *program_free(struct program *p); /* in flight: cancelled first */
const struct pbm_shape *program_shape(const struct program *p);

/* n x m row major, |w| <= 127 or 32767 by shape.bits; -ERANGE with the place otherwise. */
int program_set_couplings(struct program *p, const int16_t *w, struct err *e);

/*
 * The couplings of `of`, a program of the same device and network, hold for p as well from now on,
 * whenever they are set; p has none of its own. One program can share with one other, that must not
 * be freed before p.
 */
void program_share_couplings(struct program *p, struct program *of);

/* [chains][state_words], the program's own memory; not to be touched between submit and wait. */
uint64_t *program_states(struct program *p);

int program_submit(struct program *p, const struct submission *s, struct err *e);
int program_wait(struct program *p, struct results *ret, struct err *e);

/* Gives up the run in flight, if any: it leaves no results, and chains that are of no use. */
void program_cancel(struct program *p);

static inline int program_run(struct program *p, const struct submission *s, struct results *ret,
			      struct err *e)
{
	struct submission waited = *s;
	int r;

	waited.waits = true;
	r = program_submit(p, &waited, e);
	return r < 0 ? r : program_wait(p, ret, e);
}

/*
 * gain = 2 beta scale log2(e) in PBM_GAIN_FRAC fixed point, by integer arithmetic on the doubles'
 * mantissas: the same on every machine. Saturates at all ones. beta and scale finite and >= 0.
 */
uint64_t gain_from_beta(double beta, double scale);

#endif
