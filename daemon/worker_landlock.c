// SPDX-License-Identifier: MIT
/* The files that a worker may reach. */
#include "worker_landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/syscall.h>

/* Newer than the headers of Debian 12. */
#define ACCESS_REFER	  (1ull << 13)
#define ACCESS_TRUNCATE	  (1ull << 14)
#define ACCESS_IOCTL_DEV  (1ull << 15)
#define NET_TCP		  3ull /* bind and connect */
#define SCOPE_ALL	  3ull /* abstract sockets and signals */
#define VERSION_REFER	  2
#define VERSION_TRUNCATE  3
#define VERSION_NET	  4
#define VERSION_IOCTL_DEV 5
#define VERSION_SCOPE	  6

#define ACCESS_FIRST ((1ull << 13) - 1) /* all that version 1 knows */
#define ACCESS_FILE                                                   \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
	 LANDLOCK_ACCESS_FS_READ_FILE | ACCESS_TRUNCATE | ACCESS_IOCTL_DEV)

#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RUN  (READ | LANDLOCK_ACCESS_FS_EXECUTE)
#define OWN                                                                      \
	(READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
	 LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |           \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | ACCESS_REFER | ACCESS_TRUNCATE)

/* struct landlock_ruleset_attr as of version 6; what an older kernel does not know has to be 0. */
struct ruleset {
	uint64_t fs, net, scoped;
};

static const struct place {
	const char *path;
	uint64_t access;
} places[] = {
	/* Libraries; a directory that is a link to another is that one. */
	{ "/usr", RUN },
	{ "/lib", RUN },
	{ "/lib64", RUN },
	{ "/etc/ld.so.cache", READ },
	{ "/etc/ld.so.preload", READ },
	{ "/etc/localtime", READ },
	{ "/dev/null", READ | LANDLOCK_ACCESS_FS_WRITE_FILE },
	{ "/dev/urandom", READ },
	/* What the C library and OpenBLAS look at: processors and memory. */
	{ "/proc/cpuinfo", READ },
	{ "/proc/meminfo", READ },
	{ "/proc/stat", READ },
	{ "/proc/sys/vm/overcommit_memory", READ },
	{ "/sys/devices/system/cpu", READ },
	{ "/sys/devices/system/node", READ },
};

struct worker_landlock {
	int version;
	uint64_t handled;
	int fds[ARRAY_SIZE(places)]; /* -1: not there */
};

static int create_ruleset(const struct ruleset *r, size_t size, unsigned int flags)
{
	long fd = syscall(SYS_landlock_create_ruleset, r, size, flags);

	return fd < 0 ? -errno : (int)fd;
}

static int allow(const struct worker_landlock *l, int rules, int fd, uint64_t access)
{
	struct landlock_path_beneath_attr a = { .allowed_access = access & l->handled,
						.parent_fd = fd };

	return syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &a, 0) < 0 ?
		       -errno :
		       0;
}

/* Rights to a file are fewer than those to a directory, and the kernel insists on it. */
static int allow_place(const struct worker_landlock *l, int rules, int fd, uint64_t access)
{
	int r = allow(l, rules, fd, access);

	return r == -EINVAL ? allow(l, rules, fd, access & ACCESS_FILE) : r;
}

static uint64_t handled_by(int version)
{
	uint64_t all = ACCESS_FIRST;

	if (version >= VERSION_REFER)
		all |= ACCESS_REFER;
	if (version >= VERSION_TRUNCATE)
		all |= ACCESS_TRUNCATE;
	if (version >= VERSION_IOCTL_DEV)
		all |= ACCESS_IOCTL_DEV;
	return all;
}

int worker_landlock_new(struct worker_landlock **ret, struct err *e)
{
	struct worker_landlock *l = calloc(1, sizeof(*l));

	if (!l)
		return err_oom(e);
	/* Not built in, or switched off: below 0. */
	l->version = MAX(create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION), 0);
	l->handled = handled_by(l->version);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		l->fds[i] = l->version > 0 ? open(places[i].path, O_PATH | O_CLOEXEC) : -1;
	*ret = l;
	return 0;
}

struct worker_landlock *worker_landlock_free(struct worker_landlock *l)
{
	if (!l)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		closep(&l->fds[i]);
	free(l);
	return NULL;
}

int worker_landlock_version(const struct worker_landlock *l)
{
	return l->version;
}

int worker_landlock_rules(const struct worker_landlock *l, int directory, int *ret)
{
	struct ruleset all = { .fs = l->handled,
			       .net = l->version >= VERSION_NET ? NET_TCP : 0,
			       .scoped = l->version >= VERSION_SCOPE ? SCOPE_ALL : 0 };
	_cleanup_close_ int rules = -1;
	int r = 0;

	if (l->version == 0) {
		*ret = -1;
		return 0;
	}
	rules = create_ruleset(&all, sizeof(all), 0);
	if (rules < 0)
		return TAKE_FD(rules);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(places); i++)
		if (l->fds[i] >= 0)
			r = allow_place(l, rules, l->fds[i], places[i].access);
	if (r == 0)
		r = allow(l, rules, directory, OWN);
	if (r < 0)
		return r;
	*ret = TAKE_FD(rules);
	return 0;
}

int worker_landlock_enter(const struct worker_landlock *l, int rules, int program)
{
	int self, r;

	if (rules < 0)
		return 0;
	r = allow_place(l, rules, program, LANDLOCK_ACCESS_FS_EXECUTE | READ);
	if (r < 0)
		return r;
	/* Which it is, only the worker knows. Without /proc it does without. */
	self = open("/proc/self", O_PATH | O_CLOEXEC);
	if (self >= 0) {
		allow(l, rules, self, READ);
		close(self);
	}
	return syscall(SYS_landlock_restrict_self, rules, 0) < 0 ? -errno : 0;
}
