/* SPDX-License-Identifier: MIT */
/* Reservations of devices: made and unmade by admins, kept in the store, obeyed by the queue. */
#ifndef PBIT_DAEMON_RESERVATIONS_H
#define PBIT_DAEMON_RESERVATIONS_H

#include "daemon.h"

#define MAX_RESERVATIONS     1000
#define MAX_RESERVED_USERS   64
#define MAX_RESERVATION_USEC ((int64_t)366 * 86400 * 1000000)

/* At the start: tells the queue of those that have not passed, and forgets the others. */
int reservations_recover(struct daemon *d, struct err *e);

/* It is durable, and the queue knows it. -EDQUOT when there are too many. */
int reservations_add(struct daemon *d, const struct reservation *x, uint64_t *ret_id,
		     struct err *e);

/* -ENOENT when there is none of that number. */
int reservations_remove(struct daemon *d, uint64_t id, struct err *e);

/* [{id, device, from, until, users, why, by}] of those that have not passed. */
int reservations_to_json(struct daemon *d, json_t **ret, struct err *e);

#endif
