// SPDX-License-Identifier: MIT
/* Copies of files and bytes into memory that nobody can change any more. */
#include "memfd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#define CONTENT_SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK)
#define COPY_CHUNK    ((size_t)64 << 10)
#define SEND_CHUNK    ((size_t)1 << 30)

static int memfd_new(const char *name, struct err *e)
{
	int fd;

	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return err_set(e, -errno, "cannot get shared memory: %m");
	return fd;
}

static int seal(int fd, struct err *e)
{
	if (lseek(fd, 0, SEEK_SET) < 0 || fcntl(fd, F_ADD_SEALS, CONTENT_SEALS | F_SEAL_SEAL) < 0)
		return err_set(e, -errno, "cannot seal shared memory: %m");
	return 0;
}

static int open_regular(const char *path, uint64_t *ret_size, struct err *e)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	/* O_NONBLOCK: a FIFO without a writer must not hang us; O_NOCTTY: nor a terminal adopt us. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_set(e, -errno, "cannot be opened: %m");
	if (fstat(fd, &st) < 0)
		return err_set(e, -errno, "cannot be examined: %m");
	if (S_ISDIR(st.st_mode))
		return err_set(e, -EISDIR, "is a directory; give a file");
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL,
			       "is not a regular file (a pipe, socket or device); save "
			       "its data to a file first");
	if ((uint64_t)st.st_size > MEMFD_MAX_BYTES)
		return err_set(e, -EFBIG, "%ju bytes are more than the limit of %ju; split it",
			       (uintmax_t)st.st_size, (uintmax_t)MEMFD_MAX_BYTES);
	*ret_size = (uint64_t)st.st_size;
	return TAKE_FD(fd);
}

/* For file systems that sendfile() does not read from. */
static int copy_by_hand(int from, int to, struct err *e)
{
	_cleanup_free_ char *buf = malloc(COPY_CHUNK);
	uint64_t total = 0;

	if (!buf)
		return err_oom(e);
	for (;;) {
		ssize_t n = read(from, buf, COPY_CHUNK);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, -errno, "cannot be read: %m");
		if (n == 0)
			return 0;
		total += (uint64_t)n;
		if (total > MEMFD_MAX_BYTES)
			return err_set(e, -EFBIG, "grew above the limit of %ju bytes; split it",
				       (uintmax_t)MEMFD_MAX_BYTES);
		r = write_full(to, buf, (size_t)n);
		if (r < 0) {
			errno = -r;
			return err_set(e, r, "cannot be copied to memory: %m");
		}
	}
}

/* Copies exactly the size that was seen at opening, unless the file says less or nothing (proc). */
static int copy(int from, int to, uint64_t size, struct err *e)
{
	while (size > 0) {
		ssize_t n = sendfile(to, from, NULL, (size_t)MIN(size, (uint64_t)SEND_CHUNK));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EINVAL || errno == ENOSYS))
			return copy_by_hand(from, to, e);
		if (n < 0)
			return err_set(e, -errno, "cannot be copied to memory: %m");
		if (n == 0)
			return err_set(e, -EIO,
				       "ended early while it was read; is it still being "
				       "written?");
		size -= (uint64_t)n;
	}
	return 0;
}

static int from_file(const char *path, struct err *e)
{
	_cleanup_close_ int from = -1, to = -1;
	uint64_t size = 0;
	int r;

	from = open_regular(path, &size, e);
	if (from < 0)
		return from;
	to = memfd_new("pbit-file", e);
	if (to < 0)
		return to;
	/* Files of /proc and /sys claim no size, or a page; reading tells. */
	r = size > 0 ? copy(from, to, size, e) : copy_by_hand(from, to, e);
	if (r < 0)
		return r;
	r = seal(to, e);
	if (r < 0)
		return r;
	return TAKE_FD(to);
}

int memfd_from_file(const char *path, struct err *e)
{
	int fd;

	fd = from_file(path, e);
	if (fd < 0)
		err_prefix(e, path);
	return fd;
}

int memfd_from_bytes(const char *name, const void *buf, size_t size, struct err *e)
{
	_cleanup_close_ int fd = -1;
	int r;

	fd = memfd_new(name, e);
	if (fd < 0)
		return fd;
	r = write_full(fd, buf, size);
	if (r < 0) {
		errno = -r;
		return err_set(e, r, "cannot fill shared memory: %m");
	}
	r = seal(fd, e);
	if (r < 0)
		return r;
	return TAKE_FD(fd);
}

int memfd_check_sealed(int fd, uint64_t *ret_size, struct err *e)
{
	struct stat st;
	int seals;

	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0)
		return err_set(e, errno == EBADF ? -EBADF : -EINVAL,
			       "the descriptor is no memfd; send files as sealed memfds");
	if ((seals & CONTENT_SEALS) != CONTENT_SEALS)
		return err_set(e, -EPERM,
			       "the memfd is not sealed; add F_SEAL_WRITE, F_SEAL_GROW and "
			       "F_SEAL_SHRINK");
	if (fstat(fd, &st) < 0)
		return err_set(e, -errno, "the memfd cannot be examined: %m");
	/* Sealing works on tmpfs and hugetlbfs alone, and there on regular files alone. */
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > MEMFD_MAX_BYTES)
		return err_set(e, -EFBIG, "the memfd is above the limit of %ju bytes",
			       (uintmax_t)MEMFD_MAX_BYTES);
	if (ret_size)
		*ret_size = (uint64_t)st.st_size;
	return 0;
}
