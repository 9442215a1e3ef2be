/* SPDX-License-Identifier: MIT */
/*
 * The worker's connection to pbitd: JSON lines out, requests to stop in (see protocol.h).
 *
 * A stop request is SIGTERM; a daemon that is gone shows as a hang-up of the descriptor. Both are
 * seen by control_poll(), which jobs call at each chunk boundary and pass upwards as an error:
 *	-EINTR	     checkpoint, then leave with WORKER_EXIT_STOPPED
 *	-ECONNRESET  leave at once, and write nothing
 */
#ifndef PBIT_WORKER_CONTROL_H
#define PBIT_WORKER_CONTROL_H

#include <jansson.h>

#include "energy_ledger.h"
#include "err.h"

struct control {
	int fd;
	bool gone;	   /* the daemon hung up */
	int64_t started;   /* us, monotonic */
	int64_t last_line; /* us, of the last progress line */
	double first;	   /* progress at the start of this process, for the ETA; < 0: not known */
	struct energy_ledger account; /* what the job has used from its beginning ... */
	bool accounts;		      /* ... as far as its kind counts that */
};

int64_t now_us(void); /* CLOCK_MONOTONIC */

/* fd: the daemon's end of the worker; any descriptor that can be written to. */
void control_init(struct control *c, int fd);

/*
 * SIGTERM sets a flag; SIGPIPE and SIGXFSZ are ignored, so that writes fail with a reason instead.
 * Process-wide, hence apart from control_init().
 */
void control_catch_signals(void);

/* 0, -EINTR or -ECONNRESET, as above. */
int control_poll(struct control *c);

/*
 * Waits at most timeout_ms until fd can be read, or there is something for control_poll(), which is
 * the result, or nothing at all: then 0 as well.
 */
int control_wait(struct control *c, int fd, int timeout_ms);

/* Whether a progress line is due: at most five a second. */
bool control_is_due(const struct control *c);

/*
 * Sends {"type": "progress", "progress": p, "eta_s": ..., ...more}. more: an object, or NULL; the
 * reference is taken. The line is dropped when the daemon does not read fast enough.
 */
void control_progress(struct control *c, double p, json_t *more);

/* What the job has used from its beginning, for the lines to come, "done" among them. */
void control_account(struct control *c, const struct energy_ledger *l);

/* The last line of a job. -EPIPE and the like when the daemon is gone. */
int control_done(struct control *c);
int control_failed(struct control *c, const char *reason);

#endif
