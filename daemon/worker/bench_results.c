/* SPDX-License-Identifier: MIT */
/* From slices to figures: medians, and ratios within a turn. */
#include <string.h>

#include "bench_group.h"

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of BENCH_SLICES numbers; sorts them. */
static double median(double x[BENCH_SLICES])
{
	qsort(x, BENCH_SLICES, sizeof(*x), compare_doubles);
	return x[BENCH_SLICES / 2];
}

/* Median over the turns. */
static double ratio_of(const struct contender *a, const struct contender *b)
{
	double ratio[BENCH_SLICES];

	for (size_t i = 0; i < BENCH_SLICES; i++)
		ratio[i] = a->rate[i] / b->rate[i];
	return median(ratio);
}

/* The sgemm route on so many threads, or NULL. */
static const struct contender *find_sgemm(const struct group *g, unsigned int threads)
{
	for (size_t i = 0; i < g->count; i++)
		if (g->contenders[i].sgemm && g->contenders[i].threads == threads)
			return &g->contenders[i];
	return NULL;
}

/* The embedded device's best route on so many threads: the first that is there. */
static const struct contender *find_best(const struct group *g, unsigned int threads)
{
	for (size_t i = 0; i < g->count; i++)
		if (!g->contenders[i].sgemm && !g->contenders[i].kernel &&
		    g->contenders[i].threads == threads)
			return &g->contenders[i];
	return NULL;
}

static const struct contender *on_one_thread(const struct group *g, const struct contender *c)
{
	return c->threads == 1 ? NULL : c->sgemm ? find_sgemm(g, 1) : find_best(g, 1);
}

static int set_ratio(json_t *object, const char *key, const struct contender *a,
		     const struct contender *b)
{
	return a && b ? json_object_set_new(object, key, json_real(ratio_of(a, b))) : 0;
}

static int add_row(const struct group *g, const struct contender *c, json_t *rows)
{
	double sorted[BENCH_SLICES], mid;
	json_t *row;
	int r;

	memcpy(sorted, c->rate, sizeof(sorted));
	mid = median(sorted);
	row = json_pack("{ss ss ss si si si sf sf sf}", "network", g->network, "backend",
			c->backend, "route", c->route, "threads", (int)c->threads, "chains",
			(int)g->chains, "bits", c->sgemm ? 32 : (int)g->bits, "changed", c->changed,
			"flips_per_ns", mid, "best", sorted[BENCH_SLICES - 1]);
	r = set_ratio(row, "over_sgemm", c->sgemm ? NULL : c, find_sgemm(g, c->threads));
	r |= set_ratio(row, "over_one_thread", c, on_one_thread(g, c));
	return json_array_append_new(rows, row) | r;
}

static int add_ratios(const struct group *g, unsigned int threads, json_t *ratios)
{
	const struct contender *best = find_best(g, threads), *sgemm = find_sgemm(g, threads);
	json_t *ratio = json_pack("{ss si si}", "network", g->network, "threads", (int)threads,
				  "chains", (int)g->chains);
	int r = set_ratio(ratio, "embedded_over_sgemm", best, sgemm);

	if (threads == 1 && g->count > 1 && g->contenders[1].kernel)
		r |= set_ratio(ratio, "kernel_over_embedded", &g->contenders[1], best);
	if (threads > 1) {
		r |= set_ratio(ratio, "embedded_over_one_thread", best, find_best(g, 1));
		r |= set_ratio(ratio, "sgemm_over_one_thread", sgemm, find_sgemm(g, 1));
	}
	return json_array_append_new(ratios, ratio) | r;
}

int bench_group_report(const struct group *g, json_t *rows, json_t *ratios)
{
	unsigned int threads = 0;
	int r = 0;

	for (size_t i = 0; i < g->count; i++) {
		const struct contender *c = &g->contenders[i];

		r |= add_row(g, c, rows);
		if (c->threads != threads)
			r |= add_ratios(g, c->threads, ratios);
		threads = c->threads;
	}
	return r < 0 ? -ENOMEM : 0;
}
