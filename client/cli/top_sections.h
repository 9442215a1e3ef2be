/* SPDX-License-Identifier: MIT */
/* The tables of `pbit top`: which columns, and what is in them. */
#ifndef PBIT_CLI_TOP_SECTIONS_H
#define PBIT_CLI_TOP_SECTIONS_H

#include "top_table.h"
#include "top_view.h"

/* Each is to be freed with top_table_free(). -ENOMEM. */
int top_devices_table(const json_t *data, struct top_table *ret);
int top_users_table(const json_t *data, struct top_table *ret);
/* Rows first .. first + n - 1 of the jobs. */
int top_jobs_table(const struct top_jobs *jobs, size_t first, size_t n, struct top_table *ret);

/* What a running job says of itself: "loss 22.1, K/tau 14.2, epoch 3/40"; may be "". */
#define TOP_NOTE 160
void top_job_note(const json_t *job, char buf[static TOP_NOTE]);

#endif
