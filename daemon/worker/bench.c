/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "device.h"
#include "isa.h"
#include "sgemm_route.h"
#include "splitmix.h"

#define SLICES	       15
#define TRIES	       3
#define MAX_CONTENDERS 6  /* the routes of the machine, a kernel device, and sgemm */
#define KERNEL_CHAINS  64 /* of one more turn of the network that matters */
#define WARM_SWEEPS    32 /* towards equilibrium, where the fraction that changes settles */
#define BITS	       8
#define BETA	       1.0
#define COUPLING_MAX   63
#define COUPLING_RMS   20.0
#define HOT	       2.5 /* rms of beta I over fair coins: one update in six changes */
#define COLD	       4.0 /* one in twelve */

static const struct network {
	unsigned int n, m;
	double field_rms;
	unsigned int chains; /* 0: as the job has it; else with one thread alone */
	bool matters;	     /* measured on every route, with one thread */
} networks[] = {
	{ 64, 64, HOT, 0, false },    { 256, 256, HOT, 0, false }, { 784, 512, HOT, 0, true },
	{ 784, 512, COLD, 0, false }, { 784, 512, HOT, 1, false }, { 2048, 2048, HOT, 0, false },
};

#define MAX_GROUPS (2 * ARRAY_SIZE(networks) + 1)

/* One way to run a network; a device's program, or the sgemm route. */
struct contender {
	struct device *device; /* its own, but for a kernel device */
	bool kernel;
	struct program *program;
	struct sgemm_route *sgemm;
	char backend[32], route[64];
	uint64_t sweep0;
	unsigned int sweeps; /* a slice */
	double changed;
	double rate[SLICES]; /* flips/ns */
};

/* The contenders of one network and thread count. */
struct group {
	const struct network *network;
	unsigned int threads, chains;
	bool every_route;
	bool sgemm;
	uint64_t seed;
	int16_t *w;
	double scale;
	size_t count;
	struct contender contenders[MAX_CONTENDERS];
};

struct bench {
	const struct spec_bench *spec;
	uint64_t seed;
	struct device *kernel; /* or NULL */
	int (*progress)(double done, void *arg);
	void *arg;
	double done, total; /* slices */
	json_t *rows, *ratios;
};

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void group_close(struct group *g)
{
	size_t i;

	for (i = 0; i < g->count; i++) {
		struct contender *c = &g->contenders[i];

		program_free(c->program);
		if (!c->kernel)
			device_close(c->device);
		sgemm_route_free(c->sgemm);
	}
	free(g->w);
}

/* Normal, rounded, clipped; and the scale that gives the fields their spread. */
static int random_couplings(struct group *g, struct err *e)
{
	size_t i, size = (size_t)g->network->n * g->network->m;
	double n = g->network->n, m = g->network->m, inputs = 2 * n * m / (n + m), square = 0;

	g->w = alloc_zeroed(size, sizeof(*g->w));
	if (!g->w)
		return err_oom(e);
	for (i = 0; i < size; i++) {
		double x = rint(COUPLING_RMS * splitmix_normal(g->seed, i));

		x = x > COUPLING_MAX ? COUPLING_MAX : x < -COUPLING_MAX ? -COUPLING_MAX : x;
		g->w[i] = (int16_t)x;
		square += x * x;
	}
	/* beta I sums 2 beta scale w over `inputs` spins, the mean over both sides' p-bits */
	g->scale = g->network->field_rms / (2 * BETA * sqrt(square / (double)size * inputs));
	return 0;
}

/* The contender's program; its device is open. */
static int add_program(struct group *g, struct contender *c, struct err *e)
{
	struct pbm_shape shape = {
		.net = PBM_NET_RBM,
		.n = g->network->n,
		.m = g->network->m,
		.chains = g->chains,
		.bits = BITS,
	};
	struct device_info info;
	int r;

	r = program_new(c->device, &shape, NULL, &c->program, e);
	if (r == 0)
		r = program_set_couplings(c->program, g->w, e);
	if (r < 0)
		return r;
	device_get_info(c->device, &info);
	snprintf(c->backend, sizeof(c->backend), "%s", info.backend);
	snprintf(c->route, sizeof(c->route), "%s", info.route);
	pbm_states_random(&shape, g->seed, 0, shape.chains, NULL, program_states(c->program));
	return 0;
}

static int add_embedded(struct group *g, enum pbm_isa isa, struct err *e)
{
	struct contender *c = &g->contenders[g->count++];
	int r = device_open_embedded_isa(g->threads, isa, &c->device, e);

	return r < 0 ? r : add_program(g, c, e);
}

/* A network that the device is too small for has no row of it. */
static int add_kernel(struct group *g, struct device *kernel, struct err *e)
{
	struct contender *c = &g->contenders[g->count];
	struct err why = { 0 };
	int r;

	*c = (struct contender){ .device = kernel, .kernel = true };
	r = add_program(g, c, &why);
	if (r == -E2BIG || r == -EDQUOT) {
		*c = (struct contender){ 0 };
		return 0;
	}
	g->count++;
	return r < 0 ? err_set(e, r, "%s", why.text) : 0;
}

static int add_sgemm(struct group *g, struct err *e)
{
	struct sgemm_shape shape = { g->network->n, g->network->m, g->chains, g->threads };
	struct contender *c = &g->contenders[g->count++];
	size_t i, size = (size_t)shape.n * shape.m;
	_cleanup_free_ float *w = alloc_zeroed(size, sizeof(*w));

	if (!w)
		return err_oom(e);
	for (i = 0; i < size; i++)
		w[i] = (float)(g->scale * g->w[i]);
	snprintf(c->backend, sizeof(c->backend), "openblas-sgemm");
	sgemm_route_name(c->route, sizeof(c->route));
	return sgemm_route_new(&shape, w, BETA, g->seed, &c->sgemm, e);
}

static uint64_t updates(const struct group *g)
{
	return (uint64_t)g->chains * (g->network->n + g->network->m);
}

static int run_program(const struct group *g, struct contender *c, unsigned int sweeps,
		       struct err *e)
{
	uint64_t gain = gain_from_beta(BETA, g->scale);
	struct submission s = {
		.seed = g->seed,
		.sweep0 = c->sweep0,
		.sweeps = sweeps,
		.every = sweeps,
		.scan = PBM_SCAN_ALTERNATING,
		.gains = 1,
		.gain = &gain,
	};
	struct results results;
	int r = program_run(c->program, &s, &results, e);

	if (r < 0)
		return r;
	c->changed = (double)results.changed / (double)results.flips;
	c->sweep0 += sweeps;
	return 0;
}

/* Runs sweeps and says how long they took. */
static int run_timed(const struct group *g, struct contender *c, unsigned int sweeps,
		     double *ret_ns, struct err *e)
{
	double start = now_ns();
	int r = 0;

	if (c->sgemm)
		sgemm_route_run(c->sgemm, sweeps);
	else
		r = run_program(g, c, sweeps, e);
	if (r == 0)
		*ret_ns = MAX(now_ns() - start, 1.0);
	return r;
}

/* The least of a few tries, as far as they take longer than ns: one of them may be held up. */
static int run_briefly(const struct group *g, struct contender *c, unsigned int sweeps, double ns,
		       double *ret_ns, struct err *e)
{
	double least = INFINITY;

	for (unsigned int k = 0; k < TRIES && least > ns; k++) {
		double took = 0;
		int r = run_timed(g, c, sweeps, &took, e);

		if (r < 0)
			return r;
		least = MIN(least, took);
	}
	*ret_ns = least;
	return 0;
}

/* Brings the chains towards equilibrium and finds how many sweeps fill a slice. */
static int warm_up(const struct group *g, struct contender *c, double slice_ns, struct err *e)
{
	double ns = 0;
	int r;

	/* The same bits on every route: the slow ones go on where the first, the best, stands. */
	if (c->program && c != &g->contenders[0]) {
		const struct contender *first = &g->contenders[0];
		size_t words = pbm_state_words(program_shape(c->program));

		memcpy(program_states(c->program), program_states(first->program),
		       g->chains * words * sizeof(uint64_t));
		c->sweep0 = first->sweep0;
	} else {
		r = run_timed(g, c, WARM_SWEEPS, &ns, e);
		if (r < 0)
			return r;
	}
	for (c->sweeps = 1;; c->sweeps *= 2) {
		r = run_briefly(g, c, c->sweeps, slice_ns / 4, &ns, e);
		if (r < 0)
			return r;
		if (ns > slice_ns / 4 || c->sweeps >= PBM_MAX_SWEEPS / 16)
			break;
	}
	c->sweeps = (unsigned int)MAX(1.0, MIN(16.0, slice_ns / ns) * c->sweeps);
	return 0;
}

/* The fraction of p-bits that one more sweep changes. */
static int sgemm_changed(const struct group *g, struct contender *c, struct err *e)
{
	size_t i, nv = (size_t)g->chains * g->network->n, nh = (size_t)g->chains * g->network->m;
	_cleanup_free_ float *v = alloc_zeroed(nv, sizeof(*v)), *h = alloc_zeroed(nh, sizeof(*h));
	size_t changed = 0;

	if (!v || !h)
		return err_oom(e);
	memcpy(v, sgemm_route_visible(c->sgemm), nv * sizeof(*v));
	memcpy(h, sgemm_route_hidden(c->sgemm), nh * sizeof(*h));
	sgemm_route_run(c->sgemm, 1);
	for (i = 0; i < nv; i++)
		changed += v[i] * sgemm_route_visible(c->sgemm)[i] < 0;
	for (i = 0; i < nh; i++)
		changed += h[i] * sgemm_route_hidden(c->sgemm)[i] < 0;
	c->changed = (double)changed / (double)(nv + nh);
	return 0;
}

static int report_progress(struct bench *b)
{
	b->done++;
	return b->progress ? b->progress(MIN(1.0, b->done / b->total), b->arg) : 0;
}

static int measure(struct bench *b, struct group *g, struct err *e)
{
	double slice_ns = b->spec->seconds * 1e9 / SLICES, ns;
	size_t i, k;
	int r;

	for (i = 0; i < g->count; i++) {
		r = warm_up(g, &g->contenders[i], slice_ns, e);
		if (r < 0)
			return r;
	}
	for (k = 0; k < SLICES; k++)
		for (i = 0; i < g->count; i++) {
			struct contender *c = &g->contenders[i];

			r = run_timed(g, c, c->sweeps, &ns, e);
			if (r < 0)
				return r;
			c->rate[k] = (double)updates(g) * c->sweeps / ns;
			r = report_progress(b);
			if (r < 0)
				return r;
		}
	return g->sgemm ? sgemm_changed(g, &g->contenders[g->count - 1], e) : 0;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of SLICES numbers; sorts them. */
static double median(double x[SLICES])
{
	qsort(x, SLICES, sizeof(*x), compare_doubles);
	return x[SLICES / 2];
}

static int report_rows(struct bench *b, struct group *g, const char *name)
{
	int r = 0;

	for (size_t i = 0; i < g->count; i++) {
		struct contender *c = &g->contenders[i];
		double mid = median(c->rate);

		r |= json_array_append_new(
			b->rows,
			json_pack("{ss ss ss si si si sf sf sf}", "network", name, "backend",
				  c->backend, "route", c->route, "threads", (int)g->threads,
				  "chains", (int)g->chains, "bits", c->sgemm ? 32 : BITS, "changed",
				  c->changed, "flips_per_ns", mid, "best", c->rate[SLICES - 1]));
	}
	return r;
}

/* Median over the turns, which are in order still. */
static double ratio_of(const struct contender *a, const struct contender *b)
{
	double ratio[SLICES];

	for (size_t i = 0; i < SLICES; i++)
		ratio[i] = a->rate[i] / b->rate[i];
	return median(ratio);
}

static int report(struct bench *b, struct group *g, struct err *e)
{
	const struct contender *first = &g->contenders[0], *last = &g->contenders[g->count - 1];
	json_t *ratio;
	char name[32];
	int r = 0;

	snprintf(name, sizeof(name), "%ux%u%s", g->network->n, g->network->m,
		 g->network->field_rms > HOT ? " cold" : "");
	ratio = json_pack("{ss si si}", "network", name, "threads", (int)g->threads, "chains",
			  (int)g->chains);
	if (g->sgemm)
		r |= json_object_set_new(ratio, "embedded_over_sgemm",
					 json_real(ratio_of(first, last)));
	if (g->contenders[1].kernel)
		r |= json_object_set_new(ratio, "kernel_over_embedded",
					 json_real(ratio_of(&g->contenders[1], first)));
	r |= json_array_append_new(b->ratios, ratio);
	r |= report_rows(b, g, name);
	return r < 0 ? err_oom(e) : 0;
}

static size_t group_size(const struct group *g, const struct bench *b)
{
	return 1u + g->sgemm + (g->every_route ? (size_t)isa_working() : 0) +
	       (b->kernel && g->threads == 1);
}

/* The embedded device's best route comes first, a kernel device second, sgemm last. */
static int bench_group(struct bench *b, struct group g, struct err *e)
{
	int r, isa = (int)isa_working(), last = g.every_route ? 0 : isa;

	r = random_couplings(&g, e);
	if (r == 0)
		r = add_embedded(&g, (enum pbm_isa)isa, e);
	if (r == 0 && b->kernel && g.threads == 1)
		r = add_kernel(&g, b->kernel, e);
	while (r == 0 && --isa >= last)
		r = add_embedded(&g, (enum pbm_isa)isa, e);
	if (r == 0 && g.sgemm)
		r = add_sgemm(&g, e);
	if (r == 0)
		r = measure(b, &g, e);
	if (r == 0)
		r = report(b, &g, e);
	group_close(&g);
	return r;
}

/* The processor's name as the kernel gives it. */
static void cpu_name(char *buf, size_t size)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256];

	snprintf(buf, size, "unknown");
	while (f && fgets(line, sizeof(line), f)) {
		char *value = strchr(line, ':');

		if (strncmp(line, "model name", 10) || !value)
			continue;
		value += 1 + strspn(value + 1, " \t");
		value[strcspn(value, "\n")] = '\0';
		snprintf(buf, size, "%s", value);
		return;
	}
}

/* All groups that are to be measured; returns how many. */
static size_t list_groups(const struct bench *b, struct group ret[MAX_GROUPS])
{
	const unsigned int threads[] = { 1, b->spec->threads };
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(networks); i++) {
		struct group g = {
			.network = &networks[i],
			.chains = networks[i].chains ? networks[i].chains : b->spec->chains,
			.seed = b->seed,
			.sgemm = true,
		};
		size_t columns = b->spec->threads > 1 && !networks[i].chains ? 2 : 1;

		for (size_t t = 0; t < columns; t++) {
			g.threads = threads[t];
			g.every_route = networks[i].matters && g.threads == 1;
			ret[count++] = g;
		}
		if (b->kernel && networks[i].matters && b->spec->chains != KERNEL_CHAINS) {
			g.threads = 1;
			g.chains = KERNEL_CHAINS;
			g.every_route = g.sgemm = false;
			ret[count++] = g;
		}
	}
	return count;
}

static int bench_all(struct bench *b, struct err *e)
{
	struct group groups[MAX_GROUPS];
	size_t i, count = list_groups(b, groups);
	int r = 0;

	for (i = 0; i < count; i++)
		b->total += (double)(group_size(&groups[i], b) * SLICES);
	for (i = 0; r == 0 && i < count; i++)
		r = bench_group(b, groups[i], e);
	return r;
}

/* What only a kernel device has. */
static int add_kernel_figures(struct device *kernel, json_t *report, struct err *e)
{
	json_t *empty;
	int r = bench_empty_runs(kernel, &empty, e);

	if (r == 0 && json_object_set_new(report, "empty_run", empty) < 0)
		r = err_oom(e);
	return r;
}

int bench_run(const struct spec_bench *spec, uint64_t seed, struct device *kernel,
	      int (*progress)(double, void *), void *arg, json_t **ret_report, struct err *e)
{
	struct bench b = {
		.spec = spec, .seed = seed, .kernel = kernel, .progress = progress, .arg = arg
	};
	double start = now_ns();
	char cpu[128];
	json_t *out;
	int r;

	b.rows = json_array();
	b.ratios = json_array();
	r = b.rows && b.ratios ? bench_all(&b, e) : err_oom(e);
	if (r < 0) {
		json_decref(b.rows);
		json_decref(b.ratios);
		return r;
	}
	cpu_name(cpu, sizeof(cpu));
	out = json_pack("{ss ss so so s{sf si}}", "kind", "bench", "cpu", cpu, "rows", b.rows,
			"ratios", b.ratios, "timing", "seconds", (now_ns() - start) * 1e-9,
			"slices", SLICES);
	if (!out)
		return err_oom(e); /* json_pack has dropped the arrays */
	r = kernel ? add_kernel_figures(kernel, out, e) : 0;
	if (r < 0) {
		json_decref(out);
		return r;
	}
	*ret_report = out;
	return 0;
}
