/* SPDX-License-Identifier: MIT */
#include "kernel_context.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "checkpoint.h"

#define P_BITS_AT_ONCE 1024

int kernel_ioctl(struct kernel_context *c, unsigned long request, void *arg)
{
	int r;

	do {
		c->calls++;
		r = ioctl(c->fd, request, arg);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

int kernel_error(const struct kernel_context *c, const char *what, int r, struct err *e)
{
	switch (r) {
	case -ENODEV:
		return err_set(e, r, "/dev/%s is gone: it was removed, or its driver was", c->name);
	case -EDQUOT:
		return err_set(e, r,
			       "/dev/%s allows %llu MiB to one job and %s needs more; ask for "
			       "fewer chains or p-bits, or raise max_bytes of the module pbit",
			       c->name, (unsigned long long)(c->limits.max_bytes >> 20), what);
	case -ENFILE:
		return err_set(e, r, "/dev/%s: too many networks at once for %s; use fewer classes",
			       c->name, what);
	case -ENOMEM:
		return err_set(e, r, "/dev/%s: out of memory in the kernel for %s", c->name, what);
	default:
		return err_set(e, r, "/dev/%s: %s failed: %s", c->name, what, strerror(-r));
	}
}

static int get_param(struct kernel_context *c, uint32_t param, uint64_t *ret)
{
	struct pbit_get_param a = { .param = param };
	int r = kernel_ioctl(c, PBIT_IOC_GET_PARAM, &a);

	if (r == 0)
		*ret = a.value;
	return r;
}

static int get_limits(struct kernel_context *c, struct err *e)
{
	struct kernel_limits *l = &c->limits;
	const struct {
		uint32_t param;
		uint64_t *value;
	} params[] = {
		{ PBIT_PARAM_BACKEND, &l->backend },
		{ PBIT_PARAM_ROUTE, &l->route },
		{ PBIT_PARAM_P_BITS, &l->p_bits },
		{ PBIT_PARAM_UNITS, &l->units },
		{ PBIT_PARAM_CHAINS, &l->chains },
		{ PBIT_PARAM_COUPLING_BITS, &l->coupling_bits },
		{ PBIT_PARAM_NETS, &l->nets },
		{ PBIT_PARAM_SCANS, &l->scans },
		{ PBIT_PARAM_MAX_SWEEPS, &l->max_sweeps },
		{ PBIT_PARAM_MAX_BYTES, &l->max_bytes },
		{ PBIT_PARAM_IDEAL, &l->ideal },
		{ PBIT_PARAM_DRIFT_PERIOD, &l->drift_period },
	};

	for (size_t k = 0; k < ARRAY_SIZE(params); k++) {
		int r = get_param(c, params[k].param, params[k].value);

		if (r < 0)
			return kernel_error(c, "asking for its limits", r, e);
	}
	return 0;
}

/* What makes its bits other than those of an ideal device. */
static int hash_p_bits(struct kernel_context *c, struct err *e)
{
	struct pbit_p_bit some[P_BITS_AT_ONCE];
	uint64_t h = CHECKPOINT_IDENTITY, p_bits = c->limits.p_bits;

	h = checkpoint_identity(h, &c->limits.drift_period, sizeof(c->limits.drift_period));
	for (uint64_t at = 0; at < p_bits; at += P_BITS_AT_ONCE) {
		struct pbit_get_p_bits a = {
			.first = (uint32_t)at,
			.count = (uint32_t)MIN(p_bits - at, (uint64_t)P_BITS_AT_ONCE),
			.p_bits = (uintptr_t)some,
		};
		int r = kernel_ioctl(c, PBIT_IOC_GET_P_BITS, &a);

		if (r < 0)
			return kernel_error(c, "asking what its p-bits are like", r, e);
		h = checkpoint_identity(h, some, a.count * sizeof(*some));
	}
	c->p_bits_hash = h;
	return 0;
}

int kernel_context_init(struct kernel_context *c, int fd, const char *name, struct err *e)
{
	int flags = fcntl(fd, F_GETFL);
	uint64_t version = 0;
	int r;

	*c = (struct kernel_context){ .fd = fd };
	snprintf(c->name, sizeof(c->name), "%s", name);
	if (flags < 0)
		return err_set(e, -EBADF,
			       "/dev/%s: no open device came as descriptor %d; pbitd hands it over",
			       name, fd);
	r = get_param(c, PBIT_PARAM_API_VERSION, &version);
	if (r == -ENODEV)
		return kernel_error(c, "asking for its version", r, e);
	if (r < 0)
		return err_set(e, -ENOTTY, "/dev/%s: descriptor %d is no p-bit device: %s", name,
			       fd, strerror(-r));
	if (version != PBIT_API_VERSION)
		return err_set(e, -EPROTO,
			       "/dev/%s: its driver speaks version %llu and this worker version "
			       "%d; install the pbit module and pbitd of one release",
			       name, (unsigned long long)version, PBIT_API_VERSION);
	/* One call takes events and waits for them. */
	if ((flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
		return err_set(e, -errno, "/dev/%s: cannot be made to wait: %s", name,
			       strerror(errno));
	r = get_limits(c, e);
	return r < 0 || c->limits.ideal ? r : hash_p_bits(c, e);
}

int kernel_buffer_new(struct kernel_context *c, uint32_t kind, size_t size,
		      struct kernel_buffer *ret, struct err *e)
{
	struct pbit_buffer_create a = { .kind = kind, .size = size };
	struct pbit_handle h;
	void *mem;
	int r;

	r = kernel_ioctl(c, PBIT_IOC_BUFFER_CREATE, &a);
	if (r < 0)
		return kernel_error(c, "making room for a network", r, e);
	c->calls++;
	mem = mmap(NULL, a.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, c->fd,
		   (off_t)a.offset);
	if (mem == MAP_FAILED) {
		r = -errno;
		h = (struct pbit_handle){ .handle = a.handle };
		kernel_ioctl(c, PBIT_IOC_BUFFER_DESTROY, &h);
		return kernel_error(c, "mapping its memory", r, e);
	}
	*ret = (struct kernel_buffer){ .mem = mem, .size = a.size, .handle = a.handle };
	return 0;
}

void kernel_buffer_free(struct kernel_context *c, struct kernel_buffer *b)
{
	struct pbit_handle h = { .handle = b->handle };

	if (!b->mem)
		return;
	kernel_ioctl(c, PBIT_IOC_BUFFER_DESTROY, &h); /* a device that is gone needs no telling */
	c->calls++;
	munmap(b->mem, b->size);
	*b = (struct kernel_buffer){ 0 };
}

int kernel_events(struct kernel_context *c, struct pbit_event *events, size_t most, struct err *e)
{
	ssize_t n;

	do {
		c->calls++;
		n = read(c->fd, events, most * sizeof(*events));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return kernel_error(c, "waiting for events", -errno, e);
	if (n == 0 || (size_t)n % sizeof(*events))
		return kernel_error(c, "reading events", -EIO, e);
	return (int)((size_t)n / sizeof(*events));
}
