// SPDX-License-Identifier: MIT
/* The methods about the queue as a whole: holds, shares, use, reservations. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "account.h"
#include "bus.h"
#include "energy_prices.h"
#include "json.h"
#include "peer.h"
#include "protocol.h"
#include "reservations.h"
#include "scheduler.h"
#include "username.h"

#define MAX_WHY 200 /* bytes */

static double seconds(double us)
{
	return us / (double)USEC_PER_SEC;
}

/* Takes the JSON over; NULL: out of memory. */
static int reply_json(sd_bus_message *m, struct peer *p, json_t *root)
{
	_cleanup_free_ char *text =
		root ? json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

	json_decref(root);
	return text ? bus_reply_text(m, p, text) : -ENOMEM;
}

/* What an admin holds of another's is his: his own jobs he holds as their owner. */
static int set_hold(sd_bus_message *m, struct peer *p, bool held, sd_bus_error *error)
{
	_cleanup_(job_freep) struct job *owned = NULL;
	const struct job *j;
	struct err e = { 0 };
	enum job_hold hold;
	int r = bus_read_job(m, p, &j, &owned, error);

	if (r < 0)
		return r;
	if (!peer_may(p, j))
		return bus_deny(j, held ? "hold it" : "release it", error);
	if (!held && j->hold == HOLD_ADMIN && !p->admin)
		return sd_bus_error_setf(error, PBIT_ERROR_DENIED,
					 "job %" PRIu64 " is held by an admin; ask one of the "
					 "group " PBIT_ADMIN_GROUP " to release it",
					 j->id);
	hold = !held ? HOLD_NONE : p->uid == j->uid ? HOLD_USER : HOLD_ADMIN;
	r = owned ? err_set(&e, -EALREADY, "job %" PRIu64 " is %s already", j->id,
			    job_state_names[j->state]) :
		    scheduler_hold(p->daemon, (struct job *)j, held ? MAX(hold, j->hold) : hold,
				   &e);
	if (r < 0)
		return bus_fail(error, r == -EALREADY ? PBIT_ERROR_ENDED : PBIT_ERROR_FAILED, &e);
	return sd_bus_reply_method_return(m, NULL);
}

int bus_on_hold(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return set_hold(m, userdata, true, error);
}

int bus_on_release(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	return set_hold(m, userdata, false, error);
}

static json_t *user_json(const struct queue_user *u)
{
	_cleanup_free_ char *name = NULL;

	if (!*u->name && username_of(u->uid, &name) < 0)
		return NULL;
	return json_pack("{s:I, s:s, s:f, s:f, s:f, s:i, s:i}", "uid", (json_int_t)u->uid, "user",
			 name ? name : u->name, "weight", u->weight, "usage_s", seconds(u->used),
			 "share", u->share, "running", (int)u->running, "queued", (int)u->waiting);
}

int bus_on_shares(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error)
{
	struct peer *p = userdata;
	struct queue *q = p->daemon->queue;
	unsigned int slots = queue_slots(q), waiting = queue_waiting(q);
	uint64_t now = daemon_clock(p->daemon);
	json_t *users = json_array(), *temperature;
	struct queue_user u;

	for (size_t i = 0; queue_get_user(q, i, now, &u); i++) {
		if (json_array_append_new(users, user_json(&u)) < 0) {
			json_decref(users);
			return -ENOMEM;
		}
	}
	/* Without a slot there is nothing to measure it by. */
	temperature = slots ? json_real((double)waiting / slots) : json_null();
	return reply_json(m, p,
			  json_pack("{s:f, s:o, s:{s:i, s:i, s:i, s:o}}", "half_life_s",
				    seconds((double)p->daemon->config->half_life), "users", users,
				    "queue", "waiting", (int)waiting, "running",
				    (int)queue_running(q), "slots", (int)slots, "temperature",
				    temperature));
}

struct usage_reply {
	struct daemon *daemon;
	const char *user; /* NULL: all */
	json_t *users;
	bool found;
};

/* What is in the store has ended; what has not is in memory, and knows itself best. */
static void add_active(const struct daemon *d, struct store_usage *u)
{
	for (size_t i = 0; i < d->jobs.n; i++) {
		const struct job *j = d->jobs.jobs[i];

		if (j->uid != u->uid || !job_state_is_active(j->state))
			continue;
		u->jobs++;
		u->device_us +=
			(double)MAX(j->device_us, queue_used(d->queue, j->id, daemon_clock(d)));
		u->flips += (double)j->flips;
		u->joules_device += j->joules_device;
		u->joules_software += j->joules_software;
	}
}

static bool is_asked_for(const struct usage_reply *reply, const struct store_usage *u)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", (unsigned int)u->uid);
	return !reply->user || !strcmp(reply->user, u->user) || !strcmp(reply->user, number);
}

static int append_usage(const struct store_usage *stored, void *userdata)
{
	struct usage_reply *reply = userdata;
	struct store_usage u = *stored;

	if (!is_asked_for(reply, &u))
		return 0;
	reply->found = true;
	add_active(reply->daemon, &u);
	if (u.jobs == 0 && !reply->user)
		return 0;
	return json_array_append_new(
		       reply->users,
		       json_pack("{s:I, s:s, s:I, s:f, s:I, s:f, s:f}", "uid", (json_int_t)u.uid,
				 "user", u.user, "jobs", (json_int_t)u.jobs, "device_seconds",
				 seconds(u.device_us), "flips", (json_int_t)fmin(u.flips, 0x1p62),
				 "joules_device", u.joules_device, "joules_software",
				 u.joules_software)) < 0 ?
		       -ENOMEM :
		       0;
}

int bus_on_usage(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct peer *p = userdata;
	struct usage_reply reply = { .daemon = p->daemon };
	const char *user;
	struct err e = { 0 };
	int64_t since;
	uid_t uid;
	int r = sd_bus_message_read(m, "sx", &user, &since);

	if (r < 0)
		return r;
	reply.user = *user ? user : NULL;
	reply.users = json_array();
	if (!reply.users)
		return -ENOMEM;
	r = store_usage(p->daemon->store, since, append_usage, &reply, &e);
	/* Who is a user, and has never had a job, has used nothing. */
	if (r >= 0 && reply.user && !reply.found && username_find(user, &uid, &e) < 0) {
		json_decref(reply.users);
		return bus_fail(error, PBIT_ERROR_BAD_INPUT, &e);
	}
	if (r < 0) {
		json_decref(reply.users);
		return e.code ? bus_fail(error, PBIT_ERROR_FAILED, &e) : r;
	}
	return reply_json(m, p,
			  json_pack("{s:I, s:I, s:o, s:o}", "since", (json_int_t)since, "until",
				    (json_int_t)daemon_now(), "prices", energy_prices_to_json(),
				    "users", reply.users));
}

static int deny_reservations(sd_bus_error *error)
{
	return sd_bus_error_set(error, PBIT_ERROR_DENIED,
				"only root and the group " PBIT_ADMIN_GROUP
				" can reserve devices; ask one of them");
}

static int check_reservation(const struct peer *p, const struct reservation *x, struct err *e)
{
	if (!hotplug_find(p->daemon->hotplug, x->device))
		return err_set(e, -EINVAL, "there is no device '%s'; pbit devices lists them",
			       x->device);
	if (x->until <= x->from)
		return err_set(e, -EINVAL, "the reservation ends before it begins");
	if (x->until <= daemon_now())
		return err_set(e, -EINVAL, "the reservation has passed already");
	if (x->from < 0 || x->until - x->from > MAX_RESERVATION_USEC)
		return err_set(e, -EINVAL, "a reservation can be %d days long, not longer",
			       (int)(MAX_RESERVATION_USEC / USEC_PER_SEC / 86400));
	if (x->uids.n == 0)
		return err_set(e, -EINVAL, "no users are given for whom %s is to be reserved",
			       x->device);
	return 0;
}

static int read_users(sd_bus_message *m, struct id_list *ret, struct err *e)
{
	const char *name;
	int r = sd_bus_message_enter_container(m, 'a', "s");

	while (r >= 0 && (r = sd_bus_message_read(m, "s", &name)) > 0) {
		uid_t uid;

		if (ret->n == MAX_RESERVED_USERS)
			return err_set(e, -E2BIG, "a device can be reserved for %d users at once",
				       MAX_RESERVED_USERS);
		r = username_find(name, &uid, e);
		if (r >= 0)
			r = id_list_add(ret, uid);
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_reservation(sd_bus_message *m, struct peer *p, struct reservation *x, struct err *e)
{
	const char *device, *why;
	int r = sd_bus_message_read(m, "sxx", &device, &x->from, &x->until);

	if (r >= 0)
		r = read_users(m, &x->uids, e);
	if (r >= 0)
		r = sd_bus_message_read(m, "s", &why);
	if (r < 0)
		return r;
	if (strlen(why) > MAX_WHY)
		return err_set(e, -E2BIG, "why: more than %d bytes", MAX_WHY);
	x->device = strdup(device);
	if (!x->device || job_set_text(&x->why, why) < 0 || username_of(p->uid, &x->by) < 0)
		return -ENOMEM;
	return check_reservation(p, x, e);
}

int bus_on_reserve(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct peer *p = userdata;
	_cleanup_(reservation_freep) struct reservation *x = calloc(1, sizeof(*x));
	struct err e = { 0 };
	uint64_t id;
	int r;

	if (!x)
		return -ENOMEM;
	if (!p->admin)
		return deny_reservations(error);
	r = read_reservation(m, p, x, &e);
	if (r < 0)
		return e.code ? bus_fail(error, PBIT_ERROR_BAD_INPUT, &e) : r;
	r = reservations_add(p->daemon, x, &id, &e);
	if (r < 0)
		return bus_fail(error, r == -EDQUOT ? PBIT_ERROR_LIMIT : PBIT_ERROR_FAILED, &e);
	return sd_bus_reply_method_return(m, "t", id);
}

int bus_on_unreserve(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct peer *p = userdata;
	struct err e = { 0 };
	uint64_t id;
	int r = sd_bus_message_read(m, "t", &id);

	if (r < 0)
		return r;
	if (!p->admin)
		return deny_reservations(error);
	r = reservations_remove(p->daemon, id, &e);
	if (r < 0)
		return bus_fail(error, r == -ENOENT ? PBIT_ERROR_NO_RESERVATION : PBIT_ERROR_FAILED,
				&e);
	return sd_bus_reply_method_return(m, NULL);
}

int bus_on_reservations(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct peer *p = userdata;
	struct err e = { 0 };
	json_t *root;

	if (reservations_to_json(p->daemon, &root, &e) < 0)
		return bus_fail(error, PBIT_ERROR_FAILED, &e);
	return reply_json(m, p, root);
}
