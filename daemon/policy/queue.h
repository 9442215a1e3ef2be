/* SPDX-License-Identifier: MIT */
/*
 * The policy: which job runs next and where, which one has to yield, and in words why the others
 * wait.
 *
 * A plain value: no event loop, no store, no devices, no processes behind it. It is told what there
 * is (jobs that wait or run, devices with slots, users with weights and limits) and asked what to
 * do. Time is an argument, now (us, any origin, not going backwards), so that tests decide it;
 * queue_set_wall() says which hour of the day that is.
 *
 * Device time is the time that a job holds a slot of a device, from queue_started() to
 * queue_stopped() or queue_remove(), in us.
 */
#ifndef PBIT_POLICY_QUEUE_H
#define PBIT_POLICY_QUEUE_H

#include <sys/types.h>

#include "err.h"
#include "limit.h"

#define QUEUE_MAX_REASON  sizeof(((struct err *)0)->text)
#define QUEUE_MAX_DEPENDS 128		       /* of one job */
#define QUEUE_SHORT	  ((uint64_t)10000000) /* us: a time limit up to this is short */
#define QUEUE_HALF_LIFE	  ((uint64_t)7 * 86400 * 1000000)
#define QUEUE_QUANTUM	  ((uint64_t)60 * 1000000)
#define QUEUE_MIN_WEIGHT  0.001
#define QUEUE_MAX_WEIGHT  1000.0

struct queue;

int queue_new(struct queue **ret);
struct queue *queue_free(struct queue *q);
static inline void queue_freep(struct queue **q)
{
	*q = queue_free(*q);
}

/* --- Settings --- */

/* It is `wall` us since 1970 at `now`: for the words of reasons, and for where a day begins. */
void queue_set_wall(struct queue *q, uint64_t now, int64_t wall);

/* How long it takes until half of a use is forgotten; 0: never. */
void queue_set_half_life(struct queue *q, uint64_t us, uint64_t now);

/* How long a job runs at least before it yields to a fairer one; 0: until it ends. */
void queue_set_quantum(struct queue *q, uint64_t us);

/* Of users who have none of their own, and those of one user; NULL: the former again. -ENOMEM. */
void queue_set_default_limits(struct queue *q, const struct limits *limits);
int queue_set_limits(struct queue *q, uid_t uid, const struct limits *limits);
/* What holds for the user. */
const struct limits *queue_limits(const struct queue *q, uid_t uid);

/* From QUEUE_MIN_WEIGHT to QUEUE_MAX_WEIGHT, or -EINVAL; 1 unless set. What was used stays. */
int queue_set_weight(struct queue *q, uid_t uid, double weight, uint64_t now);

/* Every user's weight 1 and no limits of his own, as before a configuration is read again. */
void queue_reset_users(struct queue *q, uint64_t now);

/* --- What users have used, to be kept over restarts --- */

struct queue_usage {
	double used;  /* us of device time, decayed */
	double level; /* the same over the weight, as it ranks the user: see "Shares" in share.h */
	double floor; /* the level below which no user who comes back begins */
	uint64_t day; /* us of device time of the day of `wall` */
	int64_t wall; /* us since 1970: when this was so */
};

/* Up to now, of running jobs as well. False for a user that the queue has not heard of. */
bool queue_get_usage(const struct queue *q, uid_t uid, uint64_t now, struct queue_usage *ret);
/* At the start, after queue_set_wall() and before jobs are added. -ENOMEM. */
int queue_set_usage(struct queue *q, uid_t uid, const struct queue_usage *usage, uint64_t now);

struct queue_user {
	uid_t uid;
	const char *name; /* as of his last job; "" when he had none. Until the next queue_add(). */
	double weight;
	double used;  /* us, decayed, up to now */
	double share; /* of all decayed use, 0..1 */
	unsigned int waiting, running;
};

/* The users that the queue knows, by uid: i from 0 until it returns false. */
bool queue_get_user(const struct queue *q, size_t i, uint64_t now, struct queue_user *ret);

/* --- Devices --- */

/* Kinds of devices, the best first. */
enum queue_kind {
	QUEUE_SILICON,
	QUEUE_EMULATED, /* in the kernel */
	QUEUE_EMBEDDED, /* in the worker */
	QUEUE_BY_NAME,	/* for jobs that name it alone: it does not keep the law */
};

/*
 * A device that can run `slots` jobs at once; 0 takes it out of service, its jobs run on. Back in
 * service it is another one, which queue_avoid() has not been told of.
 */
int queue_set_device(struct queue *q, const char *device, enum queue_kind kind, unsigned int slots);

/* The device is for these users alone from one time to another, us since 1970. */
struct queue_reservation {
	uint64_t id;
	const char *device;
	int64_t from, until;
	const uid_t *uids;
	size_t n_uids;
	const char *users; /* in words: "bob", "bob and eve" */
};

/* -EEXIST for a known id, -EINVAL for until <= from, -ENOMEM. What is passed is copied. */
int queue_reserve(struct queue *q, const struct queue_reservation *r);
/* -ENOENT. Those that are over go by themselves. */
int queue_unreserve(struct queue *q, uint64_t id);

/* --- Jobs --- */

enum queue_band {
	QUEUE_LOW = -1,
	QUEUE_NORMAL = 0,
	QUEUE_HIGH = 1,
};

enum queue_held {
	QUEUE_NOT_HELD,
	QUEUE_HELD_BY_USER,
	QUEUE_HELD_BY_ADMIN,
};

enum queue_after {
	QUEUE_AFTER_OK,	 /* when that job is done; never when it fails or is cancelled */
	QUEUE_AFTER_ANY, /* when that job has ended, however */
};

struct queue_dependency {
	enum queue_after after;
	uint64_t id;
	/* What is known of that job: it has not ended, or how it has. */
	enum { QUEUE_PENDING, QUEUE_ENDED_OK, QUEUE_ENDED_BADLY } outcome;
};

/* A job that waits, as it is told to queue_add(), which copies it. */
struct queue_job {
	uint64_t id; /* who comes first has the lower one */
	uid_t uid;
	const char *user;
	const char *device; /* the one that it names, or NULL: any that keeps the law */
	int64_t submitted;  /* us since 1970 */
	enum queue_band band;
	uint64_t time_limit; /* us of device time; 0: none */
	uint64_t used;	     /* us of device time so far, before a restart; not charged again */
	uint64_t memory;     /* bytes that it asked for; 0: not known */
	enum queue_held held;
	bool session;
	const struct queue_dependency *after;
	size_t n_after; /* up to QUEUE_MAX_DEPENDS */
};

/* -EEXIST when the queue knows it, -E2BIG for too many dependencies, -ENOMEM. */
int queue_add(struct queue *q, const struct queue_job *job);

/* What each job asks for, those that wait and others when they are started again. */
void queue_set_job_memory(struct queue *q, uint64_t bytes);

/* The job leaves, waiting or running; what it ran since queue_started() is charged. -ENOENT. */
int queue_remove(struct queue *q, uint64_t id, uint64_t now);

/*
 * How a job has ended, for those that wait for it: with its results (ok), or failed or cancelled.
 * It may be in the queue still (a cancelled job whose worker has not gone) or not.
 */
void queue_ended(struct queue *q, uint64_t id, bool ok);

/*
 * What to start now: the job and the device to run it on (a name that lives as long as the
 * queue). False when nothing can be started. The caller answers with queue_started(),
 * queue_hold(), queue_avoid() or queue_remove() before it asks again.
 */
bool queue_next(struct queue *q, uint64_t now, uint64_t *ret_id, const char **ret_device);

/* The waiting job now runs there. -ENOENT for a job that does not wait or an unknown device. */
int queue_started(struct queue *q, uint64_t id, const char *device, uint64_t now);

/* The running job waits again, at its old place. -ENOENT when it does not run. */
int queue_stopped(struct queue *q, uint64_t id, uint64_t now);

/*
 * A running job that is to yield now; why completes "is preempted: ". The caller has it checkpoint
 * and stop, and answers with queue_stopped() or queue_remove() when it has. Each job is told once
 * for each time that it runs. False when there is none (more).
 */
bool queue_preempt(struct queue *q, uint64_t now, uint64_t *ret_id, char ret_why[QUEUE_MAX_REASON]);

/*
 * A job, running or waiting, whose device time has reached its limit: to be stopped for good. Each
 * is told once for each time that it runs.
 */
bool queue_expired(struct queue *q, uint64_t now, uint64_t *ret_id);

/*
 * A waiting job that can never run, because a job that it waits for has ended badly; why is a whole
 * sentence. The caller ends it (queue_ended(), queue_remove()); until then it is told again.
 */
bool queue_doomed(struct queue *q, uint64_t *ret_id, char ret_why[QUEUE_MAX_REASON]);

/* The waiting job is passed over until the given time; why completes "waits: ". */
int queue_hold(struct queue *q, uint64_t id, uint64_t until, const char *why);

/* Passed over until it is released; one that runs is to yield. -ENOENT. */
int queue_set_held(struct queue *q, uint64_t id, enum queue_held held);
enum queue_held queue_held(const struct queue *q, uint64_t id);

/*
 * Nobody calls the session: running, it yields as soon as somebody waits; waiting, it sleeps until
 * it is told otherwise. -ENOENT, also for a job that is no session.
 */
int queue_set_idle(struct queue *q, uint64_t id, bool idle);

/* The job, which does not name it, is not to run on that device: it does not fit. -ENOENT. */
int queue_avoid(struct queue *q, uint64_t id, const char *device);

/*
 * When to ask queue_next(), queue_preempt() and queue_expired() again, if nothing happens before;
 * later than now. UINT64_MAX: not at all.
 */
uint64_t queue_wakeup(struct queue *q, uint64_t now);

/* --- What is shown --- */

/*
 * The moment to ask for, when it is to be shown: that of the last order, where nothing has happened
 * since and it is at most so old; else now. A list of ten thousand rows is of one order then.
 */
uint64_t queue_moment(const struct queue *q, uint64_t now, uint64_t age);

/* 1: next to run; 0: it does not wait. */
unsigned int queue_position(struct queue *q, uint64_t id, uint64_t now);

/* Why a job waits, as a clause in UTF-8 without control characters; "" for one that does not. */
void queue_reason(struct queue *q, uint64_t id, uint64_t now, char ret[QUEUE_MAX_REASON]);

/* us of device time of the job so far, over all of its runs; 0 for a job that is not known. */
uint64_t queue_used(const struct queue *q, uint64_t id, uint64_t now);

/* Where the job runs; NULL for one that waits. The name lives as long as the queue. */
const char *queue_device(const struct queue *q, uint64_t id);

/* The first job that runs on the device, or 0; and how many do. */
uint64_t queue_running_on(const struct queue *q, const char *device, unsigned int *ret_count);

/* Another number after each change by which positions or reasons may have become others. */
uint64_t queue_generation(const struct queue *q);

unsigned int queue_waiting(const struct queue *q);
unsigned int queue_running(const struct queue *q);
/* Jobs of the user that wait or run. */
unsigned int queue_count_of(const struct queue *q, uid_t uid);
/* In service, of all devices. */
unsigned int queue_slots(const struct queue *q);

#endif
