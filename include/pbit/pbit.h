/* SPDX-License-Identifier: MIT */
/*
 * libpbit: submit jobs to pbitd, follow them, fetch their results.
 *
 * Device law, everywhere in pbit: a p-bit falls to +1 with probability sigma(beta I), where I is
 * its input current, I_i = E(s_i=-1) - E(s_i=+1) = 2 (sum_j J_ij s_j + h_i). The p-bit literature
 * writes sigma(2 beta I_lit) with I_lit = sum_j J_ij s_j + h_i: the same law, I = 2 I_lit.
 * beta is the inverse temperature, without unit; energies are in units of J.
 *
 * Conventions: functions return 0 (or what is said) or a negative errno; results go through ret_
 * parameters, which stay untouched on failure; pbit_error() then has one clear sentence. Handles
 * are opaque and belong to one thread at a time.
 */
#ifndef PBIT_PBIT_H
#define PBIT_PBIT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A connection to pbitd. */
typedef struct pbit pbit;

enum {
	PBIT_OPEN_AUTOSTART = 1 << 0, /**< start `pbitd --user` when no daemon answers */
};

/**
 * pbit_open - connect to pbitd.
 * @ret:     the connection
 * @socket:  path of the daemon's socket, or NULL: $PBIT_SOCKET, else /run/pbitd/socket, else the
 *           user's own daemon
 * @flags:   PBIT_OPEN_*
 *
 * Returns 0; -ECONNREFUSED or -ENOENT when no daemon can be reached. *ret is set even then, so that
 * pbit_error() can be read, and must be closed; it is NULL only for -ENOMEM.
 *
 * PBIT_OPEN_AUTOSTART: only for the user's own socket, and never when $PBIT_SOCKET is set. The
 * program is $PBIT_PBITD, else pbitd beside the running one, in ../sbin, or in $PATH. It leaves by
 * itself when idle.
 */
int pbit_open(pbit **ret, const char *socket, unsigned int flags);

/** pbit_close - close and free; NULL is allowed. Returns NULL. */
pbit *pbit_close(pbit *p);

/** pbit_error - one sentence about the last call on @p that failed; "" when none did. */
const char *pbit_error(const pbit *p);

/**
 * pbit_socket - path of the socket that pbit_open() connected to or tried last; "" when none.
 *
 * After -ECONNRESET, pbit_open() with this path finds the same daemon again, never another one.
 */
const char *pbit_socket(const pbit *p);

/** pbit_version - the library's version, "0.1.0". */
const char *pbit_version(void);

/**
 * pbit_submit - queue a job.
 * @spec:    JSON of pbit-spec(5), NUL-terminated
 * @dir:     directory against which relative paths in @spec are taken; NULL or "": the
 *           current one
 * @ret_id:  the job's number
 *
 * The files that the spec names are read with the caller's rights and sent along as sealed memfds;
 * later changes to them do not reach the job. When this returns 0, the job survives a crash of
 * the daemon and loss of power. -EINVAL: the spec or a file is wrong, pbit_error() says where.
 */
int pbit_submit(pbit *p, const char *spec, const char *dir, uint64_t *ret_id);

/**
 * How a job is to be queued. Zero in any field means the default, so that a program made for an
 * older struct keeps its meaning: begin with = { .size = sizeof(...) }.
 */
struct pbit_submit_options {
	size_t size;	     /**< sizeof(struct pbit_submit_options) */
	const char *band;    /**< "low", "normal", "high": the order among your own jobs */
	uint32_t time_limit; /**< device-seconds after which the job is stopped and has failed */
	int hold;	     /**< not 0: it waits until pbit_release() */
	const uint64_t *after_ok;  /**< it waits until these are done, and fails if one does not */
	size_t n_after_ok;	   /**< up to 64 */
	const uint64_t *after_any; /**< it waits until these have ended, well or not */
	size_t n_after_any;	   /**< up to 64 */
	/**
	 * An array: one job for each of 1 to 1000 values, with that value at a dotted key of the
	 * spec, such as "seed" or "optimizer.rate". Both or neither. All of the jobs are queued or
	 * none is.
	 */
	const char *array_key;
	const char *array_values; /**< JSON array of numbers, strings, booleans */
};

/**
 * pbit_submit_with - queue a job, or an array of jobs, with options.
 * @options: may be NULL
 * @ret_id:  the job's number, or the first of an array, whose numbers follow each other
 *
 * As pbit_submit(). -EINVAL as well for options that are wrong; -E2BIG when a newer program sets
 * fields that this library does not know.
 */
int pbit_submit_with(pbit *p, const char *spec, const char *dir,
		     const struct pbit_submit_options *options, uint64_t *ret_id);

/** Job states. */
enum pbit_state { PBIT_QUEUED, PBIT_RUNNING, PBIT_DONE, PBIT_FAILED, PBIT_CANCELLED };

/** pbit_state_name - "queued", "running", "done", "failed", "cancelled". */
const char *pbit_state_name(enum pbit_state s);

/** One row of the queue. Strings live as long as the list. */
struct pbit_job {
	uint64_t id;
	uint32_t uid;
	const char *user, *kind, *name;
	enum pbit_state state;
	double progress;		      /**< 0 .. 1 */
	uint32_t position;		      /**< 1: next to run; 0: not waiting */
	const char *reason;		      /**< why it waits, or why it failed; "" otherwise */
	int64_t submitted, started, finished; /**< microseconds since 1970; 0: not yet */
};

struct pbit_jobs {
	size_t count;
	struct pbit_job *job;
};

/** pbit_list - the queue. @all: jobs that ended as well. Free with pbit_jobs_free(). */
int pbit_list(pbit *p, int all, struct pbit_jobs **ret);
void pbit_jobs_free(struct pbit_jobs *jobs);

/** pbit_show - all that is known of a job, as JSON (keys: pbit(1)); free() it. -ENOENT: no such job. */
int pbit_show(pbit *p, uint64_t id, char **ret_json);

/** Called at each change of a watched job with pbit_show()'s JSON; non-zero return ends the watch. */
typedef int (*pbit_watch_fn)(const char *json, void *userdata);

/**
 * pbit_watch - follow a job to its end.
 * @fn:         called at once with the present state, then at each change; may be NULL
 * @ret_state:  the state at the end of the watch, may be NULL
 *
 * Returns 0 when the job has ended, 1 when @fn asked to stop (the job goes on), -ECONNRESET when the
 * daemon died (the job is not lost: watch again), -EINTR when a signal handler ran meanwhile.
 * @fn may call other functions with @p.
 */
int pbit_watch(pbit *p, uint64_t id, pbit_watch_fn fn, void *userdata, enum pbit_state *ret_state);

/** pbit_cancel - cancel a queued or running job. -ENOENT, -EACCES; -EALREADY when it has ended. */
int pbit_cancel(pbit *p, uint64_t id);

/**
 * pbit_hold, pbit_release - keep a job from being started, and let it go.
 *
 * One that runs is stopped at its next checkpoint, and goes on from there, with the same results.
 * Both are for the job's owner and for admins (root, the daemon's user, members of the group
 * pbit-admin); what an admin held of another's, only an admin releases: -EACCES. -ENOENT: no such
 * job; -EALREADY: it has ended.
 */
int pbit_hold(pbit *p, uint64_t id);
int pbit_release(pbit *p, uint64_t id);

/**
 * pbit_remove - remove the files of a job that has ended, its results among them.
 *
 * The job stays in the list, with what it was and used. For its owner and for admins. -ENOENT,
 * -EACCES; -EBUSY when it has not ended.
 */
int pbit_remove(pbit *p, uint64_t id);

/** A result file: an open, read-only descriptor. */
struct pbit_file {
	const char *name;
	uint64_t size;
	int fd;
};

struct pbit_files {
	size_t count;
	struct pbit_file *file;
};

/** pbit_fetch - the results of a job that is done. -EBUSY: not yet. Free with pbit_files_free(). */
int pbit_fetch(pbit *p, uint64_t id, struct pbit_files **ret);
/** pbit_files_free - closes the descriptors; NULL is allowed. */
void pbit_files_free(struct pbit_files *files);

/**
 * pbit_log - what the job's worker wrote to its standard error, at any time.
 * @ret_fd:  an open, read-only descriptor, which is the caller's to close
 *
 * The text may hold whatever the job let be written. -ENOENT, -EACCES.
 */
int pbit_log(pbit *p, uint64_t id, int *ret_fd);

/**
 * pbit_metrics - the job's figures over time, at any time.
 * @ret_fd:  an open, read-only descriptor, which is the caller's to close
 *
 * JSON objects, one a line, each with its time in microseconds since 1970: events (started, with
 * the device; queued, done, failed, cancelled, with the reason) and what the worker said of its
 * progress. The file grows with the job. When it gets long it is thinned out, and replaced by
 * another one: its link count (struct stat, st_nlink) is then 0.
 */
int pbit_metrics(pbit *p, uint64_t id, int *ret_fd);

/** pbit_devices - the devices as a JSON array (keys name, backend, p_bits, state, ...); free() it. */
int pbit_devices(pbit *p, char **ret_json);

/**
 * pbit_shares - who has used how much of the devices, and what waits; free() it.
 *
 * A JSON object: half_life_s; users, an array of {uid, user, weight, usage_s (decayed device time),
 * share (of all decayed use, 0 .. 1), running, queued}; queue, {waiting, running, slots,
 * temperature (waiting jobs for each slot)}.
 */
int pbit_shares(pbit *p, char **ret_json);

/**
 * pbit_usage - accounting: what the jobs of users have used; free() it.
 * @user:   a user's name, or NULL for all
 * @since:  microseconds since 1970: jobs that ended since then or have not ended
 *
 * A JSON object: since, until, prices (what a flip costs, in joules, and who says so); users, an
 * array of {uid, user, jobs, device_seconds, flips, joules_device, joules_software}.
 */
int pbit_usage(pbit *p, const char *user, int64_t since, char **ret_json);

/** A time during which a device is for some users alone. Zero the fields you do not set. */
struct pbit_reservation {
	size_t size;		  /**< sizeof(struct pbit_reservation) */
	const char *device;	  /**< as pbit_devices() names it */
	int64_t from, until;	  /**< microseconds since 1970 */
	const char *const *users; /**< by name */
	size_t n_users;
	const char *why; /**< shown to those who wait; NULL: "" */
};

/** pbit_reserve - for admins. Running jobs of others checkpoint and wait when it begins. -EACCES. */
int pbit_reserve(pbit *p, const struct pbit_reservation *r, uint64_t *ret_id);
/** pbit_unreserve - for admins. -ENOENT: no such reservation. */
int pbit_unreserve(pbit *p, uint64_t id);
/**
 * pbit_reservations - those that have not passed, as a JSON array of {id, device, from, until,
 * users, why, by}; free() it.
 */
int pbit_reservations(pbit *p, char **ret_json);

#ifdef __cplusplus
}
#endif

#include <pbit/session.h>

#endif
