// SPDX-License-Identifier: MIT
/*
 * One call of a session: what it asks is checked before anything changes, then it is run in pieces
 * whose bounds do not show in the result, so that stop requests are heard between them.
 */
#include <math.h>
#include <string.h>

#include "clock_ns.h"
#include "couplings.h"
#include "seed.h"
#include "session_state.h"

#define PIECE_NS      100000000u /* then stop requests are heard, and that the client has gone */
#define PIECE_UPDATES ((uint64_t)1 << 25)
#define PIECE_SWEEPS  65536u
#define MAX_BETA      1e6
#define MIN_SCALE     1e-12
#define MAX_SCALE     1e12
#define SWEEPS_END    (UINT64_C(1) << 56) /* of the generator's count */

/* ---- chains ---- */

void session_chains_free(struct session_chains *c)
{
	program_free(c->program);
	free(c->states);
	free(c->held);
	*c = (struct session_chains){ 0 };
}

/* held: of visible p-bits, or NULL. Reference spins are clamped wherever there are some. */
static int new_chains(struct session *s, uint32_t chains, const uint8_t *held,
		      struct session_chains *ret, struct err *e)
{
	struct pbm_shape shape = { .net = PBM_NET_RBM,
				   .n = s->layout.n,
				   .m = s->layout.m,
				   .chains = chains,
				   .bits = s->spec->device.bits };
	_cleanup_free_ uint64_t *mask = alloc_zeroed(s->layout.words, sizeof(*mask));
	_cleanup_(session_chains_free) struct session_chains c = { .chains = chains };
	int r;

	c.states = alloc_zeroed(chains, s->layout.words * sizeof(*c.states));
	if (held)
		c.held = alloc_zeroed(s->spec->visible, 1);
	if (!mask || !c.states || (held && !c.held))
		return err_oom(e);
	if (s->spec->references)
		couplings_clamp_mask(&shape, mask);
	for (uint32_t i = 0; held && i < s->spec->visible; i++) {
		uint32_t at = i + s->spec->references;

		c.held[i] = held[i];
		mask[at / 64] |= (uint64_t)(held[i] != 0) << (at % 64);
	}
	r = program_new(s->device, &shape, mask, &c.program, e);
	if (r < 0)
		return r;
	*ret = c;
	c = (struct session_chains){ 0 };
	return 0;
}

int session_new_own(struct session *s, struct err *e)
{
	return new_chains(s, s->spec->device.chains, NULL, &s->own, e);
}

int session_new_rows(struct session *s, uint32_t rows, const uint8_t *held, struct err *e)
{
	struct session_chains *c = &s->rows;

	if (c->program && c->chains == rows && !memcmp(c->held, held, s->spec->visible))
		return 0;
	session_chains_free(c);
	return new_chains(s, rows, held, c, e);
}

void session_reset_own(struct session *s, uint64_t seed)
{
	uint64_t *row = s->own.states;

	s->state.own_seed = seed_derive(s->job->spec->seed, SEED_SESSION, seed);
	s->state.own_sweep = 0;
	pbm_states_random(program_shape(s->own.program), s->state.own_seed, 0, s->own.chains, NULL,
			  row);
	for (uint32_t c = 0; s->spec->references && c < s->own.chains; c++) {
		row[0] |= 1;
		row[pbm_side_words(s->layout.n)] |= 1;
		row += s->layout.words;
	}
}

/* ---- what a request may ask ---- */

static int check_flags(const struct session *s, const struct session_request *q, struct err *e)
{
	uint32_t on_rows = q->flags & SESSION_ON_ROWS;

	if (q->flags & ~(uint32_t)SESSION_FLAGS)
		return err_set(e, -EINVAL, "flags 0x%x are not known",
			       q->flags & ~(uint32_t)SESSION_FLAGS);
	if (on_rows == SESSION_ON_ROWS)
		return err_set(e, -EINVAL, "clamped and partly clamped at once; choose one");
	if (on_rows && q->flags & (SESSION_RESET | SESSION_SET_STATES))
		return err_set(e, -EINVAL,
			       "chains that start at rows cannot be reset or given states");
	if (q->chain_seed && !(q->flags & SESSION_RESET))
		return err_set(e, -EINVAL, "a seed of the chains, and no reset of them");
	if (q->chain_seed > INT64_MAX)
		return err_set(e, -EINVAL, "the chains' seed is above 2^63 - 1");
	if (!on_rows && (q->row || q->rows))
		return err_set(e, -EINVAL, "rows are given, and the call clamps none");
	if (on_rows && (!q->rows || q->rows > s->spec->rows || q->row > s->spec->rows - q->rows))
		return err_set(e, -ERANGE, "%u rows from row %u: the session has %u (session.rows)",
			       q->rows, q->row, s->spec->rows);
	if (q->flags & SESSION_KEEP && !s->state.has_couplings)
		return err_set(e, -EINVAL, "no couplings to keep: none were given yet");
	return 0;
}

static int check_numbers(const struct session *s, const struct session_request *q, struct err *e)
{
	uint64_t used = q->flags & SESSION_ON_ROWS ? s->state.rows_sweep :
			q->flags & SESSION_RESET   ? 0 :
						     s->state.own_sweep;

	if (q->format >= SESSION_FORMATS)
		return err_set(e, -EINVAL, "couplings of format %u are not known", q->format);
	if (q->moments != SESSION_F64 && q->moments != SESSION_F32)
		return err_set(e, -EINVAL, "moments of format %u are not known", q->moments);
	if (q->sweeps > PBM_MAX_SWEEPS || q->burn > PBM_MAX_SWEEPS)
		return err_set(e, -ERANGE, "%u sweeps after %u: choose from 1 to %u",
			       MAX(q->sweeps, q->burn), q->burn, PBM_MAX_SWEEPS);
	if (used > SWEEPS_END - 2 * (uint64_t)PBM_MAX_SWEEPS)
		return err_set(e, -ERANGE, "sweep numbers end at 2^56; open another session");
	/* Written so that NaN is refused, too. */
	if (!(q->beta >= 0 && q->beta <= MAX_BETA) ||
	    !(q->beta_end >= 0 && q->beta_end <= MAX_BETA))
		return err_set(e, -EDOM, "beta from %g to %g: choose within 0 and %g", q->beta,
			       q->beta_end, MAX_BETA);
	if (q->scale != 0 && !(q->scale >= MIN_SCALE && q->scale <= MAX_SCALE))
		return err_set(e, -EDOM, "scale %g: choose from %g to %g, or 0", q->scale,
			       MIN_SCALE, MAX_SCALE);
	for (size_t k = 0; k < ARRAY_SIZE(q->reserved); k++)
		if (q->reserved[k])
			return err_set(e, -EINVAL, "reserved fields must be 0");
	return 0;
}

static int fill_in(const struct session *s, struct session_request *q, struct err *e)
{
	if (q->sweeps == 0)
		q->sweeps = s->spec->device.sweeps;
	if (q->beta == 0)
		q->beta = s->spec->device.beta;
	if (q->beta_end == 0)
		q->beta_end = q->beta;
	if (q->scale == 0)
		q->scale = s->spec->device.scale;
	if (q->format == SESSION_I16 && q->scale == 0 && !(q->flags & SESSION_KEEP))
		return err_set(e, -EINVAL, "integers as couplings need a scale");
	return 0;
}

/* ---- beginning ---- */

static int take_couplings(struct session *s, const struct session_request *q, struct err *e)
{
	uint64_t saturated;
	double scale;
	int16_t *old;
	int r;

	if (q->flags & SESSION_KEEP)
		return 0;
	r = session_read_couplings(s, q, &scale, &saturated, e);
	if (r < 0)
		return r;
	old = s->q;
	s->q = s->q_next;
	s->q_next = old;
	s->state.scale = scale;
	s->state.saturated = saturated;
	s->state.has_couplings = 1;
	s->own.has_couplings = s->rows.has_couplings = false;
	return 0;
}

static int take_rows(struct session *s, const struct session_request *q, struct err *e)
{
	_cleanup_free_ uint8_t *held = alloc_zeroed(s->spec->visible, 1);
	int r;

	if (!held)
		return err_oom(e);
	session_read_held(s, q, held);
	r = session_new_rows(s, q->rows, held, e);
	if (r == 0)
		session_read_rows(s, q, s->rows.states);
	return r;
}

int session_call_begin(struct session *s, const struct session_request *request,
		       struct err *refusal, struct err *e)
{
	struct session_request q = *request;
	uint64_t begin = clock_ns();
	int r;

	if (check_flags(s, &q, refusal) < 0 || check_numbers(s, &q, refusal) < 0 ||
	    fill_in(s, &q, refusal) < 0 || take_couplings(s, &q, refusal) < 0)
		return 1;
	s->call = (struct session_call){ .request = q };
	if (q.flags & SESSION_ON_ROWS) {
		r = take_rows(s, &q, e);
		if (r < 0)
			return r;
		ledger_add_states(&s->state.ledger, program_shape(s->rows.program), true);
	}
	if (q.flags & SESSION_RESET)
		session_reset_own(s, q.chain_seed);
	if (q.flags & SESSION_SET_STATES) {
		session_read_states(s, s->own.states, s->own.chains);
		ledger_add_states(&s->state.ledger, program_shape(s->own.program), true);
	}
	s->begun = true;
	s->call.convert_ns = clock_ns() - begin;
	return 0;
}

/* ---- running ---- */

/* A ramp from beta to beta_end over all sweeps of the call, the first to the last. */
static uint64_t gain_at(const struct session *s, uint64_t sweep)
{
	const struct session_request *q = &s->call.request;
	uint64_t last = (uint64_t)q->burn + q->sweeps - 1;
	double part = last ? (double)sweep / (double)last : 0;

	return gain_from_beta(q->beta + (q->beta_end - q->beta) * part, s->state.scale);
}

static uint32_t accumulate_of(uint32_t flags)
{
	return (flags & SESSION_WANT_MOMENTS ? (uint32_t)ACC_MOMENTS : 0) |
	       (flags & SESSION_WANT_ENERGY ? (uint32_t)ACC_ENERGY : 0);
}

static uint32_t piece_sweeps(const struct session *s, uint32_t chains)
{
	const struct session_request *q = &s->call.request;
	uint64_t cost = ((uint64_t)s->layout.n + s->layout.m) * chains;
	uint64_t most = MAX(s->piece_updates / cost, (uint64_t)1);
	uint64_t end = s->call.done < q->burn ? q->burn : (uint64_t)q->burn + q->sweeps;

	return (uint32_t)MIN(MIN(most, (uint64_t)PIECE_SWEEPS), end - s->call.done);
}

/*
 * Devices differ in pace by a factor of a thousand, and one that is shared has less than its own. The
 * next piece takes PIECE_NS at the pace of this one, unless what each piece costs besides, to clear
 * and to add up sums of n x m, would be the most of it.
 */
static void pace(struct session *s, const struct session_chains *c, uint32_t sweeps, uint64_t ns)
{
	uint64_t updates = ((uint64_t)s->layout.n + s->layout.m) * c->chains * sweeps;
	uint64_t next = updates * PIECE_NS / MAX(ns, (uint64_t)1);

	s->piece_updates = MIN(MAX(next, 2 * (uint64_t)session_size(s)), PIECE_UPDATES);
}

static int prepare(struct session *s, struct session_chains *c, struct err *e)
{
	uint64_t begin = clock_ns();
	int r;

	memcpy(program_states(c->program), c->states, session_states_size(s, c));
	if (c->has_couplings)
		return 0;
	r = program_set_couplings(c->program, s->q, e);
	if (r < 0)
		return r;
	c->has_couplings = true;
	ledger_add_couplings(&s->state.ledger, program_shape(c->program));
	s->call.convert_ns += clock_ns() - begin;
	return 0;
}

static int run_piece(struct session *s, struct session_chains *c, uint32_t sweeps,
		     struct results *ret, struct err *e)
{
	const struct session_request *q = &s->call.request;
	bool rows = session_on_rows(s), ramp = q->beta != q->beta_end;
	_cleanup_free_ uint64_t *gains = alloc_zeroed(ramp ? sweeps : 1, sizeof(*gains));
	struct submission sub = {
		.seed = rows ? seed_derive(s->job->spec->seed, SEED_ROWS, 0) : s->state.own_seed,
		.sweep0 = (rows ? s->state.rows_sweep : s->state.own_sweep) + s->call.done,
		.sweeps = sweeps,
		.every = 1,
		.scan = s->spec->device.scan,
		.gains = ramp ? sweeps : 1,
		.gain = gains,
	};

	if (!gains)
		return err_oom(e);
	for (uint32_t t = 0; t < sub.gains; t++)
		gains[t] = gain_at(s, s->call.done + t);
	if (s->call.done >= q->burn)
		sub.accumulate = accumulate_of(q->flags);
	return program_run(c->program, &sub, ret, e);
}

/* first: of the call. What one piece has whole is not added up at all. */
static void add_sums(struct session *s, const struct results *res, bool first)
{
	size_t size = session_size(s);
	uint64_t begin = clock_ns();

	if (first) {
		memset(s->vh, 0, size * sizeof(*s->vh));
		memset(s->v, 0, ((size_t)s->layout.n + s->layout.m) * sizeof(*s->v));
	}
	for (size_t k = 0; k < size; k++)
		s->vh[k] += res->vh[k];
	for (size_t k = 0; k < s->layout.n; k++)
		s->v[k] += res->v[k];
	for (size_t k = 0; k < s->layout.m; k++)
		s->h[k] += res->h[k];
	s->call.convert_ns += clock_ns() - begin;
}

static void finish(struct session *s, const struct session_chains *c, const struct results *whole)
{
	const struct session_request *q = &s->call.request;
	uint64_t begin = clock_ns(), sweeps = (uint64_t)q->burn + q->sweeps;

	if (q->flags & SESSION_WANT_MOMENTS) {
		if (whole)
			session_write_moments(s, whole->vh, whole->v, whole->h);
		else
			session_write_moments(s, s->vh, s->v, s->h);
		ledger_add_moments(&s->state.ledger, program_shape(c->program));
	}
	if (q->flags & SESSION_WANT_ENERGY)
		s->state.ledger.reads++;
	if (q->flags & SESSION_GET_STATES) {
		session_write_states(s, c->states, c->chains);
		ledger_add_states(&s->state.ledger, program_shape(c->program), false);
	}
	if (session_on_rows(s))
		s->state.rows_sweep += sweeps;
	else
		s->state.own_sweep += sweeps;
	s->call.convert_ns += clock_ns() - begin;
}

int session_call_piece(struct session *s, struct err *e)
{
	struct session_chains *c = session_on_rows(s) ? &s->rows : &s->own;
	const struct session_request *q = &s->call.request;
	uint32_t sweeps = piece_sweeps(s, c->chains);
	bool recorded = s->call.done >= q->burn, whole = recorded && sweeps == q->sweeps;
	struct results res;
	uint64_t begin;
	int r = prepare(s, c, e);

	begin = clock_ns();
	if (r == 0)
		r = run_piece(s, c, sweeps, &res, e);
	if (r < 0)
		return r;
	pace(s, c, sweeps, clock_ns() - begin);
	memcpy(c->states, program_states(c->program), session_states_size(s, c));
	s->call.done += sweeps;
	s->call.flips += res.flips;
	s->call.changed += res.changed;
	s->call.device_ns += res.ns;
	ledger_add_run(&s->state.ledger, res.flips, res.ns);
	if (recorded) {
		bool first = s->call.samples == 0;

		s->call.samples += (uint64_t)sweeps * c->chains;
		s->call.energy += res.energy;
		if (res.vh && !whole)
			add_sums(s, &res, first);
	}
	if (s->call.done < (uint64_t)q->burn + q->sweeps)
		return 1;
	finish(s, c, whole && res.vh ? &res : NULL);
	return 0;
}
