/* SPDX-License-Identifier: MIT */
/*
 * The worker as a process: a job directory, a socket, an exit status. Jobs are stopped, killed and
 * resumed in every way that the daemon may do it, and must come out with the same bits.
 */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "npy.h"
#include "protocol.h"
#include "safetensors.h"
#include "splitmix.h"
#include "worker.h"

#define PIXELS 9
#define COUNT  120

static char root[64];

static void make_root(void)
{
	snprintf(root, sizeof(root), "/tmp/test-worker-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static void remove_root(void)
{
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- job directories ---- */

static int job_dir(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/%s/input", root, name);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/%s", root, name);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static void write_file(int dir, const char *name, const void *buf, size_t size)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write_full(fd, buf, size), 0);
	close(fd);
}

static void write_array(int dir, const char *name, struct array *a)
{
	size_t size;
	void *buf;

	ck_assert_int_eq(npy_encode(a, &buf, &size, NULL), 0);
	write_file(dir, name, buf, size);
	free(buf);
	array_free(a);
}

static void write_job(int dir, const char *spec, const char *inputs, int threads)
{
	char text[4096];

	snprintf(text, sizeof(text), "{\"id\": 7, \"spec\": %s, \"inputs\": %s, \"threads\": %d}",
		 spec, inputs, threads);
	write_file(dir, "job.json", text, strlen(text));
}

#define TRAIN_INPUTS "{\"i.npy\": \"input/0\", \"l.npy\": \"input/1\"}"

/* Bright rows (class 0) and columns (class 1) of 3 x 3 pixels, a few of them flipped. */
static void write_images(int dir, size_t labels_count)
{
	size_t shape[3] = { COUNT, 3, 3 }, count[1] = { labels_count };
	struct array images, labels;

	ck_assert_int_eq(array_new(&images, DT_U8, 3, shape, NULL), 0);
	ck_assert_int_eq(array_new(&labels, DT_I32, 1, count, NULL), 0);
	for (size_t k = 0; k < COUNT * PIXELS; k++) {
		size_t image = k / PIXELS, pixel = k % PIXELS, line = splitmix_below(1, image, 3);
		bool on = (image % 2 ? pixel % 3 : pixel / 3) == line;

		on ^= splitmix_uniform(2, k) < 0.03;
		((uint8_t *)images.data)[k] = on ? 16 : 0;
	}
	for (size_t k = 0; k < labels_count; k++)
		((int32_t *)labels.data)[k] = (int32_t)(k % 2);
	write_array(dir, "input/0", &images);
	write_array(dir, "input/1", &labels);
}

/* more: further members of the spec, each with a comma before it. */
static int train_dir(const char *name, const char *more, int threads)
{
	int dir = job_dir(name);
	char spec[2048];

	snprintf(spec, sizeof(spec),
		 "{\"kind\": \"train\", \"seed\": 3, \"data\": {\"images\": \"i.npy\", "
		 "\"labels\": \"l.npy\"}, \"model\": {\"hidden\": 3, \"layers\": [4]}, "
		 "\"device\": {\"chains\": 16, \"sweeps\": 8}, \"report\": {\"tau_sweeps\": 256, "
		 "\"samples\": 3, \"ais_chains\": 16, \"ais_betas\": 50}%s}",
		 more);
	write_images(dir, COUNT);
	write_job(dir, spec, TRAIN_INPUTS, threads);
	return dir;
}

/* ---- running it ---- */

struct run {
	pid_t pid;
	int fd; /* the daemon's end */
	char line[WORKER_MAX_LINE];
	size_t used;
};

/* For the worker alone: Check writes files of its own. */
static rlim_t file_limit = RLIM_INFINITY;
static int parents_lock = -1;

static void start(struct run *r, int dir)
{
	int pair[2];

	*r = (struct run){ 0 };
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	r->pid = fork();
	ck_assert_int_ge(r->pid, 0);
	if (r->pid == 0) {
		struct rlimit limit = { file_limit, file_limit };

		close(pair[0]);
		closep(&parents_lock);
		if (file_limit != RLIM_INFINITY && setrlimit(RLIMIT_FSIZE, &limit) < 0)
			_exit(99);
		_exit(worker_run(dir, pair[1]));
	}
	close(pair[1]);
	r->fd = pair[0];
}

/* The next line, or NULL at the end. */
static json_t *next_line(struct run *r)
{
	for (;;) {
		char *end = memchr(r->line, '\n', r->used);
		json_t *object;
		size_t size;
		ssize_t k;

		if (end) {
			size = (size_t)(end - r->line) + 1;
			object = json_loadb(r->line, size, 0, NULL);
			ck_assert_ptr_nonnull(object);
			memmove(r->line, r->line + size, r->used - size);
			r->used -= size;
			return object;
		}
		ck_assert_uint_lt(r->used, sizeof(r->line));
		k = read(r->fd, r->line + r->used, sizeof(r->line) - r->used);
		if (k <= 0)
			return NULL;
		r->used += (size_t)k;
	}
}

/* Reads to the end; the last line's type and, if it failed, the reason. Returns the wait status. */
static int finish(struct run *r, char type[16], char reason[512])
{
	double before = 0;
	json_t *line;
	int status;

	strcpy(type, "");
	strcpy(reason, "");
	while ((line = next_line(r))) {
		const char *t = json_string_value(json_object_get(line, "type"));
		const char *why = json_string_value(json_object_get(line, "reason"));
		double p = json_number_value(json_object_get(line, "progress"));

		ck_assert_ptr_nonnull(t);
		snprintf(type, 16, "%s", t);
		if (why)
			snprintf(reason, 512, "%s", why);
		if (!strcmp(t, "progress")) {
			ck_assert_double_ge(p, before);
			ck_assert_double_le(p, 1);
			before = p;
		}
		json_decref(line);
	}
	ck_assert_int_eq(waitpid(r->pid, &status, 0), r->pid);
	close(r->fd);
	return status;
}

static void run_to_done(int dir)
{
	char type[16], reason[512];
	struct run r;
	int status;

	start(&r, dir);
	status = finish(&r, type, reason);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x: %s", status,
		      reason);
	ck_assert_str_eq(type, "done");
}

static void run_to_failure(int dir, const char *expected)
{
	char type[16], reason[512];
	struct run r;
	int status;

	start(&r, dir);
	status = finish(&r, type, reason);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 1);
	ck_assert_str_eq(type, "failed");
	ck_assert_msg(strstr(reason, expected) != NULL, "'%s' lacks '%s'", reason, expected);
	ck_assert_ptr_null(strchr(reason, '\n'));
}

/* ---- comparing results ---- */

static char *slurp(int dir, const char *name, size_t *ret_size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *buf;

	ck_assert_msg(fd >= 0, "%s is missing", name);
	ck_assert_int_eq(fstat(fd, &st), 0);
	buf = calloc((size_t)st.st_size + 1, 1);
	ck_assert_int_eq(read_full(fd, buf, (size_t)st.st_size), 0);
	close(fd);
	*ret_size = (size_t)st.st_size;
	return buf;
}

static json_t *load_report(int dir)
{
	size_t size;
	char *text = slurp(dir, "out/report.json", &size);
	json_t *report = json_loads(text, 0, NULL);

	free(text);
	ck_assert_ptr_nonnull(report);
	return report;
}

static void check_same_file(int a, int b, const char *name)
{
	size_t size_a, size_b;
	char *x = slurp(a, name, &size_a), *y = slurp(b, name, &size_b);

	ck_assert_msg(size_a == size_b && !memcmp(x, y, size_a), "%s differs", name);
	free(x);
	free(y);
}

static void check_same_metrics(int a, int b)
{
	size_t size;
	char *x = slurp(a, "out/metrics.jsonl", &size), *y = slurp(b, "out/metrics.jsonl", &size);
	char *rest_x = x, *rest_y = y, *line_x, *line_y;

	while ((line_x = strsep(&rest_x, "\n"))) {
		json_t *p = json_loads(line_x, 0, NULL), *q;

		line_y = strsep(&rest_y, "\n");
		ck_assert_ptr_nonnull(line_y);
		q = json_loads(line_y, 0, NULL);
		json_object_del(p, "seconds");
		json_object_del(q, "seconds");
		ck_assert_msg(json_equal(p, q) || (!p && !q), "%s\n%s", line_x, line_y);
		json_decref(p);
		json_decref(q);
	}
	ck_assert_ptr_null(strsep(&rest_y, "\n"));
	free(x);
	free(y);
}

static void check_same_report(int a, int b)
{
	static const char *const timing[] = { "timing", "seconds", "flips_per_ns" };
	json_t *x = load_report(a), *y = load_report(b);

	for (size_t k = 0; k < ARRAY_SIZE(timing); k++) {
		json_object_del(x, timing[k]);
		json_object_del(y, timing[k]);
	}
	json_object_del(json_object_get(x, "device"), "threads");
	json_object_del(json_object_get(y, "device"), "threads");
	ck_assert(json_equal(x, y));
	json_decref(x);
	json_decref(y);
}

static void check_same_training(int a, int b)
{
	check_same_report(a, b);
	check_same_metrics(a, b);
	check_same_file(a, b, "out/samples.npy");
	check_same_file(a, b, "out/picture.png");
	check_same_file(a, b, "out/model.safetensors");
	check_same_file(a, b, "out/separate.safetensors");
}

#define LONG ", \"optimizer\": {\"epochs\": 30, \"steps\": 20, \"batch\": 17}"

/* ---- train jobs ---- */

static double number_at(const json_t *report, const char *section, const char *key)
{
	json_t *x = json_object_get(json_object_get(report, section), key);

	ck_assert_msg(json_is_number(x), "%s.%s is not a number", section, key);
	return json_number_value(x);
}

START_TEST(train_leaves_its_results)
{
	static const char *const keys[] = {
		"kind", "name",	  "seed",   "spec",   "model",	 "loglik", "reconstruction_error",
		"mixing", "epochs", "device", "energy", "timing", "picture"
	};
	int dir = train_dir("a", ", \"optimizer\": {\"epochs\": 6, \"steps\": 30, \"rate\": 0.05}",
			    1);
	json_t *report, *loglik;
	struct safetensors s;
	int fd;

	run_to_done(dir);
	report = load_report(dir);
	for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
		ck_assert_msg(json_object_get(report, keys[k]) != NULL, "no %s", keys[k]);
	loglik = json_object_get(report, "loglik");
	ck_assert_str_eq(json_string_value(json_object_get(loglik, "method")), "exact");
	/* Rows and columns are what independent pixels cannot say. */
	ck_assert_double_gt(number_at(report, "loglik", "gain_over_independent"), 0.5);
	ck_assert_uint_eq(json_array_size(json_object_get(report, "epochs")), 6);
	ck_assert_double_gt(number_at(report, "energy", "flips"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(report, "mixing"),
							   "a7")),
			 "not verifiable");
	json_decref(report);

	fd = openat(dir, "out/model.safetensors", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(safetensors_read(fd, "model", &s, NULL), 0);
	ck_assert_ptr_nonnull(safetensors_get(&s, "couplings"));
	ck_assert_uint_eq(safetensors_get(&s, "couplings")->shape[1], PIXELS + 1);
	ck_assert_uint_eq(safetensors_get(&s, "couplings")->shape[2], 3 + 1);
	ck_assert_ptr_nonnull(safetensors_get(&s, "layer.1.bias"));
	safetensors_free(&s);
	close(fd);
	close(dir);
}
END_TEST

START_TEST(threads_do_not_show)
{
	int one = train_dir("one", LONG, 1), two = train_dir("two", LONG, 2);

	run_to_done(one);
	run_to_done(two);
	check_same_training(one, two);
	close(one);
	close(two);
}
END_TEST

/* Stops it after a while that grows, and goes on, until it is through. Returns how often. */
static unsigned int run_with_stops(int dir, int signo, useconds_t pause, unsigned int most)
{
	char type[16], reason[512];
	unsigned int stops;

	for (stops = 0;; stops++) {
		struct run r;
		int status;

		start(&r, dir);
		if (stops < most) {
			usleep(pause + pause / 4 * (stops % 7));
			kill(r.pid, signo);
		}
		status = finish(&r, type, reason);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			return stops;
		if (signo == SIGTERM)
			ck_assert_msg(WIFEXITED(status) &&
					      WEXITSTATUS(status) == WORKER_EXIT_STOPPED,
				      "status %x: %s", status, reason);
		else
			ck_assert(WIFSIGNALED(status));
	}
}

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
			 "\"ais_chains\": 32, \"ais_betas\": 100}%s}",
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
		ck_assert(json_is_number(json_object_get(json_object_get(loglik, "hypernetwork"),
							 "error")));
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

/* ---- what goes wrong ---- */

START_TEST(bad_input_fails_with_a_reason)
{
	int dir = job_dir("a");

	run_to_failure(dir, "job.json");
	write_file(dir, "job.json", "{\"id\": 1", 8);
	run_to_failure(dir, "job.json");
	write_file(dir, "job.json", "{\"id\": 1}", 9);
	run_to_failure(dir, "spec");
	write_job(dir, "{\"kind\": \"train\", \"dat\": 1}", "{}", 1);
	run_to_failure(dir, "dat");
	write_job(dir, "{\"kind\": \"train\", \"data\": {\"images\": \"i.npy\"}}", TRAIN_INPUTS, 1);
	run_to_failure(dir, "i.npy");
	write_images(dir, COUNT - 1);
	write_job(dir,
		  "{\"kind\": \"train\", \"data\": {\"images\": \"i.npy\", \"labels\": \"l.npy\"}}",
		  TRAIN_INPUTS, 1);
	run_to_failure(dir, "l.npy");
	write_file(dir, "input/0", "\x93NUMPY\x01", 7);
	run_to_failure(dir, "i.npy");
	close(dir);
}
END_TEST

/* A full disk, played by a limit on file sizes. */
START_TEST(full_disk_fails_with_a_reason)
{
	int dir = train_dir("a", "", 1);

	file_limit = 300;
	run_to_failure(dir, "cannot write");
	close(dir);
}
END_TEST

START_TEST(unwritable_directory_fails_with_a_reason)
{
	int dir = train_dir("a", "", 1);

	/* A file in out's place stops even root. */
	write_file(dir, "out", "", 0);
	run_to_failure(dir, "out/");
	close(dir);
}
END_TEST

START_TEST(too_large_for_the_machine)
{
	int dir = train_dir("a", ", \"name\": \"large\"", 1);

	write_job(dir,
		  "{\"kind\": \"train\", \"data\": {\"images\": \"i.npy\", \"labels\": \"l.npy\"}, "
		  "\"model\": {\"hidden\": 16384}}",
		  TRAIN_INPUTS, 1);
	run_to_failure(dir, "fewer");
	close(dir);
}
END_TEST

/* ---- sample jobs ---- */

static int sample_dir(const char *name, const char *device, const char *more)
{
	static const int8_t w[6] = { 40, -30, 20, 25, -35, 50 };
	int dir = job_dir(name);
	size_t shape[2] = { 3, 2 };
	struct array W;
	char spec[1024];

	ck_assert_int_eq(array_new(&W, DT_I8, 2, shape, NULL), 0);
	memcpy(W.data, w, sizeof(w));
	write_array(dir, "input/0", &W);
	snprintf(spec, sizeof(spec),
		 "{\"kind\": \"sample\", \"model\": \"W.npy\", \"device\": {\"scale\": 0.03125, %s}"
		 "%s}",
		 device, more);
	write_job(dir, spec, "{\"W.npy\": \"input/0\"}", 2);
	return dir;
}

static void load_array(int dir, const char *name, struct array *a)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "%s is missing", name);
	ck_assert_int_eq(npy_read(fd, name, a, NULL), 0);
	close(fd);
}

/* <v_i h_j> by enumeration of the 32 states. */
static void exact_moments(double vh[6])
{
	static const int8_t w[6] = { 40, -30, 20, 25, -35, 50 };
	double z = 0;

	memset(vh, 0, 6 * sizeof(*vh));
	for (unsigned int s = 0; s < 32; s++) {
		double energy = 0, p;

		for (unsigned int k = 0; k < 6; k++)
			energy -= w[k] / 32.0 * (s >> (k / 2) & 1 ? 1 : -1) *
				  (s >> (3 + k % 2) & 1 ? 1 : -1);
		p = exp(-energy);
		z += p;
		for (unsigned int k = 0; k < 6; k++)
			vh[k] += p * (s >> (k / 2) & 1 ? 1 : -1) * (s >> (3 + k % 2) & 1 ? 1 : -1);
	}
	for (unsigned int k = 0; k < 6; k++)
		vh[k] /= z;
}

START_TEST(sample_gives_the_law)
{
	int dir = sample_dir("a", "\"chains\": 64, \"sweeps\": 2100",
			     ", \"burn\": 100, \"every\": 2");
	struct array moments, states, energy;
	double exact[6], mean = 0, best = INFINITY;
	json_t *report;

	run_to_done(dir);
	load_array(dir, "out/moments.npy", &moments);
	load_array(dir, "out/states.npy", &states);
	load_array(dir, "out/energy.npy", &energy);
	ck_assert_uint_eq(states.shape[0], 64);
	ck_assert_uint_eq(states.shape[1], 5);
	for (size_t k = 0; k < states.count; k++)
		ck_assert_int_eq(abs(((int8_t *)states.data)[k]), 1);
	ck_assert_uint_eq(energy.shape[0], 1000);
	ck_assert_uint_eq(energy.shape[1], 64);
	exact_moments(exact);
	for (unsigned int k = 0; k < 6; k++) /* tau below 8 records */
		ck_assert_double_lt(fabs(array_get(&moments, k) - exact[k]),
				    6 * sqrt((1 - exact[k] * exact[k]) * 8 / 64000));
	for (size_t k = 0; k < energy.count; k++) {
		mean += array_get(&energy, k) / (double)energy.count;
		best = fmin(best, array_get(&energy, k));
	}
	report = load_report(dir);
	ck_assert_double_eq_tol(json_number_value(json_object_get(report, "mean_energy")), mean,
				1e-9);
	ck_assert_double_eq(json_number_value(json_object_get(report, "best_energy")), best);
	ck_assert_int_eq(json_integer_value(json_object_get(report, "flips")), 64 * 2100 * 5);
	ck_assert_int_eq(json_integer_value(json_object_get(report, "records")), 1000);
	ck_assert(json_is_true(json_object_get(report, "resolved")));
	ck_assert_double_gt(json_number_value(json_object_get(report, "tau_int")), 1);
	json_decref(report);
	array_free(&moments);
	array_free(&states);
	array_free(&energy);
	close(dir);
}
END_TEST

static const struct {
	const char *device, *more;
} sample_ways[] = {
	{ "\"chains\": 2000, \"sweeps\": 5000", ", \"burn\": 2000, \"every\": 3" },
	/* A record takes several pieces. */
	{ "\"chains\": 20000, \"sweeps\": 1500", ", \"burn\": 10, \"every\": 700" },
};

START_TEST(sample_resumes_to_the_same_bits)
{
	int whole = sample_dir("whole", sample_ways[_i].device, sample_ways[_i].more);
	int cut = sample_dir("cut", sample_ways[_i].device, sample_ways[_i].more);

	run_to_done(whole);
	ck_assert_uint_gt(run_with_stops(cut, SIGTERM, 30000, 3), 0);
	check_same_report(whole, cut);
	check_same_file(whole, cut, "out/states.npy");
	check_same_file(whole, cut, "out/moments.npy");
	check_same_file(whole, cut, "out/energy.npy");
	close(whole);
	close(cut);
}
END_TEST

/* A trained model is sampled with its reference spins held at +1. */
START_TEST(sample_of_a_trained_model)
{
	int train = train_dir("train", ", \"optimizer\": {\"epochs\": 2, \"steps\": 5}", 1), dir;
	struct array states;
	json_t *report;
	size_t size;
	char *model;

	run_to_done(train);
	model = slurp(train, "out/model.safetensors", &size);
	dir = job_dir("sample");
	write_file(dir, "input/0", model, size);
	write_job(dir,
		  "{\"kind\": \"sample\", \"model\": \"m.safetensors\", \"code\": 1, \"device\": "
		  "{\"chains\": 32, \"sweeps\": 300}}",
		  "{\"m.safetensors\": \"input/0\"}", 1);
	run_to_done(dir);
	load_array(dir, "out/states.npy", &states);
	ck_assert_uint_eq(states.shape[1], PIXELS + 1 + 3 + 1);
	for (size_t c = 0; c < 32; c++) {
		ck_assert_int_eq(array_get_int(&states, c * 14), 1);
		ck_assert_int_eq(array_get_int(&states, c * 14 + PIXELS + 1), 1);
	}
	report = load_report(dir);
	ck_assert_int_eq(json_integer_value(json_object_get(report, "flips")), 32 * 300 * 12);
	json_decref(report);
	array_free(&states);

	write_job(dir,
		  "{\"kind\": \"sample\", \"model\": \"m.safetensors\", \"code\": 2}",
		  "{\"m.safetensors\": \"input/0\"}", 1);
	run_to_failure(dir, "codes 0 to 1");
	free(model);
	close(train);
	close(dir);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("worker");
	TCase *t = tcase_create("worker");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, make_root, remove_root);
	tcase_add_test(t, train_leaves_its_results);
	tcase_add_test(t, threads_do_not_show);
	tcase_add_test(t, sigterm_and_resume);
	tcase_add_test(t, sigkill_and_resume);
	tcase_add_test(t, ais_and_resume);
	tcase_add_loop_test(t, damaged_checkpoints, 0, 2);
	tcase_add_test(t, lost_metrics);
	tcase_add_test(t, foreign_checkpoint);
	tcase_add_test(t, leaves_when_the_daemon_is_gone);
	tcase_add_test(t, lock_is_waited_for);
	tcase_add_test(t, bad_input_fails_with_a_reason);
	tcase_add_test(t, full_disk_fails_with_a_reason);
	tcase_add_test(t, unwritable_directory_fails_with_a_reason);
	tcase_add_test(t, too_large_for_the_machine);
	tcase_add_test(t, sample_gives_the_law);
	tcase_add_loop_test(t, sample_resumes_to_the_same_bits, 0, 2);
	tcase_add_test(t, sample_of_a_trained_model);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
