/* SPDX-License-Identifier: MIT */
/*
 * Jobs on a device, and the same jobs by the p-bit machine in user space (the scalar route), whose
 * bits are the right ones. Each call checks that it succeeds.
 */
#ifndef VM_JOB_H
#define VM_JOB_H

#include <linux/pbit.h>
#include <sys/ioctl.h>

#include "check.h"
#include "machine.h"

struct buffer {
	uint32_t handle;
	size_t size;
	uint64_t offset;
	void *mem;
};

/* Mapped, and seen to be zero throughout. */
struct buffer buffer_new(int fd, uint32_t kind, size_t size);
void buffer_free(int fd, struct buffer *b);

struct job_spec {
	struct pbm_shape shape;
	uint32_t scan, sweeps, every;
	bool clamp; /* p-bits 0 and 15 */
	bool ramp;
	int amplitude;			 /* of the couplings */
	const struct pbm_spread *spread; /* of the device's p-bits; NULL for an ideal one */
};

struct job {
	struct job_spec spec;
	struct buffer w, states, sums, energy, trace;
	uint64_t *mask;	 /* clamped p-bits */
	uint64_t *gain;	 /* [sweeps] */
	uint64_t *start; /* states before the first run */
	uint32_t program;
	size_t words, records, sum_bytes;
};

/* Couplings are noise; states are random but for what a run with PBIT_SUBMIT_RANDOM replaces. */
struct job job_new(int fd, const struct job_spec *spec);
void job_free(int fd, struct job *j);
struct pbit_program_create job_program(const struct job *j); /* what it was made with */

/* Everything that can be asked for; or sweeps alone that take hours. */
struct pbit_submit job_args(const struct job *j);
struct pbit_submit job_endless(const struct job *j);

uint64_t submit(int fd, struct pbit_submit *a);				 /* the sequence number */
struct pbit_event event_wait(int fd);					 /* waits in poll() */
bool same_event(const struct pbit_event *a, const struct pbit_event *b); /* but for times */

/* What job_args() ought to leave behind. */
struct reference {
	uint64_t *states, *trace;
	int64_t *sums, *energy;
	struct pbit_event event; /* flips, changed and samples of it */
};

struct reference reference_new(const struct job *j);
void reference_free(struct reference *r);

/* Puts the states back, and spoils what a run must write. */
void job_rewind(struct job *j);
void job_compare(const struct job *j, const struct reference *r, const struct pbit_event *e);

/* job_args() from the start to its event, compared, which it returns. Nothing else is under way. */
struct pbit_event job_run(int fd, struct job *j, const struct reference *r);

#endif
