// SPDX-License-Identifier: MIT
/*
 * A month of a shared machine: ten users, five devices, the real queue. Everything is drawn from a
 * fixed seed, so what is checked holds or does not, without error. Five seconds of a processor.
 *
 * SIMULATION_QUANTUM (seconds, 300 unless set) and SIMULATION_BACKLOG (jobs, 300 unless set) make it
 * a finer and longer one.
 */
#include "simulation.h"

#define FIRST ((int64_t)1736121600 * 1000000) /* when it begins: a Monday, us since 1970 */

enum {
	HOG,	  /* all of it on the first day */
	STEADY,	  /* weight 2, always some jobs */
	PLAIN,	  /* weight 1, always some jobs */
	BURSTY,	  /* many jobs at once, twice a week; reserves pbit0 at times */
	ABSENT,	  /* like PLAIN, but for two weeks away */
	QUICK,	  /* a short job every ten minutes */
	QUICKEST, /* three at once every hour */
	LIMITED,  /* weight 3, but one running job at most */
	CHAINED,  /* each day some that wait for one another */
	PICKY,	  /* names devices, and sets limits */
};

#define LEAVES	(7 * DAY)
#define RETURNS (21 * DAY)
#define MONTH	(30 * DAY)

static struct sim s;

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static void begin(uint64_t half_life)
{
	static const double weights[SIM_USERS] = {
		[HOG] = 1,   [STEADY] = 2,   [PLAIN] = 1,   [BURSTY] = 1,  [ABSENT] = 1,
		[QUICK] = 1, [QUICKEST] = 1, [LIMITED] = 3, [CHAINED] = 1, [PICKY] = 1,
	};
	const struct limits limits = { .running = 1 };

	s = (struct sim){ .half_life = half_life,
			  .quantum = setting("SIMULATION_QUANTUM", 300) * SECOND,
			  .random = 20250106,
			  .allocated = 1024,
			  .n = 1,
			  .devices = {
				  { .name = "pbit0", .kind = QUEUE_SILICON, .slots = 1 },
				  { .name = "pbit1", .kind = QUEUE_SILICON, .slots = 1 },
				  { .name = "pbit2", .kind = QUEUE_EMULATED, .slots = 1 },
				  { .name = "pbit3", .kind = QUEUE_BY_NAME, .slots = 1 },
				  { .name = "embedded0", .kind = QUEUE_EMBEDDED, .slots = 2 } } };
	s.jobs = calloc(s.allocated, sizeof(*s.jobs));
	s.live = calloc(s.allocated, sizeof(*s.live));
	ck_assert(s.jobs && s.live);
	ck_assert_int_eq(queue_new(&s.q), 0);
	queue_set_wall(s.q, 0, FIRST);
	queue_set_half_life(s.q, half_life, 0);
	queue_set_quantum(s.q, s.quantum);
	for (size_t i = 0; i < SIM_USERS; i++) {
		s.users[i].weight = weights[i];
		ck_assert_int_eq(queue_set_weight(s.q, (uid_t)(1000 + i), weights[i], 0), 0);
	}
	s.users[LIMITED].limit = 1;
	ck_assert_int_eq(queue_set_limits(s.q, 1000 + LIMITED, &limits), 0);
	for (size_t k = 0; k < SIM_DEVICES; k++)
		ck_assert_int_eq(queue_set_device(s.q, s.devices[k].name, s.devices[k].kind,
						  s.devices[k].slots),
				 0);
}

static void end(void)
{
	free(s.jobs);
	free(s.live);
	s.q = queue_free(s.q);
}

/* --- What the users do --- */

static uint64_t submit(size_t user, uint64_t work)
{
	const struct sim_job j = { .user = user, .wanted = SIM_ANY, .work = work };

	return sim_submit(&s, &j);
}

static void submit_short(size_t user)
{
	const struct sim_job j = { .user = user,
				   .wanted = SIM_ANY,
				   .limit = SIM_SHORT - sim_random(&s, 5) * SECOND,
				   .work = SECOND / 10 + sim_random(&s, 5 * SECOND) };

	sim_submit(&s, &j);
}

static void submit_chain(void)
{
	struct sim_job j = { .user = CHAINED, .wanted = SIM_ANY, .work = 20 * MINUTE };

	for (int i = 0; i < 4; i++)
		j.after = sim_submit(&s, &j);
	/* And all bands at once. */
	for (int i = 0; i < 6; i++) {
		j.band = (enum queue_band)(i % 3 - 1);
		sim_submit(&s, &j);
	}
}

static void submit_picky(void)
{
	struct sim_job j = { .user = PICKY, .work = HOUR };

	for (j.wanted = 0; j.wanted <= SIM_ANY; j.wanted++)
		sim_submit(&s, &j);
	j.wanted = SIM_ANY;
	j.limit = HOUR + HOUR / 2;
	sim_submit(&s, &j);
	j.limit = HOUR / 2;
	j.expires = true;
	sim_submit(&s, &j);
}

/* One who always has enough. LIMITED names devices too: one that is busy, and one that is idle. */
static void keep(size_t user, size_t jobs)
{
	static const size_t wanted[] = { SIM_ANY, SIM_ANY, 1, 3 };
	struct sim_job j = { .user = user, .wanted = SIM_ANY };

	while (s.users[user].waiting + s.users[user].running < jobs) {
		j.work = 10 * MINUTE + sim_wait(&s, 2 * HOUR);
		j.wanted = user == LIMITED ? wanted[s.n % 4] : SIM_ANY;
		sim_submit(&s, &j);
	}
}

static bool is_absent(void)
{
	return s.now >= LEAVES && s.now < RETURNS;
}

/* What each does next, and when. */
static uint64_t act(size_t user)
{
	switch (user) {
	case HOG:
		for (uint64_t i = setting("SIMULATION_BACKLOG", 300); i > 0; i--)
			submit(HOG, sim_wait(&s, 2 * DAY));
		return UINT64_MAX;
	case BURSTY:
		for (uint64_t i = 0; i < 30; i++)
			submit(BURSTY, sim_wait(&s, HOUR));
		return s.now + sim_wait(&s, 3 * DAY);
	case QUICK:
		submit_short(QUICK);
		return s.now + sim_wait(&s, 10 * MINUTE);
	case QUICKEST:
		for (int i = 0; i < 3; i++)
			submit_short(QUICKEST);
		return s.now + HOUR;
	case CHAINED:
		submit_chain();
		return s.now + DAY;
	case PICKY:
		submit_picky();
		return s.now + sim_wait(&s, DAY);
	default:
		return UINT64_MAX;
	}
}

/* Each week pbit0 is for BURSTY alone from a Wednesday on, for six hours. */
static void reserve(void)
{
	static const uid_t bursty = 1000 + BURSTY;
	struct sim_device *d = &s.devices[0];
	struct queue_reservation r = { .id = 1 + s.now / (7 * DAY),
				       .device = d->name,
				       .uids = &bursty,
				       .n_uids = 1,
				       .users = "bursty" };

	d->reserved_for = BURSTY;
	d->reserved_from = s.now + 2 * DAY;
	d->reserved_until = d->reserved_from + 6 * HOUR;
	r.from = FIRST + (int64_t)d->reserved_from;
	r.until = FIRST + (int64_t)d->reserved_until;
	ck_assert_int_eq(queue_reserve(s.q, &r), 0);
}

/* pbit2 fails on the eleventh day for half of it. */
static void fail_device(bool fails)
{
	if (fails) {
		sim_lose(&s, 2);
		return;
	}
	s.devices[2].slots = 1;
	ck_assert_int_eq(queue_set_device(s.q, "pbit2", QUEUE_EMULATED, 1), 0);
}

/* --- The run --- */

static double returned_with; /* the level of ABSENT when he comes back */
static double others_had;    /* and that of PLAIN then */

static void note_return(void)
{
	struct queue_usage usage;

	ck_assert(queue_get_usage(s.q, 1000 + ABSENT, s.now, &usage));
	returned_with = usage.level;
	ck_assert(queue_get_usage(s.q, 1000 + PLAIN, s.now, &usage));
	others_had = usage.level;
}

static void act_all(uint64_t acts[SIM_USERS])
{
	for (size_t i = 0; i < SIM_USERS; i++)
		if (acts[i] <= s.now)
			acts[i] = act(i);
	keep(STEADY, 12);
	keep(PLAIN, 12);
	keep(LIMITED, 3);
	if (!is_absent())
		keep(ABSENT, 12);
}

/* Each half day. */
static void tick(void)
{
	if (s.now % (7 * DAY) == 0)
		reserve();
	if (s.now == 10 * DAY)
		fail_device(true);
	if (s.now == 10 * DAY + DAY / 2)
		fail_device(false);
}

static uint64_t next_of(const uint64_t acts[SIM_USERS], uint64_t next_tick)
{
	uint64_t next = MIN(sim_next_event(&s), next_tick);

	for (size_t i = 0; i < SIM_USERS; i++)
		next = MIN(next, acts[i]);
	return next;
}

static void run_month(void)
{
	uint64_t acts[SIM_USERS] = { 0 }, next_tick = 0;

	for (;;) {
		bool ticks = s.now == next_tick;

		sim_run_workers(&s);
		act_all(acts);
		if (ticks)
			tick();
		sim_schedule(&s);
		if (s.now == RETURNS)
			note_return();
		if (ticks && s.now % DAY == 0)
			sim_snapshot(&s, s.now / DAY);
		if (s.now >= MONTH)
			return;
		if (ticks)
			next_tick += DAY / 2;
		sim_advance(&s, next_of(acts, next_tick));
	}
}

/* Until all that was submitted has ended. */
static void drain(void)
{
	while (queue_waiting(s.q) + queue_running(s.q) > 0) {
		sim_advance(&s, sim_next_event(&s));
		sim_run_workers(&s);
		sim_schedule(&s);
	}
}

/* --- What must have come of it --- */

static double hours(double us)
{
	return us / (double)HOUR;
}

static double between(size_t user, size_t from, size_t to)
{
	return (double)(s.users[user].at[to] - s.users[user].at[from]);
}

/* How far the shares of those who always waited are from their weights, from day to day. */
static double worst_share(size_t from, size_t to, size_t days)
{
	static const size_t always[] = { HOG, STEADY, PLAIN };
	double worst = 0;

	for (size_t day = from; day + days <= to; day++) {
		double all = 0, weights = 0;

		for (size_t i = 0; i < 3; i++) {
			all += between(always[i], day, day + days);
			weights += s.users[always[i]].weight;
		}
		for (size_t i = 0; i < 3; i++) {
			double due = all * s.users[always[i]].weight / weights;

			worst = fmax(worst, fabs(between(always[i], day, day + days) / due - 1));
		}
	}
	return worst;
}

static void check_shares(void)
{
	const size_t half_life = s.half_life / DAY;

	for (size_t n = 1; n <= 3; n++) {
		double worst = worst_share(0, 30, n * half_life);

		printf("simulation: shares over any %zu days: off by %.2f %% at most\n",
		       n * half_life, 100 * worst);
		ck_assert_double_le(worst, 0.05);
	}
}

/*
 * Who comes back has no more than PLAIN, whose weight is the same, but for what PLAIN's level was
 * above his when he came (he comes with that of the least served who compete) and for some quanta.
 */
static void check_return(void)
{
	double promised = others_had - returned_with, most = 0, burst;

	for (size_t day = RETURNS / DAY + 1; day <= 30; day++) {
		burst = between(ABSENT, RETURNS / DAY, day) - between(PLAIN, RETURNS / DAY, day);
		most = fmax(most, burst);
	}
	printf("simulation: back after two weeks, one user has %.1f h of nine days, the other of "
	       "his weight %.1f h; at most %.2f h ahead, with %.2f h promised\n",
	       hours(between(ABSENT, RETURNS / DAY, 30)), hours(between(PLAIN, RETURNS / DAY, 30)),
	       hours(most), hours(promised));
	ck_assert_double_le(most, promised + 6 * (double)s.quantum);
	ck_assert_double_le(promised, 6 * (double)s.quantum);
	ck_assert_double_eq_tol(
		between(ABSENT, RETURNS / DAY, 30) / between(PLAIN, RETURNS / DAY, 30), 1, 0.05);
}

static void check_ends(void)
{
	uint64_t work = 0, time = 0, runs = 0;

	for (size_t i = 1; i < s.n; i++) {
		const struct sim_job *j = &s.jobs[i];

		must_say(j->ends == 1 && j->state == SIM_ENDED, "job %zu ended %u times", i,
			 j->ends);
		/* Loading and saving come on top, and what was lost with a device. */
		must_say(j->device_time >= (j->expires ? j->limit : j->work + SIM_LOAD),
			 "job %zu ended early", i);
		work += j->expires ? 0 : j->work;
		time += j->device_time;
		runs += j->runs;
	}
	for (size_t i = 0; i < SIM_USERS; i++)
		time -= s.users[i].delivered;
	ck_assert_uint_eq(time, 0);
	ck_assert_uint_eq(s.ended, s.n - 1);
	ck_assert_uint_eq(queue_waiting(s.q) + queue_running(s.q), 0);
	time = 0;
	for (size_t i = 0; i < SIM_USERS; i++)
		time += s.users[i].delivered;
	ck_assert_uint_eq(time, s.delivered);
	printf("simulation: %zu jobs ended once in %ju runs, %ju of them cut short, %ju lost, %ju "
	       "at their limit; %.0f h of devices, %.2f %% of it loading and saving\n",
	       s.n - 1, (uintmax_t)runs, (uintmax_t)s.preempted, (uintmax_t)s.lost,
	       (uintmax_t)s.expired, hours((double)time), 100 * (1 - (double)work / (double)time));
}

static void check_short(void)
{
	printf("simulation: %ju short jobs began %.2f s after they came, %.2f s at most\n",
	       (uintmax_t)s.short_jobs, (double)s.short_total / (double)s.short_jobs / 1e6,
	       (double)s.short_longest / 1e6);
	ck_assert_uint_gt(s.short_jobs, 5000);
	ck_assert_uint_le(s.short_longest, SIM_START);
}

static void print_users(void)
{
	for (size_t i = 0; i < SIM_USERS; i++)
		printf("simulation: user %zu, weight %.0f: %.1f h in the month; longest without a "
		       "slot while one could run: %.2f h\n",
		       i, s.users[i].weight, hours(between(i, 0, 30)),
		       hours((double)s.users[i].longest));
	printf("simulation: %ju turns, %ju of them for nothing\n", (uintmax_t)s.events,
	       (uintmax_t)s.idle_wakeups);
}

START_TEST(a_month)
{
	begin(_i * DAY);
	printf("simulation: half-life of %d days\n", _i);
	run_month();
	print_users();
	check_shares();
	check_return();
	drain();
	check_ends();
	check_short();
	end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("simulation");
	TCase *t = tcase_create("simulation");

	setlinebuf(stdout);
	tcase_set_timeout(t, 3600);
	/* Half-lives of a day and of seven. */
	tcase_add_loop_test(t, a_month, 1, 2);
	tcase_add_loop_test(t, a_month, 7, 8);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
