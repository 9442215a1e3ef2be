/* SPDX-License-Identifier: MIT */
/* What results may not depend on: threads, routes, cuts, what else is in flight. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "device.h"

#define SEED 0x5eed0123456789abull

static uint64_t rng_state;

static uint64_t rng(void)
{
	uint64_t z = (rng_state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* Everything that a run leaves behind, copied. */
struct outcome {
	struct pbm_shape shape;
	struct results r;
	uint64_t *states;
	int64_t *sums;	/* vh, v, h */
	int64_t *trace; /* energy */
	uint64_t *state_trace;
};

static void outcome_free(struct outcome *o)
{
	free(o->states);
	free(o->sums);
	free(o->trace);
	free(o->state_trace);
}
#define _cleanup_outcome_ _cleanup_(outcome_free)

static size_t states_size(const struct pbm_shape *s)
{
	return (size_t)s->chains * pbm_state_words(s) * sizeof(uint64_t);
}

static void *copy(const void *from, size_t size)
{
	void *to = malloc(size + 1);

	ck_assert_ptr_nonnull(to);
	if (size)
		memcpy(to, from, size);
	return to;
}

static void outcome_take(struct outcome *o, struct program *p, const struct results *r)
{
	const struct pbm_shape *s = program_shape(p);
	size_t nm = (size_t)s->n * s->m;

	*o = (struct outcome){ .shape = *s, .r = *r };
	o->states = copy(program_states(p), states_size(s));
	if (r->vh) {
		o->sums = malloc((nm + s->n + s->m) * sizeof(*o->sums));
		ck_assert_ptr_nonnull(o->sums);
		memcpy(o->sums, r->vh, nm * sizeof(*o->sums));
		memcpy(o->sums + nm, r->v, s->n * sizeof(*o->sums));
		memcpy(o->sums + nm + s->n, r->h, s->m * sizeof(*o->sums));
	}
	if (r->energy_trace)
		o->trace = copy(r->energy_trace, r->records * s->chains * sizeof(*o->trace));
	if (r->state_trace)
		o->state_trace = copy(r->state_trace, r->records * states_size(s));
}

static void outcomes_equal(const struct outcome *a, const struct outcome *b)
{
	const struct pbm_shape *s = &a->shape;

	ck_assert_mem_eq(a->states, b->states, states_size(s));
	ck_assert_uint_eq(a->r.records, b->r.records);
	ck_assert_uint_eq(a->r.samples, b->r.samples);
	ck_assert_uint_eq(a->r.flips, b->r.flips);
	ck_assert_uint_eq(a->r.changed, b->r.changed);
	ck_assert_int_eq(a->r.energy, b->r.energy);
	ck_assert(!a->sums == !b->sums && !a->trace == !b->trace);
	if (a->sums)
		ck_assert_mem_eq(a->sums, b->sums,
				 ((size_t)s->n * s->m + s->n + s->m) * sizeof(*a->sums));
	if (a->trace)
		ck_assert_mem_eq(a->trace, b->trace, a->r.records * s->chains * sizeof(*a->trace));
	if (a->state_trace)
		ck_assert_mem_eq(a->state_trace, b->state_trace, a->r.records * states_size(s));
}

/* A program's inputs, from a seed. */
struct input {
	struct pbm_shape shape;
	int16_t *w;
	uint64_t *clamp; /* or NULL */
	struct submission s;
	uint64_t gain;
};

static void input_free(struct input *in)
{
	free(in->w);
	free(in->clamp);
}
#define _cleanup_input_ _cleanup_(input_free)

static void set_bit(uint64_t *row, uint32_t i)
{
	row[i / 64] |= UINT64_C(1) << (i % 64);
}

static uint64_t *random_clamp(const struct pbm_shape *s)
{
	uint64_t *clamp = calloc(pbm_state_words(s), sizeof(*clamp));
	uint32_t i;

	ck_assert_ptr_nonnull(clamp);
	for (i = 0; i < s->n; i++)
		if (rng() % 4 == 0)
			set_bit(clamp, i);
	for (i = 0; i < s->m; i++)
		if (rng() % 4 == 0)
			set_bit(clamp + pbm_side_words(s->n), i);
	return clamp;
}

static void input_random(struct input *in, const struct pbm_shape *shape, bool clamped,
			 uint32_t scan, uint64_t seed)
{
	size_t i, size = (size_t)shape->n * shape->m;
	int limit = shape->bits == 8 ? 63 : 9000;

	rng_state = seed;
	*in = (struct input){ .shape = *shape };
	in->w = malloc(size * sizeof(*in->w));
	ck_assert_ptr_nonnull(in->w);
	for (i = 0; i < size; i++)
		in->w[i] = (int16_t)((int)(rng() % (2u * (unsigned int)limit + 1)) - limit);
	if (clamped)
		in->clamp = random_clamp(shape);
	in->gain = gain_from_beta(1, 1.5 / (limit * sqrt((double)(shape->n + shape->m))));
	in->s = (struct submission){
		.seed = seed,
		.sweep0 = 1000,
		.sweeps = 12,
		.every = 3,
		.scan = scan,
		.gains = 1,
		.accumulate = ACC_MOMENTS | ACC_ENERGY | ACC_ENERGY_TRACE | ACC_STATE_TRACE,
	};
}

static struct device *open_device(unsigned int threads, enum pbm_isa isa)
{
	struct device *d = NULL;
	struct err e = { 0 };

	ck_assert_msg(device_open_embedded_isa(threads, isa, &d, &e) == 0, "%s", e.text);
	return d;
}

static struct program *start(struct device *d, const struct input *in)
{
	struct program *p = NULL;
	struct err e = { 0 };

	ck_assert_msg(program_new(d, &in->shape, in->clamp, &p, &e) == 0, "%s", e.text);
	ck_assert_msg(program_set_couplings(p, in->w, &e) == 0, "%s", e.text);
	pbm_states_random(&in->shape, in->s.seed, 0, in->shape.chains, NULL, program_states(p));
	return p;
}

static void submit(struct program *p, const struct input *in)
{
	struct submission s = in->s;
	struct err e = { 0 };

	if (!s.gain)
		s.gain = &in->gain;
	ck_assert_msg(program_submit(p, &s, &e) == 0, "%s", e.text);
}

static void finish(struct program *p, struct outcome *ret)
{
	struct results r;
	struct err e = { 0 };

	ck_assert_msg(program_wait(p, &r, &e) == 0, "%s", e.text);
	outcome_take(ret, p, &r);
}

static void run_input(struct device *d, const struct input *in, struct outcome *ret)
{
	struct program *p = start(d, in);

	submit(p, in);
	finish(p, ret);
	program_free(p);
}

static const struct pbm_shape shapes[] = {
	{ PBM_NET_RBM, 5, 3, 7, 8 },	   { PBM_NET_RBM, 64, 64, 33, 16 },
	{ PBM_NET_RBM, 37, 70, 200, 8 },   { PBM_NET_RBM, 130, 65, 65, 8 },
	{ PBM_NET_RBM, 129, 20, 100, 16 }, { PBM_NET_RBM, 1, 1, 3, 8 },
};

START_TEST(threads_and_routes_do_not_show)
{
	static const unsigned int threads[] = { 1, 2, 3, 5 };
	uint32_t scan = (uint32_t)_i % 3;
	bool clamped = _i >= 3;
	unsigned int isa, t, k;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		_cleanup_input_ struct input in = { 0 };
		_cleanup_outcome_ struct outcome want = { 0 };
		struct device *d = open_device(1, PBM_ISA_SCALAR);

		input_random(&in, &shapes[i], clamped, scan, SEED + i);
		run_input(d, &in, &want);
		device_close(d);
		for (isa = 0; isa <= (unsigned int)pbm_isa_best(); isa++) {
			for (t = 0; t < ARRAY_SIZE(threads); t++) {
				d = open_device(threads[t], (enum pbm_isa)isa);
				for (k = 0; k < 2; k++) { /* the second finds used scratch */
					_cleanup_outcome_ struct outcome got = { 0 };

					run_input(d, &in, &got);
					outcomes_equal(&want, &got);
				}
				device_close(d);
			}
		}
	}
}
END_TEST

/* Sweeps in one run, and in pieces of 3, 1, 8: states, sums and traces add up. */
START_TEST(cuts_in_sweeps_do_not_show)
{
	static const uint32_t pieces[] = { 3, 1, 8 };
	struct device *d = open_device(2, pbm_isa_best());
	_cleanup_input_ struct input in = { 0 };
	_cleanup_outcome_ struct outcome want = { 0 };
	uint64_t gains[12], flips = 0, changed = 0, record = 0;
	int64_t energy = 0, vh = 0;
	struct program *p;
	size_t i;

	input_random(&in, &shapes[2], true, (uint32_t)_i, SEED);
	for (i = 0; i < ARRAY_SIZE(gains); i++) /* a ramp: every sweep its own beta */
		gains[i] = in.gain / 12 * (i + 1);
	in.s.every = 1;
	in.s.gains = 12;
	in.s.gain = gains;
	run_input(d, &in, &want);

	p = start(d, &in);
	for (i = 0; i < ARRAY_SIZE(pieces); i++) {
		_cleanup_outcome_ struct outcome got = { 0 };
		size_t row = in.shape.chains;

		in.s.sweeps = in.s.gains = pieces[i];
		submit(p, &in);
		finish(p, &got);
		ck_assert_mem_eq(got.trace, want.trace + record * row,
				 got.r.records * row * sizeof(*got.trace));
		ck_assert_mem_eq(got.state_trace,
				 (char *)want.state_trace + record * states_size(&in.shape),
				 got.r.records * states_size(&in.shape));
		record += got.r.records;
		flips += got.r.flips;
		changed += got.r.changed;
		energy += got.r.energy;
		vh += got.sums[17];
		in.s.sweep0 += pieces[i];
		in.s.gain += pieces[i];
	}
	ck_assert_mem_eq(program_states(p), want.states, states_size(&in.shape));
	ck_assert_uint_eq(record, want.r.records);
	ck_assert_uint_eq(flips, want.r.flips);
	ck_assert_uint_eq(changed, want.r.changed);
	ck_assert_int_eq(energy, want.r.energy);
	ck_assert_int_eq(vh, want.sums[17]);
	program_free(p);
	device_close(d);
}
END_TEST

/* A chain's bits do not depend on how many chains there are beside it. */
START_TEST(fewer_chains_are_a_prefix)
{
	struct device *d = open_device(2, pbm_isa_best());
	_cleanup_input_ struct input in = { 0 };
	_cleanup_outcome_ struct outcome want = { 0 };
	static const uint32_t chains[] = { 1, 2, 31, 64, 199 };
	size_t i;

	input_random(&in, &shapes[2], false, (uint32_t)_i, SEED + 5);
	run_input(d, &in, &want);
	for (i = 0; i < ARRAY_SIZE(chains); i++) {
		_cleanup_outcome_ struct outcome got = { 0 };

		in.shape.chains = chains[i];
		run_input(d, &in, &got);
		ck_assert_mem_eq(got.states, want.states, states_size(&in.shape));
	}
	device_close(d);
}
END_TEST

START_TEST(programs_in_flight_do_not_meet)
{
	struct device *d = open_device(3, pbm_isa_best());
	struct input in[8];
	struct outcome alone[8], together;
	struct program *p[8];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(in); i++) {
		input_random(&in[i], &shapes[i % ARRAY_SIZE(shapes)], i & 1, (uint32_t)i % 3,
			     SEED + i);
		run_input(d, &in[i], &alone[i]);
		p[i] = start(d, &in[i]);
	}
	for (i = 0; i < ARRAY_SIZE(in); i++)
		submit(p[i], &in[i]);
	for (i = ARRAY_SIZE(in); i-- > 0;) {
		finish(p[i], &together);
		outcomes_equal(&alone[i], &together);
		outcome_free(&together);
		outcome_free(&alone[i]);
	}
	for (i = 0; i < ARRAY_SIZE(in); i++) {
		submit(p[i], &in[i]); /* freed in flight */
		program_free(p[i]);
		input_free(&in[i]);
	}
	device_close(d);
}
END_TEST

static int spin(const uint64_t *row, uint32_t i)
{
	return (row[i / 64] >> (i % 64)) & 1 ? 1 : -1;
}

static int64_t energy_of(const struct input *in, const uint64_t *row)
{
	const uint64_t *h = row + pbm_side_words(in->shape.n);
	int64_t sum = 0;
	uint32_t i, j;

	for (i = 0; i < in->shape.n; i++)
		for (j = 0; j < in->shape.m; j++)
			sum -= in->w[i * in->shape.m + j] * spin(row, i) * spin(h, j);
	return sum;
}

/* Sums and traces are recounted from the state trace. */
START_TEST(results_agree_with_the_states)
{
	struct device *d = open_device(3, pbm_isa_best());
	const struct pbm_shape *s = &shapes[_i % (int)ARRAY_SIZE(shapes)];
	_cleanup_input_ struct input in = { 0 };
	_cleanup_outcome_ struct outcome o = { 0 };
	size_t words = pbm_state_words(s), nm = (size_t)s->n * s->m, row, k;
	int64_t *sums = calloc(nm + s->n + s->m, sizeof(*sums)), energy = 0;

	ck_assert_ptr_nonnull(sums);
	input_random(&in, s, _i & 1, (uint32_t)_i % 3, SEED + 9);
	in.s.sweeps = 7;
	run_input(d, &in, &o);
	ck_assert_uint_eq(o.r.records, 2);
	ck_assert_uint_eq(o.r.samples, 2 * s->chains);
	for (row = 0; row < 2 * (size_t)s->chains; row++) {
		const uint64_t *v = o.state_trace + row * words, *h = v + pbm_side_words(s->n);

		ck_assert_int_eq(o.trace[row], energy_of(&in, v));
		energy += o.trace[row];
		for (k = 0; k < nm; k++)
			sums[k] += spin(v, (uint32_t)(k / s->m)) * spin(h, (uint32_t)(k % s->m));
		for (k = 0; k < s->n; k++)
			sums[nm + k] += spin(v, (uint32_t)k);
		for (k = 0; k < s->m; k++)
			sums[nm + s->n + k] += spin(h, (uint32_t)k);
	}
	ck_assert_int_eq(o.r.energy, energy);
	ck_assert_mem_eq(o.sums, sums, (nm + s->n + s->m) * sizeof(*sums));
	free(sums);
	device_close(d);
}
END_TEST

/* Updates are counted; clamped p-bits stay; without a field half of the updates change. */
START_TEST(counts_and_clamps)
{
	struct device *d = open_device(2, pbm_isa_best());
	_cleanup_input_ struct input in = { 0 };
	_cleanup_outcome_ struct outcome o = { 0 };
	const struct pbm_shape *s = &shapes[3];
	size_t words = pbm_state_words(s), i, w;
	uint64_t free_v = s->n, free_h = s->m, flips;
	uint64_t *before = malloc(states_size(s));
	double sigma;

	ck_assert_ptr_nonnull(before);
	input_random(&in, s, true, (uint32_t)_i, SEED + 3);
	in.gain = 0;
	for (w = 0; w < words; w++)
		*(w < pbm_side_words(s->n) ? &free_v : &free_h) -=
			(uint64_t)__builtin_popcountll(in.clamp[w]);
	pbm_states_random(s, in.s.seed, 0, s->chains, NULL, before);
	run_input(d, &in, &o);
	flips = (free_h + free_v * (_i == PBM_SCAN_PALINDROME ? 2 : 1)) * s->chains * in.s.sweeps;
	ck_assert_uint_eq(o.r.flips, flips);
	sigma = sqrt((double)flips) / 2;
	ck_assert_double_lt(fabs((double)o.r.changed - (double)flips / 2), 6 * sigma);
	for (i = 0; i < s->chains; i++)
		for (w = 0; w < words; w++)
			ck_assert_uint_eq(
				(o.states[i * words + w] ^ before[i * words + w]) & in.clamp[w], 0);
	free(before);
	device_close(d);
}
END_TEST

#define SMALL_N	     4
#define SMALL_M	     3
#define SMALL_STATES (1 << (SMALL_N + SMALL_M))
#define SMALL_CHAINS 40000

/* Visible p-bits in bits 0 to 3, hidden ones in 4 to 6. */
static void enumerate(const struct input *in, double beta_scale, double p[SMALL_STATES])
{
	double z = 0;
	int k;

	for (k = 0; k < SMALL_STATES; k++) {
		uint64_t row[2] = { (uint64_t)k & 15, (uint64_t)k >> 4 };

		p[k] = exp(-beta_scale * (double)energy_of(in, row));
		/* v_0 clamped to +1, h_1 to -1 */
		if (in->clamp && (!(k & 1) || (k >> 5 & 1)))
			p[k] = 0;
		z += p[k];
	}
	for (k = 0; k < SMALL_STATES; k++)
		p[k] /= z;
}

/* Pearson's statistic, less its mean, in units of its standard deviation. */
static double chi_square(const double p[SMALL_STATES], const unsigned int count[SMALL_STATES])
{
	double x = 0;
	int k, freedom = -1;

	for (k = 0; k < SMALL_STATES; k++) {
		double want = p[k] * SMALL_CHAINS;

		if (p[k] > 0) {
			x += (count[k] - want) * (count[k] - want) / want;
			freedom++;
		} else {
			ck_assert_uint_eq(count[k], 0);
		}
	}
	return (x - freedom) / sqrt(2.0 * freedom);
}

/*
 * One state of each of 40,000 independent chains, after 40 sweeps, against enumeration. 6 sigma
 * of chi-square with 31 or 127 degrees of freedom: a right machine fails once in 10^6 seeds; the
 * seed is fixed. The control, 10 % off in beta, must be told apart.
 */
START_TEST(distribution_of_a_small_rbm)
{
	const double scale = 0.01, beta = 0.8;
	struct pbm_shape s = { PBM_NET_RBM, SMALL_N, SMALL_M, SMALL_CHAINS, 8 };
	struct device *d = open_device(2, pbm_isa_best());
	_cleanup_input_ struct input in = { 0 };
	_cleanup_outcome_ struct outcome o = { 0 };
	unsigned int count[SMALL_STATES] = { 0 };
	double p[SMALL_STATES];
	struct program *prog;
	uint64_t *states;
	size_t i;

	input_random(&in, &s, false, (uint32_t)_i % 3, SEED + 77);
	in.gain = gain_from_beta(beta, scale);
	in.s.sweeps = 40;
	in.s.accumulate = 0;
	if (_i >= 3) {
		in.clamp = calloc(2, sizeof(*in.clamp));
		ck_assert_ptr_nonnull(in.clamp);
		in.clamp[0] = 1;
		in.clamp[1] = 2;
	}
	prog = start(d, &in);
	states = program_states(prog);
	for (i = 0; in.clamp && i < SMALL_CHAINS; i++) {
		states[2 * i] |= 1;
		states[2 * i + 1] &= ~UINT64_C(2);
	}
	submit(prog, &in);
	finish(prog, &o);
	for (i = 0; i < SMALL_CHAINS; i++)
		count[o.states[2 * i] | o.states[2 * i + 1] << 4]++;
	enumerate(&in, beta * scale, p);
	ck_assert_double_lt(fabs(chi_square(p, count)), 6);
	enumerate(&in, 1.1 * beta * scale, p);
	ck_assert_double_gt(chi_square(p, count), 6);
	program_free(prog);
	device_close(d);
}
END_TEST

static void says(int r, int code, struct err *e, const char *what)
{
	ck_assert_int_eq(r, code);
	ck_assert_int_eq(e->code, code);
	ck_assert_msg(strstr(e->text, what), "'%s' does not say '%s'", e->text, what);
	*e = (struct err){ 0 };
}

START_TEST(refuses_devices_and_shapes)
{
	static const struct pbm_shape good = { PBM_NET_RBM, 5, 3, 2, 8 };
	struct device *d = (struct device *)8;
	struct program *p = (struct program *)8;
	uint64_t clamp[2] = { 32, 0 };
	struct pbm_shape s;
	struct err e = { 0 };

	says(device_open_embedded(0, &d, &e), -EINVAL, &e, "0 threads");
	says(device_open_embedded(100000, &d, &e), -EINVAL, &e, "1 to 1024");
	says(device_open_embedded_isa(1, (enum pbm_isa)(pbm_isa_best() + 1), &d, &e), -EOPNOTSUPP,
	     &e, "lacks");
	ck_assert_ptr_eq(d, (struct device *)8);

	d = open_device(1, pbm_isa_best());
	s = good;
	s.n = PBM_MAX_UNITS + 1;
	says(program_new(d, &s, NULL, &p, &e), -EINVAL, &e, "16385 x 3");
	s = good;
	s.m = 0;
	says(program_new(d, &s, NULL, &p, &e), -EINVAL, &e, "5 x 0");
	s = good;
	s.chains = 0;
	says(program_new(d, &s, NULL, &p, &e), -EINVAL, &e, "0 chains");
	s = good;
	s.bits = 4;
	says(program_new(d, &s, NULL, &p, &e), -EINVAL, &e, "4 bits");
	s = good;
	s.net = 99;
	says(program_new(d, &s, NULL, &p, &e), -EINVAL, &e, "kind 99");
	says(program_new(d, &good, clamp, &p, &e), -EINVAL, &e, "clamp");
	ck_assert_ptr_eq(p, (struct program *)8);
	device_close(d);
}
END_TEST

START_TEST(refuses_couplings)
{
	struct pbm_shape s = { PBM_NET_RBM, 2, 3, 2, _i ? 16 : 8 };
	struct device *d = open_device(1, pbm_isa_best());
	int16_t w[6] = { 0 };
	struct program *p;
	struct err e = { 0 };

	ck_assert_int_eq(program_new(d, &s, NULL, &p, &e), 0);
	w[5] = _i ? INT16_MIN : 128;
	says(program_set_couplings(p, w, &e), -ERANGE, &e, "row 1, column 2");
	w[5] = _i ? INT16_MAX : -128;
	w[1] = _i ? INT16_MIN : -128;
	says(program_set_couplings(p, w, &e), -ERANGE, &e, "row 0, column 1");
	w[1] = w[5] = _i ? -INT16_MAX : -127;
	ck_assert_int_eq(program_set_couplings(p, w, &e), 0);
	program_free(p);
	device_close(d);
}
END_TEST

/* One wrong field a row, from a submission that is right. */
static void refuse(struct program *p, struct submission s, int code, const char *what)
{
	struct err e = { 0 };

	says(program_submit(p, &s, &e), code, &e, what);
}

START_TEST(refuses_submissions)
{
	struct device *d = open_device(2, pbm_isa_best());
	_cleanup_input_ struct input in = { 0 };
	struct err e = { 0 };
	struct submission s, bad;
	struct program *p;

	input_random(&in, &shapes[0], false, 0, SEED);
	s = in.s;
	s.gain = &in.gain;
	ck_assert_int_eq(program_new(d, &in.shape, NULL, &p, &e), 0);
	refuse(p, s, -EINVAL, "no couplings");
	ck_assert_int_eq(program_set_couplings(p, in.w, &e), 0);
	says(program_wait(p, NULL, &e), -EINVAL, &e, "not submitted");

	bad = s, bad.sweeps = 0, refuse(p, bad, -EINVAL, "0 sweeps");
	bad = s, bad.sweeps = PBM_MAX_SWEEPS + 1, refuse(p, bad, -EINVAL, "sweeps in one run");
	bad = s, bad.sweep0 = UINT64_MAX - 3, refuse(p, bad, -EINVAL, "2^64");
	bad = s, bad.every = 0, refuse(p, bad, -EINVAL, "every 0");
	bad = s, bad.scan = 3, refuse(p, bad, -EINVAL, "scan order 3");
	bad = s, bad.gains = 5, refuse(p, bad, -EINVAL, "5 gains for 12");
	bad = s, bad.gain = NULL, refuse(p, bad, -EINVAL, "0 gains");
	bad = s, bad.accumulate = 1u << 31, refuse(p, bad, -EINVAL, "0x80000000");
	bad = s, bad.sweeps = PBM_MAX_SWEEPS, bad.every = 1;
	bad.accumulate = ACC_STATE_TRACE;
	refuse(p, bad, -E2BIG, "state trace");

	program_states(p)[2] |= 1u << 5;
	refuse(p, s, -EINVAL, "chain 1");
	program_states(p)[2] = 0;

	ck_assert_int_eq(program_submit(p, &s, &e), 0);
	says(program_set_couplings(p, in.w, &e), -EBUSY, &e, "runs");
	refuse(p, s, -EBUSY, "runs already");
	ck_assert_int_eq(program_wait(p, NULL, &e), 0);
	ck_assert_int_eq(program_wait(p, NULL, &e), 0);
	ck_assert_int_eq(program_set_couplings(p, in.w, &e), 0);
	program_free(p);
	device_close(d);
}
END_TEST

START_TEST(says_what_it_is)
{
	struct device *d = open_device(2, PBM_ISA_SCALAR);
	struct device_info info;

	device_get_info(d, &info);
	ck_assert_str_eq(info.name, "embedded0");
	ck_assert_str_eq(info.backend, "embedded");
	ck_assert_str_eq(info.route, "scalar");
	ck_assert_uint_eq(info.threads, 2);
	device_close(d);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("device");
	TCase *t = tcase_create("device");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, threads_and_routes_do_not_show, 0, 6);
	tcase_add_loop_test(t, cuts_in_sweeps_do_not_show, 0, 3);
	tcase_add_loop_test(t, fewer_chains_are_a_prefix, 0, 3);
	tcase_add_test(t, programs_in_flight_do_not_meet);
	tcase_add_loop_test(t, results_agree_with_the_states, 0, 6);
	tcase_add_loop_test(t, counts_and_clamps, 0, 3);
	tcase_add_loop_test(t, distribution_of_a_small_rbm, 0, 6);
	tcase_add_test(t, refuses_devices_and_shapes);
	tcase_add_loop_test(t, refuses_couplings, 0, 2);
	tcase_add_test(t, refuses_submissions);
	tcase_add_test(t, says_what_it_is);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
