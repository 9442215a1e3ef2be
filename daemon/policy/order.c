// SPDX-License-Identifier: MIT
/*
 * Who goes first: one order of all waiting jobs, from which follows what starts, who yields to
 * whom, positions and reasons.
 *
 * A user's standing is his level, and in advance what his running jobs will still take of their
 * quantum. His jobs, in the order of his line, have the tags
 *
 *	standing, standing + c1/w, standing + (c1 + c2)/w, ...
 *
 * where c is the quantum, or the time limit if that is less. By (tag, id), the jobs come in the
 * order in which they would start at this moment, each start being reckoned with before the next.
 * Those that the lane lets pass come before, those that could not run at all behind.
 *
 * It is made anew when something has happened or time has passed, in O(n log users), and serves all
 * questions of that moment.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "state.h"

static uint64_t left_of(const struct entry *x)
{
	return x->time_limit ? x->time_limit - MIN(x->time_limit, x->used) : UINT64_MAX;
}

double order_price(const struct entry *x)
{
	return lane_price(x->session ? LANE_SHORT : left_of(x));
}

/* What its start is reckoned to cost. */
static double cost_of(const struct queue *q, const struct entry *x)
{
	return (double)MIN(q->quantum ? q->quantum : NOMINAL, left_of(x));
}

/* --- Where it could run --- */

static bool is_its_kind(const struct entry *x, const struct site *d)
{
	if (x->wanted)
		return x->wanted == d;
	for (size_t k = 0; k < x->n_avoided; k++)
		if (x->avoided[k] == d)
			return false;
	return d->kind != QUEUE_BY_NAME;
}

bool order_suits(const struct queue *q, const struct entry *x, const struct site *d, uint64_t now)
{
	if (d->slots == 0 || !is_its_kind(x, d))
		return false;
	return !d->reservations ||
	       !reservation_against(d->reservations, x->user->uid, wall_of(q, now),
				    x->time_limit ? left_of(x) : 0);
}

struct site *order_choose(const struct queue *q, const struct entry *x, uint64_t now)
{
	struct site *best = NULL;

	for (size_t i = 0; i < q->sites.n; i++) {
		struct site *d = q->sites.list[i];

		if (site_is_free(d) && (!best || d->kind < best->kind) && order_suits(q, x, d, now))
			best = d;
	}
	return best;
}

static bool has_free_slot(const struct queue *q)
{
	for (size_t i = 0; i < q->sites.n; i++)
		if (site_is_free(q->sites.list[i]))
			return true;
	return false;
}

static bool has_place(struct queue *q, const struct entry *x, uint64_t now)
{
	for (size_t i = 0; i < q->sites.n; i++) {
		q->steps++;
		if (order_suits(q, x, q->sites.list[i], now))
			return true;
	}
	return false;
}

/* --- Whether it could run --- */

/* What keeps the job by itself from running; limits of the user as a whole come on top. */
static enum block own_block(struct queue *q, const struct entry *x, uint64_t now)
{
	q->steps++;
	if (x->doomed_by)
		return BLOCK_DOOMED;
	if (x->held)
		return BLOCK_HELD;
	if (x->idle)
		return BLOCK_ASLEEP;
	if (x->n_pending)
		return BLOCK_AFTER;
	if (left_of(x) == 0)
		return BLOCK_OVERDUE;
	if (x->held_until > now)
		return BLOCK_LATER;
	return has_place(q, x, now) ? BLOCK_NONE : BLOCK_PLACE;
}

/* What the user's limits leave for further jobs. */
struct room {
	enum block none; /* why there is none for any job */
	unsigned int jobs;
	uint64_t memory;
};

static struct room room_of(const struct queue *q, const struct user *u, uint64_t now)
{
	const struct limits *l = u->has_own ? &u->own : &q->limits;
	struct room room = { .jobs = UINT32_MAX, .memory = UINT64_MAX };

	if (l->running)
		room.jobs = l->running - MIN(l->running, u->share.running);
	if (l->memory)
		room.memory = l->memory - MIN(l->memory, u->memory);
	if (l->day && usage_of_day(q, u, now) >= l->day)
		room.none = BLOCK_DAY;
	return room;
}

static bool is_finite(const struct room *room)
{
	return room->none || room->jobs != UINT32_MAX || room->memory != UINT64_MAX;
}

/* Takes it from the room. */
static enum block take(struct room *room, const struct entry *x)
{
	if (room->none)
		return room->none;
	if (room->jobs == 0)
		return BLOCK_RUNNING;
	if (x->memory > room->memory)
		return BLOCK_MEMORY;
	room->jobs--;
	if (room->memory != UINT64_MAX)
		room->memory -= x->memory;
	return BLOCK_NONE;
}

/* --- Who is there --- */

static bool could_run(struct queue *q, const struct user *u, uint64_t now)
{
	struct room room = room_of(q, u, now);

	for (size_t i = 0; i < u->n_line; i++) {
		struct room trial = room;

		if (own_block(q, u->line[i], now) == BLOCK_NONE &&
		    take(&trial, u->line[i]) == BLOCK_NONE)
			return true;
	}
	return false;
}

/* Does one who is present have jobs that his limits alone keep from running, and no other? */
static bool is_limited(struct queue *q, const struct user *u, uint64_t now)
{
	struct room room = room_of(q, u, now);

	if (!is_finite(&room) || could_run(q, u, now))
		return false;
	for (size_t i = 0; i < u->n_line; i++)
		if (own_block(q, u->line[i], now) == BLOCK_NONE)
			return true;
	return false;
}

/* Of those who were present until now. */
static double lowest_level(const struct queue *q, bool limited, uint64_t now)
{
	double lowest = DBL_MAX;

	for (size_t i = 0; i < q->users.n; i++) {
		const struct user *u = q->users.list[i];

		if (u->present && u->limited == limited)
			lowest = fmin(lowest, share_level(&u->share, q->rate, now));
	}
	return lowest;
}

/* The floor rises with the lowest of them: see share.h. */
static void raise_floor(struct queue *q, uint64_t now)
{
	double lowest = lowest_level(q, false, now);

	if (lowest == DBL_MAX)
		lowest = lowest_level(q, true, now);
	q->floor = usage_floor(q, now);
	q->floor_at = now;
	if (lowest < DBL_MAX)
		q->floor = fmax(q->floor, lowest);
}

static void note_presence(struct queue *q, uint64_t now)
{
	double weights = 0, slots = 0;

	raise_floor(q, now);
	for (size_t i = 0; i < q->users.n; i++) {
		struct user *u = q->users.list[i];
		bool present = u->share.running || could_run(q, u, now);

		if (present && !u->present) {
			usage_settle(q, u, now);
			u->share.level = fmax(u->share.level, q->floor);
		}
		u->present = present;
		u->limited = present && is_limited(q, u, now);
		u->level = u->standing = share_level(&u->share, q->rate, now);
		weights += present ? u->share.weight : 0;
	}
	for (size_t i = 0; i < q->sites.n; i++)
		if (q->sites.list[i]->kind != QUEUE_BY_NAME)
			slots += q->sites.list[i]->slots;
	for (size_t i = 0; i < q->users.n; i++) {
		struct user *u = q->users.list[i];
		double all = weights + (u->present ? 0 : u->share.weight);

		lane_set_rate(&u->lane, fmax(slots, 1) * u->share.weight / all, now);
	}
}

/* A job that has just begun counts for what it is about to use. */
static void reckon_with_runs(struct queue *q, uint64_t now)
{
	for (size_t i = 0; i < q->n_runs; i++) {
		const struct entry *x = q->runs[i];
		double ahead = cost_of(q, x) - (double)stint_of(x, now);

		if (ahead > 0)
			x->user->standing += ahead / x->user->share.weight;
	}
}

/* --- The order --- */

/*
 * What could start at once has room before what waits for a slot, so that no slot is left idle for a
 * limit that is not reached.
 */
static void admit_startable(struct queue *q, const struct user *u, struct room *room, uint64_t now)
{
	for (size_t i = 0; i < u->n_line; i++) {
		struct entry *x = u->line[i];

		if (x->rank == RANK_READY && order_choose(q, x, now))
			x->admitted = take(room, x) == BLOCK_NONE;
	}
}

/* Ranks and tags of one user's waiting jobs. */
static void rank_line(struct queue *q, struct user *u, uint64_t now)
{
	struct room room = room_of(q, u, now);
	double tag = u->standing, allowance = lane_left(&u->lane, now);

	for (size_t i = 0; i < u->n_line; i++) {
		struct entry *x = u->line[i];

		x->block = own_block(q, x, now);
		x->rank = x->block ? RANK_BLOCKED : RANK_READY;
		x->admitted = false;
	}
	for (size_t i = 0; i < u->n_line && u->quick; i++) {
		struct entry *x = u->line[i];

		if (x->block || !is_quick(x) || order_price(x) > allowance ||
		    take(&room, x) != BLOCK_NONE)
			continue;
		x->rank = RANK_FIRST;
		x->tag = tag;
		tag += cost_of(q, x) / u->share.weight;
		allowance -= order_price(x);
	}
	if (is_finite(&room) && has_free_slot(q))
		admit_startable(q, u, &room, now);
	for (size_t i = 0; i < u->n_line; i++) {
		struct entry *x = u->line[i];

		if (x->rank != RANK_READY)
			continue;
		x->block = x->admitted ? BLOCK_NONE : take(&room, x);
		if (x->block) {
			x->rank = RANK_BLOCKED;
			continue;
		}
		x->tag = tag;
		tag += cost_of(q, x) / u->share.weight;
	}
}

/* The user's next job of the rank, from his cursor on; NULL: none. */
static struct entry *peek(struct user *u, enum rank rank)
{
	while (u->cursor < u->n_line && u->line[u->cursor]->rank != rank)
		u->cursor++;
	return u->cursor < u->n_line ? u->line[u->cursor] : NULL;
}

static bool is_before(const struct entry *a, const struct entry *b)
{
	return a->tag < b->tag || (a->tag == b->tag && a->id < b->id);
}

static void sift_down(struct user **heap, size_t n, size_t i)
{
	for (;;) {
		struct user *u = heap[i];
		size_t least = i;

		for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < n; k++)
			if (is_before(heap[k]->line[heap[k]->cursor],
				      heap[least]->line[heap[least]->cursor]))
				least = k;
		if (least == i)
			return;
		heap[i] = heap[least];
		heap[least] = u;
		i = least;
	}
}

/* The users' lines are each in order; merges what they have of the rank. */
static void merge(struct queue *q, enum rank rank)
{
	struct user **heap = q->users.heap;
	size_t n = 0;

	for (size_t i = 0; i < q->users.n; i++) {
		struct user *u = q->users.list[i];

		u->cursor = 0;
		if (peek(u, rank))
			heap[n++] = u;
	}
	for (size_t i = n / 2; i-- > 0;)
		sift_down(heap, n, i);
	while (n > 0) {
		q->order.list[q->order.n++] = heap[0]->line[heap[0]->cursor++];
		if (!peek(heap[0], rank))
			heap[0] = heap[--n];
		sift_down(heap, n, 0);
		q->steps++;
	}
}

static void expire_reservations(struct queue *q, uint64_t now)
{
	for (size_t i = q->sites.n; i-- > 0;)
		if (q->sites.list[i]->reservations &&
		    reservation_expire(&q->sites.list[i]->reservations, wall_of(q, now)))
			site_release(&q->sites, q->sites.list[i]);
}

void order_refresh(struct queue *q, uint64_t now)
{
	struct order *o = &q->order;

	if (o->valid && o->generation == q->generation && o->now == now)
		return;
	expire_reservations(q, now);
	note_presence(q, now);
	reckon_with_runs(q, now);
	for (size_t i = 0; i < q->users.n; i++)
		rank_line(q, q->users.list[i], now);
	o->n = o->next = 0;
	merge(q, RANK_FIRST);
	merge(q, RANK_READY);
	o->n_ready = o->n;
	for (size_t i = 0; i < q->n; i++)
		if (!q->entries[i]->site && q->entries[i]->rank == RANK_BLOCKED)
			o->list[o->n++] = q->entries[i];
	for (size_t i = 0; i < o->n; i++)
		o->list[i]->position = (unsigned int)i + 1;
	o->generation = q->generation;
	o->now = now;
	o->valid = true;
}

struct entry *order_first(struct queue *q)
{
	struct order *o = &q->order;

	for (; o->next < o->n_ready; o->next++) {
		q->steps++;
		if (order_choose(q, o->list[o->next], o->now))
			return o->list[o->next];
	}
	return NULL;
}

bool queue_next(struct queue *q, uint64_t now, uint64_t *ret_id, const char **ret_device)
{
	const struct entry *x;

	if (!has_free_slot(q))
		return false;
	order_refresh(q, now);
	x = order_first(q);
	if (!x)
		return false;
	*ret_id = x->id;
	*ret_device = order_choose(q, x, now)->name;
	return true;
}

uint64_t queue_moment(const struct queue *q, uint64_t now, uint64_t age)
{
	const struct order *o = &q->order;

	if (!o->valid || o->generation != q->generation || now < o->now || now - o->now > age)
		return now;
	return o->now;
}

unsigned int queue_position(struct queue *q, uint64_t id, uint64_t now)
{
	const struct entry *x = queue_find(q, id);

	if (!x || x->site)
		return 0;
	order_refresh(q, now);
	return x->position;
}
