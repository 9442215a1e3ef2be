// SPDX-License-Identifier: MIT
/* From fork() to exec(). */
#include "worker_child.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "protocol.h"

#define FREE_FD	   10
#define OPEN_FILES 1024 /* the usual soft limit; the daemon has raised its own */

static size_t parse_groups(const char *text, gid_t *ret, size_t max)
{
	size_t n = 0;
	char *end;

	while (*text && n < max) {
		unsigned long g = strtoul(text, &end, 10);

		if (end == text || g >= (gid_t)-1)
			break;
		ret[n++] = (gid_t)g;
		text = *end == ',' ? end + 1 : end;
	}
	return n;
}

int worker_child_plan(struct worker_child *p, const struct worker_start *start)
{
	*p = (struct worker_child){ .start = start, .socket = -1, .null = -1, .daemon = getpid() };
	/* Without root, the daemon serves none but its own user. */
	p->change_user = geteuid() == 0 && start->uid != 0;
	p->n_groups = parse_groups(start->groups, p->groups, WORKER_MAX_GROUPS);
	if (asprintf(&p->threads, "OPENBLAS_NUM_THREADS=%u", start->threads) < 0)
		return -ENOMEM;
	p->argv[0] = (char *)start->program;
	p->envp[0] = (char *)"PATH=/usr/local/bin:/usr/bin:/bin";
	p->envp[1] = (char *)"LANG=C.UTF-8";
	p->envp[2] = p->threads;
	p->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	return p->null < 0 ? -errno : 0;
}

void worker_child_free(struct worker_child *p)
{
	closep(&p->socket);
	closep(&p->null);
	free(p->threads);
}

static int child_become(const struct worker_child *p)
{
	if (!p->change_user)
		return 0;
	if (setgroups(p->n_groups, p->groups) < 0 ||
	    setresgid(p->start->gid, p->start->gid, p->start->gid) < 0 ||
	    setresuid(p->start->uid, p->start->uid, p->start->uid) < 0)
		return -errno;
	return 0;
}

static void child_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* fd 3 is the socket, 4 the device; all above is closed. First out of the way, for any may be 0 to 3 by now. */
static int child_descriptors(const struct worker_child *p)
{
	int socket = fcntl(p->socket, F_DUPFD, FREE_FD);
	int directory = fcntl(p->start->directory, F_DUPFD, FREE_FD);
	int null = fcntl(p->null, F_DUPFD, FREE_FD), log, last = WORKER_FD;
	int device = p->start->device < 0 ? -1 : fcntl(p->start->device, F_DUPFD, FREE_FD);

	if (socket < 0 || directory < 0 || null < 0 || (p->start->device >= 0 && device < 0))
		return -errno;
	if (fchdir(directory) < 0)
		return -errno;
	if (dup2(null, STDIN_FILENO) < 0 || dup2(socket, WORKER_FD) < 0)
		return -errno;
	/* Already the submitter here: his log is opened with his rights. */
	log = open("log", O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (log < 0)
		log = null;
	if (dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
		return -errno;
	if (device >= 0) {
		last = WORKER_DEVICE_FD;
		if (dup2(device, last) < 0)
			return -errno;
	}
	return close_range((unsigned int)last + 1, ~0U, 0) < 0 ? -errno : 0;
}

static void child_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = MIN(files.rlim_max, (rlim_t)OPEN_FILES);
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

/* In the worker's own words, where the daemon looks for them. */
_Noreturn static void child_fail(int fd, const char *what, int r)
{
	const char *name = strerrorname_np(-r);
	char line[256], *p = line;

	p = stpcpy(p, "{\"type\": \"failed\", \"reason\": \"the worker cannot be started: ");
	p = stpcpy(p, what);
	p = stpcpy(p, ": ");
	p = stpcpy(p, name ? name : "unknown error");
	p = stpcpy(p, "\"}\n");
	if (write(fd, line, (size_t)(p - line)) < 0)
		_exit(127);
	_exit(1);
}

/* Between fork() and exec(): only what is safe in a signal handler. */
_Noreturn void worker_child_run(const struct worker_child *p)
{
	int r;

	setpgid(0, 0);
	child_signals();
	r = child_become(p);
	if (r < 0)
		child_fail(p->socket, "the submitter's rights cannot be taken", r);
	/* After the change of user, which clears it. The daemon may be gone by now. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		child_fail(p->socket, "prctl", -errno);
	if (getppid() != p->daemon)
		_exit(127);
	r = child_descriptors(p);
	if (r < 0)
		child_fail(p->socket, "its files cannot be set up", r);
	/* Only now: the daemon's descriptors, with many clients, are more than a worker may have. */
	child_limits();
	execve(p->start->program, p->argv, p->envp);
	child_fail(WORKER_FD, "pbit-worker cannot be run", -errno);
}
