// SPDX-License-Identifier: MIT
#include "mixing_figure.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "markup.h"
#include "npy.h"
#include "svg_chart.h"

#define WIDTH  430
#define HEIGHT 320
#define TITLE  34

const char *const study_penalty_names[PENALTY_COUNT] = {
	[PENALTY_T_O] = "T_O",
	[PENALTY_TAU] = "tau_max",
	[PENALTY_DECAY] = "decay",
};

static const char style[] =
	"<style>:root{color-scheme:light dark;--ground:#fff;--ink:#1b2230;--soft:#5b6576;"
	"--grid:#e6e9ee;--s0:#1f6fd6;--s1:#d9640b;--s2:#0b8f6e;--s3:#8a4fd0}"
	"@media (prefers-color-scheme:dark){:root{--ground:#12161d;--ink:#e7ebf2;--soft:#9aa5b5;"
	"--grid:#2a323e;--s0:#6aa9ff;--s1:#ff9d57;--s2:#43cfa4;--s3:#bd98ff}}"
	"svg{font:12px system-ui,'DejaVu Sans',sans-serif}text{fill:var(--ink)}"
	".tick,.name{fill:var(--soft)}.title{font-size:14px;font-weight:600}"
	".ground{fill:var(--ground)}.s0{--c:var(--s0)}.s1{--c:var(--s1)}.s2{--c:var(--s2)}.s3{--c:var(--s3)}"
	".grid{stroke:var(--grid)}.axis{stroke:var(--soft);fill:none}"
	".line{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round}"
	".line.dashed{stroke-dasharray:5 4}.dot{fill:var(--c);stroke:var(--ground)}"
	".dot.open{fill:var(--ground);stroke:var(--c);stroke-width:1.6}"
	".error{fill:none;stroke:var(--c);stroke-width:1.2;opacity:.6}</style>\n";

static json_t *point_object(const struct study_point *p)
{
	return json_pack("{s:f, s:f, s:f, s:f, s:f}", "held_out", p->held_out, "train", p->train,
			 "T_O_sweeps", p->t_o, "variance", p->var, "tau_max_sweeps", p->tau_max);
}

static json_t *curve_object(const struct study_curve *c)
{
	json_t *points = json_array();

	for (unsigned int k = 0; k < STUDY_LAMBDAS; k++) {
		json_t *o = point_object(&c->point[k]);

		json_object_set_new(o, "lambda", json_real(study_lambda[k]));
		json_array_append_new(points, o);
	}
	return json_pack("{s:i, s:i, s:s, s:I, s:o, s:o}", "m", (int)c->m, "modes", (int)c->modes,
			 "penalty", study_penalty_names[c->penalty], "seed", (json_int_t)c->seed,
			 "optimum", point_object(&c->optimum), "points", points);
}

int study_write_points(const char *path, const struct study_curve *curves)
{
	json_t *all = json_array();
	int r;

	for (unsigned int k = 0; k < STUDY_CURVES; k++)
		json_array_append_new(all, curve_object(&curves[k]));
	r = json_dump_file(all, path, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
	json_decref(all);
	return r;
}

/* The mean over seeds of one point of a kind of curve, and the standard error of the likelihood. */
static struct svg_point mean(const struct study_curve *curves, unsigned int m, unsigned int modes,
			     enum study_penalty penalty, unsigned int k, bool tau)
{
	double x = 0, y = 0, yy = 0, error;
	unsigned int n = 0;

	for (unsigned int i = 0; i < STUDY_CURVES; i++) {
		const struct study_curve *c = &curves[i];

		if (c->m != m || c->modes != modes || c->penalty != penalty)
			continue;
		/* Geometric: seeds differ by factors. */
		x += log(tau ? c->point[k].tau_max : c->point[k].t_o);
		y += c->point[k].held_out;
		yy += c->point[k].held_out * c->point[k].held_out;
		n++;
	}
	y /= n;
	error = sqrt(fmax(yy / n - y * y, 0) / (n - 1));
	return (struct svg_point){
		.x = exp(x / n), .y = y, .low = y - error, .high = y + error, .open = k == 0
	};
}

static double optimum(const struct study_curve *curves, unsigned int m, unsigned int modes)
{
	double best = -INFINITY;

	for (unsigned int i = 0; i < STUDY_CURVES; i++)
		if (curves[i].m == m && curves[i].modes == modes)
			best = fmax(best, curves[i].optimum.held_out);
	return best;
}

static void draw_panel(FILE *f, const struct study_curve *curves, unsigned int m,
		       unsigned int modes, bool tau)
{
	static const char *const legend[PENALTY_COUNT] = { "T_O in the loss", "tau_max",
							   "weight decay" };
	struct svg_point points[PENALTY_COUNT][STUDY_LAMBDAS];
	struct svg_series series[PENALTY_COUNT];
	struct svg_rule rule = {
		.name = "best", .at = optimum(curves, m, modes), .colour = 3, .dashed = true
	};
	char id[32];
	struct svg_chart chart = {
		.id = id,
		.title = "Held-out log-likelihood against mixing",
		.width = WIDTH,
		.height = HEIGHT,
		.x = { .label = tau ? "tau_max, sweeps" : "T_O of each v_i h_j, sweeps",
		       .kind = SVG_LOG },
		.y = { .label = "held-out, nats a pattern" },
		.series = series,
		.n_series = PENALTY_COUNT,
		.rules = &rule,
		.n_rules = 1,
	};

	snprintf(id, sizeof(id), "m%u-%u-%s", m, modes, tau ? "tau" : "to");
	for (unsigned int p = 0; p < PENALTY_COUNT; p++) {
		for (unsigned int k = 0; k < STUDY_LAMBDAS; k++)
			points[p][k] = mean(curves, m, modes, (enum study_penalty)p, k, tau);
		series[p] = (struct svg_series){ .name = legend[p],
						 .colour = p,
						 .line = true,
						 .dots = true,
						 .points = points[p],
						 .count = STUDY_LAMBDAS };
	}
	svg_chart_write(f, &chart);
}

static void put_panel(FILE *f, const struct study_curve *curves, unsigned int column,
		      unsigned int row)
{
	unsigned int m = 4 + column, modes = row % 2 ? 4 : 2;
	unsigned int x = column * WIDTH, y = row * (HEIGHT + TITLE);

	fprintf(f, "<text class=\"title\" x=\"%u\" y=\"%u\">", x + 16, y + 22);
	put_text(f, "%u modes, %u x %u p-bits", modes, m, m);
	fprintf(f, "</text>\n<svg x=\"%u\" y=\"%u\" width=\"%d\" height=\"%d\">\n", x, y + TITLE,
		WIDTH, HEIGHT);
	draw_panel(f, curves, m, modes, row >= 2);
	fputs("</svg>\n", f);
}

int study_write_figure(const char *path, const struct study_curve *curves)
{
	FILE *f = fopen(path, "w");

	if (!f)
		return -errno;
	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\">\n"
		"<title>What mixing in the loss buys</title>\n",
		3 * WIDTH, 4 * (HEIGHT + TITLE), 3 * WIDTH);
	fputs(style, f);
	fputs("<rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n", f);
	for (unsigned int row = 0; row < 4; row++)
		for (unsigned int column = 0; column < 3; column++)
			put_panel(f, curves, column, row);
	fputs("</svg>\n", f);
	return fclose(f) ? -EIO : 0;
}

int study_write_example(const char *path, const struct study_curve *curves)
{
	const struct study_curve *c = curves;
	_cleanup_array_ struct array W = { 0 };
	_cleanup_free_ void *npy = NULL;
	size_t shape[2], size;
	FILE *f;
	int r;

	while (c->modes != 4)
		c++;
	shape[0] = shape[1] = c->m;
	r = array_new(&W, DT_F64, 2, shape, NULL);
	if (r < 0)
		return r;
	memcpy(W.data, c->control, W.count * sizeof(double));
	r = npy_encode(&W, &npy, &size, NULL);
	if (r < 0)
		return r;
	f = fopen(path, "w");
	if (!f)
		return -errno;
	fwrite(npy, 1, size, f);
	return fclose(f) ? -EIO : 0;
}
