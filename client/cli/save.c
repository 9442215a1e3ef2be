// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "save.h"

#define CHUNK ((size_t)1 << 20)

/* libpbit refuses such names already; the path that is opened here trusts nobody. */
static bool name_is_safe(const char *name)
{
	return name[0] && name[0] != '.' && !strchr(name, '/');
}

static int copy(const struct pbit_file *f, int to, char *buf)
{
	uint64_t done = 0;

	while (done < f->size) {
		size_t want = MIN((uint64_t)CHUNK, f->size - done);
		ssize_t n = pread(f->fd, buf, want, (off_t)done);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		r = write_full(to, buf, (size_t)n);
		if (r < 0)
			return r;
		done += (uint64_t)n;
	}
	return fsync(to) < 0 && errno != EINVAL ? -errno : 0;
}

/* Gives the finished file its name; without force never over another. */
static int publish(int dirfd, const char *part, const char *name, bool force)
{
	if (force)
		return renameat(dirfd, part, dirfd, name) < 0 ? -errno : 0;
	if (renameat2(dirfd, part, dirfd, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	/* File systems without RENAME_NOREPLACE have hard links. */
	if (linkat(dirfd, part, dirfd, name, 0) < 0)
		return -errno;
	unlinkat(dirfd, part, 0);
	return 0;
}

static int save_one(int dirfd, const struct pbit_file *f, bool force, char *buf)
{
	_cleanup_close_ int fd = -1;
	char part[300];
	int r;

	snprintf(part, sizeof(part), ".%.255s.%ld.part", f->name, (long)getpid());
	fd = openat(dirfd, part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	r = copy(f, fd, buf);
	/* A full disk may show at close only. */
	if (close(TAKE_FD(fd)) < 0 && r >= 0)
		r = -errno;
	if (r >= 0)
		r = publish(dirfd, part, f->name, force);
	if (r < 0)
		unlinkat(dirfd, part, 0);
	return r;
}

static int check_names(int dirfd, const struct pbit_files *files, const char *dir, bool force,
		       struct err *e)
{
	for (size_t i = 0; i < files->count; i++) {
		const char *name = files->file[i].name;

		if (!name_is_safe(name))
			return err_set(e, -EINVAL, "the daemon names a result '%s'; refused", name);
		if (!force && faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return err_set(e, -EEXIST,
				       "%s/%s exists; give --force, or another directory with -o",
				       dir, name);
	}
	return 0;
}

static int open_directory(const char *dir, struct err *e)
{
	int fd;

	if (mkdir(dir, 0777) < 0 && errno != EEXIST)
		return err_set(e, -errno, "cannot make the directory %s: %s", dir, strerror(errno));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_set(e, -errno, "directory %s: %s", dir, strerror(errno)) : fd;
}

int save_prepare(const char *dir, bool force, struct err *e)
{
	struct pbit_file report = { .name = "report.json", .fd = -1 };
	struct pbit_files files = { .count = 1, .file = &report };
	_cleanup_close_ int dirfd = open_directory(dir, e);

	if (dirfd < 0)
		return dirfd;
	if (faccessat(dirfd, ".", W_OK | X_OK, AT_EACCESS) < 0)
		return err_set(e, -errno, "directory %s cannot be written: %s", dir,
			       strerror(errno));
	return check_names(dirfd, &files, dir, force, e);
}

int save_files(const struct pbit_files *files, const char *dir, bool force, struct err *e)
{
	_cleanup_free_ char *buf = malloc(CHUNK);
	_cleanup_close_ int dirfd = -1;
	int r;

	if (!buf)
		return err_oom(e);
	dirfd = open_directory(dir, e);
	if (dirfd < 0)
		return dirfd;
	r = check_names(dirfd, files, dir, force, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < files->count; i++) {
		r = save_one(dirfd, &files->file[i], force, buf);
		if (r < 0)
			return err_set(e, r, "cannot write %s/%s: %s; nothing of it was kept", dir,
				       files->file[i].name, strerror(-r));
	}
	return 0;
}

/* The directory of path, and in *ret_name its last part. */
static int open_parent(const char *path, const char **ret_name, struct err *e)
{
	_cleanup_free_ char *copy = strdup(path);
	const char *slash = strrchr(path, '/');
	int fd;

	if (!copy)
		return err_oom(e);
	*ret_name = slash ? slash + 1 : path;
	if (!**ret_name)
		return err_set(e, -EISDIR, "%s: name a file, not a directory", path);
	if (slash)
		copy[slash == path ? 1 : slash - path] = 0;
	fd = open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_set(e, -errno, "%s: %s", path, strerror(errno)) : fd;
}

int save_path_prepare(const char *path, const char *option, bool force, struct err *e)
{
	const char *name;
	_cleanup_close_ int dir = open_parent(path, &name, e);

	if (dir < 0)
		return dir;
	if (!force && faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(e, -EEXIST, "%s exists; give --force, or another file with %s", path,
			       option);
	if (faccessat(dir, ".", W_OK | X_OK, AT_EACCESS) < 0)
		return err_set(e, -errno, "%s cannot be written: %s", path, strerror(errno));
	return 0;
}

int save_path(const char *path, const char *option, bool force, const void *buf, size_t size,
	      struct err *e)
{
	const char *name;
	_cleanup_close_ int dir = -1;
	int r = save_path_prepare(path, option, force, e);

	if (r < 0)
		return r;
	dir = open_parent(path, &name, e);
	if (dir < 0)
		return dir;
	r = write_file_atomic(dir, name, buf, size);
	return r < 0 ? err_set(e, r, "cannot write %s: %s; nothing of it was kept", path,
			       strerror(-r)) :
		       0;
}
