// SPDX-License-Identifier: MIT
/* A job's directory, from nothing to its final name. */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "workspace_dir.h"

#define COPY_BYTES ((size_t)256 << 10)

static bool is_abandoned(const struct workspace_input *in)
{
	return in->abandoned && atomic_load(in->abandoned);
}

static int copy_bytes(int to, const struct workspace_input *in, void *buf)
{
	for (uint64_t done = 0; done < in->size;) {
		size_t piece = (size_t)MIN(in->size - done, (uint64_t)COPY_BYTES);
		int r = is_abandoned(in) ? -ECANCELED : pread_full(in->fd, buf, piece, (off_t)done);

		if (r >= 0)
			r = write_full(to, buf, piece);
		if (r < 0)
			return r;
		done += piece;
	}
	return 0;
}

/* Allocated first, so that a disk which cannot hold the file says so at once. */
static int copy_input(int directory, size_t index, const struct workspace_input *in, void *buf,
		      uid_t uid, gid_t gid)
{
	_cleanup_close_ int fd = -1;
	char name[WORKSPACE_NAME_BYTES];
	int r;

	snprintf(name, sizeof(name), "%zu", index);
	fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (fd < 0)
		return -errno;
	if (in->size > 0 && fallocate(fd, 0, 0, (off_t)in->size) < 0 && errno != EOPNOTSUPP)
		return -errno;
	r = copy_bytes(fd, in, buf);
	if (r >= 0)
		r = workspace_give(fd, uid, gid);
	/* Gigabytes take their time to reach the disk. */
	if (r >= 0 && is_abandoned(in))
		r = -ECANCELED;
	if (r < 0)
		return r;
	return fsync(fd) < 0 ? -errno : 0;
}

static int copy_inputs(int job, const struct workspace_input *inputs, size_t n, uid_t uid,
		       gid_t gid)
{
	_cleanup_free_ void *buf = malloc(COPY_BYTES);
	_cleanup_close_ int directory = -1;
	int r;

	if (!buf)
		return -ENOMEM;
	r = directory = workspace_new_directory(job, "input", workspace_mode());
	for (size_t i = 0; i < n && r >= 0; i++)
		r = copy_input(directory, i, &inputs[i], buf, uid, gid);
	if (r < 0)
		return r;
	/* An empty one, as out/ and ckpt/, comes with its entry. */
	return n > 0 && fsync(directory) < 0 ? -errno : 0;
}

static int make_private(int job, const char *name, uid_t uid, gid_t gid)
{
	_cleanup_close_ int fd = workspace_new_directory(job, name, 0700);

	return fd < 0 ? fd : workspace_give(fd, uid, gid);
}

static int make_file(int job, const char *name, uid_t uid, gid_t gid)
{
	_cleanup_close_ int fd = openat(job, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : workspace_give(fd, uid, gid);
}

static int fill(int job, uid_t uid, gid_t gid)
{
	int r = make_private(job, "out", uid, gid);

	if (r >= 0)
		r = make_private(job, "ckpt", uid, gid);
	if (r >= 0)
		r = make_file(job, "lock", uid, gid);
	if (r >= 0)
		r = make_file(job, "log", uid, gid);
	return r;
}

static void stage_name(unsigned int number, char ret[WORKSPACE_NAME_BYTES])
{
	snprintf(ret, WORKSPACE_NAME_BYTES, "tmp-%u", number);
}

int workspace_stage(struct workspace *w, unsigned int number, const struct workspace_input *inputs,
		    size_t n, uid_t uid, gid_t gid, struct err *e)
{
	_cleanup_close_ int job = -1;
	char name[WORKSPACE_NAME_BYTES];
	int r;

	stage_name(number, name);
	r = job = workspace_new_directory(w->jobs_fd, name, workspace_mode());
	if (r >= 0)
		r = copy_inputs(job, inputs, n, uid, gid);
	if (r >= 0)
		r = fill(job, uid, gid);
	if (r >= 0 && fsync(job) < 0)
		r = -errno;
	if (r < 0) {
		workspace_unstage(w, number);
		return workspace_fail(w, r, "the job cannot be stored", e);
	}
	return 0;
}

/*
 * The same files under further names. Where the kernel does not let the daemon link to files that
 * it has given away (fs.protected_hardlinks, without the capability), it copies them again.
 */
static int link_inputs(int from, int job, const struct workspace_input *inputs, size_t n, uid_t uid,
		       gid_t gid)
{
	_cleanup_close_ int source = workspace_open_directory(from, "input"), input = -1;

	if (source < 0)
		return source;
	input = workspace_new_directory(job, "input", workspace_mode());
	if (input < 0)
		return input;
	for (size_t i = 0; i < n; i++) {
		char name[WORKSPACE_NAME_BYTES];

		snprintf(name, sizeof(name), "%zu", i);
		if (linkat(source, name, input, name, 0) == 0)
			continue;
		if (i > 0 || (errno != EPERM && errno != EMLINK))
			return -errno;
		if (unlinkat(job, "input", AT_REMOVEDIR) < 0)
			return -errno;
		return copy_inputs(job, inputs, n, uid, gid);
	}
	return 0;
}

static int stage_like(struct workspace *w, int from, unsigned int number,
		      const struct workspace_input *inputs, size_t n, uid_t uid, gid_t gid)
{
	_cleanup_close_ int job = -1;
	char name[WORKSPACE_NAME_BYTES];
	int r;

	stage_name(number, name);
	r = job = workspace_new_directory(w->jobs_fd, name, workspace_mode());
	if (r >= 0)
		r = link_inputs(from, job, inputs, n, uid, gid);
	return r < 0 ? r : fill(job, uid, gid);
}

int workspace_stage_more(struct workspace *w, unsigned int number, size_t more,
			 const struct workspace_input *inputs, size_t n, uid_t uid, gid_t gid,
			 struct err *e)
{
	_cleanup_close_ int from = -1;
	char name[WORKSPACE_NAME_BYTES];
	int r;

	stage_name(number, name);
	r = from = workspace_open_directory(w->jobs_fd, name);
	for (size_t i = 1; r >= 0 && i <= more; i++)
		r = stage_like(w, from, number + (unsigned int)i, inputs, n, uid, gid);
	/* One for all: a thousand directories have several thousand entries to be synced. */
	if (r >= 0 && more > 0 && syncfs(w->jobs_fd) < 0)
		r = -errno;
	if (r >= 0)
		return 0;
	for (size_t i = 1; i <= more; i++)
		workspace_unstage(w, number + (unsigned int)i);
	return workspace_fail(w, r, "the jobs cannot be stored", e);
}

void workspace_unstage(struct workspace *w, unsigned int number)
{
	char name[WORKSPACE_NAME_BYTES];

	stage_name(number, name);
	workspace_discard(w, w->jobs_fd, name);
}

int workspace_publish(struct workspace *w, unsigned int number, uint64_t id, size_t n,
		      struct err *e)
{
	char from[WORKSPACE_NAME_BYTES], to[WORKSPACE_NAME_BYTES];

	for (size_t i = 0; i < n; i++) {
		int r;

		stage_name(number + (unsigned int)i, from);
		workspace_job_name(id + i, to);
		r = renameat(w->jobs_fd, from, w->jobs_fd, to) < 0 ? -errno : 0;
		/* Of a job that was refused: ids are given to one job alone. */
		if (r == -ENOTEMPTY || r == -EEXIST) {
			r = workspace_discard(w, w->jobs_fd, to);
			if (r >= 0 && renameat(w->jobs_fd, from, w->jobs_fd, to) < 0)
				r = -errno;
		}
		if (r < 0)
			return workspace_fail(w, r, "the job cannot be stored", e);
	}
	return 0;
}

int workspace_sync(struct workspace *w, struct err *e)
{
	if (fsync(w->jobs_fd) < 0)
		return workspace_fail(w, -errno, "the job cannot be stored", e);
	return 0;
}
