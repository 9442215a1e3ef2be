/* SPDX-License-Identifier: MIT */
/*
 * One Submit call, from the message to its answer. The bytes are copied to disk in a thread, so
 * that a gigabyte of one user does not keep the others waiting; all else happens in the loop.
 */
#ifndef PBIT_DAEMON_SUBMISSION_H
#define PBIT_DAEMON_SUBMISSION_H

#include <systemd/sd-bus.h>

#include "daemon.h"

struct peer;
struct submission_options;

/* The method "Submit". userdata: the peer. */
int submission_method(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* What OpenSession has in common with it: does this daemon take jobs of the peer? */
int submission_check_daemon(const struct peer *p, sd_bus_error *error);
/* A job of the peer's that waits, without what its spec says. -ENOMEM. */
int submission_make_like(const struct peer *p, const struct submission_options *o,
			 struct job **ret);

/* The peer has gone: what it has not been told of is dropped. */
void submission_forget_peer(struct daemon *d, const struct peer *p);

/* Waits for the threads, and drops what they did. */
void submission_drop_all(struct daemon *d);

#endif
