/* SPDX-License-Identifier: MIT */
/* Job directories, the worker as a child process at a socket, and its results compared. */
#ifndef PBIT_TESTS_JOB_SUPPORT_H
#define PBIT_TESTS_JOB_SUPPORT_H

#include <check.h>
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

static inline void make_root(void)
{
	snprintf(root, sizeof(root), "/tmp/test-worker-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static inline void remove_root(void)
{
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- job directories ---- */

static inline int job_dir(const char *name)
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

static inline void write_file(int dir, const char *name, const void *buf, size_t size)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write_full(fd, buf, size), 0);
	close(fd);
}

static inline void write_array(int dir, const char *name, struct array *a)
{
	size_t size;
	void *buf;

	ck_assert_int_eq(npy_encode(a, &buf, &size, NULL), 0);
	write_file(dir, name, buf, size);
	free(buf);
	array_free(a);
}

/* The device of jobs that are written, and its context when one is started; -1: embedded. */
static const char *job_device = "embedded0";
static int job_device_fd = -1;
/* Of a session that is started; others: what is not the worker's. */
static int job_session_fd = -1, job_memory_fd = -1, job_others_fd = -1;
static bool job_moves; /* jobs that are compared run on different devices */

static inline void write_job(int dir, const char *spec, const char *inputs, int threads)
{
	char text[4096];

	snprintf(text, sizeof(text),
		 "{\"id\": 7, \"spec\": %s, \"inputs\": %s, \"threads\": %d, \"device\": \"%s\"}",
		 spec, inputs, threads, job_device);
	write_file(dir, "job.json", text, strlen(text));
}

#define TRAIN_INPUTS "{\"i.npy\": \"input/0\", \"l.npy\": \"input/1\"}"

/* Bright rows (class 0) and columns (class 1) of 3 x 3 pixels, a few of them flipped. */
static inline void write_images(int dir, size_t labels_count)
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

static inline int spec_dir(const char *name, const char *spec, int threads)
{
	int dir = job_dir(name);

	write_images(dir, COUNT);
	write_job(dir, spec, TRAIN_INPUTS, threads);
	return dir;
}

/* more: further members of the spec, each with a comma before it. */
static inline int train_dir(const char *name, const char *more, int threads)
{
	char spec[2048];

	snprintf(spec, sizeof(spec),
		 "{\"kind\": \"train\", \"seed\": 3, \"data\": {\"images\": \"i.npy\", "
		 "\"labels\": \"l.npy\"}, \"model\": {\"hidden\": 3, \"layers\": [4]}, "
		 "\"device\": {\"chains\": 16, \"sweeps\": 8}, \"report\": {\"tau_sweeps\": 256, "
		 "\"samples\": 3, \"ais_chains\": 16, \"ais_betas\": 50}%s}",
		 more);
	return spec_dir(name, spec, threads);
}

/* Of so many epochs, of which every so-manieth is judged; validation: the fraction of images. */
static inline int judged_dir(const char *name, unsigned int epochs, unsigned int every,
			     double validation)
{
	char spec[2048];

	snprintf(spec, sizeof(spec),
		 "{\"kind\": \"train\", \"seed\": 3, \"data\": {\"images\": \"i.npy\", "
		 "\"labels\": \"l.npy\", \"validation\": %g}, \"model\": {\"hidden\": 3, "
		 "\"layers\": [4]}, \"device\": {\"chains\": 16, \"sweeps\": 8}, \"optimizer\": "
		 "{\"epochs\": %u, \"steps\": 20, \"batch\": 17}, \"report\": {\"every\": %u, "
		 "\"tau_sweeps\": 256, \"samples\": 3}}",
		 validation, epochs, every);
	return spec_dir(name, spec, 2);
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

static inline void start(struct run *r, int dir)
{
	sigset_t term, before;
	int pair[2];

	*r = (struct run){ 0 };
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	/* Until the worker catches SIGTERM, Check's handler would, and end the test. */
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	ck_assert_int_eq(sigprocmask(SIG_BLOCK, &term, &before), 0);
	r->pid = fork();
	ck_assert_int_ge(r->pid, 0);
	if (r->pid == 0) {
		struct rlimit limit = { file_limit, file_limit };

		close(pair[0]);
		closep(&parents_lock);
		closep(&job_others_fd);
		if (file_limit != RLIM_INFINITY && setrlimit(RLIMIT_FSIZE, &limit) < 0)
			_exit(99);
		_exit(worker_run(dir, &(struct worker_fds){ pair[1], job_device_fd, job_session_fd,
							    job_memory_fd }));
	}
	ck_assert_int_eq(sigprocmask(SIG_SETMASK, &before, NULL), 0);
	close(pair[1]);
	r->fd = pair[0];
}

/* The next line, or NULL at the end. */
static inline json_t *next_line(struct run *r)
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
static inline int finish(struct run *r, char type[16], char reason[512])
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

static inline void run_to_done(int dir)
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

static inline void run_to_failure(int dir, const char *expected)
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

static inline char *slurp(int dir, const char *name, size_t *ret_size)
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

static inline json_t *load_report(int dir)
{
	size_t size;
	char *text = slurp(dir, "out/report.json", &size);
	json_t *report = json_loads(text, 0, NULL);

	free(text);
	ck_assert_ptr_nonnull(report);
	return report;
}

static inline void check_same_file(int a, int b, const char *name)
{
	size_t size_a, size_b;
	char *x = slurp(a, name, &size_a), *y = slurp(b, name, &size_b);

	ck_assert_msg(size_a == size_b && !memcmp(x, y, size_a), "%s differs", name);
	free(x);
	free(y);
}

static inline void check_same_metrics(int a, int b)
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

static inline void check_same_report(int a, int b)
{
	static const char *const timing[] = { "timing", "seconds", "flips_per_ns" };
	json_t *x = load_report(a), *y = load_report(b);

	for (size_t k = 0; k < ARRAY_SIZE(timing); k++) {
		json_object_del(x, timing[k]);
		json_object_del(y, timing[k]);
	}
	for (size_t k = 0; k < 2; k++) {
		json_object_del(json_object_get(k ? y : x, "device"), "threads");
		if (job_moves)
			json_object_del(k ? y : x, "device");
	}
	ck_assert(json_equal(x, y));
	json_decref(x);
	json_decref(y);
}

static inline void check_same_training(int a, int b)
{
	check_same_report(a, b);
	check_same_metrics(a, b);
	check_same_file(a, b, "out/samples.npy");
	check_same_file(a, b, "out/picture.png");
	check_same_file(a, b, "out/model.safetensors");
	check_same_file(a, b, "out/separate.safetensors");
}

#define LONG ", \"optimizer\": {\"epochs\": 30, \"steps\": 20, \"batch\": 17}"

/* Stops it after a while that grows, and goes on, until it is through. Returns how often. */
static inline unsigned int run_with_stops(int dir, int signo, useconds_t pause, unsigned int most)
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

#endif
