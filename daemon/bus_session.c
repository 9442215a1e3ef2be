// SPDX-License-Identifier: MIT
/* OpenSession: a job without files, whose client keeps a socket to its worker. */
#include <string.h>

#include "batch.h"
#include "bus.h"
#include "peer.h"
#include "protocol.h"
#include "scheduler.h"
#include "session.h"
#include "session_wire.h"
#include "submission.h"
#include "submission_limits.h"
#include "submission_options.h"
#include "unread.h"

/* What the message says. */
struct call {
	const char *spec;
	int memory; /* the message's */
	struct submission_options options;
};

static void call_clear(struct call *c)
{
	submission_options_clear(&c->options);
}

static int read_memory(sd_bus_message *m, int *ret, struct err *e)
{
	int r = sd_bus_message_enter_container(m, 'a', "h"), fd, n = 0;

	if (r < 0)
		return r;
	while ((r = sd_bus_message_read(m, "h", &fd)) > 0)
		if (n++ == 0)
			*ret = fd;
	if (r < 0)
		return r;
	if (n != 1)
		return err_set(e, -EINVAL, "a session shares one memfd with its client, not %d", n);
	return sd_bus_message_exit_container(m);
}

static int check_spec(const struct call *c, const struct spec *spec, struct err *e)
{
	struct session_layout layout;
	int r;

	if (spec->kind != JOB_SESSION)
		return err_set(e, -EINVAL, "kind: is \"%s\"; a session is opened with \"session\"",
			       job_kind_names[spec->kind]);
	r = session_layout_make(&spec->session, &layout, e);
	return r < 0 ? r : session_memory_check(c->memory, &layout, e);
}

static int check_sessions(const struct daemon *d, uid_t uid, struct err *e)
{
	unsigned int of_uid = 0, all = 0;

	for (size_t i = 0; i < d->jobs.n; i++) {
		all += d->jobs.jobs[i]->session != NULL;
		of_uid += d->jobs.jobs[i]->session && d->jobs.jobs[i]->uid == uid;
	}
	if (of_uid >= LIMIT_SESSIONS_PER_UID)
		return err_set(e, -EDQUOT, "%d sessions of yours are open; close one first",
			       LIMIT_SESSIONS_PER_UID);
	if (all >= LIMIT_SESSIONS)
		return err_set(e, -EDQUOT, "%d sessions are open; try again when some have ended",
			       LIMIT_SESSIONS);
	return 0;
}

static int check_limits(const struct daemon *d, uid_t uid, struct err *e)
{
	const struct demand one = { .jobs = 1 };
	int r = submission_limits_check(d, uid, &one, 1, e);

	return r < 0 ? r : check_sessions(d, uid, e);
}

/* Nothing is to be copied, so that it all happens in the loop. */
static int admit(struct daemon *d, struct batch *b, uint64_t *ret_id, struct err *e)
{
	const struct job *j = b->jobs[0];
	int r;

	b->number = ++d->last_stage;
	r = workspace_stage(d->workspace, b->number, NULL, 0, j->uid, j->gid, e);
	return r < 0 ? r : scheduler_admit(d, &b, 1, ret_id, e);
}

/* The job, with its end of the link to the client. */
static int make_job(const struct peer *p, const struct call *c, struct batch *ret, int *ret_client,
		    struct err *e)
{
	_cleanup_(job_freep) struct job *like = NULL;
	int r = submission_make_like(p, &c->options, &like);

	if (r >= 0)
		r = batch_make(like, c->spec, NULL, ret, e);
	return r < 0 ? r : session_new(c->memory, &ret->jobs[0]->session, ret_client);
}

static int read_call(struct daemon *d, sd_bus_message *m, struct call *c, struct err *e)
{
	_cleanup_(spec_freep) struct spec *spec = NULL;
	int r = sd_bus_message_read(m, "s", &c->spec);

	if (r >= 0)
		r = read_memory(m, &c->memory, e);
	if (r >= 0)
		r = submission_options_read(m, &c->options, e);
	if (r >= 0 && c->options.array_key)
		return err_set(e, -EINVAL, "array_key: a session is one job");
	if (r >= 0)
		r = spec_parse(c->spec, strlen(c->spec), &spec, e);
	if (r >= 0)
		r = check_spec(c, spec, e);
	return r < 0 ? r : submission_options_check(d, &c->options, e);
}

static int open_session(struct peer *p, struct call *c, uint64_t *ret_id, int *ret_client,
			struct err *e)
{
	_cleanup_(batch_clear) struct batch b = { 0 };
	_cleanup_close_ int client = -1;
	int r = check_limits(p->daemon, p->uid, e);

	if (r >= 0)
		r = make_job(p, c, &b, &client, e);
	if (r >= 0)
		r = admit(p->daemon, &b, ret_id, e);
	if (r < 0)
		return r;
	*ret_client = TAKE_FD(client);
	return 0;
}

int session_method(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	_cleanup_(call_clear) struct call c = { .memory = -1 };
	_cleanup_close_ int client = -1;
	struct peer *p = userdata;
	struct err e = { 0 };
	uint64_t id = 0;
	int r = submission_check_daemon(p, error);

	if (r < 0)
		return r;
	r = read_call(p->daemon, m, &c, &e);
	if (r < 0)
		return e.code ? bus_fail(error, PBIT_ERROR_BAD_INPUT, &e) : r;
	r = open_session(p, &c, &id, &client, &e);
	if (r < 0 && e.code)
		return bus_fail(error, r == -EDQUOT ? PBIT_ERROR_LIMIT : PBIT_ERROR_FAILED, &e);
	if (r >= 0)
		r = unread_add(p, 1);
	return r < 0 ? r : sd_bus_reply_method_return(m, "th", id, client);
}
