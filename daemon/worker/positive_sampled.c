/* SPDX-License-Identifier: MIT */
#include "positive_sampled.h"

#include <string.h>

#include "products.h"
#include "seed.h"

/* Images of a class in every step; 0 where that differs. */
static size_t images_of(const struct dataset *data, size_t batch, unsigned int class)
{
	size_t count, all;

	dataset_rows(data, PART_TRAIN, class, &count);
	dataset_part(data, PART_TRAIN, &all);
	if (!batch || batch >= all)
		return count;
	return data->classes == 1 ? batch : 0;
}

static int check(const struct dataset *data, size_t batch, struct err *e)
{
	for (unsigned int u = 0; u < data->classes; u++) {
		size_t images = images_of(data, batch, u);

		if (!images)
			return err_set(
				e, -EINVAL,
				"optimizer.positive: sampled takes as many images of a class "
				"in each step; give optimizer.batch 0, or data of one class");
		if (images > PBM_MAX_CHAINS)
			return err_set(
				e, -EINVAL,
				"optimizer.positive: %zu images of class %u at once, and the "
				"device has at most %u chains; give a smaller optimizer.batch",
				images, u, PBM_MAX_CHAINS);
	}
	return 0;
}

static int make_program(struct device *d, const struct couplings *c, size_t images,
			struct program *negative, struct program **ret, struct err *e)
{
	struct pbm_shape shape = *program_shape(negative);
	uint32_t words = pbm_state_words(&shape), v_words = pbm_side_words(shape.n);
	_cleanup_free_ uint64_t *clamp = alloc_zeroed(words, sizeof(*clamp));
	int r;

	if (!clamp)
		return err_oom(e);
	if (!c->even)
		couplings_clamp_mask(&shape, clamp);
	for (uint32_t i = 0; i < shape.n; i++)
		clamp[i / 64] |= (uint64_t)1 << i % 64;
	shape.chains = (uint32_t)images;
	r = program_new(d, &shape, clamp, ret, e);
	if (r < 0)
		return r;
	for (size_t k = 0; !c->even && k < images; k++)
		program_states(*ret)[k * words + v_words] |= 1;
	program_share_couplings(*ret, negative);
	return 0;
}

static int pack_images(struct positive_sampled *p, const struct dataset *data, struct err *e)
{
	size_t count, size;
	const int8_t *spins = dataset_part(data, PART_TRAIN, &count);

	p->words = pbm_side_words((uint32_t)data->n);
	if (!size_mul(count, p->words, &size))
		return err_oom(e);
	p->rows = alloc_zeroed(size, sizeof(*p->rows));
	if (!p->rows)
		return err_oom(e);
	for (size_t k = 0; k < count; k++)
		dataset_pack(spins + k * data->n, data->n, p->rows + k * p->words);
	return 0;
}

int positive_sampled_new(struct device *d, const struct couplings *c, const struct dataset *data,
			 size_t batch, const struct negative_phase *negative, uint64_t seed,
			 unsigned int model, struct positive_sampled *ret, struct err *e)
{
	_cleanup_positive_ struct positive_sampled p = { 0 };
	int r = check(data, batch, e);

	if (r < 0)
		return r;
	p.program = alloc_zeroed(c->classes, sizeof(*p.program));
	p.seed = alloc_zeroed(c->classes, sizeof(*p.seed));
	p.near = alloc_zeroed(c->classes, sizeof(*p.near));
	if (!p.program || !p.seed || !p.near)
		return err_oom(e);
	for (unsigned int u = 0; u < c->classes; u++) {
		p.seed[u] = seed_derive(seed, SEED_POSITIVE, seed_index(model, u, 0));
		r = make_program(d, c, images_of(data, batch, u), negative->program[u],
				 &p.program[u], e);
		if (r < 0)
			return r;
		p.classes = u + 1;
	}
	r = pack_images(&p, data, e);
	if (r < 0)
		return r;
	*ret = p;
	p = (struct positive_sampled){ 0 };
	return 0;
}

void positive_sampled_free(struct positive_sampled *p)
{
	for (unsigned int u = 0; u < p->classes; u++)
		program_free(p->program[u]);
	free(p->program);
	free(p->seed);
	free(p->near);
	free(p->rows);
	*p = (struct positive_sampled){ 0 };
}

/* The images of a class, from `first` on among those of the batch, as the states of its chains. */
static void set_images(struct positive_sampled *p, unsigned int class, const struct dataset *data,
		       const struct minibatch *b, size_t first)
{
	const struct pbm_shape *shape = program_shape(p->program[class]);
	uint32_t words = pbm_state_words(shape);
	uint64_t *state = program_states(p->program[class]);

	for (size_t k = 0; k < shape->chains; k++, state += words) {
		size_t row = b->place ? b->place[first + k] : data->start[class] + k;

		memcpy(state, p->rows + row * p->words, p->words * sizeof(*state));
	}
}

static int submit(struct positive_sampled *p, const struct couplings *c, unsigned int class,
		  uint64_t step, struct err *e)
{
	const struct submission s = {
		.seed = p->seed[class],
		.sweep0 = step,
		.sweeps = 1,
		.every = 1,
		.scan = PBM_SCAN_ALTERNATING,
		.gains = 1,
		.gain = &c->gain[class],
		.accumulate = ACC_MOMENTS | ACC_NEAR,
		.waits = p->classes == 1,
	};

	return program_submit(p->program[class], &s, e);
}

int positive_sampled_run(struct positive_sampled *p, const struct couplings *c,
			 const struct dataset *data, const struct minibatch *b, uint64_t step,
			 double *vh, struct energy_ledger *ledger, struct err *e)
{
	size_t size = c->n * c->m, first = 0;
	int r;

	p->device_ns = p->moments_ns = 0;
	for (unsigned int u = 0; u < p->classes; u++) {
		set_images(p, u, data, b, first);
		first += b->count[u];
		r = submit(p, c, u, step, e);
		if (r < 0)
			return r;
		ledger_add_rows(ledger, program_shape(p->program[u]));
	}
	for (unsigned int u = 0; u < p->classes; u++) {
		struct results res;

		r = program_wait(p->program[u], &res, e);
		if (r < 0)
			return r;
		p->near[u] = res.near;
		if (!res.near)
			products_take(&res, size, true, 1, vh + u * size, c->crew);
		p->moments_ns += res.moments_ns;
		p->device_ns += res.ns - res.moments_ns;
		ledger_add_run(ledger, res.flips, res.ns);
		ledger_add_moments(ledger, program_shape(p->program[u]));
	}
	return 0;
}
