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
	char *name; /* "embedded0", or the kernel's name */
	/*
	 * "embedded": p-bits in the worker's own software; "emulated": in the kernel's; "pci":
	 * silicon; "unknown": not asked, as it is not usable.
	 */
	const char *backend;
	char *syspath; /* NULL for the embedded device */
	char *node;    /* "/dev/pbit0"; NULL for none */
	bool usable;   /* jobs can be run on it by this pbitd */
	bool ideal;    /* its p-bits follow the law */
	char *why;     /* why it is not usable, a sentence; else NULL */
	/* Largest network it takes, p-bits of both sides, and its couplings; 0: not known. */
	unsigned int p_bits, chains, coupling_bits;
	const char *route; /* how the p-bits are updated, "avx2"; "" when not known */
};

struct hotplug;

/* The device is there (new, or told of again and perhaps another), or is gone. */
typedef void (*hotplug_fn)(const struct device *d, bool there, void *userdata);

/*
 * source: "udev" (events that udevd has worked on) or "kernel". Without udev (no netlink, no /sys)
 * the embedded device is there all the same, and a warning is logged. changed() is called for what
 * happens from now on, not for the devices that are there.
 */
int hotplug_new(sd_event *event, const char *source, const char *subsystem, hotplug_fn changed,
		void *userdata, struct hotplug **ret, struct err *e);
struct hotplug *hotplug_free(struct hotplug *h);

size_t hotplug_count(const struct hotplug *h);
const struct device *hotplug_get(const struct hotplug *h, size_t i);
/* By its name, or NULL. */
const struct device *hotplug_find(const struct hotplug *h, const char *name);

#endif
