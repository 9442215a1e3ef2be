// SPDX-License-Identifier: MIT
/*
 * Lists the jobs that wait or run, and why they wait.
 *
 *	cc list_queue.c $(pkg-config --cflags --libs libpbit) -o list_queue
 *	./list_queue
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <pbit/pbit.h>

int main(void)
{
	struct pbit_jobs *jobs = NULL;
	int status = EXIT_SUCCESS;
	pbit *p;

	/* No autostart: without a daemon there is no queue to look at. */
	if (pbit_open(&p, NULL, 0) < 0 || pbit_list(p, 0, &jobs) < 0) {
		fprintf(stderr, "%s\n", pbit_error(p));
		status = EXIT_FAILURE;
	}
	for (size_t i = 0; jobs && i < jobs->count; i++) {
		const struct pbit_job *j = &jobs->job[i];

		printf("%" PRIu64 " %s %s %s %.0f %%", j->id, j->user, j->kind,
		       pbit_state_name(j->state), 100 * j->progress);
		if (j->position)
			printf(", position %" PRIu32, j->position);
		printf("%s%s\n", j->reason[0] ? ": " : "", j->reason);
	}
	pbit_jobs_free(jobs);
	pbit_close(p);
	return status;
}
