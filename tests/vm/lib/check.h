/* SPDX-License-Identifier: MIT */
/*
 * What every program of a test machine has: checks that end it, time, seeded noise, files.
 *
 * Nothing here measures speed. How long a program goes on is divided by the N of
 * "pbit_vm.scale=N" on the kernel's command line, for kernels that are slow to watch themselves.
 */
#ifndef VM_CHECK_H
#define VM_CHECK_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* What the program is at, for its last words. */
extern const char *doing;

/* Says what is wrong, with errno, and exits with status 1. */
__attribute__((noreturn)) void check_failed(const char *file, int line, const char *what);

#define CHECK(x)                                              \
	do {                                                  \
		if (!(x))                                     \
			check_failed(__FILE__, __LINE__, #x); \
	} while (0)

/* That a call is refused with this very error. */
#define FAILS(x, error)                                     \
	do {                                                \
		errno = 0;                                  \
		CHECK((long)(x) == -1 && errno == (error)); \
	} while (0)

/* count, or a part of it, at least 1: see above. */
unsigned int scaled(unsigned int count);

double seconds(void); /* CLOCK_MONOTONIC */
void sleep_ms(unsigned int ms);
uint64_t noise(uint64_t *x); /* 31 bits */

/* Zeroed, 64-byte aligned; free() it. */
void *aligned(size_t size);

void write_file(const char *path, const char *value);
int try_write_file(const char *path, const char *value); /* 0 or a negative errno */

/* The file's text, cut to size - 1. */
void read_file(const char *path, char *text, size_t size);

/* Waits for a child and checks that it exited with 0. */
void child_done(pid_t child);

#endif
