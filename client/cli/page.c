// SPDX-License-Identifier: MIT
/* The outline of a page, and what its parts share. */
#include "page.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "markup.h"
#include "png_write.h"
#include "report.h"

/* No script, no request, no form: whatever a name smuggles in stays text. */
#define POLICY                                                                            \
	"default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; " \
	"form-action 'none'"

const char *page_kind(const struct page *p)
{
	return report_string(p->job, "kind", report_string(p->report, "kind", "-"));
}

void page_card(struct page *p, const char *tone, const char *name, const char *value,
	       const char *fmt, ...)
{
	_cleanup_free_ char *more = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&more, fmt, ap) < 0) {
		more = NULL;
		p->oom = true;
	}
	va_end(ap);
	fprintf(p->f, "<div class=\"card %s\">", tone);
	fputs("<div class=\"name\">", p->f);
	put_text(p->f, "%s", name);
	fputs("</div><div class=\"value\">", p->f);
	put_text(p->f, "%s", value);
	fputs("</div><div class=\"more\">", p->f);
	put_text(p->f, "%s", more ? more : "");
	fputs("</div></div>\n", p->f);
}

void page_figure(struct page *p, const char *title, bool half)
{
	fprintf(p->f, "<figure%s><h3><span>%u</span>", half ? " class=\"half\"" : "", ++p->figures);
	put_text(p->f, "%s", title);
	fputs("</h3>\n", p->f);
}

void page_caption(struct page *p, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0) {
		text = NULL;
		p->oom = true;
	}
	va_end(ap);
	put_element(p->f, "figcaption", "%s", text ? text : "");
	fputs("</figure>\n", p->f);
}

static double number_at(const json_t *row, const char *key)
{
	const json_t *x = key ? json_object_get(row, key) : NULL;

	return json_is_number(x) ? json_number_value(x) : (double)NAN;
}

struct svg_point *page_points(struct page *p, const json_t *rows, const struct page_keys *keys)
{
	size_t n = json_array_size(rows);
	struct svg_point *points = n ? calloc(n, sizeof(*points)) : NULL;

	if (n && !points)
		p->oom = true;
	for (size_t i = 0; points && i < n; i++) {
		const json_t *row = json_array_get(rows, i);
		double y = keys->sign * number_at(row, keys->y);
		double error = number_at(row, keys->error);

		points[i] = (struct svg_point){
			.x = number_at(row, keys->x), .y = y, .low = y - error, .high = y + error
		};
	}
	return points;
}

void page_image(struct page *p, const uint8_t *pixels, unsigned int width, unsigned int height,
		double x, double y, double w, double h)
{
	_cleanup_free_ void *png = NULL;
	size_t size;

	if (png_encode_grey(pixels, width, height, 1, &png, &size, NULL) < 0) {
		p->oom = true;
		return;
	}
	fprintf(p->f,
		"<image x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" "
		"preserveAspectRatio=\"none\" href=\"",
		x, y, w, h);
	put_data_uri(p->f, "image/png", png, size);
	fputs("\"/>\n", p->f);
}

/* Microseconds since 1970 as local time; "" for never. */
static void time_text(const json_t *j, char buf[static 64])
{
	time_t seconds = (time_t)(json_integer_value(j) / 1000000);
	struct tm parts;

	buf[0] = 0;
	if (seconds > 0 && localtime_r(&seconds, &parts))
		strftime(buf, 64, "%Y-%m-%d %H:%M:%S %z", &parts);
}

static const char *tone_of_state(const char *state)
{
	return !strcmp(state, "done") ? "good" : !strcmp(state, "failed") ? "bad" : "open";
}

static void put_title(const struct page *p, const char *element, unsigned long long id)
{
	const char *name = report_string(p->job, "name", "");

	if (name[0])
		put_element(p->f, element, "%s", name);
	else
		put_element(p->f, element, "Job %llu", id);
}

static void put_where(struct page *p)
{
	const char *name = report_string(p->report, "device.name", "");
	char threads[NUMBER_TEXT];
	json_t *earlier;
	size_t k;

	if (!name[0])
		return;
	fputs("<p>", p->f);
	put_text(p->f, "On %s: %s%s, %s, %s threads", name,
		 report_string(p->report, "device.backend", "-"),
		 json_is_false(report_get(p->report, "device.ideal")) ? ", not ideal" : "",
		 report_string(p->report, "device.route", "-"),
		 number_text(threads, report_get(p->report, "device.threads"), "%.0f"));
	json_array_foreach(report_get(p->report, "device.earlier"), k, earlier)
		put_text(p->f, "; before on %s (%s, %s)", report_string(earlier, "name", "-"),
			 report_string(earlier, "backend", "-"),
			 report_string(earlier, "route", "-"));
	fputs("</p>\n", p->f);
}

/* From its first start, so that what it waited in between counts. */
static void put_when(struct page *p)
{
	char submitted[64], finished[64], took[NUMBER_TEXT] = "";
	double from = 0, until = 0, resumes = 0;

	time_text(report_get(p->job, "submitted"), submitted);
	time_text(report_get(p->job, "finished"), finished);
	fputs("<p>", p->f);
	put_text(p->f, "Submitted %s", submitted[0] ? submitted : "-");
	if (finished[0])
		put_text(p->f, ", ended %s", finished);
	report_number(p->job, "started", &from);
	report_number(p->job, "finished", &until);
	if (from > 0 && until > from && until - from < 120e6)
		put_text(p->f, ", %.1f s after its start", (until - from) / 1e6);
	else if (from > 0 && until > from)
		put_text(p->f, ", %s after its start", duration_text(took, (until - from) / 1e6));
	if (report_number(p->job, "resumes", &resumes) && resumes > 0)
		put_text(p->f, ", resumed %.0f times", resumes);
	fputs("</p>\n", p->f);
}

static void put_head(struct page *p)
{
	unsigned long long id =
		(unsigned long long)json_integer_value(json_object_get(p->job, "id"));
	const char *state = report_string(p->job, "state", "-");
	const char *reason = report_string(p->job, "reason", "");
	const char *name = report_string(p->job, "name", "");

	fputs("<header>\n<h1>", p->f);
	if (name[0])
		put_text(p->f, "%s", name);
	else
		put_text(p->f, "Job %llu", id);
	fprintf(p->f, "<span class=\"badge %s\">", tone_of_state(state));
	put_text(p->f, "%s", state);
	fputs("</span></h1>\n<p>", p->f);
	put_text(p->f, "Job %llu, %s, of %s", id, page_kind(p), report_string(p->job, "user", "-"));
	fputs("</p>\n", p->f);
	put_when(p);
	put_where(p);
	if (reason[0]) {
		fputs("<p class=\"why\">", p->f);
		put_text(p->f, "%s", reason);
		fputs("</p>\n", p->f);
	}
	fputs("</header>\n", p->f);
}

static void put_spec(struct page *p)
{
	const json_t *spec = report_get(p->report, "spec");
	_cleanup_free_ char *text = NULL;

	if (!json_is_object(spec))
		spec = report_get(p->job, "spec");
	if (!json_is_object(spec))
		return;
	text = json_dumps(spec, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	p->oom |= !text;
	fputs("<h2>Spec</h2>\n", p->f);
	put_element(p->f, "pre", "%s", text ? text : "");
	fputc('\n', p->f);
}

static void put_files(struct page *p)
{
	const json_t *results = report_get(p->job, "results");
	char size[NUMBER_TEXT];

	if (!json_array_size(results))
		return;
	fputs("<h2>Result files</h2>\n<table><tr><th>file</th><th class=\"n\">bytes</th></tr>\n",
	      p->f);
	for (size_t i = 0; i < json_array_size(results); i++) {
		const json_t *file = json_array_get(results, i);

		fputs("<tr>", p->f);
		put_element(p->f, "td", "%s", report_string(file, "name", "-"));
		fputs("<td class=\"n\">", p->f);
		put_text(p->f, "%s", number_text(size, json_object_get(file, "size"), "%.0f"));
		fputs("</td></tr>\n", p->f);
	}
	fputs("</table>\n", p->f);
}

static void put_foot(struct page *p)
{
	fputs("<footer><p>", p->f);
	put_text(
		p->f,
		"Made by pbit %s on %s from what the job left. A p-bit falls to +1 with "
		"probability σ(βI), I = 2(Σ J s + h); a flip is one update of a p-bit, accepted or "
		"not; a sweep updates each free p-bit; log-likelihoods are in nats an image, τ_int "
		"in sweeps. A6 asks that the sweeps K of a gradient's average be many times τ_int "
		"of its slowest observable; A7, that bulk relaxations overlap, which takes the "
		"chain's whole spectrum.",
		PBIT_VERSION, p->made);
	fputs("</p></footer>\n", p->f);
}

int page_write(struct page *p)
{
	const char *kind = page_kind(p);
	unsigned long long id =
		(unsigned long long)json_integer_value(json_object_get(p->job, "id"));

	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
	      "<meta http-equiv=\"Content-Security-Policy\"",
	      p->f);
	put_attribute(p->f, "content", "%s", POLICY);
	fputs("/>\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
	      "<meta name=\"referrer\" content=\"no-referrer\"/>\n",
	      p->f);
	put_title(p, "title", id);
	fputc('\n', p->f);
	page_style(p->f);
	fputs("</head>\n<body>\n<main>\n", p->f);
	put_head(p);
	if (!strcmp(kind, "train"))
		page_train(p);
	else if (!strcmp(kind, "sample"))
		page_sample(p);
	else if (!strcmp(kind, "bench"))
		page_bench(p);
	page_energy(p);
	page_course(p);
	put_spec(p);
	put_files(p);
	put_foot(p);
	fputs("</main>\n</body>\n</html>\n", p->f);
	return p->oom ? -ENOMEM : 0;
}
