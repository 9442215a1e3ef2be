// SPDX-License-Identifier: MIT
/* The methods that clients call. */
#include "bus.h"

#include <inttypes.h>
#include <string.h>

#include "json.h"
#include "peer.h"
#include "protocol.h"
#include "scheduler.h"
#include "session.h"
#include "settings.h"
#include "submission.h"

#define ROW	  "(tussssdusxxx)"
#define ROW_BYTES 112 /* without its texts */

int bus_fail(sd_bus_error *error, const char *name, const struct err *e)
{
	return sd_bus_error_set(error, name, e->text);
}

int bus_reply_text(sd_bus_message *m, struct peer *p, const char *text)
{
	peer_owes(p, strlen(text));
	return sd_bus_reply_method_return(m, "s", text);
}

/* A job in memory, borrowed, or from the store, owned by *owned. */
static int find_job(struct daemon *d, uint64_t id, const struct job **ret, struct job **owned,
		    sd_bus_error *error)
{
	struct err e = { 0 };
	int r;

	*ret = job_table_find(&d->jobs, id);
	if (*ret)
		return 0;
	r = store_get(d->store, id, owned, &e);
	if (r == -ENOENT)
		return sd_bus_error_setf(error, PBIT_ERROR_NO_JOB,
					 "there is no job %" PRIu64 "; pbit queue lists them", id);
	if (r < 0)
		return bus_fail(error, PBIT_ERROR_FAILED, &e);
	*ret = *owned;
	return 0;
}

int bus_read_job(sd_bus_message *m, struct peer *p, const struct job **ret, struct job **owned,
		 sd_bus_error *error)
{
	uint64_t id;
	int r = sd_bus_message_read(m, "t", &id);

	return r < 0 ? r : find_job(p->daemon, id, ret, owned, error);
}

int bus_deny(const struct job *j, const char *what, sd_bus_error *error)
{
	return sd_bus_error_setf(
		error, PBIT_ERROR_DENIED,
		"job %" PRIu64 " is %s's; only %s, root and the group " PBIT_ADMIN_GROUP " can %s",
		j->id, j->user, j->user, what);
}

static json_t *job_json(const struct peer *p, const struct job *j)
{
	const struct daemon *d = p->daemon;
	const char *device = j->state == STATE_RUNNING ? queue_device(d->queue, j->id) : NULL;
	bool waits = j->state == STATE_QUEUED;
	uint64_t now = daemon_clock(d), moment = queue_moment(d->queue, now, USEC_SHOWN);
	char waiting[QUEUE_MAX_REASON];
	struct job_view v = {
		.open = peer_may(p, j),
		.position = waits ? queue_position(d->queue, j->id, moment) : 0,
		.waiting = waiting,
		.device = device ? device : "",
		.device_us = MAX(j->device_us, queue_used(d->queue, j->id, now)),
	};

	queue_reason(d->queue, j->id, moment, waiting);
	return job_to_json(j, &v);
}

char *bus_job_text(const struct peer *p, const struct job *j)
{
	_cleanup_json_ json_t *root = job_json(p, j);

	return root ? json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
}

static int add_results(struct daemon *d, const struct job *j, json_t *root)
{
	struct workspace_file *files = NULL;
	json_t *array = json_array();
	size_t n = 0;
	int r = 0;

	if (j->state == STATE_DONE)
		r = workspace_results(d->workspace, j->id, j->uid, false, LIMIT_RESULT_FILES,
				      &files, &n, NULL);
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = json_array_append_new(array, json_pack("{s:s, s:I}", "name", files[i].name,
							   "size", (json_int_t)files[i].size));
	workspace_files_free(files, n);
	/* Takes the array in any case. Results that were removed by hand are none. */
	return json_object_set_new(root, "results", array);
}

static int add_spec(struct daemon *d, const struct job *j, json_t *root, struct err *e)
{
	_cleanup_free_ char *spec = NULL;
	int r = store_get_spec(d->store, j->id, &spec, e);

	if (r < 0)
		return r;
	return json_object_set_new(root, "spec", json_loads(spec, 0, NULL)) < 0 ? err_oom(e) : 0;
}

/* The reply of Show and Watch. */
static int reply_show(sd_bus_message *m, struct peer *p, const struct job *j, sd_bus_error *error)
{
	_cleanup_json_ json_t *root = job_json(p, j);
	_cleanup_free_ char *text = NULL;
	struct err e = { 0 };

	if (!root)
		return -ENOMEM;
	if (!peer_may(p, j))
		json_object_set_new(root, "results", json_array());
	else if (add_results(p->daemon, j, root) < 0 || add_spec(p->daemon, j, root, &e) < 0)
		return e.code ? bus_fail(error, PBIT_ERROR_FAILED, &e) : -ENOMEM;
	text = json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII);
	return text ? bus_reply_text(m, p, text) : -ENOMEM;
}

static int on_show(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct peer *p = userdata;
	_cleanup_(job_freep) struct job *owned = NULL;
	const struct job *j;
	int r = bus_read_job(m, p, &j, &owned, error);

	return r < 0 ? r : reply_show(m, p, j, error);
}

static int on_watch(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct peer *p = userdata;
	_cleanup_(job_freep) struct job *owned = NULL;
	const struct job *j;
	int r = bus_read_job(m, p, &j, &owned, error);

	if (r < 0)
		return r;
	r = peer_watch(p, j->id);
	if (r == -E2BIG)
		return sd_bus_error_setf(error, PBIT_ERROR_LIMIT,
					 "a connection can watch %d jobs; end a watch first",
					 LIMIT_WATCHES_PER_PEER);
	return r < 0 ? r : reply_show(m, p, j, error);
}

static int on_unwatch(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error)
{
	uint64_t id;
	int r = sd_bus_message_read(m, "t", &id);

	if (r < 0)
		return r;
	peer_unwatch(userdata, id);
	return sd_bus_reply_method_return(m, NULL);
}

static int on_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct peer *p = userdata;
	_cleanup_(job_freep) struct job *owned = NULL;
	const struct job *j;
	struct err e = { 0 };
	int r = bus_read_job(m, p, &j, &owned, error);

	if (r < 0)
		return r;
	if (!peer_may(p, j))
		return bus_deny(j, "cancel it", error);
	r = owned ? err_set(&e, -EALREADY, "job %" PRIu64 " is %s already", j->id,
			    job_state_names[j->state]) :
		    scheduler_cancel(p->daemon, (struct job *)j, &e);
	if (r < 0)
		return bus_fail(error, r == -EALREADY ? PBIT_ERROR_ENDED : PBIT_ERROR_FAILED, &e);
	return sd_bus_reply_method_return(m, NULL);
}

/* List: what is active is in memory, what has ended in the store alone. */
struct listing {
	struct daemon *daemon;
	sd_bus_message *reply;
	const struct peer *reader;
	uint64_t moment; /* that the queue is asked about */
	size_t bytes;	 /* of the reply, about */
};

static int append_row(struct listing *l, const struct job *j)
{
	bool open = peer_may(l->reader, j), waits = j->state == STATE_QUEUED;
	char waiting[QUEUE_MAX_REASON];
	const char *reason = waits ? waiting : job_failure(j, open);

	if (waits)
		queue_reason(l->daemon->queue, j->id, l->moment, waiting);
	l->bytes += ROW_BYTES + strlen(j->user) + strlen(j->name) + strlen(reason);
	return sd_bus_message_append(l->reply, ROW, j->id, (uint32_t)j->uid, j->user,
				     job_kind_names[j->kind], open ? j->name : "",
				     job_state_names[j->state], j->progress,
				     waits ? queue_position(l->daemon->queue, j->id, l->moment) : 0,
				     reason, j->submitted, j->started, j->finished);
}

static int list_stored(struct job *stored, void *userdata)
{
	_cleanup_(job_freep) struct job *owned = stored;
	struct listing *l = userdata;
	const struct job *known = job_table_find(&l->daemon->jobs, owned->id);

	return append_row(l, known ? known : owned);
}

static int list_active(struct listing *l, uint64_t after, uint32_t limit)
{
	const struct job_table *t = &l->daemon->jobs;
	int r = 0;

	for (size_t i = job_table_after(t, after); r >= 0 && i < t->n && limit > 0; i++) {
		if (!job_state_is_active(t->jobs[i]->state))
			continue;
		r = append_row(l, t->jobs[i]);
		limit--;
	}
	return r;
}

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct peer *p = userdata;
	struct listing l = { .daemon = p->daemon, .reader = p };
	struct err e = { 0 };
	const char *which;
	bool active;
	uint64_t after;
	uint32_t limit;
	int r = sd_bus_message_read(m, "stu", &which, &after, &limit);

	if (r < 0)
		return r;
	active = !strcmp(which, "active");
	if (!active && strcmp(which, "all"))
		return sd_bus_error_set(error, PBIT_ERROR_BAD_INPUT,
					"List: which must be \"active\" or \"all\"");
	if (limit == 0 || limit > LIMIT_LIST_ROWS)
		limit = LIMIT_LIST_ROWS;
	l.moment = queue_moment(p->daemon->queue, daemon_clock(p->daemon), USEC_SHOWN);
	r = sd_bus_message_new_method_return(m, &l.reply);
	if (r >= 0)
		r = sd_bus_message_open_container(l.reply, 'a', ROW);
	if (r >= 0 && active)
		r = list_active(&l, after, limit);
	else if (r >= 0)
		r = store_list(p->daemon->store, false, after, limit, list_stored, &l, &e);
	if (r >= 0)
		r = sd_bus_message_close_container(l.reply);
	peer_owes(p, l.bytes);
	if (r >= 0)
		r = sd_bus_message_send(l.reply);
	sd_bus_message_unref(l.reply);
	return e.code ? bus_fail(error, PBIT_ERROR_FAILED, &e) : r;
}

static int get_version(_unused_ sd_bus *bus, _unused_ const char *path,
		       _unused_ const char *interface, _unused_ const char *property,
		       sd_bus_message *reply, _unused_ void *userdata, _unused_ sd_bus_error *error)
{
	return sd_bus_message_append(reply, "s", PBIT_VERSION);
}

#define METHOD(name, in, in_names, out, out_names, fn) \
	SD_BUS_METHOD_WITH_NAMES(name, in, in_names, out, out_names, fn, SD_BUS_VTABLE_UNPRIVILEGED)
#define N(x) SD_BUS_PARAM(x)

static const sd_bus_vtable daemon_vtable[] = {
	SD_BUS_VTABLE_START(0),
	METHOD("Submit", "sa(sh)a{sv}", N(spec) N(inputs) N(options), "t", N(id),
	       submission_method),
	METHOD("List", "stu", N(which) N(after) N(limit), "a" ROW, N(jobs), on_list),
	METHOD("Show", "t", N(id), "s", N(json), on_show),
	METHOD("Cancel", "t", N(id), "", , on_cancel),
	METHOD("OpenSession", "saha{sv}", N(spec) N(memory) N(options), "th", N(id) N(socket),
	       session_method),
	METHOD("Fetch", "t", N(id), "a(sth)", N(files), bus_on_fetch),
	METHOD("Remove", "t", N(id), "", , bus_on_remove),
	METHOD("Log", "t", N(id), "h", N(file), bus_on_log),
	METHOD("Metrics", "t", N(id), "h", N(file), bus_on_metrics),
	METHOD("Watch", "t", N(id), "s", N(json), on_watch),
	METHOD("Unwatch", "t", N(id), "", , on_unwatch),
	METHOD("Hold", "t", N(id), "", , bus_on_hold),
	METHOD("Release", "t", N(id), "", , bus_on_release),
	METHOD("Shares", "", , "s", N(json), bus_on_shares),
	METHOD("Usage", "sx", N(user) N(since), "s", N(json), bus_on_usage),
	METHOD("Reserve", "sxxass", N(device) N(from) N(until) N(users) N(why), "t", N(id),
	       bus_on_reserve),
	METHOD("Unreserve", "t", N(id), "", , bus_on_unreserve),
	METHOD("Reservations", "", , "s", N(json), bus_on_reservations),
	METHOD("Devices", "", , "s", N(json), bus_on_devices),
	SD_BUS_METHOD("Reload", "", "", settings_method, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_SIGNAL_WITH_NAMES("JobChanged", "ts", N(id) N(json), 0),
	SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_VTABLE_END,
};

int bus_add_objects(sd_bus *bus, sd_bus_slot **ret_daemon, sd_bus_slot **ret_driver, struct peer *p)
{
	int r = sd_bus_add_object_vtable(bus, ret_daemon, PBIT_PATH, PBIT_INTERFACE, daemon_vtable,
					 p);

	if (r < 0)
		return r;
	return sd_bus_add_object_vtable(bus, ret_driver, "/org/freedesktop/DBus",
					"org.freedesktop.DBus", bus_driver_vtable, p);
}
