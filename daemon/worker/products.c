/* SPDX-License-Identifier: MIT */
#include "products.h"

#include "wide.h"

#define TAKE(name, type)                                                                        \
	WIDE_BODY name##_body(double *restrict vh, const type *sums, size_t count, bool first,  \
			      double divisor)                                                   \
	{                                                                                       \
		for (size_t k = 0; k < count; k++)                                              \
			vh[k] = ((first ? 0 : vh[k]) + (double)sums[k]) / divisor;              \
	}                                                                                       \
	WIDE(name,                                                                              \
	     (double *restrict vh, const type *sums, size_t count, bool first, double divisor), \
	     (vh, sums, count, first, divisor))

TAKE(take_far, int64_t)
TAKE(take_near, int16_t)

struct taking {
	const struct results *res;
	size_t count;
	bool first;
	double divisor;
	double *vh;
};

static void take_part(void *data, size_t k)
{
	const struct taking *t = data;
	size_t from, count = crew_part(t->count, k, &from);

	if (t->res->near)
		take_near(t->vh + from, t->res->near + from, count, t->first, t->divisor);
	else
		take_far(t->vh + from, t->res->vh + from, count, t->first, t->divisor);
}

void products_take(const struct results *res, size_t count, bool first, double divisor, double *vh,
		   struct crew *crew)
{
	struct taking t = { res, count, first, divisor, vh };

	crew_run(crew, crew_parts(count), take_part, &t);
}
