/* SPDX-License-Identifier: MIT */
/* A job: who wants what, and how far it is. A value without event loop, store or process in it. */
#ifndef PBIT_DAEMON_JOB_H
#define PBIT_DAEMON_JOB_H

#include <jansson.h>
#include <sys/types.h>

#include "id_list.h"
#include "spec.h"

/* The numbers are kept in the store: never renumber. */
enum job_state {
	STATE_QUEUED = 0,
	STATE_RUNNING = 1,
	STATE_DONE = 2,
	STATE_FAILED = 3,
	STATE_CANCELLED = 4,
	STATE_COUNT,
};

extern const char *const job_state_names[STATE_COUNT];

/* Kept in the store as well. */
enum job_band { BAND_LOW = 0, BAND_NORMAL = 1, BAND_HIGH = 2, BAND_COUNT };
extern const char *const job_band_names[BAND_COUNT];

/* Who keeps it from being started; the stronger one counts. */
enum job_hold { HOLD_NONE = 0, HOLD_USER = 1, HOLD_ADMIN = 2, HOLD_COUNT };
extern const char *const job_hold_names[HOLD_COUNT]; /* "", "user", "admin" */

static inline bool job_state_is_active(enum job_state s)
{
	return s == STATE_QUEUED || s == STATE_RUNNING;
}

struct daemon;
struct metrics;
struct session;
struct worker_process;

struct job {
	uint64_t id;
	uid_t uid;
	gid_t gid;
	char *groups; /* supplementary groups of the submitter: "4,24", may be "" */
	char *user;
	enum job_kind kind;
	char *name;   /* "" when the spec has none */
	char *device; /* the one that the spec names, or NULL; it is kept in the spec alone */
	enum job_state state;
	double progress;
	char *reason; /* why it failed, or its worker, once; why it waits is the queue's to say */
	int64_t submitted, started, finished; /* us since 1970; 0: not yet */
	unsigned int resumes;
	char *latest; /* the worker's last progress object as JSON, or NULL */

	enum job_band band;
	uint64_t time_limit; /* device-us; 0: none */
	enum job_hold hold;
	struct id_list after_ok, after_any;
	uint64_t array;	      /* id of the first of its array, or 0 */
	unsigned int index;   /* in it */
	unsigned int crashes; /* of its worker, of its own accord */

	/* What it has used, for accounting. */
	uint64_t device_us; /* for which it held a device, as far as that is in the store */
	uint64_t flips;
	double joules_device, joules_software;
	int64_t bytes; /* of its files on disk; -1: not known */

	/* Not kept in the store. */
	struct daemon *daemon;	       /* whose worker runs it */
	struct session *session;       /* of kind session: the link to its client */
	struct worker_process *worker; /* while a process runs for it, even when cancelled */
	struct metrics *metrics;       /* while a process runs for it; NULL: they cannot be kept */
	bool unsaved;		       /* the store could not be written; tried again later */
	unsigned int lost;	       /* how often its device went away */
	bool yields;		       /* its worker was asked to make room */
	bool expired;		       /* its time limit is over */
	double flips_per_ns;	       /* of its last two progress lines; 0: not known */
	uint64_t told, told_flips;     /* the last one: us of the daemon's clock, and flips */
};

struct job *job_free(struct job *j);
static inline void job_freep(struct job **j)
{
	*j = job_free(*j);
}

/*
 * Replaces a string of the job, as UTF-8 without control characters: it goes to D-Bus, JSON and
 * terminals. What was there stays when memory is short.
 */
int job_set_text(char **field, const char *text);

/* Ends the job; reason may be NULL. */
int job_end(struct job *j, enum job_state state, const char *reason, int64_t now);

/* May this user see the content of the job and act on it? Its owner and admins may. */
bool job_is_open_to(const struct job *j, uid_t uid, bool admin);

/* Why it failed, where it has and this is open to the reader; else "". */
const char *job_failure(const struct job *j, bool open);

/* What others know of it, and to whom it is told. */
struct job_view {
	bool open;	       /* to the reader; else its content is left out */
	unsigned int position; /* 0: it does not wait */
	const char *waiting;   /* why it waits, "" for one that does not */
	const char *device;    /* where it runs, "" for one that does not */
	uint64_t device_us;    /* for which it has held a device until now */
};

/*
 * The object that Show and JobChanged carry, without spec and results. The content (name, latest,
 * the reason of a failure, options and use) is left empty where it is not open.
 */
json_t *job_to_json(const struct job *j, const struct job_view *v);

#endif
