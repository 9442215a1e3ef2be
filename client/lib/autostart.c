// SPDX-License-Identifier: MIT
/* A daemon of one's own, started when none is there. */
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "daemon_path.h"
#include "handle.h"

#define WAIT_MS	 10000
#define RETRY_MS 25

/* Runs between fork and exec: async-signal-safe calls only. Does not return. */
static void become_daemon(const char *path, int report)
{
	char *argv[] = { (char *)path, (char *)"--user", (char *)"--idle-exit", (char *)"60",
			 NULL };
	sigset_t none;
	int null, code;

	setsid();
	/* The second fork: never the leader of a session that could get a terminal. */
	switch (fork()) {
	case 0:
		break;
	case -1:
		code = errno;
		goto failed;
	default:
		_exit(0);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	if (chdir("/") < 0) {
		code = errno;
		goto failed;
	}
	null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0) {
		code = errno;
		goto failed;
	}
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	execv(path, argv);
	code = errno;
failed:
	/* A short write cannot happen: the pipe is empty. */
	if (write(report, &code, sizeof(code)) < 0)
		_exit(2);
	_exit(1);
}

/* The pipe closes at exec, or brings the errno that prevented it. */
static int spawn(const char *path, struct err *e)
{
	int code = 0, fds[2], status;
	pid_t child;
	ssize_t n;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(e, -errno, "cannot start %s: %s", path, strerror(errno));
	/* Not among 0..2, which the child replaces. */
	while (fds[1] >= 0 && fds[1] <= 2) {
		int high = fcntl(fds[1], F_DUPFD_CLOEXEC, 3);

		close(fds[1]);
		fds[1] = high;
	}
	child = fds[1] < 0 ? -1 : fork();
	if (child == 0)
		become_daemon(path, fds[1]);
	if (child < 0)
		code = errno;
	if (fds[1] >= 0)
		close(fds[1]);
	if (child > 0) {
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
		do {
			n = read(fds[0], &code, sizeof(code));
		} while (n < 0 && errno == EINTR);
		if (n != sizeof(code))
			code = 0;
	}
	close(fds[0]);
	return code ? err_set(e, -code, "cannot start %s: %s", path, strerror(code)) : 0;
}

int daemon_autostart(const char *socket, struct err *e)
{
	_cleanup_free_ char *path = NULL;
	int r;

	r = daemon_path(&path, e);
	if (r < 0)
		return r;
	r = spawn(path, e);
	if (r < 0)
		return r;
	for (int waited = 0; waited < WAIT_MS; waited += RETRY_MS) {
		struct timespec pause = { .tv_nsec = RETRY_MS * 1000000L };
		int fd = socket_connect(socket, true, NULL);

		if (fd >= 0 || (fd != -ENOENT && fd != -ECONNREFUSED))
			return fd >= 0 ? fd : socket_connect(socket, true, e);
		nanosleep(&pause, NULL);
	}
	return err_set(e, -ECONNREFUSED,
		       "%s was started, but does not answer at %s; run `%s --user` to see why",
		       path, socket, path);
}
