// SPDX-License-Identifier: MIT
/* Input files by descriptor: what readers of every format ask of one. */
#include "file.h"

#include <sys/stat.h>

int file_size(int fd, uint64_t *ret, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(e, -errno, "cannot be examined: %m");
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL,
			       "not a regular file; give a file, not a pipe or directory");
	*ret = (uint64_t)st.st_size;
	return 0;
}

int file_read_at(int fd, void *buf, size_t size, uint64_t offset, struct err *e)
{
	int r;

	r = pread_full(fd, buf, size, (off_t)offset);
	/* The size was checked before: the file shrank meanwhile. */
	if (r == -EIO)
		return err_set(e, r, "ended early while it was read; is it still being written?");
	if (r < 0) {
		errno = -r;
		return err_set(e, r, "cannot be read: %m");
	}
	return 0;
}
