// SPDX-License-Identifier: GPL-2.0-only
/*
 * The p-bit machine, a chunk at a time. A submission goes through stages: couplings into the
 * program's image, sums to zero, then sweeps, block of chains after block of chains. A chunk is a
 * part of the image or of the sums, or some sweeps of one block; states of the block are the
 * device's own copy meanwhile, so that whatever happens to mapped memory, the machine works on
 * words it has checked.
 *
 * A chunk is to last CHUNK_NS, by what a sweep took of late. It is no less than one sweep of one
 * block; that is longer for networks of many thousand p-bits a side, tens of milliseconds for the
 * largest there are.
 *
 * Vector routes run between kernel_fpu_begin() and kernel_fpu_end(). The machine calls rest()
 * after every few microseconds of work, some 20 at most where all memory is far from the
 * processor; there a section that has lasted SECTION_NS is ended. To look at the clock takes 2 % of
 * the time between two rests of a small network, which are nearer each other than that and alike:
 * there one rest in CLOCK_RESTS looks.
 */
#include <asm/fpu/api.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "pbit.h"
#include "trace.h"

#define CHUNK_NS     400000
#define SECTION_NS   30000
#define CLOCK_RESTS  3
#define SMALL_BYTES  524288 /* of couplings: all that a sweep touches is near the processor */
#define CLEAR_BYTES  SZ_256K
#define BLOCK_PAIRS  BIT_ULL(26) /* couplings x chains of a block, at most: a sweep stays short */
#define CHUNK_GROWTH 4

struct pbit_engine {
	struct pbit_device *dev;
	u32 one_in;  /* of so many rests one looks at the clock */
	u32 rests;   /* since one did */
	u64 begun;   /* when the section that is under way began */
	u64 longest; /* of the piece's sections */
};

struct pbit_engine *pbit_engine_new(struct pbit_device *dev)
{
	struct pbit_engine *e = kzalloc(sizeof(*e), GFP_KERNEL);

	if (e)
		e->dev = dev;
	return e;
}

void pbit_engine_free(struct pbit_engine *e)
{
	kfree(e);
}

enum pbm_isa pbit_isa = PBM_ISA_SCALAR;

static int check_route(enum pbm_isa isa, void *memory)
{
	int r;

	kernel_fpu_begin();
	r = pbm_check_route(isa, memory);
	kernel_fpu_end();
	if (r < 0)
		pr_warn("pbit: route %s gives wrong bits on this processor and is not used\n",
			pbm_isa_name(isa));
	return r;
}

/* Scalar code needs no check: it is what the others are held against. */
int pbit_engine_choose(int most)
{
	/* The machine has routes beyond, which are not built here. */
	int isa = min_t(int, pbm_isa_best(), min_t(int, most, PBM_ISA_VAES));
	void *memory;
	int r;

	if (!cpu_has_xfeatures(XFEATURE_MASK_SSE | XFEATURE_MASK_YMM, NULL))
		return 0;
	memory = vzalloc(pbm_check_size());
	if (!memory)
		return -ENOMEM;
	r = pbm_check_prepare(memory);
	while (isa > PBM_ISA_SCALAR && check_route(isa, memory) < 0)
		isa--;
	pbit_isa = max_t(int, isa, PBM_ISA_SCALAR);
	vfree(memory);
	return r;
}

static u32 block_chains(const struct pbm_shape *shape)
{
	u64 fit = div_u64(BLOCK_PAIRS, shape->n * shape->m);

	return clamp_t(u64, fit, 1, PBM_RUN_BLOCK);
}

size_t pbit_rows_size(const struct pbm_shape *shape)
{
	return PBM_RUN_BLOCK * pbm_state_words(shape) * sizeof(u64);
}

/* A section is what a vector route computes with the FPU held. The scalar route has none. */
static void begin_section(struct pbit_engine *e)
{
	if (e->dev->isa != PBM_ISA_SCALAR)
		kernel_fpu_begin();
	e->begun = ktime_get_ns();
}

static void end_section(struct pbit_engine *e, u64 now)
{
	if (e->dev->isa == PBM_ISA_SCALAR)
		return;
	kernel_fpu_end();
	e->longest = max(e->longest, now - e->begun);
	trace_pbit_fpu_section(e->dev, now - e->begun);
}

/* The first section of a piece. */
static void begin(struct pbit_engine *e, u32 one_in)
{
	e->one_in = one_in;
	e->rests = 0;
	e->longest = 0;
	begin_section(e);
}

static void rest(void *arg)
{
	struct pbit_engine *e = arg;
	u64 now;

	if (++e->rests < e->one_in)
		return;
	e->rests = 0;
	now = ktime_get_ns();
	if (now - e->begun < SECTION_NS)
		return;
	end_section(e, now);
	cond_resched();
	begin_section(e);
}

/* Parts of the image until the chunk is over. Couplings out of range end the submission. */
static int load(struct pbit_submission *s)
{
	struct pbit_program *p = s->program;
	u64 start = ktime_get_ns();
	u32 at = s->at;
	int r;

	p->loaded = false;
	do {
		r = pbm_load_part(&p->shape, p->couplings->mem, p->image, &at);
		cond_resched();
	} while (r > 0 && ktime_get_ns() - start < CHUNK_NS);
	s->at = at;
	p->loaded = r == 0;
	return r;
}

/* Sums as they lie in their buffer: energy, v, h, vh. */
static void sums_bind(const struct pbit_submission *s, struct pbm_sums *sums)
{
	const struct pbm_shape *shape = &s->program->shape;
	s64 *at = s->program->sums ? s->program->sums->mem : NULL;

	*sums = (struct pbm_sums){ 0 };
	if (s->args.flags & PBIT_SUBMIT_ENERGY)
		sums->energy = at;
	if (s->args.flags & PBIT_SUBMIT_MOMENTS) {
		sums->v = at + 1;
		sums->h = sums->v + shape->n;
		sums->vh = sums->h + shape->m;
	}
}

static int clear(struct pbit_submission *s)
{
	const struct pbm_shape *shape = &s->program->shape;
	size_t total, some;
	struct pbm_sums sums;

	sums_bind(s, &sums);
	if (s->args.flags & PBIT_SUBMIT_ADD)
		return 0;
	if (sums.energy)
		*sums.energy = 0;
	if (!sums.v)
		return 0;
	total = (shape->n + shape->m + (size_t)shape->n * shape->m) * sizeof(s64);
	some = min_t(size_t, total - s->at, CLEAR_BYTES);
	memset((u8 *)sums.v + s->at, 0, some);
	s->at += some;
	return s->at < total;
}

/* Padding bits would be p-bits that are not there. */
static void clear_padding(const struct pbm_shape *shape, u64 *rows, u32 chains)
{
	u32 nv = pbm_side_words(shape->n), words = pbm_state_words(shape), k;
	u64 v = ~0ULL >> (64 * nv - shape->n), h = ~0ULL >> (64 * (words - nv) - shape->m);

	for (k = 0; k < chains; k++) {
		rows[k * words + nv - 1] &= v;
		rows[k * words + words - 1] &= h;
	}
}

static void fetch(const struct pbit_submission *s, u32 chains)
{
	struct pbit_program *p = s->program;
	u32 words = pbm_state_words(&p->shape), k;
	const u64 *states = p->states->mem;

	memcpy(p->rows, states + (size_t)s->chain * words, chains * words * sizeof(u64));
	clear_padding(&p->shape, p->rows, chains);
	for (k = 0; (s->args.flags & PBIT_SUBMIT_RANDOM) && k < chains; k++) {
		pbm_states_random(&p->shape, s->args.seed, s->chain + k, 1, p->clamp,
				  p->rows + k * words);
		cond_resched();
	}
}

static void store(const struct pbit_submission *s, u32 chains)
{
	struct pbit_program *p = s->program;
	u32 words = pbm_state_words(&p->shape);
	u64 *states = p->states->mem;

	memcpy(states + (size_t)s->chain * words, p->rows, chains * words * sizeof(u64));
}

/*
 * How many sweeps the next piece has. A piece begins on a record and has whole periods, so many at
 * most, or lies within one period, at whose end it may record; *ret_every makes the machine record
 * just there.
 */
static u32 piece_sweeps(const struct pbit_submission *s, u32 periods, u32 *ret_every)
{
	u32 every = s->args.every, left = s->args.sweeps - s->sweep, phase = s->sweep % every;
	u64 ns = s->program->sweep_ns;
	u32 sweeps = ns ? clamp_t(u64, div64_u64(CHUNK_NS, ns), 1, left) : 1;

	sweeps = min_t(u64, sweeps, (u64)periods * every);
	if (phase == 0 && sweeps >= every) {
		*ret_every = every;
		return sweeps - sweeps % every;
	}
	sweeps = min(sweeps, every - phase);
	*ret_every = phase + sweeps == every ? sweeps : sweeps + 1;
	return sweeps;
}

/* The least that the device emulated would take for so many updates. */
static u64 paced_ns(const struct pbit_engine *e, u64 flips)
{
	if (!e->dev->limits.rate_limit)
		return 0;
	return mul_u64_u64_div_u64(flips, NSEC_PER_SEC, e->dev->limits.rate_limit);
}

static void learn(struct pbit_engine *e, struct pbit_program *p, u64 ns, u64 flips, u32 sweeps)
{
	u64 now = max(div_u64(max(ns, paced_ns(e, flips)), sweeps), 1ULL);

	p->sweep_ns = max(now, p->sweep_ns / CHUNK_GROWTH);
}

static bool takes_moments(const struct pbit_submission *s)
{
	return (s->args.flags & PBIT_SUBMIT_MOMENTS) && s->args.sweeps;
}

/* Samples that the batch still takes; the first piece begins a new one. */
static u32 room(const struct pbit_submission *s)
{
	if (!takes_moments(s))
		return U32_MAX;
	if (!s->sweep && !s->chain)
		return PBM_RUN_BATCH_SAMPLES;
	return PBM_RUN_BATCH_SAMPLES - pbm_batched(s->program->scratch);
}

static struct pbm_run piece(struct pbit_engine *e, struct pbit_submission *s, u32 chains)
{
	const struct pbit_program *p = s->program;
	const struct pbit_submit *a = &s->args;
	u32 words = pbm_state_words(&p->shape);
	struct pbm_run run = {
		.seed = a->seed,
		.sweep0 = a->sweep0 + s->sweep,
		.scan = p->scan,
		.chain0 = s->chain,
		.chains = chains,
		.clamp = p->clamp,
		.states = p->rows,
		.trace_chains = p->shape.chains,
		.trace_chain0 = s->chain,
		.spread = e->dev->p_bits ? &e->dev->spread : NULL,
		.rest = rest,
		.rest_arg = e,
	};
	size_t row;

	run.sweeps = piece_sweeps(s, room(s) / chains, &run.every);
	run.gain = s->gains ? s->gains + s->sweep : &a->gain;
	run.gains = s->gains ? run.sweeps : 1;
	row = (size_t)(s->sweep / a->every) * p->shape.chains;
	if (a->flags & PBIT_SUBMIT_ENERGY_TRACE)
		run.energy_trace = (s64 *)p->energy_trace->mem + row;
	if (a->flags & PBIT_SUBMIT_STATE_TRACE)
		run.state_trace = (u64 *)p->state_trace->mem + row * words;
	if (s->sweep)
		run.flags |= PBM_RUN_FIELDS;
	if (s->sweep || s->chain)
		run.flags |= PBM_RUN_BATCH;
	if (takes_moments(s))
		run.flags |= PBM_RUN_HOLD;
	return run;
}

/* Energies take longer between rests than sweeps do, and so does what is no vector's. */
static u32 clock_rests(const struct pbit_engine *e, const struct pbit_submission *s)
{
	const struct pbm_shape *shape = &s->program->shape;
	u64 bytes = (u64)shape->n * shape->m * (shape->bits / 8);

	if (e->dev->isa == PBM_ISA_SCALAR || bytes > SMALL_BYTES ||
	    (s->args.flags & (PBIT_SUBMIT_ENERGY | PBIT_SUBMIT_ENERGY_TRACE)))
		return 1;
	return CLOCK_RESTS;
}

static int sweep_piece(struct pbit_engine *e, struct pbit_submission *s, u32 chains)
{
	struct pbit_program *p = s->program;
	struct pbm_run run = piece(e, s, chains);
	u64 start = ktime_get_ns();
	struct pbm_sums sums;
	int r;

	sums_bind(s, &sums);
	begin(e, clock_rests(e, s));
	r = pbm_run(&p->shape, p->image, &run, &sums, p->scratch, e->dev->isa);
	end_section(e, ktime_get_ns());
	if (WARN_ON_ONCE(r < 0))
		return -EIO;
	s->section_ns = max(s->section_ns, e->longest);
	learn(e, p, ktime_get_ns() - start, sums.flips, run.sweeps);
	s->event.flips += sums.flips;
	s->event.changed += sums.changed;
	s->event.samples += sums.samples;
	s->sweep += run.sweeps;
	return 0;
}

/* Takes the moments of the batch, a part at a time. */
static int sum(struct pbit_engine *e, struct pbit_submission *s)
{
	const struct pbm_run run = { .rest = rest, .rest_arg = e };
	struct pbit_program *p = s->program;
	u64 start = ktime_get_ns();
	struct pbm_sums sums;
	u32 at = s->at;
	int r;

	sums_bind(s, &sums);
	begin(e, 1);
	do {
		r = pbm_sum_part(&p->shape, &run, &sums, p->scratch, e->dev->isa, &at);
	} while (r > 0 && ktime_get_ns() - start < CHUNK_NS);
	end_section(e, ktime_get_ns());
	s->section_ns = max(s->section_ns, e->longest);
	s->at = r > 0 ? at : 0;
	return r;
}

/* A batch is summed when one more record would not fit, and, with no chains left, at the end. */
static bool must_sum(const struct pbit_submission *s, u32 chains)
{
	return s->at || !chains || room(s) < chains;
}

static int sweep(struct pbit_engine *e, struct pbit_submission *s)
{
	const struct pbm_shape *shape = &s->program->shape;
	u32 chains = min(block_chains(shape), shape->chains - s->chain);
	int r;

	if (must_sum(s, chains)) {
		r = sum(e, s);
		return r || chains;
	}
	if (!s->sweep)
		fetch(s, chains);
	if (s->args.sweeps) {
		r = sweep_piece(e, s, chains);
		if (r < 0)
			return r;
	}
	if (s->sweep < s->args.sweeps)
		return 1;
	store(s, chains);
	s->sweep = 0;
	s->chain += chains;
	return s->chain < shape->chains || takes_moments(s);
}

static bool must_load(const struct pbit_submission *s)
{
	return s->at || !s->program->loaded || (s->args.flags & PBIT_SUBMIT_LOAD);
}

/* What costs nothing passes by at once: an empty program is over in one step. */
int pbit_engine_step(struct pbit_engine *e, struct pbit_submission *s)
{
	int r;

	if (s->stage == PBIT_STAGE_LOAD) {
		r = must_load(s) ? load(s) : 0;
		if (r)
			return r;
		s->stage = PBIT_STAGE_CLEAR;
		s->at = 0;
	}
	if (s->stage == PBIT_STAGE_CLEAR) {
		r = clear(s);
		if (r)
			return r;
		s->stage = PBIT_STAGE_SWEEP;
		s->at = 0;
	}
	if (!s->args.sweeps && !(s->args.flags & PBIT_SUBMIT_RANDOM))
		return 0;
	return sweep(e, s);
}
