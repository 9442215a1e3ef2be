/* SPDX-License-Identifier: MIT */
#include "job.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int write_error(const char *name, int r, struct err *e)
{
	return err_set(e, r,
		       "%s: cannot write: %s; make room or mend the permissions, and submit "
		       "the job again",
		       name, strerror(-r));
}

int job_write(const struct job *job, const char *name, const void *buf, size_t size, struct err *e)
{
	char place[64];
	int r = write_file_atomic(job->out, name, buf, size);

	if (r >= 0)
		return 0;
	snprintf(place, sizeof(place), "out/%s", name);
	return write_error(place, r, e);
}

int job_write_json(const struct job *job, const char *name, json_t *object, struct err *e)
{
	_cleanup_free_ char *text = object ? json_dumps(object, JSON_INDENT(2)) : NULL;
	size_t size;

	json_decref(object);
	if (!text)
		return err_oom(e);
	size = strlen(text);
	text[size] = '\n'; /* in the terminator's place */
	return job_write(job, name, text, size + 1, e);
}

int job_log_open(struct job_log *l, int dirfd, const char *name, uint64_t size, struct err *e)
{
	_cleanup_close_ int fd =
		openat(dirfd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return write_error(name, -errno, e);
	if ((uint64_t)st.st_size < size)
		return -ENODATA;
	if (ftruncate(fd, (off_t)size) < 0)
		return write_error(name, -errno, e);
	*l = (struct job_log){ .fd = TAKE_FD(fd), .name = name, .size = size };
	return 0;
}

int job_log_append(struct job_log *l, const void *buf, size_t size, struct err *e)
{
	const char *p = buf;

	for (size_t done = 0; done < size;) {
		ssize_t k = pwrite(l->fd, p + done, size - done, (off_t)(l->size + done));

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return write_error(l->name, k < 0 ? -errno : -EIO, e);
		done += (size_t)k;
	}
	l->size += size;
	return 0;
}

int job_log_sync(struct job_log *l, struct err *e)
{
	return fdatasync(l->fd) < 0 ? write_error(l->name, -errno, e) : 0;
}

void job_log_close(struct job_log *l)
{
	closep(&l->fd);
}
