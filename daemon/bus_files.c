// SPDX-License-Identifier: MIT
/* The methods that hand out a job's files, as read-only descriptors, to those it is open to. */
#include <inttypes.h>
#include <string.h>

#include "bus.h"
#include "measure.h"
#include "peer.h"
#include "protocol.h"
#include "unread.h"

static int reply_files(sd_bus_message *m, struct peer *p, const struct workspace_file *files,
		       size_t n)
{
	sd_bus_message *reply = NULL;
	int r = unread_add(p, (unsigned int)n);

	if (r >= 0)
		r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "(sth)");
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = sd_bus_message_append(reply, "(sth)", files[i].name, files[i].size,
					  files[i].fd);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	if (r >= 0)
		r = sd_bus_message_send(reply);
	sd_bus_message_unref(reply);
	return r;
}

static int reply_file(sd_bus_message *m, struct peer *p, int fd)
{
	int r = unread_add(p, 1);

	return r < 0 ? r : sd_bus_reply_method_return(m, "h", fd);
}

int bus_on_fetch(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct peer *p = userdata;
	_cleanup_(job_freep) struct job *owned = NULL;
	struct workspace_file *files;
	const struct job *j;
	struct err e = { 0 };
	size_t n;
	int r = bus_read_job(m, p, &j, &owned, error);

	if (r < 0)
		return r;
	if (!peer_may(p, j))
		return bus_deny(j, "fetch it", error);
	if (j->state != STATE_DONE)
		return sd_bus_error_setf(error, PBIT_ERROR_NOT_DONE,
					 "job %" PRIu64 " is %s, and has no results%s", j->id,
					 job_state_names[j->state],
					 job_state_is_active(j->state) ? " yet" : "");
	r = workspace_results(p->daemon->workspace, j->id, j->uid, true, LIMIT_RESULT_FILES, &files,
			      &n, &e);
	if (r == -ENOENT)
		return sd_bus_error_setf(error, PBIT_ERROR_FAILED,
					 "the results of job %" PRIu64 " have been removed", j->id);
	if (r < 0)
		return bus_fail(error, r == -E2BIG ? PBIT_ERROR_LIMIT : PBIT_ERROR_FAILED, &e);
	r = reply_files(m, p, files, n);
	workspace_files_free(files, n);
	return r;
}

/*
 * The row goes last: where the daemon dies between, the files can be removed once more. By then
 * they are gone for good, for no row would tell of them.
 */
static int remove_files(struct daemon *d, struct job *j, struct err *e)
{
	int64_t bytes;
	int r = workspace_remove(d->workspace, j->id);

	if (r >= 0)
		r = workspace_sync(d->workspace, NULL);
	if (r < 0)
		return err_set(e, r, "the files of job %" PRIu64 " cannot be removed: %s", j->id,
			       strerror(-r));
	measure_forget(d, j);
	bytes = j->bytes;
	j->bytes = 0;
	r = store_update(d->store, j, e);
	if (r >= 0 && bytes > 0)
		disk_use_add(&d->disk, j->uid, -bytes);
	return r;
}

int bus_on_remove(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct peer *p = userdata;
	_cleanup_(job_freep) struct job *owned = NULL;
	const struct job *j;
	struct err e = { 0 };
	int r = bus_read_job(m, p, &j, &owned, error);

	if (r < 0)
		return r;
	if (!peer_may(p, j))
		return bus_deny(j, "remove it", error);
	/* What is in memory still has something to do. */
	if (!owned)
		return sd_bus_error_setf(error, PBIT_ERROR_NOT_DONE,
					 "job %" PRIu64 " is %s, and is still at work; %s", j->id,
					 job_state_names[j->state],
					 job_state_is_active(j->state) ?
						 "cancel it before you remove it" :
						 "try again in a moment");
	if (remove_files(p->daemon, owned, &e) < 0)
		return bus_fail(error, PBIT_ERROR_FAILED, &e);
	return sd_bus_reply_method_return(m, NULL);
}

int bus_on_log(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct peer *p = userdata;
	_cleanup_(job_freep) struct job *owned = NULL;
	_cleanup_close_ int fd = -1;
	const struct job *j;
	struct err e = { 0 };
	int r = bus_read_job(m, p, &j, &owned, error);

	if (r < 0)
		return r;
	if (!peer_may(p, j))
		return bus_deny(j, "read its log", error);
	fd = workspace_open_log(p->daemon->workspace, j->id, j->uid, &e);
	if (fd < 0)
		return bus_fail(error, PBIT_ERROR_FAILED, &e);
	return reply_file(m, p, fd);
}

int bus_on_metrics(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct peer *p = userdata;
	_cleanup_(job_freep) struct job *owned = NULL;
	_cleanup_close_ int fd = -1;
	const struct job *j;
	struct err e = { 0 };
	int r = bus_read_job(m, p, &j, &owned, error);

	if (r < 0)
		return r;
	if (!peer_may(p, j))
		return bus_deny(j, "read its metrics", error);
	fd = workspace_open_metrics(p->daemon->workspace, j->id, &e);
	if (fd < 0)
		return bus_fail(error, PBIT_ERROR_FAILED, &e);
	return reply_file(m, p, fd);
}
