// SPDX-License-Identifier: MIT
/*
 * sections: how long the machine works between two rests on this processor, and what
 * sections the module would make of it, which ends one at the first rest after SECTION_NS; by each
 * vector route that the module has. Built with the rests that the module has. Each run is made several times, and of each stretch of work,
 * which is the same each time, the shortest counts: what others took from it is no work.
 */
#include <string.h>
#include <time.h>

#include "room.h"
#include "sections.h"

#define TIMES	7
#define MOST_NS 50000 /* what a section is not to exceed */

/* The rests of one run. */
struct rests {
	u64 *ns; /* since the one before: the least of the runs so far */
	size_t count, room;
	u64 last;
	int again; /* this is not the first run */
};

static u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

static void rest(void *arg)
{
	struct rests *r = arg;
	u64 ns = now() - r->last;

	if (r->count == r->room) {
		r->room = r->room ? 2 * r->room : 1024;
		r->ns = realloc(r->ns, r->room * sizeof(*r->ns));
		if (!r->ns)
			exit(1);
	}
	if (!r->again || ns < r->ns[r->count])
		r->ns[r->count] = ns;
	r->count++;
	r->last = now();
}

struct memory {
	void *couplings, *image, *scratch;
	u64 *states, gain;
	s64 *sums;
	struct pbm_p_bit *p_bits;
};

static void run(const struct section_case *c, const struct pbm_shape *s, const struct memory *mem,
		enum pbm_isa isa, struct rests *rests)
{
	const struct pbm_spread spread = { mem->p_bits, section_spread.drift_period };
	struct pbm_sums sums = { 0 };
	struct pbm_run run = {
		.seed = 1,
		.sweeps = c->sweeps,
		.every = 1,
		.scan = c->scan,
		.chains = c->chains,
		.gains = 1,
		.gain = &mem->gain,
		.states = mem->states,
		.spread = c->flags & CASE_UNLIKE ? &spread : NULL,
		.rest = rest,
		.rest_arg = rests,
	};

	if (c->flags & CASE_MOMENTS) {
		sums.v = mem->sums;
		sums.h = sums.v + c->n;
		sums.vh = sums.h + c->m;
	}
	if (c->flags & CASE_ENERGY)
		sums.energy = mem->sums;
	pbm_states_random(s, 1, 0, c->chains, NULL, mem->states);
	rests->count = 0;
	rests->last = now();
	if (pbm_run(s, mem->image, &run, &sums, mem->scratch, isa))
		exit(1);
	rest(rests);
	rests->again = 1;
}

/* As the module's engine: of so many rests one looks at the clock. */
static u32 clock_rests(const struct section_case *c)
{
	u64 bytes = (u64)c->n * c->m * (c->bits / 8);

	return bytes > SMALL_BYTES || c->flags & CASE_ENERGY ? 1 : CLOCK_RESTS;
}

/* What the module would hold the FPU for; with moments, whose rests all look, no less than that. */
static size_t sections_of(const struct section_case *c, const struct rests *r, u64 *ns)
{
	size_t sections = 0, k;
	u32 one_in = clock_rests(c), rests = 0;
	u64 held = 0;

	for (k = 0; k < r->count; k++) {
		held += r->ns[k];
		if ((++rests < one_in || held < SECTION_NS) && k + 1 < r->count) {
			rests %= one_in;
			continue;
		}
		ns[sections++] = held;
		held = 0;
		rests = 0;
	}
	return sections;
}

static u64 tell(const struct section_case *c, struct rests *r)
{
	u64 *ns = zeroed(r->count * sizeof(*ns)), longest;
	size_t count = sections_of(c, r, ns);

	section_tell(c, "stretches", r->ns, r->count);
	section_tell(c, "sections", ns, count);
	longest = ns[count - 1];
	free(ns);
	return longest;
}

static u64 look_at(const struct section_case *c, enum pbm_isa isa)
{
	const struct pbm_shape s = { PBM_NET_RBM, c->n, c->m, c->chains, c->bits };
	size_t pairs = (size_t)c->n * c->m;
	struct memory mem = {
		.couplings = zeroed(pairs * c->bits / 8),
		.image = zeroed(pbm_image_size(&s)),
		.scratch = zeroed(pbm_scratch_size(&s)),
		.states = zeroed(sizeof(u64) * c->chains * pbm_state_words(&s)),
		.gain = section_gain(c),
		.sums = zeroed(sizeof(s64) * (c->n + c->m + pairs)),
		.p_bits = zeroed(sizeof(struct pbm_p_bit) * (c->n + c->m)),
	};
	struct rests rests = { 0 };
	u64 longest;
	int k;

	section_couplings(c, mem.couplings);
	pbm_spread_make(&section_spread, 0, c->n + c->m, mem.p_bits);
	if (pbm_load(&s, mem.couplings, mem.image))
		exit(1);
	for (k = 0; k < TIMES; k++)
		run(c, &s, &mem, isa, &rests);
	longest = tell(c, &rests);
	free(mem.couplings);
	free(mem.image);
	free(mem.scratch);
	free(mem.states);
	free(mem.sums);
	free(mem.p_bits);
	free(rests.ns);
	return longest;
}

static void look_at_all(enum pbm_isa isa)
{
	unsigned int above = 0;
	u64 most = 0;
	size_t k;

	printf("%s\n", pbm_isa_name(isa));
	for (k = 0; k < SECTION_CASES; k++) {
		u64 longest = look_at(&section_cases[k], isa);

		above += longest > MOST_NS;
		most = longest > most ? longest : most;
	}
	printf("%s: the longest section %.1f us; in %u of %zu cases above %u us\n",
	       pbm_isa_name(isa), (double)most * 1e-3, above, SECTION_CASES, MOST_NS / 1000);
}

int main(void)
{
	void *memory = zeroed(pbm_check_size());
	enum pbm_isa isa;

	for (isa = PBM_ISA_AVX2; isa <= PBM_ISA_VAES && isa <= pbm_isa_best(); isa++)
		if (!pbm_check(isa, memory))
			look_at_all(isa);
	free(memory);
	return 0;
}
