/* SPDX-License-Identifier: MIT */
/*
 * Jobs whose files are too many to be measured while all others wait: in threads, one of each user.
 *
 * Until then the job's bytes are -1, in its row, too, so that the next daemon measures what this one
 * could not, and its user is charged with what they were.
 */
#ifndef PBIT_DAEMON_MEASURE_H
#define PBIT_DAEMON_MEASURE_H

#include "daemon.h"

#define MEASURE_AT_ONCE 2000	 /* names, in the loop */
#define MEASURE_MOST	50000000 /* names */

/* The caller saves the job. As disk_use_measure(); what comes of it is charged and saved. */
int measure_start(struct daemon *d, struct job *j, bool ended, bool keep_checkpoint);

/* Whatever is under way for the job: j->bytes are what they were before. */
void measure_forget(struct daemon *d, struct job *j);

void measure_drop_all(struct daemon *d);

#endif
