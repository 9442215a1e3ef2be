// SPDX-License-Identifier: MIT
#include "private_daemon.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "daemon_path.h"
#include "tree.h"

#define BACKLOG	    128
#define LISTEN_FD   3 /* sd_listen_fds(3) */
#define LOG_NAME    "log"
#define SOCKET_NAME "socket"
#define JOBS_NAME   "jobs"

/* DIR/NAME */
static int join(const char *dir, const char *name, char **ret, struct err *e)
{
	char *path;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return err_oom(e);
	*ret = path;
	return 0;
}

/* Where the socket is, nobody else gets: mkdtemp() makes it 0700. */
static int make_places(struct private_daemon *d, const char *state, struct err *e)
{
	const char *tmp = getenv("TMPDIR");
	struct sockaddr_un address;
	size_t room = sizeof(address.sun_path) - sizeof("/pbit-XXXXXX/" SOCKET_NAME);
	char *dir = NULL;
	int r;

	/* A directory whose path is too long for a socket is no reason to fail. */
	if (!tmp || tmp[0] != '/' || strlen(tmp) > room)
		tmp = "/tmp";
	r = join(tmp, "pbit-XXXXXX", &dir, e);
	if (r < 0)
		return r;
	if (!mkdtemp(dir)) {
		r = err_set(e, -errno, "a directory in %s cannot be made: %s; set TMPDIR", tmp,
			    strerror(errno));
		free(dir);
		return r;
	}
	d->dir = dir;
	r = join(dir, SOCKET_NAME, &d->socket, e);
	if (r >= 0 && !state)
		r = join(dir, JOBS_NAME, &d->state, e);
	if (r < 0 || !state)
		return r;
	d->keep = true;
	if (mkdir(state, 0700) < 0 && errno != EEXIST)
		return err_set(e, -errno, "%s: cannot be made: %s", state, strerror(errno));
	d->state = realpath(state, NULL);
	return d->state ? 0 : err_set(e, -errno, "%s: %s", state, strerror(errno));
}

/* Listening before there is a daemon, so that who connects early waits and is not refused. */
static int make_socket(const struct private_daemon *d, struct err *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, d->socket);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return err_set(e, -errno, "%s: the socket cannot be made: %s", d->socket,
			       strerror(errno));
	return TAKE_FD(fd);
}

/* In the child. Its own session: what a terminal's keys send is for the command. */
static void become_daemon(const char *path, const struct private_daemon *d, bool nodes_only,
			  int listener, int log, pid_t parent)
{
	char *argv[] = { (char *)path,
			 (char *)"--user",
			 (char *)"--state-dir",
			 d->state,
			 nodes_only ? (char *)"--jobs" : NULL,
			 (char *)"0",
			 NULL };
	_cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char pid[16];

	setsid();
	/* Who kills us with SIGKILL leaves nothing behind that computes. */
	if (prctl(PR_SET_PDEATHSIG, d->keep ? SIGTERM : SIGKILL) < 0 || getppid() != parent)
		_exit(EXIT_FAILURE);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0 ||
	    dup2(listener, LISTEN_FD) < 0 || setenv("LISTEN_FDS", "1", true) < 0 ||
	    setenv("LISTEN_PID", pid, true) < 0)
		_exit(EXIT_FAILURE);
	/* A service manager's above us is not its. */
	unsetenv("LISTEN_FDNAMES");
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	unsetenv("JOURNAL_STREAM");
	close_range(LISTEN_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	execv(path, argv);
	dprintf(2, "%s: %s\n", path, strerror(errno));
	_exit(EXIT_FAILURE);
}

/* Above the numbers that the child gives away. */
static int lift(int *fd, struct err *e)
{
	int high = fcntl(*fd, F_DUPFD_CLOEXEC, LISTEN_FD + 1);

	if (high < 0)
		return err_set(e, -errno, "no more open files: %s", strerror(errno));
	close(*fd);
	*fd = high;
	return 0;
}

static int spawn(struct private_daemon *d, bool nodes_only, struct err *e)
{
	_cleanup_close_ int dir = -1, listener = -1, log = -1;
	_cleanup_free_ char *path = NULL;
	pid_t parent = getpid(), pid;
	int r = daemon_path(&path, e);

	if (r < 0)
		return r;
	dir = open(d->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	log = dir < 0 ? -1 :
			openat(dir, LOG_NAME, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC,
			       0600);
	if (log < 0)
		return err_set(e, -errno, "%s/" LOG_NAME ": %s", d->dir, strerror(errno));
	r = listener = make_socket(d, e);
	if (r >= 0)
		r = lift(&listener, e);
	if (r >= 0)
		r = lift(&log, e);
	if (r < 0)
		return r;
	pid = fork();
	if (pid < 0)
		return err_set(e, -errno, "pbitd cannot be started: %s", strerror(errno));
	if (pid == 0)
		become_daemon(path, d, nodes_only, listener, log, parent);
	d->pid = pid;
	return 0;
}

int private_daemon_start(struct private_daemon *d, const char *state, bool nodes_only,
			 struct err *e)
{
	int r = make_places(d, state, e);

	return r < 0 ? r : spawn(d, nodes_only, e);
}

void private_daemon_show_log(const struct private_daemon *d)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	char line[1024];

	if (asprintf(&path, "%s/" LOG_NAME, d->dir) < 0)
		path = NULL;
	f = path ? fopen(path, "re") : NULL;
	while (f && fgets(line, sizeof(line), f))
		fprintf(stderr, "pbitd: %s", line);
}

void private_daemon_stop(struct private_daemon *d)
{
	if (d->pid > 0) {
		kill(d->pid, SIGTERM);
		/* Checkpoints are of no use to a directory that goes: the second one is in earnest. */
		if (!d->keep)
			kill(d->pid, SIGINT);
		while (waitpid(d->pid, NULL, 0) < 0 && errno == EINTR)
			;
		d->pid = 0;
	}
	if (d->dir)
		tree_remove(AT_FDCWD, d->dir);
	free(d->dir);
	free(d->state);
	free(d->socket);
	*d = (struct private_daemon){ 0 };
}
