/* SPDX-License-Identifier: MIT */
/*
 * The daemon's part of an interactive session: the two descriptors by which it outlives its
 * workers, and when it sleeps.
 *
 * A session is a job of kind "session". Its client has one end of a socketpair; the daemon keeps
 * the other end and the memory that the client shares (see session_wire.h), and gives both to each
 * worker that runs it. While none does, the daemon watches the socket: a request in it makes the
 * session eligible, and when the client closes its end, the job is done. It never reads a request,
 * and never looks into the memory.
 *
 * Both descriptors go with the daemon. A session that the store knows when a daemon starts has
 * failed.
 */
#ifndef PBIT_DAEMON_SESSION_H
#define PBIT_DAEMON_SESSION_H

#include <jansson.h>
#include <systemd/sd-bus.h>

#include "job.h"

#define LIMIT_SESSIONS_PER_UID \
	32 /* each keeps two descriptors open, and what memory its client has */
#define LIMIT_SESSIONS 512

struct session;

/* What it said to whom it fails: as the reason of the job. */
#define SESSION_LOST                                                                            \
	"pbitd has been started anew, and what a session shares with its client goes with it; " \
	"open another session"

/*
 * memory: the client's, checked against the spec by the caller; it is duplicated. *ret_client: the
 * end of the socketpair for the client, the caller's to close.
 */
int session_new(int memory, struct session **ret, int *ret_client);

/* Says to the client why the session is over, unless words is NULL, and hangs up. */
struct session *session_free(struct session *s, const char *words);

/* Of a job that ends or is forgotten: as its state is. */
void session_end(struct job *j);

/* The descriptors for a worker: socket, memory. */
const int *session_fds(const struct session *s);

/*
 * The job waits now: asleep until its client calls, unless a call waits in the socket. When the
 * client goes meanwhile, the job is done.
 */
int session_waits(struct daemon *d, struct job *j);
/* Its worker has the socket now. */
void session_runs(struct job *j);
/* A progress line of its worker: whether its client calls. */
void session_told(struct daemon *d, struct job *j, const json_t *message);

/* The method "OpenSession". userdata: the peer. */
int session_method(sd_bus_message *m, void *userdata, sd_bus_error *error);

#endif
