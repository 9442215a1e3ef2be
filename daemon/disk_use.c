// SPDX-License-Identifier: MIT
/* Bytes of users, and of a job's directory. */
#include "disk_use.h"

#include <fcntl.h>
#include <string.h>

#include "tree.h"

void disk_use_clear(struct disk_use *u)
{
	free(u->users);
	*u = (struct disk_use){ 0 };
}

static size_t index_of(const struct disk_use *u, uid_t uid)
{
	size_t low = 0, high = u->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (u->users[middle].uid < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int disk_use_add(struct disk_use *u, uid_t uid, int64_t bytes)
{
	size_t i = index_of(u, uid);

	if (i == u->n || u->users[i].uid != uid) {
		void *grown = reallocarray(u->users, u->n + 1, sizeof(*u->users));

		if (!grown)
			return -ENOMEM;
		u->users = grown;
		memmove(&u->users[i + 1], &u->users[i], (u->n - i) * sizeof(*u->users));
		u->users[i].uid = uid;
		u->users[i].bytes = 0;
		u->n++;
	}
	if (bytes >= 0)
		u->users[i].bytes += (uint64_t)bytes;
	else
		u->users[i].bytes -= MIN(u->users[i].bytes, (uint64_t)-bytes);
	return 0;
}

uint64_t disk_use_of(const struct disk_use *u, uid_t uid)
{
	size_t i = index_of(u, uid);

	return i < u->n && u->users[i].uid == uid ? u->users[i].bytes : 0;
}

int64_t disk_use_measure(struct workspace *w, uint64_t id, bool ended, bool keep_checkpoint,
			 atomic_llong *left)
{
	static const char *const parts[] = { "input", "ckpt",	       "out",
					     "log",   "metrics.jsonl", "job.json" };
	_cleanup_close_ int job = workspace_open_job(w, id);
	int64_t sum = 0;

	if (job < 0)
		return job;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		int64_t bytes;

		if (ended && (i == 0 || (i == 1 && !keep_checkpoint)))
			continue;
		bytes = tree_bytes(job, parts[i], left);
		if (bytes < 0 && bytes != -ENOENT)
			return bytes;
		sum += MAX(bytes, (int64_t)0);
	}
	return sum;
}
