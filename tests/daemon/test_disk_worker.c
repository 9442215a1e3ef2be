// SPDX-License-Identifier: MIT
/*
 * Disk full, read-only and broken, at every write of the worker: the Nth call of pbit-worker that
 * changes a file fails, for N = 1, 2, ... until none is left to fail. The job fails with a sentence
 * that says so, or is done with the bits of an undisturbed run; it is never done with others, and
 * the daemon serves on. Some jobs are held in the middle, so that checkpoints are among the writes.
 *
 * In turn, the fault is a full disk, a broken one and one that is read-only, and strikes once or
 * stays; PBIT_TEST_LONG has each of these for each N, and otherwise every fifth N will do.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "fake_disk.h"
#include "harness.h"
#include "real_jobs.h"

#define MAX_N	500
#define MODES	6
#define KINDS	16
#define SAMPLES 0 /* of the real jobs, one of each kind */
#define TRAINS	1
#ifdef __SANITIZE_ADDRESS__
#define STRIDE 25
#else
#define STRIDE 5 /* shares no factor with MODES */
#endif

static const struct {
	int error;
	bool for_good;
	const char *text;
} modes[MODES] = {
	{ ENOSPC, false, "No space left" },	   { EIO, false, "Input/output error" },
	{ EROFS, false, "Read-only file system" }, { EIO, true, "Input/output error" },
	{ ENOSPC, true, "No space left" },	   { EROFS, true, "Read-only file system" },
};

static struct harness h;
static char *worker;

/* What became of the runs, to be shown. */
static struct {
	unsigned int runs, failed, done;
	int calls; /* of one run of the worker, at most */
	struct {
		char name[FAKE_DISK_NAME];
		unsigned int n;
	} kinds[KINDS];
} seen;

static void setup(void)
{
	memset(&seen, 0, sizeof(seen));
	harness_new(&h);
	worker = harness_program("tests/daemon/worker_on_fake_disk");
	real_jobs_begin();
	real_jobs_run_undisturbed(&h);
	harness_start(&h, "--jobs", "2", "--worker", worker, NULL);
}

static void teardown(void)
{
	real_jobs_end();
	harness_free(&h);
	free(worker);
}

static void count_kind(const char *which)
{
	size_t i = 0;

	while (i < KINDS - 1 && seen.kinds[i].n > 0 && strcmp(seen.kinds[i].name, which) != 0)
		i++;
	snprintf(seen.kinds[i].name, sizeof(seen.kinds[i].name), "%s", which);
	seen.kinds[i].n++;
}

static void print_seen(const char *what)
{
	printf("%s: %d calls, %u runs, %u jobs failed, %u were done all the same; first to fail:",
	       what, seen.calls, seen.runs, seen.failed, seen.done);
	for (size_t i = 0; i < KINDS && seen.kinds[i].n > 0; i++)
		printf(" %s %u", seen.kinds[i].name, seen.kinds[i].n);
	printf("\n");
}

/* Whether a call was made to fail, as the worker's runs say in the job's log. */
static bool struck(sd_bus *bus, uint64_t id)
{
	_cleanup_message_ sd_bus_message *reply = call(bus, "Log", "t", id);
	char text[65536], which[FAKE_DISK_NAME];
	bool any = false, said = false;
	ssize_t n;
	int fd;

	ck_assert_int_ge(sd_bus_message_read(reply, "h", &fd), 0);
	n = pread(fd, text, sizeof(text) - 1, 0);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	for (const char *at = text; (at = strstr(at, "disk: ")); at++) {
		int calls, failed;

		if (sscanf(at, "disk: %d calls, %d failed, first %31s", &calls, &failed, which) !=
		    3)
			continue;
		said = true;
		seen.calls = MAX(seen.calls, calls);
		if (failed > 0 && !any)
			count_kind(which);
		any |= failed > 0;
	}
	ck_assert_msg(said, "the worker's disk was not a fake one: %s", text);
	return any;
}

/* Stopped at its next checkpoint, where it still runs, and on again. */
static void hold_and_release(sd_bus *bus, uint64_t id)
{
	for (int i = 0; i < 2; i++) {
		sd_bus_error error = SD_BUS_ERROR_NULL;
		int r = sd_bus_call_method(bus, NULL, PBIT_PATH, PBIT_INTERFACE,
					   i ? "Release" : "Hold", &error, NULL, "t", id);

		ck_assert_msg(r >= 0 || sd_bus_error_has_name(&error, PBIT_ERROR_ENDED), "%s",
			      error.message);
		sd_bus_error_free(&error);
		while (i == 0 && r >= 0) {
			json_t *job = show(bus, id);
			bool runs = !strcmp(str(job, "state"), "running");

			json_decref(job);
			if (!runs)
				break;
			usleep(5000);
		}
	}
}

static json_t *await_end(sd_bus *bus, uint64_t id)
{
	for (int i = 0; i < 20000; i++) {
		json_t *job = show(bus, id);
		const char *state = str(job, "state");

		if (strcmp(state, "queued") != 0 && strcmp(state, "running") != 0)
			return job;
		json_decref(job);
		usleep(5000);
	}
	ck_abort_msg("job %d does not end", (int)id);
	return NULL;
}

/* One job whose Nth call fails. False: it made fewer calls. */
static bool turn(sd_bus *bus, unsigned int number, int n, int mode, bool hold)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	char name[64];
	uint64_t id;
	json_t *job;
	bool hit;
	int r;

	snprintf(name, sizeof(name), "disk %d %d %d", n, modes[mode].error, modes[mode].for_good);
	r = real_jobs_submit(bus, number, name, &id, &error);
	ck_assert_msg(r >= 0, "%s", error.message);
	if (hold) {
		usleep((useconds_t)(20000 + 5000 * (n % 8)));
		hold_and_release(bus, id);
	}
	job = await_end(bus, id);
	hit = struck(bus, id);
	seen.runs++;
	if (!strcmp(str(job, "state"), "done")) {
		real_jobs_check(bus, id, number);
		seen.done += hit;
	} else {
		ck_assert_msg(hit && !strcmp(str(job, "state"), "failed") &&
				      strstr(str(job, "reason"), modes[mode].text),
			      "N %d: job %d is %s: %s", n, (int)id, str(job, "state"),
			      str(job, "reason"));
		seen.failed++;
	}
	json_decref(job);
	return hit;
}

static void every_write(const char *what, unsigned int number, bool hold)
{
	bool all = getenv("PBIT_TEST_LONG") != NULL, hit = true;
	_cleanup_bus_ sd_bus *bus = harness_connect(&h);
	int n, stride = all ? 1 : STRIDE;

	for (n = 1; hit; n += stride) {
		ck_assert_int_lt(n, MAX_N);
		hit = false;
		for (int mode = all ? 0 : n % MODES; mode < (all ? MODES : n % MODES + 1); mode++)
			hit |= turn(bus, number, n, mode, hold);
	}
	print_seen(what);
	/* It was a whole job that was taken apart, and faults were not passed over. */
	ck_assert_int_gt(n, 50);
	ck_assert_uint_gt(seen.failed, 0);
}

START_TEST(sample)
{
	every_write("sample", SAMPLES, false);
}
END_TEST

START_TEST(train)
{
	every_write("train", TRAINS, false);
}
END_TEST

START_TEST(train_with_checkpoints)
{
	every_write("train, held in the middle", TRAINS + 4, true);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("disk_worker");
	TCase *t = tcase_create("disk_worker");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 1500);
	tcase_add_test(t, sample);
	tcase_add_test(t, train);
	tcase_add_test(t, train_with_checkpoints);
	suite_add_tcase(s, t);
	return run_suite(s);
}
