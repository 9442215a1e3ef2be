/* SPDX-License-Identifier: MIT */
/*
 * What the queue knows, for the files of this directory: queue.c and usage.c change it as they are
 * told, order.c ranks the waiting jobs, preempt.c finds who is to yield, reason.c puts it into words.
 *
 * Invariants, between calls: every entry is in q->entries; one that waits is in its user's line,
 * one that runs in q->runs; sums (busy, running, memory, waiting, quick) are those of the entries.
 */
#ifndef PBIT_POLICY_STATE_H
#define PBIT_POLICY_STATE_H

#include "dependency.h"
#include "lane.h"
#include "queue.h"
#include "reservation.h"
#include "share.h"
#include "site.h"
#include "user.h"

/* What a start is reckoned to cost at least, where no quantum says so. */
#define NOMINAL ((uint64_t)60 * 1000000)

/* Why a waiting job could not run even if all slots were free. */
enum block {
	BLOCK_NONE,
	BLOCK_DOOMED,
	BLOCK_HELD,
	BLOCK_ASLEEP,
	BLOCK_AFTER,
	BLOCK_OVERDUE, /* its device time is used up */
	BLOCK_LATER,   /* queue_hold() */
	BLOCK_DAY,     /* limits of its user */
	BLOCK_RUNNING,
	BLOCK_MEMORY,
	BLOCK_PLACE, /* no device in service that it may use */
};

/* The order's three parts. */
enum rank {
	RANK_FIRST, /* short, and covered by its user's allowance */
	RANK_READY,
	RANK_BLOCKED,
};

struct entry {
	uint64_t id;
	struct user *user;
	enum queue_band band;
	struct site *wanted; /* the device it names, or NULL */
	struct site *site;   /* where it runs; NULL: it waits */
	struct site **avoided;
	size_t n_avoided;
	uint64_t time_limit, used, memory;
	uint64_t started; /* when it began to run */
	double paid;	  /* from its user's allowance, for this run */
	enum queue_held held;
	bool session, idle;
	bool leaving; /* its slot comes free: it was asked to yield, or its end was told */
	bool expired; /* it was told by queue_expired() */
	uint64_t held_until;
	char *held_why;
	struct dependency *after;
	size_t n_after, n_pending;
	uint64_t doomed_by;			  /* the job that ended badly; 0: none did */
	struct entry *doomed_next, **doomed_link; /* in q->doomed */

	/* As of q->order. */
	enum rank rank;
	enum block block;
	bool admitted; /* it is within its user's limits, whoever is before it */
	double tag;    /* the level that its user will have when it is this job's turn */
	unsigned int position;
};

/* The waiting jobs in the order in which they would start; see order.c. */
struct order {
	struct entry **list; /* room for all entries */
	size_t n, n_ready;   /* those before n_ready are not RANK_BLOCKED */
	size_t next;	     /* none before this one could start */
	uint64_t generation, now;
	bool valid;
};

struct queue {
	struct sites sites;
	struct users users;
	struct entry **entries; /* waiting and running, by id */
	size_t n, allocated;
	struct entry **runs; /* those that run; room for all */
	size_t n_runs;
	size_t n_overdue; /* waiting ones whose device time is used up, not told of yet */
	struct dependencies dependencies;
	struct entry *doomed;
	struct limits limits;
	double rate; /* of forgetting, 1/us */
	uint64_t quantum;
	uint64_t job_memory; /* of queue_set_job_memory(); 0: none was set */
	int64_t epoch;	     /* us since 1970 at clock 0 */
	double floor;	     /* of levels, as of floor_at: see share.h */
	uint64_t floor_at;
	uint64_t generation;
	struct order order;
	uint64_t steps; /* jobs and devices looked at: what tests count in the place of time */
};

static inline int64_t wall_of(const struct queue *q, uint64_t now)
{
	return q->epoch + (int64_t)now;
}

/* Does it pass by the others while its user's allowance lasts? */
static inline bool is_quick(const struct entry *x)
{
	return x->session || (x->time_limit && x->time_limit <= LANE_SHORT);
}

/* The job's device time, up to now. */
static inline uint64_t used_by(const struct entry *x, uint64_t now)
{
	return x->used + (x->site && now > x->started ? now - x->started : 0);
}

/* How long the job has run since it was started. */
static inline uint64_t stint_of(const struct entry *x, uint64_t now)
{
	return now > x->started ? now - x->started : 0;
}

struct entry *queue_find(const struct queue *q, uint64_t id);

/* --- usage.c --- */

/* Charges what the user has used until now: to be called before what runs changes. */
void usage_settle(struct queue *q, struct user *u, uint64_t now);
/* us of device time since midnight. */
uint64_t usage_of_day(const struct queue *q, const struct user *u, uint64_t now);
/* The floor of levels at the time. */
double usage_floor(const struct queue *q, uint64_t now);

/* --- order.c --- */

/* Brings presence, levels and the order up to now. */
void order_refresh(struct queue *q, uint64_t now);

/* The first job of the fresh order that could start, or NULL. */
struct entry *order_first(struct queue *q);

/* What the job takes from its user's allowance when it starts. */
double order_price(const struct entry *x);

/* May the job run on the device now, when that has room? */
bool order_suits(const struct queue *q, const struct entry *x, const struct site *d, uint64_t now);

/* The best device with room for the job, or NULL. */
struct site *order_choose(const struct queue *q, const struct entry *x, uint64_t now);

#endif
