// SPDX-License-Identifier: MIT
/* From fork() to exec(). */
#include "worker_child.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "protocol.h"

#define FREE_FD	      10
#define OOM_SCORE     "500"		  /* of -1000 to 1000; 0 is usual */
#define STACK	      ((uint64_t)8 << 20) /* of each thread; the usual limit */
/* Of the C library's and OpenBLAS's own, which has two threads for each that works. */
#define DATA_A_THREAD (4 * STACK)

/* Shadow memory is data to the kernel, and there is no end of it. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

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

/* Where a control group counts what is really used, none has to guess by addresses. */
static uint64_t data_limit(const struct worker_start *start, const struct worker_cgroup *cgroup)
{
	if (cgroup || SANITIZED)
		return RLIM_INFINITY;
	return start->limits.memory + start->threads * DATA_A_THREAD;
}

/* The core that OpenBLAS is to compute for, where it does not know the processor; or NULL. */
static char *blas_core(void)
{
	for (char **e = environ; e && *e; e++)
		if (strncmp(*e, "OPENBLAS_CORETYPE=", strlen("OPENBLAS_CORETYPE=")) == 0)
			return *e;
	return NULL;
}

static void plan_environment(struct worker_child *p)
{
	size_t n = 0;

	p->argv[0] = (char *)p->start->program;
	p->envp[n++] = (char *)"PATH=/usr/local/bin:/usr/bin:/bin";
	p->envp[n++] = (char *)"LANG=C.UTF-8";
	p->envp[n++] = p->threads;
	p->envp[n] = blas_core();
	n += p->envp[n] != NULL;
	/* LeakSanitizer traces its own process, which a worker may not. */
	if (SANITIZED)
		p->envp[n] = (char *)"ASAN_OPTIONS=detect_leaks=0";
}

int worker_child_plan(struct worker_child *p, const struct worker_start *start,
		      const struct worker_cgroup *cgroup)
{
	*p = (struct worker_child){ .start = start,
				    .cgroup = cgroup,
				    .socket = -1,
				    .null = -1,
				    .rules = -1,
				    .data = data_limit(start, cgroup),
				    .daemon = getpid() };
	/* Without root, the daemon serves none but its own user. */
	p->change_user = geteuid() == 0 && start->uid != 0;
	p->n_groups = parse_groups(start->groups, p->groups, WORKER_MAX_GROUPS);
	if (asprintf(&p->threads, "OPENBLAS_NUM_THREADS=%u", start->threads) < 0) {
		p->threads = NULL;
		return -ENOMEM;
	}
	plan_environment(p);
	p->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (p->null < 0)
		return -errno;
	return worker_sandbox_rules(start->sandbox, start->directory, &p->rules);
}

void worker_child_free(struct worker_child *p)
{
	closep(&p->socket);
	closep(&p->null);
	closep(&p->rules);
	free(p->threads);
}

/* The submitter's rights; root, for itself, keeps its name but none of its powers. */
static int child_become(const struct worker_child *p)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (!p->change_user)
		return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
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

/* What only some jobs have, out of the way of what it may stand on. -1: not this one. */
static int child_take_extras(const struct worker_child *p, int ret[WORKER_MEMORY_FD + 1])
{
	const int *session = p->start->session;

	ret[WORKER_DEVICE_FD] = p->start->device;
	ret[WORKER_SESSION_FD] = session ? session[0] : -1;
	ret[WORKER_MEMORY_FD] = session ? session[1] : -1;
	for (int k = WORKER_DEVICE_FD; k <= WORKER_MEMORY_FD; k++) {
		if (ret[k] < 0)
			continue;
		ret[k] = fcntl(ret[k], F_DUPFD, FREE_FD);
		if (ret[k] < 0)
			return -errno;
	}
	return 0;
}

static int child_place_extras(const int extra[WORKER_MEMORY_FD + 1])
{
	for (int k = WORKER_DEVICE_FD; k <= WORKER_MEMORY_FD; k++) {
		if (extra[k] < 0)
			close(k);
		else if (dup2(extra[k], k) < 0)
			return -errno;
	}
	return 0;
}

/*
 * fd 3 is the socket, 4 the device, 5 and 6 a session's, and one more, until the program is run,
 * Landlock's rules; all above is closed. First out of the way, for any may be 0 to 7 by now.
 */
static int child_descriptors(struct worker_child *p)
{
	int socket = fcntl(p->socket, F_DUPFD, FREE_FD);
	int directory = fcntl(p->start->directory, F_DUPFD, FREE_FD);
	int null = fcntl(p->null, F_DUPFD, FREE_FD), log;
	int rules = p->rules < 0 ? -1 : fcntl(p->rules, F_DUPFD, FREE_FD);
	int extra[WORKER_MEMORY_FD + 1], last = WORKER_MEMORY_FD, r;

	if (socket < 0 || directory < 0 || null < 0 || (p->rules >= 0 && rules < 0) ||
	    child_take_extras(p, extra) < 0)
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
	r = child_place_extras(extra);
	if (r < 0)
		return r;
	if (rules >= 0) {
		p->rules = ++last;
		if (dup3(rules, last, O_CLOEXEC) < 0)
			return -errno;
	}
	return close_range((unsigned int)last + 1, ~0U, 0) < 0 ? -errno : 0;
}

/* As much of it, soft and hard, as there may be; what is lower already stays. */
static int child_limit(int what, uint64_t limit)
{
	struct rlimit old, new;

	if (getrlimit((__rlimit_resource_t)what, &old) < 0)
		return -errno;
	new.rlim_max = MIN(old.rlim_max, (rlim_t)limit);
	new.rlim_cur = MIN(old.rlim_cur, new.rlim_max);
	return setrlimit((__rlimit_resource_t)what, &new) < 0 ? -errno : 0;
}

/* There is no use for core dumps, real time, and memory that cannot be swapped. */
static int child_limits(const struct worker_child *p)
{
	const struct {
		int what;
		uint64_t limit;
	} limits[] = {
		{ RLIMIT_CORE, 0 },	  { RLIMIT_FSIZE, p->start->file },
		{ RLIMIT_DATA, p->data }, { RLIMIT_STACK, STACK },
		{ RLIMIT_MEMLOCK, 0 },	  { RLIMIT_MSGQUEUE, 0 },
		{ RLIMIT_NICE, 0 },	  { RLIMIT_RTPRIO, 0 },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(limits); i++)
		r = child_limit(limits[i].what, limits[i].limit);
	return r;
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

/* Where memory runs out, jobs go first, and neither the daemon nor who sits at the machine. */
static void child_volunteer(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	/* Without it, it is as likely as any other. */
	if (write(fd, OOM_SCORE, strlen(OOM_SCORE)) < 0)
		errno = 0;
	close(fd);
}

/* What only the daemon may do, and then no more than the submitter may. */
static void child_descend(const struct worker_child *p)
{
	int r = worker_cgroup_enter(p->cgroup);

	if (r < 0)
		child_fail(p->socket, "its control group cannot be entered", r);
	child_volunteer();
	r = child_limits(p);
	if (r < 0)
		child_fail(p->socket, "its limits cannot be set", r);
	r = child_become(p);
	if (r < 0)
		child_fail(p->socket, "the submitter's rights cannot be taken", r);
	/* After the change of user, which clears it. The daemon may be gone by now. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		child_fail(p->socket, "prctl", -errno);
	if (getppid() != p->daemon)
		_exit(127);
}

/* Between fork() and exec(): only what is safe in a signal handler. */
_Noreturn void worker_child_run(struct worker_child *p)
{
	struct worker_sandbox *sandbox = p->start->sandbox;
	int r;

	setpgid(0, 0);
	child_signals();
	child_descend(p);
	r = child_descriptors(p);
	if (r < 0)
		child_fail(p->socket, "its files cannot be set up", r);
	r = worker_sandbox_open(sandbox, p->start->program);
	if (r < 0)
		child_fail(WORKER_FD, "pbit-worker cannot be run", r);
	r = worker_sandbox_close_in(sandbox, p->rules);
	if (r >= 0)
		r = child_limit(RLIMIT_NOFILE, (uint64_t)worker_sandbox_files(sandbox));
	if (r < 0)
		child_fail(WORKER_FD, "it cannot be closed in", r);
	r = worker_sandbox_run(sandbox, p->argv, p->envp);
	child_fail(WORKER_FD, "pbit-worker cannot be run", r);
}
