// SPDX-License-Identifier: MIT
/*
 * Follows a job: one line of JSON at each change. When the daemon restarts, the watch goes on.
 *
 *	cc watch_progress.c $(pkg-config --cflags --libs libpbit) -o watch_progress
 *	./watch_progress 7
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pbit/pbit.h>

#define ATTEMPTS 30

static int print_change(const char *json, void *userdata)
{
	(void)userdata;
	printf("%s\n", json);
	fflush(stdout);
	return 0; /* 1 would end the watch; the job goes on either way */
}

/* The same socket again, because job numbers are the daemon's own. */
static int reopen(pbit **p)
{
	char *socket = strdup(pbit_socket(*p));
	int r = -ENOMEM;

	for (int i = 0; socket && r < 0 && i < ATTEMPTS; i++) {
		sleep(1);
		pbit_close(*p);
		r = pbit_open(p, socket, PBIT_OPEN_AUTOSTART);
	}
	free(socket);
	return r;
}

int main(int argc, char **argv)
{
	enum pbit_state state = PBIT_QUEUED;
	uint64_t id;
	pbit *p;
	int r;

	id = argc == 2 ? strtoull(argv[1], NULL, 10) : 0;
	if (!id) {
		fprintf(stderr, "usage: watch_progress ID\n");
		return 2;
	}
	r = pbit_open(&p, NULL, PBIT_OPEN_AUTOSTART);
	if (r >= 0)
		r = pbit_watch(p, id, print_change, NULL, &state);
	while (r == -ECONNRESET && reopen(&p) >= 0)
		r = pbit_watch(p, id, print_change, NULL, &state);
	if (r < 0)
		fprintf(stderr, "%s\n", pbit_error(p));
	pbit_close(p);
	return r == 0 && state == PBIT_DONE ? EXIT_SUCCESS : EXIT_FAILURE;
}
