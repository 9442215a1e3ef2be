/* SPDX-License-Identifier: MIT */
/* Processes of other users. Only root can have them; user names need not exist for the numbers. */
#ifndef PBIT_TESTS_DAEMON_USERS_H
#define PBIT_TESTS_DAEMON_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FIRST_USER 65501u /* above all that a Debian gives out */

/* Says that the test needs root and ends it as passed when it is not. True: go on. */
bool have_users(const char *suite);

/* Becomes that user for good, with his own primary group and no others but these. Exits 99. */
void become(uid_t uid, const gid_t *groups, size_t n_groups);

/* fn(argument) in a process of that user, which dies with its parent. Returns its pid. */
pid_t start_as(uid_t uid, void (*fn)(void *argument), void *argument);
/* The same, and waits: failed checks of it end the test. */
void run_as(uid_t uid, void (*fn)(void *argument), void *argument);
void stop_process(pid_t pid); /* SIGKILL, and waits */

/* Memory of a process, KiB: resident now, and the most it ever was. -1: it is gone. */
long resident_kib(pid_t pid);
long peak_kib(pid_t pid);

/* xorshift64, for seeded tests. *x != 0. */
uint64_t next_random(uint64_t *x);

/* us of CLOCK_MONOTONIC. */
uint64_t now_us(void);

/* Prints median, 99 % and maximum of n times in us, which it sorts. */
void print_times(const char *what, uint64_t *us, size_t n);
/* The q-quantile of what print_times() has sorted. */
uint64_t quantile_us(const uint64_t *us, size_t n, double q);

#endif
