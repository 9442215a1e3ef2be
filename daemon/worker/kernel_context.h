/* SPDX-License-Identifier: MIT */
/*
 * An open /dev/pbitN as linux/pbit.h describes it: its limits, its buffers, its calls. Errors come
 * back as sentences; a device that has gone shows as -ENODEV from every call from then on.
 */
#ifndef PBIT_WORKER_KERNEL_CONTEXT_H
#define PBIT_WORKER_KERNEL_CONTEXT_H

#include <linux/pbit.h>

#include "err.h"

/* What PBIT_IOC_GET_PARAM says, fixed while the device lives. */
struct kernel_limits {
	uint64_t backend, route;
	uint64_t p_bits, units, chains, coupling_bits, nets, scans;
	uint64_t max_sweeps, max_bytes;
	uint64_t ideal, drift_period;
};

struct kernel_context {
	int fd;
	char name[32];
	struct kernel_limits limits;
	uint64_t p_bits_hash; /* of what they are like, unless ideal */
	uint64_t calls;	      /* system calls made */
};

/* Memory that worker and device share; none: mem is NULL. */
struct kernel_buffer {
	void *mem;
	size_t size; /* whole pages */
	uint32_t handle;
};

/*
 * fd: a context, open for reading and writing, which becomes blocking and stays the caller's.
 * name: for sentences. -ENOTTY for a file that is no p-bit device, -EPROTO for a driver of another
 * version.
 */
int kernel_context_init(struct kernel_context *c, int fd, const char *name, struct err *e);

/* ioctl(2), again after a signal: 0 or a negative errno, without a sentence. */
int kernel_ioctl(struct kernel_context *c, unsigned long request, void *arg);
/* The sentence for what such a call came to, while doing `what`. Returns r. */
int kernel_error(const struct kernel_context *c, const char *what, int r, struct err *e);

/* Zeroed, and mapped. */
int kernel_buffer_new(struct kernel_context *c, uint32_t kind, size_t size,
		      struct kernel_buffer *ret, struct err *e);
void kernel_buffer_free(struct kernel_context *c, struct kernel_buffer *b);

/* Waits for at least one event and takes up to `most`; returns how many. */
int kernel_events(struct kernel_context *c, struct pbit_event *events, size_t most, struct err *e);

#endif
