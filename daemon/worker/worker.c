/* SPDX-License-Identifier: MIT */
#include "worker.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "bench.h"
#include "job.h"
#include "job_model.h"
#include "json.h"
#include "protocol.h"
#include "report.h"

#define LOCK_POLL_MS	   50
#define JOB_MAX_BYTES	   ((size_t)2 << 20)
#define JOB_MAX_DEPTH	   (SPEC_MAX_DEPTH + 2)
#define WORKER_MAX_THREADS 1024

extern void openblas_set_num_threads(int threads);

/* Waits for a worker of the same job that has not left yet, but not past a stop request. */
static int take_lock(int dirfd, struct control *control, int *ret, struct err *e)
{
	_cleanup_close_ int fd =
		openat(dirfd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (fd < 0)
		return err_set(e, -errno, "lock: cannot open: %s", strerror(errno));
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_set(e, -errno, "lock: cannot lock: %s", strerror(errno));
		r = control_poll(control);
		if (r < 0)
			return r;
		poll(NULL, 0, LOCK_POLL_MS);
	}
	*ret = TAKE_FD(fd);
	return 0;
}

static int open_dir(int dirfd, const char *name, int *ret, struct err *e)
{
	int fd;

	if (mkdirat(dirfd, name, 0777) < 0 && errno != EEXIST)
		return err_set(e, -errno, "%s/: cannot make the directory: %s", name,
			       strerror(errno));
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, -errno, "%s/: cannot open: %s", name, strerror(errno));
	*ret = fd;
	return 0;
}

static int read_job_json(int dirfd, json_t **ret, struct err *e)
{
	_cleanup_close_ int fd = openat(dirfd, "job.json", O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, -errno, "job.json: cannot open: %s", strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)JOB_MAX_BYTES)
		return err_set(e, -EINVAL, "job.json: not a file of at most %zu bytes",
			       JOB_MAX_BYTES);
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return err_oom(e);
	if (read_full(fd, text, (size_t)st.st_size) < 0)
		return err_set(e, -EIO, "job.json: cannot read");
	if (json_parse_limited(text, (size_t)st.st_size, JOB_MAX_BYTES, JOB_MAX_DEPTH, ret, e) < 0)
		return err_prefix(e, "job.json");
	return 0;
}

static int parse_spec(const json_t *root, struct job *job, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	const json_t *spec = json_object_get(root, "spec");

	if (!json_is_object(spec))
		return err_set(e, -EINVAL, "job.json: spec: missing");
	text = json_dumps(spec, JSON_COMPACT);
	return text ? spec_parse(text, strlen(text), &job->spec, e) : err_oom(e);
}

static int open_inputs(int dirfd, const json_t *root, struct job *job, struct err *e)
{
	json_t *inputs = json_object_get(root, "inputs"), *value;
	const char *path;

	if (inputs && (!json_is_object(inputs) || json_object_size(inputs) > PBIT_MAX_INPUTS))
		return err_set(e, -EINVAL,
			       "job.json: inputs: must be an object of at most %d files",
			       PBIT_MAX_INPUTS);
	job->files = alloc_zeroed(PBIT_MAX_INPUTS, sizeof(*job->files));
	if (!job->files)
		return err_oom(e);
	json_object_foreach(inputs, path, value) {
		const char *place = json_string_value(value);
		int fd = place ? openat(dirfd, place, O_RDONLY | O_CLOEXEC) : -1;

		if (fd < 0)
			return err_set(e, -ENOENT, "%s: its copy %s cannot be opened: %s", path,
				       place ? place : "(none)", strerror(place ? errno : EINVAL));
		job->files[job->n_files++] = (struct input_file){ .path = path, .fd = fd };
	}
	return 0;
}

/* Without a name it is the embedded one. */
static int read_device(const json_t *root, struct job *job, struct err *e)
{
	const json_t *device = json_object_get(root, "device");
	const char *name = device ? json_string_value(device) : "embedded0";

	if (!name || !*name || strlen(name) >= sizeof(job->device))
		return err_set(e, -EINVAL, "job.json: device: must be the name of a device");
	snprintf(job->device, sizeof(job->device), "%s", name);
	return 0;
}

static int read_job(int dirfd, const json_t *root, struct job *job, struct err *e)
{
	json_int_t threads = json_integer_value(json_object_get(root, "threads"));
	json_int_t memory = json_integer_value(json_object_get(root, "memory"));
	int r;

	job->id = (uint64_t)json_integer_value(json_object_get(root, "id"));
	job->memory = (uint64_t)MAX(memory, 0);
	job->threads = (unsigned int)MAX(1, MIN(threads, WORKER_MAX_THREADS));
	r = parse_spec(root, job, e);
	if (r == 0)
		r = read_device(root, job, e);
	if (r == 0)
		r = open_inputs(dirfd, root, job, e);
	if (r == 0)
		r = open_dir(dirfd, "out", &job->out, e);
	if (r == 0)
		r = open_dir(dirfd, "ckpt", &job->ckpt, e);
	return r;
}

static void job_free(struct job *job)
{
	for (size_t k = 0; k < job->n_files; k++)
		close(job->files[k].fd);
	free(job->files);
	spec_free(job->spec);
	json_decref(job->devices);
	closep(&job->out);
	closep(&job->ckpt);
}

static int bench_progress(double done, void *arg)
{
	struct job *job = arg;

	if (control_is_due(job->control))
		control_progress(job->control, done, NULL);
	return control_poll(job->control);
}

/* Stopped, a benchmark is run again from its start: it has nothing worth keeping. */
static int bench_run_job(struct job *job, struct err *e)
{
	const struct spec_bench *spec = &job->spec->bench;
	struct spec_device format = { .bits = 8 };
	struct rbm_file model = { 0 };
	struct device *kernel = NULL;
	json_t *report = NULL;
	int r = 0;

	if (spec->model)
		r = job_model_read(job, spec->model, spec->code, &format, &model, e);
	if (r == 0 && !job_is_embedded(job))
		r = job_open_device(job, &kernel, e);
	if (r == 0)
		r = bench_run(spec, spec->model ? &model : NULL, job->spec->seed, kernel,
			      bench_progress, job, &report, e);
	if (r == 0 && kernel)
		json_object_set_new(report, "device", report_device(kernel));
	device_close(kernel);
	rbm_file_free(&model);
	return r < 0 ? r : job_write_json(job, "report.json", report, e);
}

static int run_kind(struct job *job, struct err *e)
{
	/* Sums of a BLAS on several threads depend on how many; the device has threads enough. */
	openblas_set_num_threads(1);
	switch (job->spec->kind) {
	case JOB_TRAIN:
		return train_run(job, e);
	case JOB_SAMPLE:
		return sample_run(job, e);
	case JOB_BENCH:
		return bench_run_job(job, e);
	case JOB_SESSION:
		return session_run(job, e);
	case JOB_MEASURE:
		return measure_run(job, e);
	case JOB_CERTIFY:
		return certify_run(job, e);
	default:
		return err_set(e, -EINVAL, "kind: this worker does not know it");
	}
}

/*
 * What a failure says of the device: -ENODEV, it is gone; -EMEDIUMTYPE, with a sentence, another
 * one may take the job that this one does not. The embedded one is neither.
 */
static int judge_device(const struct job *job, int r)
{
	bool embedded = job_is_embedded(job);

	switch (r) {
	case -ENODEV:
		/* Of a file, say, it is a failure like any other. */
		return embedded ? -EIO : r;
	case -E2BIG:
	case -EDQUOT:
	case -ENFILE:
	case -EOPNOTSUPP:
		return embedded ? r : -EMEDIUMTYPE;
	default:
		return r;
	}
}

/* Ends as judge_device() says. */
static int run(int dirfd, struct control *control, const struct worker_fds *fds, struct err *e)
{
	_cleanup_(job_free) struct job job = {
		.dir = dirfd,
		.out = -1,
		.ckpt = -1,
		.device_fd = fds->device,
		.session_fd = fds->session,
		.memory_fd = fds->memory,
		.control = control,
	};
	_cleanup_close_ int lock = -1;
	_cleanup_json_ json_t *root = NULL;
	int r;

	r = take_lock(dirfd, control, &lock, e);
	if (r == 0)
		r = read_job_json(dirfd, &root, e);
	if (r == 0)
		r = read_job(dirfd, root, &job, e);
	if (r == 0)
		r = run_kind(&job, e);
	return judge_device(&job, r);
}

int worker_run(int dirfd, const struct worker_fds *fds)
{
	struct err e = { 0 };
	struct control control;
	int r;

	control_catch_signals();
	control_init(&control, fds->control);
	r = run(dirfd, &control, fds, &e);
	if (r == 0)
		return control_done(&control) < 0 ? WORKER_EXIT_STOPPED : 0;
	/* Only these two come without a sentence. */
	if (!e.code && (r == -EINTR || r == -ECONNRESET))
		return WORKER_EXIT_STOPPED;
	if (r == -ENODEV) {
		fprintf(stderr, "pbit-worker: %s\n", e.text);
		return WORKER_EXIT_LOST;
	}
	control_failed(&control, e.code ? e.text : strerror(-r));
	return r == -EMEDIUMTYPE ? WORKER_EXIT_UNFIT : 1;
}
