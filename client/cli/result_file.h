/* SPDX-License-Identifier: MIT */
/* One of a job's result files, in memory. */
#ifndef PBIT_CLI_RESULT_FILE_H
#define PBIT_CLI_RESULT_FILE_H

#include <jansson.h>

#include <pbit/pbit.h>

#include "err.h"

/* NULL when there is none of that name. */
const struct pbit_file *result_file_find(const struct pbit_files *files, const char *name);

/* All of it; free it. -ENOENT when there is none, -EFBIG above max. */
int result_file_read(const struct pbit_files *files, const char *name, uint64_t max, char **ret,
		     size_t *ret_size);

/* report.json. -ENOENT, or another errno with a sentence of what is wrong with it. */
int result_file_report(const struct pbit_files *files, json_t **ret, struct err *e);

#endif
