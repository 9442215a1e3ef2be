// SPDX-License-Identifier: MIT
/* The jobs' directories. */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "log.h"
#include "metrics.h"
#include "tree.h"
#include "workspace_dir.h"

/* A daemon that was just killed may hold the lock until the kernel has buried it. */
#define LOCK_TRIES   50
#define LOCK_WAIT_NS 20000000
#define NEW_JOB	     ".job.json.tmp"

int workspace_fail(struct workspace *w, int r, const char *what, struct err *e)
{
	return err_set(e, r, "%s: %s: %s%s", w->directory, what, strerror(-r),
		       r == -ENOSPC || r == -EDQUOT		  ? "; free some space" :
		       r == -EACCES || r == -EROFS || r == -EPERM ? "; make it writable for pbitd" :
								    "");
}

mode_t workspace_mode(void)
{
	/* Workers of other users pass through, and see nothing. */
	return geteuid() == 0 ? 0711 : 0700;
}

static int make_parents(const char *directory)
{
	_cleanup_free_ char *path = strdup(directory);

	if (!path)
		return -ENOMEM;
	for (char *p = path + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	if (mkdir(path, 0700) < 0)
		return errno == EEXIST ? 0 : -errno;
	return chmod(path, workspace_mode()) < 0 ? -errno : 0;
}

int workspace_open_directory(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Makes at/name with just this mode, whatever the umask, and opens it. */
int workspace_new_directory(int at, const char *name, mode_t mode)
{
	_cleanup_close_ int fd = -1;

	if (mkdirat(at, name, 0700) < 0)
		return -errno;
	fd = workspace_open_directory(at, name);
	if (fd >= 0 && fchmod(fd, mode) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int open_own(struct workspace *w, const char *name, mode_t mode)
{
	int fd = workspace_new_directory(w->state_fd, name, mode);

	return fd == -EEXIST ? workspace_open_directory(w->state_fd, name) : fd;
}

static int setup(struct workspace *w, struct err *e)
{
	struct stat st;
	int r;

	r = make_parents(w->directory);
	if (r >= 0) {
		w->state_fd = open(w->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = w->state_fd < 0 ? -errno : 0;
	}
	if (r < 0)
		return workspace_fail(w, r, "the state directory cannot be used", e);
	if (fstat(w->state_fd, &st) < 0)
		return workspace_fail(w, -errno, "the state directory cannot be used", e);
	if (st.st_uid != geteuid())
		return err_set(e, -EPERM, "%s: belongs to another user; say --state-dir DIRECTORY",
			       w->directory);
	w->jobs_fd = open_own(w, "jobs", workspace_mode());
	if (w->jobs_fd < 0)
		return workspace_fail(w, w->jobs_fd, "jobs/ cannot be used", e);
	w->trash_fd = open_own(w, "trash", 0700);
	if (w->trash_fd < 0)
		return workspace_fail(w, w->trash_fd, "trash/ cannot be used", e);
	if (fsync(w->state_fd) < 0)
		return workspace_fail(w, -errno, "jobs/ cannot be used", e);
	return 0;
}

int workspace_open(const char *directory, struct workspace **ret, struct err *e)
{
	_cleanup_(workspace_closep) struct workspace *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return err_oom(e);
	w->state_fd = w->jobs_fd = w->trash_fd = w->lock_fd = -1;
	w->directory = strdup(directory);
	if (!w->directory)
		return err_oom(e);
	if (workspace_start_sweeper(w) < 0)
		return err_oom(e);
	r = setup(w, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(w);
	return 0;
}

struct workspace *workspace_close(struct workspace *w)
{
	if (!w)
		return NULL;
	workspace_stop_sweeper(w);
	closep(&w->lock_fd);
	closep(&w->trash_fd);
	closep(&w->jobs_fd);
	closep(&w->state_fd);
	free(w->directory);
	free(w);
	return NULL;
}

int workspace_lock(struct workspace *w, struct err *e)
{
	const struct timespec pause = { .tv_nsec = LOCK_WAIT_NS };
	_cleanup_close_ int fd = openat(w->state_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return workspace_fail(w, -errno, "the lock cannot be made", e);
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK)
			return workspace_fail(w, -errno, "cannot be locked", e);
		if (i == LOCK_TRIES)
			return err_set(e, -EALREADY, "another pbitd already serves %s",
				       w->directory);
		nanosleep(&pause, NULL);
	}
	w->lock_fd = TAKE_FD(fd);
	return 0;
}

/* Only a daemon that serves others has files to give away. */
int workspace_give(int fd, uid_t uid, gid_t gid)
{
	if (geteuid() != 0 || uid == 0)
		return 0;
	return fchown(fd, uid, gid) < 0 ? -errno : 0;
}

void workspace_job_name(uint64_t id, char ret[WORKSPACE_NAME_BYTES])
{
	snprintf(ret, WORKSPACE_NAME_BYTES, "%" PRIu64, id);
}

int workspace_open_job(struct workspace *w, uint64_t id)
{
	char name[WORKSPACE_NAME_BYTES];

	workspace_job_name(id, name);
	return workspace_open_directory(w->jobs_fd, name);
}

static int write_description(int job, const char *text, uid_t uid, gid_t gid)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (unlinkat(job, NEW_JOB, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(job, NEW_JOB, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (fd < 0)
		return -errno;
	r = write_full(fd, text, strlen(text));
	if (r >= 0)
		r = workspace_give(fd, uid, gid);
	if (r >= 0 && (fchmod(fd, 0400) < 0 || renameat(job, NEW_JOB, job, "job.json") < 0))
		r = -errno;
	if (r < 0)
		unlinkat(job, NEW_JOB, 0);
	return r;
}

int workspace_write_job(struct workspace *w, uint64_t id, const char *text, uid_t uid, gid_t gid,
			struct err *e)
{
	_cleanup_close_ int job = workspace_open_job(w, id);
	int r = job < 0 ? job : write_description(job, text, uid, gid);

	return r < 0 ? workspace_fail(w, r, "job.json cannot be written", e) : 0;
}

static int clean_entry(struct workspace *w, const char *name, workspace_keep_fn keep,
		       void *userdata)
{
	char *end, canonical[WORKSPACE_NAME_BYTES] = "";
	uint64_t id = strtoull(name, &end, 10);
	int r = 0;

	if (*end == '\0')
		workspace_job_name(id, canonical);
	if (!strcmp(name, canonical))
		r = keep(id, userdata);
	if (r != 0)
		return r < 0 ? r : 0;
	/* Where it stays, it is in nobody's way but that of a job which gets the same name. */
	r = workspace_discard(w, w->jobs_fd, name);
	if (r < 0)
		log_warning("%s/jobs/%s: cannot be removed: %s", w->directory, name, strerror(-r));
	return r < 0 ? 0 : 1;
}

int workspace_clean(struct workspace *w, workspace_keep_fn keep, void *userdata, struct err *e)
{
	_cleanup_(closedirp) DIR *d = NULL;
	const struct dirent *entry;
	int fd, count = 0, r = workspace_sweep(w);

	if (r < 0)
		return workspace_fail(w, r, "trash/ cannot be read", e);
	fd = workspace_open_directory(w->jobs_fd, ".");
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return workspace_fail(w, fd < 0 ? fd : -errno, "jobs/ cannot be read", e);
	while ((entry = readdir(d))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		r = clean_entry(w, entry->d_name, keep, userdata);
		if (r < 0)
			return workspace_fail(w, r, "a job's directory cannot be looked up", e);
		count += r;
	}
	return count;
}

void workspace_files_free(struct workspace_file *files, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(files[i].name);
		closep(&files[i].fd);
	}
	free(files);
}

/*
 * out/ is the submitter's, who may put there what he likes: a link to a file that only the daemon
 * can read must not be handed out, and a FIFO must not block. A file of his own with one link is
 * one that he can read anyway.
 */
static int open_result(int out, const char *name, uid_t uid, uint64_t *ret_size)
{
	_cleanup_close_ int fd =
		openat(out, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == EMFILE || errno == ENFILE ? -errno : -ENOENT;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid != uid)
		return -ENOENT;
	*ret_size = (uint64_t)st.st_size;
	return TAKE_FD(fd);
}

static int compare_files(const void *a, const void *b)
{
	return strcmp(((const struct workspace_file *)a)->name,
		      ((const struct workspace_file *)b)->name);
}

static int collect(DIR *d, uid_t uid, bool open, size_t max, struct workspace_file *files,
		   size_t *n)
{
	const struct dirent *entry;
	unsigned int names = 0;

	while ((entry = readdir(d))) {
		uint64_t size;
		_cleanup_close_ int fd = open_result(dirfd(d), entry->d_name, uid, &size);

		if (++names > WORKSPACE_MAX_NAMES)
			return -EOVERFLOW;
		if (fd == -ENOENT || (fd >= 0 && !err_is_plain(entry->d_name)))
			continue;
		if (fd < 0)
			return fd;
		if (*n == max)
			return -E2BIG;
		files[*n] = (struct workspace_file){ strdup(entry->d_name), size, -1 };
		if (!files[*n].name)
			return -ENOMEM;
		if (open)
			files[*n].fd = TAKE_FD(fd);
		++*n;
	}
	return 0;
}

int workspace_results(struct workspace *w, uint64_t id, uid_t uid, bool open, size_t max,
		      struct workspace_file **ret, size_t *ret_n, struct err *e)
{
	_cleanup_close_ int job = workspace_open_job(w, id);
	int out = job < 0 ? job : workspace_open_directory(job, "out"), r;
	_cleanup_(closedirp) DIR *d = out < 0 ? NULL : fdopendir(out);
	struct workspace_file *files = d ? calloc(max, sizeof(*files)) : NULL;
	size_t n = 0;

	if (!files)
		return workspace_fail(w, out < 0 ? out : -ENOMEM, "the results cannot be read", e);
	r = collect(d, uid, open, max, files, &n);
	if (r < 0) {
		workspace_files_free(files, n);
		if (r == -E2BIG)
			return err_set(e, r, "job %" PRIu64 " has more than %zu result files", id,
				       max);
		if (r == -EOVERFLOW)
			return err_set(e, -E2BIG,
				       "job %" PRIu64 " has more than %d names in out/, which are "
				       "too many to look through",
				       id, WORKSPACE_MAX_NAMES);
		return workspace_fail(w, r, "the results cannot be read", e);
	}
	qsort(files, n, sizeof(*files), compare_files);
	*ret = files;
	*ret_n = n;
	return 0;
}

/*
 * Its directory is the daemon's, where nobody else puts a link; that the file is what it was made
 * as is looked at all the same, since what is handed out is read with the daemon's rights. -ENOENT
 * without a sentence: the job's files have been removed.
 */
static int open_record(struct workspace *w, uint64_t id, const char *name, int flags, uid_t uid,
		       struct err *e)
{
	_cleanup_close_ int job = workspace_open_job(w, id), fd = -1;
	struct stat st;

	if (job == -ENOENT)
		return job;
	if (job < 0)
		return workspace_fail(w, job, "the job's directory cannot be opened", e);
	flags |= O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	fd = openat(job, name, flags, 0600);
	if (fd < 0)
		return workspace_fail(w, -errno, "the job's records cannot be opened", e);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != uid)
		return err_set(e, -EPERM, "job %" PRIu64 ": %s is not a file of its own", id, name);
	return TAKE_FD(fd);
}

int workspace_open_log(struct workspace *w, uint64_t id, uid_t uid, struct err *e)
{
	int fd = open_record(w, id, "log", 0, uid, e);

	return fd != -ENOENT ? fd :
			       err_set(e, fd, "the log of job %" PRIu64 " has been removed", id);
}

int workspace_open_metrics(struct workspace *w, uint64_t id, struct err *e)
{
	int fd = open_record(w, id, METRICS_FILE, O_CREAT, geteuid(), e);

	return fd != -ENOENT ?
		       fd :
		       err_set(e, fd, "the metrics of job %" PRIu64 " have been removed", id);
}

int workspace_sync_results(struct workspace *w, uint64_t id, struct err *e)
{
	_cleanup_close_ int job = workspace_open_job(w, id);
	int out = job < 0 ? job : workspace_open_directory(job, "out"), r = 0;
	_cleanup_(closedirp) DIR *d = out < 0 ? NULL : fdopendir(out);
	const struct dirent *entry;
	unsigned int names = 0;

	if (!d)
		return workspace_fail(w, out < 0 ? out : -ENOMEM, "the results cannot be read", e);
	while (r >= 0 && names++ < WORKSPACE_MAX_NAMES && (entry = readdir(d))) {
		_cleanup_close_ int fd =
			openat(dirfd(d), entry->d_name,
			       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

		/* Only files have bytes to lose; a FIFO says EINVAL. */
		if (fd >= 0 && fsync(fd) < 0 && errno != EINVAL && errno != EROFS)
			r = -errno;
	}
	/* With so many names, one call for all that there is. */
	if (r >= 0 && (names > WORKSPACE_MAX_NAMES ? syncfs(dirfd(d)) : fsync(dirfd(d))) < 0)
		r = -errno;
	return r < 0 ? workspace_fail(w, r, "the results cannot be made durable", e) : 0;
}
