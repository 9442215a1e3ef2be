// SPDX-License-Identifier: MIT
/*
 * Lists the results of a job, or writes one of them to stdout.
 *
 *	cc fetch_results.c $(pkg-config --cflags --libs libpbit) -o fetch_results
 *	./fetch_results 7
 *	./fetch_results 7 report.json
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pbit/pbit.h>

/* The daemon passes open descriptors: there is nothing to download. */
static int write_out(const struct pbit_file *f)
{
	char buf[65536];
	uint64_t done = 0;

	while (done < f->size) {
		ssize_t n = pread(f->fd, buf, sizeof(buf), (off_t)done);

		if (n <= 0 || fwrite(buf, 1, (size_t)n, stdout) != (size_t)n)
			return -1;
		done += (uint64_t)n;
	}
	return fflush(stdout);
}

int main(int argc, char **argv)
{
	struct pbit_files *files = NULL;
	int status = EXIT_FAILURE;
	uint64_t id;
	pbit *p;

	id = argc == 2 || argc == 3 ? strtoull(argv[1], NULL, 10) : 0;
	if (!id) {
		fprintf(stderr, "usage: fetch_results ID [NAME]\n");
		return 2;
	}
	if (pbit_open(&p, NULL, PBIT_OPEN_AUTOSTART) < 0 || pbit_fetch(p, id, &files) < 0) {
		fprintf(stderr, "%s\n", pbit_error(p));
		pbit_close(p);
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < files->count; i++) {
		const struct pbit_file *f = &files->file[i];

		if (argc == 2) {
			printf("%s %" PRIu64 "\n", f->name, f->size);
			status = EXIT_SUCCESS;
		} else if (strcmp(f->name, argv[2]) == 0) {
			status = write_out(f) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
		}
	}
	pbit_files_free(files);
	pbit_close(p);
	return status;
}
