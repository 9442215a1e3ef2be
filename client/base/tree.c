// SPDX-License-Identifier: MIT
/* rm -r by descriptors. */
#include "tree.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Levels that are held open at a time; what is deeper is moved up first. */
#define MAX_LEVELS 16

/* The topmost directory of one owner, to which those too deep in it are moved. */
struct base {
	int fd;
	uid_t owner;
	unsigned long number; /* of the last name given there */
	bool moved;
};

int tree_open(int at, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	struct open_how how = { .flags = (unsigned int)flags, .resolve = RESOLVE_NO_XDEV };
	int fd = -1;

	errno = ENOSYS;
	if (!strchr(name, '/'))
		fd = (int)syscall(SYS_openat2, at, name, &how, sizeof(how));
	/* EPERM: a filter that does not know the call. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = openat(at, name, flags);
	return fd < 0 ? -errno : fd;
}

bool tree_may_go_on(atomic_llong *left)
{
	return !left || atomic_fetch_sub(left, 1) > 0;
}

/* Its owner may have taken the rights to it from himself, as whom the caller may run. */
static int open_writable(int at, const char *name, struct stat *ret)
{
	_cleanup_close_ int fd = tree_open(at, name);

	if (fd == -EACCES && fchmodat(at, name, 0700, AT_SYMLINK_NOFOLLOW) == 0)
		fd = tree_open(at, name);
	if (fd < 0)
		return fd;
	if (fstat(fd, ret) < 0)
		return -errno;
	if ((ret->st_mode & 0300) != 0300 && ret->st_uid == geteuid())
		fchmod(fd, 0700);
	return TAKE_FD(fd);
}

/*
 * To a new name in the base. Where the owner swaps it meanwhile, another directory of his tree goes
 * to another place in it, and is looked at there before it is entered.
 */
static int move_up(int at, const char *name, struct base *base, atomic_llong *left)
{
	struct stat st;

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (st.st_uid != base->owner)
		return -EPERM;
	/* Others than root need it for a move; what has come to the name since is as much theirs. */
	if ((st.st_mode & 0200) == 0 && st.st_uid == geteuid() &&
	    fchmodat(at, name, 0700, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	while (tree_may_go_on(left)) {
		char to[32];

		snprintf(to, sizeof(to), ".deep-%lu", ++base->number);
		if (renameat(at, name, base->fd, to) == 0) {
			base->moved = true;
			return 0;
		}
		if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR && errno != EISDIR)
			return errno == ENOENT ? 0 : -errno;
	}
	return -EAGAIN;
}

static int empty_all(int fd, const struct stat *st, atomic_llong *left);
static int empty(DIR *d, struct base *base, unsigned int level, atomic_llong *left);

static int empty_below(int at, const char *name, struct base *base, unsigned int level,
		       atomic_llong *left)
{
	_cleanup_(closedirp) DIR *d = NULL;
	struct stat st;
	int fd;

	if (base && level == MAX_LEVELS)
		return move_up(at, name, base, left);
	fd = open_writable(at, name, &st);
	if (fd < 0)
		return fd;
	if (!base || (st.st_uid != base->owner && base->owner == geteuid()))
		return empty_all(fd, &st, left);
	d = st.st_uid == base->owner ? fdopendir(fd) : NULL;
	if (!d) {
		close(fd);
		return st.st_uid == base->owner ? -ENOMEM : -EPERM;
	}
	return empty(d, base, level + 1, left);
}

static int remove_at(int at, const char *name, struct base *base, unsigned int level,
		     atomic_llong *left)
{
	int r;

	if (!tree_may_go_on(left))
		return -EAGAIN;
	if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	r = -errno;
	/* An empty one, of whomever, goes as a file does. */
	if (unlinkat(at, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return errno == ENOTDIR ? r : -errno;
	r = empty_below(at, name, base, level, left);
	if (unlinkat(at, name, AT_REMOVEDIR) < 0 && errno != ENOENT && r == 0 &&
	    !(base && base->moved))
		r = -errno;
	return r;
}

static int empty(DIR *d, struct base *base, unsigned int level, atomic_llong *left)
{
	const struct dirent *entry;
	int first = 0;

	while (first != -EAGAIN && (entry = readdir(d))) {
		int r;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		r = remove_at(dirfd(d), entry->d_name, base, level, left);
		if (r < 0 && (first == 0 || r == -EAGAIN))
			first = r;
	}
	return first;
}

/* Takes over fd. As often as something came up from below. */
static int empty_all(int fd, const struct stat *st, atomic_llong *left)
{
	struct base base = { .fd = fd, .owner = st->st_uid };
	_cleanup_(closedirp) DIR *d = fdopendir(fd);
	int r;

	if (!d) {
		close(fd);
		return -ENOMEM;
	}
	do {
		base.moved = false;
		rewinddir(d);
		r = empty(d, &base, 1, left);
	} while (base.moved && r != -EAGAIN);
	return r;
}

int tree_remove_some(int at, const char *name, atomic_llong *left)
{
	return remove_at(at, name, NULL, 0, left);
}
