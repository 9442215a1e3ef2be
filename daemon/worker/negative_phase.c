/* SPDX-License-Identifier: MIT */
#include "negative_phase.h"

#include <string.h>

#include "clock_ns.h"
#include "control.h"
#include "products.h"
#include "seed.h"

/* Of one class; all classes together are on the device at once. */
#define PIECE_UPDATES ((uint64_t)1 << 25)

int negative_new(struct device *d, const struct couplings *c, const struct spec_device *device,
		 uint64_t seed, unsigned int model, struct negative_phase *ret, struct err *e)
{
	_cleanup_negative_ struct negative_phase p = { 0 };
	struct device_info info;
	int r;

	device_get_info(d, &info);
	p.serial = info.serial;
	p.sweeps = device->sweeps;
	p.scan = device->scan;
	p.seed = alloc_zeroed(c->classes, sizeof(*p.seed));
	p.program = alloc_zeroed(c->classes, sizeof(*p.program));
	p.near = alloc_zeroed(c->classes, sizeof(*p.near));
	if (!p.seed || !p.program || !p.near)
		return err_oom(e);
	for (unsigned int u = 0; u < c->classes; u++) {
		p.seed[u] = seed_derive(seed, SEED_CHAINS, seed_index(model, u, 0));
		r = couplings_program(c, d, device->chains, &p.program[u], e);
		if (r < 0)
			return r;
		p.classes = u + 1;
		couplings_random_states(c, p.program[u], p.seed[u]);
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
	free(p->near);
	*p = (struct negative_phase){ 0 };
}

/* Sums of a piece are exact integers, so where the pieces are cut does not show. */
static int submit_piece(struct negative_phase *p, const struct couplings *c, struct err *e)
{
	const struct pbm_shape *shape = program_shape(p->program[0]);
	uint64_t cost = ((uint64_t)shape->n + shape->m) * shape->chains;
	uint64_t most = MAX(PIECE_UPDATES / cost, (uint64_t)1);

	p->piece = (uint32_t)MIN(most, (uint64_t)(p->sweeps - p->done));
	p->submitted = clock_ns();
	for (unsigned int u = 0; u < p->classes; u++) {
		struct submission s = {
			.seed = p->seed[u],
			.sweep0 = p->step * p->sweeps + p->done,
			.sweeps = p->piece,
			.every = 1,
			.scan = p->scan,
			.gains = 1,
			.gain = &c->gain[u],
			.accumulate = ACC_MOMENTS | ACC_NEAR,
			.waits = p->waits && p->classes == 1,
		};
		int r = program_submit(p->program[u], &s, e);

		if (r < 0)
			return r;
	}
	return 0;
}

int negative_load(struct negative_phase *p, const struct couplings *c, struct energy_ledger *ledger,
		  struct err *e)
{
	for (unsigned int u = 0; u < p->classes; u++) {
		int r = program_set_couplings(p->program[u], c->q + couplings_at(c, u), e);

		if (r < 0)
			return r;
		ledger_add_couplings(ledger, program_shape(p->program[u]));
	}
	return 0;
}

int negative_begin(struct negative_phase *p, const struct couplings *c, uint64_t step,
		   struct err *e)
{
	p->step = step;
	p->done = 0;
	p->device_ns = 0;
	p->moments_ns = 0;
	return submit_piece(p, c, e);
}

/* Of a piece of the step: device times, and when the last program ended. */
struct piece_times {
	uint64_t flips, ns, moments_ns, end_ns;
};

/* Where programs overlap, what they took together is the time that went by. */
static void account(struct negative_phase *p, struct piece_times *t, struct energy_ledger *ledger)
{
	if (!p->serial && t->end_ns > p->submitted) {
		double share = t->ns ? (double)t->moments_ns / (double)t->ns : 0;

		t->ns = t->end_ns - p->submitted;
		t->moments_ns = (uint64_t)(share * (double)t->ns);
	}
	ledger_add_run(ledger, t->flips, t->ns);
	p->device_ns += t->ns - t->moments_ns;
	p->moments_ns += t->moments_ns;
}

double negative_samples(const struct negative_phase *p)
{
	return (double)p->sweeps * program_shape(p->program[0])->chains;
}

int negative_continue(struct negative_phase *p, const struct couplings *c, bool leave_near,
		      double *vh, struct energy_ledger *ledger, struct err *e)
{
	double samples = negative_samples(p);
	size_t size = c->n * c->m;
	bool last = p->done + p->piece == p->sweeps;
	struct piece_times t = { 0 };
	int r;

	for (unsigned int u = 0; u < p->classes; u++) {
		struct results res;
		uint64_t start;

		r = program_wait(p->program[u], &res, e);
		if (r < 0)
			return r;
		start = clock_ns();
		p->near[u] = leave_near && last && p->done == 0 ? res.near : NULL;
		/* The first piece sets, and after the last they are means. */
		if (!p->near[u])
			products_take(&res, size, p->done == 0, last ? samples : 1, vh + u * size,
				      c->crew);
		p->moments_ns += clock_ns() - start;
		t.flips += res.flips;
		t.ns += res.ns;
		t.moments_ns += res.moments_ns;
		t.end_ns = MAX(t.end_ns, res.end_ns);
	}
	account(p, &t, ledger);
	p->done += p->piece;
	if (p->done < p->sweeps) {
		r = submit_piece(p, c, e);
		return r < 0 ? r : 1;
	}
	for (unsigned int u = 0; u < p->classes; u++)
		ledger_add_moments(ledger, program_shape(p->program[u]));
	return 0;
}

void negative_abandon(struct negative_phase *p)
{
	for (unsigned int u = 0; u < p->classes; u++)
		program_cancel(p->program[u]);
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
