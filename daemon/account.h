/* SPDX-License-Identifier: MIT */
/*
 * What jobs and users use: device time, flips, energy, disk.
 *
 * A job's row and its user's decayed use are saved in one transaction, so that device time is
 * charged to both or to neither, whenever the daemon dies; and those of running jobs every ten
 * seconds, so that no more than that is lost by it. Device time is the queue's to count.
 */
#ifndef PBIT_DAEMON_ACCOUNT_H
#define PBIT_DAEMON_ACCOUNT_H

#include "daemon.h"

#define USEC_ACCOUNT (10 * USEC_PER_SEC)

/* At the start: what users have used of devices, before jobs are taken up; and of the disk. */
int account_recover_use(struct daemon *d, struct err *e);
int account_recover_bytes(struct daemon *d, struct err *e);

/* j->device_us becomes what the queue knows; before the job leaves the queue. */
void account_charge(struct daemon *d, struct job *j);

/* Saves the job with its user's use. */
int account_save(struct daemon *d, const struct job *j, struct err *e);

/* Within the caller's transaction: what the user has used until now. */
int account_put_user(struct daemon *d, uid_t uid, const char *user, struct err *e);

/* A line of the job's worker: "flips", "device_joules", "software_joules". */
void account_line(struct daemon *d, struct job *j, const json_t *message);

/* The job's files are so many bytes. */
void account_bytes(struct daemon *d, struct job *j, int64_t bytes);
/* Looks how many they are; where they are very many, j->bytes is -1 until measure.h knows. */
void account_measure(struct daemon *d, struct job *j, bool ended);

/* Saves what runs, every ten seconds. Returns when to be called again; UINT64_MAX: nothing runs. */
uint64_t account_running(struct daemon *d);

#endif
