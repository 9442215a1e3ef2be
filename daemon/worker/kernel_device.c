/* SPDX-License-Identifier: MIT */
/* /dev/pbitN as a device: the p-bit machine in the kernel, or hardware. */
#include "kernel_device.h"
#include "kernel_program.h"
#include "uapi_names.h"

static int kernel_submit(struct program *program, const struct submission *s,
			 const struct result_sizes *sizes, struct err *e)
{
	struct kernel_program *p = to_kernel_program(program);
	int r = kernel_program_prepare(p, s, sizes->records, e);

	if (r == 0)
		kernel_queue_start(p);
	return r;
}

static const void *trace_result(const struct kernel_program *p, const struct kernel_trace *t)
{
	if (!(p->submission.accumulate & t->accumulate))
		return NULL;
	return p->piece < p->submission.sweeps ? t->gathered : t->buffer.mem;
}

static void collect(const struct kernel_program *p, struct results *ret)
{
	const struct pbm_shape *s = &p->program.shape;
	const int64_t *sums = p->sums.mem;

	*ret = (struct results){
		.energy_trace = trace_result(p, &p->energy),
		.state_trace = trace_result(p, &p->state),
		.records = p->records,
		.samples = p->samples,
		.flips = p->flips,
		.changed = p->changed,
		.ns = p->ns,
	};
	if (p->submission.accumulate & ACC_ENERGY)
		ret->energy = sums[0];
	if (p->submission.accumulate & ACC_MOMENTS) {
		ret->v = sums + 1;
		ret->h = ret->v + s->n;
		ret->vh = ret->h + s->m;
	}
}

static int kernel_wait(struct program *program, struct results *ret, struct err *e)
{
	struct kernel_program *p = to_kernel_program(program);
	int r = kernel_queue_attend(p, e);

	if (r < 0)
		return r;
	if (p->status < 0)
		return kernel_error(context_of(p), "a run of sweeps", p->status, e);
	collect(p, ret);
	return 0;
}

static void kernel_cancel(struct program *program)
{
	kernel_queue_cancel(to_kernel_program(program));
}

static int kernel_load(struct program *program, _unused_ const void *couplings,
		       _unused_ struct err *e)
{
	to_kernel_program(program)->load = true; /* they stand in the device's memory already */
	return 0;
}

static void kernel_close(struct device *device)
{
	struct kernel_device *d = to_kernel(device);

	close(d->context.fd);
	free(d);
}

static const struct device_ops kernel_ops = {
	.close = kernel_close,
	.program_new = kernel_program_new,
	.program_free = kernel_program_free,
	.load = kernel_load,
	.submit = kernel_submit,
	.wait = kernel_wait,
	.cancel = kernel_cancel,
};

static void describe(const struct kernel_context *c, struct device_info *ret)
{
	*ret = (struct device_info){
		.threads = 1,
		.serial = true,
		.ideal = c->limits.ideal,
		.p_bits_hash = c->p_bits_hash,
	};
	snprintf(ret->name, sizeof(ret->name), "%s", c->name);
	snprintf(ret->backend, sizeof(ret->backend), "%s", uapi_backend_name(c->limits.backend));
	snprintf(ret->route, sizeof(ret->route), "%s", uapi_route_name(c->limits.route));
}

int device_open_fd(int fd, const char *name, struct device **ret, struct err *e)
{
	struct kernel_device *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return err_oom(e);
	r = kernel_context_init(&d->context, fd, name, e);
	if (r < 0) {
		free(d);
		return r;
	}
	d->device.ops = &kernel_ops;
	d->backlog_end = &d->backlog;
	describe(&d->context, &d->device.info);
	*ret = &d->device;
	return 0;
}

int kernel_device_empty_run(struct program *program, uint64_t *ret_calls, struct err *e)
{
	struct pbit_submit a = { .every = 1 };
	struct kernel_context *c;
	struct pbit_event event;
	uint64_t before;
	int r;

	if (program->device->ops != &kernel_ops || !program->has_results)
		return err_set(e, -EINVAL,
			       "an empty run is for a program of a kernel device that "
			       "has run");
	c = context_of(to_kernel_program(program));
	before = c->calls;
	a.program = to_kernel_program(program)->handle;
	r = kernel_ioctl(c, PBIT_IOC_SUBMIT, &a);
	if (r < 0)
		return kernel_error(c, "an empty run", r, e);
	r = kernel_events(c, &event, 1, e);
	if (r < 0)
		return r;
	if (event.sequence != a.sequence || event.status < 0)
		return kernel_error(c, "an empty run", -EIO, e);
	*ret_calls = c->calls - before;
	return 0;
}
