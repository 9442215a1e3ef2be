/* SPDX-License-Identifier: MIT */
/*
 * What the configuration says, where it takes effect; and reading it again while jobs run, which
 * no job notices. A file that is bad changes nothing.
 */
#ifndef PBIT_DAEMON_SETTINGS_H
#define PBIT_DAEMON_SETTINGS_H

#include <systemd/sd-bus.h>

#include "daemon.h"

/* Gives the queue what it is to know: at the start, and after the file was read again. -ENOMEM. */
int settings_apply(struct daemon *d);

/* Reads the file again, tells the service manager, and says in the journal what came of it. */
int settings_reload(struct daemon *d, struct err *e);

/* The method Reload(). */
int settings_method(sd_bus_message *m, void *userdata, sd_bus_error *error);

#endif
