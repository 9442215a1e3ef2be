/* SPDX-License-Identifier: MIT */
/* Failures that the kernel is asked to make: fault-injection of a debug kernel. */
#ifndef VM_INJECT_H
#define VM_INJECT_H

#include "check.h"

/*
 * Where failures may come from: slab, pages (thus vmalloc) and copies from and to user memory,
 * whatever the flags of an allocation say. Nothing fails yet, and nothing is printed later.
 */
void inject_begin(void);

/*
 * The nth attempt from now on fails, once, of the task that `file` (a fail-nth of /proc) is of.
 * disarm() takes that back, and says whether it had come to pass.
 */
int inject_open(const char *file);
void inject_arm(int file, unsigned int nth);
bool inject_disarm(int file);

/*
 * All page allocations of this process fail but the first `spare`, until taken back. The process
 * must have its own memory locked.
 */
void inject_shortage(unsigned int spare);
bool inject_plenty(void); /* whether one failed */

#endif
