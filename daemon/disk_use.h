/* SPDX-License-Identifier: MIT */
/*
 * How much of the disk each user's jobs have, kept up to date as jobs come and end, so that nothing
 * is walked over when one is submitted.
 */
#ifndef PBIT_DAEMON_DISK_USE_H
#define PBIT_DAEMON_DISK_USE_H

#include <stdatomic.h>

#include "workspace.h"

struct disk_use {
	struct {
		uid_t uid;
		uint64_t bytes;
	} * users; /* by uid */
	size_t n;
};

void disk_use_clear(struct disk_use *u);

/* More, or less; never below 0. -ENOMEM. */
int disk_use_add(struct disk_use *u, uid_t uid, int64_t bytes);
uint64_t disk_use_of(const struct disk_use *u, uid_t uid);

/*
 * Bytes on disk of the job's directory as it is now; ended: without what workspace_trim() is about
 * to remove. A file with n names counts for an n-th, so that the jobs of an array share their
 * inputs. left: names that may be looked at, as in tree.h. From any thread. Negative errno where
 * the directory cannot be read, and -EAGAIN.
 */
int64_t disk_use_measure(struct workspace *w, uint64_t id, bool ended, bool keep_checkpoint,
			 atomic_llong *left);

#endif
