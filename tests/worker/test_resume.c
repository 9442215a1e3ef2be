/* SPDX-License-Identifier: MIT */
/*
 * Train jobs are stopped, killed and resumed in every way that the daemon may do it, and must come
 * out with the same bits.
 */
#include "job_support.h"

#include "../run_suite.h"

START_TEST(sigterm_and_resume)
{
	int whole = train_dir("whole", LONG, 2), cut = train_dir("cut", LONG, 2);

	run_to_done(whole);
	ck_assert_uint_gt(run_with_stops(cut, SIGTERM, 20000, 12), 1);
	check_same_training(whole, cut);
	close(whole);
	close(cut);
}
END_TEST

START_TEST(sigkill_and_resume)
{
	int whole = train_dir("whole", LONG, 2), cut = train_dir("cut", LONG, 2);

	run_to_done(whole);
	ck_assert_uint_gt(run_with_stops(cut, SIGKILL, 60000, 8), 0);
	check_same_training(whole, cut);
	close(whole);
	close(cut);
}
END_TEST

/* Stopped between judged epochs, and before there is any, when there is no model to keep yet. */
START_TEST(unjudged_epochs_and_resume)
{
	static const unsigned int every[] = { 7, 1000000 };
	int whole = judged_dir("whole", 60, every[_i / 2], 0.1);
	int cut = judged_dir("cut", 60, every[_i / 2], 0.1);
	int signo = _i % 2 ? SIGKILL : SIGTERM;

	run_to_done(whole);
	ck_assert_uint_gt(run_with_stops(cut, signo, signo == SIGTERM ? 20000 : 60000, 8), 0);
	check_same_training(whole, cut);
	close(whole);
	close(cut);
}
END_TEST

/* It goes on, and not from its start: at each start, the first epoch told is the last one or later. */
START_TEST(goes_on_before_any_epoch_is_judged)
{
	int dir = judged_dir("a", 1000000, 1000000, 0.1);
	char type[16], reason[512];
	json_int_t epoch = 0;

	for (unsigned int k = 0; k < 3; k++) {
		json_int_t before = epoch;
		struct run r;
		int status;

		start(&r, dir);
		while (epoch == before) {
			json_t *line = next_line(&r);

			ck_assert_ptr_nonnull(line);
			ck_assert_ptr_null(json_object_get(line, "loss"));
			epoch = json_integer_value(json_object_get(line, "epoch"));
			ck_assert_int_ge(epoch, before);
			json_decref(line);
		}
		kill(r.pid, SIGTERM);
		status = finish(&r, type, reason);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == WORKER_EXIT_STOPPED,
			      "status %x: %s", status, reason);
	}
	close(dir);
}
END_TEST

/*
 * Checkpoints from after the hypernetwork's training are used, whatever words the states of its
 * chains fill: with them but without its report, a job has nothing left to train.
 */
START_TEST(goes_on_after_training)
{
	static const struct {
		unsigned int hidden;
		bool references;
	} models[] = { { 64, false }, { 65, false }, { 63, true }, { 64, true } };
	char spec[1024], type[16], reason[512];
	unsigned int told = 0;
	json_t *line;
	struct run r;
	int dir;

	snprintf(spec, sizeof(spec),
		 "{\"kind\": \"train\", \"data\": {\"images\": \"i.npy\", \"labels\": "
		 "\"l.npy\"}, \"model\": {\"hidden\": %u, \"references\": %s}, \"device\": "
		 "{\"chains\": 4, \"sweeps\": 4}, \"optimizer\": {\"epochs\": 2, \"steps\": 2}, "
		 "\"baselines\": [\"separate\"], \"report\": {\"tau_sweeps\": 64, \"samples\": "
		 "1}}",
		 models[_i].hidden, models[_i].references ? "true" : "false");
	dir = spec_dir("a", spec, 1);
	run_to_done(dir);
	ck_assert_int_eq(unlinkat(dir, "out/report.json", 0), 0);
	start(&r, dir);
	while ((line = next_line(&r))) {
		ck_assert_ptr_null(json_object_get(line, "epoch"));
		told += json_object_get(line, "phase") != NULL;
		json_decref(line);
	}
	ck_assert_uint_gt(told, 0);
	finish(&r, type, reason);
	ck_assert_int_eq(faccessat(dir, "out/report.json", F_OK, 0), 0);
	close(dir);
}
END_TEST

/* AIS in place of exact sums: more than 22 p-bits in either layer. */
START_TEST(ais_and_resume)
{
	static const char more[] =
		", \"optimizer\": {\"epochs\": 12, \"steps\": 4}, \"baselines\": []";
	size_t shape[2] = { 40, 30 }, count[1] = { 40 };
	int dirs[2];

	for (unsigned int k = 0; k < 2; k++) {
		struct array images, labels;
		char spec[1024];

		dirs[k] = job_dir(k ? "cut" : "whole");
		ck_assert_int_eq(array_new(&images, DT_F32, 2, shape, NULL), 0);
		ck_assert_int_eq(array_new(&labels, DT_U8, 1, count, NULL), 0);
		for (size_t i = 0; i < images.count; i++)
			((float *)images.data)[i] = 16 * (float)splitmix_uniform(3, i);
		write_array(dirs[k], "input/0", &images);
		write_array(dirs[k], "input/1", &labels);
		snprintf(spec, sizeof(spec),
			 "{\"kind\": \"train\", \"data\": {\"images\": \"i.npy\", \"labels\": "
			 "\"l.npy\"}, \"model\": {\"hidden\": 24}, \"device\": {\"chains\": 4, "
			 "\"sweeps\": 4}, \"report\": {\"tau_sweeps\": 64, \"samples\": 1, "
			 "\"ais_chains\": 32, \"ais_betas\": 1000}%s}",
			 more);
		write_job(dirs[k], spec, TRAIN_INPUTS, 1);
	}
	run_to_done(dirs[0]);
	ck_assert_uint_gt(run_with_stops(dirs[1], SIGTERM, 10000, 5), 0);
	check_same_report(dirs[0], dirs[1]);
	check_same_metrics(dirs[0], dirs[1]);
	check_same_file(dirs[0], dirs[1], "out/model.safetensors");
	for (unsigned int k = 0; k < 2; k++) {
		json_t *report = load_report(dirs[k]), *loglik = json_object_get(report, "loglik");

		ck_assert_str_eq(json_string_value(json_object_get(loglik, "method")), "ais");
		ck_assert(json_is_number(
			json_object_get(json_object_get(loglik, "hypernetwork"), "error")));
		ck_assert(json_is_null(json_object_get(loglik, "separate")));
		json_decref(report);
		close(dirs[k]);
	}
}
END_TEST

/* Waits for the first line of progress, so that the job is under way. */
static void wait_until_running(struct run *r)
{
	json_t *line = next_line(r);

	ck_assert_ptr_nonnull(line);
	json_decref(line);
}

static void flip_byte(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDWR | O_CLOEXEC);
	uint8_t byte;

	if (fd < 0)
		return;
	ck_assert_int_eq(pread(fd, &byte, 1, 100), 1);
	byte ^= 0x10;
	ck_assert_int_eq(pwrite(fd, &byte, 1, 100), 1);
	close(fd);
}

/* One damaged: the other is used. Both: from the start. The result is the same. */
START_TEST(damaged_checkpoints)
{
	int whole = train_dir("whole", LONG, 2), cut = train_dir("cut", LONG, 2);
	char type[16], reason[512];
	struct run r;

	run_to_done(whole);
	start(&r, cut);
	wait_until_running(&r);
	usleep(60000);
	kill(r.pid, SIGTERM);
	finish(&r, type, reason);
	ck_assert_int_eq(faccessat(cut, "ckpt/1", F_OK, 0), 0);
	flip_byte(cut, "ckpt/1");
	if (_i)
		flip_byte(cut, "ckpt/0");
	run_to_done(cut);
	check_same_training(whole, cut);
	close(whole);
	close(cut);
}
END_TEST

/* metrics.jsonl went missing: what the checkpoints say of it cannot be had, so from the start. */
START_TEST(lost_metrics)
{
	int whole = train_dir("whole", LONG, 2), cut = train_dir("cut", LONG, 2);
	char type[16], reason[512];
	struct run r;

	run_to_done(whole);
	start(&r, cut);
	wait_until_running(&r);
	usleep(60000);
	kill(r.pid, SIGTERM);
	finish(&r, type, reason);
	ck_assert_int_eq(unlinkat(cut, "out/metrics.jsonl", 0), 0);
	run_to_done(cut);
	check_same_training(whole, cut);
	close(whole);
	close(cut);
}
END_TEST

/* A checkpoint of another seed's job is no start for this one. */
START_TEST(foreign_checkpoint)
{
	int whole = train_dir("whole", LONG, 2);
	int other = train_dir("other", LONG ", \"baselines\": [\"separate\"]", 2);
	char type[16], reason[512], path[2][96];
	struct run r;
	size_t size;
	char *buf;

	run_to_done(whole);
	start(&r, other);
	wait_until_running(&r);
	usleep(60000);
	kill(r.pid, SIGTERM);
	finish(&r, type, reason);
	/* The first job anew, with the second one's checkpoint in its directory. */
	buf = slurp(other, "ckpt/1", &size);
	snprintf(path[0], sizeof(path[0]), "%s/whole", root);
	snprintf(path[1], sizeof(path[1]), "%s/first", root);
	ck_assert_int_eq(rename(path[0], path[1]), 0);
	close(other);
	other = train_dir("whole", LONG, 2);
	ck_assert_int_eq(mkdirat(other, "ckpt", 0700), 0);
	write_file(other, "ckpt/1", buf, size);
	run_to_done(other);
	check_same_training(whole, other);
	free(buf);
	close(whole);
	close(other);
}
END_TEST

/*
 * A step of hours is left within a second or so; what is behind it stays, the torn step is done
 * again. Here the checkpoint is that of the start, so that a second stop finds nothing amiss.
 */
START_TEST(stops_within_a_long_step)
{
	int dir = train_dir("a", ", \"optimizer\": {\"epochs\": 1, \"steps\": 1}", 1);
	char type[16], reason[512];

	write_job(dir,
		  "{\"kind\": \"train\", \"data\": {\"images\": \"i.npy\", \"labels\": \"l.npy\"}, "
		  "\"device\": {\"chains\": 4096, \"sweeps\": 16000000}}",
		  TRAIN_INPUTS, 1);
	for (unsigned int k = 0; k < 2; k++) {
		struct run r;
		int status;

		start(&r, dir);
		usleep(100000);
		kill(r.pid, SIGTERM);
		status = finish(&r, type, reason);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == WORKER_EXIT_STOPPED,
			      "status %x: %s", status, reason);
	}
	close(dir);
}
END_TEST

/* The daemon died: nothing more is written, not even a checkpoint. */
START_TEST(leaves_when_the_daemon_is_gone)
{
	int dir = train_dir("a", ", \"optimizer\": {\"epochs\": 1000, \"steps\": 1000}", 1);
	struct run r;
	int status;

	start(&r, dir);
	wait_until_running(&r);
	close(r.fd);
	ck_assert_int_eq(waitpid(r.pid, &status, 0), r.pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), WORKER_EXIT_STOPPED);
	ck_assert_int_ne(faccessat(dir, "out/report.json", F_OK, 0), 0);
	close(dir);
}
END_TEST

/* Two workers of one job: the second waits for the first, but hears a stop request meanwhile. */
START_TEST(lock_is_waited_for)
{
	int dir = train_dir("a", "", 1);
	char type[16], reason[512];
	struct pollfd p;
	struct run r;
	int status;

	parents_lock = openat(dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_eq(flock(parents_lock, LOCK_EX), 0);
	start(&r, dir);
	p = (struct pollfd){ .fd = r.fd, .events = POLLIN };
	ck_assert_int_eq(poll(&p, 1, 200), 0);
	ck_assert_int_ne(faccessat(dir, "out", F_OK, 0), 0);
	kill(r.pid, SIGTERM);
	status = finish(&r, type, reason);
	ck_assert_int_eq(WEXITSTATUS(status), WORKER_EXIT_STOPPED);

	start(&r, dir);
	p.fd = r.fd;
	ck_assert_int_eq(poll(&p, 1, 100), 0);
	closep(&parents_lock);
	status = finish(&r, type, reason);
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	ck_assert_str_eq(type, "done");
	close(dir);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("resume");
	TCase *t = tcase_create("resume");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, make_root, remove_root);
	tcase_add_test(t, sigterm_and_resume);
	tcase_add_test(t, sigkill_and_resume);
	tcase_add_loop_test(t, unjudged_epochs_and_resume, 0, 4);
	tcase_add_test(t, goes_on_before_any_epoch_is_judged);
	tcase_add_loop_test(t, goes_on_after_training, 0, 4);
	tcase_add_test(t, ais_and_resume);
	tcase_add_loop_test(t, damaged_checkpoints, 0, 2);
	tcase_add_test(t, lost_metrics);
	tcase_add_test(t, foreign_checkpoint);
	tcase_add_test(t, stops_within_a_long_step);
	tcase_add_test(t, leaves_when_the_daemon_is_gone);
	tcase_add_test(t, lock_is_waited_for);
	suite_add_tcase(s, t);
	return run_suite(s);
}
