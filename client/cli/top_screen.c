// SPDX-License-Identifier: MIT
#include "top_screen.h"

#include <string.h>
#include <time.h>

#include "report.h"
#include "terminal.h"
#include "top_sections.h"

#define MIN_JOBS   4u  /* lines that the jobs keep, with their heading */
#define MIN_DETAIL 14u /* lines of a screen that has room for one about the chosen job */

/* Lines of each part of the screen. */
struct plan {
	unsigned int devices, users, jobs;
	bool apart; /* an empty line between them */
};

static unsigned int lines_of(const json_t *data, const char *key)
{
	size_t n = json_array_size(json_object_get(data, key));

	return n ? (unsigned int)MIN(n, (size_t)10000) + 1 : 0;
}

static unsigned int gaps_of(unsigned int devices, unsigned int users)
{
	return (devices > 0) + (users > 0);
}

static void plan_lines(const json_t *data, size_t jobs, unsigned int room, struct plan *p)
{
	unsigned int devices = lines_of(data, "devices"), users = lines_of(data, "users");
	unsigned int want = (unsigned int)MIN(jobs, (size_t)10000) + 1, rest;

	*p = (struct plan){ devices, users, want, false };
	if (devices + users + want + gaps_of(devices, users) <= room) {
		p->apart = true;
		return;
	}
	p->jobs = MIN(room, MIN(want, MAX(MIN_JOBS, room / 2)));
	rest = room - p->jobs;
	/* Each of the two gets half, and what the other does not need. */
	p->devices = MIN(devices, MAX(rest / 2, rest - MIN(rest, users)));
	p->users = MIN(users, rest - p->devices);
	p->jobs = MIN(want, room - p->devices - p->users);
}

/* How many of n rows a part of `lines` lines shows, and with what around them. */
struct part {
	bool heading;
	unsigned int rows;
	bool more; /* a last line, or the end of the only one, says how many are left out */
};

static struct part divide(unsigned int lines, size_t n)
{
	struct part p = { .heading = lines > 2 || lines > n };

	lines -= p.heading && lines;
	p.more = n > lines && lines;
	p.rows = (unsigned int)MIN(n, (size_t)(lines - (p.more && lines > 1)));
	return p;
}

/* Returns the line after. */
static unsigned int draw_part(struct top_table *t, struct top_canvas *c, unsigned int at,
			      unsigned int lines, const char *what)
{
	struct part p = divide(lines, t->n_rows);
	char text[64];
	unsigned int n;

	top_table_fit(t, c->columns);
	if (p.heading)
		top_table_heading(t, c, at);
	for (unsigned int i = 0; i < p.rows; i++)
		top_table_row(t, i, c, at + p.heading + i);
	if (p.more && lines == 1) {
		n = (unsigned int)snprintf(text, sizeof(text), " +%zu more", t->n_rows - 1);
		canvas_text(c, at, c->columns - MIN(n, c->columns), n, false, TOP_DIM, text);
	} else if (p.more) {
		snprintf(text, sizeof(text), "and %zu more %s", t->n_rows - p.rows, what);
		canvas_text(c, at + p.heading + p.rows, 0, c->columns, false, TOP_DIM, text);
	}
	return at + lines;
}

static void draw_title(const json_t *data, const struct top_view *v, struct top_canvas *c)
{
	const json_t *queue = json_object_get(data, "queue");
	char left[128], right[160], temperature[NUMBER_TEXT], running[NUMBER_TEXT];
	time_t now = (time_t)(json_integer_value(json_object_get(data, "time")) / 1000000);
	struct tm t = { 0 };
	unsigned int used;
	bool wide = c->columns >= 72;

	snprintf(left, sizeof(left), "pbit top%s%s", v->user[0] ? ", jobs of " : "", v->user);
	localtime_r(&now, &t);
	number_text(temperature, json_object_get(queue, "temperature"), "%.2f");
	number_text(running, json_object_get(queue, "running"), "%.0f");
	snprintf(right, sizeof(right),
		 wide ? "%s running, %lld waiting, temperature %s   %02d:%02d:%02d" :
			"%s run %lld wait T %s %02d:%02d:%02d",
		 running, (long long)json_integer_value(json_object_get(queue, "waiting")),
		 temperature, t.tm_hour, t.tm_min, t.tm_sec);
	canvas_row_attr(c, 0, TOP_TITLE);
	used = canvas_text(c, 0, 0, c->columns, false, TOP_TITLE, left);
	if (used + 1 < c->columns)
		canvas_text(c, 0, used + 1, c->columns - used - 1, true, TOP_TITLE, right);
}

/* The job that is to be cancelled, in words. */
static void describe_target(const json_t *data, uint64_t id, char *buf, size_t size)
{
	const json_t *jobs = json_object_get(data, "jobs");
	size_t i;

	for (i = 0; i < json_array_size(jobs); i++)
		if (json_integer_value(json_object_get(json_array_get(jobs, i), "id")) ==
		    (json_int_t)id)
			break;
	snprintf(buf, size, "cancel job %llu, %s of %s? y/n", (unsigned long long)id,
		 report_string(json_array_get(jobs, i), "kind", "a job"),
		 report_string(json_array_get(jobs, i), "user", "-"));
}

static void draw_last_line(const json_t *data, const struct top_view *v, struct top_canvas *c)
{
	enum top_attr attr = TOP_TITLE;
	char text[192];

	if (v->mode == TOP_ASK_CANCEL) {
		describe_target(data, v->target, text, sizeof(text));
		attr = TOP_BAD;
	} else if (v->mode == TOP_ASK_USER) {
		snprintf(text, sizeof(text), "jobs of user (empty: all): %s_", v->typed);
	} else if (v->lost) {
		snprintf(text, sizeof(text), "pbitd is gone since %.0f s; trying to reach it again",
			 v->lost_s);
		attr = TOP_BAD;
	} else if (v->message[0]) {
		snprintf(text, sizeof(text), "%s", v->message);
	} else if (c->columns < 64) {
		snprintf(text, sizeof(text), "q quit %s u user k cancel ? help",
			 c->utf8 ? "\u2191\u2193" : "up/down");
	} else {
		snprintf(text, sizeof(text),
			 "q quit   %s choose a job   u jobs of a user   k cancel   ? help",
			 c->utf8 ? "\u2191\u2193" : "up/down");
	}
	canvas_row_attr(c, c->rows - 1, attr);
	canvas_text(c, c->rows - 1, 0, c->columns, false, attr, text);
}

static void draw_help(struct top_canvas *c)
{
	static const char *const lines[] = {
		"up, down, page up, page down, home, end",
		"          choose a job; Esc: none",
		"u         list the jobs of one user",
		"k         cancel the chosen job",
		"space     look now",
		"q         leave; the jobs go on",
		"",
		"share: of all decayed device time; its mark:",
		"what is due by the weights. temperature:",
		"waiting jobs for each slot of the devices.",
		"waits N: the Nth to run. left: by the job's",
		"own reckoning.",
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(lines) && i + 2 < c->rows; i++)
		canvas_text(c, 1 + i, 0, c->columns, false, TOP_PLAIN, lines[i]);
}

static int draw_tables(const json_t *data, const struct plan *p, struct top_canvas *c,
		       unsigned int *at)
{
	_cleanup_top_table_ struct top_table devices = { 0 }, users = { 0 };

	if (top_devices_table(data, &devices) < 0 || top_users_table(data, &users) < 0)
		return -ENOMEM;
	if (p->devices)
		*at = draw_part(&devices, c, *at, p->devices, "devices") + p->apart;
	if (p->users)
		*at = draw_part(&users, c, *at, p->users, "users") + p->apart;
	return devices.oom || users.oom ? -ENOMEM : 0;
}

/* "5-12 of 87" at the end of the heading, where there is room. */
static void draw_place(struct top_canvas *c, unsigned int at, size_t first, size_t n, size_t count)
{
	_cleanup_free_ char *heading = canvas_row_text(c, at);
	unsigned int used = heading ? terminal_width(heading) + 1 : c->columns;
	char text[64];

	snprintf(text, sizeof(text), "%zu-%zu of %zu", first + 1, first + n, count);
	if (n < count && used + strlen(text) <= c->columns)
		canvas_text(c, at, used, c->columns - used, true, TOP_HEADING, text);
}

static int draw_jobs(const struct top_jobs *jobs, const struct top_view *v, struct top_canvas *c,
		     unsigned int at, unsigned int lines)
{
	_cleanup_top_table_ struct top_table t = { 0 };

	if (lines == 0)
		return 0;
	if (top_jobs_table(jobs, v->top, lines - 1, &t) < 0)
		return -ENOMEM;
	top_table_fit(&t, c->columns);
	top_table_heading(&t, c, at);
	draw_place(c, at, v->top, t.n_rows, jobs->count);
	for (size_t i = 0; i < t.n_rows; i++) {
		unsigned int row = at + 1 + (unsigned int)i;

		top_table_row(&t, i, c, row);
		if (v->selected && json_integer_value(json_object_get(
					   jobs->job[v->top + i], "id")) == (json_int_t)v->selected)
			canvas_row_attr(c, row, TOP_SELECTED);
	}
	if (jobs->count == 0)
		canvas_text(c, at + 1, 0, c->columns, false, TOP_DIM,
			    v->user[0] ? "no jobs of that user" : "no jobs");
	return t.oom ? -ENOMEM : 0;
}

/* What the list may have cut of the chosen job, in the line above the last. */
static void draw_detail(const struct top_jobs *jobs, const struct top_view *v, struct top_canvas *c)
{
	char note[TOP_NOTE], text[512];

	for (size_t i = 0; i < jobs->count; i++) {
		const json_t *job = jobs->job[i];

		if (json_integer_value(json_object_get(job, "id")) != (json_int_t)v->selected)
			continue;
		top_job_note(job, note);
		snprintf(text, sizeof(text), "job %llu: %s", (unsigned long long)v->selected,
			 note[0] ? note : report_string(job, "reason", ""));
		canvas_text(c, c->rows - 2, 0, c->columns, false, TOP_PLAIN, text);
	}
}

int top_screen(const json_t *data, struct top_view *v, struct top_canvas *c)
{
	_cleanup_top_jobs_ struct top_jobs jobs = { 0 };
	unsigned int at = 1;
	bool detail = v->selected && c->rows >= MIN_DETAIL;
	unsigned int around = 2u + detail;
	struct plan p;

	if (top_jobs_of(data, v->user, &jobs) < 0)
		return -ENOMEM;
	plan_lines(data, MAX(jobs.count, (size_t)1), c->rows > around ? c->rows - around : 0, &p);
	top_view_settle(v, &jobs, p.jobs ? p.jobs - 1 : 0);
	draw_title(data, v, c);
	if (v->mode == TOP_HELP)
		draw_help(c);
	else if (draw_tables(data, &p, c, &at) < 0 || draw_jobs(&jobs, v, c, at, p.jobs) < 0)
		return -ENOMEM;
	if (detail && v->mode != TOP_HELP)
		draw_detail(&jobs, v, c);
	if (c->rows > 1)
		draw_last_line(data, v, c);
	return 0;
}

unsigned int top_screen_rows(const json_t *data)
{
	size_t jobs = json_array_size(json_object_get(data, "jobs"));
	unsigned int devices = lines_of(data, "devices"), users = lines_of(data, "users");

	/* The first line and the last, and the heading of the jobs. */
	return 3 + devices + users + gaps_of(devices, users) +
	       (unsigned int)MIN(MAX(jobs, (size_t)1), (size_t)9000);
}
