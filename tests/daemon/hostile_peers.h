/* SPDX-License-Identifier: MIT */
/* Clients that mean no good, each a loop without end for a process of its own. */
#ifndef PBIT_TESTS_DAEMON_HOSTILE_PEERS_H
#define PBIT_TESTS_DAEMON_HOSTILE_PEERS_H

#include "harness.h"

struct hostile_peer {
	const char *name;
	void (*run)(void *harness); /* struct harness * */
};

#define HOSTILE_PEERS 9
extern const struct hostile_peer hostile_peers[HOSTILE_PEERS];

/* In memory that those processes share: how many connections they have made. NULL: not counted. */
extern unsigned int *hostile_connections;

/* A connection on which bare messages can be sent, or -1 when the daemon did not let it in. */
int hostile_connect(const struct harness *h);

#endif
