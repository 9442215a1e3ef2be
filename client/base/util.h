/* SPDX-License-Identifier: MIT */
/*
 * Small helpers that every user-space part shares: ownership by scope, checked sizes.
 *
 * Conventions of the whole user-space code: functions return 0 or a negative errno; results go
 * through ret_ parameters, which stay untouched on failure; what a user is to read about a
 * failure goes into a struct err (see err.h).
 */
#ifndef PBIT_BASE_UTIL_H
#define PBIT_BASE_UTIL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _unused_       __attribute__((unused))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define ARRAY_SIZE(a)  (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)      ((a) < (b) ? (a) : (b))
#define MAX(a, b)      ((a) > (b) ? (a) : (b))

static inline void freep(void *p)
{
	free(*(void **)p);
	*(void **)p = NULL;
}

static inline void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
	*f = NULL;
}

#define _cleanup_free_	 _cleanup_(freep)
#define _cleanup_close_	 _cleanup_(closep)
#define _cleanup_fclose_ _cleanup_(fclosep)

/* Takes an owned pointer or fd out of a _cleanup_ variable. */
#define TAKE_PTR(p)                   \
	({                            \
		__auto_type _t = (p); \
		(p) = NULL;           \
		_t;                   \
	})
#define TAKE_FD(fd)            \
	({                     \
		int _t = (fd); \
		(fd) = -1;     \
		_t;            \
	})

/* a * b and a + b; false when the result does not fit a size_t. */
static inline bool size_mul(size_t a, size_t b, size_t *ret)
{
	return !__builtin_mul_overflow(a, b, ret);
}

static inline bool size_add(size_t a, size_t b, size_t *ret)
{
	return !__builtin_add_overflow(a, b, ret);
}

/* calloc of n x m elements; NULL on overflow as well. 64-byte aligned, freed by free(). */
void *alloc_zeroed(size_t n, size_t size);

/* Reads or writes everything or fails; -EIO on a short file. */
int read_full(int fd, void *buf, size_t size);
int write_full(int fd, const void *buf, size_t size);
/*
 * The same at an offset, leaving the file's position alone: memfds that travel between processes
 * share one position.
 */
int pread_full(int fd, void *buf, size_t size, off_t offset);

/* Replaces dirfd/name durably: temporary file, fsync, rename, fsync of the directory. */
int write_file_atomic(int dirfd, const char *name, const void *buf, size_t size);

#endif
