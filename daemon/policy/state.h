/* SPDX-License-Identifier: MIT */
/* What the queue knows, for the files of this directory. */
#ifndef PBIT_POLICY_STATE_H
#define PBIT_POLICY_STATE_H

#include "queue.h"
#include "share.h"

struct site { /* a device, named or there */
	char *name;
	enum queue_kind kind;
	unsigned int slots;
	unsigned int busy; /* jobs that run there */
};

struct user {
	uid_t uid;
	char *name; /* as of the last job */
	struct share share;
	struct limits own;
	bool has_own;
	unsigned int waiting;
	uint64_t memory; /* of the running jobs */
	uint64_t day;	 /* us of device time of the day that ends at day_ends, as of share.at */
	int64_t day_ends;
};

struct entry {
	uint64_t id;
	struct user *user;
	char *name; /* the user's, as of the submission */
	enum queue_band band;
	struct site *wanted; /* the device it names, or NULL */
	struct site *site;   /* where it runs; NULL: it waits */
	struct site **avoided;
	size_t n_avoided;
	uint64_t time_limit, used, memory;
	uint64_t started; /* when it began to run */
	enum queue_held held;
	bool session, idle;
	bool yields;  /* it was asked to, by queue_preempt() */
	bool expired; /* it was told by queue_expired() */
	uint64_t held_until;
	char *held_why;
	struct queue_dependency *after; /* those that are pending, and those that doom it */
	size_t n_after;
};

struct booking {
	struct queue_reservation r;
	char *device, *users;
	uid_t *uids;
};

struct queue {
	struct site **sites;
	size_t n_sites;
	struct user **users; /* by uid */
	size_t n_users;
	struct entry **entries; /* waiting and running, by id */
	size_t n, allocated;
	size_t running;
	struct booking *bookings;
	size_t n_bookings;
	struct limits limits;
	double rate; /* of forgetting, 1/us */
	uint64_t quantum;
	int64_t epoch; /* us since 1970 at clock 0 */
	double floor;  /* of levels, as of floor_at */
	uint64_t floor_at;
	uint64_t generation;
};

struct entry *queue_find(const struct queue *q, uint64_t id);
struct user *queue_find_user(const struct queue *q, uid_t uid);
int queue_make_user(struct queue *q, uid_t uid, struct user **ret);
/* Charges what the user has used until now. */
void queue_settle(struct queue *q, struct user *u, uint64_t now);

#endif
