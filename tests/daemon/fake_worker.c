// SPDX-License-Identifier: MIT
/*
 * A test double of pbit-worker: it computes nothing, and does what the name of the job says. It
 * is a real process that speaks the worker's side of protocol.h, for tests of the daemon alone.
 *
 *	quick      progress, a result, done (also any other name)
 *	sleep      runs until it is told to stop; leaves a checkpoint and exits 75
 *	count      3 steps of 0.1 s; each is checkpointed and goes on from there after a stop
 *	steps      100 steps of 0.05 s, each checkpointed; notes each step in a file once
 *	mortal     dies by SIGSEGV the first time, and goes on from its checkpoint the second
 *	once       the same, but then runs until it is told to stop
 *	flips      runs until told to stop; says 1e9 flips and 1e-6 J, then twice as much each 0.2 s
 *	counted    is done at once; says with that that it was 5e9 flips, 5e-6 J and 0.05 J
 *	big        writes 1 MiB into out/ and 2 MiB into ckpt/, then as "sleep"
 *	stubborn   ignores SIGTERM
 *	segv       dies by SIGSEGV
 *	silent     exits 3 without a word
 *	fail       exits 1 after "failed"
 *	nothing    exits 0 without "done"
 *	garbage    sends a line that is not JSON
 *	endless    sends a line without end
 *	nan        sends progress beyond 1
 *	chatty     sends 20000 progress lines as fast as it can
 *	lost       its device goes away the first time; it goes on from its checkpoint the second
 *	unfit      its device is too small
 *	words      tells of progress in words that D-Bus does not take, and waits for SIGTERM
 *	env        writes what it is given (uid, groups, descriptors, environment) to out/env.json
 */
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "protocol.h"
#include "util.h"

static volatile sig_atomic_t stop;

static void on_term(_unused_ int number)
{
	stop = 1;
}

static void say(const char *text)
{
	if (send(WORKER_FD, text, strlen(text), MSG_NOSIGNAL) < 0)
		_exit(9);
}

static void progress(double p)
{
	char line[128];

	snprintf(line, sizeof(line), "{\"type\": \"progress\", \"progress\": %g, \"loss\": %g}\n",
		 p, 1 - p);
	say(line);
}

static void put(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write_full(fd, text, strlen(text)) < 0 || fsync(fd) < 0) {
		say("{\"type\": \"failed\", \"reason\": \"the disk is full\"}\n");
		_exit(1);
	}
}

static int take_count(void)
{
	char text[16] = "";
	_cleanup_close_ int fd = open("ckpt/count", O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 ? atoi(text) : 0;
}

/* One step more is done; the checkpoint is replaced at once or not at all. */
static void keep_count(int count)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", count);
	put("ckpt/count.new", text);
	if (rename("ckpt/count.new", "ckpt/count") < 0)
		_exit(9);
}

static int finish(const char *result)
{
	put("out/result.json", result);
	say("{\"type\": \"done\"}\n");
	return 0;
}

static int leave_stopped(void)
{
	put("ckpt/stopped", "yes");
	return WORKER_EXIT_STOPPED;
}

static int run_sleep(void)
{
	progress(0.25);
	while (!stop)
		pause();
	return leave_stopped();
}

static int run_words(void)
{
	say("{\"type\": \"progress\", \"progress\": 0.5, \"words\": \"\xc3\xa9 \xef\xbf\xbe\"}\n");
	while (!stop)
		pause();
	return leave_stopped();
}

static int run_count(void)
{
	char text[64];
	int count = take_count(), first = count;

	while (count < 3) {
		usleep(100000);
		if (stop)
			return leave_stopped();
		keep_count(++count);
		progress(count / 3.0);
	}
	snprintf(text, sizeof(text), "{\"began_at\": %d, \"count\": %d}", first, count);
	return finish(text);
}

static int run_steps(void)
{
	char text[64];
	int count = take_count();

	while (count < 100) {
		_cleanup_close_ int steps =
			open("ckpt/steps", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

		if (stop)
			return leave_stopped();
		usleep(50000);
		if (steps < 0 || write(steps, "x", 1) != 1)
			return 9;
		keep_count(++count);
		progress(count / 100.0);
	}
	snprintf(text, sizeof(text), "{\"count\": %d}", count);
	return finish(text);
}

static int run_mortal(bool and_sleep)
{
	char text[64];
	int count = take_count();

	if (count == 0) {
		keep_count(1);
		progress(0.5);
		signal(SIGSEGV, SIG_DFL);
		raise(SIGSEGV);
	}
	if (and_sleep)
		return run_sleep();
	snprintf(text, sizeof(text), "{\"began_at\": %d}", count);
	return finish(text);
}

static int run_flips(void)
{
	char line[160];

	for (double n = 1; !stop; n *= 2) {
		snprintf(line, sizeof(line),
			 "{\"type\": \"progress\", \"progress\": 0.5, \"flips\": %.0f, "
			 "\"device_joules\": %g, \"software_joules\": %g}\n",
			 1e9 * n, 1e-6 * n, 1e-2 * n);
		say(line);
		usleep(200000);
	}
	return leave_stopped();
}

static int run_counted(void)
{
	put("out/result.json", "{}");
	say("{\"type\": \"done\", \"flips\": 5000000000, \"device_joules\": 5e-6, "
	    "\"software_joules\": 0.05}\n");
	return 0;
}

static int run_big(void)
{
	char *bytes = calloc(2, 1 << 20);
	_cleanup_close_ int out = open("out/big", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	_cleanup_close_ int ckpt = open("ckpt/big", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (!bytes || write_full(out, bytes, 1 << 20) < 0 || write_full(ckpt, bytes, 2 << 20) < 0)
		return 9;
	free(bytes);
	return run_sleep();
}

static int run_lost(const json_t *job)
{
	char text[64];

	if (access("ckpt/lost", F_OK) == 0) {
		snprintf(text, sizeof(text), "{\"device\": \"%s\"}",
			 json_string_value(json_object_get(job, "device")));
		return finish(text);
	}
	put("ckpt/lost", "yes");
	progress(0.5);
	return WORKER_EXIT_LOST;
}

static int run_unfit(void)
{
	say("{\"type\": \"failed\", \"reason\": \"the device has 4 p-bits, and 5 are needed\"}\n");
	return WORKER_EXIT_UNFIT;
}

static int run_endless(void)
{
	char piece[1024];

	memset(piece, 'x', sizeof(piece));
	for (;;)
		if (send(WORKER_FD, piece, sizeof(piece), MSG_NOSIGNAL) < 0)
			return 9;
}

static int run_chatty(void)
{
	for (int i = 0; i < 20000; i++)
		progress(i / 20000.0);
	return finish("{}");
}

static json_t *open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	json_t *array = json_array();
	const struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(d))
			json_array_append_new(array, json_integer(atoi(entry->d_name)));
	if (d)
		closedir(d);
	return array;
}

static int run_env(const json_t *job)
{
	json_t *root = json_object(), *groups = json_array(), *environment = json_array();
	gid_t list[64];
	int n = getgroups(64, list), death = 0;
	char *text;
	sigset_t mask;

	for (int i = 0; i < n; i++)
		json_array_append_new(groups, json_integer(list[i]));
	for (char **e = environ; *e; e++)
		json_array_append_new(environment, json_string(*e));
	prctl(PR_GET_PDEATHSIG, &death);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	json_object_set_new(root, "uid", json_integer(getuid()));
	json_object_set_new(root, "gid", json_integer(getgid()));
	json_object_set_new(root, "groups", groups);
	json_object_set_new(root, "fds", open_descriptors());
	json_object_set_new(root, "environment", environment);
	json_object_set_new(root, "death_signal", json_integer(death));
	json_object_set_new(root, "own_group", json_boolean(getpgrp() == getpid()));
	json_object_set_new(root, "sigterm_blocked", json_boolean(sigismember(&mask, SIGTERM)));
	json_object_set(root, "job", (json_t *)job);
	text = json_dumps(root, 0);
	put("out/env.json", text);
	free(text);
	json_decref(root);
	return finish("{}");
}

static int run(const char *name, const json_t *job)
{
	if (!strcmp(name, "sleep"))
		return run_sleep();
	if (!strcmp(name, "words"))
		return run_words();
	if (!strcmp(name, "count"))
		return run_count();
	if (!strcmp(name, "steps"))
		return run_steps();
	if (!strcmp(name, "mortal"))
		return run_mortal(false);
	if (!strcmp(name, "once"))
		return run_mortal(true);
	if (!strcmp(name, "flips"))
		return run_flips();
	if (!strcmp(name, "counted"))
		return run_counted();
	if (!strcmp(name, "big"))
		return run_big();
	if (!strcmp(name, "stubborn")) {
		signal(SIGTERM, SIG_IGN);
		progress(0.5);
		for (;;)
			pause();
	}
	if (!strcmp(name, "segv")) {
		/* A sanitizer would catch it. */
		signal(SIGSEGV, SIG_DFL);
		raise(SIGSEGV);
	}
	if (!strcmp(name, "silent"))
		return 3;
	if (!strcmp(name, "nothing"))
		return 0;
	if (!strcmp(name, "fail")) {
		say("{\"type\": \"failed\", \"reason\": \"the labels are out of range\"}\n");
		return 1;
	}
	if (!strcmp(name, "garbage")) {
		say("progress: a lot\n");
		for (;;)
			pause();
	}
	if (!strcmp(name, "endless"))
		return run_endless();
	if (!strcmp(name, "nan")) {
		say("{\"type\": \"progress\", \"progress\": 1e300}\n");
		for (;;)
			pause();
	}
	if (!strcmp(name, "chatty"))
		return run_chatty();
	if (!strcmp(name, "lost"))
		return run_lost(job);
	if (!strcmp(name, "unfit"))
		return run_unfit();
	if (!strcmp(name, "env"))
		return run_env(job);
	progress(0.5);
	return finish("{\"ok\": true}");
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_term };
	int lock = open("lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600), r;
	json_t *job = json_load_file("job.json", 0, NULL);
	const char *name = json_string_value(json_object_get(json_object_get(job, "spec"), "name"));

	sigaction(SIGTERM, &action, NULL);
	if (lock < 0 || flock(lock, LOCK_EX) < 0 || !job)
		return 9;
	r = run(name ? name : "", job);
	json_decref(job);
	return r;
}
