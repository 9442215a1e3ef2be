/* SPDX-License-Identifier: MIT */
/* The D-Bus interface of protocol.h. */
#ifndef PBIT_DAEMON_BUS_H
#define PBIT_DAEMON_BUS_H

#include <systemd/sd-bus.h>

#include "daemon.h"

struct peer;

/* The daemon's object and the stub of a message bus, on one connection. */
int bus_add_objects(sd_bus *bus, sd_bus_slot **ret_daemon, sd_bus_slot **ret_driver,
		    struct peer *p);

/* JobChanged's JSON of the job for this reader; free() it. NULL: out of memory. */
char *bus_job_text(const struct peer *p, const struct job *j);

/*
 * The job whose number is the call's next argument: in memory, borrowed, or from the store, owned
 * by *owned. A negative errno when there is none; error then says so.
 */
int bus_read_job(sd_bus_message *m, struct peer *p, const struct job **ret, struct job **owned,
		 sd_bus_error *error);

/* bus_files.c: the methods that hand out a job's files. userdata: the peer. */
int bus_on_fetch(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_on_remove(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_on_log(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_on_metrics(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* bus_queue.c and bus_devices.c: the queue as a whole. userdata: the peer. */
int bus_on_hold(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_on_release(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_on_shares(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_on_usage(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_on_reserve(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_on_unreserve(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_on_reservations(sd_bus_message *m, void *userdata, sd_bus_error *error);
int bus_on_devices(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* Answers m with a string, and counts it to what p has to read. */
int bus_reply_text(sd_bus_message *m, struct peer *p, const char *text);

/* PBIT_ERROR_DENIED: the job is another's. what: "cancel it". */
int bus_deny(const struct job *j, const char *what, sd_bus_error *error);

/* Sets the D-Bus error for the errno and sentence of e. Returns a negative errno. */
int bus_fail(sd_bus_error *error, const char *name, const struct err *e);

/* org.freedesktop.DBus, as far as clients made for a message bus need it; userdata: the peer. */
extern const sd_bus_vtable bus_driver_vtable[];

#endif
