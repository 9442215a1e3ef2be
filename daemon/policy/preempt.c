// SPDX-License-Identifier: MIT
/*
 * Who is to yield, and when to look again.
 *
 * A running job is told to go
 *
 *  - at once: where its device is reserved for others, when it is held, and when its user has used
 *    up his device time of the day;
 *  - for a short job that the lane lets pass, when it is a long one and has run LANE_GRACE;
 *  - for anybody, when it is a session that nobody calls;
 *  - for a fairer one, when it has run a quantum, its user's level is the other's tag plus a
 *    quantum of his at least, and it is not short. So the other can run a quantum before he is
 *    where the first one was: two users with weight 1 on one slot change every two quanta.
 *
 * Nobody yields in vain: waiting jobs take, in their order, the slots that are free or coming free,
 * and only one that gets none of these makes another go.
 */
#include "calendar.h"
#include "state.h"

/* Rounding of levels, in us: a microsecond more or less of waiting is no harm. */
#define ROUNDING 1.0
/* Not again before, where a time is only estimated. */
#define PATIENCE ((uint64_t)1000000)

static bool is_short(const struct entry *y)
{
	return y->time_limit && y->time_limit <= LANE_SHORT;
}

/* Its slot comes free, which reasons of others tell. */
static void let_go(struct queue *q, struct entry *y)
{
	y->leaving = true;
	q->generation++;
}

/* --- At once --- */

static const char *forced(const struct queue *q, const struct entry *y, uint64_t now,
			  char why[QUEUE_MAX_REASON])
{
	const struct reservation *b =
		reservation_against(y->site->reservations, y->user->uid, wall_of(q, now), 0);
	const struct limits *l = queue_limits(q, y->user->uid);
	char text[64];

	if (b) {
		calendar_words(b->r.until, wall_of(q, now), text, sizeof(text));
		snprintf(why, QUEUE_MAX_REASON, "%s is reserved for %s until %s", y->site->name,
			 b->r.users, text);
		return why;
	}
	if (y->held)
		return "it is held";
	if (l->day && usage_of_day(q, y->user, now) >= l->day) {
		calendar_length(l->day, text, sizeof(text));
		snprintf(why, QUEUE_MAX_REASON, "%s's limit of %s of device time a day is reached",
			 y->user->name, text);
		return why;
	}
	return NULL;
}

/* --- For somebody --- */

/* Slots that nobody holds, and those that are about to be left. */
static void count_spare(struct queue *q)
{
	for (size_t i = 0; i < q->sites.n; i++) {
		struct site *d = q->sites.list[i];

		d->spare = d->slots - MIN(d->slots, d->busy);
	}
	for (size_t i = 0; i < q->n_runs; i++) {
		struct site *d = q->runs[i]->site;

		if (q->runs[i]->leaving && d->spare < d->slots)
			d->spare++;
	}
}

static bool take_spare(struct queue *q, const struct entry *x, uint64_t now)
{
	struct site *best = NULL;

	for (size_t i = 0; i < q->sites.n; i++) {
		struct site *d = q->sites.list[i];

		q->steps++;
		if (d->spare && (!best || d->kind < best->kind) && order_suits(q, x, d, now))
			best = d;
	}
	if (best)
		best->spare--;
	return best != NULL;
}

/* The level that y's user must have reached for x to have earned its turn. */
static double threshold(const struct queue *q, const struct entry *x)
{
	return x->tag + (double)q->quantum / x->user->share.weight - ROUNDING;
}

/* When y's user will have reached it, if nothing else happens: an estimate, to be made again. */
static uint64_t reached_at(const struct queue *q, const struct user *u, const struct entry *x,
			   uint64_t now)
{
	const struct user *other = x->user;
	double missing = threshold(q, x) - u->level, speed = u->share.running / u->share.weight;

	if (missing <= 0)
		return now;
	/* What is reckoned with in advance does not move his tag any more. */
	if (other->standing <= other->level)
		speed -= other->share.running / other->share.weight;
	if (speed <= 0 || missing / speed > 1e15)
		return UINT64_MAX;
	return now + MAX((uint64_t)(missing / speed), PATIENCE);
}

/* From when on y would yield to x; UINT64_MAX: not for all one knows. */
static uint64_t yields_at(const struct queue *q, const struct entry *y, const struct entry *x,
			  uint64_t now)
{
	if (y->idle)
		return now;
	if (x->rank == RANK_FIRST)
		return is_short(y) ? UINT64_MAX : y->started + MAX(LANE_GRACE, (uint64_t)y->paid);
	if (!q->quantum || y->user == x->user || is_short(y))
		return UINT64_MAX;
	return MAX(y->started + q->quantum, reached_at(q, y->user, x, now));
}

/* Rather an idle one, then whose user has the most, then of the lower band, then the youngest. */
static bool is_better_victim(const struct entry *a, const struct entry *b)
{
	if (a->idle != b->idle)
		return a->idle;
	if (a->user->level != b->user->level)
		return a->user->level > b->user->level;
	if (a->band != b->band)
		return a->band < b->band;
	return a->started != b->started ? a->started > b->started : a->id > b->id;
}

/* Who is to yield to x now; otherwise NULL, and *when is brought forward to when somebody may. */
static struct entry *victim_for(struct queue *q, const struct entry *x, uint64_t now,
				uint64_t *when)
{
	struct entry *best = NULL;

	for (size_t i = 0; i < q->n_runs; i++) {
		struct entry *y = q->runs[i];
		uint64_t at;

		q->steps++;
		if (y->leaving || !order_suits(q, x, y->site, now))
			continue;
		at = yields_at(q, y, x, now);
		if (at > now)
			*when = MIN(*when, at);
		else if (!best || is_better_victim(y, best))
			best = y;
	}
	return best;
}

/* A job that would take any device: if it gets none, nor does the next of its user. */
static bool is_plain(const struct entry *x)
{
	return x->rank == RANK_READY && !x->wanted && x->n_avoided == 0;
}

static bool has_reservations(const struct queue *q)
{
	for (size_t i = 0; i < q->sites.n; i++)
		if (q->sites.list[i]->reservations)
			return true;
	return false;
}

/*
 * The first waiting job that makes another go, and that one; NULL, and when to look again. Jobs
 * that are in vain to ask for are passed over: `sure` says that plain ones are all alike.
 */
static struct entry *find_victim(struct queue *q, uint64_t now, const struct entry **ret_for,
				 uint64_t *when)
{
	bool sure = !has_reservations(q);

	for (size_t i = 0; i < q->users.n; i++)
		q->users.list[i]->cursor = 0;
	count_spare(q);
	for (size_t i = 0; i < q->order.n_ready; i++) {
		const struct entry *x = q->order.list[i];
		struct entry *y;

		if (sure && is_plain(x) && x->user->cursor)
			continue;
		if (take_spare(q, x, now))
			continue;
		y = victim_for(q, x, now, when);
		if (y) {
			*ret_for = x;
			return y;
		}
		if (is_plain(x))
			x->user->cursor = 1;
	}
	return NULL;
}

static void say_why(const struct entry *x, const struct entry *y, char why[QUEUE_MAX_REASON])
{
	if (y->idle)
		snprintf(why, QUEUE_MAX_REASON, "nobody calls it, and job %ju of %s waits",
			 (uintmax_t)x->id, x->user->name);
	else if (x->rank == RANK_FIRST)
		snprintf(why, QUEUE_MAX_REASON, "job %ju of %s is short", (uintmax_t)x->id,
			 x->user->name);
	else
		snprintf(why, QUEUE_MAX_REASON, "it is the turn of job %ju of %s", (uintmax_t)x->id,
			 x->user->name);
}

/* As text for terminals and logs: names are others'. */
static void put_clean(char ret[QUEUE_MAX_REASON], const char *text)
{
	struct err clean = { 0 };

	err_set(&clean, -EAGAIN, "%s", text);
	for (size_t i = 0; i < QUEUE_MAX_REASON; i++)
		ret[i] = clean.text[i];
}

bool queue_preempt(struct queue *q, uint64_t now, uint64_t *ret_id, char ret_why[QUEUE_MAX_REASON])
{
	uint64_t when = UINT64_MAX;
	char buf[QUEUE_MAX_REASON];
	const struct entry *x;
	struct entry *y;

	for (size_t i = 0; i < q->n_runs; i++) {
		const char *why;

		y = q->runs[i];
		why = y->leaving ? NULL : forced(q, y, now, buf);
		if (!why)
			continue;
		let_go(q, y);
		*ret_id = y->id;
		put_clean(ret_why, why);
		return true;
	}
	if (q->n_runs == 0 || q->n_runs == q->n)
		return false;
	order_refresh(q, now);
	y = find_victim(q, now, &x, &when);
	if (!y)
		return false;
	let_go(q, y);
	*ret_id = y->id;
	say_why(x, y, buf);
	put_clean(ret_why, buf);
	return true;
}

/* --- Time limits --- */

bool queue_expired(struct queue *q, uint64_t now, uint64_t *ret_id)
{
	for (size_t i = 0; i < q->n_runs; i++) {
		struct entry *x = q->runs[i];

		if (!x->time_limit || x->expired || used_by(x, now) < x->time_limit)
			continue;
		x->expired = true;
		let_go(q, x);
		*ret_id = x->id;
		return true;
	}
	for (size_t i = 0; q->n_overdue && i < q->n; i++) {
		struct entry *x = q->entries[i];

		if (x->site || x->expired || !x->time_limit || x->used < x->time_limit)
			continue;
		x->expired = true;
		q->n_overdue--;
		*ret_id = x->id;
		return true;
	}
	return false;
}

/* --- When to look again --- */

static uint64_t next_of_runs(const struct queue *q, uint64_t now)
{
	uint64_t first = UINT64_MAX;

	for (size_t i = 0; i < q->n_runs; i++) {
		const struct entry *x = q->runs[i];
		const struct limits *l = queue_limits(q, x->user->uid);
		uint64_t used = used_by(x, now), day;

		if (x->time_limit > used)
			first = MIN(first, now + x->time_limit - used);
		if (!l->day)
			continue;
		day = usage_of_day(q, x->user, now);
		if (day < l->day)
			first = MIN(first, now + (l->day - day) / x->user->share.running + 1);
	}
	return first;
}

static uint64_t next_of_waiting(struct queue *q, uint64_t now)
{
	uint64_t first = UINT64_MAX;
	bool day = false;

	for (size_t i = q->order.n_ready; i < q->order.n; i++) {
		const struct entry *x = q->order.list[i];

		if (x->block == BLOCK_LATER)
			first = MIN(first, x->held_until);
		day |= x->block == BLOCK_DAY;
	}
	if (day)
		first = MIN(first, now + (uint64_t)(calendar_midnight(wall_of(q, now), 1) -
						    wall_of(q, now)));
	/* A short job that its user's allowance will let pass. */
	for (size_t i = 0; i < q->order.n_ready && q->n_runs; i++) {
		const struct entry *x = q->order.list[i];

		if (is_quick(x) && x->rank == RANK_READY)
			first = MIN(first, MAX(now + PATIENCE,
					       lane_when(&x->user->lane, order_price(x), now)));
	}
	return first;
}

static uint64_t next_of_reservations(const struct queue *q, uint64_t now)
{
	int64_t wall = wall_of(q, now), next = INT64_MAX;

	for (size_t i = 0; i < q->sites.n; i++)
		next = MIN(next, reservation_next(q->sites.list[i]->reservations, wall));
	return next == INT64_MAX ? UINT64_MAX : now + (uint64_t)(next - wall);
}

uint64_t queue_wakeup(struct queue *q, uint64_t now)
{
	uint64_t first, when = UINT64_MAX;
	const struct entry *x;

	order_refresh(q, now);
	first = MIN(next_of_runs(q, now), next_of_waiting(q, now));
	first = MIN(first, next_of_reservations(q, now));
	if (q->n_runs && find_victim(q, now, &x, &when))
		when = now;
	return MAX(MIN(first, when), now + 1);
}
