// SPDX-License-Identifier: MIT
/*
 * How long the module holds the FPU at a time, by its tracepoint, in runs of every kind. Printed,
 * not judged: an emulated processor's time is not a real one's, and holds what the host took;
 * make bench-sections has the same runs in a processor's own time. Judged is that the tracepoint
 * and the attributes tell the same.
 */
#include <linux/pbit.h>

#include "../../machine/sections.h"
#include "device.h"
#include "job.h"
#include "trace.h"

static uint32_t program_of(int fd, const struct section_case *c, struct buffer *w,
			   struct buffer *states, struct buffer *sums)
{
	const struct pbm_shape s = { PBM_NET_RBM, c->n, c->m, c->chains, c->bits };
	const size_t pairs = (size_t)c->n * c->m;
	struct pbit_program_create p = {
		.net = PBIT_NET_RBM,
		.n = c->n,
		.m = c->m,
		.chains = c->chains,
		.coupling_bits = c->bits,
		.scan = c->scan,
	};

	*w = buffer_new(fd, PBIT_BUFFER_COUPLINGS, pairs * (c->bits / 8));
	*states = buffer_new(fd, PBIT_BUFFER_STATES, c->chains * pbm_state_words(&s) * 8ul);
	*sums = buffer_new(fd, PBIT_BUFFER_SUMS, (1 + c->n + c->m + pairs) * 8);
	section_couplings(c, w->mem);
	p.couplings = w->handle;
	p.states = states->handle;
	p.sums = sums->handle;
	CHECK(ioctl(fd, PBIT_IOC_PROGRAM_CREATE, &p) == 0);
	return p.handle;
}

static void run(int fd, const struct section_case *c)
{
	struct buffer w, states, sums;
	struct pbit_submit a = {
		.program = program_of(fd, c, &w, &states, &sums),
		.flags = PBIT_SUBMIT_RANDOM | PBIT_SUBMIT_LOAD |
			 (c->flags & CASE_MOMENTS ? PBIT_SUBMIT_MOMENTS : 0) |
			 (c->flags & CASE_ENERGY ? PBIT_SUBMIT_ENERGY : 0),
		.seed = 1,
		.sweeps = scaled(c->sweeps),
		.every = 1,
		.gain = section_gain(c),
	};
	struct pbit_handle h = { .handle = a.program };

	submit(fd, &a);
	CHECK(event_wait(fd).status == 0);
	CHECK(ioctl(fd, PBIT_IOC_PROGRAM_DESTROY, &h) == 0);
	buffer_free(fd, &w);
	buffer_free(fd, &states);
	buffer_free(fd, &sums);
}

/* Each on a device of its own, which has held the FPU for nothing else. */
static void look_at(const struct section_case *c)
{
	const bool unlike = c->flags & CASE_UNLIKE;
	struct device d =
		device_make("sections", unlike ? "p_bits=32768 seed=7 beta_spread_ppm=80000 "
						 "offset_spread_milli=25000 stuck_ppm=50000" :
						 "p_bits=32768");
	int fd = device_open(&d, 0);
	struct trace_event *t;
	uint64_t *ns;
	size_t count;

	doing = c->name;
	trace_begin_sections();
	run(fd, c);
	count = trace_end(&t);
	ns = calloc(count + 1, sizeof(*ns));
	CHECK(ns);
	for (size_t k = 0; k < count; k++) {
		CHECK(t[k].kind == TRACE_SECTION && t[k].device == (unsigned int)atoi(d.name + 4));
		ns[k] = t[k].section_ns;
	}
	section_tell(c, "sections", ns, count);
	/* Sorted by now. The scalar route has none. */
	CHECK((count ? ns[count - 1] : 0) == device_value(&d, "section_max_ns"));
	free(ns);
	free(t);
	close(fd);
	device_unmake(&d);
}

int main(void)
{
	for (size_t k = 0; k < SECTION_CASES; k++)
		look_at(&section_cases[k]);
	return 0;
}
