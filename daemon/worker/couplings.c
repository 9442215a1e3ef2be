/* SPDX-License-Identifier: MIT */
#include "couplings.h"

#include "quantise.h"

int couplings_new(unsigned int classes, size_t n, size_t m, unsigned int bits, double beta,
		  struct couplings *ret, struct err *e)
{
	struct couplings c = { .classes = classes, .bits = bits, .n = n, .m = m, .beta = beta };
	size_t one, all;

	if (!size_mul(n, m, &one) || !size_mul(one, classes, &all))
		return err_oom(e);
	c.q = alloc_zeroed(all, sizeof(*c.q));
	c.w = alloc_zeroed(all, sizeof(*c.w));
	c.scale = alloc_zeroed(classes, sizeof(*c.scale));
	c.gain = alloc_zeroed(classes, sizeof(*c.gain));
	if (!c.q || !c.w || !c.scale || !c.gain) {
		couplings_free(&c);
		return err_oom(e);
	}
	*ret = c;
	return 0;
}

void couplings_free(struct couplings *c)
{
	free(c->q);
	free(c->w);
	free(c->scale);
	free(c->gain);
	*c = (struct couplings){ 0 };
}

double couplings_limit(const struct couplings *c, unsigned int class)
{
	return c->scale[class] * quantise_limit(c->bits);
}

/* NaN stays, for quantise() to name. */
static void clip(double *w, size_t count, double limit)
{
	for (size_t k = 0; k < count; k++) {
		if (w[k] > limit)
			w[k] = limit;
		else if (w[k] < -limit)
			w[k] = -limit;
	}
}

int couplings_quantise(struct couplings *c, double *w, double scale, struct err *e)
{
	for (unsigned int u = 0; u < c->classes; u++) {
		size_t at = couplings_at(c, u);
		char what[32];
		int r;

		snprintf(what, sizeof(what), "W of class %u", u);
		if (!c->even)
			w[at] = 0;
		if (scale > 0)
			clip(w + at, c->n * c->m, scale * quantise_limit(c->bits));
		r = quantise_by(c->crew, w + at, c->n, c->m, c->bits, scale, what, c->q + at,
				c->w + at, &c->scale[u], e);
		if (r < 0)
			return r;
		c->gain[u] = gain_from_beta(c->beta, c->scale[u]);
	}
	return 0;
}

void couplings_clamp_mask(const struct pbm_shape *shape, uint64_t *mask)
{
	for (uint32_t w = 0; w < pbm_state_words(shape); w++)
		mask[w] = 0;
	mask[0] = 1;
	mask[pbm_side_words(shape->n)] = 1;
}

int couplings_program(const struct couplings *c, struct device *d, uint32_t chains,
		      struct program **ret, struct err *e)
{
	_cleanup_free_ uint64_t *mask = NULL;
	struct pbm_shape shape = {
		.net = PBM_NET_RBM,
		.chains = chains,
		.bits = c->bits,
	};

	if (c->n > PBM_MAX_UNITS || c->m > PBM_MAX_UNITS)
		return err_set(e, -EINVAL,
			       "a network of %zu x %zu p-bits with its reference spins: the device "
			       "has at most %u a side; use fewer pixels or hidden p-bits",
			       c->n, c->m, PBM_MAX_UNITS);
	shape.n = (uint32_t)c->n;
	shape.m = (uint32_t)c->m;
	mask = alloc_zeroed(pbm_state_words(&shape), sizeof(*mask));
	if (!mask)
		return err_oom(e);
	if (!c->even)
		couplings_clamp_mask(&shape, mask);
	return program_new(d, &shape, mask, ret, e);
}

void couplings_random_states(const struct couplings *c, struct program *p, uint64_t seed)
{
	const struct pbm_shape *shape = program_shape(p);
	uint32_t words = pbm_state_words(shape), v_words = pbm_side_words(shape->n);
	uint64_t *states = program_states(p);

	pbm_states_random(shape, seed, 0, shape->chains, NULL, states);
	for (uint32_t k = 0; !c->even && k < shape->chains; k++) {
		states[(size_t)k * words] |= 1;
		states[(size_t)k * words + v_words] |= 1;
	}
}
