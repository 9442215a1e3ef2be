// SPDX-License-Identifier: MIT
#include <signal.h>
#include <string.h>
#include <time.h>

#include "follow.h"
#include "json.h"
#include "progress.h"
#include "report.h"

#define RECONNECT_SECONDS 30
#define RECONNECT_MS	  250

struct follow {
	const struct command *c;
	enum follow_style style;
	int (*fn)(const json_t *job, void *userdata);
	void *userdata;
	struct progress progress;
	time_t heard; /* of the daemon, last; monotonic */
	char *reason;
	int status; /* of printing */
};

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* Complete before the handler is installed, and not changed while it is. */
static struct {
	char text[256];
	size_t size;
} detach;

static void on_interrupt(int signal)
{
	(void)signal;
	/* Nothing can be done about a failed write here. */
	if (write(STDERR_FILENO, detach.text, detach.size) < 0)
		_exit(STATUS_DONE);
	_exit(STATUS_DONE);
}

static void catch_interrupt(uint64_t id, bool terminal)
{
	struct sigaction new = { .sa_handler = on_interrupt }, old;
	unsigned long long n = id;
	int size;

	size = snprintf(
		detach.text, sizeof(detach.text),
		"%sjob %llu goes on; `pbit watch %llu` follows it, `pbit cancel %llu` ends it\n",
		terminal ? "\r\033[K" : "", n, n, n);
	detach.size = (size_t)size;
	/* Started with nohup or in the background: stays deaf to it. */
	if (sigaction(SIGINT, NULL, &old) == 0 && old.sa_handler == SIG_IGN)
		return;
	sigaction(SIGINT, &new, NULL);
}

static void release_interrupt(void)
{
	struct sigaction old;

	if (sigaction(SIGINT, NULL, &old) == 0 && old.sa_handler == on_interrupt)
		signal(SIGINT, SIG_DFL);
}

static int on_change(const char *json, void *userdata)
{
	_cleanup_json_ json_t *job = NULL;
	struct follow *f = userdata;

	f->heard = now();
	f->status = parse_json(f->c, json, &job);
	if (f->status)
		return 1;
	if (f->style == FOLLOW_PROGRESS)
		progress_update(&f->progress, job);
	else if (f->style == FOLLOW_JSON)
		f->status = print_json(f->c, job, true);
	if (f->fn)
		f->status = f->fn(job, f->userdata);
	free(f->reason);
	f->reason = strdup(report_string(job, "reason", ""));
	return f->status != 0;
}

/* The same daemon again, never another one: job numbers are its own. */
static int reconnect(struct follow *f, pbit **p)
{
	_cleanup_free_ char *socket = strdup(pbit_socket(*p));

	if (!socket)
		return -ENOMEM;
	progress_clear(&f->progress);
	for (;;) {
		struct timespec pause = { .tv_nsec = RECONNECT_MS * 1000000L };
		pbit *fresh;
		int r;

		if (now() - f->heard > RECONNECT_SECONDS)
			return -ECONNRESET;
		nanosleep(&pause, NULL);
		r = pbit_open(&fresh, socket, PBIT_OPEN_AUTOSTART);
		if (r < 0) {
			pbit_close(fresh);
			continue;
		}
		pbit_close(*p);
		*p = fresh;
		return 0;
	}
}

static int watch(struct follow *f, pbit **p, uint64_t id, enum pbit_state *ret)
{
	int r;

	for (;;) {
		r = pbit_watch(*p, id, on_change, f, ret);
		if (r == -EINTR)
			continue;
		if (r != -ECONNRESET)
			return r;
		if (reconnect(f, p) < 0)
			return r;
	}
}

/* To the job's end, or until fn has enough. The exit status of what went wrong, or 0. */
static int follow(struct follow *f, pbit **p, uint64_t id, enum pbit_state *ret)
{
	int r;

	f->heard = now();
	progress_begin(&f->progress, stdout);
	catch_interrupt(id, f->progress.redraws && f->style == FOLLOW_PROGRESS);
	r = watch(f, p, id, ret);
	release_interrupt();
	progress_clear(&f->progress);
	if (r == -ECONNRESET)
		return fail(f->c, STATUS_UNREACHABLE,
			    "pbitd at %s is gone for %d s; the job is not lost: `pbit watch %llu` "
			    "when it is back",
			    pbit_socket(*p), RECONNECT_SECONDS, (unsigned long long)id);
	return r < 0 ? session_failed(f->c, *p, r) : f->status;
}

int follow_job(const struct command *c, pbit **p, uint64_t id, enum follow_style style)
{
	struct follow f = { .c = c, .style = style };
	enum pbit_state state = PBIT_QUEUED;
	unsigned long long n = id;
	int status = follow(&f, p, id, &state);

	if (!status && state == PBIT_FAILED)
		status = fail(c, STATUS_FAILED, "job %llu failed: %s", n,
			      f.reason && f.reason[0] ? f.reason : "no reason was given");
	else if (!status && state == PBIT_CANCELLED)
		status = fail(c, STATUS_FAILED, "job %llu was cancelled", n);
	free(f.reason);
	return status;
}

int follow_changes(const struct command *c, pbit **p, uint64_t id,
		   int (*fn)(const json_t *job, void *userdata), void *userdata)
{
	struct follow f = { .c = c, .style = FOLLOW_SILENT, .fn = fn, .userdata = userdata };
	enum pbit_state state;
	int status = follow(&f, p, id, &state);

	free(f.reason);
	return status;
}
