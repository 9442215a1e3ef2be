/* SPDX-License-Identifier: MIT */
#include "negative_phase.h"

#include <string.h>

#include "control.h"
#include "seed.h"

int negative_new(struct device *d, const struct couplings *c, const struct spec_device *device,
		 uint64_t seed, unsigned int model, struct negative_phase *ret, struct err *e)
{
	_cleanup_negative_ struct negative_phase p = { 0 };
	int r;

	p.sweeps = device->sweeps;
	p.scan = device->scan;
	p.seed = alloc_zeroed(c->classes, sizeof(*p.seed));
	p.program = alloc_zeroed(c->classes, sizeof(*p.program));
	if (!p.seed || !p.program)
		return err_oom(e);
	for (unsigned int u = 0; u < c->classes; u++) {
		p.seed[u] = seed_derive(seed, SEED_CHAINS, seed_index(model, u, 0));
		r = couplings_program(c, d, device->chains, &p.program[u], e);
		if (r < 0)
			return r;
		p.classes = u + 1;
		couplings_random_states(p.program[u], p.seed[u]);
	}
	*ret = p;
	p = (struct negative_phase){ 0 };
	return 0;
}

void negative_free(struct negative_phase *p)
{
	for (unsigned int u = 0; u < p->classes; u++)
		program_free(p->program[u]);
	free(p->program);
	free(p->seed);
	*p = (struct negative_phase){ 0 };
}

int negative_submit(struct negative_phase *p, const struct couplings *c, uint64_t step,
		    struct energy_ledger *ledger, struct err *e)
{
	p->submitted = now_us();
	for (unsigned int u = 0; u < p->classes; u++) {
		struct submission s = {
			.seed = p->seed[u],
			.sweep0 = step * p->sweeps,
			.sweeps = p->sweeps,
			.every = 1,
			.scan = p->scan,
			.gains = 1,
			.gain = &c->gain[u],
			.accumulate = ACC_MOMENTS,
		};
		int r;

		r = program_set_couplings(p->program[u], c->q + couplings_at(c, u), e);
		if (r == 0)
			r = program_submit(p->program[u], &s, e);
		if (r < 0)
			return r;
		ledger_add_couplings(ledger, program_shape(p->program[u]));
	}
	return 0;
}

int negative_wait(struct negative_phase *p, double *vh, struct energy_ledger *ledger, struct err *e)
{
	uint64_t flips = 0;

	for (unsigned int u = 0; u < p->classes; u++) {
		const struct pbm_shape *shape = program_shape(p->program[u]);
		size_t size = (size_t)shape->n * shape->m;
		struct results res;
		int r;

		r = program_wait(p->program[u], &res, e);
		if (r < 0)
			return r;
		for (size_t k = 0; k < size; k++)
			vh[u * size + k] = (double)res.vh[k] / (double)res.samples;
		flips += res.flips;
		ledger_add_moments(ledger, shape);
	}
	ledger_add_run(ledger, flips, (uint64_t)(now_us() - p->submitted) * 1000);
	return 0;
}

static size_t class_words(const struct negative_phase *p)
{
	const struct pbm_shape *shape = program_shape(p->program[0]);

	return (size_t)shape->chains * pbm_state_words(shape);
}

size_t negative_states_size(const struct negative_phase *p)
{
	return p->classes * class_words(p) * sizeof(uint64_t);
}

void negative_get_states(const struct negative_phase *p, uint64_t *states)
{
	size_t words = class_words(p);

	for (unsigned int u = 0; u < p->classes; u++)
		memcpy(states + u * words, program_states(p->program[u]), words * sizeof(*states));
}

void negative_set_states(struct negative_phase *p, const uint64_t *states)
{
	size_t words = class_words(p);

	for (unsigned int u = 0; u < p->classes; u++)
		memcpy(program_states(p->program[u]), states + u * words, words * sizeof(*states));
}
