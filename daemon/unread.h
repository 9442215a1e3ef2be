/* SPDX-License-Identifier: MIT */
/*
 * Descriptors on their way to clients.
 *
 * The kernel counts one that was sent and not received to the user of the sender, and above
 * RLIMIT_NOFILE it lets that user send none: the daemon could neither hand out files nor have the
 * gate pass any on. Closing the connection does not help, for they lie with the peer until he
 * reads or closes. So what the daemon sends is counted until the kernel says that the peer has read
 * all of it, whether or not the connection lasts so long.
 *
 * LIMIT_UNREAD of them are shared: a user with LIMIT_UNREAD / UNREAD_SHARES unread, or with any
 * while all are in use, has no further question taken until they are read. Who has none unread is
 * always served, so that a reader never waits for one who does not read.
 */
#ifndef PBIT_DAEMON_UNREAD_H
#define PBIT_DAEMON_UNREAD_H

#include <stdbool.h>

struct daemon;
struct peer;

/* A quarter of the unit's LimitNOFILE; where that is less, a quarter of what it is. */
#define LIMIT_UNREAD  16384
#define UNREAD_SHARES 16

/* So many descriptors are about to be sent to the peer. On failure they must not be. */
int unread_add(struct peer *p, unsigned int n);

/* Forgets them once the peer has read all that was sent. */
void unread_look(struct peer *p);

/* May its user have more sent to him? False: asked again in a moment, the loop turns for it. */
bool unread_has_room(const struct peer *p);

/* The peer is about to be freed. */
void unread_forget_peer(struct peer *p);

/* Without the peers. */
void unread_clear(struct daemon *d);

#endif
