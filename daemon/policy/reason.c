// SPDX-License-Identifier: MIT
/* Why a job waits, in words. */
#include <inttypes.h>
#include <string.h>

#include "calendar.h"
#include "state.h"

#define TEXT (2 * QUEUE_MAX_REASON)

/* --- What keeps the job by itself --- */

static void say_after(const struct queue *q, const struct entry *x, char *buf)
{
	const struct dependency *first = NULL;
	const struct entry *y;
	const char *state;
	char more[48] = "";

	for (size_t i = 0; i < x->n_after; i++)
		if (x->after[i].link && (!first || x->after[i].id < first->id))
			first = &x->after[i];
	y = queue_find(q, first->id);
	state = !y ? "" : y->site ? ", which runs" : ", which waits";
	if (x->n_pending > 1)
		snprintf(more, sizeof(more), ", and for %zu more", x->n_pending - 1);
	snprintf(buf, TEXT, "waits for job %" PRIu64 " (%s)%s%s", first->id,
		 first->after == QUEUE_AFTER_OK ? "afterok" : "afterany", state, more);
}

static void say_bytes(uint64_t bytes, char *buf, size_t size)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes;
	size_t i = 0;

	while (value >= 1024 && i + 1 < ARRAY_SIZE(units)) {
		value /= 1024;
		i++;
	}
	snprintf(buf, size, "%.*f %s", value == (double)(uint64_t)value ? 0 : 1, value, units[i]);
}

static void say_limit(const struct queue *q, const struct entry *x, char *buf)
{
	const struct limits *l = queue_limits(q, x->user->uid);
	char amount[64], asked[64];

	if (x->block == BLOCK_RUNNING) {
		snprintf(buf, TEXT, "waits: %s's limit of %u running job%s", x->user->name,
			 l->running, l->running == 1 ? "" : "s");
	} else if (x->block == BLOCK_DAY) {
		calendar_length(l->day, amount, sizeof(amount));
		snprintf(buf, TEXT,
			 "waits: %s's limit of %s of device time a day is reached, until midnight",
			 x->user->name, amount);
	} else {
		say_bytes(l->memory, amount, sizeof(amount));
		say_bytes(x->memory, asked, sizeof(asked));
		snprintf(buf, TEXT, "waits: %s's limit of %s of memory; this job asks for %s",
			 x->user->name, amount, asked);
	}
}

static void say_own_block(const struct queue *q, const struct entry *x, char *buf)
{
	char text[32];

	switch (x->block) {
	case BLOCK_DOOMED:
		snprintf(buf, TEXT,
			 "cannot run: it was to run after job %" PRIu64
			 ", which failed or was cancelled",
			 x->doomed_by);
		break;
	case BLOCK_HELD:
		snprintf(buf, TEXT, "waits: it is held by %s until it is released",
			 x->held == QUEUE_HELD_BY_ADMIN ? "an admin" : x->user->name);
		break;
	case BLOCK_ASLEEP:
		snprintf(buf, TEXT, "sleeps until its client calls");
		break;
	case BLOCK_AFTER:
		say_after(q, x, buf);
		break;
	case BLOCK_OVERDUE:
		calendar_length(x->time_limit, text, sizeof(text));
		snprintf(buf, TEXT, "waits: its time limit of %s is reached", text);
		break;
	case BLOCK_LATER:
		snprintf(buf, TEXT, "waits: %s", x->held_why);
		break;
	default:
		say_limit(q, x, buf);
	}
}

/* --- Where it waits --- */

/* A reservation that keeps it from a device which would suit otherwise. */
static bool say_reserved(const struct queue *q, const struct entry *x, uint64_t now, char *buf)
{
	for (size_t i = 0; i < q->sites.n; i++) {
		const struct site *d = q->sites.list[i];
		struct site open = *d;
		const struct reservation *b;
		char when[64], limit[32];
		int64_t wall = wall_of(q, now);

		open.reservations = NULL;
		if (x->wanted && x->wanted != d)
			continue;
		if (!x->wanted && !order_suits(q, x, &open, now))
			continue;
		b = reservation_against(d->reservations, x->user->uid, wall,
					x->time_limit ? x->time_limit - x->used : 0);
		if (!b || d->slots == 0)
			continue;
		calendar_words(b->r.from <= wall ? b->r.until : b->r.from, wall, when,
			       sizeof(when));
		calendar_length(x->time_limit, limit, sizeof(limit));
		if (b->r.from <= wall)
			snprintf(buf, TEXT, "waits: %s is reserved for %s until %s", d->name,
				 b->r.users, when);
		else
			snprintf(buf, TEXT,
				 "waits: %s is reserved for %s from %s, and its time limit of %s "
				 "does not fit before",
				 d->name, b->r.users, when, limit);
		return true;
	}
	return false;
}

static void say_missing(const struct entry *x, char *buf)
{
	if (x->wanted)
		snprintf(buf, TEXT, "waits for %s, which is not there", x->wanted->name);
	else
		snprintf(buf, TEXT, "waits for a device: none is in service%s",
			 x->n_avoided ? " that it fits" : "");
}

/*
 * "embedded0, which runs job 3 of alice and 1 more", of those that would do the one with the oldest
 * job.
 */
static void say_busy(const struct queue *q, const struct entry *x, uint64_t now, char *buf)
{
	const struct entry *y = NULL;
	char more[32] = "";

	for (size_t i = 0; i < q->n_runs; i++)
		if ((!y || q->runs[i]->id < y->id) && order_suits(q, x, q->runs[i]->site, now))
			y = q->runs[i];
	if (!y) {
		say_missing(x, buf);
		return;
	}
	if (y->site->busy > 1)
		snprintf(more, sizeof(more), " and %u more", y->site->busy - 1);
	snprintf(buf, TEXT, "waits for %s, which %sjob %" PRIu64 " of %s%s%s", y->site->name,
		 y->leaving ? "" : "runs ", y->id, y->user->name, y->leaving ? " leaves" : "",
		 more);
}

/* --- Who goes first --- */

/* Why the first in the order goes before x, where x came earlier; or "". */
static void say_first(const struct queue *q, const struct entry *x, char *buf, size_t size)
{
	const struct entry *first = q->order.list[0];

	buf[0] = '\0';
	if (first->id < x->id)
		return;
	if (first->rank == RANK_FIRST && x->rank != RANK_FIRST)
		snprintf(buf, size, ": short jobs go first");
	else if (first->user == x->user)
		snprintf(buf, size, ": of %s's jobs those of a higher band go first",
			 x->user->name);
	else if (first->user->level >= x->user->level)
		snprintf(buf, size, ": it is %s's turn", first->user->name);
	else
		snprintf(buf, size, ": %s has used more device time%s than %s, who is served first",
			 x->user->name,
			 first->user->share.weight != x->user->share.weight ? " for his weight" :
									      "",
			 first->user->name);
}

static void say_ahead(const struct queue *q, const struct entry *x, const char *what, char *buf)
{
	char why[QUEUE_MAX_REASON] = "";
	unsigned int ahead = x->position - 1;

	if (ahead == 0) {
		snprintf(buf, TEXT, "%.480s; it is next", what);
		return;
	}
	say_first(q, x, why, sizeof(why));
	snprintf(buf, TEXT, "%.480s; %u %s ahead%.440s", what, ahead,
		 ahead == 1 ? "job is" : "jobs are", why);
}

static void say_turn(struct queue *q, const struct entry *x, uint64_t now, char *buf)
{
	const struct site *free_one = order_choose(q, x, now);
	char what[TEXT];

	if (free_one && order_first(q) == x) {
		snprintf(buf, TEXT, "is about to start on %s", free_one->name);
		return;
	}
	if (free_one)
		snprintf(what, sizeof(what), "waits for %s", free_one->name);
	else
		say_busy(q, x, now, what);
	say_ahead(q, x, what, buf);
}

void queue_reason(struct queue *q, uint64_t id, uint64_t now, char ret[QUEUE_MAX_REASON])
{
	const struct entry *x = queue_find(q, id);
	struct err clean = { 0 };
	char text[TEXT];

	ret[0] = '\0';
	if (!x || x->site)
		return;
	order_refresh(q, now);
	if (x->rank != RANK_BLOCKED) {
		say_turn(q, x, now, text);
	} else if (x->block != BLOCK_PLACE) {
		say_own_block(q, x, text);
	} else if (!say_reserved(q, x, now, text)) {
		say_missing(x, text);
	}
	/* Names of users and files may be cut, or be no text at all. */
	err_set(&clean, -EAGAIN, "%s", text);
	memcpy(ret, clean.text, QUEUE_MAX_REASON);
}
