/* SPDX-License-Identifier: MIT */
/*
 * Who is let in, and who is put out when there is too little room for all.
 *
 * Connections: config's peers_max in all and peers_per_user of each user, with LIMIT_PEERS_RESERVED
 * places on top for those who keep the machine. When all are taken, a user who has fewer than
 * another still gets in, and the one with the most loses his newest: nobody's crowd keeps others out.
 *
 * Memory: what the daemon holds for its clients is the part that has come of messages which have
 * not, and the answers that are not read. A connection may hold a whole message and a few answers,
 * a few MiB; all together may hold LIMIT_HELD bytes. Beyond, the user who holds the most loses the
 * connection that holds the most, which is never one that sends and reads as it should while
 * another does not. What outlives its connection (struct claim) counts for its user until it is freed.
 *
 * Descriptors: unread.h.
 *
 * Time: of one user's connections, one at a time has a question answered (struct crowd's inside), so
 * that another user waits for one question of each user, not for one of each connection.
 */
#ifndef PBIT_DAEMON_ADMISSION_H
#define PBIT_DAEMON_ADMISSION_H

#include "daemon.h"

struct peer;

/* What the connections of one user come to. Kept while there are any, or claims. */
struct crowd {
	struct crowd *next;
	uid_t uid;
	unsigned int n;	      /* connections that are not doomed */
	unsigned int members; /* with those that are */
	unsigned int claims;
	size_t held;		   /* bytes, of the n and of the claims */
	unsigned int fds;	   /* of the claims */
	const struct peer *inside; /* whose question sd-bus has to answer; NULL: nobody's */
	unsigned int copying;	   /* of its submissions */
	uint64_t served;	   /* daemon's copies when it came or its last one was begun */
};

/*
 * What is kept for a user whether or not the connection that it came by is still there. All zero:
 * nothing yet.
 */
struct claim {
	struct crowd *crowd;
	size_t bytes;
	unsigned int fds;
};

/* So much more is kept for the user of the crowd; and no more of it. */
void admission_claim(struct daemon *d, struct claim *c, struct crowd *crowd, size_t bytes,
		     unsigned int fds);
void admission_release(struct daemon *d, struct claim *c);

/* Counts p, which was let in, and takes it out again. -ENOMEM. */
int admission_join(struct daemon *d, struct peer *p);
void admission_leave(struct daemon *d, struct peer *p);

/*
 * Before anything is spent on p, which is not in the list yet: NULL, or why it cannot be let in.
 * May doom another's connection.
 */
const char *admission_refusal(struct daemon *d, const struct peer *p);

/* To be cut off at the next turn of the loop. Already doomed: nothing. */
void admission_doom(struct peer *p);

/* p holds so many bytes now. */
void admission_weigh(struct peer *p, size_t held);

/* Dooms connections until the rest hold no more than LIMIT_HELD, or none holds anything. */
void admission_relieve(struct daemon *d);

/*
 * Of what clients make the daemon say about them, so many lines a second are written. False: leave
 * this one out; how many were left out is said later.
 */
bool admission_may_complain(struct daemon *d);

#endif
