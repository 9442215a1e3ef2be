/* SPDX-License-Identifier: MIT */
#include "likelihood.h"

#include <math.h>

#include "json_number.h"
#include "seed.h"

static int one_log_z(struct device *d, const struct couplings *c, unsigned int u,
		     const struct partition_options *o, struct control *control,
		     struct energy_ledger *ledger, struct partition *z, struct err *e)
{
	struct rbm rbm = couplings_rbm(c, u);
	struct ais_options ais = {
		.chains = o->ais_chains,
		.betas = o->ais_betas,
		.scan = o->scan,
		.seed = seed_derive(o->seed, SEED_AIS, seed_index(o->model, u, o->epoch)),
	};
	struct ais result;
	int r;

	z->ess[u] = NAN;
	if (z->exact)
		return rbm_log_z(&rbm, o->threads, &z->log_z[u], e);
	r = ais_class(d, c, u, &ais, control, ledger, &result, e);
	if (r < 0)
		return r;
	z->log_z[u] = result.resolved ? result.log_z : (double)NAN;
	z->error[u] = result.resolved ? result.error : (double)NAN;
	z->ess[u] = result.ess;
	return 0;
}

int partition_measure(struct device *d, const struct couplings *c,
		      const struct partition_options *o, struct control *control,
		      struct energy_ledger *ledger, struct partition *ret, struct err *e)
{
	_cleanup_partition_ struct partition z = { .classes = c->classes };
	struct rbm first = couplings_rbm(c, 0);
	int r;

	z.exact = rbm_is_exact(&first);
	z.log_z = alloc_zeroed(c->classes, sizeof(double));
	z.error = alloc_zeroed(c->classes, sizeof(double));
	z.ess = alloc_zeroed(c->classes, sizeof(double));
	if (!z.log_z || !z.error || !z.ess)
		return err_oom(e);
	for (unsigned int u = 0; u < c->classes; u++) {
		r = control ? control_poll(control) : 0;
		if (r == 0)
			r = one_log_z(d, c, u, o, control, ledger, &z, e);
		if (r < 0)
			return r;
	}
	*ret = z;
	z = (struct partition){ 0 };
	return 0;
}

void partition_free(struct partition *p)
{
	free(p->log_z);
	free(p->error);
	free(p->ess);
	*p = (struct partition){ 0 };
}

void likelihood_free(struct likelihood *l)
{
	free(l->by_class);
	free(l->each);
	*l = (struct likelihood){ 0 };
}

int likelihood_of(const struct dataset *data, enum dataset_part part, log_p_fn log_p, void *model,
		  struct likelihood *ret, struct err *e)
{
	_cleanup_likelihood_ struct likelihood l = { .classes = data->classes,
						     .resolved = true,
						     .ess = NAN };
	double total = 0;

	dataset_part(data, part, &l.images);
	l.by_class = alloc_zeroed(data->classes, sizeof(double));
	l.each = alloc_zeroed(l.images, sizeof(double));
	if (!l.by_class || !l.each)
		return err_oom(e);
	for (size_t u = 0, at = 0; u < data->classes; u++) {
		size_t count;
		const int8_t *rows = dataset_rows(data, part, (unsigned int)u, &count);
		double sum = 0;
		int r = count ? log_p(model, (unsigned int)u, rows, count, l.each + at, e) : 0;

		if (r < 0)
			return r;
		for (size_t k = 0; k < count; k++)
			sum += l.each[at++];
		l.by_class[u] = sum / (double)count;
		total += sum;
	}
	l.all = total / (double)l.images;
	*ret = l;
	l = (struct likelihood){ 0 };
	return 0;
}

struct rbm_model {
	const struct couplings *couplings;
	const struct partition *z;
	bool reconstruct;
	double wrong; /* pixels of all rows */
};

static int rbm_log_p(void *model, unsigned int class, const int8_t *rows, size_t count,
		     double *log_p, struct err *e)
{
	struct rbm_model *m = model;
	struct rbm rbm = couplings_rbm(m->couplings, class);
	double wrong = 0;
	int r = rbm_log_p_star(m->couplings->crew, &rbm, rows, count, log_p,
			       m->reconstruct ? &wrong : NULL, e);

	m->wrong += wrong;
	for (size_t k = 0; r == 0 && k < count; k++)
		log_p[k] -= m->z->log_z[class];
	return r;
}

int likelihood_measure(const struct couplings *c, const struct partition *z,
		       const struct dataset *data, enum dataset_part part, struct likelihood *ret,
		       double *ret_reconstruction, struct err *e)
{
	struct rbm_model model = { .couplings = c, .z = z, .reconstruct = ret_reconstruction };
	struct likelihood l;
	double variance = 0;
	int r;

	r = likelihood_of(data, part, rbm_log_p, &model, &l, e);
	if (r < 0)
		return r;
	for (unsigned int u = 0; u < c->classes; u++) {
		size_t count;
		double share;

		dataset_rows(data, part, u, &count);
		if (count == 0)
			continue;
		l.resolved = l.resolved && isfinite(z->log_z[u]);
		l.ess = fmin(l.ess, z->ess[u]);
		share = (double)count / (double)l.images * z->error[u];
		variance += share * share;
	}
	l.error = l.images ? sqrt(variance) : (double)NAN;
	if (ret_reconstruction)
		*ret_reconstruction = model.wrong / (double)l.images;
	*ret = l;
	return 0;
}

double likelihood_gain(const struct likelihood *a, const struct likelihood *b, double *ret_error)
{
	double n = (double)a->images, gain = a->all - b->all, squares = 0;

	for (size_t k = 0; k < a->images; k++) {
		double d = a->each[k] - b->each[k] - gain;

		squares += d * d;
	}
	*ret_error = a->images > 1 ? sqrt(squares / (n - 1) / n) : NAN;
	return gain;
}

json_t *likelihood_to_json(const struct likelihood *l, bool exact)
{
	json_t *list = json_array();

	for (unsigned int u = 0; u < l->classes; u++)
		json_array_append_new(list, json_number(l->by_class[u]));
	return json_pack("{s:o, s:o, s:o, s:b, s:o}", "all", json_number(l->all), "by_class", list,
			 "error", exact ? json_null() : json_number(l->error), "resolved",
			 (int)l->resolved, "ais_ess", json_number(l->ess));
}
