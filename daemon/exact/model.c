/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "model.h"

/* Beyond, energies would leave what long double sums keep exact enough. */
#define MAX_STRENGTH 1e300

static int check_shape(size_t n, size_t m, struct err *e)
{
	if (n < 1 || m < 1)
		return err_set(e, -EINVAL, "W is %zu x %zu: it needs a row and a column", n, m);
	if (n > EXACT_MAX_BITS || m > EXACT_MAX_BITS || n + m > EXACT_MAX_BITS)
		return err_set(
			e, -E2BIG,
			"W is %zu x %zu: enumeration takes at most %d p-bits in all; beyond, "
			"measure by sampling",
			n, m, EXACT_MAX_BITS);
	return 0;
}

int exact_model_check(const struct exact_model *mo, struct err *e)
{
	double strength = 0;
	size_t a;
	int r;

	r = check_shape(mo->n, mo->m, e);
	if (r < 0)
		return r;
	if (!isfinite(mo->beta))
		return err_set(e, -EDOM, "beta is not a finite number");
	if (mo->beta <= 0)
		return err_set(e, -EINVAL, "beta is %g: it must be above 0", mo->beta);
	for (a = 0; a < exact_observables(mo); a++) {
		if (!isfinite(mo->w[a]))
			return err_set(e, -EDOM, "W[%zu][%zu] is not a finite number", a / mo->m,
				       a % mo->m);
		strength += fabs(mo->w[a]);
	}
	if (!(mo->beta * strength <= MAX_STRENGTH))
		return err_set(e, -EDOM, "beta sum |W| is above %g: scale W down", MAX_STRENGTH);
	return 0;
}

int exact_model_check_shape(unsigned int ndim, const size_t *shape, struct err *e)
{
	if (ndim != 2)
		return err_set(e, -EINVAL, "W has %u dimensions: it must be a matrix, n x m", ndim);
	return check_shape(shape[0], shape[1], e);
}

int exact_model_init(struct exact_model *ret, const double *w, unsigned int ndim,
		     const size_t *shape, double beta, struct err *e)
{
	struct exact_model mo;
	int r;

	r = exact_model_check_shape(ndim, shape, e);
	if (r < 0)
		return r;
	mo = (struct exact_model){
		.n = (unsigned int)shape[0], .m = (unsigned int)shape[1], .beta = beta, .w = w
	};
	r = exact_model_check(&mo, e);
	if (r < 0)
		return r;
	*ret = mo;
	return 0;
}
