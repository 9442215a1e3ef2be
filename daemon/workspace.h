/* SPDX-License-Identifier: MIT */
/*
 * The jobs' directories: STATE/jobs/ID, laid out as protocol.h says.
 *
 * A directory is made under jobs/tmp-N, with everything in it fsynced, and gets its final name only
 * within the transaction that acknowledges the job, so that after a crash a directory without
 * a job is an orphan, and a job without a directory does not occur.
 *
 * The directory itself belongs to the daemon, so that a submitter, as whom the worker runs, cannot
 * put links where the daemon reads and writes; out/, ckpt/ and the files belong to the submitter.
 */
#ifndef PBIT_DAEMON_WORKSPACE_H
#define PBIT_DAEMON_WORKSPACE_H

#include <stdatomic.h>
#include <sys/types.h>

#include "err.h"

struct workspace;

/* Makes directory (0711 for root, else 0700) and its parents' last level where they are missing. */
int workspace_open(const char *directory, struct workspace **ret, struct err *e);
struct workspace *workspace_close(struct workspace *w);
static inline void workspace_closep(struct workspace **w)
{
	*w = workspace_close(*w);
}

/* -EALREADY when another daemon holds the directory. Waits a moment for one that is leaving. */
int workspace_lock(struct workspace *w, struct err *e);

struct workspace_input {
	int fd;	       /* sealed memfd; not owned */
	uint64_t size; /* bytes */
	/* Set while it is copied, by any thread, it ends that with -ECANCELED. NULL: nothing does. */
	const atomic_bool *abandoned;
};

/*
 * Makes jobs/tmp-number with the inputs, durably. May run in any thread, with a number that no
 * other call uses. On failure nothing is left.
 */
int workspace_stage(struct workspace *w, unsigned int number, const struct workspace_input *inputs,
		    size_t n, uid_t uid, gid_t gid, struct err *e);
void workspace_unstage(struct workspace *w, unsigned int number);

/*
 * As many more like jobs/tmp-number, with the numbers that follow and the same inputs, which are on
 * disk once. On failure none of these is left.
 */
int workspace_stage_more(struct workspace *w, unsigned int number, size_t more,
			 const struct workspace_input *inputs, size_t n, uid_t uid, gid_t gid,
			 struct err *e);

/*
 * Renames jobs/tmp-number to jobs/id, and the n - 1 that follow to those that follow; durable after
 * workspace_sync(). On failure, some may have been renamed.
 */
int workspace_publish(struct workspace *w, unsigned int number, uint64_t id, size_t n,
		      struct err *e);
int workspace_sync(struct workspace *w, struct err *e);

/*
 * Removes jobs/id with all that is in it; a missing one is no error. What is removed, here and below,
 * goes to trash/ at once, for good after workspace_sync(), and its files go in a thread. What lies in
 * directories that were moved in from another user stays there, and the journal tells of it.
 */
int workspace_remove(struct workspace *w, uint64_t id);
/* What an ended job needs no more: inputs and, unless they are to stay, checkpoints. */
void workspace_trim(struct workspace *w, uint64_t id, bool keep_checkpoint);

/* Removes what keep() disowns, and what was never published. Returns how many, or an errno. */
typedef int (*workspace_keep_fn)(uint64_t id, void *userdata); /* 1 keep, 0 remove, < 0 stop */
int workspace_clean(struct workspace *w, workspace_keep_fn keep, void *userdata, struct err *e);

/*
 * Replaces job.json, readable by the submitter. text: JSON. Whole or not at all, but not durable:
 * it is written anew each time that the job is started.
 */
int workspace_write_job(struct workspace *w, uint64_t id, const char *text, uid_t uid, gid_t gid,
			struct err *e);

/* An open directory descriptor of the job. -ENOENT. */
int workspace_open_job(struct workspace *w, uint64_t id);

struct workspace_file {
	char *name;
	uint64_t size;
	int fd; /* read-only; -1 when only listed */
};

/*
 * The regular files in jobs/id/out, by name; opened as well when open. Links of either sort, files
 * of other users, and names that are not text are left out. -E2BIG above max files, and above
 * WORKSPACE_MAX_NAMES of any sort.
 */
#define WORKSPACE_MAX_NAMES 1000
int workspace_results(struct workspace *w, uint64_t id, uid_t uid, bool open, size_t max,
		      struct workspace_file **ret, size_t *ret_n, struct err *e);

/*
 * What the job's worker wrote to stderr, and what the daemon noted of its progress (metrics.h), to
 * read. Both stay when the job has ended. Returns a descriptor.
 */
int workspace_open_log(struct workspace *w, uint64_t id, uid_t uid, struct err *e);
int workspace_open_metrics(struct workspace *w, uint64_t id, struct err *e);

/* Makes the results durable, before it is said that they are there. */
int workspace_sync_results(struct workspace *w, uint64_t id, struct err *e);
void workspace_files_free(struct workspace_file *files, size_t n);

#endif
