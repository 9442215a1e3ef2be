/* SPDX-License-Identifier: MIT */
/*
 * A p-bit device of the kernel, /dev/pbitN: opening it, and what it says of itself. Each opening is
 * a context of its own, which ends with its last descriptor.
 */
#ifndef PBIT_DAEMON_NODE_H
#define PBIT_DAEMON_NODE_H

#include "err.h"

struct node_info {
	uint64_t backend;	    /* enum pbit_backend, or what a newer module has */
	uint64_t route;		    /* enum pbit_route, likewise */
	unsigned int p_bits;	    /* most of a program, both sides together */
	unsigned int chains;	    /* most of a program */
	unsigned int coupling_bits; /* 8 or 16 */
	bool ideal;		    /* every p-bit follows the law as it stands */
};

/*
 * Opens node for reading and writing, close-on-exec, makes sure that it is a character device of
 * the class pbit, and asks it. Returns the descriptor. -ENOENT, -ENXIO and -ENODEV: it is gone
 * again; -EACCES and -EPERM: not for us; -ENOTTY: something else; -EPROTO: a driver that this
 * program does not understand.
 */
int node_open(const char *node, struct node_info *ret, struct err *e);

/* What it failed for says nothing of the device: there was no room for one more at the moment. */
static inline bool node_failure_passes(int r)
{
	return r == -EMFILE || r == -ENFILE || r == -ENOMEM;
}

#endif
