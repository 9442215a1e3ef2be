/* SPDX-License-Identifier: MIT */
/* Result files into a directory: all or nothing of each, and nothing of others overwritten. */
#ifndef PBIT_CLI_SAVE_H
#define PBIT_CLI_SAVE_H

#include <pbit/pbit.h>

#include "err.h"

/*
 * The directory is made if missing. Without force, a file that exists is refused before anything
 * is written. Each file appears under its name only when it is complete and on disk.
 */
int save_files(const struct pbit_files *files, const char *dir, bool force, struct err *e);

/*
 * Before a job is queued whose results are to go there: makes the directory, and refuses one that
 * cannot be written or, without force, that holds a report already.
 */
int save_prepare(const char *dir, bool force, struct err *e);

/*
 * One file at a path of its own: all of it, or nothing under that name. option names what else to
 * give where it exists: "--grad". The first only looks whether it could be.
 */
int save_path_prepare(const char *path, const char *option, bool force, struct err *e);
int save_path(const char *path, const char *option, bool force, const void *buf, size_t size,
	      struct err *e);

#endif
