// SPDX-License-Identifier: MIT
/* Measuring what is large. */
#include "measure.h"

#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>

#include "account.h"
#include "log.h"

#define THREADS 4

struct measurement {
	struct measurement *next;
	struct daemon *daemon;
	uint64_t id;
	uid_t uid;
	bool ended, keep_checkpoint;
	int64_t charged; /* what the user is charged with until then */
	atomic_llong left;
	int64_t result; /* the thread's, and then the loop's */
	bool running, forgotten;
	pthread_t thread;
	int done_fd;
	sd_event_source *done;
};

static void *measure_thread(void *userdata)
{
	struct measurement *m = userdata;
	uint64_t one = 1;

	m->result = disk_use_measure(m->daemon->workspace, m->id, m->ended, m->keep_checkpoint,
				     &m->left);
	if (write(m->done_fd, &one, sizeof(one)) < 0)
		abort(); /* cannot be: an eventfd takes it */
	return NULL;
}

/* Out of the list, when its thread has gone. */
static void drop(struct measurement *m)
{
	struct measurement **p = &m->daemon->measurements;

	while (*p != m)
		p = &(*p)->next;
	*p = m->next;
	sd_event_source_disable_unref(m->done);
	closep(&m->done_fd);
	free(m);
}

static void take(struct daemon *d, const struct measurement *m, struct job *j)
{
	j->bytes = m->charged;
	if (m->result == -EAGAIN)
		log_job(LOG_WARNING, NULL, j, NULL,
			"its files are not measured: they are more than %d", MEASURE_MOST);
	else if (m->result < 0 && m->result != -ENOENT)
		log_job(LOG_WARNING, NULL, j, NULL, "its files cannot be measured: %s",
			strerror((int)-m->result));
	else
		account_bytes(d, j, MAX(m->result, (int64_t)0));
	/* What cannot be saved is saved with the next state, or measured anew by the next daemon. */
	if (!j->unsaved)
		account_save(d, j, NULL);
}

static void start_waiting(struct daemon *d);

static int on_measured(_unused_ sd_event_source *source, _unused_ int fd, _unused_ uint32_t revents,
		       void *userdata)
{
	_cleanup_(job_freep) struct job *owned = NULL;
	struct measurement *m = userdata;
	struct daemon *d = m->daemon;
	struct job *j;

	pthread_join(m->thread, NULL);
	if (!m->forgotten) {
		j = job_table_find(&d->jobs, m->id);
		if (!j && store_get(d->store, m->id, &owned, NULL) >= 0)
			j = owned;
		if (j)
			take(d, m, j);
	}
	drop(m);
	start_waiting(d);
	return 0;
}

static int start(struct measurement *m)
{
	int r = sd_event_add_io(m->daemon->event, &m->done, m->done_fd, EPOLLIN, on_measured, m);

	if (r < 0)
		return r;
	/* Every signal that the loop waits for is blocked already, and stays so in the thread. */
	r = -pthread_create(&m->thread, NULL, measure_thread, m);
	m->running = r == 0;
	if (r < 0)
		m->done = sd_event_source_disable_unref(m->done);
	return r;
}

/* One of each user, so that nobody holds up the others by what he has made. */
static bool may_start(const struct daemon *d, const struct measurement *m)
{
	unsigned int n = 0;

	for (const struct measurement *x = d->measurements; x; x = x->next) {
		if (x->running && x->uid == m->uid)
			return false;
		n += x->running;
	}
	return n < THREADS;
}

static void start_waiting(struct daemon *d)
{
	for (struct measurement *m = d->measurements; m; m = m->next)
		/* What cannot be started now is when the next one has ended, or by the next daemon. */
		if (!m->running && may_start(d, m) && start(m) < 0)
			return;
}

int measure_start(struct daemon *d, struct job *j, bool ended, bool keep_checkpoint)
{
	struct measurement *m = calloc(1, sizeof(*m)), **last = &d->measurements;

	if (!m)
		return -ENOMEM;
	m->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->done_fd < 0) {
		free(m);
		return -errno;
	}
	m->daemon = d;
	m->id = j->id;
	m->uid = j->uid;
	m->ended = ended;
	m->keep_checkpoint = keep_checkpoint;
	m->charged = MAX(j->bytes, (int64_t)0);
	m->left = MEASURE_MOST;
	j->bytes = -1;
	while (*last)
		last = &(*last)->next;
	*last = m;
	start_waiting(d);
	return 0;
}

void measure_forget(struct daemon *d, struct job *j)
{
	for (struct measurement *m = d->measurements, *next; m; m = next) {
		next = m->next;
		if (m->id != j->id || m->forgotten)
			continue;
		j->bytes = m->charged;
		m->forgotten = true;
		m->left = 0;
		if (!m->running)
			drop(m);
	}
}

void measure_drop_all(struct daemon *d)
{
	for (struct measurement *m = d->measurements; m; m = m->next)
		m->left = 0;
	while (d->measurements) {
		if (d->measurements->running)
			pthread_join(d->measurements->thread, NULL);
		drop(d->measurements);
	}
}
