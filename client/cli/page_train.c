// SPDX-License-Identifier: MIT
/* A train job's part of the page: verdicts, loss, mixing, likelihoods, samples. */
#include <math.h>
#include <string.h>

#include "json.h"
#include "markup.h"
#include "page.h"
#include "png_write.h"
#include "report.h"
#include "result_file.h"

#define WIDE	    980
#define HALF	    480
#define MAX_PICTURE ((uint64_t)64 << 20)

static const struct {
	const char *key, *name;
	unsigned int colour;
} models[] = {
	{ "hypernetwork", "hypernetwork", 0 },
	{ "separate", "separate RBMs", 3 },
	{ "independent", "independent pixels", 2 },
};

/*
 * Progress lines say the same as the report's epochs, some of it under other names: their "epoch"
 * goes on while the figures are those of the last one that was judged.
 */
static bool judged_epoch(const json_t *line, double *epoch)
{
	return report_number(line, "judged_epoch", epoch) || report_number(line, "epoch", epoch);
}

static json_t *epoch_of_line(const json_t *line, double number)
{
	json_t *epoch = json_copy((json_t *)line), *error = json_object_get(line, "loglik_error");

	if (epoch && error)
		json_object_set(epoch, "error", error);
	if (epoch)
		json_object_set_new(epoch, "epoch", json_real(number));
	return epoch;
}

static json_t *epochs_of_course(struct page *p, const char *model)
{
	json_t *rows = json_array();
	double last = 0;

	for (size_t i = 0; i < json_array_size(p->course); i++) {
		const json_t *line = json_array_get(p->course, i);
		double epoch = 0;

		if (strcmp(report_string(line, "model", ""), model) != 0 ||
		    !judged_epoch(line, &epoch) || !(epoch > last) ||
		    (!json_object_get(line, "loss") && !json_object_get(line, "judged_epoch")))
			continue;
		last = epoch;
		if (json_array_append_new(rows, epoch_of_line(line, epoch)) < 0)
			p->oom = true;
	}
	return rows;
}

json_t *page_epochs(struct page *p, const char *model)
{
	const json_t *epochs =
		report_get(p->report, strcmp(model, "separate") ? "epochs" : "epochs_separate");

	if (json_array_size(epochs))
		return json_incref((json_t *)epochs);
	return epochs_of_course(p, model);
}

static void put_likelihood(struct page *p, const json_t *l)
{
	const json_t *model = json_object_get(l, "hypernetwork"),
		     *all = json_object_get(model, "all");
	char a[NUMBER_TEXT], b[NUMBER_TEXT], c[NUMBER_TEXT];
	bool ais = !strcmp(report_string(l, "method", "-"), "ais");

	if (report_unresolved(model, all))
		page_card(p, "open", "Held-out log-likelihood", "not resolved", "%s",
			  report_string(l, "reason", "-"));
	else
		page_card(
			p, "plain", "Held-out log-likelihood", number_text(a, all, "%.3f"),
			"nats an image, %s; %s ± %s above independent pixels",
			ais ? "by annealed importance sampling" : report_string(l, "method", "-"),
			number_text(b, json_object_get(l, "gain_over_independent"), "%.3f"),
			number_text(c, json_object_get(l, "gain_over_independent_error"), "%.3f"));
}

static void put_verdicts(struct page *p)
{
	const json_t *m = report_get(p->report, "mixing"), *l = report_get(p->report, "loglik");
	const char *a6 = report_string(m, "a6", "not judged"), *tone = "open";
	char a[NUMBER_TEXT], b[NUMBER_TEXT], c[NUMBER_TEXT], d[NUMBER_TEXT];
	const json_t *reversible = json_object_get(m, "reversible");

	if (!strcmp(a6, "holds"))
		tone = "good";
	else if (!strcmp(a6, "fails"))
		tone = "bad";
	fputs("<section class=\"cards\">\n", p->f);
	if (json_is_object(m))
		page_card(p, tone, "A6: K ≫ τ_int", a6,
			  "K/τ_int = %s, at least %s is asked; τ_int %s ± %s sweeps of %s",
			  number_text(a, json_object_get(m, "k_over_tau"), "%.3g"),
			  number_text(b, json_object_get(m, "ratio"), "%.3g"),
			  number_text(c, json_object_get(m, "tau_int"), "%.3g"),
			  number_text(d, json_object_get(m, "tau_error"), "%.2g"),
			  report_string(m, "observable", "-"));
	else
		page_card(p, "open", "A6: K ≫ τ_int", "not judged",
			  "the job has not come to its end");
	page_card(p, "open", "A7: overlapping bulks", report_string(m, "a7", "not judged"), "%s",
		  report_string(m, "a7_reason", "the job has not come to its end"));
	if (json_is_boolean(reversible))
		page_card(p, json_is_true(reversible) ? "good" : "bad", "A2: reversible",
			  json_is_true(reversible) ? "holds" : "fails", "scan %s",
			  report_string(m, "scan", "-"));
	if (json_is_object(l))
		put_likelihood(p, l);
	if (json_is_object(report_get(p->report, "model")))
		page_card(p, "plain", "Model W = g(u)",
			  number_text(a, report_get(p->report, "model.parameters"), "%.0f"),
			  "parameters; %s × %s p-bits, %s codes, %s-bit couplings",
			  number_text(b, report_get(p->report, "model.n"), "%.0f"),
			  number_text(c, report_get(p->report, "model.m"), "%.0f"),
			  number_text(d, report_get(p->report, "model.codes"), "%.0f"),
			  json_integer_value(report_get(p->report, "model.bits")) == 16 ? "16" :
											  "8");
	fputs("</section>\n", p->f);
}

/* The held-out figures as lines of their own. */
static size_t loss_rules(const struct page *p, struct svg_rule *rules, char (*names)[64])
{
	size_t n = 0;
	double x;

	for (size_t k = 0; k < ARRAY_SIZE(models); k++) {
		char path[64];

		snprintf(path, sizeof(path), "loglik.%s.all", models[k].key);
		if (!report_number(p->report, path, &x))
			continue;
		snprintf(names[n], sizeof(names[n]), "held out, %s", models[k].name);
		rules[n] = (struct svg_rule){
			.name = names[n], .at = -x, .colour = models[k].colour, .dashed = true
		};
		n++;
	}
	if (report_number(p->report, "model.epoch", &x))
		rules[n++] = (struct svg_rule){
			.name = "kept", .vertical = true, .at = x, .colour = 5, .dashed = true
		};
	return n;
}

/* An epoch whose likelihood sampling did not resolve. */
static bool is_open(const json_t *epoch)
{
	return !strcmp(report_string(epoch, "method", ""), "ais") &&
	       !json_is_number(json_object_get(epoch, "loglik_train"));
}

static size_t count_open(const json_t *epochs)
{
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(epochs); i++)
		n += is_open(json_array_get(epochs, i));
	return n;
}

static const char *method_text(const json_t *epoch)
{
	const char *method = report_string(epoch, "method", "");

	if (!strcmp(method, "exact"))
		return ", exact: by a sum over all states of the smaller side";
	if (!strcmp(method, "ais"))
		return ", by annealed importance sampling, with its standard error";
	return "";
}

static void put_loss(struct page *p, const json_t *epochs, const json_t *separate)
{
	static const struct page_keys train = { "epoch", "loglik_train", NULL, -1 };
	static const struct page_keys validation = { "epoch", "loglik_validation", "error", -1 };
	_cleanup_free_ struct svg_point *a = page_points(p, epochs, &train);
	_cleanup_free_ struct svg_point *b = page_points(p, epochs, &validation);
	_cleanup_free_ struct svg_point *c = page_points(p, separate, &train);
	_cleanup_free_ struct svg_point *d = page_points(p, separate, &validation);
	const struct svg_series series[] = {
		{ .name = "hypernetwork, training images",
		  .colour = 0,
		  .line = true,
		  .dots = true,
		  .points = a,
		  .count = a ? json_array_size(epochs) : 0 },
		{ .name = "hypernetwork, validation images",
		  .colour = 1,
		  .line = true,
		  .dots = true,
		  .points = b,
		  .count = b ? json_array_size(epochs) : 0 },
		{ .name = "separate RBMs, training images",
		  .colour = 3,
		  .line = true,
		  .points = c,
		  .count = c ? json_array_size(separate) : 0 },
		{ .name = "separate RBMs, validation images",
		  .colour = 5,
		  .line = true,
		  .dashed = true,
		  .points = d,
		  .count = d ? json_array_size(separate) : 0 },
	};
	const size_t open = count_open(epochs) + count_open(separate);
	struct svg_rule rules[ARRAY_SIZE(models) + 1];
	char names[ARRAY_SIZE(models)][64];
	const struct svg_chart chart = {
		.id = "loss",
		.title = "Loss against epoch",
		.width = WIDE,
		.height = 380,
		.x = { .label = "epoch", .kind = SVG_WHOLE, .exact = true },
		.y = { .label = "loss: negative log-likelihood, nats an image" },
		.series = series,
		.n_series = ARRAY_SIZE(series),
		.rules = rules,
		.n_rules = loss_rules(p, rules, names),
	};

	page_figure(p, "Loss", false);
	if (!json_array_size(epochs) && !json_array_size(separate))
		page_caption(p, "No epoch has been judged.");
	else if (svg_chart_write(p->f, &chart))
		page_caption(p,
			     "The negative log-likelihood of Adam's average of the parameters at "
			     "the end of each judged epoch%s.%s%s",
			     method_text(json_array_get(epochs, 0)),
			     open ? " Epochs without it were not resolved: raise "
				    "report.ais_betas." :
				    "",
			     chart.n_rules ? " Lines across: what was kept, on images that were "
					     "held out." :
					     "");
	else
		page_caption(p, "%s",
			     open ? "Not resolved in any epoch: raise report.ais_betas." :
				    "None was measured.");
}

/* Unresolved values are drawn hollow. */
static struct svg_point *mixing_points(struct page *p, const json_t *epochs, bool ratio)
{
	static const struct page_keys tau = { "epoch", "tau_int", "tau_error", 1 };
	struct svg_point *points = page_points(p, epochs, &tau);

	for (size_t i = 0; points && i < json_array_size(epochs); i++) {
		const json_t *row = json_array_get(epochs, i);
		struct svg_point *x = &points[i];
		double k = NAN, relative = (x->high - x->y) / x->y;

		x->open = !json_is_true(json_object_get(row, "resolved"));
		if (!ratio)
			continue;
		report_number(row, "k_over_tau", &k);
		x->y = k;
		x->low = k * (1 - relative);
		x->high = k * (1 + relative);
	}
	return points;
}

static void put_mixing(struct page *p, const json_t *epochs, bool ratio)
{
	_cleanup_free_ struct svg_point *points = mixing_points(p, epochs, ratio);
	const struct svg_series series = { .colour = ratio ? 2 : 0,
					   .line = true,
					   .dots = true,
					   .points = points,
					   .count = points ? json_array_size(epochs) : 0 };
	struct svg_rule asked = { .name = "A6 asks", .colour = 4, .dashed = true };
	const struct svg_chart chart = {
		.id = ratio ? "k-over-tau" : "tau",
		.title = ratio ? "K/tau_int against epoch" : "tau_int against epoch",
		.width = HALF,
		.height = 290,
		.x = { .label = "epoch", .kind = SVG_WHOLE, .exact = true },
		.y = { .label = ratio ? "K/τ_int" : "τ_int, sweeps", .kind = SVG_LOG },
		.series = &series,
		.n_series = 1,
		.rules = &asked,
		.n_rules = ratio && (report_number(p->report, "mixing.ratio", &asked.at) ||
				     report_number(p->job, "spec.report.a6_ratio", &asked.at)),
	};

	page_figure(p, ratio ? "Sweeps of a gradient over τ_int" : "Autocorrelation time τ_int",
		    true);
	if (!svg_chart_write(p->f, &chart))
		page_caption(p, "None was measured.");
	else if (ratio)
		page_caption(p,
			     "K/τ_int ± its standard error, that of τ_int. Hollow: τ_int was not "
			     "resolved.");
	else
		page_caption(p, "Of the slowest observable of the gradient over all classes, ± its "
				"standard error. Hollow: not resolved, the trace was too short to "
				"tell.");
}

static void put_class_table(struct page *p, size_t classes)
{
	const json_t *l = report_get(p->report, "loglik");
	char text[NUMBER_TEXT];

	fputs("<details><summary>The figures as a table</summary><table><tr><th>class</th>", p->f);
	for (size_t k = 0; k < ARRAY_SIZE(models); k++)
		fprintf(p->f, "<th class=\"n\">%s</th>", models[k].name);
	fputs("<th class=\"n\">images</th></tr>\n", p->f);
	for (size_t u = 0; u <= classes; u++) {
		bool all = u == classes;

		fputs(all ? "<tr class=\"all\"><td>all</td>" : "<tr>", p->f);
		if (!all)
			put_element(p->f, "td", "%zu", u);
		for (size_t k = 0; k < ARRAY_SIZE(models); k++) {
			const json_t *m = json_object_get(l, models[k].key);
			const json_t *x = all ? json_object_get(m, "all") :
						json_array_get(json_object_get(m, "by_class"), u);

			fputs("<td class=\"n\">", p->f);
			put_text(p->f, "%s",
				 report_unresolved(m, x) ? "not resolved" :
							   number_text(text, x, "%.3f"));
			fputs("</td>", p->f);
		}
		fputs("<td class=\"n\">", p->f);
		put_text(
			p->f, "%s",
			number_text(text, json_array_get(json_object_get(l, "images"), u), "%.0f"));
		fputs("</td></tr>\n", p->f);
	}
	fputs("</table></details>\n", p->f);
}

/* Beside each other within a class, so that equal ones are all seen. */
static void class_points(const struct page *p, size_t k, size_t classes, struct svg_point *ret)
{
	const json_t *m = json_object_get(report_get(p->report, "loglik"), models[k].key);
	const json_t *list = json_object_get(m, "by_class");

	for (size_t u = 0; u < classes; u++) {
		const json_t *x = json_array_get(list, u);

		ret[u] = (struct svg_point){ .x = (double)u + 0.16 * ((double)k - 1),
					     .y = json_is_number(x) ? json_number_value(x) :
								      (double)NAN,
					     .low = NAN,
					     .high = NAN };
	}
}

static void put_classes(struct page *p)
{
	size_t classes = json_array_size(report_get(p->report, "loglik.hypernetwork.by_class"));
	_cleanup_free_ struct svg_point *points =
		calloc(ARRAY_SIZE(models) * classes + 1, sizeof(*points));
	struct svg_series series[ARRAY_SIZE(models)];
	const struct svg_chart chart = {
		.id = "classes",
		.title = "Held-out log-likelihood by class",
		.width = WIDE,
		.height = 320,
		.x = { .label = "class", .kind = SVG_WHOLE, .exact = true, .pad = 0.3 },
		.y = { .label = "log-likelihood of held-out images, nats an image" },
		.series = series,
		.n_series = ARRAY_SIZE(series),
	};

	if (!points) {
		p->oom = true;
		return;
	}
	if (classes < 2)
		return;
	for (size_t k = 0; k < ARRAY_SIZE(models); k++) {
		class_points(p, k, classes, points + k * classes);
		series[k] = (struct svg_series){ .name = models[k].name,
						 .colour = models[k].colour,
						 .dots = true,
						 .points = points + k * classes,
						 .count = classes };
	}
	page_figure(p, "Held-out log-likelihood by class", false);
	svg_chart_write(p->f, &chart);
	put_class_table(p, classes);
	page_caption(p,
		     "Higher is better. The separate RBMs are trained a class at a time, with no "
		     "network between code and couplings.");
}

static int read_picture(const struct page *p, struct picture *ret)
{
	const char *name = report_string(p->report, "picture.file", "picture.png");
	_cleanup_free_ char *png = NULL;
	double zoom = 1;
	size_t size;
	int r;

	report_number(p->report, "picture.zoom", &zoom);
	if (!p->files || !(zoom >= 1 && zoom <= 1024))
		return -ENOENT;
	r = result_file_read(p->files, name, MAX_PICTURE, &png, &size);
	return r < 0 ? r :
		       png_decode_grey(png, size, (unsigned int)zoom, &ret->pixels, &ret->width,
				       &ret->height, NULL);
}

/* The worker draws the held-out images left, the generated ones right, one row a class. */
static void put_samples(struct page *p)
{
	const double top = 24, most = 470, left = 40;
	struct picture picture = { 0 };
	size_t classes = json_array_size(report_get(p->report, "loglik.hypernetwork.by_class"));
	double w = WIDE - 2 * left, h;

	if (read_picture(p, &picture) < 0)
		return;
	h = w * picture.height / picture.width;
	if (h > most) {
		w *= most / h;
		h = most;
	}
	page_figure(p, "Samples", false);
	fprintf(p->f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" role=\"img\" "
		"id=\"samples\" aria-label=\"Held-out and generated images\" "
		"viewBox=\"0 0 %.0f %.0f\" style=\"max-width:%.0fpx;margin:auto\">\n",
		w + 2 * left, top + h + 6, w + 2 * left);
	fprintf(p->f,
		"<text class=\"key\" text-anchor=\"middle\" x=\"%.1f\" y=\"14\">held out</text>"
		"<text class=\"key\" text-anchor=\"middle\" x=\"%.1f\" y=\"14\">generated</text>\n",
		left + w / 4, left + 3 * w / 4);
	for (size_t u = 0; classes > 1 && classes <= 32 && u < classes; u++)
		fprintf(p->f,
			"<text class=\"tick\" text-anchor=\"end\" x=\"%.1f\" y=\"%.1f\">%zu</text>\n",
			left - 10, top + h * ((double)u + 0.5) / (double)classes + 4, u);
	page_image(p, picture.pixels, picture.width, picture.height, left, top, w, h);
	fputs("</svg>\n", p->f);
	free(picture.pixels);
	page_caption(p,
		     "Left, images that training did not see; right, images that the p-bits made "
		     "up, %s sweeps from a random start%s.",
		     json_is_number(report_get(p->report, "sample_sweeps")) ?
			     number_text((char[NUMBER_TEXT]){ 0 },
					 report_get(p->report, "sample_sweeps"), "%.0f") :
			     "some",
		     classes > 1 ? "; one row a class" : "");
}

void page_train(struct page *p)
{
	_cleanup_json_ json_t *epochs = page_epochs(p, "hypernetwork");
	_cleanup_json_ json_t *separate = page_epochs(p, "separate");

	put_verdicts(p);
	fputs("<h2>Learning and mixing</h2>\n<div class=\"figures\">\n", p->f);
	put_loss(p, epochs, separate);
	put_mixing(p, epochs, false);
	put_mixing(p, epochs, true);
	put_classes(p);
	put_samples(p);
	fputs("</div>\n", p->f);
}
