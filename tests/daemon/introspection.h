/* SPDX-License-Identifier: MIT */
/*
 * The daemon's methods as it tells of them, so that a test of all methods covers those of
 * tomorrow, and messages made of a signature.
 */
#ifndef PBIT_TESTS_DAEMON_INTROSPECTION_H
#define PBIT_TESTS_DAEMON_INTROSPECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#define MAX_METHODS   64
#define MAX_ARGUMENTS 8

struct method {
	char name[48];
	char in[64]; /* signature of all arguments */
	size_t n;
	struct {
		char name[32];
		char type[32];
	} argument[MAX_ARGUMENTS];
};

/* Those of PBIT_INTERFACE; returns how many. */
size_t introspect(sd_bus *bus, struct method ret[MAX_METHODS]);
const struct method *find_method(const struct method *methods, size_t n, const char *name);
/* True when an argument of type t has "id" as its name or as the end of it. */
bool takes_id(const struct method *m);

/*
 * Appends random values of the signature: a mixture of the likely (small numbers, words that the
 * daemon knows), the extreme and the wild. fds: n_fds descriptors to pick from.
 * A text is at most max_text bytes.
 */
int append_random(sd_bus_message *m, const char *signature, uint64_t *x, const int *fds,
		  size_t n_fds, size_t max_text);

#endif
