/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdatomic.h>

#include "crew.h"
#include "pool.h"

struct crew {
	struct pool *pool; /* of all threads but the caller's; NULL: there are none */
	unsigned int helpers;
	struct helper {
		struct pool_task task;
		struct crew *crew;
	} * helper; /* [helpers] */

	/* The loop that runs. */
	void (*part)(void *data, size_t k);
	void *data;
	size_t parts;
	atomic_size_t next;

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t done;
	unsigned int left; /* helpers that have not ended */
};

static void take_parts(struct crew *c)
{
	size_t k;

	while ((k = atomic_fetch_add(&c->next, 1)) < c->parts)
		c->part(c->data, k);
}

static void help(struct pool_task *task, _unused_ unsigned int thread)
{
	struct crew *c = ((struct helper *)task)->crew; /* task is its first member */

	take_parts(c);
	pthread_mutex_lock(&c->lock);
	if (--c->left == 0)
		pthread_cond_signal(&c->done);
	pthread_mutex_unlock(&c->lock);
}

int crew_new(unsigned int threads, struct crew **ret, struct err *e)
{
	struct crew *c = calloc(1, sizeof(*c));
	int r = 0;

	if (!c)
		return err_oom(e);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->done, NULL);
	c->helpers = threads - 1;
	c->helper = calloc(threads, sizeof(*c->helper));
	if (!c->helper)
		r = err_oom(e);
	if (r == 0 && c->helpers)
		r = pool_new(c->helpers, &c->pool, e);
	if (r < 0) {
		crew_free(c);
		return r;
	}
	for (unsigned int k = 0; k < c->helpers; k++) {
		c->helper[k].task.run = help;
		c->helper[k].crew = c;
	}
	*ret = c;
	return 0;
}

struct crew *crew_free(struct crew *c)
{
	if (!c)
		return NULL;
	pool_free(c->pool);
	pthread_cond_destroy(&c->done);
	pthread_mutex_destroy(&c->lock);
	free(c->helper);
	free(c);
	return NULL;
}

unsigned int crew_threads(const struct crew *c)
{
	return c ? c->helpers + 1 : 1;
}

void crew_run(struct crew *c, size_t parts, void (*part)(void *data, size_t k), void *data)
{
	unsigned int helpers = c ? (unsigned int)MIN((size_t)c->helpers, parts - !!parts) : 0;

	if (!helpers) {
		for (size_t k = 0; k < parts; k++)
			part(data, k);
		return;
	}
	c->part = part;
	c->data = data;
	c->parts = parts;
	atomic_store(&c->next, 0);
	c->left = helpers;
	for (unsigned int k = 0; k < helpers; k++)
		c->helper[k].task.next = k + 1 < helpers ? &c->helper[k + 1].task : NULL;
	pool_push(c->pool, &c->helper[0].task);

	take_parts(c);
	pthread_mutex_lock(&c->lock);
	while (c->left > 0)
		pthread_cond_wait(&c->done, &c->lock);
	pthread_mutex_unlock(&c->lock);
}
