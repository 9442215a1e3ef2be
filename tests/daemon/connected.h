/* SPDX-License-Identifier: MIT */
/* The fixture of tests with one daemon and one client of it. */
#ifndef PBIT_TESTS_DAEMON_CONNECTED_H
#define PBIT_TESTS_DAEMON_CONNECTED_H

#include "harness.h"

static struct harness h;
static sd_bus *bus;

static inline void setup(void)
{
	harness_new(&h);
	harness_start(&h, NULL);
	bus = harness_connect(&h);
}

static inline void teardown(void)
{
	bus = sd_bus_close_unref(bus);
	harness_free(&h);
}

/* Ends the daemon by that signal, and goes on with the next one. */
static inline void restart(int number)
{
	bus = sd_bus_close_unref(bus);
	harness_kill(&h, number);
	harness_start(&h, NULL);
	bus = harness_connect(&h);
}

#endif
