/* SPDX-License-Identifier: MIT */
/*
 * The gate before sd-bus: what a peer sends passes through it, and is measured.
 *
 * sd-bus takes messages of up to 128 MiB with up to 1024 descriptors before anyone is asked. The
 * gate follows the framing (the authentication lines up to BEGIN, then message headers), and
 * closes where more would come than is allowed. Bytes and descriptors pass on to a socket from
 * which sd-bus reads; the gate holds one piece of at most GATE_PIECE bytes. What the bytes mean
 * is sd-bus's business.
 *
 * The gate can be held shut, so that a peer that does not read its answers is not read from
 * either; and one message passes at a time, so that nothing is underway when it is shut.
 */
#ifndef PBIT_DAEMON_GATE_H
#define PBIT_DAEMON_GATE_H

#include <sys/types.h>
#include <systemd/sd-event.h>

#include "util.h"

#define GATE_MAX_AUTH ((size_t)16 << 10) /* bytes up to BEGIN */
#define GATE_MAX_FDS  16		 /* descriptors of one message */
#define GATE_PIECE    ((size_t)32 << 10)

/* The measure alone, without sockets. */
struct gate_meter {
	size_t max_message;
	size_t auth;	    /* bytes of authentication so far */
	size_t matched;	    /* bytes of the end of authentication that the last ones match */
	bool authenticated; /* BEGIN was seen */
	uint8_t header[16]; /* the fixed part of a message */
	size_t have;	    /* bytes of it */
	size_t left;	    /* bytes of the message after it */
	size_t whole;	    /* bytes of the last message that was measured */
};

void gate_meter_init(struct gate_meter *m, size_t max_message);

/* How many bytes may be read without crossing the end of a header or message; 0: authentication. */
size_t gate_meter_want(const struct gate_meter *m);

/*
 * Takes bytes from the stream, at most gate_meter_want() once authenticated. Returns how many it
 * took: fewer than size only when authentication ends among them. -EMSGSIZE: more than allowed
 * would come; -EPROTO: this is no D-Bus message.
 */
ssize_t gate_meter_take(struct gate_meter *m, const void *bytes, size_t size);

struct gate;

/* May the gate read on? Asked before each poll. authenticated: BEGIN has passed. */
typedef bool (*gate_open_fn)(bool authenticated, void *userdata);

/*
 * Reads from peer, a non-blocking stream socket that the gate then owns. *ret_fd is what sd-bus is
 * to read from, the caller's.
 */
int gate_new(sd_event *event, int peer, size_t max_message, gate_open_fn is_open, void *userdata,
	     struct gate **ret, int *ret_fd);
struct gate *gate_free(struct gate *g);

/* How many bytes have come of a message that has not come as a whole; 0: none is underway. */
size_t gate_underway(const struct gate *g);
/* A whole message had passed, and sd-bus had not read it all, when the gate last asked is_open. */
bool gate_is_passed(const struct gate *g);
/* Bytes of the last message. */
size_t gate_last(const struct gate *g);

/* Why the gate closed, as a clause; NULL while it is open or when the peer left by itself. */
const char *gate_complaint(const struct gate *g);

#endif
