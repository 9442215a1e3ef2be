// SPDX-License-Identifier: MIT
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cli.h"
#include "json.h"
#include "private_daemon.h"

/* As of a shell: what env(1), nice(1) and others say. */
#define STATUS_SIGNAL	 128
#define STATUS_NOT_RUN	 126
#define STATUS_NOT_FOUND 127

struct options {
	bool json, nodes_only;
	const char *state;
};

static const struct option_row rows[] = {
	{ 'n', "nodes-only", OPTION_FLAG, offsetof(struct options, nodes_only), NULL,
	  "run jobs on device nodes alone; fail where none can be opened" },
	{ 'd', "state-dir", OPTION_STRING, offsetof(struct options, state), "DIR",
	  "keep the jobs there [a directory that goes with the command]" },
	{ 'j', "json", OPTION_FLAG, offsetof(struct options, json), NULL,
	  "one object, before the command runs: socket, state_dir, devices" },
	{ 0 },
};

static void private_daemon_stopp(struct private_daemon *d)
{
	private_daemon_stop(d);
}

/*
 * A key of the terminal's reaches the command as well, and is its to act on. Whoever has stopped
 * reading what is printed here does not end what has to take the daemon and its directory along.
 */
static const struct {
	int number;
	bool passed;
} signals[] = { { SIGTERM, true },
		{ SIGHUP, true },
		{ SIGINT, false },
		{ SIGQUIT, false },
		{ SIGPIPE, false } };

static struct sigaction before[ARRAY_SIZE(signals)];
static volatile pid_t child; /* 0: none */
static volatile sig_atomic_t ended_by;

static void pass_on(int number)
{
	if (child > 0)
		kill(child, number);
	else
		ended_by = number;
}

/* What nohup(1), say, has ignored stays so. */
static void set_signals(void)
{
	struct sigaction pass = { .sa_handler = pass_on }, ignore = { .sa_handler = SIG_IGN };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (sigaction(signals[i].number, NULL, &before[i]) == 0 &&
		    before[i].sa_handler != SIG_IGN)
			sigaction(signals[i].number, signals[i].passed ? &pass : &ignore, NULL);
}

/* In the child. */
static void become_command(const struct command *c, char **argv, const char *socket,
			   const sigset_t *mask)
{
	int status;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i].number, &before[i], NULL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	if (setenv("PBIT_SOCKET", socket, true) == 0)
		execvp(argv[0], argv);
	status = errno == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_RUN;
	fail(c, 0, "%s cannot be run: %s", argv[0], strerror(errno));
	_exit(status);
}

/* With signals blocked, which are to find either no child or its number. */
static int start_command(const struct command *c, char **argv, const char *socket)
{
	int status = STATUS_DONE;
	sigset_t set, mask;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, &mask);
	if (ended_by) {
		status = STATUS_SIGNAL + ended_by;
	} else {
		pid_t pid = fork();

		if (pid == 0)
			become_command(c, argv, socket, &mask);
		if (pid > 0)
			child = pid;
		else
			status = fail(c, STATUS_FAILED, "%s cannot be run: %s", argv[0],
				      strerror(errno));
	}
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return status;
}

/* A daemon that leaves before the command is told of; the command's calls find out. */
static int wait_for_command(const struct command *c, struct private_daemon *d)
{
	int how;

	for (;;) {
		pid_t pid = waitpid(-1, &how, 0);

		if (pid < 0 && errno != EINTR)
			return fail(c, STATUS_FAILED, "wait: %s", strerror(errno));
		if (pid > 0 && pid == d->pid) {
			d->pid = 0;
			private_daemon_show_log(d);
			fail(c, 0, "pbitd has left before the command");
		}
		if (pid > 0 && pid == child)
			break;
	}
	child = 0;
	return WIFEXITED(how) ? WEXITSTATUS(how) : STATUS_SIGNAL + WTERMSIG(how);
}

/* Those of the kernel that jobs can use; and why others cannot. */
static int check_nodes(const struct command *c, const json_t *devices)
{
	const char *why = "there is none";

	for (size_t i = 0; i < json_array_size(devices); i++) {
		const json_t *d = json_array_get(devices, i);
		const char *backend = json_string_value(json_object_get(d, "backend")) ?: "";

		if (strcmp(backend, "embedded") == 0)
			continue;
		if (strcmp(json_string_value(json_object_get(d, "state")) ?: "", "unsupported"))
			return STATUS_DONE;
		why = json_string_value(json_object_get(d, "reason")) ?: "";
	}
	return fail(c, STATUS_FAILED, "no p-bit device can be used: %s", why);
}

/* Asks the daemon, which by then has looked at the devices: the command has what is told here. */
static int look(const struct command *c, const struct options *o, const struct private_daemon *d)
{
	_cleanup_json_ json_t *devices = NULL, *told = NULL;
	_cleanup_pbit_ pbit *p = NULL;
	_cleanup_free_ char *text = NULL;
	int r = pbit_open(&p, d->socket, 0), status;

	if (r >= 0)
		r = pbit_devices(p, &text);
	if (r < 0) {
		private_daemon_show_log(d);
		return fail(c, STATUS_UNREACHABLE, "its pbitd does not serve: %s",
			    p ? pbit_error(p) : "out of memory");
	}
	status = parse_json(c, text, &devices);
	if (!status && o->nodes_only)
		status = check_nodes(c, devices);
	if (status || !o->json)
		return status;
	told = json_pack("{s:s, s:s, s:O}", "socket", d->socket, "state_dir", d->state, "devices",
			 devices);
	return told ? print_json(c, told, false) :
		      fail(c, STATUS_USAGE, "the directory's name is not UTF-8");
}

static int run(const struct command *c, void *options, _unused_ int argc, char **argv)
{
	_cleanup_(private_daemon_stopp) struct private_daemon d = { 0 };
	const struct options *o = options;
	struct err e = { 0 };
	struct stat st;
	int status;

	if (o->state && stat(o->state, &st) == 0 && !S_ISDIR(st.st_mode))
		return fail(c, STATUS_USAGE, "--state-dir: %s is not a directory; name one",
			    o->state);
	set_signals();
	if (private_daemon_start(&d, o->state, o->nodes_only, &e) < 0)
		return fail(c, STATUS_UNREACHABLE, "%s", e.text);
	status = look(c, o, &d);
	if (!status)
		status = start_command(c, argv, d.socket);
	return status ? status : wait_for_command(c, &d);
}

const struct command cmd_private = {
	.name = "private",
	.arguments = "COMMAND...",
	.summary = "run a command with a pbitd of its own, which leaves with it",
	.details =
		"For batch systems, which give devices to their own jobs: within the command, pbit and\n"
		"all programs of libpbit use a daemon that nobody else sees. It has the devices that the\n"
		"command itself may open. Jobs that have not ended when the command ends are lost with\n"
		"the directory, unless --state-dir names one: they go on from their checkpoints when the\n"
		"next such command names it. The exit status is the command's.",
	.options = rows,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = -1,
	.passes_on = true,
	.run = run,
};
