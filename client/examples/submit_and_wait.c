// SPDX-License-Identifier: MIT
/*
 * Submits a spec, waits for the job to end, says how it ended.
 *
 *	cc submit_and_wait.c $(pkg-config --cflags --libs libpbit) -o submit_and_wait
 *	./submit_and_wait SPEC.json
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <pbit/pbit.h>

/* The whole file, NUL-terminated; specs are small. */
static char *read_file(const char *path)
{
	static char text[256 * 1024 + 1];
	FILE *f = fopen(path, "r");
	size_t n;

	if (!f)
		return NULL;
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = 0;
	fclose(f);
	return text;
}

int main(int argc, char **argv)
{
	enum pbit_state state;
	int status = EXIT_FAILURE;
	char *spec;
	uint64_t id;
	pbit *p;

	spec = argc == 2 ? read_file(argv[1]) : NULL;
	if (!spec) {
		fprintf(stderr, "usage: submit_and_wait SPEC.json\n");
		return 2;
	}
	/* Paths in the spec are taken from here: the third argument of pbit_submit(). */
	if (pbit_open(&p, NULL, PBIT_OPEN_AUTOSTART) < 0 || pbit_submit(p, spec, NULL, &id) < 0 ||
	    pbit_watch(p, id, NULL, NULL, &state) < 0) {
		fprintf(stderr, "%s\n", pbit_error(p));
	} else {
		printf("job %" PRIu64 " is %s\n", id, pbit_state_name(state));
		status = state == PBIT_DONE ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	pbit_close(p);
	return status;
}
