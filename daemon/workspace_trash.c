// SPDX-License-Identifier: MIT
/*
 * What is removed: moved to trash/, which is done at once, and emptied by a thread, for a submitter
 * may have put anything into his directories, and as much of it as he likes.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "log.h"
#include "tree.h"
#include "workspace_dir.h"

#define AT_A_TIME  100000 /* names of one, before it is the next one's turn */
#define MAX_DOUBLE 7	  /* each time twice as many, so often: what stays must not hide the rest */
#define MAX_TURNS  100	  /* somebody makes them as fast as they are removed */
#define IN_PLACE   10000  /* names, where nothing can be moved */

/* One directory in trash/. */
struct trash {
	struct trash *next;
	unsigned int turns;
	char name[WORKSPACE_NAME_BYTES];
};

struct sweeper {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct trash *first, **end;
	uint64_t number;   /* of the last one */
	atomic_llong left; /* names of this turn */
	bool stopping, running;
	pthread_t thread;
};

/* What stays is no harm but the room that it takes; the next daemon tries again. */
static void tell_of_rest(struct workspace *w, const char *name, int r)
{
	log_warning("%s/trash/%s: not all of it can be removed: %s", w->directory, name,
		    r == -EPERM ? "somebody moved another user's directory there; give it back, "
				  "or remove it by hand" :
				  strerror(-r));
}

static void append(struct sweeper *s, struct trash *t)
{
	t->next = NULL;
	*s->end = t;
	s->end = &t->next;
}

static struct trash *take_first(struct sweeper *s)
{
	struct trash *t = s->first;

	s->first = t->next;
	if (!s->first)
		s->end = &s->first;
	return t;
}

static void *sweep(void *userdata)
{
	struct workspace *w = userdata;
	struct sweeper *s = w->sweeper;

	pthread_mutex_lock(&s->lock);
	while (!s->stopping) {
		struct trash *t;
		int r;

		if (!s->first) {
			pthread_cond_wait(&s->wake, &s->lock);
			continue;
		}
		t = take_first(s);
		s->left = (long long)AT_A_TIME << MIN(t->turns, (unsigned int)MAX_DOUBLE);
		pthread_mutex_unlock(&s->lock);
		r = tree_remove_some(w->trash_fd, t->name, &s->left);
		if (r == -EAGAIN && ++t->turns == MAX_TURNS)
			r = -EBUSY;
		if (r < 0 && r != -EAGAIN)
			tell_of_rest(w, t->name, r);
		pthread_mutex_lock(&s->lock);
		if (r == -EAGAIN)
			append(s, t);
		else
			free(t);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* The lock is held. What cannot be noted is left to the next daemon. */
static void add(struct workspace *w, const char *name)
{
	struct sweeper *s = w->sweeper;
	struct trash *t = calloc(1, sizeof(*t));

	if (!t)
		return;
	snprintf(t->name, sizeof(t->name), "%s", name);
	append(s, t);
	if (!s->running)
		s->running = pthread_create(&s->thread, NULL, sweep, w) == 0;
	pthread_cond_signal(&s->wake);
}

/* The lock is held. */
static int move(struct workspace *w, int at, const char *name)
{
	char to[WORKSPACE_NAME_BYTES];

	do {
		snprintf(to, sizeof(to), "%" PRIu64, ++w->sweeper->number);
		if (renameat(at, name, w->trash_fd, to) == 0) {
			add(w, to);
			return 0;
		}
	} while (errno == EEXIST || errno == ENOTEMPTY);
	return -errno;
}

int workspace_discard(struct workspace *w, int at, const char *name)
{
	atomic_llong left = IN_PLACE;
	int r;

	pthread_mutex_lock(&w->sweeper->lock);
	r = move(w, at, name);
	pthread_mutex_unlock(&w->sweeper->lock);
	if (r >= 0 || r == -ENOENT)
		return 0;
	/* A full disk may have no room for a name, and must not stay full for that. */
	return tree_remove_some(at, name, &left) == 0 ? 0 : r;
}

int workspace_remove(struct workspace *w, uint64_t id)
{
	char name[WORKSPACE_NAME_BYTES];

	workspace_job_name(id, name);
	return workspace_discard(w, w->jobs_fd, name);
}

void workspace_trim(struct workspace *w, uint64_t id, bool keep_checkpoint)
{
	_cleanup_close_ int job = workspace_open_job(w, id);

	if (job < 0)
		return;
	workspace_discard(w, job, "input");
	if (!keep_checkpoint)
		workspace_discard(w, job, "ckpt");
}

int workspace_sweep(struct workspace *w)
{
	_cleanup_(closedirp) DIR *d = NULL;
	const struct dirent *entry;
	int fd = workspace_open_directory(w->trash_fd, ".");

	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return fd < 0 ? fd : -ENOMEM;
	pthread_mutex_lock(&w->sweeper->lock);
	while ((entry = readdir(d)))
		if (strlen(entry->d_name) < WORKSPACE_NAME_BYTES && entry->d_name[0] != '.')
			add(w, entry->d_name);
	pthread_mutex_unlock(&w->sweeper->lock);
	return 0;
}

int workspace_start_sweeper(struct workspace *w)
{
	struct sweeper *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->end = &s->first;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wake, NULL);
	w->sweeper = s;
	return 0;
}

void workspace_stop_sweeper(struct workspace *w)
{
	struct sweeper *s = w->sweeper;

	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	s->left = 0;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	if (s->running)
		pthread_join(s->thread, NULL);
	while (s->first)
		free(take_first(s));
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s);
	w->sweeper = NULL;
}
