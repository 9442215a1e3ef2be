/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "bench.h"
#include "bench_group.h"
#include "bench_trained.h"
#include "clock_ns.h"
#include "isa.h"
#include "splitmix.h"

#define KERNEL_CHAINS	  64 /* of one more turn of the network that matters */
#define WARM		  32 /* sweeps towards equilibrium, where the fraction that changes settles */
#define WARM_TRAINED	  200
#define BITS		  8
#define COUPLING_MAX	  63
#define COUPLING_RMS	  20.0
#define HOT		  2.5 /* rms of beta I over fair coins: one update in six changes */
#define COLD		  4.0 /* one in twelve */
#define STEPS_IN_PROGRESS 20  /* steps of training that count as a slice does */

static const struct network {
	unsigned int n, m;
	double field_rms;
	unsigned int chains; /* 0: as the job has it; else with one thread alone */
	bool matters;	     /* measured on every route, with one thread */
	bool trained;	     /* its couplings are not drawn, they are learnt */
} networks[] = {
	{ .n = 64, .m = 64, .field_rms = HOT },
	{ .n = 256, .m = 256, .field_rms = HOT },
	{ .n = 784, .m = 512, .field_rms = HOT, .matters = true },
	{ .n = 784, .m = 512, .field_rms = COLD },
	{ .n = BENCH_TRAINED_N, .m = BENCH_TRAINED_M, .trained = true },
	{ .n = 784, .m = 512, .field_rms = HOT, .chains = 1 },
	{ .n = 2048, .m = 2048, .field_rms = HOT },
};

#define MAX_TURNS (2 * ARRAY_SIZE(networks))

/* A network with a number of chains, and what is to run it. */
struct turn {
	const struct network *network;
	unsigned int chains, threads; /* threads: beside one, if above it */
	bool every_route, sgemm;
};

struct bench {
	const struct spec_bench *spec;
	const struct rbm_file *model; /* or NULL */
	uint64_t seed;
	struct device *kernel; /* or NULL */
	int (*progress)(double done, void *arg);
	void *arg;
	double done, total; /* slices */
	json_t *rows, *ratios;
};

static int report_progress(struct bench *b, double slices)
{
	b->done += slices;
	return b->progress ? b->progress(MIN(1.0, b->done / b->total), b->arg) : 0;
}

/* Normal, rounded, clipped; and the scale that gives the fields their spread. */
static int random_couplings(const struct network *network, struct group *g, struct err *e)
{
	size_t i, size = (size_t)g->n * g->m;
	double n = g->n, m = g->m, inputs = 2 * n * m / (n + m), square = 0;

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
	g->scale = network->field_rms / (2 * BENCH_BETA * sqrt(square / (double)size * inputs));
	snprintf(g->network, sizeof(g->network), "%ux%u%s", g->n, g->m,
		 network->field_rms > HOT ? " cold" : "");
	return 0;
}

static int after_step(void *arg)
{
	return report_progress(arg, 1.0 / STEPS_IN_PROGRESS);
}

static int learnt_couplings(struct bench *b, struct group *g, struct err *e)
{
	struct device *d = NULL;
	int r;

	g->clamped = true;
	g->warm = WARM_TRAINED;
	snprintf(g->network, sizeof(g->network), "%ux%u trained", g->n, g->m);
	g->w = alloc_zeroed((size_t)g->n * g->m, sizeof(*g->w));
	if (!g->w)
		return err_oom(e);
	r = device_open_embedded(b->spec->threads, &d, e);
	if (r == 0)
		r = bench_train(d, b->spec->training, g->seed, after_step, b, g->w, &g->scale, e);
	device_close(d);
	return r;
}

/* The user's model in place of the one that is learnt here. */
static int models_couplings(const struct bench *b, struct group *g, struct err *e)
{
	const struct rbm_file *f = b->model;
	size_t size = f->n * f->m;

	g->n = (unsigned int)f->n;
	g->m = (unsigned int)f->m;
	g->clamped = f->clamped;
	g->scale = f->scale;
	g->warm = WARM_TRAINED;
	snprintf(g->network, sizeof(g->network), "%ux%u model", g->n - g->clamped,
		 g->m - g->clamped);
	g->w = alloc_zeroed(size, sizeof(*g->w));
	if (!g->w)
		return err_oom(e);
	memcpy(g->w, f->q, size * sizeof(*g->w));
	for (size_t k = 0; k < size; k++)
		if (g->w[k] > 127 || g->w[k] < -127)
			g->bits = 16;
	return 0;
}

static int make_couplings(struct bench *b, const struct network *network, struct group *g,
			  struct err *e)
{
	if (!network->trained)
		return random_couplings(network, g, e);
	return b->model ? models_couplings(b, g, e) : learnt_couplings(b, g, e);
}

/* Of one thread: the embedded device's best route comes first, a kernel device second, sgemm last. */
static int add_contenders(struct bench *b, const struct turn *t, struct group *g, struct err *e)
{
	int r, best = (int)isa_working(), isa = best, last = t->every_route ? 0 : best;

	r = bench_add_embedded(g, (enum pbm_isa)best, 1, e);
	if (r == 0 && b->kernel)
		r = bench_add_kernel(g, b->kernel, e);
	while (r == 0 && --isa >= last)
		r = bench_add_embedded(g, (enum pbm_isa)isa, 1, e);
	if (r == 0 && t->sgemm)
		r = bench_add_sgemm(g, 1, e);
	if (r == 0 && t->threads > 1)
		r = bench_add_embedded(g, (enum pbm_isa)best, t->threads, e);
	if (r == 0 && t->threads > 1 && t->sgemm)
		r = bench_add_sgemm(g, t->threads, e);
	return r;
}

static int measure(struct bench *b, struct group *g, struct err *e)
{
	int r = bench_warm_up(g, b->spec->seconds * 1e9 / BENCH_SLICES, e);

	for (size_t k = 0; r == 0 && k < BENCH_SLICES; k++)
		for (size_t i = 0; r == 0 && i < g->count; i++) {
			r = bench_slice(g, &g->contenders[i], k, e);
			if (r == 0)
				r = report_progress(b, 1);
		}
	return r == 0 ? bench_finish(g, e) : r;
}

static int take_turn(struct bench *b, const struct turn *t, struct err *e)
{
	struct group g = {
		.n = t->network->n,
		.m = t->network->m,
		.chains = t->chains,
		.bits = BITS,
		.warm = WARM,
		.seed = b->seed,
	};
	int r = make_couplings(b, t->network, &g, e);

	if (r == 0)
		r = add_contenders(b, t, &g, e);
	if (r == 0)
		r = measure(b, &g, e);
	if (r == 0 && bench_group_report(&g, b->rows, b->ratios) < 0)
		r = err_oom(e);
	bench_group_free(&g);
	return r;
}

static double slices_of(const struct bench *b, const struct turn *t)
{
	double contenders = 1.0 + t->sgemm + (b->kernel != NULL) +
			    (t->every_route ? (double)isa_working() : 0) +
			    (t->threads > 1 ? 1 + t->sgemm : 0);
	bool learns = t->network->trained && !b->model;

	return contenders * BENCH_SLICES +
	       (learns ? (double)b->spec->training / STEPS_IN_PROGRESS : 0);
}

/* All that is to be measured; returns how many. */
static size_t list_turns(const struct bench *b, struct turn ret[MAX_TURNS])
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(networks); i++) {
		const struct network *network = &networks[i];
		struct turn t = {
			.network = network,
			.chains = network->chains ? network->chains : b->spec->chains,
			.threads = network->chains ? 1 : b->spec->threads,
			.every_route = network->matters,
			.sgemm = true,
		};

		if (network->trained && !b->model && !b->spec->training)
			continue;
		ret[count++] = t;
		if (b->kernel && network->matters && b->spec->chains != KERNEL_CHAINS) {
			t.chains = KERNEL_CHAINS;
			t.threads = 1;
			t.every_route = t.sgemm = false;
			ret[count++] = t;
		}
	}
	return count;
}

static int bench_all(struct bench *b, struct err *e)
{
	struct turn turns[MAX_TURNS];
	size_t i, count = list_turns(b, turns);
	int r = 0;

	for (i = 0; i < count; i++)
		b->total += slices_of(b, &turns[i]);
	for (i = 0; r == 0 && i < count; i++)
		r = take_turn(b, &turns[i], e);
	return r;
}

/* What the trained network is; null where there is none. */
static json_t *describe_trained(const struct bench *b)
{
	char text[256];

	if (b->model)
		return json_sprintf("%s, code %u", b->spec->model, b->spec->code);
	if (!b->spec->training)
		return json_null();
	bench_trained_text(b->spec->training, text, sizeof(text));
	return json_string(text);
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

/* What only a kernel device has. */
static int add_kernel_figures(struct device *kernel, json_t *report, struct err *e)
{
	json_t *empty;
	int r = bench_empty_runs(kernel, &empty, e);

	if (r == 0 && json_object_set_new(report, "empty_run", empty) < 0)
		r = err_oom(e);
	return r;
}

int bench_run(const struct spec_bench *spec, const struct rbm_file *model, uint64_t seed,
	      struct device *kernel, int (*progress)(double, void *), void *arg,
	      json_t **ret_report, struct err *e)
{
	struct bench b = { .spec = spec,
			   .model = model,
			   .seed = seed,
			   .kernel = kernel,
			   .progress = progress,
			   .arg = arg };
	uint64_t start = clock_ns();
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
	out = json_pack("{ss ss so so so s{sf si}}", "kind", "bench", "cpu", cpu, "trained",
			describe_trained(&b), "rows", b.rows, "ratios", b.ratios, "timing",
			"seconds", (double)(clock_ns() - start) * 1e-9, "slices", BENCH_SLICES);
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
