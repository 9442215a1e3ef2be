// SPDX-License-Identifier: MIT
/* The clock, the settings of users, and what they have used. */
#include "calendar.h"
#include "state.h"

uint64_t usage_of_day(const struct queue *q, const struct user *u, uint64_t now)
{
	int64_t wall = wall_of(q, now), from = wall_of(q, u->share.at);
	uint64_t used = u->day;

	if (wall >= u->day_ends) {
		used = 0;
		from = MAX(from, calendar_midnight(wall, 0));
	}
	return used + (wall > from ? (uint64_t)(wall - from) * u->share.running : 0);
}

void usage_settle(struct queue *q, struct user *u, uint64_t now)
{
	int64_t wall = wall_of(q, now);

	u->day = usage_of_day(q, u, now);
	if (wall >= u->day_ends)
		u->day_ends = calendar_midnight(wall, 1);
	share_settle(&u->share, q->rate, now);
}

static void settle_all(struct queue *q, uint64_t now)
{
	for (size_t i = 0; i < q->users.n; i++)
		usage_settle(q, q->users.list[i], now);
}

double usage_floor(const struct queue *q, uint64_t now)
{
	return share_decay(q->floor, q->rate, now - MIN(now, q->floor_at));
}

void queue_set_wall(struct queue *q, uint64_t now, int64_t wall)
{
	settle_all(q, now);
	q->epoch = wall - (int64_t)now;
	/*
	 * Which day it is may have changed in either direction, as over a night that the machine
	 * slept through. What was used counts on until its day has ended.
	 */
	for (size_t i = 0; i < q->users.n; i++) {
		struct user *u = q->users.list[i];

		if (wall >= u->day_ends)
			u->day = 0;
		u->day_ends = calendar_midnight(wall, 1);
	}
	q->generation++;
}

void queue_set_half_life(struct queue *q, uint64_t us, uint64_t now)
{
	settle_all(q, now);
	q->floor = usage_floor(q, now);
	q->floor_at = now;
	q->rate = share_rate(us);
	q->generation++;
}

void queue_set_quantum(struct queue *q, uint64_t us)
{
	q->quantum = us;
	q->generation++;
}

void queue_set_default_limits(struct queue *q, const struct limits *limits)
{
	q->limits = *limits;
	q->generation++;
}

int queue_set_limits(struct queue *q, uid_t uid, const struct limits *limits)
{
	struct user *u;
	int r = user_make(&q->users, uid, &u);

	if (r < 0)
		return r;
	u->has_own = limits != NULL;
	if (limits)
		u->own = *limits;
	q->generation++;
	return 0;
}

const struct limits *queue_limits(const struct queue *q, uid_t uid)
{
	const struct user *u = user_find(&q->users, uid);

	return u && u->has_own ? &u->own : &q->limits;
}

int queue_set_weight(struct queue *q, uid_t uid, double weight, uint64_t now)
{
	struct user *u;
	int r;

	if (!(weight >= QUEUE_MIN_WEIGHT && weight <= QUEUE_MAX_WEIGHT))
		return -EINVAL;
	r = user_make(&q->users, uid, &u);
	if (r < 0)
		return r;
	usage_settle(q, u, now);
	u->share.weight = weight;
	q->generation++;
	return 0;
}

void queue_reset_users(struct queue *q, uint64_t now)
{
	settle_all(q, now);
	for (size_t i = 0; i < q->users.n; i++) {
		q->users.list[i]->share.weight = 1;
		q->users.list[i]->has_own = false;
	}
	q->generation++;
}

bool queue_get_usage(const struct queue *q, uid_t uid, uint64_t now, struct queue_usage *ret)
{
	const struct user *u = user_find(&q->users, uid);

	if (!u)
		return false;
	*ret = (struct queue_usage){
		.used = share_used(&u->share, q->rate, now),
		.level = share_level(&u->share, q->rate, now),
		.floor = usage_floor(q, now),
		.day = usage_of_day(q, u, now),
		.wall = wall_of(q, now),
	};
	return true;
}

int queue_set_usage(struct queue *q, uid_t uid, const struct queue_usage *usage, uint64_t now)
{
	int64_t wall = wall_of(q, now);
	uint64_t age = wall > usage->wall ? (uint64_t)(wall - usage->wall) : 0;
	struct user *u;
	int r = user_make(&q->users, uid, &u);

	if (r < 0)
		return r;
	usage_settle(q, u, now);
	u->share.used = share_decay(usage->used, q->rate, age);
	u->share.level = share_decay(usage->level, q->rate, age);
	u->day = usage->wall >= calendar_midnight(wall, 0) ? usage->day : 0;
	q->floor = MAX(usage_floor(q, now), share_decay(usage->floor, q->rate, age));
	q->floor_at = now;
	q->generation++;
	return 0;
}

bool queue_get_user(const struct queue *q, size_t i, uint64_t now, struct queue_user *ret)
{
	const struct user *u;
	double all = 0;

	if (i >= q->users.n)
		return false;
	u = q->users.list[i];
	for (size_t k = 0; k < q->users.n; k++)
		all += share_used(&q->users.list[k]->share, q->rate, now);
	*ret = (struct queue_user){ .uid = u->uid,
				    .name = u->name,
				    .weight = u->share.weight,
				    .used = share_used(&u->share, q->rate, now),
				    .waiting = (unsigned int)u->n_line,
				    .running = u->share.running };
	ret->share = all > 0 ? ret->used / all : 0;
	return true;
}
