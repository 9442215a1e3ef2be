/* SPDX-License-Identifier: MIT */
#include <signal.h>

#include "parallel.h"

struct worker {
	struct exact_work *work;
	unsigned int index;
	pthread_t id;
};

static void fail(struct exact_work *w, int result, const struct err *err)
{
	if (w->result == 0) {
		w->result = result;
		w->err = *err;
	}
	pthread_cond_broadcast(&w->turned);
}

static void *worker_main(void *arg)
{
	struct worker *me = arg;
	struct exact_work *w = me->work;

	pthread_mutex_lock(&w->lock);
	while (w->result == 0 && w->next < w->items) {
		struct err err = { 0 };
		size_t i = w->next++;
		int r;

		pthread_mutex_unlock(&w->lock);
		r = w->item(w, i, me->index, &err);
		pthread_mutex_lock(&w->lock);
		if (r < 0)
			fail(w, r, &err);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* A thread that cannot be had is done without: the others take its items. */
static unsigned int start(struct exact_work *w, struct worker *workers, unsigned int count)
{
	sigset_t all, old;
	unsigned int i;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (i = 1; i < count; i++) {
		workers[i] = (struct worker){ .work = w, .index = i };
		if (pthread_create(&workers[i].id, NULL, worker_main, &workers[i]) != 0)
			break;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return i;
}

int exact_work_run(struct exact_work *w, struct err *e)
{
	_cleanup_free_ struct worker *workers = NULL;
	unsigned int i, count = (unsigned int)MIN(MAX(w->threads, 1u), MAX(w->items, (size_t)1));

	workers = calloc(count, sizeof(*workers));
	if (!workers)
		return err_oom(e);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->turned, NULL);
	w->next = w->turn = 0;
	w->result = 0;

	count = start(w, workers, count);
	workers[0] = (struct worker){ .work = w };
	worker_main(&workers[0]);
	for (i = 1; i < count; i++)
		pthread_join(workers[i].id, NULL);
	pthread_cond_destroy(&w->turned);
	pthread_mutex_destroy(&w->lock);
	if (w->result < 0)
		return err_set(e, w->result, "%s", w->err.text);
	return 0;
}

bool exact_work_begin_turn(struct exact_work *w, size_t i)
{
	bool mine;

	pthread_mutex_lock(&w->lock);
	while (w->turn != i && w->result == 0)
		pthread_cond_wait(&w->turned, &w->lock);
	mine = w->result == 0;
	pthread_mutex_unlock(&w->lock);
	return mine;
}

void exact_work_end_turn(struct exact_work *w)
{
	pthread_mutex_lock(&w->lock);
	w->turn++;
	pthread_cond_broadcast(&w->turned);
	pthread_mutex_unlock(&w->lock);
}

const struct exact_run *exact_run_or_default(const struct exact_run *run)
{
	static const struct exact_run one = { .threads = 1 };

	return run ? run : &one;
}

int exact_run_check(const struct exact_run *run, struct err *e)
{
	if (run->cancel && atomic_load_explicit(run->cancel, memory_order_relaxed))
		return err_set(e, -ECANCELED, "stopped as asked");
	return 0;
}

void exact_run_progress(const struct exact_run *run, const char *what, double share)
{
	if (run->progress)
		run->progress(run->data, what, share);
}

int exact_run_admit(const struct exact_run *run, size_t bytes, struct err *e)
{
	if (run->memory == 0 || bytes <= run->memory)
		return 0;
	return err_set(e, -EFBIG, "this takes %.3g GiB of memory, and %.3g GiB are allowed",
		       (double)bytes / (1 << 30), (double)run->memory / (1 << 30));
}
