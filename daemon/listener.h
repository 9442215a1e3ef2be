/* SPDX-License-Identifier: MIT */
/* The socket that clients connect to: bound here, or handed over by the service manager. */
#ifndef PBIT_DAEMON_LISTENER_H
#define PBIT_DAEMON_LISTENER_H

#include <systemd/sd-event.h>

#include "config.h"

struct listener;

/* Takes a connected, non-blocking, close-on-exec descriptor over. False: it was turned away. */
typedef bool (*listener_accept_fn)(int fd, void *userdata);

/*
 * Takes the service manager's socket where there is one. Otherwise makes config->socket, whose
 * directory in --user mode has to be the user's alone (made when missing); the caller holds the
 * lock of the state directory. -EADDRINUSE when another daemon answers there.
 */
int listener_new(sd_event *event, const struct config *config, listener_accept_fn accepted,
		 void *userdata, struct listener **ret, struct err *e);
struct listener *listener_free(struct listener *l);

/*
 * Before the daemon leaves for want of work: takes the socket out of sight. -EAGAIN when somebody
 * has just connected, and all stays as it was. Closing a handed-over socket loses nobody: the
 * service manager listens on.
 */
int listener_retire(struct listener *l);

#endif
