// SPDX-License-Identifier: MIT
/*
 * A lab at its busiest: 64 clients of 8 users with different weights submit all at once, and each
 * waits for all of its jobs. All end, each is told once that it has; while all users have jobs
 * waiting, the device time that they get is in the proportion of their weights; and the daemon's
 * memory is bounded. Figures are printed; times are not judged.
 *
 * PBIT_TEST_LONG has 100 jobs a client, and shares within 5 %. Otherwise there are fewer, and a share
 * may be off by two jobs more.
 */
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "harness.h"
#include "users.h"

#define USERS	     8
#define CLIENTS	     64
#define LONG_JOBS    100 /* of each client */
#define SLOTS	     2
#define SAMPLE_US    20000
#define TOLERANCE    0.05
#define MAX_COST_KIB (64 * 1024)
#define PATIENCE_S   1500
/* Under the sanitizers, which look for other mistakes, some will do. */
#ifdef __SANITIZE_ADDRESS__
#define JOBS 2
#else
#define JOBS 12
#endif

static const double weights[USERS] = { 1, 1, 1.5, 1.5, 2, 2, 3, 3 };

static struct harness h;
static unsigned int n_jobs = JOBS; /* of each client */

/* In memory that the clients share with the test. */
struct progress {
	unsigned int submitted[CLIENTS], done[CLIENTS];
	uint64_t submit_us[CLIENTS * LONG_JOBS];
};
static volatile struct progress *progress;

static void setup(void)
{
	char config[96];
	void *map;
	FILE *f;

	harness_new(&h);
	snprintf(config, sizeof(config), "%s/pbitd.conf", h.root);
	f = fopen(config, "we");
	ck_assert_ptr_nonnull(f);
	for (unsigned int i = 0; i < USERS; i++)
		fprintf(f, "[user %u]\nweight = %g\n", FIRST_USER + i, weights[i]);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(config, 0644), 0);
	harness_start(&h, "--jobs", "2", "--config", config, NULL);
	map = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		   0);
	ck_assert_ptr_ne(map, MAP_FAILED);
	progress = map;
}

static void teardown(void)
{
	munmap((void *)progress, sizeof(*progress));
	harness_free(&h);
}

/* --- A client --- */

struct client {
	unsigned int number;
	uint64_t ids[LONG_JOBS];
	bool done[LONG_JOBS];
	unsigned int n_done;
};

/* A state that was told of; "done" comes once for each job, by a signal or as Watch's answer. */
static void take_state(struct client *c, const char *text)
{
	_cleanup_json_ json_t *job = json_loads(text, 0, NULL);
	unsigned int i = 0;

	ck_assert_ptr_nonnull(job);
	while (i < n_jobs && c->ids[i] != (uint64_t)num(job, "id"))
		i++;
	ck_assert_uint_lt(i, n_jobs);
	ck_assert_msg(!c->done[i], "job %d goes on after it was done", (int)num(job, "id"));
	if (strcmp(str(job, "state"), "done") != 0) {
		ck_assert_msg(!strcmp(str(job, "state"), "queued") ||
				      !strcmp(str(job, "state"), "running"),
			      "job %d is %s: %s", (int)num(job, "id"), str(job, "state"),
			      str(job, "reason"));
		return;
	}
	c->done[i] = true;
	progress->done[c->number] = ++c->n_done;
}

static int on_job_changed(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error)
{
	const char *text;
	uint64_t id;

	ck_assert_int_ge(sd_bus_message_read(m, "ts", &id, &text), 0);
	take_state(userdata, text);
	return 0;
}

static void watch_all(struct client *c, sd_bus *bus)
{
	for (unsigned int i = 0; i < n_jobs; i++) {
		_cleanup_message_ sd_bus_message *reply = call(bus, "Watch", "t", c->ids[i]);
		const char *text;

		ck_assert_int_ge(sd_bus_message_read(reply, "s", &text), 0);
		take_state(c, text);
	}
	while (c->n_done < n_jobs) {
		int r = sd_bus_process(bus, NULL);

		ck_assert_msg(r >= 0, "client %u is not told any more: %s", c->number,
			      strerror(-r));
		if (r == 0)
			sd_bus_wait(bus, UINT64_MAX);
	}
}

static void be_client(void *argument)
{
	struct client c = { .number = *(unsigned int *)argument };
	_cleanup_bus_ sd_bus *bus = harness_connect(&h);

	ck_assert_int_ge(sd_bus_match_signal(bus, NULL, NULL, NULL, PBIT_INTERFACE, "JobChanged",
					     on_job_changed, &c),
			 0);
	for (unsigned int i = 0; i < n_jobs; i++) {
		uint64_t began = now_us();

		c.ids[i] = submit_named(bus, "quick");
		progress->submit_us[c.number * n_jobs + i] = now_us() - began;
		progress->submitted[c.number]++;
	}
	watch_all(&c, bus);
	for (unsigned int i = 0; i < n_jobs; i++) {
		json_t *job = show(bus, c.ids[i]);

		ck_assert_str_eq(str(job, "state"), "done");
		ck_assert_uint_eq(json_array_size(json_object_get(job, "results")), 1);
		json_decref(job);
	}
}

/* --- What is seen of it --- */

struct sample {
	double used[USERS]; /* s of device time */
	bool all_wait;	    /* each of the users has a job that waits */
};

static void take_sample(sd_bus *bus, struct sample *ret)
{
	_cleanup_message_ sd_bus_message *reply = call(bus, "Shares", "");
	_cleanup_json_ json_t *root = NULL;
	const char *text;
	json_t *user;
	size_t i;

	ck_assert_int_ge(sd_bus_message_read(reply, "s", &text), 0);
	root = json_loads(text, 0, NULL);
	*ret = (struct sample){ .all_wait = true };
	json_array_foreach(json_object_get(root, "users"), i, user) {
		int64_t k = num(user, "uid") - FIRST_USER;

		if (k < 0 || k >= USERS)
			continue;
		ck_assert_msg(fabs(real(user, "weight") - weights[k]) < 1e-9, "weight of %d",
			      (int)k);
		ret->used[k] = real(user, "usage_s");
		ret->all_wait &= num(user, "queued") > 0;
	}
}

static unsigned int sum(const volatile unsigned int *of)
{
	unsigned int n = 0;

	for (size_t i = 0; i < CLIENTS; i++)
		n += of[i];
	return n;
}

static void check_clients(const pid_t *clients)
{
	for (size_t i = 0; i < CLIENTS; i++) {
		siginfo_t info = { 0 };

		waitid(P_PID, (id_t)clients[i], &info, WEXITED | WNOHANG | WNOWAIT);
		ck_assert_msg(info.si_pid == 0 ||
				      (info.si_code == CLD_EXITED && info.si_status == 0),
			      "client %zu failed", i);
	}
}

/* Until there are so many, which the clients count. */
static void await(const volatile unsigned int *of, unsigned int n, const pid_t *clients)
{
	uint64_t end = now_us() + PATIENCE_S * 1000000ull;

	while (sum(of) < n) {
		check_clients(clients);
		ck_assert_msg(now_us() < end, "%u of %u", sum(of), n);
		usleep(SAMPLE_US);
	}
}

static void check_shares(const struct sample *s)
{
	double all = 0, weight = 0, jobs = CLIENTS * n_jobs, worst = 0;

	for (size_t i = 0; i < USERS; i++) {
		all += s->used[i];
		weight += weights[i];
	}
	printf("while all wait, %.2f s of device time:\n", all);
	for (size_t i = 0; i < USERS; i++) {
		double due = weights[i] / weight, share = s->used[i] / all, off = share / due - 1;
		/* In the window the heaviest user has all his jobs done, nearly. */
		double own = jobs / USERS * weights[i] / weights[USERS - 1];
		double allowed = TOLERANCE + (n_jobs == LONG_JOBS ? 0 : 2 / own);

		printf("  user %zu: weight %.1f, share %6.2f %%, due %6.2f %%, off by %+5.2f %%\n",
		       i, weights[i], 100 * share, 100 * due, 100 * off);
		worst = fmax(worst, fabs(off));
		ck_assert_msg(fabs(off) <= allowed, "user %zu: off by %.2f %%", i, 100 * off);
	}
	printf("  at most off by %.2f %%\n", 100 * worst);
}

/* The users' jobs, all of them and no others, as accounting has them. */
static void check_usage(sd_bus *bus)
{
	_cleanup_message_ sd_bus_message *reply = call(bus, "Usage", "sx", "", (int64_t)0);
	_cleanup_json_ json_t *root = NULL;
	const char *text;
	json_t *user;
	size_t i, n = 0;

	ck_assert_int_ge(sd_bus_message_read(reply, "s", &text), 0);
	root = json_loads(text, 0, NULL);
	json_array_foreach(json_object_get(root, "users"), i, user) {
		int64_t k = num(user, "uid") - FIRST_USER;

		if (k < 0 || k >= USERS)
			continue;
		ck_assert_int_eq(num(user, "jobs"), CLIENTS / USERS * n_jobs);
		n++;
	}
	ck_assert_uint_eq(n, USERS);
}

/* Jobs of somebody else on every slot, so that nobody's turn comes before all is in. */
static void block(sd_bus *bus, uint64_t *ids)
{
	for (size_t i = 0; i < SLOTS; i++) {
		ids[i] = submit_named(bus, "sleep");
		json_decref(await_state(bus, ids[i], "running"));
	}
}

static void unblock(sd_bus *bus, const uint64_t *ids)
{
	for (size_t i = 0; i < SLOTS; i++)
		sd_bus_message_unref(call(bus, "Cancel", "t", ids[i]));
}

START_TEST(all_finish_and_share)
{
	unsigned int numbers[CLIENTS], all = CLIENTS * n_jobs;
	_cleanup_bus_ sd_bus *bus = harness_connect(&h);
	struct sample now, last = { .all_wait = false };
	uint64_t blockers[SLOTS], began, submitted, ended;
	pid_t clients[CLIENTS];
	long before, most = 0;

	block(bus, blockers);
	before = resident_kib(h.daemon);
	began = now_us();
	for (unsigned int i = 0; i < CLIENTS; i++) {
		numbers[i] = i;
		clients[i] = start_as(FIRST_USER + i % USERS, be_client, &numbers[i]);
	}
	await(progress->submitted, all, clients);
	submitted = now_us();
	unblock(bus, blockers);
	for (uint64_t end = submitted + PATIENCE_S * 1000000ull; sum(progress->done) < all;) {
		take_sample(bus, &now);
		if (now.all_wait)
			last = now;
		most = MAX(most, resident_kib(h.daemon));
		check_clients(clients);
		ck_assert_msg(now_us() < end, "%u of %u jobs are done", sum(progress->done), all);
		usleep(SAMPLE_US);
	}
	ended = now_us();
	for (size_t i = 0; i < CLIENTS; i++)
		ck_assert_int_eq(harness_wait(clients[i]), 0);

	printf("%u clients of %u users, %u jobs: submitted in %.1f s (%.0f/s), done in %.1f s "
	       "(%.0f/s)\n",
	       CLIENTS, USERS, all, (double)(submitted - began) / 1e6,
	       all / ((double)(submitted - began) / 1e6), (double)(ended - submitted) / 1e6,
	       all / ((double)(ended - submitted) / 1e6));
	print_times("  Submit, one of 64", (uint64_t *)progress->submit_us, all);
	printf("memory of pbitd: %ld KiB before, %ld at most, %ld afterwards\n", before,
	       peak_kib(h.daemon), resident_kib(h.daemon));
	ck_assert(last.all_wait);
	check_shares(&last);
	check_usage(bus);
#ifndef __SANITIZE_ADDRESS__
	ck_assert_int_lt(MAX(most, peak_kib(h.daemon)) - before, MAX_COST_KIB);
#endif
	ck_assert_int_eq(harness_kill(&h, SIGTERM), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("load");
	TCase *t = tcase_create("load");

	if (!have_users("load"))
		return EXIT_SUCCESS;
	if (getenv("PBIT_TEST_LONG"))
		n_jobs = LONG_JOBS;
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 2 * PATIENCE_S);
	tcase_add_test(t, all_finish_and_share);
	suite_add_tcase(s, t);
	return run_suite(s);
}
