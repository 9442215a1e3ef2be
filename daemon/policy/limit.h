/* SPDX-License-Identifier: MIT */
/*
 * What one user may have at once, and in a day. 0: no limit. A waiting job that would exceed
 * `running`, `day` or `memory` waits; `queued` and `disk` are not the queue's to watch: whoever
 * accepts jobs refuses by them.
 */
#ifndef PBIT_POLICY_LIMIT_H
#define PBIT_POLICY_LIMIT_H

#include <stdint.h>

struct limits {
	unsigned int queued;  /* jobs that wait or run */
	unsigned int running; /* jobs that run */
	uint64_t day;	      /* us of device time from midnight to midnight, local time */
	uint64_t memory;      /* bytes, the sum of what the running jobs asked for */
	uint64_t disk;	      /* bytes of the files of all jobs, inputs and results */
};

#endif
