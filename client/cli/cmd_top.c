// SPDX-License-Identifier: MIT
#include <grp.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "json.h"
#include "protocol.h"
#include "terminal.h"
#include "top_data.h"
#include "top_screen.h"
#include "top_terminal.h"

#define MAX_INTERRUPTIONS 10
#define MIN_INTERVAL	  0.1
#define MAX_INTERVAL	  3600.0
#define RETRY		  1.0 /* seconds, while the daemon cannot be reached */
#define CALL_SHARE	  5   /* the daemon is asked for at most one part in so many of the time */

struct options {
	bool json, once;
	const char *user;
	struct option_real interval;
};

static const struct option_row rows[] = {
	{ 'u', "user", OPTION_STRING, offsetof(struct options, user), "USER",
	  "list the jobs of that user alone" },
	{ 'n', "interval", OPTION_REAL, offsetof(struct options, interval), "S",
	  "seconds between looks [1]" },
	{ '1', "once", OPTION_FLAG, offsetof(struct options, once), NULL,
	  "print one frame as text; so it is without a terminal" },
	{ 'j', "json", OPTION_FLAG, offsetof(struct options, json), NULL,
	  "one object: devices, users, queue, jobs" },
	{ 0 },
};

struct top {
	const struct command *c;
	pbit *p;
	json_t *data;
	struct top_view view;
	double interval, heard; /* seconds; monotonic */
	double took;		/* the last look */
	struct err e;		/* told when the terminal is given back */
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The daemon decides; this is to tell the user before he confirms. */
static bool is_admin(void)
{
	const struct group *admins = getgrnam(PBIT_ADMIN_GROUP);
	gid_t groups[NGROUPS_MAX];
	int n;

	if (geteuid() == 0)
		return true;
	if (!admins)
		return false;
	n = getgroups(NGROUPS_MAX, groups);
	for (int i = 0; i < n; i++)
		if (groups[i] == admins->gr_gid)
			return true;
	return getegid() == admins->gr_gid;
}

static bool is_lost(int r)
{
	return r == -ECONNRESET || r == -ECONNREFUSED || r == -ENOENT || r == -ENOTCONN ||
	       r == -ETIMEDOUT;
}

/* The same daemon again, never another one. */
static bool reconnect(struct top *t)
{
	_cleanup_free_ char *socket = strdup(pbit_socket(t->p));
	pbit *fresh;

	if (!socket)
		return false;
	if (pbit_open(&fresh, socket, PBIT_OPEN_AUTOSTART) < 0) {
		pbit_close(fresh);
		return false;
	}
	pbit_close(t->p);
	t->p = fresh;
	return true;
}

/* A terminal that changes its size interrupts a call, which is made again. */
static int ask(struct top *t, json_t **ret)
{
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < MAX_INTERRUPTIONS; i++) {
		t->e = (struct err){ 0 };
		r = top_data(t->p, ret, &t->e);
	}
	return r;
}

/*
 * Asks the daemon anew. While it cannot be reached, what was there stays. Negative when nothing was
 * there yet, or for something that is not mended by trying again.
 */
static int look(struct top *t)
{
	struct top_view *v = &t->view;
	double began = now();
	json_t *data = NULL;
	int r = -ECONNRESET;

	t->e = (struct err){ 0 };
	if (!v->lost || reconnect(t))
		r = ask(t, &data);
	t->took = now() - began;
	/* A terminal that is being resized all the time: later, then. */
	if (r == -EINTR && t->data)
		return 0;
	if (r < 0) {
		v->lost = is_lost(r) && t->data;
		v->lost_s = now() - t->heard;
		return v->lost ? 0 : r;
	}
	json_decref(t->data);
	t->data = data;
	if (v->lost)
		snprintf(v->message, sizeof(v->message),
			 "pbitd was gone for %.0f s, and is there again", now() - t->heard);
	v->lost = false;
	t->heard = now();
	return 0;
}

static int tell(const struct top *t, int r)
{
	return fail(t->c, is_lost(r) ? STATUS_UNREACHABLE : STATUS_FAILED, "%s",
		    t->e.code ? t->e.text : "out of memory");
}

static int draw(struct top *t)
{
	_cleanup_canvas_ struct top_canvas c = { 0 };
	unsigned int lines, columns;
	int r;

	top_terminal_size(&lines, &columns);
	r = canvas_new(&c, lines, columns, terminal_utf8());
	if (r >= 0)
		r = top_screen(t->data, &t->view, &c);
	if (r >= 0)
		top_terminal_draw(&c);
	return r;
}

static void cancel(struct top *t)
{
	struct top_view *v = &t->view;
	int r = pbit_cancel(t->p, v->target);

	if (r < 0)
		snprintf(v->message, sizeof(v->message), "%s", pbit_error(t->p));
	else
		snprintf(v->message, sizeof(v->message), "job %llu is cancelled",
			 (unsigned long long)v->target);
}

/* Until the next look is due, or a key asks for it. 1: leave. */
static int take_keys(struct top *t)
{
	double wait = t->view.lost ? MIN(t->interval, RETRY) : t->interval;
	double due = now() + MAX(wait, CALL_SHARE * t->took), left;
	int r;

	while ((left = due - now()) > 0) {
		unsigned int key = top_terminal_key((unsigned int)(left * 1000) + 1);

		switch (key ? top_view_key(&t->view, t->data, key) : TOP_DRAW) {
		case TOP_QUIT:
			return 1;
		case TOP_CANCEL:
			cancel(t);
			return 0;
		case TOP_REFRESH:
			return 0;
		default:
			break;
		}
		/* A key that came, or another size. */
		r = draw(t);
		if (r < 0)
			return r;
	}
	return 0;
}

static int run_live(struct top *t)
{
	int r;

	if (!top_terminal_open())
		return fail(t->c, STATUS_USAGE,
			    "the terminal '%s' cannot be used; --once prints one frame",
			    getenv("TERM"));
	do {
		r = draw(t);
		if (r >= 0)
			r = take_keys(t);
		if (r == 0)
			r = look(t);
	} while (r == 0);
	top_terminal_close();
	return r < 0 ? tell(t, r) : STATUS_DONE;
}

static int print_once(struct top *t)
{
	_cleanup_canvas_ struct top_canvas c = { 0 };

	if (canvas_new(&c, top_screen_rows(t->data), terminal_columns(), terminal_utf8()) < 0 ||
	    top_screen(t->data, &t->view, &c) < 0)
		return fail(t->c, STATUS_FAILED, "out of memory");
	/* The last line is about keys. */
	for (unsigned int i = 0; i + 1 < c.rows; i++) {
		_cleanup_free_ char *text = canvas_row_text(&c, i);

		printf("%s\n", text ? text : "");
	}
	return STATUS_DONE;
}

static int run_with(struct top *t, const struct options *o)
{
	int r = look(t);

	if (r < 0)
		return tell(t, r);
	if (o->json)
		return print_json(t->c, t->data, false);
	if (o->once || !terminal_is(stdout) || !isatty(STDIN_FILENO))
		return print_once(t);
	return run_live(t);
}

static int run(const struct command *c, void *options, int argc, char **argv)
{
	struct options *o = options;
	struct top t = { .c = c,
			 .interval = o->interval.given ? o->interval.value : 1,
			 .view = { .uid = geteuid(), .admin = is_admin() } };
	int status;

	(void)argc, (void)argv;
	if (t.interval < MIN_INTERVAL || t.interval > MAX_INTERVAL)
		return fail(c, STATUS_USAGE, "--interval: give %g to %g seconds", MIN_INTERVAL,
			    MAX_INTERVAL);
	if (o->user && strlen(o->user) >= sizeof(t.view.user))
		return fail(c, STATUS_USAGE, "--user: '%s' is no user's name", o->user);
	if (o->user)
		strcpy(t.view.user, o->user);
	status = session_open(c, &t.p);
	if (!status)
		status = run_with(&t, o);
	json_decref(t.data);
	pbit_close(t.p);
	return status;
}

const struct command cmd_top = {
	.name = "top",
	.arguments = "",
	.summary = "devices, users' shares and jobs, live",
	.details =
		"Keys: arrows, page up and down, home and end choose a job, k cancels it, u lists the\n"
		"jobs of one user, space looks now, ? tells more, q leaves. A daemon that is\n"
		"restarted is found again.",
	.options = rows,
	.options_size = sizeof(struct options),
	.run = run,
};
