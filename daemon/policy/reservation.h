/* SPDX-License-Identifier: MIT */
/*
 * The reservations of one device: a list, by the time at which they begin.
 *
 * From r.from to r.until (us since 1970) the device runs jobs of the listed users alone: others'
 * are not started, and yield when it begins. A job of others that has a time limit is not started
 * either when it might not end before; one without a limit is started, and yields.
 */
#ifndef PBIT_POLICY_RESERVATION_H
#define PBIT_POLICY_RESERVATION_H

#include "queue.h"

struct reservation {
	struct reservation *next;
	struct queue_reservation r; /* r.device is not set */
};

/* A copy, put in its place. -ENOMEM. */
int reservation_add(struct reservation **list, const struct queue_reservation *r);
/* False when it is not in the list. */
bool reservation_remove(struct reservation **list, uint64_t id);
/* Those that are over by the time; true when there were any. */
bool reservation_expire(struct reservation **list, int64_t wall);
void reservation_clear(struct reservation **list);

/* The first that keeps the user's job from the device between the time and `length` us later. */
const struct reservation *reservation_against(const struct reservation *list, uid_t uid,
					      int64_t wall, uint64_t length);

/* The first beginning or end after the time; INT64_MAX: none. */
int64_t reservation_next(const struct reservation *list, int64_t wall);

#endif
