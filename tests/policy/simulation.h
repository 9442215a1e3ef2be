/* SPDX-License-Identifier: MIT */
/*
 * A machine that is not there: devices with slots and workers that compute, checkpoint and stop,
 * driven by the real queue as the daemon drives it, on a clock that jumps from event to event.
 *
 * A worker loads for SIM_LOAD, then works in chunks; asked to yield, it goes on to the end of its
 * chunk and saves for SIM_SAVE. Its slot is held all the while. What must hold after every event is
 * checked here, by a model of the rules that shares nothing with the queue; what must hold of a
 * whole run is for test_simulation.c.
 */
#ifndef PBIT_TESTS_POLICY_SIMULATION_H
#define PBIT_TESTS_POLICY_SIMULATION_H

#include <math.h>
#include <string.h>

#include "policy_support.h"
#include "queue.h"

#define SIM_USERS   10
#define SIM_DEVICES 5
#define SIM_ANY	    SIM_DEVICES /* of devices: no matter which */
#define SIM_LOAD    (SECOND / 5)
#define SIM_SAVE    (SECOND * 3 / 10)
#define SIM_CHUNK   (SECOND * 3 / 2) /* the longest */
#define SIM_SHORT   (10 * SECOND)
#define SIM_START   (5 * SECOND) /* within which a short job starts */
#define SIM_DAYS    64

/* As ck_assert(), which writes to a pipe each time that it holds: here that is millions of times. */
#define must_say(holds, ...)                       \
	do {                                       \
		if (!(holds))                      \
			ck_abort_msg(__VA_ARGS__); \
	} while (0)
#define must(holds) must_say(holds, "at %.6f s: %s", (double)s->now / 1e6, #holds)

enum sim_state { SIM_WAITS, SIM_RUNS, SIM_STOPS, SIM_ENDED };

struct sim_job {
	enum sim_state state;
	size_t user, wanted, where;
	enum queue_band band;
	uint64_t work, done, chunk, limit; /* us; done: as of the last checkpoint */
	uint64_t submitted, first, began;  /* us; first: UINT64_MAX while it has not begun */
	uint64_t event;			   /* when its worker ends or has stopped */
	uint64_t held_until;
	uint64_t device_time; /* before this run */
	uint64_t after;	      /* the job that it waits for, or 0 */
	unsigned int runs, ends;
	bool expires; /* by its limit, as it must */
};

struct sim_user {
	double weight;
	unsigned int limit; /* of running jobs; 0: none */
	size_t waiting, running;
	double used;	    /* decayed, us */
	uint64_t delivered; /* us, of runs that are over */
	uint64_t at[SIM_DAYS];
	/* While he waits for a slot and has none. */
	bool starves;
	uint64_t since, bound;
	uint64_t longest;
};

struct sim_device {
	const char *name;
	enum queue_kind kind;
	unsigned int slots, busy;
	uint64_t reserved_from, reserved_until; /* us of the clock, for one user */
	size_t reserved_for;
};

struct sim {
	struct queue *q;
	uint64_t now, wakeup, half_life, quantum, random;
	struct sim_job *jobs; /* by id; 0 is none */
	size_t n, allocated;
	size_t *live, n_live; /* the ids of those that have not ended, in order */
	struct sim_user users[SIM_USERS];
	struct sim_device devices[SIM_DEVICES];
	uint64_t ended, expired, preempted, lost, events, idle_wakeups;
	uint64_t short_jobs, short_longest, short_total;
	uint64_t delivered; /* us of slots, by the clock */
};

/* The ids of the jobs that have not ended, which must not end meanwhile. */
#define each_live(s, i) \
	for (size_t n_##i = 0, i; n_##i < (s)->n_live && (i = (s)->live[n_##i], true); n_##i++)

static uint64_t sim_random(struct sim *s, uint64_t below)
{
	s->random = s->random * 6364136223846793005u + 1442695040888963407u;
	return (s->random >> 33) % below;
}

/* Exponentially distributed. */
static uint64_t sim_wait(struct sim *s, uint64_t mean)
{
	double u = ((double)sim_random(s, 1u << 30) + 1) / (double)(1u << 30);

	return (uint64_t)(-log(u) * (double)mean) + 1;
}

static uint64_t sim_submit(struct sim *s, const struct sim_job *from)
{
	uint64_t id = s->n;
	const struct queue_dependency after = { .after = QUEUE_AFTER_OK, .id = from->after };
	struct queue_job job = { .id = id,
				 .uid = (uid_t)(1000 + from->user),
				 .user = "somebody",
				 .device = from->wanted == SIM_ANY ? NULL :
								     s->devices[from->wanted].name,
				 .band = from->band,
				 .time_limit = from->limit,
				 .after = &after,
				 .n_after = from->after != 0 };

	if (s->n == s->allocated) {
		s->allocated *= 2;
		s->jobs = realloc(s->jobs, s->allocated * sizeof(*s->jobs));
		s->live = realloc(s->live, s->allocated * sizeof(*s->live));
		must(s->jobs != NULL && s->live != NULL);
	}
	s->jobs[s->n] = *from;
	s->jobs[s->n].submitted = s->now;
	s->jobs[s->n].first = UINT64_MAX;
	s->jobs[s->n].chunk = SIM_CHUNK / 10 + sim_random(s, SIM_CHUNK * 9 / 10);
	s->jobs[s->n++].event = UINT64_MAX;
	s->live[s->n_live++] = id;
	s->users[from->user].waiting++;
	must(queue_add(s->q, &job) == 0);
	return id;
}

/* --- The rules, once more --- */

static bool sim_is_short(const struct sim_job *j)
{
	return j->limit && j->limit <= SIM_SHORT;
}

/* By itself and its user's limits; not by devices. */
static bool sim_is_eligible(const struct sim *s, const struct sim_job *j)
{
	const struct sim_user *u = &s->users[j->user];

	return j->state == SIM_WAITS && j->held_until <= s->now &&
	       (j->after == 0 || s->jobs[j->after].state == SIM_ENDED) &&
	       (u->limit == 0 || u->running < u->limit);
}

static bool sim_suits(const struct sim *s, const struct sim_job *j, size_t k)
{
	const struct sim_device *d = &s->devices[k];
	uint64_t left = j->limit ? j->limit - j->device_time : 0;

	if (d->slots == 0 || (j->wanted == SIM_ANY ? d->kind == QUEUE_BY_NAME : j->wanted != k))
		return false;
	if (d->reserved_for == j->user || s->now >= d->reserved_until)
		return true;
	return s->now < d->reserved_from && d->reserved_from - s->now >= left;
}

/* Nothing that could run waits beside a free slot. */
static void sim_check_idle(const struct sim *s)
{
	bool any = false;

	for (size_t k = 0; k < SIM_DEVICES; k++)
		any |= s->devices[k].busy < s->devices[k].slots;
	if (!any)
		return;
	each_live(s, i)
		for (size_t k = 0; k < SIM_DEVICES && sim_is_eligible(s, &s->jobs[i]); k++)
			must_say(s->devices[k].busy >= s->devices[k].slots ||
					 !sim_suits(s, &s->jobs[i], k),
				 "%s is idle at %.6f s while job %zu waits", s->devices[k].name,
				 (double)s->now / 1e6, i);
}

/* A short job that has waited for too long must not see a long one run where it could. */
static void sim_check_short(const struct sim *s)
{
	each_live(s, i) {
		const struct sim_job *j = &s->jobs[i];

		if (!sim_is_short(j) || j->first != UINT64_MAX || !sim_is_eligible(s, j) ||
		    s->now - j->submitted <= SIM_START)
			continue;
		each_live(s, k)
			must(s->jobs[k].state != SIM_RUNS || sim_is_short(&s->jobs[k]) ||
			     !sim_suits(s, j, s->jobs[k].where));
	}
}

/*
 * Who waits and has nothing that runs is served when those below his level have come up to it. They
 * use what is above the floor, for each unit of weight, on the slots that others cannot keep to
 * themselves (reserved, lost or held by a user at his limit: at most half of them); and some quanta
 * pass until things that are due are done.
 */
static uint64_t sim_patience(const struct sim *s, const struct sim_user *u)
{
	const uid_t uid = (uid_t)(1000 + (u - s->users));
	double weights = 0, slots = queue_slots(s->q), quanta = 4 * (double)s->quantum / u->weight;
	struct queue_usage usage;

	must(queue_get_usage(s->q, uid, s->now, &usage));
	for (size_t i = 0; i < SIM_USERS; i++)
		weights += s->users[i].weight;
	return (uint64_t)((fmax(usage.level - usage.floor, 0) + quanta) * weights / (slots / 2));
}

static void sim_check_starving(struct sim *s)
{
	bool waits[SIM_USERS] = { false };

	each_live(s, i)
		waits[s->jobs[i].user] |=
			s->jobs[i].wanted == SIM_ANY && sim_is_eligible(s, &s->jobs[i]);
	for (size_t i = 0; i < SIM_USERS; i++) {
		struct sim_user *u = &s->users[i];
		bool starves = waits[i] && u->running == 0;

		if (starves && !u->starves) {
			u->since = s->now;
			u->bound = sim_patience(s, u);
		}
		u->starves = starves;
		if (!starves)
			continue;
		u->longest = MAX(u->longest, s->now - u->since);
		must_say(s->now - u->since <= u->bound, "user %zu waits for %.0f s, not %.0f", i,
			 (double)(s->now - u->since) / 1e6, (double)u->bound / 1e6);
	}
}

/* Of a user's jobs that are alike, the higher band starts first, then the older one. */
static void sim_check_order(const struct sim *s, const struct sim_job *x)
{
	if (sim_is_short(x) || x->wanted != SIM_ANY || x->limit)
		return;
	each_live(s, i) {
		const struct sim_job *j = &s->jobs[i];

		if (j == x || j->user != x->user || j->wanted != SIM_ANY || j->limit ||
		    !sim_is_eligible(s, j))
			continue;
		must(j->band < x->band || (j->band == x->band && j > x));
	}
}

/* Every waiting job has a place of its own and a reason. */
static void sim_check_shown(struct sim *s)
{
	size_t waiting = queue_waiting(s->q);
	bool *taken = calloc(waiting + 1, sizeof(*taken));
	char text[QUEUE_MAX_REASON];

	must(taken != NULL);
	each_live(s, i) {
		unsigned int position = queue_position(s->q, i, s->now);

		queue_reason(s->q, i, s->now, text);
		must((position != 0) == (s->jobs[i].state == SIM_WAITS));
		must((text[0] != '\0') == (position != 0));
		must(position <= waiting);
		must(position == 0 || !taken[position]);
		taken[position] = true;
	}
	free(taken);
}

/* --- Workers --- */

static void sim_start(struct sim *s, uint64_t id, const char *device)
{
	struct sim_job *j = &s->jobs[id];
	size_t k = 0;

	while (strcmp(s->devices[k].name, device) != 0)
		k++;
	must(sim_is_eligible(s, j) && sim_suits(s, j, k));
	must(s->devices[k].busy < s->devices[k].slots);
	sim_check_order(s, j);
	must(queue_started(s->q, id, device, s->now) == 0);
	j->state = SIM_RUNS;
	j->where = k;
	j->began = s->now;
	j->event = s->now + SIM_LOAD + j->work - j->done;
	j->runs++;
	s->devices[k].busy++;
	s->users[j->user].waiting--;
	s->users[j->user].running++;
	if (j->first == UINT64_MAX && sim_is_short(j) && j->after == 0) {
		s->short_jobs++;
		s->short_total += s->now - j->submitted;
		s->short_longest = MAX(s->short_longest, s->now - j->submitted);
	}
	j->first = MIN(j->first, s->now);
}

/* Off its slot. */
static void sim_leave(struct sim *s, struct sim_job *j)
{
	j->device_time += s->now - j->began;
	j->event = UINT64_MAX;
	s->users[j->user].delivered += s->now - j->began;
	s->users[j->user].running--;
	s->devices[j->where].busy--;
}

static void sim_end(struct sim *s, uint64_t id)
{
	struct sim_job *j = &s->jobs[id];
	size_t n = 0;

	while (s->live[n] != id)
		n++;
	memmove(&s->live[n], &s->live[n + 1], (--s->n_live - n) * sizeof(*s->live));
	sim_leave(s, j);
	must(queue_used(s->q, id, s->now) == j->device_time);
	queue_ended(s->q, id, true);
	must(queue_remove(s->q, id, s->now) == 0);
	j->state = SIM_ENDED;
	j->ends++;
	s->ended++;
}

static void sim_yield(struct sim *s, struct sim_job *j)
{
	uint64_t loaded = j->began + SIM_LOAD, worked = s->now > loaded ? s->now - loaded : 0;
	uint64_t stop = (worked + j->chunk - 1) / j->chunk * j->chunk;

	must(j->state == SIM_RUNS);
	/* It may be done before. */
	if (stop >= j->work - j->done)
		return;
	j->state = SIM_STOPS;
	j->done += stop;
	j->event = loaded + stop + SIM_SAVE;
	s->preempted++;
}

static void sim_requeue(struct sim *s, uint64_t id)
{
	struct sim_job *j = &s->jobs[id];

	sim_leave(s, j);
	must(queue_stopped(s->q, id, s->now) == 0);
	j->state = SIM_WAITS;
	s->users[j->user].waiting++;
}

/* The device goes; its jobs go on a second later from what they saved, which is each minute. */
static void sim_lose(struct sim *s, size_t k)
{
	s->devices[k].slots = 0;
	queue_set_device(s->q, s->devices[k].name, s->devices[k].kind, 0);
	each_live(s, i) {
		struct sim_job *j = &s->jobs[i];
		uint64_t worked = s->now - j->began;

		if (j->where != k || (j->state != SIM_RUNS && j->state != SIM_STOPS))
			continue;
		if (j->state == SIM_RUNS && worked > SIM_LOAD)
			j->done += (worked - SIM_LOAD) / (60 * SECOND) * (60 * SECOND);
		sim_requeue(s, i);
		j->held_until = s->now + SECOND;
		must(queue_hold(s->q, i, j->held_until, "its device went away") == 0);
		s->lost++;
	}
}

/* --- Time --- */

static uint64_t sim_next_event(struct sim *s)
{
	uint64_t next = s->wakeup;

	each_live(s, i)
		next = MIN(next, s->jobs[i].event);
	return next;
}

/* What passes until then, by the books of this file. */
static void sim_advance(struct sim *s, uint64_t to)
{
	double time = (double)(to - s->now), rate = M_LN2 / (double)s->half_life;

	for (size_t i = 0; i < SIM_USERS; i++) {
		struct sim_user *u = &s->users[i];

		u->used = u->used * exp(-rate * time) -
			  (double)u->running * expm1(-rate * time) / rate;
		s->delivered += u->running * (to - s->now);
	}
	s->now = to;
}

static void sim_run_workers(struct sim *s)
{
	/* Backwards, since those that end leave the list. */
	for (size_t n = s->n_live; n-- > 0;) {
		struct sim_job *j = &s->jobs[s->live[n]];

		if (j->event > s->now)
			continue;
		if (j->state == SIM_STOPS)
			sim_requeue(s, s->live[n]);
		else
			sim_end(s, s->live[n]);
	}
}

/* As the daemon does at each turn. */
static void sim_schedule(struct sim *s)
{
	char why[QUEUE_MAX_REASON];
	const char *device;
	uint64_t id, did = 0;

	for (; queue_expired(s->q, s->now, &id); did++) {
		must(s->jobs[id].expires);
		sim_end(s, id);
		s->expired++;
	}
	for (; queue_next(s->q, s->now, &id, &device); did++)
		sim_start(s, id, device);
	for (; queue_preempt(s->q, s->now, &id, why); did++) {
		must(why[0]);
		sim_yield(s, &s->jobs[id]);
	}
	s->idle_wakeups += did == 0 && s->wakeup == s->now;
	s->events++;
	s->wakeup = queue_wakeup(s->q, s->now);
	must(s->wakeup > s->now);
	sim_check_idle(s);
	sim_check_short(s);
	sim_check_starving(s);
}

static void sim_snapshot(struct sim *s, size_t day)
{
	struct queue_usage usage;

	for (size_t i = 0; i < SIM_USERS; i++) {
		struct sim_user *u = &s->users[i];

		u->at[day] = u->delivered;
		if (queue_get_usage(s->q, (uid_t)(1000 + i), s->now, &usage))
			must(fabs(usage.used - u->used) <= 1e-7 * u->used + 1);
	}
	each_live(s, i)
		if (s->jobs[i].state == SIM_RUNS || s->jobs[i].state == SIM_STOPS)
			s->users[s->jobs[i].user].at[day] += s->now - s->jobs[i].began;
	sim_check_shown(s);
}

#endif
