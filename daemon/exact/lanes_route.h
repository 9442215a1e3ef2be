/* SPDX-License-Identifier: MIT */
/* One route of lanes.c, which includes this once a kind of CPU: TARGET and NAME(x) are set. */

INLINE void NAME(gather_row)(const struct lanes_graph *g, size_t k, const lanes *in, lanes *ret)
{
	const double *c = g->c + k * g->degree;
	lanes even = { 0 }, odd = { 0 };
	unsigned int i;

	for (i = 0; i + 2 <= g->degree; i += 2) {
		even += c[i] * in[k ^ g->mask[i]];
		odd += c[i + 1] * in[k ^ g->mask[i + 1]];
	}
	if (i < g->degree)
		even += c[i] * in[k ^ g->mask[i]];
	*ret = even + odd;
}

TARGET static void NAME(columns)(size_t rows, const struct lanes_pairs *f, const uint32_t *state,
				 const double *scale, lanes *out)
{
	lanes_bits same = (lanes_bits)f->same, differ = (lanes_bits)f->differ;
	size_t k;

	for (k = 0; k < rows; k++) {
		lanes_bits s = (lanes_bits){ 0 } + state[k];
		lanes_bits unlike = -((s >> f->first ^ s >> f->second) & 1);

		out[k] = (lanes)((unlike & differ) | (~unlike & same)) * scale[k];
	}
}

TARGET static void NAME(gather)(const struct lanes_graph *g, const lanes *in, lanes *out)
{
	size_t k;

	for (k = 0; k < g->rows; k++)
		NAME(gather_row)(g, k, in, &out[k]);
}

TARGET static void NAME(gather_add)(const struct lanes_graph *g, const lanes *in, lanes *out)
{
	size_t k;
	lanes sum;

	for (k = 0; k < g->rows; k++) {
		NAME(gather_row)(g, k, in, &sum);
		out[k] += sum;
	}
}

TARGET static void NAME(apply)(const struct lanes_graph *g, const lanes *p, const lanes *t,
			       const double *z, const lanes *s, lanes *q, lanes *pq)
{
	lanes total = { 0 }, part, sum;
	size_t k, end;

	for (k = 0; k < g->rows;) {
		end = k + RUN < g->rows ? k + RUN : g->rows;
		part = (lanes){ 0 };
		for (; k < end; k++) {
			NAME(gather_row)(g, k, t, &sum);
			q[k] = p[k] - sum + z[k] * *s;
			part += p[k] * q[k];
		}
		total += part;
	}
	*pq = total;
}

TARGET static void NAME(step)(size_t rows, const lanes *alpha, const lanes *p, const lanes *q,
			      lanes *x, lanes *r, lanes *rr)
{
	lanes total = { 0 }, part;
	size_t k, end;

	for (k = 0; k < rows;) {
		end = k + RUN < rows ? k + RUN : rows;
		part = (lanes){ 0 };
		for (; k < end; k++) {
			x[k] += *alpha * p[k];
			r[k] -= *alpha * q[k];
			part += r[k] * r[k];
		}
		total += part;
	}
	*rr = total;
}

TARGET static void NAME(turn)(size_t rows, const lanes *beta, const lanes *r, const double *z,
			      lanes *p, lanes *s)
{
	lanes total = { 0 }, part;
	size_t k, end;

	for (k = 0; k < rows;) {
		end = k + RUN < rows ? k + RUN : rows;
		part = (lanes){ 0 };
		for (; k < end; k++) {
			p[k] = r[k] + *beta * p[k];
			part += z[k] * p[k];
		}
		total += part;
	}
	*s = total;
}

TARGET static void NAME(edges)(size_t k, unsigned int degree, const uint32_t *mask, const double *a,
			       const double *b, const lanes *y, lanes *dir, lanes *weighted)
{
	lanes sum = { 0 }, by_a = { 0 }, here = y[k];
	unsigned int i;

	for (i = 0; i < degree; i++) {
		lanes d = here * a[i] - y[k ^ mask[i]] * b[i];

		d *= d;
		sum += d;
		by_a += a[i] * a[i] * d;
	}
	*dir = sum;
	*weighted = by_a;
}

static const struct route NAME(route) = {
	NAME(columns), NAME(gather), NAME(gather_add), NAME(apply),
	NAME(step),    NAME(turn),   NAME(edges),
};

#undef TARGET
#undef NAME
