/* SPDX-License-Identifier: MIT */
/*
 * Devices as the queue sees them: a name, slots, reservations. One that a job names or that is
 * reserved is known before it is there; once it was told of, for as long as the queue.
 */
#ifndef PBIT_POLICY_SITE_H
#define PBIT_POLICY_SITE_H

#include "reservation.h"

struct site {
	char *name;
	enum queue_kind kind;
	unsigned int slots; /* 0: not in service */
	unsigned int busy;  /* jobs that run there */
	unsigned int refs;  /* jobs that name it */
	bool told;	    /* by queue_set_device() */
	struct reservation *reservations;
	unsigned int spare; /* scratch of preempt.c */
};

struct sites {
	struct site **list;
	size_t n;
};

struct site *site_find(const struct sites *t, const char *name);
/* Makes it where it is not known, out of service. -ENOMEM. */
int site_make(struct sites *t, const char *name, struct site **ret);
/* Forgets it when nothing refers to it. */
void site_release(struct sites *t, struct site *d);
void sites_clear(struct sites *t);

static inline bool site_is_free(const struct site *d)
{
	return d->busy < d->slots;
}

#endif
