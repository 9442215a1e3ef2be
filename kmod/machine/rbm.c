// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The dense bipartite network: scratch, and the run that every route follows. */
#include "rbm.h"

#define EINVAL_ 22

/* Offsets of the scratch's parts; returns its size. */
struct scratch_layout {
	u64 field[2], ref[2], free[2], up, down, tables, spins, batch, columns;
};

static u64 scratch_layout(const struct pbm_shape *s, struct scratch_layout *l)
{
	u64 list = rbm_list(s), at = rbm_align(sizeof(struct rbm_scratch));
	u32 side;

	for (side = 0; side < 2; side++) {
		u32 units = rbm_units(s, side);

		l->field[side] = at;
		at += rbm_align(RBM_BLOCK * (u64)rbm_padded(units) * sizeof(s32));
		l->ref[side] = at;
		at += rbm_align(RBM_BLOCK * (u64)pbm_side_words(units) * sizeof(u64));
		l->free[side] = at;
		at += rbm_align(pbm_side_words(units) * sizeof(u64));
	}
	l->up = at;
	at += rbm_align(RBM_BLOCK * list * sizeof(u16));
	l->down = at;
	at += rbm_align(RBM_BLOCK * list * sizeof(u16));
	l->tables = at;
	at += RBM_TABLES_SIZE;
	l->spins = at;
	at += rbm_planes() ? RBM_BLOCK * (u64)rbm_padded(s->n > s->m ? s->n : s->m) : 0;
	l->batch = at;
	at += rbm_align((u64)RBM_BATCH * pbm_state_words(s) * sizeof(u64));
	l->columns = at;
	return at + (u64)RBM_COLUMN * 64 * pbm_state_words(s);
}

size_t pbm_scratch_size(const struct pbm_shape *s)
{
	struct scratch_layout l;

	return (size_t)scratch_layout(s, &l);
}

static struct rbm_scratch *scratch_init(const struct pbm_shape *s, u8 *base)
{
	struct rbm_scratch *sc = (struct rbm_scratch *)base;
	struct scratch_layout l;
	u32 side;

	scratch_layout(s, &l);
	for (side = 0; side < 2; side++) {
		sc->field[side] = base + l.field[side];
		sc->ref[side] = (u64 *)(base + l.ref[side]);
		sc->free[side] = (u64 *)(base + l.free[side]);
	}
	sc->up = (u16 *)(base + l.up);
	sc->down = (u16 *)(base + l.down);
	sc->tables = base + l.tables;
	sc->spins = (s8 *)(base + l.spins);
	sc->batch = (u64 *)(base + l.batch);
	sc->columns = (u64 *)(base + l.columns);
	return sc;
}

#define PRODUCT_CHAINS 32u /* that a product serves for no more than fewer would cost */

/* Whether fields cost less from nothing than by events. */
static int by_product(const struct rbm_context *c, const struct rbm_route *route,
		      enum rbm_side side, u32 count)
{
	u32 kind = rbm_units(c->shape, !side) - c->image->apart <= RBM_FEW ? RBM_ROWS_FEW :
		   c->image->bits != 8					   ? RBM_ROWS16 :
		   c->image->together > 1				   ? RBM_ROWS8_TOGETHER :
									     RBM_ROWS8;

	if (!route->product || c->run->flags & PBM_RUN_EVENTS)
		return 0;
	if (c->run->flags & PBM_RUN_PRODUCT)
		return 1;
	return count >= route->product_chains &&
	       c->scratch->moved[!side] * (count < PRODUCT_CHAINS ? count : PRODUCT_CHAINS) >=
		       route->moved[kind] * PRODUCT_CHAINS;
}

/* The fields of side now hold for the states that the other side has. */
static void hold(struct rbm_context *c, enum rbm_side side, const u8 *who, u32 count)
{
	u32 i, w;

	for (i = 0; i < count; i++) {
		const u64 *state = rbm_state(c, who[i], !side);
		u64 *ref = rbm_ref(c, who[i], !side);

		for (w = 0; w < c->words[!side]; w++)
			ref[w] = state[w];
		rbm_rest(c, w / 4);
	}
}

/* The field of unit 0, which stands apart, from nothing. */
static void make_first(struct rbm_context *c, enum rbm_side side, const u8 *who, u32 count)
{
	const s32 *down = rbm_base(c->shape, c->image, !side, 0);
	const s32 *up = rbm_base(c->shape, c->image, !side, 1);
	u32 i, w;

	for (i = 0; i < count; i++) {
		const u64 *state = rbm_state(c, who[i], !side);
		s32 field = *rbm_base(c->shape, c->image, side, 0);

		for (w = 0; w < c->words[!side]; w++) {
			u64 bits = state[w];

			for (; bits; bits &= bits - 1) {
				u32 k = 64 * w + (u32)__builtin_ctzll(bits);

				field += up[k] - down[k];
			}
			rbm_rest(c, 64);
		}
		rbm_set_field(c, side, who[i], 0, field);
	}
}

#define SPAN_MOVED  100u /* 1024ths of the other side */
#define SPAN_CHAINS 8u

/* Words of inputs whose events are added at a time, where other chains read the rows again. */
static u32 span_words(struct rbm_context *c, const struct rbm_route *route, enum rbm_side side,
		      const u8 *who, u32 count)
{
	u32 words = c->words[!side], spans, i;

	if (!route->span || words <= route->span || !c->narrow || count < SPAN_CHAINS ||
	    c->scratch->moved[!side] < SPAN_MOVED)
		return words;
	for (i = 0; i < count; i++)
		if (!c->scratch->valid[side][who[i]])
			return words;
	spans = (words + route->span - 1) / route->span;
	return (words + spans - 1) / spans;
}

/* Lists the events of side; of all spans but the last, adds them too. */
static void list(struct rbm_context *c, const struct rbm_route *route, enum rbm_side side,
		 const u8 *who, u32 count)
{
	u32 span = span_words(c, route, side, who, count), words = c->words[!side];

	for (c->from = 0; c->from + span < words; c->from = c->to) {
		c->to = c->from + span;
		route->list(c, side, who, count);
		route->accumulate(c, side, who, count);
	}
	c->to = words;
	route->list(c, side, who, count);
}

/* Brings the fields of side up to date for the chains of who, and draws its p-bits. */
static void update(struct rbm_context *c, const struct rbm_route *route, enum rbm_side side,
		   u32 visit, const u8 *who, u32 count)
{
	rbm_fields_fn fields;
	rbm_draw_fn both;
	u64 before = c->changed;
	u32 a;

	if (!count || c->idle[side])
		return;
	if (by_product(c, route, side, count)) {
		hold(c, side, who, count);
		both = route->product_draw;
		fields = route->product;
	} else {
		list(c, route, side, who, count);
		both = route->accumulate_draw;
		fields = route->accumulate;
	}
	if (both && c->narrow && !c->run->spread && !c->apart[side]) {
		both(c, side, visit, who, count);
	} else {
		fields(c, side, who, count);
		if (c->apart[side])
			make_first(c, side, who, count);
		(c->run->spread ? route->draw_spread : route->draw)(c, side, visit, who, count);
	}
	for (a = 0; a < count; a++)
		c->scratch->valid[side][who[a]] = 1;
	if (count >= route->product_chains)
		c->scratch->moved[side] =
			(u32)(c->changed - before) * 1024 / (count * rbm_units(c->shape, side));
}

/* One sweep of the block. Returns a mask of the chains whose hidden side was drawn last. */
static u64 sweep(struct rbm_context *c, const struct rbm_route *route)
{
	u8 all[RBM_BLOCK], fwd[RBM_BLOCK], rev[RBM_BLOCK];
	u32 k, nf = 0, nr = 0;
	u64 last_hidden = 0;

	for (k = 0; k < c->chains && k < RBM_BLOCK; k++) {
		all[k] = (u8)k;
		if (c->run->scan == PBM_SCAN_RANDOM_DIRECTION &&
		    !ars_coin(&c->scratch->coins[k], c->sweep)) {
			rev[nr++] = (u8)k;
		} else {
			fwd[nf++] = (u8)k;
			last_hidden |= 1ull << k;
		}
	}
	update(c, route, RBM_VISIBLE, 0, fwd, nf);
	update(c, route, RBM_HIDDEN, 0, all, c->chains);
	update(c, route, RBM_VISIBLE, 0, rev, nr);
	if (c->run->scan == PBM_SCAN_PALINDROME) {
		update(c, route, RBM_VISIBLE, 1, all, c->chains);
		last_hidden = 0;
	}
	return last_hidden;
}

/* -sum_i s_i F_i over the side that was drawn last, whose fields still hold. */
static s64 energy(struct rbm_context *c, u32 chain, enum rbm_side side)
{
	u32 units = rbm_units(c->shape, side), w, k;
	const u64 *state = rbm_state(c, chain, side);
	s64 sum = 0;

	for (w = 0; w < c->words[side]; w++) {
		u32 some = units - 64 * w < 64 ? units - 64 * w : 64;

		for (k = 0; k < some; k++) {
			s32 f = rbm_field(c, side, chain, 64 * w + k);

			sum += state[w] >> k & 1 ? f : -f;
		}
		rbm_rest(c, 64);
	}
	return -sum;
}

void pbm_sums_settle(const struct pbm_shape *s, struct pbm_sums *sums, int first)
{
	u64 size = (u64)s->n * s->m, k;

	if (sums->nearer && first)
		for (k = 0; k < size; k++)
			sums->vh[k] = sums->near[k];
	else if (sums->nearer)
		for (k = 0; k < size; k++)
			sums->vh[k] += sums->near[k];
	else if (first)
		for (k = 0; k < size; k++)
			sums->vh[k] = 0;
	sums->nearer = 0;
}

/* Rows of the batch. */
static void sum_rows(struct rbm_context *c, const struct rbm_route *route, u32 from, u32 to)
{
	struct pbm_sums *sums = c->sums;

	if (!from && sums->near && sums->nearer > PBM_MOST_NEAR - c->scratch->batched)
		pbm_sums_settle(c->shape, sums, 0);
	route->moments(c, from, to);
	if (to < c->shape->n)
		return;
	if (sums->near)
		sums->nearer += c->scratch->batched;
	c->scratch->batched = 0;
}

/* The whole batch. */
static void sum_batch(struct rbm_context *c, const struct rbm_route *route)
{
#ifndef PBM_REST
	u64 start = c->run->clock ? c->run->clock() : 0;
#endif

	sum_rows(c, route, 0, c->shape->n);
#ifndef PBM_REST
	if (c->run->clock)
		c->sums->moments_ns += c->run->clock() - start;
#endif
}

/* Energies are those of the side that came last, which has its fields then though it be idle. */
static int has_energy(const struct rbm_context *c)
{
	return c->run->energy_trace || (c->sums && c->sums->energy);
}

static void record(struct rbm_context *c, const struct rbm_route *route, u64 row, u64 last_hidden)
{
	const struct pbm_run *run = c->run;
	u32 stride = c->words[0] + c->words[1], k, w;

	for (k = 0; k < c->chains; k++) {
		const u64 *state = rbm_state(c, k, RBM_VISIBLE);
		u64 at = row * run->trace_chains + run->trace_chain0 + c->first + k;

		if (run->state_trace)
			for (w = 0; w < stride; w++)
				run->state_trace[at * stride + w] = state[w];
		if (has_energy(c)) {
			s64 e = energy(c, k, last_hidden >> k & 1 ? RBM_HIDDEN : RBM_VISIBLE);

			if (run->energy_trace)
				run->energy_trace[at] = e;
			if (c->sums && c->sums->energy)
				*c->sums->energy += e;
		}
		if (!c->sums)
			continue;
		c->sums->samples++;
		if (!rbm_has_products(c->sums) && !c->sums->v && !c->sums->h)
			continue;
		for (w = 0; w < stride; w++)
			c->scratch->batch[(u64)c->scratch->batched * stride + w] = state[w];
		if (++c->scratch->batched == RBM_BATCH && !(run->flags & PBM_RUN_HOLD))
			sum_batch(c, route);
	}
}

/* How far a side is from all -1, where fields that hold for nothing yet start, in 1024ths. */
static u32 distance(struct rbm_context *c, enum rbm_side side)
{
	u32 sum = 0, k, w;

	for (k = 0; k < c->chains; k++) {
		const u64 *state = rbm_state(c, k, side);

		for (w = 0; w < c->words[side]; w++)
			sum += rbm_popcount(state[w]);
		rbm_rest(c, w / 4);
	}
	return (u32)((u64)sum * 1024 / (c->chains * rbm_units(c->shape, side)));
}

static void run_block(struct rbm_context *c, const struct rbm_route *route)
{
	const struct pbm_run *run = c->run;
	u32 cold = !(run->flags & PBM_RUN_FIELDS), t, k;

	if (cold) {
		for (k = 0; k < c->chains; k++) {
			c->scratch->valid[0][k] = 0;
			c->scratch->valid[1][k] = 0;
		}
		c->scratch->moved[RBM_VISIBLE] = distance(c, RBM_VISIBLE);
		c->scratch->moved[RBM_HIDDEN] = distance(c, RBM_HIDDEN);
	}
	for (t = 0; t < run->sweeps; t++) {
		u64 gain = run->gain[run->gains == 1 ? 0 : t];
		u64 last_hidden;

		if (!t || gain != c->gain)
			(c->narrow ? pbm_fast_init : pbm_fast_init_wide)(&c->fast, gain);
		c->gain = gain;
		c->sweep = run->sweep0 + t;
		if (run->spread)
			c->angle = pbm_drift_angle(c->sweep, run->spread->drift_period);
		if (run->scan == PBM_SCAN_RANDOM_DIRECTION && ((cold && !t) || c->sweep % 128 == 0))
			for (k = 0; k < c->chains; k++)
				c->scratch->coins[k] =
					ars_coins(&c->key, run->chain0 + c->first + k, c->sweep);
		last_hidden = sweep(c, route);
		if ((t + 1) % run->every == 0)
			record(c, route, t / run->every, last_hidden);
	}
}

/* Bits of word w of side that may be drawn: real p-bits that are not clamped. */
static u64 free_mask(const struct rbm_context *c, enum rbm_side side, u32 w)
{
	u32 left = rbm_units(c->shape, side) - 64 * w;
	u64 mask = left >= 64 ? ~0ull : (1ull << left) - 1;

	if (c->run->clamp)
		mask &= ~c->run->clamp[(side ? c->words[0] : 0) + w];
	return mask;
}

static u32 free_units(struct rbm_context *c, enum rbm_side side)
{
	u32 sum = 0, w;

	for (w = 0; w < c->words[side]; w++) {
		c->scratch->free[side][w] = free_mask(c, side, w);
		sum += rbm_popcount(c->scratch->free[side][w]);
	}
	c->idle[side] = !sum && !has_energy(c);
	c->apart[side] = c->image->apart && (c->scratch->free[side][0] & 1 || has_energy(c));
	return sum;
}

static const struct rbm_route *route_of(enum pbm_isa isa)
{
#ifdef __x86_64__
#if RBM_HAVE_AMX
	if (isa == PBM_ISA_AMX)
		return &rbm_route_amx;
#endif
#ifndef __KERNEL__
	if (isa == PBM_ISA_AVX512)
		return &rbm_route_avx512;
#endif
	if (isa == PBM_ISA_VAES)
		return &rbm_route_vaes;
	if (isa == PBM_ISA_AVX2)
		return &rbm_route_avx2;
#endif
	return &rbm_route_scalar;
}

int pbm_run(const struct pbm_shape *s, const void *image, const struct pbm_run *run,
	    struct pbm_sums *sums, void *scratch, enum pbm_isa isa)
{
	const struct rbm_route *route = route_of(isa);
	struct rbm_context c = { .shape = s, .image = image, .run = run, .sums = sums };
	u64 updates;

	if (pbm_shape_check(s) || c.image->magic != RBM_IMAGE_MAGIC || c.image->bits != s->bits ||
	    !run->every || run->sweeps > PBM_MAX_SWEEPS || run->scan > PBM_SCAN_RANDOM_DIRECTION ||
	    (run->gains != 1 && run->gains != run->sweeps) ||
	    run->sweep0 >= 1ull << ARS_SWEEP_BITS || run->chains > PBM_MAX_CHAINS ||
	    run->chain0 > PBM_MAX_CHAINS - run->chains ||
	    ((run->flags & PBM_RUN_FIELDS) && run->chains > RBM_BLOCK) ||
	    (run->spread && !run->spread->drift_period))
		return -EINVAL_;
	c.narrow = c.image->narrow && route->narrow;
	c.scratch = scratch_init(s, scratch);
	if (!(run->flags & PBM_RUN_BATCH))
		c.scratch->batched = 0;
	if ((run->flags & PBM_RUN_HOLD) &&
	    (u64)run->chains * (run->sweeps / run->every) > RBM_BATCH - c.scratch->batched)
		return -EINVAL_;
	c.words[0] = pbm_side_words(s->n);
	c.words[1] = pbm_side_words(s->m);
	ars_key_seed(&c.key, run->seed);
	updates = (u64)free_units(&c, RBM_VISIBLE) * (run->scan == PBM_SCAN_PALINDROME ? 2 : 1) +
		  free_units(&c, RBM_HIDDEN);
	for (c.first = 0; c.first < run->chains; c.first += RBM_BLOCK) {
		c.chains = run->chains - c.first < RBM_BLOCK ? run->chains - c.first : RBM_BLOCK;
		run_block(&c, route);
	}
	if (!sums)
		return 0;
	if (c.scratch->batched && !(run->flags & PBM_RUN_HOLD))
		sum_batch(&c, route);
	sums->flips += updates * run->sweeps * run->chains;
	sums->changed += c.changed;
	return 0;
}

u32 pbm_batched(const void *scratch)
{
	return ((const struct rbm_scratch *)scratch)->batched;
}

#define SUM_PART 65536u /* products of a part */

int pbm_sum_part(const struct pbm_shape *s, const struct pbm_run *run, struct pbm_sums *sums,
		 void *scratch, enum pbm_isa isa, u32 *at)
{
	struct rbm_context c = { .shape = s, .run = run, .sums = sums };
	u32 rows = (SUM_PART / s->m + RBM_ROWS) / RBM_ROWS * RBM_ROWS;
	u32 to = s->n - *at < rows || !rbm_has_products(sums) ? s->n : *at + rows;

	c.scratch = scratch;
	c.words[0] = pbm_side_words(s->n);
	c.words[1] = pbm_side_words(s->m);
	if (c.scratch->batched)
		sum_rows(&c, route_of(isa), *at, to);
	*at = to;
	return to < s->n;
}

void pbm_states_random(const struct pbm_shape *s, u64 seed, u32 chain0, u32 chains,
		       const u64 *clamp, u64 *states)
{
	struct pbm_run run = { .clamp = clamp, .states = states };
	struct rbm_context c = { .shape = s, .run = &run };
	u32 side, w;

	ars_key_seed(&c.key, seed);
	c.words[0] = pbm_side_words(s->n);
	c.words[1] = pbm_side_words(s->m);
	for (c.first = 0; c.first < chains; c.first++) {
		for (side = 0; side < 2; side++) {
			u64 *state = rbm_state(&c, 0, side);

			struct ars_block b = { { 0, 0 } };

			for (w = 0; w < c.words[side]; w++) {
				u64 mask = free_mask(&c, side, w);

				if (w % 2 == 0)
					b = ars_encrypt(&c.key,
							ars_counter(w / 2 | (side ? ARS_HIDDEN : 0),
								    chain0 + c.first, 0, 0,
								    ARS_USE_INIT),
							ARS_ROUNDS);
				state[w] = (state[w] & ~mask) | (b.w[w % 2] & mask);
			}
		}
	}
}
