// SPDX-License-Identifier: MIT
/* Chains of one code: from random starts through the burn-in to a trace of their states. */
#include <math.h>
#include <string.h>

#include "exact/spectrum.h"
#include "held.h"
#include "measure.h"
#include "seed.h"

#define PIECE_UPDATES ((uint64_t)1 << 25)
#define SAMPLED	      0.8 /* of a code's progress; the rest is looking at it */

struct chains {
	struct measure_job *m;
	struct program *program;
	struct pbm_shape shape;
	uint64_t seed, gain;
	uint64_t done;	      /* sweeps */
	uint64_t *states;     /* [sweeps][chains][words] */
	double *early, *late; /* [chains] sums of energies over the halves of the trace */
	size_t still;	      /* p-bits that moved in no chain, see tau_search_still() */
};

static void chains_free(struct chains *c)
{
	program_free(c->program);
	free(c->states);
	free(c->early);
	free(c->late);
}

static int open_chains(struct measure_job *m, unsigned int code, struct chains *c, struct err *e)
{
	const struct spec_device *d = &m->spec->device;
	size_t bytes, most;
	int r;

	r = job_model_program(&m->rbm, d, m->device, &c->program, e);
	if (r < 0)
		return r;
	c->shape = *program_shape(c->program);
	c->seed = seed_derive(m->job->spec->seed, SEED_MEASURE, code);
	c->gain = gain_from_beta(d->beta, m->rbm.scale);
	bytes = (size_t)d->chains * pbm_state_words(&c->shape) * sizeof(uint64_t);
	most = MEASURE_TRACE_BYTES / bytes;
	if (d->sweeps > most)
		return err_set(e, -EINVAL,
			       "device.sweeps: %u chains of %zu x %zu p-bits are traced over at "
			       "most %zu sweeps, not %u; give fewer of either",
			       d->chains, m->rbm.n, m->rbm.m, most, d->sweeps);
	c->states = alloc_zeroed(d->sweeps, bytes);
	c->early = alloc_zeroed(d->chains, sizeof(*c->early));
	c->late = alloc_zeroed(d->chains, sizeof(*c->late));
	if (!c->states || !c->early || !c->late)
		return err_oom(e);
	job_model_states(&m->rbm, c->program, c->seed);
	ledger_add_couplings(&m->state.ledger, &c->shape);
	return 0;
}

static void tell(struct chains *c, double share)
{
	struct measure_job *m = c->m;

	if (!control_is_due(m->job->control))
		return;
	control_account(m->job->control, &m->state.ledger);
	control_progress(m->job->control, ((double)m->state.done + share) / m->codes,
			 json_pack("{s:s, s:I, s:f}", "phase",
				   share < SAMPLED ? "sampling" : "looking", "flips",
				   (json_int_t)m->state.ledger.flips, "device_seconds",
				   (double)m->state.ledger.device_ns / 1e9));
}

static void take_energies(struct chains *c, const struct results *res, uint64_t first)
{
	uint32_t half = c->m->spec->device.sweeps / 2;

	for (uint64_t t = 0; t < res->records; t++) {
		const int64_t *row = res->energy_trace + t * c->shape.chains;
		uint64_t at = first + t;
		double *sum = at < half ? c->early : c->late;

		/* Of an odd number the last one is left out. */
		for (uint32_t k = 0; at < 2 * (uint64_t)half && k < c->shape.chains; k++)
			sum[k] += (double)row[k];
	}
}

/* The next sweeps, up to `until` in all; recorded ones from the burn-in on. */
static int run_piece(struct chains *c, uint64_t until, bool record, struct err *e)
{
	struct measure_job *m = c->m;
	uint64_t cost = ((uint64_t)c->shape.n + c->shape.m) * c->shape.chains;
	uint64_t most = MAX(PIECE_UPDATES / cost, (uint64_t)1);
	struct submission s = {
		.seed = c->seed,
		.sweep0 = c->done,
		.sweeps = (uint32_t)MIN(most, until - c->done),
		.every = 1,
		.scan = m->spec->device.scan,
		.gains = 1,
		.gain = &c->gain,
		.accumulate = record ? ACC_STATE_TRACE | ACC_ENERGY_TRACE : 0,
	};
	size_t row = (size_t)c->shape.chains * pbm_state_words(&c->shape);
	uint64_t first = c->done - MIN(c->done, (uint64_t)m->spec->burn);
	struct results res;
	int r = program_run(c->program, &s, &res, e);

	if (r < 0)
		return r;
	ledger_add_run(&m->state.ledger, res.flips, res.ns);
	c->done += s.sweeps;
	if (!record)
		return 0;
	memcpy(c->states + first * row, res.state_trace, res.records * row * sizeof(*c->states));
	m->state.ledger.reads += res.records * c->shape.chains * (c->shape.n + c->shape.m + 1ull);
	take_energies(c, &res, first);
	return 0;
}

static int run_chains(struct chains *c, struct err *e)
{
	const struct spec_measure *s = c->m->spec;
	uint64_t total = (uint64_t)s->burn + s->device.sweeps;

	while (c->done < total) {
		bool record = c->done >= s->burn;
		int r = control_poll(c->m->job->control);

		if (r == 0)
			r = run_piece(c, record ? total : s->burn, record, e);
		if (r < 0)
			return r;
		tell(c, SAMPLED * (double)c->done / (double)total);
	}
	return 0;
}

/* Mean and standard error of x over the chains. */
static double mean_of(const double *x, uint32_t chains, double *ret_error)
{
	double sum = 0, squares = 0;

	for (uint32_t k = 0; k < chains; k++)
		sum += x[k];
	for (uint32_t k = 0; k < chains; k++)
		squares += (x[k] - sum / chains) * (x[k] - sum / chains);
	*ret_error = sqrt(squares / (chains - 1.) / chains);
	return sum / chains;
}

static void look_at_energies(struct chains *c, struct measured *x)
{
	uint32_t half = c->m->spec->device.sweeps / 2, chains = c->shape.chains;
	double unit = c->m->rbm.scale / half, change, error;

	for (uint32_t k = 0; k < chains; k++) {
		double early = unit * c->early[k], late = unit * c->late[k];

		c->early[k] = late - early;
		c->late[k] = (late + early) / 2;
	}
	change = mean_of(c->early, chains, &error);
	/* All chains alike: no drift, or one that has no error to be told in. */
	x->drift = error > 0 ? change / error : change == 0 ? 0 : NAN;
	x->energy = mean_of(c->late, chains, &x->energy_error);
}

static void tau_search_freep(struct tau_search **s)
{
	tau_search_free(*s);
}

static int look_at_products(struct chains *c, struct measured *x, struct err *e)
{
	_cleanup_free_ uint64_t *clamp = alloc_zeroed(pbm_state_words(&c->shape), sizeof(*clamp));
	_cleanup_free_ uint64_t *held = alloc_zeroed(pbm_state_words(&c->shape), sizeof(*held));
	const struct spec_device *d = &c->m->spec->device;
	const struct rbm_file *rbm = &c->m->rbm;
	_cleanup_(tau_search_freep) struct tau_search *search = NULL;
	unsigned int which;
	size_t moved;
	int r;

	if (!clamp || !held)
		return err_oom(e);
	if (rbm->clamped) {
		couplings_clamp_mask(&c->shape, clamp);
		held_by_references(&c->shape, rbm->q, d->beta * rbm->scale, held);
	}
	r = tau_search_new(&c->shape, clamp, 1, NULL, &search, e);
	if (r == 0)
		r = tau_search_add(search, c->states, d->sweeps, held, &moved, e);
	if (r < 0)
		return r;
	tau_search_find(search, &x->tau, &which);
	c->still = tau_search_still(search);
	x->moved = moved;
	return 0;
}

/* By enumeration, of the couplings that the device holds. */
static int find_bulk(struct chains *c, struct measured *x, struct err *e)
{
	const struct measure_job *m = c->m;
	enum exact_kernel kernel =
		m->spec->device.scan == SCAN_PALINDROME ? EXACT_PALINDROME : EXACT_MIXTURE;
	_cleanup_exact_even_ struct exact_even *even = NULL;
	size_t size = m->rbm.n * m->rbm.m;
	struct exact_spectrum spectrum;
	struct exact_model mo = { .beta = m->spec->device.beta };
	_cleanup_free_ double *w = NULL;
	int r;

	x->gamma_bulk = NAN;
	if (m->rbm.clamped || m->rbm.n + m->rbm.m > EXACT_MAX_BITS)
		return 0;
	mo.n = (unsigned int)m->rbm.n;
	mo.m = (unsigned int)m->rbm.m;
	if (exact_states(&mo) > MEASURE_A7_STATES)
		return 0;
	w = alloc_zeroed(size, sizeof(*w));
	if (!w)
		return err_oom(e);
	for (size_t k = 0; k < size; k++)
		w[k] = m->rbm.scale * m->rbm.q[k];
	mo.w = w;
	r = exact_even_new(&mo, NULL, &even, e);
	if (r == 0)
		r = exact_spectrum(even, kernel, NULL, &spectrum, e);
	/* What enumeration refuses stays unknown. */
	if (r == -EDOM)
		return 0;
	if (r == 0 && spectrum.converged)
		x->gamma_bulk = exact_kernel_steps_per_sweep(kernel, &mo) * spectrum.gamma_bulk;
	return r;
}

static int look(struct chains *c, struct measured *x, struct err *e)
{
	_cleanup_overlap_ struct overlap o = { 0 };
	int r;

	look_at_energies(c, x);
	r = look_at_products(c, x, e);
	tell(c, 0.9);
	if (r == 0)
		r = control_poll(c->m->job->control);
	if (r == 0)
		r = overlap_new(&c->shape, c->states, c->m->spec->device.sweeps, &o, e);
	if (r == 0)
		r = t_o_measure(&o, &x->t_o, e);
	if (r == 0)
		r = find_bulk(c, x, e);
	if (r < 0)
		return r;
	/*
	 * Where the chains have not reached pi, nothing is a mean over it; and where a p-bit stood
	 * still, what its products add to any sum is not known.
	 */
	if (!(fabs(x->drift) <= MEASURE_DRIFT) || c->still)
		x->tau.resolved = x->t_o.resolved = false;
	return 0;
}

int measure_code(struct measure_job *m, unsigned int code, struct measured *ret, struct err *e)
{
	_cleanup_(chains_free) struct chains c = { .m = m };
	struct measured x = { .code = code, .scale = m->rbm.scale };
	int r;

	r = open_chains(m, code, &c, e);
	if (r == 0)
		r = run_chains(&c, e);
	if (r == 0)
		r = control_poll(m->job->control);
	if (r == 0)
		r = look(&c, &x, e);
	if (r == 0)
		*ret = x;
	return r;
}
