/* SPDX-License-Identifier: MIT */
/*
 * The devices there are: the embedded one, and what udev knows of the subsystem "pbit", as it
 * comes and goes.
 */
#ifndef PBIT_DAEMON_HOTPLUG_H
#define PBIT_DAEMON_HOTPLUG_H

#include <systemd/sd-event.h>

#include "err.h"

#define HOTPLUG_SUBSYSTEM "pbit"
#define EMBEDDED_NAME	  "embedded0"

struct device {
	char *name;    /* "embedded0", or the kernel's name */
	char *backend; /* "embedded": p-bits in the worker's own software; "kernel": behind a module */
	char *syspath;	     /* NULL for the embedded device */
	unsigned int p_bits; /* largest network it takes; 0: not known */
	bool usable;	     /* jobs can be run on it by this pbitd */
	const char *route;   /* how the p-bits are updated, "avx2"; "" when not known */
};

struct hotplug;

/* The set of devices, or one of them, is another than before. */
typedef void (*hotplug_fn)(void *userdata);

/*
 * source: "udev" (events that udevd has worked on) or "kernel". Without udev (no netlink, no /sys)
 * the embedded device is there all the same, and a warning is logged.
 */
int hotplug_new(sd_event *event, const char *source, const char *subsystem, hotplug_fn changed,
		void *userdata, struct hotplug **ret, struct err *e);
struct hotplug *hotplug_free(struct hotplug *h);

size_t hotplug_count(const struct hotplug *h);
const struct device *hotplug_get(const struct hotplug *h, size_t i);

#endif
