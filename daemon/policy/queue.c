// SPDX-License-Identifier: MIT
/* Devices and jobs as the queue is told of them. */
#include <string.h>

#include "state.h"

int queue_new(struct queue **ret)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	q->rate = share_rate(QUEUE_HALF_LIFE);
	q->quantum = QUEUE_QUANTUM;
	*ret = q;
	return 0;
}

static struct entry *entry_free(struct entry *x)
{
	if (x) {
		free(x->avoided);
		free(x->held_why);
		free(x->after);
	}
	free(x);
	return NULL;
}

struct queue *queue_free(struct queue *q)
{
	if (!q)
		return NULL;
	for (size_t i = 0; i < q->n; i++)
		entry_free(q->entries[i]);
	dependencies_clear(&q->dependencies);
	sites_clear(&q->sites);
	users_clear(&q->users);
	free(q->order.list);
	free(q->entries);
	free(q->runs);
	free(q);
	return NULL;
}

/* --- Devices --- */

static void forget_avoided(struct queue *q, const struct site *d)
{
	for (size_t i = 0; i < q->n; i++) {
		struct entry *x = q->entries[i];

		for (size_t k = x->n_avoided; k-- > 0;)
			if (x->avoided[k] == d)
				x->avoided[k] = x->avoided[--x->n_avoided];
	}
}

int queue_set_device(struct queue *q, const char *name, enum queue_kind kind, unsigned int slots)
{
	struct site *d;
	int r = site_make(&q->sites, name, &d);

	if (r < 0)
		return r;
	if (d->slots == 0)
		forget_avoided(q, d);
	d->told = true;
	d->slots = slots;
	d->kind = kind;
	q->generation++;
	return 0;
}

unsigned int queue_slots(const struct queue *q)
{
	unsigned int slots = 0;

	for (size_t i = 0; i < q->sites.n; i++)
		slots += q->sites.list[i]->slots;
	return slots;
}

static bool has_reservation(const struct queue *q, uint64_t id)
{
	for (size_t i = 0; i < q->sites.n; i++)
		for (const struct reservation *b = q->sites.list[i]->reservations; b; b = b->next)
			if (b->r.id == id)
				return true;
	return false;
}

int queue_reserve(struct queue *q, const struct queue_reservation *r)
{
	struct site *d;
	int error;

	if (r->until <= r->from)
		return -EINVAL;
	if (has_reservation(q, r->id))
		return -EEXIST;
	error = site_make(&q->sites, r->device, &d);
	if (error >= 0)
		error = reservation_add(&d->reservations, r);
	if (error < 0)
		return error;
	q->generation++;
	return 0;
}

int queue_unreserve(struct queue *q, uint64_t id)
{
	for (size_t i = 0; i < q->sites.n; i++) {
		if (!reservation_remove(&q->sites.list[i]->reservations, id))
			continue;
		site_release(&q->sites, q->sites.list[i]);
		q->generation++;
		return 0;
	}
	return -ENOENT;
}

/* --- Jobs in and out --- */

/* The index of the job, or where it would go. */
static size_t index_of(const struct queue *q, uint64_t id)
{
	size_t low = 0, high = q->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (q->entries[middle]->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct entry *queue_find(const struct queue *q, uint64_t id)
{
	size_t i = index_of(q, id);

	return i < q->n && q->entries[i]->id == id ? q->entries[i] : NULL;
}

/* Room for one more in all that lists jobs. */
static int grow(struct queue *q)
{
	size_t wanted = q->allocated ? 2 * q->allocated : 16;
	struct entry ***lists[] = { &q->entries, &q->runs, &q->order.list };

	if (q->n < q->allocated)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		struct entry **grown = reallocarray(*lists[i], wanted, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		*lists[i] = grown;
	}
	q->allocated = wanted;
	return 0;
}

static void doom(struct queue *q, struct entry *x, uint64_t by)
{
	if (x->doomed_by)
		return;
	x->doomed_by = by;
	x->doomed_link = &q->doomed;
	x->doomed_next = q->doomed;
	if (x->doomed_next)
		x->doomed_next->doomed_link = &x->doomed_next;
	q->doomed = x;
}

static void undoom(struct entry *x)
{
	if (!x->doomed_by)
		return;
	*x->doomed_link = x->doomed_next;
	if (x->doomed_next)
		x->doomed_next->doomed_link = x->doomed_link;
}

static int link_dependencies(struct queue *q, struct entry *x, const struct queue_job *job)
{
	x->after = calloc(MAX(job->n_after, (size_t)1), sizeof(*x->after));
	if (!x->after)
		return -ENOMEM;
	for (size_t i = 0; i < job->n_after; i++) {
		const struct queue_dependency *from = &job->after[i];
		struct dependency *to = &x->after[x->n_after];
		int r;

		if (from->outcome == QUEUE_ENDED_BADLY && from->after == QUEUE_AFTER_OK)
			doom(q, x, from->id);
		if (from->outcome != QUEUE_PENDING)
			continue;
		*to = (struct dependency){ .owner = x, .id = from->id, .after = from->after };
		r = dependency_link(&q->dependencies, to);
		if (r < 0)
			return r;
		x->n_after++;
		x->n_pending++;
	}
	return 0;
}

static int find_user(struct queue *q, struct entry *x, const struct queue_job *job)
{
	int r = user_make(&q->users, job->uid, &x->user);

	if (r >= 0)
		r = user_set_name(x->user, job->user);
	/* Those that run come back to the line when they stop. */
	if (r >= 0)
		r = user_reserve(x->user, x->user->n_line + x->user->share.running + 1);
	return r;
}

/* Gives back all that the entry holds. */
static void discard(struct queue *q, struct entry *x)
{
	for (size_t i = 0; i < x->n_after; i++)
		dependency_unlink(&q->dependencies, &x->after[i]);
	undoom(x);
	if (x->wanted) {
		x->wanted->refs--;
		site_release(&q->sites, x->wanted);
	}
	entry_free(x);
}

static bool is_overdue(const struct entry *x)
{
	return x->time_limit && x->used >= x->time_limit && !x->expired;
}

int queue_add(struct queue *q, const struct queue_job *job)
{
	size_t i = index_of(q, job->id);
	struct entry *x;
	int r;

	if (queue_find(q, job->id))
		return -EEXIST;
	if (job->n_after > QUEUE_MAX_DEPENDS)
		return -E2BIG;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	*x = (struct entry){ .id = job->id,
			     .band = job->band,
			     .time_limit = job->time_limit,
			     .used = job->used,
			     .memory = job->memory,
			     .held = job->held,
			     .session = job->session };
	r = grow(q);
	if (r >= 0)
		r = find_user(q, x, job);
	if (r >= 0 && job->device) {
		r = site_make(&q->sites, job->device, &x->wanted);
		if (r >= 0)
			x->wanted->refs++;
	}
	if (r >= 0)
		r = link_dependencies(q, x, job);
	if (r < 0) {
		discard(q, x);
		return r;
	}
	memmove(&q->entries[i + 1], &q->entries[i], (q->n - i) * sizeof(x));
	q->entries[i] = x;
	q->n++;
	q->n_overdue += is_overdue(x);
	user_enter(x->user, x);
	q->generation++;
	return 0;
}

/* Off its device, back into the line. */
static void stop(struct queue *q, struct entry *x, uint64_t now)
{
	struct user *u = x->user;
	size_t i = 0;

	usage_settle(q, u, now);
	if (x->paid > 0)
		lane_refund(&u->lane, x->paid, stint_of(x, now), now);
	x->used = used_by(x, now);
	x->paid = 0;
	x->leaving = x->expired = false;
	x->site->busy--;
	x->site = NULL;
	u->share.running--;
	u->memory -= x->memory;
	if (q->job_memory)
		x->memory = q->job_memory;
	while (q->runs[i] != x)
		i++;
	memmove(&q->runs[i], &q->runs[i + 1], (q->n_runs - i - 1) * sizeof(x));
	q->n_runs--;
	q->n_overdue += is_overdue(x);
	user_enter(u, x);
	q->generation++;
}

void queue_set_job_memory(struct queue *q, uint64_t bytes)
{
	q->job_memory = bytes;
	for (size_t i = 0; i < q->n; i++)
		if (!q->entries[i]->site)
			q->entries[i]->memory = bytes;
	q->generation++;
}

int queue_remove(struct queue *q, uint64_t id, uint64_t now)
{
	struct entry *x = queue_find(q, id);
	size_t i = index_of(q, id);

	if (!x)
		return -ENOENT;
	if (x->site)
		stop(q, x, now);
	q->n_overdue -= is_overdue(x);
	user_leave(x->user, x);
	memmove(&q->entries[i], &q->entries[i + 1], (q->n - i - 1) * sizeof(x));
	q->n--;
	q->order.valid = false;
	q->generation++;
	discard(q, x);
	return 0;
}

int queue_started(struct queue *q, uint64_t id, const char *device, uint64_t now)
{
	struct entry *x = queue_find(q, id);
	struct site *d = site_find(&q->sites, device);
	struct user *u;

	if (!x || x->site || !d || !d->told)
		return -ENOENT;
	u = x->user;
	usage_settle(q, u, now);
	if (is_quick(x) && order_price(x) <= lane_left(&u->lane, now)) {
		x->paid = order_price(x);
		lane_pay(&u->lane, x->paid, now);
	}
	user_leave(u, x);
	q->n_overdue -= is_overdue(x);
	x->site = d;
	x->started = now;
	x->held_until = 0;
	x->leaving = x->expired = false;
	d->busy++;
	u->share.running++;
	u->memory += x->memory;
	q->runs[q->n_runs++] = x;
	q->generation++;
	return 0;
}

int queue_stopped(struct queue *q, uint64_t id, uint64_t now)
{
	struct entry *x = queue_find(q, id);

	if (!x || !x->site)
		return -ENOENT;
	stop(q, x, now);
	return 0;
}

/* --- What else happens to jobs --- */

void queue_ended(struct queue *q, uint64_t id, bool ok)
{
	struct entry *x = queue_find(q, id);
	struct dependency *d;

	/* It is over, and its slot comes free. */
	if (x && x->site)
		x->leaving = true;
	while ((d = dependency_take(&q->dependencies, id))) {
		struct entry *follower = d->owner;

		follower->n_pending--;
		if (!ok && d->after == QUEUE_AFTER_OK)
			doom(q, follower, id);
	}
	q->generation++;
}

bool queue_doomed(struct queue *q, uint64_t *ret_id, char ret_why[QUEUE_MAX_REASON])
{
	if (!q->doomed)
		return false;
	*ret_id = q->doomed->id;
	snprintf(ret_why, QUEUE_MAX_REASON,
		 "it was to run after job %ju, which failed or was cancelled",
		 (uintmax_t)q->doomed->doomed_by);
	return true;
}

int queue_hold(struct queue *q, uint64_t id, uint64_t until, const char *why)
{
	struct entry *x = queue_find(q, id);
	char *copy;

	if (!x || x->site)
		return -ENOENT;
	copy = strdup(why);
	if (!copy)
		return -ENOMEM;
	free(x->held_why);
	x->held_why = copy;
	x->held_until = until;
	q->generation++;
	return 0;
}

int queue_set_held(struct queue *q, uint64_t id, enum queue_held held)
{
	struct entry *x = queue_find(q, id);

	if (!x)
		return -ENOENT;
	x->held = held;
	q->generation++;
	return 0;
}

enum queue_held queue_held(const struct queue *q, uint64_t id)
{
	const struct entry *x = queue_find(q, id);

	return x ? x->held : QUEUE_NOT_HELD;
}

int queue_set_idle(struct queue *q, uint64_t id, bool idle)
{
	struct entry *x = queue_find(q, id);

	if (!x || !x->session)
		return -ENOENT;
	if (x->idle != idle)
		q->generation++;
	x->idle = idle;
	return 0;
}

int queue_avoid(struct queue *q, uint64_t id, const char *device)
{
	struct entry *x = queue_find(q, id);
	struct site *d = site_find(&q->sites, device), **grown;

	if (!x || x->wanted || !d || !d->told)
		return -ENOENT;
	for (size_t k = 0; k < x->n_avoided; k++)
		if (x->avoided[k] == d)
			return 0;
	grown = reallocarray(x->avoided, x->n_avoided + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	x->avoided = grown;
	x->avoided[x->n_avoided++] = d;
	q->generation++;
	return 0;
}

/* --- What is asked --- */

uint64_t queue_used(const struct queue *q, uint64_t id, uint64_t now)
{
	const struct entry *x = queue_find(q, id);

	return x ? used_by(x, now) : 0;
}

const char *queue_device(const struct queue *q, uint64_t id)
{
	const struct entry *x = queue_find(q, id);

	return x && x->site ? x->site->name : NULL;
}

uint64_t queue_running_on(const struct queue *q, const char *device, unsigned int *ret_count)
{
	const struct site *d = site_find(&q->sites, device);
	uint64_t first = 0;

	*ret_count = d ? d->busy : 0;
	for (size_t i = 0; i < q->n_runs && d; i++)
		if (q->runs[i]->site == d && (!first || q->runs[i]->id < first))
			first = q->runs[i]->id;
	return first;
}

uint64_t queue_generation(const struct queue *q)
{
	return q->generation;
}

unsigned int queue_waiting(const struct queue *q)
{
	return (unsigned int)(q->n - q->n_runs);
}

unsigned int queue_running(const struct queue *q)
{
	return (unsigned int)q->n_runs;
}

unsigned int queue_count_of(const struct queue *q, uid_t uid)
{
	const struct user *u = user_find(&q->users, uid);

	return u ? (unsigned int)u->n_line + u->share.running : 0;
}
