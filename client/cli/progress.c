// SPDX-License-Identifier: MIT
#include <string.h>
#include <time.h>

#include "progress.h"
#include "report.h"
#include "terminal.h"

#define LINE_SECONDS 60
#define MAX_PARTS    7
#define MIN_BAR	     8u
#define MAX_BAR	     32u

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* What can be said of the job, the most telling first. */
struct parts {
	size_t count;
	char text[MAX_PARTS][48];
};

static void add_number(struct parts *p, const json_t *latest, const char *key, const char *fmt)
{
	char text[NUMBER_TEXT];
	const json_t *x = json_object_get(latest, key);

	if (json_is_number(x) && p->count < MAX_PARTS)
		snprintf(p->text[p->count++], sizeof(p->text[0]), fmt,
			 number_text(text, x, "%.3g"));
}

static void collect(const json_t *job, struct parts *p)
{
	const json_t *latest = json_object_get(job, "latest");
	double progress = 0, eta, epoch, epochs;
	char text[NUMBER_TEXT];
	const char *phase;

	p->count = 0;
	report_number(job, "progress", &progress);
	snprintf(p->text[p->count++], sizeof(p->text[0]), "%3.0f %%", 100 * progress);
	if (report_number(latest, "eta_s", &eta) && eta >= 0)
		snprintf(p->text[p->count++], sizeof(p->text[0]), "%s left",
			 duration_text(text, eta));
	if (report_number(latest, "epoch", &epoch) && report_number(latest, "epochs", &epochs))
		snprintf(p->text[p->count++], sizeof(p->text[0]), "epoch %.0f/%.0f", epoch, epochs);
	if (report_number(latest, "cell", &epoch) && report_number(latest, "cells", &epochs))
		snprintf(p->text[p->count++], sizeof(p->text[0]), "cell %.0f/%.0f", epoch, epochs);
	phase = report_string(latest, "phase", "");
	if (phase[0])
		snprintf(p->text[p->count++], sizeof(p->text[0]), "%s", phase);
	add_number(p, latest, "loss", "loss %s nats");
	add_number(p, latest, "k_over_tau", "K/tau %s");
	add_number(p, latest, "flips_per_ns", "%s flips/ns");
}

void progress_text(const json_t *job, char buf[static PROGRESS_TEXT])
{
	struct parts parts;
	size_t used = 0;

	collect(job, &parts);
	buf[0] = 0;
	for (size_t i = 0; i < parts.count; i++) {
		const char *text = parts.text[i] + strspn(parts.text[i], " ");
		int n = snprintf(buf + used, PROGRESS_TEXT - used, "%s%s", i ? ", " : "", text);

		if (n < 0 || (size_t)n >= PROGRESS_TEXT - used)
			return;
		used += (size_t)n;
	}
}

void progress_bar(double fraction, unsigned int width, bool utf8, char *buf)
{
	/* Blocks of 1/8 to 8/8: U+258F down to U+2588. */
	unsigned int steps = utf8 ? 8 : 1, filled;

	fraction = fraction > 0 ? MIN(fraction, 1.0) : 0;
	filled = (unsigned int)(fraction * width * steps);
	for (unsigned int i = 0; i < width; i++) {
		unsigned int part = filled >= steps ? steps : filled;

		filled -= part;
		if (!utf8) {
			*buf++ = part ? '#' : '-';
		} else if (part) {
			*buf++ = '\xe2';
			*buf++ = '\x96';
			*buf++ = (char)(0x90 - part);
		} else {
			/* U+2591, light shade */
			*buf++ = '\xe2';
			*buf++ = '\x96';
			*buf++ = '\x91';
		}
	}
	*buf = 0;
}

/* As much of the text as fits, made safe. */
static void put_line(struct progress *p, const char *text, unsigned int columns)
{
	_cleanup_free_ char *safe = terminal_text(text);
	size_t n;

	if (!safe)
		return;
	n = strlen(safe);
	while (n && terminal_width(safe) > columns) {
		/* A whole character at a time. */
		do {
			n--;
		} while (n && ((unsigned char)safe[n] & 0xc0) == 0x80);
		safe[n] = 0;
	}
	fprintf(p->f, "\r\033[K%s", safe);
	fflush(p->f);
	p->drawn = true;
}

static void describe_waiting(const json_t *job, char *buf, size_t size)
{
	const char *reason = report_string(job, "reason", "");
	double position = 0;

	report_number(job, "position", &position);
	snprintf(buf, size, "queued, position %.0f%s%s", position, reason[0] ? ": " : "", reason);
}

static unsigned long long job_id(const json_t *job)
{
	return (unsigned long long)json_integer_value(json_object_get(job, "id"));
}

static void draw(struct progress *p, const json_t *job)
{
	char head[48], bar[3 * MAX_BAR + 1], line[1024];
	unsigned int columns = terminal_columns() - 1, used;
	double progress = 0;
	struct parts parts;
	size_t shown;

	snprintf(head, sizeof(head), "job %llu ", job_id(job));
	if (strcmp(p->state, "running") != 0) {
		char waiting[512];

		describe_waiting(job, waiting, sizeof(waiting));
		snprintf(line, sizeof(line), "%s%s", head, waiting);
		put_line(p, line, columns);
		return;
	}
	collect(job, &parts);
	report_number(job, "progress", &progress);
	/* Bytes for columns: a phase beyond ASCII is counted too wide, never too narrow. */
	used = (unsigned int)strlen(head) + MIN_BAR;
	for (shown = 0; shown < parts.count; shown++) {
		unsigned int n = 2 + (unsigned int)strlen(parts.text[shown]);

		if (used + n > columns)
			break;
		used += n;
	}
	used -= MIN_BAR;
	progress_bar(progress, columns > used ? MIN(columns - used, MAX_BAR) : MIN_BAR,
		     terminal_utf8(), bar);
	snprintf(line, sizeof(line), "%s%s", head, bar);
	for (size_t i = 0; i < shown; i++) {
		size_t at = strlen(line);

		snprintf(line + at, sizeof(line) - at, "  %s", parts.text[i]);
	}
	put_line(p, line, columns);
}

static void print_line(struct progress *p, const json_t *job)
{
	_cleanup_free_ char *safe = NULL;
	char text[512];

	if (strcmp(p->state, "queued") == 0)
		describe_waiting(job, text, sizeof(text));
	else if (strcmp(p->state, "running") == 0)
		progress_text(job, text);
	else
		snprintf(text, sizeof(text), "%s", p->state);
	safe = terminal_text(text);
	fprintf(p->f, "job %llu: %s\n", job_id(job), safe ? safe : "-");
	fflush(p->f);
}

void progress_begin(struct progress *p, FILE *f)
{
	*p = (struct progress){ .f = f, .redraws = terminal_is(f) };
}

void progress_update(struct progress *p, const json_t *job)
{
	const char *state = report_string(job, "state", "-");
	bool changed = strcmp(state, p->state) != 0;
	bool ended = strcmp(state, "queued") != 0 && strcmp(state, "running") != 0;
	double t = now();

	snprintf(p->state, sizeof(p->state), "%s", state);
	if (p->redraws && !ended) {
		draw(p, job);
		return;
	}
	if (ended)
		progress_clear(p);
	if (!changed && t - p->line_at < LINE_SECONDS)
		return;
	print_line(p, job);
	p->line_at = t;
}

void progress_clear(struct progress *p)
{
	if (!p->drawn)
		return;
	fputs("\r\033[K", p->f);
	fflush(p->f);
	p->drawn = false;
}
