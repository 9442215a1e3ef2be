// SPDX-License-Identifier: MIT
/* What keeps a worker to its job. */
#include "worker_sandbox.h"

#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "worker_filter.h"
#include "worker_landlock.h"

struct worker_sandbox {
	struct worker_filter filter;
	struct worker_landlock *landlock;
	int program; /* the descriptor */
	char name[48];
};

/* The last one that the daemon itself may have, where its limit is low. */
static int place_of_program(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur > WORKER_OPEN_FILES)
		return WORKER_OPEN_FILES;
	return (int)files.rlim_cur - 1;
}

int worker_sandbox_new(struct worker_sandbox **ret, struct err *e)
{
	struct worker_sandbox *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_oom(e);
	s->program = place_of_program();
	r = worker_filter_make(s->program, &s->filter, e);
	if (r >= 0)
		r = worker_landlock_new(&s->landlock, e);
	if (r < 0) {
		worker_sandbox_free(s);
		return r;
	}
	if (worker_sandbox_has_landlock(s))
		snprintf(s->name, sizeof(s->name), "seccomp, Landlock %d",
			 worker_landlock_version(s->landlock));
	else
		snprintf(s->name, sizeof(s->name), "seccomp, no Landlock");
	*ret = s;
	return 0;
}

struct worker_sandbox *worker_sandbox_free(struct worker_sandbox *s)
{
	if (!s)
		return NULL;
	worker_filter_free(&s->filter);
	worker_landlock_free(s->landlock);
	free(s);
	return NULL;
}

const char *worker_sandbox_name(const struct worker_sandbox *s)
{
	return s->name;
}

bool worker_sandbox_has_landlock(const struct worker_sandbox *s)
{
	return worker_landlock_version(s->landlock) > 0;
}

int worker_sandbox_files(const struct worker_sandbox *s)
{
	return s->program;
}

int worker_sandbox_rules(const struct worker_sandbox *s, int directory, int *ret)
{
	return worker_landlock_rules(s->landlock, directory, ret);
}

int worker_sandbox_open(const struct worker_sandbox *s, const char *program)
{
	int fd = open(program, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fd != s->program && dup3(fd, s->program, O_CLOEXEC) < 0)
		return -errno;
	if (fd != s->program)
		close(fd);
	return 0;
}

int worker_sandbox_close_in(const struct worker_sandbox *s, int rules)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return worker_landlock_enter(s->landlock, rules, s->program);
}

int worker_sandbox_run(struct worker_sandbox *s, char *const *argv, char *const *envp)
{
	int r = worker_filter_enter(&s->filter);

	if (r < 0)
		return r;
	syscall(SYS_execveat, s->program, "", argv, envp, AT_EMPTY_PATH);
	return -errno;
}
