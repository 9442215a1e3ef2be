// SPDX-License-Identifier: MIT
/* A sorted array of jobs. */
#include "job_table.h"

#include <string.h>

static size_t index_of(const struct job_table *t, uint64_t id)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (t->jobs[middle]->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct job *job_table_find(const struct job_table *t, uint64_t id)
{
	size_t i = index_of(t, id);

	return i < t->n && t->jobs[i]->id == id ? t->jobs[i] : NULL;
}

size_t job_table_after(const struct job_table *t, uint64_t id)
{
	return id == UINT64_MAX ? t->n : index_of(t, id + 1);
}

int job_table_add(struct job_table *t, struct job *j)
{
	size_t i = index_of(t, j->id);

	if (job_table_find(t, j->id))
		return -EEXIST;
	if (t->n == t->allocated) {
		size_t wanted = t->allocated ? 2 * t->allocated : 16;
		struct job **grown = reallocarray(t->jobs, wanted, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		t->jobs = grown;
		t->allocated = wanted;
	}
	memmove(&t->jobs[i + 1], &t->jobs[i], (t->n - i) * sizeof(*t->jobs));
	t->jobs[i] = j;
	t->n++;
	return 0;
}

struct job *job_table_remove(struct job_table *t, uint64_t id)
{
	size_t i = index_of(t, id);
	struct job *j = job_table_find(t, id);

	if (!j)
		return NULL;
	memmove(&t->jobs[i], &t->jobs[i + 1], (t->n - i - 1) * sizeof(*t->jobs));
	t->n--;
	return j;
}

void job_table_clear(struct job_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		job_free(t->jobs[i]);
	free(t->jobs);
	*t = (struct job_table){ 0 };
}
