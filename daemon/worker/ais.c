/* SPDX-License-Identifier: MIT */
#include "ais.h"

#include <math.h>

/* Bytes of energies taken from the device at once. */
#define TRACE_BYTES ((size_t)16 << 20)

static double max_of(const double *x, size_t n)
{
	double max = x[0];

	for (size_t k = 1; k < n; k++)
		max = fmax(max, x[k]);
	return max;
}

double ais_least_ess(uint32_t chains)
{
	return AIS_ESS * sqrt(chains);
}

/* ln of the mean weight, its jackknife error and the weights' effective number. */
static void reduce_weights(const double *log_w, size_t n, double log_z0, struct ais *ret)
{
	double max = max_of(log_w, n), sum = 0, squares = 0, mean = 0, spread = 0;

	for (size_t k = 0; k < n; k++) {
		double w = exp(log_w[k] - max);

		sum += w;
		squares += w * w;
	}
	for (size_t k = 0; k < n; k++)
		mean += log(fmax(sum - exp(log_w[k] - max), 0) / (double)(n - 1)) / (double)n;
	for (size_t k = 0; k < n; k++) {
		double d = log(fmax(sum - exp(log_w[k] - max), 0) / (double)(n - 1)) - mean;

		spread += d * d;
	}
	ret->log_z = log_z0 + max + log(sum / (double)n);
	ret->error = sqrt((double)(n - 1) / (double)n * spread);
	ret->ess = sum * sum / squares;
	/* Equal weights of 9 chains are 9 but for rounding. */
	ret->resolved = ret->ess * (1 + 1e-12) >= ais_least_ess((uint32_t)n);
}

/* Adds the energies of sweeps first .. first + count - 1 to the weights. */
static void add_energies(double *log_w, size_t chains, const struct results *res, double step,
			 double scale)
{
	for (size_t t = 0; t < res->records; t++)
		for (size_t c = 0; c < chains; c++)
			log_w[c] -= step * scale * (double)res->energy_trace[t * chains + c];
}

int ais_log_z(struct program *p, const int16_t *q, double scale, double beta, size_t free_units,
	      const struct ais_options *o, struct control *control, struct energy_ledger *ledger,
	      struct ais *ret, struct err *e)
{
	_cleanup_free_ uint64_t *gain = NULL;
	_cleanup_free_ double *log_w = NULL;
	const struct pbm_shape *shape = program_shape(p);
	double step = beta / o->betas;
	size_t chunk = MAX(TRACE_BYTES / 8 / shape->chains, (size_t)1);
	int r;

	gain = alloc_zeroed(o->betas, sizeof(*gain));
	log_w = alloc_zeroed(shape->chains, sizeof(*log_w));
	if (!gain || !log_w)
		return err_oom(e);
	for (uint32_t k = 0; k < o->betas; k++)
		gain[k] = gain_from_beta(beta * k / o->betas, scale);

	r = program_set_couplings(p, q, e);
	if (r < 0)
		return r;
	ledger_add_couplings(ledger, shape);
	/* Bounded in updates as well, so that a stop request is heard. */
	chunk = MIN(chunk, MAX((size_t)1,
			       ((size_t)1 << 28) / shape->chains / ((size_t)shape->n + shape->m)));
	for (uint32_t k = 0; k < o->betas; k += (uint32_t)chunk) {
		struct results res;
		struct submission s = {
			.seed = o->seed,
			.sweep0 = k,
			.sweeps = (uint32_t)MIN(chunk, (size_t)(o->betas - k)),
			.every = 1,
			.scan = o->scan,
			.accumulate = ACC_ENERGY_TRACE,
			.gain = gain + k,
		};

		s.gains = s.sweeps;
		r = control ? control_poll(control) : 0;
		if (r == 0)
			r = program_run(p, &s, &res, e);
		if (r < 0)
			return r;
		add_energies(log_w, shape->chains, &res, step, scale);
		ledger_add_run(ledger, res.flips, res.ns);
		ledger->reads += res.records * shape->chains;
	}
	reduce_weights(log_w, shape->chains, (double)free_units * log(2), ret);
	return 0;
}

static void program_freep(struct program **p)
{
	program_free(*p);
}

int ais_class(struct device *d, const struct couplings *c, unsigned int class,
	      const struct ais_options *o, struct control *control, struct energy_ledger *ledger,
	      struct ais *ret, struct err *e)
{
	_cleanup_(program_freep) struct program *p = NULL;
	int r;

	r = couplings_program(c, d, o->chains, &p, e);
	if (r < 0)
		return r;
	couplings_random_states(c, p, o->seed);
	return ais_log_z(p, c->q + couplings_at(c, class), c->scale[class], c->beta,
			 c->n + c->m - (c->even ? 0 : 2), o, control, ledger, ret, e);
}
