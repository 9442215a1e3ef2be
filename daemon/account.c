// SPDX-License-Identifier: MIT
/* Counting what is used, and keeping it. */
#include "account.h"

#include <math.h>
#include <string.h>

#include "log.h"
#include "measure.h"

#define MIN_RATE_USEC 100000 /* between two progress lines that tell a rate */

static int take_use(const struct store_use *u, void *userdata)
{
	struct daemon *d = userdata;
	const struct queue_usage usage = { .used = u->used,
					   .level = u->level,
					   .floor = u->floor,
					   .day = u->day,
					   .wall = u->wall };

	/* Who has used nothing is a newcomer still. */
	return u->wall ? queue_set_usage(d->queue, u->uid, &usage, daemon_clock(d)) : 0;
}

static int take_bytes(uid_t uid, int64_t bytes, void *userdata)
{
	struct daemon *d = userdata;

	return disk_use_add(&d->disk, uid, bytes);
}

int account_recover_use(struct daemon *d, struct err *e)
{
	return store_list_use(d->store, take_use, d, e);
}

int account_recover_bytes(struct daemon *d, struct err *e)
{
	return store_list_bytes(d->store, take_bytes, d, e);
}

void account_charge(struct daemon *d, struct job *j)
{
	j->device_us = MAX(j->device_us, queue_used(d->queue, j->id, daemon_clock(d)));
}

int account_put_user(struct daemon *d, uid_t uid, const char *user, struct err *e)
{
	struct store_use u = { .uid = uid, .user = user };
	struct queue_usage usage;

	if (queue_get_usage(d->queue, uid, daemon_clock(d), &usage)) {
		u.used = usage.used;
		u.level = usage.level;
		u.floor = usage.floor;
		u.day = usage.day;
		u.wall = usage.wall;
	}
	return store_put_use(d->store, &u, e);
}

int account_save(struct daemon *d, const struct job *j, struct err *e)
{
	int r = store_begin(d->store, e);

	if (r < 0)
		return r;
	r = store_update(d->store, j, e);
	if (r >= 0)
		r = account_put_user(d, j->uid, j->user, e);
	if (r < 0) {
		store_rollback(d->store);
		return r;
	}
	return store_commit(d->store, e);
}

/* A figure of the worker's; it runs with the submitter's rights, and may say anything. */
static double figure(const json_t *message, const char *key, double most)
{
	double x = json_number_value(json_object_get(message, key));

	return isfinite(x) && x > 0 ? fmin(x, most) : 0;
}

void account_line(struct daemon *d, struct job *j, const json_t *message)
{
	uint64_t flips = (uint64_t)figure(message, "flips", 0x1p62), now = daemon_clock(d);

	j->joules_device = fmax(j->joules_device, figure(message, "device_joules", 1e18));
	j->joules_software = fmax(j->joules_software, figure(message, "software_joules", 1e18));
	if (j->told == 0 || flips < j->told_flips) {
		j->told = now;
		j->told_flips = flips;
	} else if (now - j->told >= MIN_RATE_USEC) {
		j->flips_per_ns = (double)(flips - j->told_flips) / (double)(now - j->told) / 1e3;
		j->told = now;
		j->told_flips = flips;
	}
	/* What was lost with a worker and done again counts once, as in the job's own report. */
	j->flips = MAX(j->flips, flips);
}

void account_bytes(struct daemon *d, struct job *j, int64_t bytes)
{
	if (disk_use_add(&d->disk, j->uid, bytes - MAX(j->bytes, (int64_t)0)) >= 0)
		j->bytes = bytes;
}

void account_measure(struct daemon *d, struct job *j, bool ended)
{
	atomic_llong left = MEASURE_AT_ONCE;
	int64_t bytes;

	/* It would tell of what was. */
	measure_forget(d, j);
	bytes = disk_use_measure(d->workspace, j->id, ended, j->expired, &left);
	if (bytes == -EAGAIN)
		bytes = measure_start(d, j, ended, j->expired);
	else if (bytes == -ENOENT || bytes >= 0)
		account_bytes(d, j, MAX(bytes, (int64_t)0));
	if (bytes < 0 && bytes != -ENOENT)
		log_job(LOG_WARNING, NULL, j, NULL, "its files cannot be measured: %s",
			strerror((int)-bytes));
}

static int save_running(struct daemon *d)
{
	int r = store_begin(d->store, NULL);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < d->jobs.n; i++) {
		struct job *j = d->jobs.jobs[i];

		if (!j->worker)
			continue;
		account_charge(d, j);
		r = store_update(d->store, j, NULL);
		if (r >= 0)
			r = account_put_user(d, j->uid, j->user, NULL);
	}
	if (r >= 0)
		return store_commit(d->store, NULL);
	store_rollback(d->store);
	return r;
}

uint64_t account_running(struct daemon *d)
{
	uint64_t now = daemon_clock(d);

	for (size_t i = 0; i < d->jobs.n; i++) {
		if (!d->jobs.jobs[i]->worker)
			continue;
		if (now - d->accounted >= USEC_ACCOUNT) {
			/* What cannot be saved now is saved with the next state, or later. */
			save_running(d);
			d->accounted = now;
		}
		return d->accounted + USEC_ACCOUNT;
	}
	d->accounted = now;
	return UINT64_MAX;
}
