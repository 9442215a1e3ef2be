/* SPDX-License-Identifier: MIT */
/* One client's connection: who it is, what it watches, and how much it may ask of the daemon. */
#ifndef PBIT_DAEMON_PEER_H
#define PBIT_DAEMON_PEER_H

#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "daemon.h"

#define BUS_SLOTS 3

struct crowd;
struct gate;
struct unread;

struct peer {
	struct daemon *daemon;
	struct peer *next, *previous;
	uid_t uid; /* from the socket, as are all of these: what the peer says is not asked */
	gid_t gid;
	pid_t pid;
	char *groups; /* "4,24" */
	bool admin;   /* may act on all jobs */
	sd_bus *bus;
	sd_bus_slot *slots[BUS_SLOTS]; /* all that may call back with this peer */
	struct gate *gate;
	int out;		   /* the socket to it, the bus's */
	sd_event_source *deadline; /* to authenticate */
	uint64_t *watches;
	size_t n_watches;
	unsigned int submissions; /* that it waits for; it is not read from meanwhile */
	struct crowd *crowd;	  /* with the other connections of its user */
	size_t owed;		  /* bytes of answers and signals since all was written */
	size_t held;		  /* bytes of memory, as admission.h counts them */
	struct unread *unread;	  /* NULL: it has read all descriptors */
	uint64_t told;		  /* generation of the queue that it was last told of */
	bool doomed;		  /* to be cut off at the next turn */
};

/* A listener_accept_fn: takes the connection in, or closes it when there are too many. */
bool peer_accept(int fd, void *daemon);
struct peer *peer_free(struct peer *p);

/* May it see the content of the job, and act on it? */
bool peer_may(const struct peer *p, const struct job *j);

/* The group of the admins may be another one now. */
void peers_admins_changed(struct daemon *d);

/* An answer or signal of so many bytes is on its way to the peer. */
void peer_owes(struct peer *p, size_t bytes);

/* How many messages wait to be written to it. */
uint64_t peer_queued(const struct peer *p);

/* -E2BIG above LIMIT_WATCHES_PER_PEER. */
int peer_watch(struct peer *p, uint64_t id);
void peer_unwatch(struct peer *p, uint64_t id);

/* Tells those who watch the job. progress: dropped for those who lag behind. */
void peers_job_changed(struct daemon *d, const struct job *j, bool progress);

/* Cuts off those who let too many messages wait for them. */
void peers_reap(struct daemon *d);

/*
 * Tells those who watch a job that waits, for its place and reason may be others now: those first who
 * have waited longest for it, and not many at once. False: it is to be called again for the others.
 */
bool peers_queue_changed(struct daemon *d);

#endif
