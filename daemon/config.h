/* SPDX-License-Identifier: MIT */
/*
 * Where pbitd keeps and finds things, and its limits.
 *
 * Filled in three steps: config_init(), what the command line says (main.c sets the fields), and
 * config_complete(), which finds a default for all that is still unset, reads the file (conffile.h),
 * and lets the command line win over it. config_reload() reads the file again.
 */
#ifndef PBIT_DAEMON_CONFIG_H
#define PBIT_DAEMON_CONFIG_H

#include "err.h"
#include "limit.h"

#define CONFIG_SYSTEM_STATE "/var/lib/pbitd"
#define CONFIG_SYSTEM_FILE  "/etc/pbit/pbitd.conf"
#define CONFIG_USER_FILE    "pbit/pbitd.conf" /* $XDG_CONFIG_HOME/ this */
#ifndef PBIT_LIBEXECDIR
#define PBIT_LIBEXECDIR "/usr/libexec/pbit"
#endif

/* Limits that hold in both modes. */
#define LIMIT_PEERS_RESERVED   8 /* on top of peers_max, for those who keep the machine */
#define LIMIT_HELD	       ((size_t)32 << 20) /* bytes held for clients; see admission.h */
#define LIMIT_QUEUED_WRITES    1000 /* messages that wait for a reader; above it is cut off */
#define LIMIT_WATCHES_PER_PEER 1000
#define LIMIT_ACTIVE_JOBS      10000
#define LIMIT_ACTIVE_PER_UID   1000 /* unless the file says otherwise */
#define LIMIT_SUBMISSIONS      16   /* copied to disk at the same time */
#define LIMIT_COPIES_PER_UID   4    /* of them, so that one user's do not fill all places */
#define LIMIT_LIST_ROWS	       1000 /* of one List call; after= pages on */
#define CONFIG_MAX_JOBS	       1024 /* at once, on one device */
#define CONFIG_NO_OPTION       UINT_MAX
#define LIMIT_RESULT_FILES     250 /* the kernel passes 253 descriptors a message */

#define USEC_PER_SEC	    ((uint64_t)1000000)
#define USEC_AUTHENTICATION (5 * USEC_PER_SEC) /* a peer that has not authenticated is closed */
#define USEC_CANCEL_KILL    (5 * USEC_PER_SEC) /* from SIGTERM to SIGKILL when a job is cancelled */
#define USEC_STOP_KILL	    (20 * USEC_PER_SEC) /* ... and when the daemon leaves */
#define USEC_LOST_KILL	    (5 * USEC_PER_SEC)	/* ... and when its device is gone */
#define USEC_PREEMPT_KILL   (4 * USEC_PER_SEC)	/* ... and when others are to run */
#define USEC_TELL	    (USEC_PER_SEC / 4)	/* between two tellings of how the queue moves */
#define USEC_SHOWN	    (USEC_PER_SEC / 10) /* that an order may be old which is shown */
#define USEC_EXPIRED_KILL   (5 * USEC_PER_SEC)	/* ... and when its time limit is over */

/*
 * Defaults of the caps on connections. An idle one costs some 10 KiB of memory and four
 * descriptors, so that 256 are 3 MiB; 32 a user leave room for 8 users at their cap, and more, for
 * one who has fewer than another is always let in.
 */
#define DEFAULT_PEERS_MAX      256
#define DEFAULT_PEERS_PER_USER 32

/* Defaults of what a job may use. */
#define DEFAULT_JOB_MEMORY ((uint64_t)4 << 30)
#define DEFAULT_JOB_FILE   ((uint64_t)16 << 30)
#define DEFAULT_JOB_TASKS  256

/* One whom the file names; what it leaves out is what holds for everybody. */
struct config_user {
	uid_t uid;
	double weight; /* of his share */
	struct limits limits;
};

struct config {
	/* The command line's alone. */
	bool user; /* --user: one user's own daemon */
	char *state_dir;
	char *socket;
	char *worker;	    /* path of pbit-worker */
	uint64_t idle_exit; /* us without job and peer until the daemon leaves; 0: never */
	char *file;	    /* --config; must be there */
	unsigned int option_jobs, option_device_jobs; /* or CONFIG_NO_OPTION */

	/*
	 * The file's. All of it may change while the daemon runs: a value is looked up where it is
	 * used, and no pointer into users is kept.
	 */
	unsigned int jobs;	  /* running at once on the embedded device; 0: none does */
	unsigned int device_jobs; /* running at once on each device of the kernel; >= 1 */
	unsigned int threads;	  /* of each job; unless it is said, CPUs available / jobs; >= 1 */
	uint64_t half_life;	  /* us, of what a user has used; 0: nothing is forgotten */
	uint64_t quantum; /* us that a job runs before it yields to a fairer one; 0: to its end */
	uint64_t job_time_limit;   /* us of device time, of a job that says none; 0: none */
	uint64_t job_memory;	   /* bytes that a job may use */
	uint64_t job_file;	   /* bytes of the largest file that it may write */
	unsigned int job_tasks;	   /* threads of a job, beside two for each that computes */
	struct limits limits;	   /* of each user whom the file does not name */
	struct config_user *users; /* by uid */
	size_t n_users;
	unsigned int peers_max;	     /* connections in all */
	unsigned int peers_per_user; /* of them, of one user */
};

void config_init(struct config *c);
int config_complete(struct config *c, struct err *e);
void config_free(struct config *c);

/* Of the user's share: what the file says of him, else 1. */
double config_weight(const struct config *c, uid_t uid);

/* Reads the file again. On failure c is what it was. */
int config_reload(struct config *c, struct err *e);

#endif
