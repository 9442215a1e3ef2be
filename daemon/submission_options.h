/* SPDX-License-Identifier: MIT */
/* How a job is to be queued: the dictionary that comes with Submit, as protocol.h has it. */
#ifndef PBIT_DAEMON_SUBMISSION_OPTIONS_H
#define PBIT_DAEMON_SUBMISSION_OPTIONS_H

#include <systemd/sd-bus.h>

#include "daemon.h"

struct submission_options {
	enum job_band band;
	unsigned int time_limit; /* device-seconds; 0: the default */
	bool hold;
	struct id_list after_ok, after_any;
	const char *array_key, *array_values; /* in the message; both or neither */
};

/* Reads the a{sv} that is next in the message. Unknown keys and wrong types are refused. */
int submission_options_read(sd_bus_message *m, struct submission_options *ret, struct err *e);
void submission_options_clear(struct submission_options *o);

/* Are the jobs that this one is to wait for there, and can they still end as it is wished? */
int submission_options_check(struct daemon *d, const struct submission_options *o, struct err *e);

/* What the job takes from it. -ENOMEM. */
int submission_options_apply(const struct submission_options *o, struct job *j);

#endif
