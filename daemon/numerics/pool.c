/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "pool.h"

struct pool_thread {
	struct pool *pool;
	unsigned int index;
	pthread_t id;
};

struct pool {
	pthread_mutex_t lock; /* guards what follows, up to stop */
	pthread_cond_t work;
	struct pool_task *first, **last;
	unsigned int running; /* tasks */
	bool helped;	      /* one of them by who is none of the threads */
	bool stop;

	unsigned int most;	/* that run at a time: the threads there are to be */
	unsigned int n_threads; /* those that were started */
	struct pool_thread threads[];
};

static struct pool_task *pool_take(struct pool *p)
{
	struct pool_task *t = p->first;

	if (!t)
		return NULL;
	p->first = t->next;
	if (!p->first)
		p->last = &p->first;
	p->running++;
	return t;
}

static struct pool_task *pool_pop(struct pool *p)
{
	while ((!p->first || p->running >= p->most) && !p->stop)
		pthread_cond_wait(&p->work, &p->lock);
	return pool_take(p);
}

static void *pool_thread(void *arg)
{
	struct pool_thread *thread = arg;
	struct pool *p = thread->pool;
	struct pool_task *t;

	pthread_mutex_lock(&p->lock);
	while ((t = pool_pop(p))) {
		pthread_mutex_unlock(&p->lock);
		t->run(t, thread->index);
		pthread_mutex_lock(&p->lock);
		p->running--;
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static int pool_start(struct pool *p, unsigned int threads)
{
	sigset_t all, old;
	int r = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (p->n_threads < threads && r == 0) {
		struct pool_thread *t = &p->threads[p->n_threads];

		t->pool = p;
		t->index = p->n_threads;
		r = pthread_create(&t->id, NULL, pool_thread, t);
		if (r == 0)
			p->n_threads++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -r;
}

int pool_new(unsigned int threads, struct pool **ret, struct err *e)
{
	struct pool *p;
	int r;

	if (threads < 1 || threads > POOL_MAX_THREADS)
		return err_set(e, -EINVAL, "%u threads: choose from 1 to %u", threads,
			       POOL_MAX_THREADS);
	p = calloc(1, sizeof(*p) + threads * sizeof(p->threads[0]));
	if (!p)
		return err_oom(e);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	p->last = &p->first;
	p->most = threads;

	r = pool_start(p, threads);
	if (r < 0) {
		err_set(e, r, "thread %u of %u could not be started: %s", p->n_threads + 1, threads,
			strerror(-r));
		pool_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

struct pool *pool_free(struct pool *p)
{
	unsigned int i;

	if (!p)
		return NULL;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);

	for (i = 0; i < p->n_threads; i++)
		pthread_join(p->threads[i].id, NULL);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p);
	return NULL;
}

void pool_push(struct pool *p, struct pool_task *first)
{
	struct pool_task *t, *last = NULL;

	for (t = first; t; t = t->next)
		last = t;
	if (!last)
		return;
	pthread_mutex_lock(&p->lock);
	*p->last = first;
	p->last = &last->next;
	if (first == last)
		pthread_cond_signal(&p->work);
	else
		pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
}

bool pool_help(struct pool *p)
{
	struct pool_task *t = NULL;

	pthread_mutex_lock(&p->lock);
	if (p->running < p->most && !p->helped)
		t = pool_take(p);
	p->helped |= !!t;
	pthread_mutex_unlock(&p->lock);
	if (!t)
		return false;
	t->run(t, p->most);
	pthread_mutex_lock(&p->lock);
	p->running--;
	p->helped = false;
	if (p->first)
		pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
	return true;
}
