// SPDX-License-Identifier: MIT
/* Submit: check, copy, acknowledge. */
#include "submission.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>

#include "admission.h"
#include "batch.h"
#include "bus.h"
#include "gate.h"
#include "memfd.h"
#include "peer.h"
#include "protocol.h"
#include "scheduler.h"
#include "submission_limits.h"
#include "submission_options.h"
#include "username.h"

struct submission {
	struct submission *next;
	struct daemon *daemon;
	struct peer *peer;   /* NULL when it has gone */
	struct crowd *crowd; /* its user's, kept by the peer and then by the claim */
	struct claim claim;
	sd_bus_message *call; /* owns the descriptors, the text of the spec and of the options */
	const char *spec;
	struct submission_options options;
	struct spec_array array; /* count is 0: it is one job */
	struct job *like;	 /* what its jobs have in common */
	struct demand demand;
	unsigned int number;
	struct workspace_input inputs[PBIT_MAX_INPUTS];
	size_t n;
	/* The thread writes these, then to the eventfd, and is joined before they are read. */
	struct batch batch;
	bool bad_input;
	int result;
	struct err err;
	pthread_t thread;
	bool copying;
	atomic_bool abandoned; /* nobody waits for it: the thread may leave off */
	int done_fd;
	sd_event_source *done;
};

/* What the message says, before it is compared with the spec. */
struct offer {
	const char *path[PBIT_MAX_INPUTS];
	int fd[PBIT_MAX_INPUTS];
	bool used[PBIT_MAX_INPUTS];
	size_t n;
};

static struct submission *submission_free(struct submission *s)
{
	if (!s)
		return NULL;
	sd_event_source_disable_unref(s->done);
	closep(&s->done_fd);
	if (s->peer)
		s->peer->submissions--;
	sd_bus_message_unref(s->call);
	admission_release(s->daemon, &s->claim);
	submission_options_clear(&s->options);
	spec_array_free(&s->array);
	batch_clear(&s->batch);
	job_free(s->like);
	free(s);
	return NULL;
}

static void submission_freep(struct submission **s)
{
	*s = submission_free(*s);
}

static int read_inputs(sd_bus_message *m, struct offer *o, struct err *e)
{
	const char *path;
	int fd, r;

	r = sd_bus_message_enter_container(m, 'a', "(sh)");
	if (r < 0)
		return r;
	while ((r = sd_bus_message_read(m, "(sh)", &path, &fd)) > 0) {
		if (o->n == PBIT_MAX_INPUTS)
			return err_set(e, -E2BIG, "more than %d input files", PBIT_MAX_INPUTS);
		for (size_t i = 0; i < o->n; i++)
			if (!strcmp(o->path[i], path))
				return err_set(e, -EINVAL, "%s: is given twice", path);
		o->path[o->n] = path;
		o->fd[o->n++] = fd;
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* Each file of the spec, in its order, gets the descriptor that came under its name. */
static int match_inputs(struct submission *s, const struct spec *spec, struct offer *o,
			struct err *e)
{
	const char *files[SPEC_MAX_FILES];
	size_t n = spec_files(spec, files);
	uint64_t total = 0;
	int r;

	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < o->n && strcmp(o->path[k], files[i]))
			k++;
		if (k == o->n)
			return err_set(e, -EINVAL,
				       "%s: the spec names this file, and it was not sent along",
				       files[i]);
		o->used[k] = true;
		s->inputs[i].fd = o->fd[k];
		s->inputs[i].abandoned = &s->abandoned;
		r = memfd_check_sealed(o->fd[k], &s->inputs[i].size, e);
		if (r < 0) {
			err_prefix(e, files[i]);
			return r;
		}
		if (s->inputs[i].size > PBIT_MAX_INPUT_BYTES - total)
			return err_set(e, -EFBIG,
				       "%s: the input files have more than %" PRIu64
				       " GiB together",
				       files[i], PBIT_MAX_INPUT_BYTES >> 30);
		total += s->inputs[i].size;
	}
	s->n = n;
	s->demand.bytes = total;
	for (size_t k = 0; k < o->n; k++)
		if (!o->used[k])
			return err_set(e, -EINVAL,
				       "%s: was sent along, and the spec does not name "
				       "this file",
				       o->path[k]);
	return 0;
}

int submission_make_like(const struct peer *p, const struct submission_options *o, struct job **ret)
{
	_cleanup_(job_freep) struct job *j = calloc(1, sizeof(*j));

	if (!j || !(j->groups = strdup(p->groups)) || username_of(p->uid, &j->user) < 0 ||
	    job_set_text(&j->name, "") < 0 || job_set_text(&j->reason, "") < 0 ||
	    submission_options_apply(o, j) < 0)
		return -ENOMEM;
	if (j->time_limit == 0)
		j->time_limit = p->daemon->config->job_time_limit;
	j->uid = p->uid;
	j->gid = p->gid;
	j->state = STATE_QUEUED;
	j->submitted = daemon_now();
	*ret = TAKE_PTR(j);
	return 0;
}

/* Bytes are counted anew each time that a worker of the job has ended. */
static int make_like(struct submission *s)
{
	int r = submission_make_like(s->peer, &s->options, &s->like);

	if (r >= 0)
		s->like->bytes = (int64_t)(s->demand.bytes / s->demand.jobs);
	return r;
}

/* The spec, or the one with the first value of its array. */
static int read_spec(struct submission *s, struct spec **ret, struct err *e)
{
	const struct submission_options *o = &s->options;
	int r;

	s->demand.jobs = 1;
	if (!o->array_key)
		return spec_parse(s->spec, strlen(s->spec), ret, e);
	r = spec_array_parse(s->spec, o->array_key, o->array_values, &s->array, e);
	if (r < 0)
		return r;
	s->demand.jobs = (unsigned int)s->array.count;
	return spec_array_get(&s->array, 0, NULL, ret, e);
}

static int read_call(struct submission *s, struct err *e)
{
	_cleanup_(spec_freep) struct spec *spec = NULL;
	struct offer o = { .n = 0 };
	int r;

	r = sd_bus_message_read(s->call, "s", &s->spec);
	if (r >= 0)
		r = read_inputs(s->call, &o, e);
	if (r >= 0)
		r = submission_options_read(s->call, &s->options, e);
	if (r >= 0)
		r = read_spec(s, &spec, e);
	if (r >= 0 && spec->kind == JOB_SESSION)
		return err_set(e, -EINVAL,
			       "kind: a session is opened by a program (pbit_session_open), not "
			       "submitted");
	if (r >= 0)
		r = match_inputs(s, spec, &o, e);
	if (r >= 0)
		r = submission_options_check(s->daemon, &s->options, e);
	return r < 0 ? r : make_like(s);
}

static int stage(struct submission *s)
{
	struct workspace *w = s->daemon->workspace;
	const struct job *j = s->like;
	int r = batch_make(j, s->spec, s->array.count ? &s->array : NULL, &s->batch, &s->err);

	s->bad_input = r < 0 && r != -ENOMEM;
	if (r < 0)
		return r;
	s->batch.number = s->number;
	r = workspace_stage(w, s->number, s->inputs, s->n, j->uid, j->gid, &s->err);
	if (r < 0)
		return r;
	/* A thousand directories are work as well. */
	if (atomic_load(&s->abandoned))
		r = -ECANCELED;
	else
		r = workspace_stage_more(w, s->number, s->batch.n - 1, s->inputs, s->n, j->uid,
					 j->gid, &s->err);
	if (r < 0)
		workspace_unstage(w, s->number);
	return r;
}

static void unstage(struct submission *s)
{
	for (size_t i = 0; i < s->batch.n; i++)
		workspace_unstage(s->daemon->workspace, s->number + (unsigned int)i);
}

static void *copy_thread(void *userdata)
{
	struct submission *s = userdata;
	uint64_t one = 1;

	s->result = stage(s);
	if (write(s->done_fd, &one, sizeof(one)) < 0)
		abort(); /* cannot be: an eventfd takes it */
	return NULL;
}

static void answer(struct submission *s, uint64_t id)
{
	if (s->result >= 0)
		sd_bus_reply_method_return(s->call, "t", id);
	else
		sd_bus_reply_method_errorf(s->call,
					   s->bad_input ? PBIT_ERROR_BAD_INPUT : PBIT_ERROR_FAILED,
					   "%s", s->err.text);
}

static void remove_from_list(struct submission *s)
{
	struct submission **p = &s->daemon->submissions;

	while (*p != s)
		p = &(*p)->next;
	*p = s->next;
}

static void start_waiting(struct daemon *d);

/* Those whose result is good: their jobs are there, or not at all. */
static void admit(struct daemon *d, struct submission *const *group, size_t n, uint64_t *ret_ids)
{
	struct batch *batches[LIMIT_SUBMISSIONS];
	uint64_t ids[LIMIT_SUBMISSIONS];
	struct err e = { 0 };
	size_t count = 0;
	int r;

	for (size_t i = 0; i < n; i++)
		if (group[i]->result >= 0)
			batches[count++] = &group[i]->batch;
	r = count ? scheduler_admit(d, batches, count, ids, &e) : 0;
	for (size_t i = n; i-- > 0;) {
		if (group[i]->result < 0)
			continue;
		ret_ids[i] = r < 0 ? 0 : ids[--count];
		group[i]->result = r;
		group[i]->err = e;
	}
}

/* They are out of the list. */
static void complete(struct daemon *d, struct submission *const *group, size_t n)
{
	uint64_t ids[LIMIT_SUBMISSIONS] = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (group[i]->result < 0 || group[i]->peer)
			continue;
		/* Nobody is left to be told of it. */
		unstage(group[i]);
		group[i]->result = -ECONNRESET;
	}
	admit(d, group, n, ids);
	for (size_t i = 0; i < n; i++) {
		if (group[i]->peer)
			answer(group[i], ids[i]);
		submission_free(group[i]);
	}
	daemon_poke(d);
}

static bool is_copied(const struct submission *s)
{
	struct pollfd p = { .fd = s->done_fd, .events = POLLIN };

	return s->copying && poll(&p, 1, 0) == 1;
}

/* With it come the others whose copies are there: what the disk takes for one, it takes for all. */
static int on_copied(_unused_ sd_event_source *source, _unused_ int fd, _unused_ uint32_t revents,
		     void *userdata)
{
	struct submission *group[LIMIT_SUBMISSIONS];
	struct daemon *d = ((struct submission *)userdata)->daemon;
	size_t n = 0;

	for (struct submission *s = d->submissions, *next; s; s = next) {
		next = s->next;
		if (!is_copied(s))
			continue;
		pthread_join(s->thread, NULL);
		s->copying = false;
		s->crowd->copying--;
		d->n_copying--;
		remove_from_list(s);
		group[n++] = s;
	}
	/* The next ones are copied while these are stored. */
	start_waiting(d);
	complete(d, group, n);
	return 0;
}

static int start_copying(struct submission *s)
{
	struct daemon *d = s->daemon;
	int r;

	s->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->done_fd < 0)
		return -errno;
	r = sd_event_add_io(d->event, &s->done, s->done_fd, EPOLLIN, on_copied, s);
	if (r < 0)
		return r;
	s->number = d->last_stage + 1;
	d->last_stage += s->demand.jobs;
	/* Every signal that the loop waits for is blocked already, and stays so in the thread. */
	r = -pthread_create(&s->thread, NULL, copy_thread, s);
	if (r < 0)
		return r;
	s->copying = true;
	d->n_copying++;
	return 0;
}

/*
 * Of the users who may have one more copied, the oldest of him who has waited longest for his turn.
 * Who comes anew is not before those who waited already, so that none waits for ever.
 */
static struct submission *next_to_copy(const struct daemon *d)
{
	struct submission *found = NULL;

	for (struct submission *s = d->submissions; s; s = s->next)
		if (!s->copying && s->crowd->copying < LIMIT_COPIES_PER_UID &&
		    (!found || s->crowd->served < found->crowd->served))
			found = s;
	return found;
}

static void start_waiting(struct daemon *d)
{
	struct submission *s;

	while (d->n_copying < LIMIT_SUBMISSIONS && (s = next_to_copy(d))) {
		int r = start_copying(s);

		if (r >= 0) {
			s->crowd->copying++;
			s->crowd->served = ++d->copies;
		} else {
			s->result = err_set(&s->err, r, "the job cannot be taken now: %s",
					    strerror(-r));
			remove_from_list(s);
			complete(d, &s, 1);
		}
	}
}

int submission_check_daemon(const struct peer *p, sd_bus_error *error)
{
	if (p->uid != geteuid() && geteuid() != 0)
		return sd_bus_error_setf(error, PBIT_ERROR_DENIED,
					 "this pbitd runs jobs of uid %u alone",
					 (unsigned int)geteuid());
	if (p->daemon->stopping)
		return sd_bus_error_set(error, PBIT_ERROR_FAILED,
					"pbitd is leaving; submit the job again in a moment");
	return 0;
}

/* With what is being copied: what is acknowledged has its place. */
static int check_limits(const struct submission *s, struct err *e)
{
	struct demand own = s->demand, all = s->demand;

	for (const struct submission *x = s->daemon->submissions; x; x = x->next) {
		all.jobs += x->demand.jobs;
		if (x->like->uid != s->like->uid)
			continue;
		own.jobs += x->demand.jobs;
		own.bytes += x->demand.bytes;
	}
	return submission_limits_check(s->daemon, s->like->uid, &own, all.jobs, e);
}

int submission_method(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct peer *p = userdata;
	struct daemon *d = p->daemon;
	_cleanup_(submission_freep) struct submission *s = NULL;
	struct submission **last;
	struct err e = { 0 };
	int r;

	r = submission_check_daemon(p, error);
	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->done_fd = -1;
	s->daemon = d;
	s->peer = p;
	s->crowd = p->crowd;
	p->submissions++;
	s->call = sd_bus_message_ref(m);
	r = read_call(s, &e);
	if (r < 0)
		return e.code ? bus_fail(error, PBIT_ERROR_BAD_INPUT, &e) : r;
	if (check_limits(s, &e) < 0)
		return bus_fail(error, PBIT_ERROR_LIMIT, &e);
	for (last = &d->submissions; *last; last = &(*last)->next)
		;
	*last = TAKE_PTR(s);
	start_waiting(d);
	return 1;
}

/* What a thread is at, its message with the descriptors among it, cannot be freed before the thread. */
static void abandon(struct submission *s)
{
	const struct peer *p = s->peer;

	s->peer = NULL;
	if (!s->copying) {
		remove_from_list(s);
		submission_free(s);
		return;
	}
	atomic_store(&s->abandoned, true);
	admission_claim(s->daemon, &s->claim, s->crowd, gate_last(p->gate), GATE_MAX_FDS);
}

void submission_forget_peer(struct daemon *d, const struct peer *p)
{
	for (struct submission *s = d->submissions, *next; s; s = next) {
		next = s->next;
		if (s->peer == p)
			abandon(s);
	}
}

void submission_drop_all(struct daemon *d)
{
	while (d->submissions) {
		struct submission *s = d->submissions;

		if (s->copying) {
			pthread_join(s->thread, NULL);
			if (s->result >= 0)
				unstage(s);
		}
		d->submissions = s->next;
		submission_free(s);
	}
}
