/* SPDX-License-Identifier: MIT */
/*
 * The embedded device: the p-bit machine in this process.
 *
 * A submission is cut into blocks of chains, which a pool of threads runs. Every block names its
 * chains by their number in the program, so its bits are those of one whole run; sums are
 * integers, so the order in which blocks end does not show. How many blocks there are may
 * therefore follow the load of the moment.
 *
 * Device time (results.ns) is wall time from the start of the first block to the end of the last.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "clock_ns.h"
#include "device.h"
#include "device_ops.h"
#include "isa.h"
#include "pool.h"
#include "wide.h"

/* A block below so many updates costs less than handing it to another thread. */
#define BLOCK_MIN_UPDATES ((uint64_t)1 << 15)
/* Above so many updates a thread, finer blocks even out threads that are held up. */
#define BLOCK_MAX_UPDATES ((uint64_t)1 << 22)
#define BLOCKS_PER_THREAD 2u
/* What takes less than a thread takes to wake is run at once, by who submits it. */
#define AT_ONCE_UPDATES	  ((uint64_t)1 << 14)
/* And what two threads would do no sooner, if the one has nothing else to do. */
#define WAITED_UPDATES	  ((uint64_t)3 << 15)

/* What a thread keeps between blocks; touched by that thread alone. */
struct lane {
	void *scratch;
	size_t scratch_size;
	int64_t *sums;
	size_t sums_size;
	int16_t *near;
	size_t near_size;
};

struct embedded {
	struct device device;
	struct pool *pool;
	enum pbm_isa isa;
	struct lane *lanes; /* [threads + 1], the last of who submits, waits, and helps meanwhile */
	atomic_uint busy;   /* blocks that wait or run: a hint for cutting */
};

struct block {
	struct pool_task task;
	struct embedded_program *program;
	uint32_t chain0, chains;
};

struct embedded_program {
	struct program program;
	void *image;
	bool is_shared;	 /* image is another program's */
	uint64_t *clamp; /* or NULL */

	/* The submission; read-only while it is in flight. */
	struct submission submission;
	uint64_t *gain;
	size_t gain_size;
	int64_t *energy_trace;
	size_t energy_trace_size;
	uint64_t *state_trace;
	size_t state_trace_size;
	size_t records;
	unsigned int n_blocks;
	struct block *blocks; /* [BLOCKS_PER_THREAD * threads] */

	/* energy, v, h, vh; one block alone adds into it directly, several under the lock. */
	int64_t *sums;
	size_t sums_size;
	bool is_near; /* vh of the submission is in near instead: its samples are few enough */
	int16_t *near;
	size_t near_size;

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t done;
	unsigned int left; /* blocks that have not ended */
	int status;
	uint64_t samples, flips, changed;
	bool has_near; /* near is the sum of some blocks */
	uint64_t begin_ns, end_ns;
	uint64_t blocks_ns, moments_ns; /* of all threads */
};

static struct embedded *to_embedded(struct device *d)
{
	return (struct embedded *)d; /* its first member */
}

static struct embedded_program *to_program(struct program *p)
{
	return (struct embedded_program *)p; /* its first member */
}

/* Numbers in a copy of the sums; n * m * 8 was checked at the door. */
static size_t sums_length(const struct embedded_program *p)
{
	const struct pbm_shape *s = &p->program.shape;

	if (!(p->submission.accumulate & ACC_MOMENTS))
		return 1;
	return 1 + (size_t)s->n + s->m + (p->is_near ? 0 : (size_t)s->n * s->m);
}

static size_t near_length(const struct embedded_program *p)
{
	return p->is_near ? (size_t)p->program.shape.n * p->program.shape.m : 0;
}

static void sums_bind(const struct embedded_program *p, int64_t *from, struct pbm_sums *ret)
{
	const struct pbm_shape *s = &p->program.shape;

	*ret = (struct pbm_sums){ 0 };
	if (p->submission.accumulate & ACC_ENERGY)
		ret->energy = from;
	if (p->submission.accumulate & ACC_MOMENTS) {
		ret->v = from + 1;
		ret->h = ret->v + s->n;
		ret->vh = p->is_near ? NULL : ret->h + s->m;
	}
}

static struct pbm_run block_run_args(const struct block *b)
{
	struct embedded_program *p = b->program;
	const struct submission *s = &p->submission;
	size_t words = pbm_state_words(&p->program.shape);

	return (struct pbm_run){
		.seed = s->seed,
		.sweep0 = s->sweep0,
		.sweeps = s->sweeps,
		.every = s->every,
		.scan = s->scan,
		.chain0 = b->chain0,
		.chains = b->chains,
		.gains = s->gains,
		.gain = p->gain,
		.clamp = p->clamp,
		.states = p->program.states + b->chain0 * words,
		.energy_trace = s->accumulate & ACC_ENERGY_TRACE ? p->energy_trace : NULL,
		.state_trace = s->accumulate & ACC_STATE_TRACE ? p->state_trace : NULL,
		.trace_chains = p->program.shape.chains,
		.trace_chain0 = b->chain0,
		.clock = clock_ns,
	};
}

static int block_run(const struct block *b, struct lane *lane, struct pbm_sums *sums)
{
	struct embedded_program *p = b->program;
	struct embedded *d = to_embedded(p->program.device);
	size_t length = sums_length(p);
	struct pbm_run run = block_run_args(b);
	int r;

	r = device_reserve(&lane->scratch, &lane->scratch_size,
			   pbm_scratch_size(&p->program.shape));
	if (r < 0)
		return r;
	if (p->n_blocks == 1) {
		sums_bind(p, p->sums, sums);
		if (p->is_near)
			sums->near = p->near;
	} else {
		r = device_reserve(&lane->sums, &lane->sums_size, length * sizeof(*lane->sums));
		if (r < 0)
			return r;
		memset(lane->sums, 0, length * sizeof(*lane->sums));
		sums_bind(p, lane->sums, sums);
		if (p->is_near) {
			r = device_reserve(&lane->near, &lane->near_size,
					   near_length(p) * sizeof(*lane->near));
			if (r < 0)
				return r;
			sums->near = lane->near;
		}
	}
	return pbm_run(&p->program.shape, p->image, &run, sums, lane->scratch, d->isa);
}

WIDE_BODY add_shorts_body(int16_t *restrict to, const int16_t *from, size_t length)
{
	for (size_t i = 0; i < length; i++)
		to[i] = (int16_t)(to[i] + from[i]);
}
WIDE(add_shorts, (int16_t *restrict to, const int16_t *from, size_t length), (to, from, length))

WIDE_BODY add_sums_body(int64_t *restrict to, const int64_t *from, size_t length)
{
	for (size_t i = 0; i < length; i++)
		to[i] += from[i];
}
WIDE(add_sums, (int64_t *restrict to, const int64_t *from, size_t length), (to, from, length))

/* Sums of the whole submission fit. The first ones change places with what held nothing. */
static void add_near(struct embedded_program *p, struct lane *lane)
{
	int16_t *near = lane->near;
	size_t size = lane->near_size;

	if (p->has_near) {
		add_shorts(p->near, near, near_length(p));
		return;
	}
	lane->near = p->near;
	lane->near_size = p->near_size;
	p->near = near;
	p->near_size = size;
	p->has_near = true;
}

static void block_end(struct embedded_program *p, struct lane *lane, int status,
		      const struct pbm_sums *sums)
{
	if (status < 0) {
		if (p->status == 0)
			p->status = status;
	} else {
		if (p->n_blocks > 1)
			add_sums(p->sums, lane->sums, sums_length(p));
		if (p->n_blocks > 1 && p->is_near)
			add_near(p, lane);
		p->moments_ns += sums->moments_ns;
		p->samples += sums->samples;
		p->flips += sums->flips;
		p->changed += sums->changed;
	}
	p->end_ns = clock_ns();
	if (--p->left == 0)
		pthread_cond_signal(&p->done);
}

static void block_task(struct pool_task *task, unsigned int thread)
{
	struct block *b = (struct block *)task; /* its first member */
	struct embedded_program *p = b->program;
	struct lane *lane = &to_embedded(p->program.device)->lanes[thread];
	struct pbm_sums sums = { 0 };
	uint64_t start = clock_ns();
	int r;

	pthread_mutex_lock(&p->lock);
	if (p->begin_ns == 0) {
		p->begin_ns = clock_ns();
		/* Of millions of sums it takes as long as sweeps do: the device's time, not the caller's. */
		memset(p->sums, 0, sums_length(p) * sizeof(*p->sums));
	}
	pthread_mutex_unlock(&p->lock);

	r = block_run(b, lane, &sums);

	/* Past the unlock the program may be gone; who waits for it finds this thread free. */
	pthread_mutex_lock(&p->lock);
	atomic_fetch_sub(&to_embedded(p->program.device)->busy, 1);
	block_end(p, lane, r, &sums);
	p->blocks_ns += clock_ns() - start;
	pthread_mutex_unlock(&p->lock);
}

static uint64_t updates(const struct embedded_program *p)
{
	const struct pbm_shape *s = &p->program.shape;

	return (uint64_t)s->chains * (s->n + s->m) * p->submission.sweeps;
}

static bool is_at_once(const struct embedded_program *p)
{
	return updates(p) <= (p->submission.waits ? WAITED_UPDATES : AT_ONCE_UPDATES);
}

/* Chains a block: few enough blocks for their overhead, enough for the threads that are free. */
static uint32_t block_chains(const struct embedded_program *p)
{
	const struct pbm_shape *s = &p->program.shape;
	struct embedded *d = to_embedded(p->program.device);
	uint32_t threads = d->device.info.threads, busy = atomic_load(&d->busy), granule, chains;
	uint64_t all = updates(p), want = busy < threads ? threads - busy : 1;

	if (threads > 1 && busy == 0 && all / threads > BLOCK_MAX_UPDATES)
		want *= BLOCKS_PER_THREAD;
	want = MIN(want, MAX(all / BLOCK_MIN_UPDATES, 1u));
	want = MIN(want, s->chains);

	/* Whole vectors of chains where that still gives every thread something. */
	chains = (uint32_t)((s->chains + want - 1) / want);
	granule = chains >= 32 ? 32 : chains >= 8 ? 8 : 1;
	return (chains + granule - 1) / granule * granule;
}

static void cut(struct embedded_program *p)
{
	uint32_t chain, chains = p->program.shape.chains;
	uint32_t size = is_at_once(p) ? chains : block_chains(p);
	struct block *b = p->blocks;

	for (chain = 0; chain < chains; chain += b->chains, b++) {
		b->chain0 = chain;
		b->chains = MIN(size, chains - chain);
		b->program = p;
		b->task.run = block_task;
		b->task.next = &b[1].task;
		if (chain + b->chains == chains)
			b->task.next = NULL;
	}
	p->n_blocks = (unsigned int)(b - p->blocks);
}

static int reserve(struct embedded_program *p, const struct submission *s,
		   const struct result_sizes *sizes)
{
	size_t gain_size = (size_t)s->gains * sizeof(*s->gain);
	int r;

	r = device_reserve(&p->gain, &p->gain_size, gain_size);
	if (r == 0)
		r = device_reserve(&p->sums, &p->sums_size, sums_length(p) * sizeof(*p->sums));
	if (r == 0)
		r = device_reserve(&p->near, &p->near_size, near_length(p) * sizeof(*p->near));
	if (r == 0)
		r = device_reserve(&p->energy_trace, &p->energy_trace_size, sizes->energy_trace);
	if (r == 0)
		r = device_reserve(&p->state_trace, &p->state_trace_size, sizes->state_trace);
	if (r < 0)
		return r;
	memcpy(p->gain, s->gain, gain_size);
	return 0;
}

static int embedded_submit(struct program *program, const struct submission *s,
			   const struct result_sizes *sizes, struct err *e)
{
	struct embedded_program *p = to_program(program);
	struct embedded *d = to_embedded(program->device);

	p->submission = *s;
	p->submission.gain = NULL; /* the caller's; ours is p->gain */
	p->records = sizes->records;
	p->is_near = (s->accumulate & ACC_MOMENTS) && (s->accumulate & ACC_NEAR) &&
		     (uint64_t)p->records * program->shape.chains <= PBM_MOST_NEAR;
	if (reserve(p, s, sizes) < 0)
		return err_oom(e);

	p->status = 0;
	p->samples = p->flips = p->changed = 0;
	p->begin_ns = p->end_ns = 0;
	p->blocks_ns = p->moments_ns = 0;
	p->has_near = false;
	cut(p);
	p->left = p->n_blocks;
	atomic_fetch_add(&d->busy, p->n_blocks);
	if (is_at_once(p))
		block_task(&p->blocks[0].task, d->device.info.threads);
	else
		pool_push(d->pool, &p->blocks[0].task);
	return 0;
}

static void collect(const struct embedded_program *p, struct results *ret)
{
	unsigned int accumulate = p->submission.accumulate;
	struct pbm_sums sums;

	sums_bind(p, p->sums, &sums);
	*ret = (struct results){
		.vh = sums.vh,
		.v = sums.v,
		.h = sums.h,
		.energy = sums.energy ? *sums.energy : 0,
		.energy_trace = accumulate & ACC_ENERGY_TRACE ? p->energy_trace : NULL,
		.state_trace = accumulate & ACC_STATE_TRACE ? p->state_trace : NULL,
		.records = p->records,
		.samples = p->samples,
		.flips = p->flips,
		.changed = p->changed,
		.ns = p->end_ns - p->begin_ns,
		.end_ns = p->end_ns,
	};
	if (p->is_near)
		ret->near = p->near;
	/* Threads share the time that went by as they do their own. */
	if (p->blocks_ns)
		ret->moments_ns =
			(uint64_t)((double)ret->ns * (double)p->moments_ns / (double)p->blocks_ns);
}

static bool blocks_left(struct embedded_program *p)
{
	bool some;

	pthread_mutex_lock(&p->lock);
	some = p->left > 0;
	pthread_mutex_unlock(&p->lock);
	return some;
}

static int embedded_wait(struct program *program, struct results *ret, struct err *e)
{
	struct embedded_program *p = to_program(program);
	int status;

	while (blocks_left(p) && pool_help(to_embedded(program->device)->pool))
		;
	pthread_mutex_lock(&p->lock);
	while (p->left > 0)
		pthread_cond_wait(&p->done, &p->lock);
	status = p->status;
	pthread_mutex_unlock(&p->lock);

	if (status == -ENOMEM)
		return err_oom(e);
	if (status < 0)
		return err_set(e, status, "the p-bit machine refused a run of %u sweeps",
			       p->submission.sweeps);
	collect(p, ret);
	return 0;
}

static int embedded_load(struct program *program, const void *couplings, struct err *e)
{
	struct embedded_program *p = to_program(program);
	int r = pbm_load(&program->shape, couplings, p->image);

	return r < 0 ? err_set(e, r, "a coupling is outside the device's range") : 0;
}

static void embedded_share(struct program *program, struct program *of)
{
	struct embedded_program *p = to_program(program);

	if (!p->is_shared)
		free(p->image);
	p->image = to_program(of)->image;
	p->is_shared = true;
}

static void embedded_program_free(struct program *program)
{
	struct embedded_program *p = to_program(program);

	pthread_cond_destroy(&p->done);
	pthread_mutex_destroy(&p->lock);
	if (!p->is_shared)
		free(p->image);
	free(p->clamp);
	free(program->states);
	free(p->gain);
	free(p->energy_trace);
	free(p->state_trace);
	free(p->blocks);
	free(p->sums);
	free(p->near);
	free(p);
}

static int embedded_program_new(struct device *d, const struct pbm_shape *shape,
				const uint64_t *clamp, struct program **ret, struct err *e)
{
	size_t words = pbm_state_words(shape), blocks = (size_t)BLOCKS_PER_THREAD * d->info.threads;
	struct embedded_program *p = calloc(1, sizeof(*p));

	if (!p)
		return err_oom(e);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->done, NULL);
	p->image = alloc_zeroed(1, pbm_image_size(shape));
	p->program.states = alloc_zeroed(shape->chains, words * sizeof(*p->program.states));
	p->blocks = calloc(blocks, sizeof(*p->blocks));
	if (clamp)
		p->clamp = alloc_zeroed(words, sizeof(*p->clamp));
	if (!p->image || !p->program.states || !p->blocks || (clamp && !p->clamp)) {
		embedded_program_free(&p->program);
		return err_oom(e);
	}
	if (clamp)
		memcpy(p->clamp, clamp, words * sizeof(*p->clamp));
	*ret = &p->program;
	return 0;
}

static void embedded_close(struct device *device)
{
	struct embedded *d = to_embedded(device);
	unsigned int i;

	pool_free(d->pool);
	for (i = 0; d->lanes && i <= device->info.threads; i++) {
		free(d->lanes[i].scratch);
		free(d->lanes[i].sums);
		free(d->lanes[i].near);
	}
	free(d->lanes);
	free(d);
}

static const struct device_ops embedded_ops = {
	.close = embedded_close,
	.program_new = embedded_program_new,
	.program_free = embedded_program_free,
	.load = embedded_load,
	.share = embedded_share,
	.submit = embedded_submit,
	.wait = embedded_wait,
};

static int open_route(unsigned int threads, enum pbm_isa isa, struct device **ret, struct err *e)
{
	struct embedded *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return err_oom(e);
	d->isa = isa;
	d->device.ops = &embedded_ops;
	d->device.info.threads = threads;
	d->device.info.ideal = true;
	snprintf(d->device.info.name, sizeof(d->device.info.name), "embedded0");
	snprintf(d->device.info.backend, sizeof(d->device.info.backend), "embedded");
	snprintf(d->device.info.route, sizeof(d->device.info.route), "%s", pbm_isa_name(isa));

	r = pool_new(threads, &d->pool, e);
	if (r == 0) {
		d->lanes = calloc(threads + 1, sizeof(*d->lanes));
		if (!d->lanes)
			r = err_oom(e);
	}
	if (r < 0) {
		embedded_close(&d->device);
		return r;
	}
	*ret = &d->device;
	return 0;
}

int device_open_embedded_isa(unsigned int threads, enum pbm_isa isa, struct device **ret,
			     struct err *e)
{
	enum pbm_isa best = isa_working();

	if (isa > best)
		return err_set(e, -EOPNOTSUPP, "this processor lacks route %s; its best is %s",
			       pbm_isa_name(isa), pbm_isa_name(best));
	return open_route(threads, isa, ret, e);
}

int device_open_embedded(unsigned int threads, struct device **ret, struct err *e)
{
	return open_route(threads, isa_working(), ret, e);
}
