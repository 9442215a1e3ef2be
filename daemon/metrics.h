/* SPDX-License-Identifier: MIT */
/*
 * metrics.jsonl in a job's directory: what its workers said of their progress, and when they began
 * and ended, one JSON object a line. No line has the time of another, or an earlier
 * one than the line before, whatever the clock does.
 *
 *	{"time": 1732420000123456, "event": "started", "device": "pbit0"}
 *	{"time": 1732420000323456, "progress": 0.25, "loss": 22.1, "tau_int": 165.2, ...}
 *	{"time": 1732420009123456, "event": "done"}
 *
 * time: us since 1970. event: "started", with the device; "queued", when the job is to be resumed,
 * "done", "failed" or "cancelled", with a reason where there is one. Other lines are the worker's
 * progress objects as they came, without their type.
 *
 * The file is bounded: when it is full, lines that stand closest in time are left out until half of
 * it is free, and the file is replaced by the shorter one. Who reads along finds out by its link
 * count, which is then 0. Lines that come faster than METRICS_RATE are left out at once. Nothing is
 * synced: these are figures to look at, and a job does not wait for them.
 */
#ifndef PBIT_DAEMON_METRICS_H
#define PBIT_DAEMON_METRICS_H

#include <jansson.h>

#include "util.h"

#define METRICS_FILE	  "metrics.jsonl"
#define METRICS_MAX_BYTES ((size_t)1 << 20)
#define METRICS_RATE	  10 /* lines a second, over a while */
#define METRICS_BURST	  20 /* lines at once */

struct metrics;

/* directory: the job's, borrowed. What was written before stays; half a line at its end goes. */
int metrics_open(int directory, struct metrics **ret);
struct metrics *metrics_close(struct metrics *m); /* NULL is allowed here and below */

/* message: a progress object of a worker. now: us since 1970. Failures leave the line out. */
void metrics_progress(struct metrics *m, const json_t *message, int64_t now);
/* device and reason may be NULL. */
void metrics_event(struct metrics *m, const char *event, const char *device, const char *reason,
		   int64_t now);

#endif
