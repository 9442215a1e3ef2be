/* SPDX-License-Identifier: MIT */
/*
 * What a backend implements. device.c checks every argument once, for all backends, and turns
 * couplings into the device format; a backend sees only what fits, and places its own struct
 * around these.
 */
#ifndef PBIT_WORKER_DEVICE_OPS_H
#define PBIT_WORKER_DEVICE_OPS_H

#include "device.h"

/* Of one copy of what a submission asks to accumulate, each at most DEVICE_MAX_RESULT bytes. */
#define DEVICE_MAX_RESULT ((size_t)1 << 30)

struct result_sizes {
	size_t records;	     /* sweeps / every */
	size_t moments;	     /* bytes of vh, or 0 */
	size_t energy_trace; /* bytes, or 0 */
	size_t state_trace;  /* bytes, or 0 */
};

struct device_ops {
	void (*close)(struct device *d);

	/* shape and clamp are valid; clamp is the caller's, or NULL. Sets ret's states. */
	int (*program_new)(struct device *d, const struct pbm_shape *shape, const uint64_t *clamp,
			   struct program **ret, struct err *e);
	void (*program_free)(struct program *p); /* not in flight */

	/*
	 * n x m row major s8 or s16, every one in range; not in flight. They stand in the program's
	 * own memory for them where it has any.
	 */
	int (*load)(struct program *p, const void *couplings, struct err *e);

	/* What is loaded into `of`, of the same network, holds for p from now on; may be NULL. */
	void (*share)(struct program *p, struct program *of);

	/* The submission is valid and the program not in flight; must not block. */
	int (*submit)(struct program *p, const struct submission *s,
		      const struct result_sizes *sizes, struct err *e);

	/* Called once after each submit. Blocks to the end of the run. */
	int (*wait)(struct program *p, struct results *ret, struct err *e);

	/* Makes what is in flight end soon, in whatever state; may be NULL. */
	void (*cancel)(struct program *p);
};

struct device {
	const struct device_ops *ops;
	struct device_info info;
	unsigned int programs; /* those that are open */
};

struct program {
	struct device *device;
	struct pbm_shape shape;
	uint64_t *states;	/* [chains][state_words], the backend's */
	void *couplings;	/* where the backend wants them, in device format; NULL: anywhere */
	int8_t *narrow;		/* on their way to an 8-bit device that does not care */
	struct program *sharer; /* another one, with these couplings; or NULL */
	struct program *source; /* of those of this one; or NULL */
	bool loaded;
	bool in_flight;
	bool has_results;
	struct results results;
};

/* Makes *buf at least `size` bytes; what was in it is lost. Never NULL, even for no bytes. */
static inline int device_reserve(void *buf, size_t *have, size_t size)
{
	void **p = buf;

	if (*p && *have >= size)
		return 0;
	free(*p);
	*have = 0;
	*p = alloc_zeroed(1, MAX(size, (size_t)1));
	if (!*p)
		return -ENOMEM;
	*have = size;
	return 0;
}

#endif
