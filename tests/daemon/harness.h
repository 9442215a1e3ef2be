/* SPDX-License-Identifier: MIT */
/*
 * A real pbitd in a temporary directory, with the test double of the worker, and a client's side.
 * Everything that fails ends the test. What is made here is made within the test's own process.
 */
#ifndef PBIT_TESTS_DAEMON_HARNESS_H
#define PBIT_TESTS_DAEMON_HARNESS_H

#include <check.h>
#include <jansson.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "../run_suite.h"
#include "err.h"
#include "json.h"
#include "protocol.h"

/*
 * A busy machine with a sanitized daemon is twenty times slower than an idle one; what is not there
 * after so long will not come. For loops that look again and again:
 *
 *	for (uint64_t end = 0; patience(&end);)
 */
#define PATIENCE_US ((uint64_t)200 * 1000000)
bool patience(uint64_t *end); /* false when it is at its end; pauses but for the first time */

struct harness {
	char root[64]; /* 0711, so that other users' workers can pass */
	char state[96];
	char socket[96];
	char worker[96];     /* a copy that any user can run */
	pid_t daemon;	     /* 0: none runs */
	const char *program; /* below the build directory; NULL: bin/pbitd */
};

void harness_new(struct harness *h);
void harness_free(struct harness *h); /* kills what runs, removes the directory */

/* Starts pbitd with the usual options and these, NULL-terminated, and waits until it answers. */
void harness_start(struct harness *h, ...);
/* Starts it without waiting; returns its pid, which is not h->daemon. Logs to root/log. */
pid_t harness_spawn(struct harness *h, const char *const *arguments);
/* Sends the signal, waits for the end, returns waitpid()'s status. */
int harness_kill(struct harness *h, int number);
int harness_wait(pid_t pid);
/*
 * SIGKILL for the daemon after so many us. The killer, which is returned, is another process, so
 * that the daemon dies while a call waits for its answer.
 */
pid_t harness_start_killer(struct harness *h, useconds_t delay);
/* Waits for both. The kill has to have ended it: a daemon that does not start is another fault. */
void harness_killed(struct harness *h, pid_t killer, unsigned int round);
/* True when the daemon's log has the text; the daemon is given time to write it. */
bool harness_logged(struct harness *h, const char *text);
char *harness_program(const char *below_build); /* "bin/pbitd" -> its path */

sd_bus *harness_connect(struct harness *h);
/* Connects and is answered; waits for a place where all were taken a moment ago. */
bool harness_serves(struct harness *h);
static inline void bus_closep(sd_bus **bus)
{
	sd_bus_close_unref(*bus);
}
#define _cleanup_bus_ _cleanup_(bus_closep)
static inline void message_unrefp(sd_bus_message **m)
{
	sd_bus_message_unref(*m);
}
#define _cleanup_message_ _cleanup_(message_unrefp)

int harness_raw_connect(const char *path);	    /* a connected socket, nothing sent */
int harness_sealed(const void *bytes, size_t size); /* a sealed memfd */

/* A bench job, of which the test double reads only the name. */
uint64_t submit_named(sd_bus *bus, const char *name);
/* The same on a device that it names. */
uint64_t submit_on(sd_bus *bus, const char *name, const char *device);
/* A sample job with one input. Returns sd_bus_call()'s result; error is the caller's. */
int submit_model(sd_bus *bus, const char *spec, const char *path, int fd, uint64_t *ret_id,
		 sd_bus_error *error);

/* Calls a method; the reply is the caller's. The call has to succeed. */
sd_bus_message *call(sd_bus *bus, const char *method, const char *types, ...);
/* Calls a method that has to be refused with this error, and this text in its sentence. */
void call_refused(sd_bus *bus, const char *error_name, const char *text, const char *method,
		  const char *types, ...);

json_t *show(sd_bus *bus, uint64_t id);
/* Follows the job until it has the state; fails when it ends in another one. */
json_t *await_state(sd_bus *bus, uint64_t id, const char *state);

/* The id that a Submit was answered with; takes the reply over. */
uint64_t take_id(sd_bus_message *reply);
/* A bench job's spec, for Submit with options: call(bus, "Submit", "sa(sh)a{sv}", BENCH("x"), 0, ... */
#define BENCH(name) "{\"kind\": \"bench\", \"name\": \"" name "\"}"
/* Until its worker has told of itself, so that it has set up what it does at a stop. */
void await_told(sd_bus *bus, uint64_t id);
/* Until the job waits for a reason that begins so, or has ended with it. */
void await_reason(sd_bus *bus, uint64_t id, const char *reason);
/* out/result.json of a job that is done. */
json_t *result_of(sd_bus *bus, uint64_t id);

const char *str(const json_t *object, const char *key);
int64_t num(const json_t *object, const char *key);
double real(const json_t *object, const char *key);

#endif
