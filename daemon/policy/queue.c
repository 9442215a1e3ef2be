// SPDX-License-Identifier: MIT
/* Jobs, users and devices as the queue is told of them. */
#include "queue.h"

#include <string.h>
#include <time.h>

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

static void entry_free(struct entry *x)
{
	free(x->name);
	free(x->avoided);
	free(x->held_why);
	free(x->after);
	free(x);
}

static void booking_clear(struct booking *b)
{
	free(b->device);
	free(b->users);
	free(b->uids);
}

struct queue *queue_free(struct queue *q)
{
	if (!q)
		return NULL;
	for (size_t i = 0; i < q->n; i++)
		entry_free(q->entries[i]);
	for (size_t i = 0; i < q->n_sites; i++) {
		free(q->sites[i]->name);
		free(q->sites[i]);
	}
	for (size_t i = 0; i < q->n_users; i++) {
		free(q->users[i]->name);
		free(q->users[i]);
	}
	for (size_t i = 0; i < q->n_bookings; i++)
		booking_clear(&q->bookings[i]);
	free(q->bookings);
	free(q->entries);
	free(q->users);
	free(q->sites);
	free(q);
	return NULL;
}

/* --- Users --- */

static size_t user_index(const struct queue *q, uid_t uid)
{
	size_t low = 0, high = q->n_users;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (q->users[middle]->uid < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct user *queue_find_user(const struct queue *q, uid_t uid)
{
	size_t i = user_index(q, uid);

	return i < q->n_users && q->users[i]->uid == uid ? q->users[i] : NULL;
}

int queue_make_user(struct queue *q, uid_t uid, struct user **ret)
{
	struct user *u = queue_find_user(q, uid), **grown;
	size_t i = user_index(q, uid);

	if (u) {
		*ret = u;
		return 0;
	}
	u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	grown = reallocarray(q->users, q->n_users + 1, sizeof(*grown));
	if (!grown) {
		free(u);
		return -ENOMEM;
	}
	q->users = grown;
	memmove(&grown[i + 1], &grown[i], (q->n_users - i) * sizeof(*grown));
	grown[i] = u;
	q->n_users++;
	u->uid = uid;
	u->share.weight = 1;
	*ret = u;
	return 0;
}

static int64_t wall_of(const struct queue *q, uint64_t now)
{
	return q->epoch + (int64_t)now;
}

/* The midnight after, or at, the time. */
static int64_t day_end(int64_t wall, int days)
{
	time_t seconds = wall / 1000000;
	struct tm tm;

	localtime_r(&seconds, &tm);
	tm.tm_mday += days;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	return (int64_t)mktime(&tm) * 1000000;
}

static uint64_t day_used(const struct queue *q, const struct user *u, uint64_t now)
{
	int64_t wall = wall_of(q, now), from = wall_of(q, u->share.at);
	uint64_t used = u->day;

	if (wall >= u->day_ends) {
		used = 0;
		from = MAX(from, day_end(wall, 0));
	}
	return used + (wall > from ? (uint64_t)(wall - from) * u->share.running : 0);
}

void queue_settle(struct queue *q, struct user *u, uint64_t now)
{
	u->day = day_used(q, u, now);
	u->day_ends = day_end(wall_of(q, now), 1);
	share_settle(&u->share, q->rate, now);
}

void queue_set_wall(struct queue *q, uint64_t now, int64_t wall)
{
	for (size_t i = 0; i < q->n_users; i++)
		queue_settle(q, q->users[i], now);
	q->epoch = wall - (int64_t)now;
	q->generation++;
}

void queue_set_half_life(struct queue *q, uint64_t us, uint64_t now)
{
	for (size_t i = 0; i < q->n_users; i++)
		queue_settle(q, q->users[i], now);
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
	int r = queue_make_user(q, uid, &u);

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
	const struct user *u = queue_find_user(q, uid);

	return u && u->has_own ? &u->own : &q->limits;
}

int queue_set_weight(struct queue *q, uid_t uid, double weight, uint64_t now)
{
	struct user *u;
	int r;

	if (!(weight >= QUEUE_MIN_WEIGHT && weight <= QUEUE_MAX_WEIGHT))
		return -EINVAL;
	r = queue_make_user(q, uid, &u);
	if (r < 0)
		return r;
	queue_settle(q, u, now);
	u->share.weight = weight;
	q->generation++;
	return 0;
}

void queue_reset_users(struct queue *q, uint64_t now)
{
	for (size_t i = 0; i < q->n_users; i++) {
		queue_settle(q, q->users[i], now);
		q->users[i]->share.weight = 1;
		q->users[i]->has_own = false;
	}
	q->generation++;
}

bool queue_get_usage(const struct queue *q, uid_t uid, uint64_t now, struct queue_usage *ret)
{
	const struct user *u = queue_find_user(q, uid);

	if (!u)
		return false;
	*ret = (struct queue_usage){
		.used = share_used(&u->share, q->rate, now),
		.level = share_level(&u->share, q->rate, now),
		.floor = share_decay(q->floor, q->rate, now - MIN(now, q->floor_at)),
		.day = day_used(q, u, now),
		.wall = wall_of(q, now),
	};
	return true;
}

int queue_set_usage(struct queue *q, uid_t uid, const struct queue_usage *usage, uint64_t now)
{
	int64_t wall = wall_of(q, now);
	uint64_t age = wall > usage->wall ? (uint64_t)(wall - usage->wall) : 0;
	struct user *u;
	int r = queue_make_user(q, uid, &u);

	if (r < 0)
		return r;
	queue_settle(q, u, now);
	u->share.used = share_decay(usage->used, q->rate, age);
	u->share.level = share_decay(usage->level, q->rate, age);
	u->day = usage->wall >= day_end(wall, 0) ? usage->day : 0;
	q->floor = MAX(share_decay(q->floor, q->rate, now - MIN(now, q->floor_at)),
		       share_decay(usage->floor, q->rate, age));
	q->floor_at = now;
	q->generation++;
	return 0;
}

bool queue_get_user(const struct queue *q, size_t i, uint64_t now, struct queue_user *ret)
{
	double all = 0;
	const struct user *u;

	if (i >= q->n_users)
		return false;
	u = q->users[i];
	for (size_t k = 0; k < q->n_users; k++)
		all += share_used(&q->users[k]->share, q->rate, now);
	*ret = (struct queue_user){ .uid = u->uid,
				    .name = u->name ? u->name : "",
				    .weight = u->share.weight,
				    .used = share_used(&u->share, q->rate, now),
				    .waiting = u->waiting,
				    .running = u->share.running };
	ret->share = all > 0 ? ret->used / all : 0;
	return true;
}

/* --- Devices --- */

static struct site *find_site(const struct queue *q, const char *name)
{
	for (size_t i = 0; i < q->n_sites; i++)
		if (!strcmp(q->sites[i]->name, name))
			return q->sites[i];
	return NULL;
}

/* Out of service until it is told of. */
static int make_site(struct queue *q, const char *name, struct site **ret)
{
	struct site *d = find_site(q, name), **grown;

	if (d) {
		*ret = d;
		return 0;
	}
	d = calloc(1, sizeof(*d));
	if (d)
		d->name = strdup(name);
	grown = reallocarray(q->sites, q->n_sites + 1, sizeof(*grown));
	if (grown)
		q->sites = grown;
	if (!d || !d->name || !grown) {
		if (d)
			free(d->name);
		free(d);
		return -ENOMEM;
	}
	q->sites[q->n_sites++] = *ret = d;
	return 0;
}

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
	int r = make_site(q, name, &d);

	if (r < 0)
		return r;
	if (d->slots == 0)
		forget_avoided(q, d);
	d->slots = slots;
	d->kind = kind;
	q->generation++;
	return 0;
}

unsigned int queue_slots(const struct queue *q)
{
	unsigned int slots = 0;

	for (size_t i = 0; i < q->n_sites; i++)
		slots += q->sites[i]->slots;
	return slots;
}

/* --- Reservations --- */

int queue_reserve(struct queue *q, const struct queue_reservation *r)
{
	struct booking b = { .r = *r }, *grown;
	size_t n = MAX(r->n_uids, (size_t)1);

	if (r->until <= r->from)
		return -EINVAL;
	for (size_t i = 0; i < q->n_bookings; i++)
		if (q->bookings[i].r.id == r->id)
			return -EEXIST;
	grown = reallocarray(q->bookings, q->n_bookings + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	q->bookings = grown;
	b.device = strdup(r->device);
	b.users = strdup(r->users);
	b.uids = calloc(n, sizeof(*b.uids));
	if (!b.device || !b.users || !b.uids) {
		booking_clear(&b);
		return -ENOMEM;
	}
	memcpy(b.uids, r->uids, r->n_uids * sizeof(*b.uids));
	q->bookings[q->n_bookings++] = b;
	q->generation++;
	return 0;
}

int queue_unreserve(struct queue *q, uint64_t id)
{
	for (size_t i = 0; i < q->n_bookings; i++) {
		if (q->bookings[i].r.id != id)
			continue;
		booking_clear(&q->bookings[i]);
		q->bookings[i] = q->bookings[--q->n_bookings];
		q->generation++;
		return 0;
	}
	return -ENOENT;
}

/* The reservation that keeps the user from the device at the time, or NULL. */
static const struct booking *booked(const struct queue *q, const struct site *d, uid_t uid,
				    uint64_t now)
{
	int64_t wall = wall_of(q, now);

	for (size_t i = 0; i < q->n_bookings; i++) {
		const struct booking *b = &q->bookings[i];
		bool his = false;

		if (strcmp(b->device, d->name) || wall < b->r.from || wall >= b->r.until)
			continue;
		for (size_t k = 0; k < b->r.n_uids; k++)
			his |= b->uids[k] == uid;
		if (!his)
			return b;
	}
	return NULL;
}

/* --- Jobs --- */

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

static int reserve_entry(struct queue *q)
{
	size_t wanted = q->allocated ? 2 * q->allocated : 16;
	struct entry **grown;

	if (q->n < q->allocated)
		return 0;
	grown = reallocarray(q->entries, wanted, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	q->entries = grown;
	q->allocated = wanted;
	return 0;
}

static int fill(struct queue *q, struct entry *x, const struct queue_job *job)
{
	char *name;
	int r;

	x->id = job->id;
	x->band = job->band;
	x->time_limit = job->time_limit;
	x->used = job->used;
	x->memory = job->memory;
	x->held = job->held;
	x->session = job->session;
	x->name = strdup(job->user);
	x->after = calloc(job->n_after + 1, sizeof(*x->after));
	if (!x->name || !x->after)
		return -ENOMEM;
	for (size_t i = 0; i < job->n_after; i++)
		if (job->after[i].outcome == QUEUE_PENDING ||
		    (job->after[i].outcome == QUEUE_ENDED_BADLY &&
		     job->after[i].after == QUEUE_AFTER_OK))
			x->after[x->n_after++] = job->after[i];
	if (job->device) {
		r = make_site(q, job->device, &x->wanted);
		if (r < 0)
			return r;
	}
	r = queue_make_user(q, job->uid, &x->user);
	if (r < 0)
		return r;
	name = strdup(job->user);
	if (!name)
		return -ENOMEM;
	free(x->user->name);
	x->user->name = name;
	return 0;
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
	r = x ? fill(q, x, job) : -ENOMEM;
	if (r >= 0)
		r = reserve_entry(q);
	if (r < 0) {
		if (x)
			entry_free(x);
		return r;
	}
	memmove(&q->entries[i + 1], &q->entries[i], (q->n - i) * sizeof(x));
	q->entries[i] = x;
	q->n++;
	x->user->waiting++;
	q->generation++;
	return 0;
}

/* The job's device time, up to now. */
static uint64_t used_by(const struct entry *x, uint64_t now)
{
	return x->used + (x->site && now > x->started ? now - x->started : 0);
}

static void leave_device(struct queue *q, struct entry *x, uint64_t now)
{
	if (!x->site)
		return;
	queue_settle(q, x->user, now);
	x->used = used_by(x, now);
	x->user->share.running--;
	x->user->memory -= x->memory;
	x->user->waiting++;
	x->site->busy--;
	x->site = NULL;
	x->yields = x->expired = false;
	q->running--;
	q->generation++;
}

int queue_remove(struct queue *q, uint64_t id, uint64_t now)
{
	struct entry *x = queue_find(q, id);
	size_t i = index_of(q, id);

	if (!x)
		return -ENOENT;
	leave_device(q, x, now);
	x->user->waiting--;
	entry_free(x);
	memmove(&q->entries[i], &q->entries[i + 1], (q->n - i - 1) * sizeof(x));
	q->n--;
	q->generation++;
	return 0;
}

void queue_ended(struct queue *q, uint64_t id, bool ok)
{
	for (size_t i = 0; i < q->n; i++) {
		struct entry *x = q->entries[i];

		for (size_t k = x->n_after; k-- > 0;) {
			if (x->after[k].id != id || x->after[k].outcome != QUEUE_PENDING)
				continue;
			if (ok || x->after[k].after == QUEUE_AFTER_ANY)
				x->after[k] = x->after[--x->n_after];
			else
				x->after[k].outcome = QUEUE_ENDED_BADLY;
		}
	}
	q->generation++;
}

int queue_started(struct queue *q, uint64_t id, const char *device, uint64_t now)
{
	struct entry *x = queue_find(q, id);
	struct site *d = find_site(q, device);

	if (!x || x->site || !d)
		return -ENOENT;
	queue_settle(q, x->user, now);
	x->site = d;
	x->started = now;
	x->held_until = 0;
	x->expired = false;
	d->busy++;
	x->user->waiting--;
	x->user->share.running++;
	x->user->memory += x->memory;
	q->running++;
	q->generation++;
	return 0;
}

int queue_stopped(struct queue *q, uint64_t id, uint64_t now)
{
	struct entry *x = queue_find(q, id);

	if (!x || !x->site)
		return -ENOENT;
	leave_device(q, x, now);
	return 0;
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
	x->idle = idle;
	q->generation++;
	return 0;
}

int queue_avoid(struct queue *q, uint64_t id, const char *device)
{
	struct entry *x = queue_find(q, id);
	struct site *d = find_site(q, device), **grown;

	if (!x || x->wanted || !d)
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
	const struct site *d = find_site(q, device);

	*ret_count = d ? d->busy : 0;
	for (size_t i = 0; i < q->n && d; i++)
		if (q->entries[i]->site == d)
			return q->entries[i]->id;
	return 0;
}

uint64_t queue_generation(const struct queue *q)
{
	return q->generation;
}

unsigned int queue_waiting(const struct queue *q)
{
	return (unsigned int)(q->n - q->running);
}

unsigned int queue_running(const struct queue *q)
{
	return (unsigned int)q->running;
}

unsigned int queue_count_of(const struct queue *q, uid_t uid)
{
	const struct user *u = queue_find_user(q, uid);

	return u ? u->waiting + u->share.running : 0;
}

/* --- Who goes first --- */

static bool over_limits(const struct queue *q, const struct entry *x, uint64_t now)
{
	const struct limits *l = queue_limits(q, x->user->uid);

	return (l->running && x->user->share.running >= l->running) ||
	       (l->day && day_used(q, x->user, now) >= l->day) ||
	       (l->memory && x->memory > l->memory - MIN(l->memory, x->user->memory));
}

/* Would the job run, were a device free? */
static bool is_ready(const struct queue *q, const struct entry *x, uint64_t now)
{
	return !x->site && x->held_until <= now && !x->held && !x->idle && x->n_after == 0 &&
	       !over_limits(q, x, now);
}

static bool is_free(const struct site *d)
{
	return d->busy < d->slots;
}

/* May the job run on the device, when that is in service and free? */
static bool suits(const struct entry *x, const struct site *d)
{
	if (x->wanted)
		return x->wanted == d;
	for (size_t k = 0; k < x->n_avoided; k++)
		if (x->avoided[k] == d)
			return false;
	return d->kind != QUEUE_BY_NAME;
}

/* The best free device for the job, or NULL. */
static const struct site *choose(const struct queue *q, const struct entry *x, uint64_t now)
{
	const struct site *best = NULL;

	for (size_t i = 0; i < q->n_sites; i++) {
		const struct site *d = q->sites[i];

		if (is_free(d) && suits(x, d) && !booked(q, d, x->user->uid, now) &&
		    (!best || d->kind < best->kind))
			best = d;
	}
	return best;
}

/* Does a go before b? A strict total order over waiting jobs, but for time. */
static bool goes_before(const struct queue *q, const struct entry *a, const struct entry *b,
			uint64_t now)
{
	double la = share_level(&a->user->share, q->rate, now);
	double lb = share_level(&b->user->share, q->rate, now);

	if (a->user != b->user && la != lb)
		return la < lb;
	if (a->user == b->user && a->band != b->band)
		return a->band > b->band;
	return a->id < b->id;
}

bool queue_next(struct queue *q, uint64_t now, uint64_t *ret_id, const char **ret_device)
{
	const struct entry *first = NULL;
	bool any = false;

	for (size_t i = 0; i < q->n_sites; i++)
		any |= is_free(q->sites[i]);
	for (size_t i = 0; any && i < q->n; i++) {
		const struct entry *x = q->entries[i];

		if (is_ready(q, x, now) && choose(q, x, now) &&
		    (!first || goes_before(q, x, first, now)))
			first = x;
	}
	if (!first)
		return false;
	*ret_id = first->id;
	*ret_device = choose(q, first, now)->name;
	return true;
}

/* A waiting job that would run in the place of y. */
static const struct entry *rival(const struct queue *q, const struct entry *y, uint64_t now)
{
	bool is_short = y->time_limit && y->time_limit <= QUEUE_SHORT;

	for (size_t i = 0; i < q->n; i++) {
		const struct entry *x = q->entries[i];
		double ahead;

		if (!is_ready(q, x, now) || !suits(x, y->site) || choose(q, x, now))
			continue;
		ahead = share_level(&y->user->share, q->rate, now) -
			share_level(&x->user->share, q->rate, now);
		if (y->idle || (x->time_limit && x->time_limit <= QUEUE_SHORT && !is_short) ||
		    (q->quantum && now - y->started >= q->quantum && x->user != y->user &&
		     ahead >= (double)q->quantum / x->user->share.weight))
			return x;
	}
	return NULL;
}

bool queue_preempt(struct queue *q, uint64_t now, uint64_t *ret_id, char ret_why[QUEUE_MAX_REASON])
{
	for (size_t i = 0; i < q->n; i++) {
		struct entry *y = q->entries[i];
		const struct booking *b;
		const struct entry *x;

		if (!y->site || y->yields)
			continue;
		b = booked(q, y->site, y->user->uid, now);
		x = rival(q, y, now);
		if (b)
			snprintf(ret_why, QUEUE_MAX_REASON, "%s is reserved for %s", y->site->name,
				 b->users);
		else if (y->held)
			snprintf(ret_why, QUEUE_MAX_REASON, "it is held");
		else if (x)
			snprintf(ret_why, QUEUE_MAX_REASON, "for job %ju of %s", (uintmax_t)x->id,
				 x->name);
		else
			continue;
		y->yields = true;
		*ret_id = y->id;
		return true;
	}
	return false;
}

bool queue_expired(struct queue *q, uint64_t now, uint64_t *ret_id)
{
	for (size_t i = 0; i < q->n; i++) {
		struct entry *x = q->entries[i];

		if (!x->time_limit || x->expired || used_by(x, now) < x->time_limit)
			continue;
		x->expired = true;
		*ret_id = x->id;
		return true;
	}
	return false;
}

bool queue_doomed(struct queue *q, uint64_t *ret_id, char ret_why[QUEUE_MAX_REASON])
{
	for (size_t i = 0; i < q->n; i++) {
		const struct entry *x = q->entries[i];

		for (size_t k = 0; k < x->n_after && !x->site; k++) {
			if (x->after[k].outcome != QUEUE_ENDED_BADLY)
				continue;
			snprintf(ret_why, QUEUE_MAX_REASON,
				 "it was to run after job %ju, which failed or was cancelled",
				 (uintmax_t)x->after[k].id);
			*ret_id = x->id;
			return true;
		}
	}
	return false;
}

uint64_t queue_wakeup(struct queue *q, uint64_t now)
{
	uint64_t first = UINT64_MAX;
	bool slicing = false;

	for (size_t i = 0; i < q->n; i++) {
		const struct entry *x = q->entries[i];

		if (!x->site && x->held_until > now)
			first = MIN(first, x->held_until);
		if (x->site && x->time_limit > used_by(x, now))
			first = MIN(first, now + x->time_limit - used_by(x, now));
		slicing |= q->running && is_ready(q, x, now) && !choose(q, x, now);
	}
	for (size_t i = 0; i < q->n_bookings; i++) {
		const struct queue_reservation *r = &q->bookings[i].r;
		int64_t wall = wall_of(q, now), next = r->from > wall ? r->from : r->until;

		if (next > wall)
			first = MIN(first, now + (uint64_t)(next - wall));
	}
	if (slicing && q->quantum)
		first = MIN(first, now + q->quantum / 4 + 1);
	return first;
}

/* --- What is shown --- */

unsigned int queue_position(struct queue *q, uint64_t id, uint64_t now)
{
	const struct entry *x = queue_find(q, id);
	unsigned int position = 1;

	if (!x || x->site)
		return 0;
	for (size_t i = 0; i < q->n; i++) {
		const struct entry *y = q->entries[i];

		position += !y->site && y != x && goes_before(q, y, x, now);
	}
	return position;
}

/* No device in service would do. */
static void describe_missing(const struct entry *x, char *buf, size_t size)
{
	if (x->wanted)
		snprintf(buf, size, "waits for %s, which is not there", x->wanted->name);
	else
		snprintf(buf, size, "waits for a device: none is in service%s",
			 x->n_avoided ? " that it fits" : "");
}

/*
 * "embedded0, which runs job 3 of alice and 1 more", of those that would do the one with the oldest
 * job.
 */
static void describe_busy(const struct queue *q, const struct entry *x, char *buf, size_t size)
{
	const struct entry *y = NULL;

	for (size_t i = 0; i < q->n && !y; i++)
		if (q->entries[i]->site && q->entries[i]->site->slots &&
		    suits(x, q->entries[i]->site))
			y = q->entries[i];
	if (!y)
		describe_missing(x, buf, size);
	else if (y->site->busy > 1)
		snprintf(buf, size, "waits for %s, which runs job %ju of %s and %u more",
			 y->site->name, (uintmax_t)y->id, y->name, y->site->busy - 1);
	else
		snprintf(buf, size, "waits for %s, which runs job %ju of %s", y->site->name,
			 (uintmax_t)y->id, y->name);
}

static void describe(struct queue *q, const struct entry *x, unsigned int ahead, uint64_t now,
		     char *buf, size_t size)
{
	const struct site *free_one = choose(q, x, now);
	char what[QUEUE_MAX_REASON];
	const char *device;
	uint64_t next;

	if (free_one && queue_next(q, now, &next, &device) && next == x->id) {
		snprintf(buf, size, "is about to start on %s", device);
		return;
	}
	if (free_one)
		snprintf(what, sizeof(what), "waits for %s", free_one->name);
	else
		describe_busy(q, x, what, sizeof(what));
	if (ahead == 0)
		snprintf(buf, size, "%s; it is next", what);
	else if (ahead == 1)
		snprintf(buf, size, "%s; 1 job is ahead", what);
	else
		snprintf(buf, size, "%s; %u jobs are ahead", what, ahead);
}

void queue_reason(struct queue *q, uint64_t id, uint64_t now, char ret[QUEUE_MAX_REASON])
{
	const struct entry *x = queue_find(q, id);
	unsigned int position = queue_position(q, id, now);
	char text[2 * QUEUE_MAX_REASON];
	struct err clean = { 0 };

	ret[0] = '\0';
	if (position == 0)
		return;
	if (x->held)
		snprintf(text, sizeof(text), "waits: it is held%s",
			 x->held == QUEUE_HELD_BY_ADMIN ? " by an admin" : "");
	else if (x->idle)
		snprintf(text, sizeof(text), "sleeps until its client calls");
	else if (x->n_after)
		snprintf(text, sizeof(text), "waits for job %ju", (uintmax_t)x->after[0].id);
	else if (x->held_until > now)
		snprintf(text, sizeof(text), "waits: %s", x->held_why);
	else if (over_limits(q, x, now))
		snprintf(text, sizeof(text), "waits: %s's limits", x->name);
	else
		describe(q, x, position - 1, now, text, sizeof(text));
	/* Names of users and files may be cut, or be no text at all. */
	err_set(&clean, -EAGAIN, "%s", text);
	memcpy(ret, clean.text, QUEUE_MAX_REASON);
}
