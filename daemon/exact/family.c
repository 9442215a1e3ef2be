// SPDX-License-Identifier: MIT
#include <math.h>
#include <time.h>

#include "cell.h"
#include "parallel.h"

struct family {
	const struct family_options *o;
	struct exact_run each; /* of a cell: its share of the memory */
	struct family_cell *cells;
	unsigned int count;
	pthread_mutex_t lock; /* guards what follows */
	unsigned int n_ended, n_told;
	unsigned int ended[FAMILY_CELLS]; /* in the order in which they ended */
};

/* Tells the caller, on its own thread, of the cells that have ended since. */
static int tell(struct family *f, const struct exact_run *run)
{
	pthread_mutex_lock(&f->lock);
	while (f->n_told < f->n_ended) {
		const struct family_cell *c = &f->cells[f->ended[f->n_told++]];
		int r = 0;

		pthread_mutex_unlock(&f->lock);
		exact_run_progress(run, "family", (double)f->n_told / f->count);
		if (f->o->on_cell)
			r = f->o->on_cell(f->o->data, c, f->n_told, f->count);
		if (r < 0)
			return r;
		pthread_mutex_lock(&f->lock);
	}
	pthread_mutex_unlock(&f->lock);
	return 0;
}

/* The largest first: that the threads end together. */
static int item(struct exact_work *w, size_t i, unsigned int worker, struct err *e)
{
	struct family *f = w->data;
	unsigned int at = f->count - 1 - (unsigned int)i;
	int r = exact_run_check(w->run, e);

	if (r == 0)
		r = cell_run(&f->cells[at], f->o->seed, &f->each, e);
	if (r < 0)
		return r;
	pthread_mutex_lock(&f->lock);
	f->ended[f->n_ended++] = at;
	pthread_mutex_unlock(&f->lock);
	return worker ? 0 : tell(f, w->run);
}

/* What is no number is worse than any. */
static void worse(double *worst, double x)
{
	if (!isnan(*worst) && !(x <= *worst))
		*worst = x;
}

static void summarise(const struct family *f, struct family_summary *s)
{
	*s = (struct family_summary){ .cells = f->count };
	for (unsigned int i = 0; i < f->count; i++) {
		const struct family_cell *c = &f->cells[i];

		s->constructed += c->constructed;
		worse(&s->worst_value_absolute, c->value_absolute);
		worse(&s->worst_value_agreement, c->value_relative);
		worse(&s->worst_sum_agreement, c->sum_relative);
		worse(&s->worst_reference_error, c->reference_w);
		worse(&s->worst_reference_error, c->reference_phi);
		worse(&s->worst_gradient_error, c->gradient_error);
		worse(&s->worst_condition, c->condition);
	}
}

static double wall_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int family_run(const struct family_options *o, const struct exact_run *run,
	       struct family_cell *cells, struct family_summary *ret, struct err *e)
{
	struct family f = { .o = o, .cells = cells, .count = o->count };
	struct exact_work w = { .run = exact_run_or_default(run), .item = item, .data = &f };
	double start = wall_seconds();
	struct family_summary summary;
	int r;

	if (o->first >= FAMILY_CELLS || o->count > FAMILY_CELLS - o->first)
		return err_set(e, -EINVAL,
			       "the family has cells 0 to %d; %u from %u on are asked for",
			       FAMILY_CELLS - 1, o->count, o->first);
	if (!f.count)
		f.count = FAMILY_CELLS - o->first;
	for (unsigned int i = 0; i < f.count; i++)
		cell_place(o->first + i, &cells[i]);
	w.threads = MAX(w.run->threads, 1u);
	w.items = f.count;
	f.each = (struct exact_run){ .threads = 1, .cancel = w.run->cancel };
	if (w.run->memory)
		f.each.memory = MAX(w.run->memory / w.threads, (size_t)1);
	pthread_mutex_init(&f.lock, NULL);
	r = exact_work_run(&w, e);
	if (r == 0)
		r = tell(&f, w.run);
	pthread_mutex_destroy(&f.lock);
	if (r < 0)
		return r;
	summarise(&f, &summary);
	summary.seconds = wall_seconds() - start;
	*ret = summary;
	return 0;
}
