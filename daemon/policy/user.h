/* SPDX-License-Identifier: MIT */
/* Users as the queue sees them: what each has used, may have, and waits for. */
#ifndef PBIT_POLICY_USER_H
#define PBIT_POLICY_USER_H

#include "lane.h"
#include "queue.h"
#include "share.h"

struct entry;

struct user {
	uid_t uid;
	char *name; /* as of the last job; "" when there was none */
	struct share share;
	struct lane lane;
	struct limits own;
	bool has_own;
	uint64_t memory;  /* of the running jobs */
	uint64_t day;	  /* us of device time of the day that ends at day_ends, as of share.at */
	int64_t day_ends; /* us since 1970 */
	struct entry **line; /* the waiting jobs: by band, the high ones first, then by id */
	size_t n_line, allocated;
	size_t quick; /* of them, those that may take the lane */

	/* As of the order. */
	bool present;	 /* a job runs, or could: see share.h */
	bool limited;	 /* and more would, but for his limits */
	double level;	 /* now */
	double standing; /* level, and what the running jobs will still take of their quantum */
	size_t cursor;	 /* scratch of the merge */
};

struct users {
	struct user **list; /* by uid */
	size_t n;
	struct user **heap; /* room for all: scratch of the merge */
};

struct user *user_find(const struct users *t, uid_t uid);
/* Makes it where it is not known, with an allowance that is full at now. -ENOMEM. */
int user_make(struct users *t, uid_t uid, struct user **ret);
void users_clear(struct users *t);

/* -ENOMEM. */
int user_set_name(struct user *u, const char *name);

/* Room for one more in the line, so that nothing fails later. -ENOMEM. */
int user_reserve(struct user *u, size_t jobs);
void user_enter(struct user *u, struct entry *x);
void user_leave(struct user *u, const struct entry *x);

#endif
