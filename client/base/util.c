// SPDX-License-Identifier: MIT
/* Aligned zeroed memory, and reads and writes that finish or fail. */
#include "util.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define CACHE_LINE 64

void *alloc_zeroed(size_t n, size_t size)
{
	size_t bytes, rounded;
	void *p;

	if (!size_mul(n, size, &bytes) || !size_add(bytes, CACHE_LINE - 1, &rounded))
		return NULL;
	/* aligned_alloc wants a multiple of the alignment; an empty array is still a pointer. */
	rounded &= ~(size_t)(CACHE_LINE - 1);
	if (rounded == 0)
		rounded = CACHE_LINE;
	if (rounded > PTRDIFF_MAX)
		return NULL;

	p = aligned_alloc(CACHE_LINE, rounded);
	if (p)
		memset(p, 0, rounded);
	return p;
}

int read_full(int fd, void *buf, size_t size)
{
	char *p = buf;

	while (size > 0) {
		ssize_t n = read(fd, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

int pread_full(int fd, void *buf, size_t size, off_t offset)
{
	char *p = buf;

	while (size > 0) {
		ssize_t n = pread(fd, p, size, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		p += n;
		offset += n;
		size -= (size_t)n;
	}
	return 0;
}

int write_full(int fd, const void *buf, size_t size)
{
	const char *p = buf;

	while (size > 0) {
		ssize_t n = write(fd, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

static int sync_directory(int dirfd)
{
	_cleanup_close_ int fd = -1;

	/* dirfd may be AT_FDCWD or an O_PATH descriptor, which fsync does not take. */
	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fsync(fd) < 0 ? -errno : 0;
}

/* The temporary's name is derived from name, so that one that a crash left is found and removed. */
static int temporary_name(const char *name, char **ret)
{
	if (!*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EINVAL;
	return asprintf(ret, ".%s.tmp", name) < 0 ? -ENOMEM : 0;
}

static int write_and_rename(int dirfd, const char *tmp, const char *name, const void *buf,
			    size_t size)
{
	_cleanup_close_ int fd = -1;
	int r;

	/* Whatever a crash left there, or a link that would lead elsewhere: never written through. */
	unlinkat(dirfd, tmp, 0);
	fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	r = write_full(fd, buf, size);
	if (r < 0)
		return r;
	if (fsync(fd) < 0)
		return -errno;
	/* A full disk behind NFS may speak up only here. */
	if (close(TAKE_FD(fd)) < 0 && errno != EINTR)
		return -errno;
	if (renameat(dirfd, tmp, dirfd, name) < 0)
		return -errno;
	return 0;
}

int write_file_atomic(int dirfd, const char *name, const void *buf, size_t size)
{
	_cleanup_free_ char *tmp = NULL;
	int r;

	r = temporary_name(name, &tmp);
	if (r < 0)
		return r;
	r = write_and_rename(dirfd, tmp, name, buf, size);
	if (r < 0) {
		unlinkat(dirfd, tmp, 0);
		return r;
	}
	return sync_directory(dirfd);
}
