// SPDX-License-Identifier: MIT
/* What a train job found, for people: likelihoods, mixing, cost, picture. */
#include <string.h>

#include "report.h"
#include "table.h"
#include "terminal.h"

static const struct {
	const char *key, *heading;
} models[] = {
	{ "hypernetwork", ">hypernetwork" },
	{ "independent", ">independent pixels" },
	{ "separate", ">separate RBMs" },
};

/* How many held-out images a class has; class < 0: all of them. -1 when that is not known. */
static json_int_t count_images(const json_t *loglik, long class)
{
	const json_t *images = json_object_get(loglik, "images");
	json_int_t sum = 0;

	if (class >= (long)json_array_size(images) || !json_array_size(images))
		return -1;
	if (class >= 0)
		return json_integer_value(json_array_get(images, (size_t) class));
	for (size_t i = 0; i < json_array_size(images); i++)
		sum += json_integer_value(json_array_get(images, i));
	return sum;
}

/* One row: class < 0 is the row over all classes. */
static void loglik_row(struct table *t, const json_t *loglik, long class)
{
	json_int_t images = count_images(loglik, class);
	char text[NUMBER_TEXT];

	if (class < 0)
		table_cell(t, "all");
	else
		table_cell(t, "%ld", class);
	for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
		const json_t *model = json_object_get(loglik, models[i].key), *x;

		if (class < 0)
			x = json_object_get(model, "all");
		else
			x = json_array_get(json_object_get(model, "by_class"), (size_t) class);
		/* Nothing is looked for where there are no images. */
		if (images && report_unresolved(model, x))
			table_cell(t, "not resolved");
		else
			table_cell(t, "%s", number_text(text, x, "%.3f"));
	}
	if (images < 0)
		table_cell(t, "-");
	else
		table_cell(t, "%lld", (long long)images);
}

static void print_gain(const json_t *loglik, const char *over, const char *key, FILE *f)
{
	char path[64], a[NUMBER_TEXT], b[NUMBER_TEXT];
	const json_t *gain, *error;

	snprintf(path, sizeof(path), "gain_over_%s", key);
	gain = report_get(loglik, path);
	snprintf(path, sizeof(path), "gain_over_%s_error", key);
	error = report_get(loglik, path);
	fprintf(f, "over %s ", over);
	if (json_is_object(report_get(loglik, key)) &&
	    (report_unresolved(report_get(loglik, "hypernetwork"), gain) ||
	     report_unresolved(report_get(loglik, key), gain)))
		fputs("not resolved", f);
	else
		fprintf(f, "%s +- %s", number_text(a, gain, "%+.3f"),
			number_text(b, error, "%.3f"));
}

static int print_loglik(const json_t *report, FILE *f)
{
	const char *headings[ARRAY_SIZE(models) + 3] = { "class" };
	const json_t *loglik = report_get(report, "loglik");
	_cleanup_table_ struct table t = { 0 };
	const char *method = report_string(loglik, "method", "-");
	const char *reason = report_string(loglik, "reason", NULL);
	char a[NUMBER_TEXT];
	size_t classes;

	for (size_t i = 0; i < ARRAY_SIZE(models); i++)
		headings[i + 1] = models[i].heading;
	headings[ARRAY_SIZE(models) + 1] = ">images";
	table_begin(&t, headings);
	classes = json_array_size(report_get(loglik, "hypernetwork.by_class"));
	for (size_t c = 0; c < classes; c++)
		loglik_row(&t, loglik, (long)c);
	loglik_row(&t, loglik, -1);
	fprintf(f, "Log-likelihood of held-out images, nats an image (%s)\n",
		strcmp(method, "ais") == 0 ? "annealed importance sampling" : method);
	if (table_print(&t, "  ", f) < 0)
		return -ENOMEM;
	if (json_is_number(report_get(loglik, "hypernetwork.error")))
		fprintf(f, "  standard error of the hypernetwork's figure: %s\n",
			number_text(a, report_get(loglik, "hypernetwork.error"), "%.3f"));
	if (reason && report_line(f, "  not resolved: %s", reason) < 0)
		return -ENOMEM;
	fputs("  gain ", f);
	print_gain(loglik, "independent pixels", "independent", f);
	fputs(", ", f);
	print_gain(loglik, "separate RBMs", "separate", f);
	fprintf(f, "\n  reconstruction error %s pixels an image\n\n",
		number_text(a, report_get(report, "reconstruction_error"), "%.3f"));
	return 0;
}

/* With mixing in the loss: of each class what was enumerated. */
static int print_exact(const json_t *exact, FILE *f)
{
	const json_t *t_o = json_object_get(exact, "T_O"), *tau = json_object_get(exact, "tau_max");
	char a[NUMBER_TEXT], b[NUMBER_TEXT], weight[NUMBER_TEXT];
	int r;

	if (!exact)
		return 0;
	r = report_line(f, "        %s of %s in the loss, exact; in steps of %s, %s a sweep:",
			number_text(weight, json_object_get(exact, "weight"), "%.4g"),
			report_string(exact, "observable", "-"),
			report_string(exact, "kernel", "-"),
			number_text(a, json_object_get(exact, "steps_per_sweep"), "%.4g"));
	for (size_t u = 0; r >= 0 && u < json_array_size(t_o); u++)
		r = report_line(f, "        class %zu, T_O %s, tau_max %s", u,
				number_text(a, json_array_get(t_o, u), "%.5g"),
				number_text(b, json_array_get(tau, u), "%.4g"));
	return r;
}

static int print_mixing(const json_t *report, FILE *f)
{
	const json_t *m = report_get(report, "mixing"), *reversible;
	char ratio[NUMBER_TEXT], k[NUMBER_TEXT], tau[NUMBER_TEXT], error[NUMBER_TEXT],
		want[NUMBER_TEXT], ess[NUMBER_TEXT];
	int r;

	reversible = json_object_get(m, "reversible");
	r = report_line(f, "Mixing  A6 %s: K/tau_int = %s, at least %s is asked",
			report_string(m, "a6", "-"),
			number_text(ratio, json_object_get(m, "k_over_tau"), "%.3g"),
			number_text(want, json_object_get(m, "ratio"), "%.3g"));
	if (r < 0)
		return r;
	r = report_line(f, "        K %s sweeps, tau_int %s +- %s of %s, ESS %s",
			number_text(k, json_object_get(m, "K"), "%.6g"),
			number_text(tau, json_object_get(m, "tau_int"), "%.3g"),
			number_text(error, json_object_get(m, "tau_error"), "%.2g"),
			report_string(m, "observable", "-"),
			number_text(ess, json_object_get(m, "ess"), "%.3g"));
	if (r < 0)
		return r;
	r = report_line(f, "        scan %s, %s (A2); A7 %s", report_string(m, "scan", "-"),
			json_is_true(reversible)  ? "reversible" :
			json_is_false(reversible) ? "not reversible" :
						    "-",
			report_string(m, "a7", "-"));
	return r < 0 ? r : print_exact(json_object_get(m, "exact"), f);
}

/* What the steps spent their time on. */
static int print_steps(const json_t *report, FILE *f)
{
	static const struct {
		const char *key, *text;
	} parts[] = {
		{ "sampler", "sampler" },	  { "moments", "moments" },
		{ "positive", "positive phase" }, { "gradient", "gradient" },
		{ "loading", "loading" },
	};
	const json_t *steps = report_get(report, "timing.steps");
	char line[512] = "", text[NUMBER_TEXT];
	size_t used = 0;

	for (size_t k = 0; k < ARRAY_SIZE(parts); k++) {
		const json_t *seconds = json_object_get(steps, parts[k].key);

		/* A phase that the device samples takes no time of its own. */
		if (!(json_number_value(seconds) > 0))
			continue;
		used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%s %s",
					 used ? ", " : "", parts[k].text,
					 number_text(text, seconds, "%.2f"));
	}
	if (!steps)
		return 0;
	return report_line(f, "        steps, in s: %s", line);
}

static int print_device(const json_t *report, FILE *f)
{
	char flips[NUMBER_TEXT], rate[NUMBER_TEXT], busy[NUMBER_TEXT], threads[NUMBER_TEXT],
		loads[NUMBER_TEXT];
	json_t *earlier;
	size_t k;
	int r;

	r = report_line(f, "Device  %s (%s%s, %s, %s threads)",
			report_string(report, "device.name", "-"),
			report_string(report, "device.backend", "-"),
			json_is_false(report_get(report, "device.ideal")) ? ", not ideal" : "",
			report_string(report, "device.route", "-"),
			number_text(threads, report_get(report, "device.threads"), "%.0f"));
	json_array_foreach(report_get(report, "device.earlier"), k, earlier)
		if (r == 0)
			r = report_line(f, "        before on %s (%s, %s)",
					report_string(earlier, "name", "-"),
					report_string(earlier, "backend", "-"),
					report_string(earlier, "route", "-"));
	if (r < 0)
		return r;
	r = report_line(f, "        %s flips, %s flips/ns, busy %s s, couplings loaded %s times",
			count_text(flips, report_get(report, "energy.flips")),
			number_text(rate, report_get(report, "timing.flips_per_ns"), "%.3f"),
			number_text(busy, report_get(report, "timing.device_seconds"), "%.2f"),
			count_text(loads, report_get(report, "energy.loads")));
	return r < 0 ? r : print_steps(report, f);
}

static void energy_row(struct table *t, const json_t *energy, const json_t *price, size_t number)
{
	const char *what = report_string(price, "what", "-");
	const json_t *count = report_price_count(energy, what),
		     *each = json_object_get(price, "joules");
	json_t *joules = NULL;
	char text[NUMBER_TEXT];

	if (json_is_number(count) && json_is_number(each))
		joules = json_real(json_number_value(count) * json_number_value(each));
	table_cell(t, "%s", what);
	table_cell(t, "%s", count_text(text, count));
	table_cell(t, "%s", si_text(text, each, "J"));
	table_cell(t, "%s", si_text(text, joules, "J"));
	table_cell(t, "[%zu]", number);
	json_decref(joules);
}

static int print_energy(const json_t *report, FILE *f)
{
	static const char *const headings[] = {
		"price of", ">count", ">each", ">in all", "", NULL
	};
	const json_t *energy = report_get(report, "energy"), *prices;
	_cleanup_table_ struct table t = { 0 };
	char a[NUMBER_TEXT], b[NUMBER_TEXT];
	size_t n;
	int r;

	fprintf(f, "Energy  %s on a p-bit device, %s in software\n",
		si_text(a, json_object_get(energy, "device_joules"), "J"),
		si_text(b, json_object_get(energy, "software_joules"), "J"));
	prices = json_object_get(energy, "prices");
	n = json_array_size(prices);
	if (!n)
		return 0;
	table_begin(&t, headings);
	for (size_t i = 0; i < n; i++)
		energy_row(&t, energy, json_array_get(prices, i), i + 1);
	r = table_print(&t, "  ", f);
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = report_line(f, "  [%zu] %s", i + 1,
				report_string(json_array_get(prices, i), "source", "-"));
	return r;
}

static int print_model(const json_t *report, FILE *f)
{
	char n[NUMBER_TEXT], m[NUMBER_TEXT], codes[NUMBER_TEXT], phi[NUMBER_TEXT],
		bits[NUMBER_TEXT];

	return report_line(
		f,
		"Model   W = g_phi(u), %s x %s p-bits, %s codes, %s parameters phi, %s-bit "
		"couplings",
		number_text(n, report_get(report, "model.n"), "%.0f"),
		number_text(m, report_get(report, "model.m"), "%.0f"),
		number_text(codes, report_get(report, "model.codes"), "%.0f"),
		number_text(phi, report_get(report, "model.parameters"), "%.0f"),
		number_text(bits, report_get(report, "model.bits"), "%.0f"));
}

static int print_picture(const json_t *report, const struct picture *picture, FILE *f)
{
	const char *file = report_string(report, "picture.file", "picture.png");
	int r;

	if (!picture || !picture->pixels)
		return 0;
	fputc('\n', f);
	r = report_line(f, "Picture %s", report_string(report, "picture.caption", file));
	if (r < 0)
		return r;
	if (!terminal_picture(f, picture->pixels, picture->width, picture->height))
		return report_line(f, "        %s needs %u columns, the terminal has %u", file,
				   (picture->width + 1) / 2, terminal_columns());
	return 0;
}

int train_report_print(const json_t *report, const struct picture *picture, FILE *f)
{
	int r;

	r = print_loglik(report, f);
	if (r >= 0)
		r = print_model(report, f);
	if (r >= 0)
		r = print_mixing(report, f);
	if (r >= 0)
		r = print_device(report, f);
	if (r >= 0)
		r = print_energy(report, f);
	return r < 0 ? r : print_picture(report, picture, f);
}
