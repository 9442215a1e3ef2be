/* SPDX-License-Identifier: MIT */
/* A row of the queue as the JSON that `pbit queue` and `pbit top` print. */
#ifndef PBIT_CLI_JOB_ROW_H
#define PBIT_CLI_JOB_ROW_H

#include <jansson.h>

#include <pbit/pbit.h>

/* NULL without memory. */
json_t *job_row_to_json(const struct pbit_job *j);

#endif
