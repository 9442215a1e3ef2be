/* SPDX-License-Identifier: MIT */
/* Everything that the exact gate says of one model, in one struct. */
#ifndef PBIT_EXACT_REPORT_H
#define PBIT_EXACT_REPORT_H

#include "likelihood.h"
#include "mixing.h"
#include "quad.h"
#include "spectrum.h"

struct exact_report {
	struct exact_even *even;     /* ln Z, means, variances */
	double a2;		     /* residual of the kernel */
	bool a2_all;		     /* over all pairs of states */
	struct exact_mixing *mixing; /* NULL for the alternating kernel: `refused` says why */
	struct err refused;
	bool has_spectrum, has_quad; /* as asked, where the size allows; quad: where it converges */
	struct exact_spectrum spectrum;
	struct exact_quad *quad;
	double value_agreement; /* |T_O - reference| / T_O: __float128, or else the eigenvalue sum */
	double q_struct;	/* NaN when ask.k_steps = 0 */
};

struct exact_report_ask {
	struct exact_ask mixing;
	bool spectrum, quad;
	double k_steps, g2; /* for Q_struct; k_steps = 0: not asked */
};

int exact_report(const struct exact_model *mo, const struct exact_report_ask *ask,
		 const struct exact_run *run, struct exact_report **ret, struct err *e);
struct exact_report *exact_report_free(struct exact_report *r);
static inline void exact_report_freep(struct exact_report **r)
{
	*r = exact_report_free(*r);
}
#define _cleanup_exact_report_ _cleanup_(exact_report_freep)

#endif
