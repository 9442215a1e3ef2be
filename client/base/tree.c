// SPDX-License-Identifier: MIT
/* rm -r and du by descriptors. */
#include "tree.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define TREE_MAX_DEPTH 32

static int remove_at(int at, const char *name, unsigned int depth);

static int remove_contents(int fd, unsigned int depth)
{
	_cleanup_(closedirp) DIR *d = fdopendir(fd);
	const struct dirent *entry;
	int first = 0;

	if (!d) {
		int r = -errno;

		close(fd);
		return r;
	}
	while ((entry = readdir(d))) {
		int r;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		r = remove_at(dirfd(d), entry->d_name, depth + 1);
		if (r < 0 && first == 0)
			first = r;
	}
	return first;
}

static int remove_at(int at, const char *name, unsigned int depth)
{
	int fd, r;

	if (depth > TREE_MAX_DEPTH)
		return -ELOOP;
	if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = remove_contents(fd, depth);
	if (unlinkat(at, name, AT_REMOVEDIR) < 0 && errno != ENOENT && r == 0)
		r = -errno;
	return r;
}

int tree_remove(int at, const char *name)
{
	return remove_at(at, name, 0);
}

#define BLOCK_BYTES 512

static int64_t bytes_of(const struct stat *st)
{
	return (int64_t)st->st_blocks * BLOCK_BYTES / MAX((int64_t)st->st_nlink, (int64_t)1);
}

static int64_t bytes_at(int at, const char *name, unsigned int depth)
{
	_cleanup_(closedirp) DIR *d = NULL;
	const struct dirent *entry;
	struct stat st;
	int64_t sum;
	int fd;

	if (depth > TREE_MAX_DEPTH)
		return -ELOOP;
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return bytes_of(&st);
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		int r = -errno;

		if (fd >= 0)
			close(fd);
		return r;
	}
	sum = (int64_t)st.st_blocks * BLOCK_BYTES;
	while ((entry = readdir(d))) {
		int64_t bytes;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		bytes = bytes_at(dirfd(d), entry->d_name, depth + 1);
		/* What goes away meanwhile is not there. */
		if (bytes < 0 && bytes != -ENOENT && bytes != -ENOTDIR)
			return bytes;
		sum += MAX(bytes, (int64_t)0);
	}
	return sum;
}

int64_t tree_bytes(int at, const char *name)
{
	return bytes_at(at, name, 0);
}
