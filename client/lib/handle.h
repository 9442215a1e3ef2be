/* SPDX-License-Identifier: MIT */
/* What the files of libpbit share: the handle, calls to the daemon, addresses. */
#ifndef PBIT_LIB_HANDLE_H
#define PBIT_LIB_HANDLE_H

#include <systemd/sd-bus.h>

#include <pbit/pbit.h>

#include "err.h"

#define API __attribute__((visibility("default")))

struct pbit {
	sd_bus *bus; /* NULL until a daemon answered */
	char *socket;
	struct err err; /* about the last call that failed */
};

static inline void messagep(sd_bus_message **m)
{
	*m = sd_bus_message_unref(*m);
}
#define _cleanup_message_ _cleanup_(messagep)

/* Each public function begins with this: forgets the last error, refuses a handle without bus. */
int handle_begin(struct pbit *p);

/* A method call to be filled with arguments. */
int call_new(struct pbit *p, const char *method, sd_bus_message **ret);
/* Sends m and waits; the daemon's error or the connection's becomes errno and p->err. */
int call_send(struct pbit *p, sd_bus_message *m, uint64_t timeout_us, sd_bus_message **ret_reply);
/* Both, for a method with the one argument t. */
int call_job(struct pbit *p, const char *method, uint64_t id, sd_bus_message **ret_reply);
/* Both, for a method without arguments that returns a string. */
int call_string(struct pbit *p, const char *method, char **ret);
/* r < 0 from sd-bus while reading a reply or the connection: sentence and errno. */
int call_failed(struct pbit *p, int r);
/* A reply "s" as a string of its own. */
int call_take_string(struct pbit *p, sd_bus_message *reply, char **ret);

/*
 * Copies a struct of the caller, which begins with its size, into one of `size` bytes, of which
 * `least` were there from the beginning. Fields that the caller's struct lacks are zero. -EINVAL
 * below `least`; -E2BIG when fields that this library does not know are set.
 */
int struct_take(struct err *e, const char *name, void *to, size_t size, size_t least,
		const void *from);

/* The options of Submit as a{sv}; o comes from submit_options_take(). */
int submit_options_append(sd_bus_message *m, const struct pbit_submit_options *o);
/* from, which may be NULL, into *ret, and checked. */
int submit_options_take(struct pbit *p, const struct pbit_submit_options *from,
			struct pbit_submit_options *ret);

/* The state whose name that is, or -EPROTO. */
int state_from_name(const char *name, enum pbit_state *ret);

/* Path of the user's own socket: $XDG_RUNTIME_DIR/pbitd/socket or /tmp/pbitd-UID/socket. */
int socket_path_of_user(char **ret);
/* A connected, close-on-exec stream socket; own: only if the listener has our uid. */
int socket_connect(const char *path, bool own, struct err *e);

/*
 * Starts `pbitd --user --idle-exit 60`, detached from this process, and waits for its socket.
 * Returns a connected descriptor.
 */
int daemon_autostart(const char *socket, struct err *e);

#endif
