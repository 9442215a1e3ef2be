/* SPDX-License-Identifier: MIT */
/*
 * Programs of a kernel device, inside: kernel_program.c makes them and gives them their memory,
 * kernel_queue.c runs them, kernel_device.c is what device.c sees of them.
 */
#ifndef PBIT_WORKER_KERNEL_PROGRAM_H
#define PBIT_WORKER_KERNEL_PROGRAM_H

#include "device_ops.h"
#include "kernel_context.h"

enum kernel_stage {
	STAGE_IDLE, /* or ended: the status stands */
	STAGE_BACKLOG,
	STAGE_ON_DEVICE,
};

/*
 * Programs whose next piece the driver has not been given stand in the backlog; those whose piece
 * it has are on the device, until the event that names its number.
 */
struct kernel_device {
	struct device device;
	struct kernel_context context;
	struct kernel_program *backlog, **backlog_end; /* in order */
	struct kernel_program *on_device;	       /* in no order */
};

/* What is recorded of each recorded sweep. */
struct kernel_trace {
	uint32_t kind;		 /* of its buffer */
	unsigned int accumulate; /* ACC_* */
	size_t row;		 /* bytes of a record */
	struct kernel_buffer buffer;
	void *gathered; /* of a submission in several pieces */
	size_t gathered_size;
};

struct kernel_program {
	struct program program;
	struct kernel_program *next; /* of the list it is on */
	enum kernel_stage stage;
	uint64_t *clamp; /* or NULL */

	uint32_t handle; /* of the driver's program; 0: none */
	uint32_t scan;	 /* of it */
	bool load;	 /* its couplings have changed */
	struct kernel_buffer couplings, states, sums;
	struct kernel_trace energy, state;

	/* The submission. */
	struct submission submission;
	uint64_t *gain;
	size_t gain_size;
	uint32_t most;	      /* sweeps of a piece */
	uint32_t done, piece; /* sweeps: behind it, and in the driver's hands */
	uint64_t sequence;    /* of the piece */
	int status;
	size_t records;
	uint64_t samples, flips, changed, ns;
};

static inline struct kernel_device *to_kernel(struct device *d)
{
	return (struct kernel_device *)d; /* its first member */
}

static inline struct kernel_program *to_kernel_program(struct program *p)
{
	return (struct kernel_program *)p; /* its first member */
}

static inline struct kernel_context *context_of(const struct kernel_program *p)
{
	return &to_kernel(p->program.device)->context;
}

/* kernel_program.c: as the device operations of these names. */
int kernel_program_new(struct device *d, const struct pbm_shape *shape, const uint64_t *clamp,
		       struct program **ret, struct err *e);
void kernel_program_free(struct program *p);

/* Takes over a submission, with all that the driver needs for it. */
int kernel_program_prepare(struct kernel_program *p, const struct submission *s, size_t records,
			   struct err *e);

/* kernel_queue.c: an idle program, prepared, is on its way; must not block. */
void kernel_queue_start(struct kernel_program *p);
/* Until it is idle. Takes the events of all programs. */
int kernel_queue_attend(struct kernel_program *p, struct err *e);
/* It becomes idle soon, with no more pieces. */
void kernel_queue_cancel(struct kernel_program *p);

#endif
