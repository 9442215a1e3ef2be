/* SPDX-License-Identifier: MIT */
/* Calls that are made to fail, and what they share. */
#ifndef VM_STEPS_H
#define VM_STEPS_H

#include "device.h"
#include "job.h"

#define RAMP 2000 /* gains that do not fit into a page */

/* What steps share. What they make is theirs to unmake, in end(). */
struct world {
	struct device device;
	int fd;
	struct job job;
	struct reference reference;
	uint64_t gains[RAMP];

	int other; /* a file, eventfd or epoll */
	struct buffer buffer;
	uint32_t handle;
	pid_t child;

	int r; /* what act() said */
};

extern struct world world;

/* A call that is made to fail. All three may be called many times; act() gives 0 or -errno. */
struct step {
	const char *name;
	void (*begin)(void); /* or NULL */
	int (*act)(void);
	void (*end)(void); /* or NULL */
	bool quiet;	   /* may fail at nothing */
	bool births;	   /* of a task: then -EAGAIN may be the word */
	bool copies;	   /* this process, which needs pages of its own from then on */
};

extern const struct step steps[]; /* of a device that is there; ends with one that has no name */
extern const struct step birth;	  /* of a device, as seen by the thread that makes its worker */

#endif
