/* SPDX-License-Identifier: MIT */
/* How a job is to be queued: options that all commands which hand in jobs share. */
#ifndef PBIT_CLI_QUEUEING_H
#define PBIT_CLI_QUEUEING_H

#include <stdio.h>

#include <pbit/pbit.h>

#include "err.h"
#include "options.h"

#define QUEUEING_MAX_AFTER 64

/* As it was written. */
struct queueing {
	const char *band, *time, *array;
	struct option_list after, after_any;
	bool hold;
};

/* Rows of the command's table of options; m: the struct queueing in its options block. */
/* clang-format off */
#define QUEUEING_ROWS(block, m)                                                          \
	{ 0, "band", OPTION_STRING, offsetof(block, m.band), "BAND",                     \
	  "low, [normal] or high: the order among your own jobs" },                      \
	{ 0, "time", OPTION_STRING, offsetof(block, m.time), "TIME",                     \
	  "stop it after so much time on a device: 90, 10m, 2h" },                       \
	{ 0, "hold", OPTION_FLAG, offsetof(block, m.hold), NULL,                         \
	  "wait until `pbit release`" },                                                 \
	{ 0, "after", OPTION_LIST, offsetof(block, m.after), "ID[,ID]",                  \
	  "wait until these jobs are done; fail if one is not" },                        \
	{ 0, "after-any", OPTION_LIST, offsetof(block, m.after_any), "ID[,ID]",          \
	  "wait until these jobs have ended, well or not" },                             \
	{ 0, "array", OPTION_STRING, offsetof(block, m.array), "KEY=VALUES",             \
	  "a job for each value: seed=1..9, device.beta=0.5,1" }
/* clang-format on */

/* As the library takes it. `options` points into this struct. */
struct queueing_options {
	struct pbit_submit_options options;
	uint64_t after[QUEUEING_MAX_AFTER], after_any[QUEUEING_MAX_AFTER];
	char *array_key, *array_values; /* owned */
	size_t array_count;		/* jobs of the array; 0: one job and no array */
};

int queueing_parse(const struct queueing *q, struct queueing_options *ret, struct err *e);
void queueing_free(struct queueing_options *q);
#define _cleanup_queueing_ _cleanup_(queueing_free)

/*
 * "optimizer.rate=0.1,0.01" or "seed=1..10" or "name=[\"a\", \"b\"]": the key, and the values as a
 * JSON array.
 */
int queueing_parse_array(const char *text, char **ret_key, char **ret_values, size_t *ret_count,
			 struct err *e);

#endif
