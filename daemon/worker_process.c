// SPDX-License-Identifier: MIT
/* Starting, reading and ending one worker. */
#include "worker_process.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "json.h"
#include "protocol.h"
#include "worker_child.h"

#define MAX_DEPTH    8
#define READS_A_TURN 16 /* then others get theirs */
#define READS_AT_END 64 /* more than a socket holds */

struct worker_process {
	const struct worker_events *events;
	void *userdata;
	pid_t pid; /* 0 once it was waited for */
	int fd;
	sd_event_source *io, *child, *timer;
	struct worker_cgroup *cgroup; /* NULL: none */
	uint64_t memory;	      /* that it may use */
	char line[WORKER_MAX_LINE];
	size_t filled;
	bool said_done;
	char *failure;
	enum worker_stop stop;
};

static void close_socket(struct worker_process *w)
{
	w->io = sd_event_source_disable_unref(w->io);
	closep(&w->fd);
}

static void kill_group(struct worker_process *w, int number)
{
	if (w->pid > 0 && kill(-w->pid, number) < 0)
		kill(w->pid, number);
}

/* What it says can be trusted no more. The first complaint is the one that counts. */
static void refuse(struct worker_process *w, const char *what)
{
	if (!w->failure)
		w->failure = strdup(what);
	kill_group(w, SIGKILL);
	close_socket(w);
}

static bool progress_is_valid(const json_t *message)
{
	const json_t *value = json_object_get(message, "progress");
	double p = json_number_value(value);

	return json_is_number(value) && p >= 0 && p <= 1;
}

static void take_line(struct worker_process *w, const char *line, size_t size)
{
	_cleanup_json_ json_t *message = NULL;
	const char *type, *reason;

	if (json_parse_limited(line, size, WORKER_MAX_LINE, MAX_DEPTH, &message, NULL) < 0) {
		refuse(w, "worker sent a line that is not JSON");
		return;
	}
	type = json_string_value(json_object_get(message, "type"));
	reason = json_string_value(json_object_get(message, "reason"));
	if (type && !strcmp(type, "progress") && progress_is_valid(message)) {
		w->events->progress(message, w->userdata);
	} else if (type && !strcmp(type, "done")) {
		w->said_done = true;
		if (w->events->done)
			w->events->done(message, w->userdata);
	} else if (type && !strcmp(type, "failed") && reason && *reason) {
		if (!w->failure)
			w->failure = strdup(reason);
	} else {
		refuse(w, "worker sent a message that is none of progress, failed, done");
	}
}

/* Complete lines go out, the beginning of the next one moves to the front. */
static void take_lines(struct worker_process *w)
{
	char *line = w->line, *end = w->line + w->filled, *newline;

	while (w->fd >= 0 && (newline = memchr(line, '\n', (size_t)(end - line)))) {
		take_line(w, line, (size_t)(newline - line));
		line = newline + 1;
	}
	w->filled = (size_t)(end - line);
	memmove(w->line, line, w->filled);
	if (w->filled == sizeof(w->line) && w->fd >= 0)
		refuse(w, "worker sent a line above 16 KiB");
}

/* 1: there may be more; 0: not now; -1: closed. */
static int read_some(struct worker_process *w)
{
	ssize_t n = recv(w->fd, w->line + w->filled, sizeof(w->line) - w->filled, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		close_socket(w);
		return -1;
	}
	w->filled += (size_t)n;
	take_lines(w);
	return w->fd < 0 ? -1 : 1;
}

static int on_readable(_unused_ sd_event_source *source, _unused_ int fd, _unused_ uint32_t revents,
		       void *userdata)
{
	struct worker_process *w = userdata;

	for (int i = 0; i < READS_A_TURN && read_some(w) > 0; i++)
		;
	return 0;
}

/* Before whatever it said itself: what it lacked was memory. */
static void tell_of_memory(struct worker_process *w)
{
	bool large = w->memory >= (uint64_t)1 << 30;
	char *text;

	if (!worker_cgroup_ran_out(w->cgroup) ||
	    asprintf(&text, "the job used more than its %.4g %s of memory",
		     (double)w->memory / (large ? 1 << 30 : 1 << 20), large ? "GiB" : "MiB") < 0)
		return;
	free(w->failure);
	w->failure = text;
}

static int on_child(_unused_ sd_event_source *source, const siginfo_t *info, void *userdata)
{
	struct worker_process *w = userdata;
	struct err e = { 0 };
	enum worker_outcome outcome;
	int status;

	/* What it wrote before it left; others may keep the socket open, and write to it, for ever. */
	for (int i = 0; i < READS_AT_END && w->fd >= 0 && read_some(w) > 0; i++)
		;
	status = info->si_code == CLD_EXITED ? W_EXITCODE(info->si_status, 0) :
					       W_EXITCODE(0, info->si_status);
	tell_of_memory(w);
	/* Whoever it left behind in its group goes with it. */
	kill(-w->pid, SIGKILL);
	w->pid = 0;
	outcome = worker_outcome(status, w->said_done, w->failure, w->stop, &e);
	w->events->ended(outcome, e.text, w->userdata);
	worker_process_free(w);
	return 0;
}

static int watch(struct worker_process *w, sd_event *event)
{
	int r = sd_event_add_io(event, &w->io, w->fd, EPOLLIN, on_readable, w);

	return r < 0 ? r : sd_event_add_child(event, &w->child, w->pid, WEXITED, on_child, w);
}

static int spawn(struct worker_process *w, const struct worker_start *start)
{
	int pair[2], r;
	struct worker_child p;

	r = worker_child_plan(&p, start, w->cgroup);
	if (r >= 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		r = -errno;
	if (r >= 0) {
		w->fd = pair[0];
		p.socket = pair[1];
		w->pid = fork();
		if (w->pid == 0)
			worker_child_run(&p);
		/* Both sides do it, so that it holds whoever comes first. */
		if (w->pid > 0)
			setpgid(w->pid, w->pid);
		r = w->pid < 0 ? -errno : 0;
	}
	worker_child_free(&p);
	return r;
}

int worker_process_start(sd_event *event, const struct worker_start *start,
			 const struct worker_events *events, void *userdata,
			 struct worker_process **ret, struct err *e)
{
	struct worker_process *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return err_oom(e);
	w->fd = -1;
	w->events = events;
	w->userdata = userdata;
	w->memory = start->limits.memory;
	r = worker_cgroup_make(start->cgroups, start->uid, start->job, &start->limits, &w->cgroup,
			       e);
	if (r >= 0)
		r = spawn(w, start);
	if (r >= 0)
		r = watch(w, event);
	if (r < 0) {
		worker_process_free(w);
		return err_set(e, r, "the worker cannot be started: %s", strerror(-r));
	}
	*ret = w;
	return 0;
}

static int on_kill_timer(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata)
{
	kill_group(userdata, SIGKILL);
	return 0;
}

void worker_process_stop(struct worker_process *w, enum worker_stop why, uint64_t kill_usec)
{
	sd_event *event = sd_event_source_get_event(w->child);
	uint64_t now = 0, old = UINT64_MAX;

	if (w->stop == WORKER_NOT_STOPPED)
		w->stop = why;
	kill_group(w, SIGTERM);
	sd_event_now(event, CLOCK_MONOTONIC, &now);
	if (!w->timer) {
		/* Without a timer the patience ends at once rather than never. */
		if (sd_event_add_time(event, &w->timer, CLOCK_MONOTONIC, now + kill_usec, 0,
				      on_kill_timer, w) < 0)
			kill_group(w, SIGKILL);
		return;
	}
	sd_event_source_get_time(w->timer, &old);
	if (now + kill_usec < old)
		sd_event_source_set_time(w->timer, now + kill_usec);
}

struct worker_process *worker_process_free(struct worker_process *w)
{
	if (!w)
		return NULL;
	close_socket(w);
	w->timer = sd_event_source_disable_unref(w->timer);
	w->child = sd_event_source_disable_unref(w->child);
	if (w->pid > 0) {
		kill_group(w, SIGKILL);
		waitpid(w->pid, NULL, 0);
	}
	worker_cgroup_free(w->cgroup);
	free(w->failure);
	free(w);
	return NULL;
}

pid_t worker_process_pid(const struct worker_process *w)
{
	return w->pid;
}
