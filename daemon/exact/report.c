/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "parallel.h"
#include "report.h"

static int add_spectrum(struct exact_report *r, const struct exact_report_ask *ask,
			const struct exact_run *run, struct err *e)
{
	struct err own = { 0 };
	int rc;

	if (!ask->spectrum || r->even->states > EXACT_SPECTRUM_MAX_STATES)
		return 0;
	rc = exact_spectrum(r->even, ask->mixing.kernel, run, &r->spectrum, &own);
	if (rc == -EFBIG) /* for information only */
		return 0;
	if (rc < 0)
		return err_set(e, rc, "%s", own.text);
	r->has_spectrum = true;
	if (!r->has_quad && r->spectrum.converged && r->mixing->t_o > 0)
		r->value_agreement = fabs(r->mixing->t_o - r->spectrum.t_o) / r->mixing->t_o;
	return 0;
}

static int add_quad(struct exact_report *r, const struct exact_report_ask *ask,
		    const struct exact_run *run, struct err *e)
{
	struct err own = { 0 };
	int rc;

	if (!ask->quad || r->even->states > EXACT_QUAD_MAX_STATES)
		return 0;
	rc = exact_quad(r->even, r->mixing, run, &r->quad, &own);
	if (rc == -EDOM) /* no reference: the answer stands on its own bounds */
		return 0;
	if (rc < 0)
		return err_set(e, rc, "%s", own.text);
	r->has_quad = true;
	r->value_agreement = r->quad->value_relative;
	return 0;
}

static int fill(struct exact_report *r, const struct exact_model *mo,
		const struct exact_report_ask *ask, const struct exact_run *run, struct err *e)
{
	struct exact_ask mixing = ask->mixing;
	int rc;

	rc = exact_even_new(mo, run, &r->even, e);
	if (rc < 0)
		return rc;
	rc = exact_a2_residual(mo, mixing.kernel, &r->a2, &r->a2_all, e);
	if (rc < 0)
		return rc;
	r->value_agreement = r->q_struct = NAN;
	if (exact_kernel_require_reversible(mixing.kernel, &r->refused) < 0)
		return 0;
	mixing.keep_x |= ask->quad && r->even->states <= EXACT_QUAD_MAX_STATES;
	rc = exact_mixing(r->even, &mixing, run, &r->mixing, e);
	if (rc < 0)
		return rc;
	if (ask->k_steps > 0)
		r->q_struct = exact_q_struct(ask->k_steps, ask->g2, r->mixing->t_o);
	rc = add_quad(r, ask, run, e);
	return rc < 0 ? rc : add_spectrum(r, ask, run, e);
}

int exact_report(const struct exact_model *mo, const struct exact_report_ask *ask,
		 const struct exact_run *run, struct exact_report **ret, struct err *e)
{
	_cleanup_exact_report_ struct exact_report *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return err_oom(e);
	rc = fill(r, mo, ask, exact_run_or_default(run), e);
	if (rc < 0)
		return rc;
	*ret = TAKE_PTR(r);
	return 0;
}

struct exact_report *exact_report_free(struct exact_report *r)
{
	if (!r)
		return NULL;
	exact_even_free(r->even);
	exact_mixing_free(r->mixing);
	exact_quad_free(r->quad);
	free(r);
	return NULL;
}
