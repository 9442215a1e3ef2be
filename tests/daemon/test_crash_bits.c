// SPDX-License-Identifier: MIT
/*
 * kill -9 of the daemon at random moments of a busy queue of real jobs, which are submitted, held,
 * released and cancelled meanwhile. Each job that was acknowledged ends once, and with the results
 * of an undisturbed run, to the bit; each that was cancelled, and this acknowledged, stays so.
 *
 * PBIT_TEST_LONG has 500 kills.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "harness.h"
#include "real_jobs.h"
#include "users.h"

#define LONG_ROUNDS  500
#define SUBMISSIONS  2 /* a round, at most */
#define MAX_DELAY_US 300000
#define AMBUSH	     4 /* one round in so many */
/* Under the sanitizers, which look for other mistakes, some will do. */
#ifdef __SANITIZE_ADDRESS__
#define ROUNDS 6
#else
#define ROUNDS 25
#endif

static struct harness h;
static char *worker;

struct job_record {
	uint64_t id;
	unsigned int spec;
	bool cancel_asked, cancelled;
};

static struct {
	struct job_record jobs[LONG_ROUNDS * SUBMISSIONS];
	size_t n, asked; /* asked: acknowledged or not */
	size_t kills, held, cancelled;
} record;

static void setup(void)
{
	harness_new(&h);
	worker = harness_program("bin/pbit-worker");
	real_jobs_begin();
}

static void teardown(void)
{
	real_jobs_end();
	harness_free(&h);
	free(worker);
}

/* --- The storm --- */

/*
 * The daemon finds a submission and is killed before its answer, at once or so soon that some of
 * the work is done: it stands still while the call is made.
 */
static pid_t start_ambush(useconds_t delay)
{
	pid_t pid;

	ck_assert_int_eq(kill(h.daemon, SIGSTOP), 0);
	pid = fork();
	if (pid == 0) {
		usleep(20000); /* for the call to be under way */
		if (delay) {
			kill(h.daemon, SIGCONT);
			usleep(delay);
		}
		kill(h.daemon, SIGKILL);
		_exit(0);
	}
	return pid;
}

/* False: the daemon did not answer. That the job has ended meanwhile is an answer. */
static bool ask(sd_bus *bus, const char *method, uint64_t id, bool *ret_done)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int r = sd_bus_call_method(bus, NULL, PBIT_PATH, PBIT_INTERFACE, method, &error, NULL, "t",
				   id);
	bool ended = error.name && !strcmp(error.name, PBIT_ERROR_ENDED);

	sd_bus_error_free(&error);
	*ret_done = r >= 0;
	return r >= 0 || ended;
}

static bool submit_one(sd_bus *bus, uint64_t *x)
{
	struct job_record *j = &record.jobs[record.n];
	sd_bus_error error = SD_BUS_ERROR_NULL;
	unsigned int spec = (unsigned int)(next_random(x) % REAL_JOBS);
	char name[16];
	int r;

	record.asked++;
	/* By which a job is known whose answer did not come. */
	snprintf(name, sizeof(name), "%u", spec);
	r = real_jobs_submit(bus, spec, name, &j->id, &error);
	sd_bus_error_free(&error);
	if (r < 0)
		return false;
	j->spec = spec;
	record.n++;
	return true;
}

/* A running one is checkpointed by it, and goes on from there, which may be after the next kill. */
static bool hold_one(sd_bus *bus, uint64_t id)
{
	bool done;

	if (!ask(bus, "Hold", id, &done))
		return false;
	record.held += done;
	return ask(bus, "Release", id, &done);
}

static bool cancel_one(sd_bus *bus, struct job_record *j)
{
	bool done, answered;

	j->cancel_asked = true;
	answered = ask(bus, "Cancel", j->id, &done);
	j->cancelled |= done;
	record.cancelled += done;
	return answered;
}

/* One of those that came last: they are those that wait or run. */
static struct job_record *pick(uint64_t *x)
{
	size_t back = MIN(record.n, (size_t)12);

	return back ? &record.jobs[record.n - 1 - next_random(x) % back] : NULL;
}

static void disturb(sd_bus *bus, uint64_t *x)
{
	for (unsigned int i = 0, submitted = 0;; i++) {
		struct job_record *j = pick(x);
		bool answered = true, done;

		if (submitted < SUBMISSIONS && next_random(x) % 2) {
			answered = submit_one(bus, x);
			submitted++;
		} else if (j && next_random(x) % 64 == 0) {
			answered = cancel_one(bus, j);
		} else if (j && next_random(x) % 4 == 0) {
			answered = hold_one(bus, j->id);
		} else if (j) {
			answered = ask(bus, "Show", j->id, &done);
		}
		if (!answered)
			return;
		usleep(3000);
	}
}

static void storm(unsigned int rounds)
{
	uint64_t x = 20240607;

	for (unsigned int round = 0; round < rounds; round++) {
		_cleanup_bus_ sd_bus *client = NULL;
		pid_t killer;

		harness_start(&h, "--jobs", "2", "--worker", worker, NULL);
		client = harness_connect(&h);
		if (round % AMBUSH == AMBUSH - 1) {
			bool whole = round % (2 * AMBUSH) == AMBUSH - 1;

			killer = start_ambush(whole ? 0 : (useconds_t)(next_random(&x) % 1500));
			for (int i = 0; i < SUBMISSIONS && submit_one(client, &x); i++)
				;
		} else {
			killer = harness_start_killer(&h,
						      (useconds_t)(next_random(&x) % MAX_DELAY_US));
			disturb(client, &x);
		}
		harness_killed(&h, killer, round);
		record.kills++;
	}
}

/* --- Afterwards --- */

/* How often the daemon said that the job has ended: of all the daemons that there were. */
static void count_ends(unsigned int *ends, size_t n)
{
	char path[96], line[2048];
	FILE *f;

	snprintf(path, sizeof(path), "%s/log", h.root);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		unsigned long id;

		if (sscanf(line, "pbitd: job %lu ", &id) == 1 && id < n &&
		    (strstr(line, ": is done") || strstr(line, ": is cancelled") ||
		     strstr(line, ": failed")))
			ends[id]++;
	}
	fclose(f);
}

static const struct job_record *find(uint64_t id)
{
	for (size_t i = 0; i < record.n; i++)
		if (record.jobs[i].id == id)
			return &record.jobs[i];
	return NULL;
}

/* A hold that was not released, for its daemon died, is the last thing that keeps a job. */
static json_t *await_end(sd_bus *bus, uint64_t id)
{
	for (int i = 0; i < 20000; i++) {
		json_t *job = show(bus, id);
		const char *state = str(job, "state");

		if (strcmp(state, "queued") != 0 && strcmp(state, "running") != 0)
			return job;
		if (*str(job, "held"))
			sd_bus_message_unref(call(bus, "Release", "t", id));
		json_decref(job);
		usleep(20000);
	}
	ck_abort_msg("job %d does not end", (int)id);
	return NULL;
}

/* Returns how many times it was started. */
static int64_t check_job(sd_bus *bus, uint64_t id)
{
	const struct job_record *j = find(id);
	json_t *job = await_end(bus, id);
	const char *state = str(job, "state");
	bool may_cancel = j && j->cancel_asked;
	int64_t resumes = num(job, "resumes");

	if (j && j->cancelled)
		ck_assert_msg(!strcmp(state, "cancelled"), "job %d was cancelled, and is %s",
			      (int)id, state);
	if (strcmp(state, "done") != 0) {
		ck_assert_msg(may_cancel && !strcmp(state, "cancelled"), "job %d is %s: %s",
			      (int)id, state, str(job, "reason"));
	} else {
		unsigned int spec = (unsigned int)atoi(str(job, "name"));

		if (j)
			ck_assert_uint_eq(spec, j->spec);
		real_jobs_check(bus, id, spec);
	}
	json_decref(job);
	return resumes;
}

START_TEST(every_job_ends_once_with_its_bits)
{
	unsigned int rounds = getenv("PBIT_TEST_LONG") ? LONG_ROUNDS : ROUNDS;
	static unsigned int ends[LONG_ROUNDS * SUBMISSIONS + REAL_JOBS + 1];
	_cleanup_bus_ sd_bus *bus = NULL;
	size_t last = 0, jobs = 0, twice = 0;
	int64_t resumes = 0;

	real_jobs_run_undisturbed(&h);
	storm(rounds);
	harness_start(&h, "--jobs", "2", "--worker", worker, NULL);
	bus = harness_connect(&h);
	/* Ids without a gap: those that were acknowledged, and those whose answer was killed. */
	for (uint64_t id = REAL_JOBS + 1; id <= REAL_JOBS + record.asked; id++) {
		sd_bus_error error = SD_BUS_ERROR_NULL;
		int r = sd_bus_call_method(bus, NULL, PBIT_PATH, PBIT_INTERFACE, "Show", &error,
					   NULL, "t", id);

		sd_bus_error_free(&error);
		if (r < 0) {
			ck_assert_msg(!find(id), "job %d is lost", (int)id);
			continue;
		}
		resumes += check_job(bus, id);
		jobs++;
		last = (size_t)id;
	}
	ck_assert_uint_ge(jobs, record.n);
	count_ends(ends, ARRAY_SIZE(ends));
	for (size_t id = 1; id <= last; id++)
		twice += ends[id] > 1;
	printf("%zu kills, %zu jobs asked for, %zu acknowledged, %zu there: %zu cancelled, %zu holds, "
	       "%d starts over; %zu ended twice\n",
	       record.kills, record.asked, record.n, jobs, record.cancelled, record.held,
	       (int)resumes, twice);
	ck_assert_uint_eq(twice, 0);
	/* It was a storm: kills came between calls and within them, and while jobs ran. */
	ck_assert_uint_lt(record.n, record.asked);
	ck_assert_int_gt(resumes, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("crash_bits");
	TCase *t = tcase_create("crash_bits");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 3000);
	tcase_add_test(t, every_job_ends_once_with_its_bits);
	suite_add_tcase(s, t);
	return run_suite(s);
}
