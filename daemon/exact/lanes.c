/* SPDX-License-Identifier: MIT */
#include "lanes.h"

#define INLINE static inline __attribute__((always_inline))

/* Rows between two additions to a total: short sums keep rounding small. */
#define RUN 64

struct route {
	void (*columns)(size_t rows, const struct lanes_pairs *f, const uint32_t *state,
			const double *scale, lanes *out);
	void (*gather)(const struct lanes_graph *g, const lanes *in, lanes *out);
	void (*gather_add)(const struct lanes_graph *g, const lanes *in, lanes *out);
	void (*apply)(const struct lanes_graph *g, const lanes *p, const lanes *t, const double *z,
		      const lanes *s, lanes *q, lanes *pq);
	void (*step)(size_t rows, const lanes *alpha, const lanes *p, const lanes *q, lanes *x,
		     lanes *r, lanes *rr);
	void (*turn)(size_t rows, const lanes *beta, const lanes *r, const double *z, lanes *p,
		     lanes *s);
	void (*edges)(size_t k, unsigned int degree, const uint32_t *mask, const double *a,
		      const double *b, const lanes *y, lanes *dir, lanes *weighted);
};

#define TARGET
#define NAME(x) plain_##x
#include "lanes_route.h"

#if defined(__x86_64__)
#define TARGET	__attribute__((target("avx2")))
#define NAME(x) avx2_##x
#include "lanes_route.h"

#define TARGET	__attribute__((target("avx512f")))
#define NAME(x) avx512_##x
#include "lanes_route.h"
#endif

static const struct route *route(void)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx512f"))
		return &avx512_route;
	if (__builtin_cpu_supports("avx2"))
		return &avx2_route;
#endif
	return &plain_route;
}

void lanes_columns(size_t rows, const struct lanes_pairs *f, const uint32_t *state,
		   const double *scale, lanes *out)
{
	route()->columns(rows, f, state, scale, out);
}

void lanes_gather(const struct lanes_graph *g, const lanes *in, lanes *out)
{
	route()->gather(g, in, out);
}

void lanes_gather_add(const struct lanes_graph *g, const lanes *in, lanes *out)
{
	route()->gather_add(g, in, out);
}

void lanes_apply(const struct lanes_graph *g, const lanes *p, const lanes *t, const double *z,
		 const lanes *s, lanes *q, lanes *pq)
{
	route()->apply(g, p, t, z, s, q, pq);
}

void lanes_step(size_t rows, const lanes *alpha, const lanes *p, const lanes *q, lanes *x, lanes *r,
		lanes *rr)
{
	route()->step(rows, alpha, p, q, x, r, rr);
}

void lanes_turn(size_t rows, const lanes *beta, const lanes *r, const double *z, lanes *p, lanes *s)
{
	route()->turn(rows, beta, r, z, p, s);
}

void lanes_edges(size_t k, unsigned int degree, const uint32_t *mask, const double *a,
		 const double *b, const lanes *y, lanes *dir, lanes *weighted)
{
	route()->edges(k, degree, mask, a, b, y, dir, weighted);
}
