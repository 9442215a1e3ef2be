// SPDX-License-Identifier: MIT
/*
 * The first process of a test machine. It mounts what tests need, carries out /plan line by line,
 * and turns the machine off:
 *
 *	insmod PATH [PARAMETERS]
 *	run SECONDS PATH [ARGUMENT]...
 *	rmmod NAME
 *
 * What came of each line goes to the kernel's log, where it stands in order with what the kernel
 * said meanwhile and cannot be cut by it: "pbit-vm: run smoke: exit 0". What the programs print
 * goes to the second serial port.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#ifndef MODULE_INIT_COMPRESSED_FILE
#define MODULE_INIT_COMPRESSED_FILE 4
#endif

enum { MAX_WORDS = 32, MAX_LINE = 512 };

struct mount_point {
	const char *type, *where;
	bool done;
};

/* In this order: a later one may lie within an earlier one. */
static struct mount_point mounts[] = {
	{ "proc", "/proc", false },
	{ "sysfs", "/sys", false },
	{ "devtmpfs", "/dev", false },
	{ "devpts", "/dev/pts", false },
	{ "tmpfs", "/dev/shm", false },
	{ "tmpfs", "/tmp", false },
	{ "tmpfs", "/run", false },
	{ "cgroup2", "/sys/fs/cgroup", false },
	{ "debugfs", "/sys/kernel/debug", false },
	{ "tracefs", "/sys/kernel/tracing", false },
	{ "configfs", "/sys/kernel/config", false },
};

static int log_fd = -1;

/* One write is one record of the kernel's log. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char line[MAX_LINE + 64] = "<5>pbit-vm: ";
	const size_t prefix = strlen(line);
	va_list ap;

	va_start(ap, format);
	vsnprintf(line + prefix, sizeof(line) - prefix, format, ap);
	va_end(ap);
	if (log_fd < 0)
		log_fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (log_fd < 0 || write(log_fd, line, strlen(line)) < 0)
		dprintf(STDERR_FILENO, "%s\n", line);
}

/* Some only exist once a module is loaded, so this is called again after each. */
static void mount_all(void)
{
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		struct mount_point *m = &mounts[i];

		if (m->done)
			continue;
		mkdir(m->where, 0755);
		m->done = !mount(m->type, m->where, m->type, 0, NULL);
	}
	chmod("/tmp", 01777);
	chmod("/dev/shm", 01777);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void load_module(char *words[], int n)
{
	char parameters[MAX_LINE] = "";
	const char *dot = strrchr(words[1], '.');
	int flags = dot && strcmp(dot, ".ko") ? MODULE_INIT_COMPRESSED_FILE : 0, fd;
	long r = -1;

	for (int i = 2; i < n; i++) {
		strncat(parameters, words[i], sizeof(parameters) - strlen(parameters) - 2);
		strcat(parameters, " ");
	}
	fd = open(words[1], O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		r = syscall(SYS_finit_module, fd, parameters, flags);
	if (r)
		say("insmod %s: %s", base_name(words[1]), strerror(errno));
	else
		say("insmod %s: ok", base_name(words[1]));
	if (fd >= 0)
		close(fd);
	mount_all();
}

/* A module that programs still used a moment ago may be let go of a little later. */
static void unload_module(const char *name)
{
	long r = -1;

	for (int i = 0; i < 50; i++) {
		r = syscall(SYS_delete_module, name, O_NONBLOCK);
		if (!r || (errno != EAGAIN && errno != EBUSY))
			break;
		nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
	}
	if (r)
		say("rmmod %s: %s", name, strerror(errno));
	else
		say("rmmod %s: ok", name);
}

static void become_program(char *words[])
{
	static char path[] = "PATH=/bin:/sbin:/programs", home[] = "HOME=/tmp";
	static char *const env[] = { path, home, NULL };
	int out = open("/dev/ttyS1", O_WRONLY | O_NOCTTY), in = open("/dev/null", O_RDONLY);
	struct termios t;
	sigset_t none;

	setsid();
	if (out >= 0 && !tcgetattr(out, &t)) {
		cfmakeraw(&t);
		tcsetattr(out, TCSANOW, &t);
	}
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	printf("== %s\n", base_name(words[2]));
	fflush(stdout);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(words[2], words + 2, env);
	dprintf(STDERR_FILENO, "%s: %s\n", words[2], strerror(errno));
	_exit(127);
}

/* Reaps whatever ends, as the first process must. True once pid has, within the time. */
static bool wait_program(pid_t pid, time_t seconds, int *ret_status)
{
	struct timespec now, end;
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	for (;;) {
		int status;
		pid_t ended;

		while ((ended = waitpid(-1, &status, WNOHANG)) > 0)
			if (ended == pid) {
				*ret_status = status;
				return true;
			}
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec >= end.tv_sec)
			return false;
		sigtimedwait(&child, NULL, &(struct timespec){ .tv_sec = 1 });
	}
}

/* Where the tasks that hang are waiting. */
static void show_blocked(void)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (write(fd, "w", 1) < 0)
			say("sysrq: %s", strerror(errno));
		close(fd);
	}
}

static void run_program(char *words[])
{
	const char *name = base_name(words[2]);
	const long seconds = strtol(words[1], NULL, 10);
	int status;
	pid_t pid;

	say("start %s", name);
	pid = fork();
	if (pid < 0) {
		say("run %s: %s", name, strerror(errno));
		return;
	}
	if (!pid)
		become_program(words);
	if (!wait_program(pid, seconds, &status)) {
		say("run %s: timeout after %ld s", name, seconds);
		show_blocked();
		kill(-pid, SIGKILL);
		if (!wait_program(pid, 10, &status))
			say("run %s: SIGKILL does not end it", name);
		return;
	}
	if (WIFSIGNALED(status))
		say("run %s: signal %d", name, WTERMSIG(status));
	else
		say("run %s: exit %d", name, WEXITSTATUS(status));
}

static void carry_out(char *line)
{
	char *words[MAX_WORDS + 1] = { NULL }, *rest = line;
	int n = 0;

	while (n < MAX_WORDS && (words[n] = strsep(&rest, " \t\n")))
		if (*words[n])
			n++;
	words[n] = NULL;
	if (!n || *words[0] == '#')
		return;
	if (!strcmp(words[0], "insmod") && n >= 2)
		load_module(words, n);
	else if (!strcmp(words[0], "run") && n >= 3)
		run_program(words);
	else if (!strcmp(words[0], "rmmod") && n == 2)
		unload_module(words[1]);
	else
		say("plan: not understood: %s", words[0]);
}

/* The kernel's own memory of what it complained about, whatever it printed. */
static void say_taint(void)
{
	char value[32] = "unknown";
	FILE *f = fopen("/proc/sys/kernel/tainted", "re");

	if (f) {
		if (fgets(value, sizeof(value), f))
			value[strcspn(value, "\n")] = '\0';
		fclose(f);
	}
	say("tainted %s", value);
}

int main(void)
{
	char line[MAX_LINE];
	sigset_t child;
	FILE *plan;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	mount_all();
	plan = fopen("/plan", "re");
	if (!plan)
		say("plan: %s", strerror(errno));
	while (plan && fgets(line, sizeof(line), plan))
		carry_out(line);
	say_taint();
	say("done");
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}
