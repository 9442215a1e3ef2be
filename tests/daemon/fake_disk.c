// SPDX-License-Identifier: MIT
/* The C library's calls that change files, some of which fail. */
#include "fake_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static struct fake_disk *disk, own;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static int raw_open(const char *path, int flags)
{
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0);
}

/* "name": "disk 12 28 0" in the job's description. */
static void read_job(void)
{
	char text[65536], *name;
	int fd = raw_open("job.json", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return;
	text[n] = '\0';
	name = strstr(text, "\"disk ");
	if (!name ||
	    sscanf(name, "\"disk %d %d %d\"", &own.fail_at, &own.error, &own.for_good) != 3 ||
	    !getcwd(own.below, sizeof(own.below)))
		return;
	disk = &own;
}

static void look(void)
{
	const char *path = getenv("FAKE_DISK");
	struct fake_disk *map;
	int fd = path ? raw_open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0) {
		read_job();
		return;
	}
	map = mmap(NULL, sizeof(*map), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return;
	/* Not its children: when they do what is not the same in each run. */
	map->pid = getpid();
	disk = map;
}

/* A worker says in its log how many calls there were. */
__attribute__((destructor)) static void report(void)
{
	if (disk == &own)
		dprintf(STDERR_FILENO, "disk: %d calls, %d failed, first %s\n", disk->count,
			disk->failed, disk->failed ? disk->which : "none");
}

static bool is_below(const char *path)
{
	size_t n = strlen(disk->below);

	return !strncmp(path, disk->below, n) && (path[n] == '/' || path[n] == '\0') &&
	       strcmp(path, disk->but_not);
}

static bool fd_counts(int fd)
{
	char link[64], path[PATH_MAX];
	ssize_t n;

	if (fd == AT_FDCWD)
		snprintf(link, sizeof(link), "/proc/self/cwd");
	else
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return false;
	path[n] = '\0';
	return is_below(path);
}

/* True when this call is to fail; errno is set then. */
static bool fails(const char *which, int fd, const char *path)
{
	int saved = errno, n;
	bool hit;

	pthread_once(&once, look);
	errno = saved;
	if (disk && *disk->only && strcmp(disk->only, which) != 0)
		return false;
	if (!disk || (disk->pid && disk->pid != (int)syscall(SYS_getpid)))
		return false;
	if (!(path && path[0] == '/' ? is_below(path) : fd_counts(fd))) {
		errno = saved;
		return false;
	}
	pthread_mutex_lock(&mutex);
	n = ++disk->count;
	hit = disk->fail_at > 0 && (n == disk->fail_at || (n > disk->fail_at && disk->for_good));
	if (hit && disk->failed++ == 0)
		snprintf(disk->which, sizeof(disk->which), "%s", which);
	pthread_mutex_unlock(&mutex);
	errno = hit ? disk->error : saved;
	return hit;
}

#define EXPORT __attribute__((visibility("default")))

static ssize_t do_pwrite(int fd, const void *buf, size_t n, off_t at)
{
	return fails("pwrite", fd, NULL) ? -1 : syscall(SYS_pwrite64, fd, buf, n, at);
}

EXPORT ssize_t write(int fd, const void *buf, size_t n)
{
	return fails("write", fd, NULL) ? -1 : syscall(SYS_write, fd, buf, n);
}

EXPORT ssize_t pwrite(int fd, const void *buf, size_t n, off_t at)
{
	return do_pwrite(fd, buf, n, at);
}

EXPORT ssize_t pwrite64(int fd, const void *buf, size_t n, off_t at)
{
	return do_pwrite(fd, buf, n, at);
}

EXPORT int fsync(int fd)
{
	/* The machine stays on: what a process may lose is tested, and in less time so. */
	return fails("fsync", fd, NULL) ? -1 : 0;
}

EXPORT int fdatasync(int fd)
{
	return fails("fdatasync", fd, NULL) ? -1 : 0;
}

static int do_truncate(int fd, off_t size)
{
	return fails("ftruncate", fd, NULL) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

EXPORT int ftruncate(int fd, off_t size)
{
	return do_truncate(fd, size);
}

EXPORT int ftruncate64(int fd, off_t size)
{
	return do_truncate(fd, size);
}

static int do_fallocate(int fd, int mode, off_t at, off_t n)
{
	return fails("fallocate", fd, NULL) ? -1 : (int)syscall(SYS_fallocate, fd, mode, at, n);
}

EXPORT int fallocate(int fd, int mode, off_t at, off_t n)
{
	return do_fallocate(fd, mode, at, n);
}

EXPORT int fallocate64(int fd, int mode, off_t at, off_t n)
{
	return do_fallocate(fd, mode, at, n);
}

static bool for_writing(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC);
}

static int do_open(int at, const char *path, int flags, mode_t mode)
{
	if (for_writing(flags) && fails("open", at, path))
		return -1;
	return (int)syscall(SYS_openat, at, path, flags, mode);
}

static mode_t mode_argument(int flags, va_list ap)
{
	return flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(ap, unsigned int) : 0;
}

#define OPEN_BODY(at)                    \
	va_list ap;                      \
	mode_t mode;                     \
                                         \
	va_start(ap, flags);             \
	mode = mode_argument(flags, ap); \
	va_end(ap);                      \
	return do_open(at, path, flags, mode)

EXPORT int open(const char *path, int flags, ...)
{
	OPEN_BODY(AT_FDCWD);
}

EXPORT int open64(const char *path, int flags, ...)
{
	OPEN_BODY(AT_FDCWD);
}

EXPORT int openat(int at, const char *path, int flags, ...)
{
	OPEN_BODY(at);
}

EXPORT int openat64(int at, const char *path, int flags, ...)
{
	OPEN_BODY(at);
}

static int do_rename(int from_at, const char *from, int to_at, const char *to)
{
	if (fails("rename", to_at, to))
		return -1;
	return (int)syscall(SYS_renameat, from_at, from, to_at, to);
}

EXPORT int rename(const char *from, const char *to)
{
	return do_rename(AT_FDCWD, from, AT_FDCWD, to);
}

EXPORT int renameat(int from_at, const char *from, int to_at, const char *to)
{
	return do_rename(from_at, from, to_at, to);
}

EXPORT int linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
	if (fails("link", to_at, to))
		return -1;
	return (int)syscall(SYS_linkat, from_at, from, to_at, to, flags);
}

EXPORT int link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

EXPORT int unlinkat(int at, const char *path, int flags)
{
	return fails("unlink", at, path) ? -1 : (int)syscall(SYS_unlinkat, at, path, flags);
}

EXPORT int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

EXPORT int rmdir(const char *path)
{
	return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

EXPORT int mkdirat(int at, const char *path, mode_t mode)
{
	return fails("mkdir", at, path) ? -1 : (int)syscall(SYS_mkdirat, at, path, mode);
}

EXPORT int mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

EXPORT int fchmod(int fd, mode_t mode)
{
	return fails("fchmod", fd, NULL) ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

EXPORT int chmod(const char *path, mode_t mode)
{
	if (fails("chmod", AT_FDCWD, path))
		return -1;
	return (int)syscall(SYS_fchmodat, AT_FDCWD, path, mode);
}

EXPORT int fchmodat(int at, const char *path, mode_t mode, int flags)
{
	/* The kernel's call has no flags; nobody here uses any. */
	(void)flags;
	return fails("chmod", at, path) ? -1 : (int)syscall(SYS_fchmodat, at, path, mode);
}

EXPORT int fchown(int fd, uid_t uid, gid_t gid)
{
	return fails("fchown", fd, NULL) ? -1 : (int)syscall(SYS_fchown, fd, uid, gid);
}

EXPORT int bind(int fd, const struct sockaddr *address, socklen_t size)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)address;
	int at;

	/* As the listener has it. */
	if (address->sa_family == AF_UNIX && sscanf(un->sun_path, "/proc/self/fd/%d/", &at) == 1 &&
	    fails("bind", at, NULL))
		return -1;
	return (int)syscall(SYS_bind, fd, address, size);
}
