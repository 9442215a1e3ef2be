// SPDX-License-Identifier: MIT
/* A control group for each worker. */
#include "worker_cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#define ROOT	   "/sys/fs/cgroup"
#define LEAF	   "/daemon"
#define MAX_FILE   4096
#define MAX_WEIGHT 10000 /* cpu.weight is 1 to this; 100 is usual */

struct worker_cgroups {
	int ours, users;
	struct worker_cgroup *first; /* those in use */
};

struct worker_cgroup {
	struct worker_cgroups *tree;
	struct worker_cgroup *next;
	char path[64]; /* below users/ */
	int directory, procs;
};

static int get(int directory, const char *name, char *ret, size_t size)
{
	_cleanup_close_ int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);

	if (n < 0)
		return -errno;
	ret[n] = '\0';
	return 0;
}

_printf_(3, 4) static int put(int directory, const char *name, const char *fmt, ...)
{
	_cleanup_close_ int fd = openat(directory, name, O_WRONLY | O_CLOEXEC);
	char text[64];
	va_list ap;
	int n;

	if (fd < 0)
		return -errno;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return write(fd, text, (size_t)n) < 0 ? -errno : 0;
}

/* The number behind a word at the start of a line, as in memory.events; 0 without it. */
static uint64_t number_of(const char *text, const char *word)
{
	size_t size = strlen(word);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, word, size) && line[size] == ' ')
			return strtoull(line + size + 1, NULL, 10);
	}
	return 0;
}

static int make_directory(int at, const char *name, int *ret)
{
	int fd;

	if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	*ret = fd;
	return 0;
}

static int share_controllers(int directory)
{
	return put(directory, "cgroup.subtree_control", "+cpu +memory +pids");
}

/*
 * "0::/system.slice/pbitd.service" is where we are, or below it already, by DelegateSubgroup=. The
 * root is nobody's to take.
 */
static int open_ours(int *ret, struct err *e)
{
	char text[MAX_FILE], path[MAX_FILE + 32], *own, *end;
	struct statfs fs;
	int fd;

	if (statfs(ROOT, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
		return err_set(e, -EOPNOTSUPP, "no unified hierarchy is at " ROOT);
	if (get(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) < 0)
		return err_set(e, -EOPNOTSUPP, "/proc/self/cgroup cannot be read");
	own = strstr(text, "0::/");
	end = own ? strchr(own, '\n') : NULL;
	if (!end || end == own + 4)
		return err_set(e, -EOPNOTSUPP, "the daemon has no group of its own");
	*end = '\0';
	if (end - own > (ptrdiff_t)strlen(LEAF) && !strcmp(end - strlen(LEAF), LEAF))
		end[-(ptrdiff_t)strlen(LEAF)] = '\0';
	snprintf(path, sizeof(path), ROOT "%s", own + 3);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, -EOPNOTSUPP, "%s: %s", path, strerror(errno));
	*ret = fd;
	return 0;
}

/* The service manager says so by an attribute; and there is nobody there but us. */
static int check_ours(int ours, struct err *e)
{
	char text[MAX_FILE], own[32], yes[2] = "";

	snprintf(own, sizeof(own), "%d\n", (int)getpid());
	if (fgetxattr(ours, "user.delegate", yes, 1) != 1 || yes[0] != '1')
		return err_set(e, -EOPNOTSUPP,
			       "the daemon's group is not delegated to it (Delegate=)");
	if (get(ours, "cgroup.procs", text, sizeof(text)) < 0 || (*text && strcmp(text, own)))
		return err_set(e, -EOPNOTSUPP, "the daemon is not alone in its group");
	if (faccessat(ours, "cgroup.kill", W_OK, AT_EACCESS) < 0)
		return err_set(e, -EOPNOTSUPP, "%s",
			       errno == ENOENT ? "the kernel is older than 5.14" :
						 "its files cannot be written");
	return 0;
}

/* What a daemon before us left there; whatever still runs is killed, for nobody follows it. */
static void clear(int ours)
{
	_cleanup_close_ int users = openat(ours, "users", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (users >= 0)
		put(users, "cgroup.kill", "1");
}

/* Below users, or a user: all groups that are empty and not in use. */
static void sweep(struct worker_cgroups *t, const char *user)
{
	int fd = openat(t->users, user, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!d) {
		closep(&fd);
		return;
	}
	while ((entry = readdir(d))) {
		const struct worker_cgroup *g = t->first;
		char path[sizeof(g->path) + sizeof(entry->d_name)];

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", user, entry->d_name);
		while (g && strcmp(g->path, path))
			g = g->next;
		if (!g)
			unlinkat(dirfd(d), entry->d_name, AT_REMOVEDIR);
	}
	closedir(d);
}

int worker_cgroups_new(struct worker_cgroups **ret, struct err *e)
{
	_cleanup_close_ int ours = -1, daemon = -1, users = -1;
	struct worker_cgroups *t;
	int r = open_ours(&ours, e);

	if (r >= 0)
		r = check_ours(ours, e);
	if (r < 0)
		return r;
	clear(ours);
	r = make_directory(ours, &LEAF[1], &daemon);
	if (r >= 0)
		r = put(daemon, "cgroup.procs", "%d", (int)getpid());
	if (r >= 0)
		r = share_controllers(ours);
	if (r >= 0)
		r = make_directory(ours, "users", &users);
	if (r >= 0)
		r = share_controllers(users);
	if (r < 0)
		return err_set(e, -EOPNOTSUPP, "the daemon's group cannot be divided: %s",
			       strerror(-r));
	t = calloc(1, sizeof(*t));
	if (!t)
		return err_oom(e);
	t->ours = TAKE_FD(ours);
	t->users = TAKE_FD(users);
	*ret = t;
	return 0;
}

struct worker_cgroups *worker_cgroups_free(struct worker_cgroups *t)
{
	if (!t)
		return NULL;
	closep(&t->ours);
	closep(&t->users);
	free(t);
	return NULL;
}

static unsigned int cpu_weight(double weight)
{
	return (unsigned int)MAX(1.0, MIN(100 * weight, (double)MAX_WEIGHT));
}

/* The user's own group stays as long as a job of his is there. */
static int open_user(struct worker_cgroups *t, const char *user, double weight, int *ret)
{
	_cleanup_close_ int fd = -1;
	int r = make_directory(t->users, user, &fd);

	if (r >= 0)
		r = share_controllers(fd);
	if (r >= 0)
		r = put(fd, "cpu.weight", "%u", cpu_weight(weight));
	if (r < 0)
		return r;
	*ret = TAKE_FD(fd);
	return 0;
}

static int set_limits(int directory, const struct worker_cgroup_limits *limits)
{
	int r = put(directory, "memory.max", "%" PRIu64, limits->memory);

	if (r >= 0)
		r = put(directory, "memory.oom.group", "1");
	if (r >= 0)
		r = put(directory, "pids.max", "%u", limits->tasks);
	/* Not there on a kernel without swap. */
	if (r >= 0 && put(directory, "memory.swap.max", "0") < 0 && errno != ENOENT)
		r = -errno;
	return r;
}

/* Made anew, so that what its files count is this job's alone. */
static int open_job(int user, const char *name, int *ret)
{
	if (unlinkat(user, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return -errno;
	return make_directory(user, name, ret);
}

int worker_cgroup_make(struct worker_cgroups *t, uid_t uid, uint64_t job,
		       const struct worker_cgroup_limits *limits, struct worker_cgroup **ret,
		       struct err *e)
{
	_cleanup_close_ int user = -1, directory = -1;
	struct worker_cgroup *g;
	char name[2][32];
	int r;

	if (!t) {
		*ret = NULL;
		return 0;
	}
	snprintf(name[0], sizeof(name[0]), "%u", (unsigned int)uid);
	snprintf(name[1], sizeof(name[1]), "%" PRIu64, job);
	sweep(t, name[0]);
	r = open_user(t, name[0], limits->weight, &user);
	if (r >= 0)
		r = open_job(user, name[1], &directory);
	if (r >= 0)
		r = set_limits(directory, limits);
	if (r < 0)
		return err_set(e, r, "its control group cannot be made: %s", strerror(-r));
	g = calloc(1, sizeof(*g));
	if (!g)
		return err_oom(e);
	snprintf(g->path, sizeof(g->path), "%s/%s", name[0], name[1]);
	g->procs = openat(directory, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	g->directory = TAKE_FD(directory);
	g->tree = t;
	g->next = t->first;
	t->first = g;
	*ret = g;
	return 0;
}

int worker_cgroup_enter(const struct worker_cgroup *g)
{
	if (!g)
		return 0;
	return write(g->procs, "0", 1) < 0 ? -errno : 0;
}

bool worker_cgroup_ran_out(const struct worker_cgroup *g)
{
	char text[MAX_FILE];

	/* A kill without a limit of its own reached is the service's memory, or the machine's. */
	return g && get(g->directory, "memory.events", text, sizeof(text)) >= 0 &&
	       number_of(text, "oom") > 0 && number_of(text, "oom_kill") > 0;
}

static void leave_list(struct worker_cgroup *g)
{
	struct worker_cgroup **p = &g->tree->first;

	while (*p != g)
		p = &(*p)->next;
	*p = g->next;
}

struct worker_cgroup *worker_cgroup_free(struct worker_cgroup *g)
{
	char *slash;

	if (!g)
		return NULL;
	put(g->directory, "cgroup.kill", "1");
	closep(&g->procs);
	closep(&g->directory);
	leave_list(g);
	/* What was killed just now may take a moment; then the next one sweeps. */
	if (unlinkat(g->tree->users, g->path, AT_REMOVEDIR) >= 0) {
		slash = strchr(g->path, '/');
		*slash = '\0';
		unlinkat(g->tree->users, g->path, AT_REMOVEDIR);
	}
	free(g);
	return NULL;
}
