/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <string.h>

#include "device.h"
#include "device_ops.h"
#include "wide.h"

#define SWEEPS_END (UINT64_C(1) << 56) /* of the generator's count */
#define ACC_ALL	   (ACC_MOMENTS | ACC_ENERGY | ACC_ENERGY_TRACE | ACC_STATE_TRACE | ACC_NEAR)

struct device *device_close(struct device *d)
{
	if (!d)
		return NULL;
	assert(d->programs == 0);
	d->ops->close(d);
	return NULL;
}

void device_get_info(const struct device *d, struct device_info *ret)
{
	*ret = d->info;
}

/* The bits of word w of a row that belong to no p-bit. */
static uint64_t padding(const struct pbm_shape *s, uint32_t w)
{
	uint32_t visible = pbm_side_words(s->n);
	uint32_t used = w < visible ? s->n - w * 64 : s->m - (w - visible) * 64;

	return used >= 64 ? 0 : ~UINT64_C(0) << used;
}

static bool row_is_padded(const struct pbm_shape *s, const uint64_t *row)
{
	uint32_t visible = pbm_side_words(s->n), last = pbm_state_words(s) - 1;

	return !(row[visible - 1] & padding(s, visible - 1)) && !(row[last] & padding(s, last));
}

static int shape_error(const struct pbm_shape *s, struct err *e)
{
	if (s->bits != 8 && s->bits != 16)
		return err_set(e, -EINVAL, "couplings of %u bits: a p-bit device has 8 or 16",
			       s->bits);
	if (s->chains < 1 || s->chains > PBM_MAX_CHAINS)
		return err_set(e, -EINVAL, "%u chains: choose from 1 to %u", s->chains,
			       PBM_MAX_CHAINS);
	return err_set(e, -EINVAL,
		       "a network of kind %u with %u x %u p-bits: the device has RBMs (kind %d) "
		       "of 1 to %u p-bits a side",
		       s->net, s->n, s->m, PBM_NET_RBM, PBM_MAX_UNITS);
}

int program_new(struct device *d, const struct pbm_shape *shape, const uint64_t *clamp,
		struct program **ret, struct err *e)
{
	struct program *p;
	int r;

	if (pbm_shape_check(shape) < 0)
		return shape_error(shape, e);
	if (clamp && !row_is_padded(shape, clamp))
		return err_set(e, -EINVAL, "the clamp mask names p-bits that the network lacks");

	r = d->ops->program_new(d, shape, clamp, &p, e);
	if (r < 0)
		return r;
	p->device = d;
	p->shape = *shape;
	d->programs++;
	*ret = p;
	return 0;
}

struct program *program_free(struct program *p)
{
	if (!p)
		return NULL;
	program_cancel(p);
	if (p->source)
		p->source->sharer = NULL;
	p->device->programs--;
	free(p->narrow);
	p->device->ops->program_free(p);
	return NULL;
}

const struct pbm_shape *program_shape(const struct program *p)
{
	return &p->shape;
}

uint64_t *program_states(struct program *p)
{
	return p->states;
}

WIDE_BODY all_within_body(const int16_t *w, size_t count, int16_t limit, bool *ret)
{
	int16_t beyond = 0;

	for (size_t i = 0; i < count; i++)
		beyond |= (int16_t)((w[i] > limit) | (w[i] < -limit));
	*ret = !beyond;
}
WIDE(all_within, (const int16_t *w, size_t count, int16_t limit, bool *ret), (w, count, limit, ret))

WIDE_BODY make_narrow_body(const int16_t *w, size_t count, int8_t *restrict to)
{
	for (size_t i = 0; i < count; i++)
		to[i] = (int8_t)w[i];
}
WIDE(make_narrow, (const int16_t *w, size_t count, int8_t *restrict to), (w, count, to))

static int check_couplings(const struct pbm_shape *s, const int16_t *w, struct err *e)
{
	size_t i, size = (size_t)s->n * s->m;
	int limit = s->bits == 8 ? INT8_MAX : INT16_MAX;
	bool within;

	all_within(w, size, (int16_t)limit, &within);
	for (i = 0; !within && i < size; i++)
		if (w[i] > limit || w[i] < -limit)
			return err_set(e, -ERANGE,
				       "coupling %d at row %zu, column %zu: a device of %u-bit "
				       "couplings takes -%d to %d; choose a larger scale",
				       w[i], i / s->m, i % s->m, s->bits, limit, limit);
	return 0;
}

/* In device format, at `to`; 16-bit ones without memory of their own stay where they are. */
static const void *to_device_format(const struct pbm_shape *s, const int16_t *w, void *to)
{
	size_t size = (size_t)s->n * s->m;

	if (s->bits == 16)
		return to ? memcpy(to, w, size * sizeof(*w)) : w;
	make_narrow(w, size, to);
	return to;
}

int program_set_couplings(struct program *p, const int16_t *w, struct err *e)
{
	void *to = p->couplings;
	int r;

	if (p->in_flight || (p->sharer && p->sharer->in_flight))
		return err_set(e, -EBUSY, "the couplings of a program that runs cannot be set");
	r = check_couplings(&p->shape, w, e);
	if (r < 0)
		return r;
	if (!to && p->shape.bits == 8) {
		if (!p->narrow)
			p->narrow = alloc_zeroed((size_t)p->shape.n * p->shape.m, 1);
		if (!p->narrow)
			return err_oom(e);
		to = p->narrow;
	}
	r = p->device->ops->load(p, to_device_format(&p->shape, w, to), e);
	if (r < 0)
		return r;
	p->loaded = true;
	if (p->sharer && p->device->ops->share)
		p->sharer->loaded = true;
	else if (p->sharer)
		return program_set_couplings(p->sharer, w, e);
	return 0;
}

void program_share_couplings(struct program *p, struct program *of)
{
	of->sharer = p;
	p->source = of;
	p->loaded = false;
	if (p->device->ops->share)
		p->device->ops->share(p, of);
}

static int check_submission(const struct program *p, const struct submission *s, struct err *e)
{
	if (!p->loaded)
		return err_set(e, -EINVAL, "the program has no couplings yet");
	if (s->sweeps < 1 || s->sweeps > PBM_MAX_SWEEPS)
		return err_set(e, -EINVAL, "%u sweeps in one run: choose from 1 to %u", s->sweeps,
			       PBM_MAX_SWEEPS);
	if (s->sweep0 > SWEEPS_END - s->sweeps)
		return err_set(e, -EINVAL, "sweep numbers end at 2^56");
	if (s->every < 1)
		return err_set(e, -EINVAL, "recording every 0 sweeps: choose 1 or more");
	if (s->scan > PBM_SCAN_RANDOM_DIRECTION)
		return err_set(e, -EINVAL, "scan order %u is not known", s->scan);
	if (!s->gain || (s->gains != 1 && s->gains != s->sweeps))
		return err_set(e, -EINVAL, "%u gains for %u sweeps: give one, or one a sweep",
			       s->gain ? s->gains : 0, s->sweeps);
	if (s->accumulate & ~(unsigned int)ACC_ALL)
		return err_set(e, -EINVAL, "accumulate 0x%x is not known", s->accumulate);
	return 0;
}

/* A state with stray padding bits would enter fields and sums: the caller's bug, named here. */
static int check_states(const struct program *p, struct err *e)
{
	uint32_t c, words = pbm_state_words(&p->shape);

	for (c = 0; c < p->shape.chains; c++)
		if (!row_is_padded(&p->shape, p->states + (size_t)c * words))
			return err_set(e, -EINVAL,
				       "the state of chain %u sets p-bits that the network lacks",
				       c);
	return 0;
}

/* a * b * 8 bytes, within DEVICE_MAX_RESULT. */
static int result_size(const char *what, size_t a, size_t b, size_t *ret, struct err *e)
{
	size_t size;

	if (!size_mul(a, b, &size) || size > DEVICE_MAX_RESULT / 8)
		return err_set(e, -E2BIG, "%s of %zu x %zu numbers: above %zu MiB; ask for less",
			       what, a, b, DEVICE_MAX_RESULT >> 20);
	*ret = size * 8;
	return 0;
}

static int result_sizes(const struct pbm_shape *shape, const struct submission *s,
			struct result_sizes *ret, struct err *e)
{
	size_t row = (size_t)shape->chains * pbm_state_words(shape);
	int r = 0;

	*ret = (struct result_sizes){ .records = s->sweeps / s->every };
	if (s->accumulate & ACC_MOMENTS)
		r = result_size("moments", shape->n, shape->m, &ret->moments, e);
	if (r == 0 && (s->accumulate & ACC_ENERGY_TRACE))
		r = result_size("an energy trace", ret->records, shape->chains, &ret->energy_trace,
				e);
	if (r == 0 && (s->accumulate & ACC_STATE_TRACE))
		r = result_size("a state trace", ret->records, row, &ret->state_trace, e);
	return r;
}

int program_submit(struct program *p, const struct submission *s, struct err *e)
{
	struct result_sizes sizes;
	int r;

	if (p->in_flight)
		return err_set(e, -EBUSY, "the program runs already; wait for it first");
	r = check_submission(p, s, e);
	if (r == 0)
		r = check_states(p, e);
	if (r == 0)
		r = result_sizes(&p->shape, s, &sizes, e);
	if (r < 0)
		return r;

	p->has_results = false;
	r = p->device->ops->submit(p, s, &sizes, e);
	if (r < 0)
		return r;
	p->in_flight = true;
	return 0;
}

int program_wait(struct program *p, struct results *ret, struct err *e)
{
	int r;

	if (p->in_flight) {
		p->in_flight = false;
		r = p->device->ops->wait(p, &p->results, e);
		if (r < 0)
			return r;
		p->has_results = true;
	}
	if (!p->has_results)
		return err_set(e, -EINVAL, "the program was not submitted, or its run failed");
	if (ret)
		*ret = p->results;
	return 0;
}

void program_cancel(struct program *p)
{
	if (!p->in_flight)
		return;
	if (p->device->ops->cancel)
		p->device->ops->cancel(p);
	program_wait(p, NULL, NULL);
}
