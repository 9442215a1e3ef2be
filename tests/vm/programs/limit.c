// SPDX-License-Identifier: MIT
/*
 * Limits: open files of a user, bytes and handles of a file, sweeps of a submission, submissions
 * that are not read, weights without the privilege, updates a second. What is refused leaves what
 * was; what is freed can be had again.
 */
#include <fcntl.h>
#include <grp.h>
#include <linux/pbit.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "device.h"
#include "job.h"

#define NOBODY 65534

static const struct job_spec tiny = {
	.shape = { PBM_NET_RBM, 10, 10, 4, 8 },
	.sweeps = 8,
	.every = 8,
	.amplitude = 40,
};

static uint64_t param(int fd, uint32_t which)
{
	struct pbit_get_param p = { .param = which };

	CHECK(ioctl(fd, PBIT_IOC_GET_PARAM, &p) == 0);
	return p.value;
}

static void become_nobody(void)
{
	CHECK(setgroups(0, NULL) == 0);
	CHECK(setresgid(NOBODY, NOBODY, NOBODY) == 0);
	CHECK(setresuid(NOBODY, NOBODY, NOBODY) == 0);
}

/* Each user has as many, on each device. */
static void contexts(const struct device *d)
{
	const uint64_t before = parameter("max_contexts");
	int fd[4], other;
	pid_t child;

	doing = "contexts of a user";
	parameter_set("max_contexts", 3);
	for (int k = 0; k < 3; k++)
		fd[k] = device_open(d, 0);
	FAILS(open(d->node, O_RDWR | O_CLOEXEC), EMFILE);
	CHECK(device_value(d, "contexts") == 3);
	child = fork();
	if (child == 0) {
		become_nobody();
		for (int k = 0; k < 3; k++)
			other = device_open(d, 0);
		FAILS(open(d->node, O_RDWR | O_CLOEXEC), EMFILE);
		close(other);
		other = device_open(d, 0);
		_exit(0);
	}
	child_done(child);
	device_await_contexts(d, 3);
	close(fd[1]);
	fd[1] = device_open(d, 0);
	FAILS(open(d->node, O_RDWR | O_CLOEXEC), EMFILE);
	parameter_set("max_contexts", 4);
	fd[3] = device_open(d, 0);
	FAILS(open(d->node, O_RDWR | O_CLOEXEC), EMFILE);
	for (int k = 0; k < 4; k++)
		close(fd[k]);
	parameter_set("max_contexts", before);
	CHECK(device_value(d, "contexts") == 0);
}

static int create(int fd, uint64_t size, uint32_t *ret_handle)
{
	struct pbit_buffer_create c = { .kind = PBIT_BUFFER_STATES, .size = size };
	int r = ioctl(fd, PBIT_IOC_BUFFER_CREATE, &c);

	if (!r)
		*ret_handle = c.handle;
	return r;
}

static void destroy(int fd, uint32_t handle)
{
	struct pbit_handle h = { .handle = handle };

	CHECK(ioctl(fd, PBIT_IOC_BUFFER_DESTROY, &h) == 0);
}

/* To the byte: buffers, what a program keeps, gains that wait to be used. */
static void bytes(const struct device *d)
{
	const uint64_t before = parameter("max_bytes");
	int fd = device_open(d, 0);
	uint32_t handle[4], more;
	struct pbit_program_create c;
	struct pbit_submit a;
	uint64_t used;
	struct job j;

	doing = "bytes of a context";
	parameter_set("max_bytes", 16 * 4096);
	CHECK(param(fd, PBIT_PARAM_MAX_BYTES) == 16 * 4096);
	CHECK(create(fd, 15 * 4096, &handle[0]) == 0);
	FAILS(create(fd, 4097, &more), EDQUOT);
	CHECK(create(fd, 1, &handle[1]) == 0);
	CHECK(fdinfo(fd, "bytes") == 16 * 4096);
	FAILS(create(fd, 1, &more), EDQUOT);
	destroy(fd, handle[0]);
	destroy(fd, handle[1]);
	parameter_set("max_bytes", before);

	j = job_new(fd, &tiny);
	used = fdinfo(fd, "bytes");
	c = job_program(&j);
	parameter_set("max_bytes", used);
	FAILS(ioctl(fd, PBIT_IOC_PROGRAM_CREATE, &c), EDQUOT);
	a = job_args(&j);
	a.flags |= PBIT_SUBMIT_RAMP;
	a.gain = (uintptr_t)j.gain;
	FAILS(ioctl(fd, PBIT_IOC_SUBMIT, &a), EDQUOT);
	parameter_set("max_bytes", used + a.sweeps * 8 - 1);
	FAILS(ioctl(fd, PBIT_IOC_SUBMIT, &a), EDQUOT);
	parameter_set("max_bytes", used + a.sweeps * 8);
	submit(fd, &a);
	CHECK(event_wait(fd).status == 0);
	CHECK(fdinfo(fd, "bytes") == used);
	parameter_set("max_bytes", before);
	job_free(fd, &j);
	CHECK(fdinfo(fd, "bytes") == 0);
	close(fd);
}

/* While one is refused too much, another on the same file gets what there is room for. */
static void bytes_beside_refusals(const struct device *d)
{
	const uint64_t before = parameter("max_bytes");
	const unsigned int count = scaled(20000);
	int fd = device_open(d, 0), status;
	unsigned int taken = 0;
	uint32_t handle;
	pid_t child;

	doing = "bytes beside refusals";
	parameter_set("max_bytes", 16 * 4096);
	child = fork();
	if (child == 0) {
		for (unsigned int k = 0; k < count; k++)
			FAILS(create(fd, 17 * 4096, &handle), EDQUOT);
		_exit(0);
	}
	for (; waitpid(child, &status, WNOHANG) == 0; taken++) {
		CHECK(create(fd, 4096, &handle) == 0);
		destroy(fd, handle);
	}
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	printf("%u buffers taken beside %u refusals\n", taken, count);
	CHECK(fdinfo(fd, "bytes") == 0);
	parameter_set("max_bytes", before);
	close(fd);
}

/* As many handles as there are names; each is another. */
static void handles(const struct device *d)
{
	int fd = device_open(d, 0);
	uint32_t handle, count = 0, programs = 0;
	uint8_t seen[4097] = { 0 };
	struct pbit_program_create c;
	struct job j = job_new(fd, &tiny);

	doing = "handles";
	while (!create(fd, 1, &handle)) {
		CHECK(handle > 0 && handle < 4096 && !seen[handle]);
		seen[handle] = 1;
		count++;
	}
	CHECK(errno == ENFILE && count == 4095 - 5);
	FAILS(create(fd, 1, &handle), ENFILE);
	for (handle = 1; handle < 4096; handle++)
		if (seen[handle])
			destroy(fd, handle);
	CHECK(create(fd, 1, &handle) == 0);
	destroy(fd, handle);
	c = job_program(&j);
	while (!ioctl(fd, PBIT_IOC_PROGRAM_CREATE, &c)) {
		CHECK(c.handle > 0 && c.handle < 4096);
		programs++;
	}
	CHECK(errno == ENFILE && programs == 4095 - 1);
	printf("%u buffers, then %u programs in one context: %llu bytes\n", count, programs,
	       (unsigned long long)fdinfo(fd, "bytes"));
	job_free(fd, &j); /* the mappings; the programs go with the file */
	close(fd);
}

static void sweeps(const struct device *d)
{
	const uint64_t before = parameter("max_sweeps");
	int fd = device_open(d, 0);
	struct job j = job_new(fd, &tiny);
	struct pbit_submit a = job_endless(&j);

	doing = "sweeps of a submission";
	CHECK(param(fd, PBIT_PARAM_MAX_SWEEPS) == PBM_MAX_SWEEPS);
	a.sweeps = PBM_MAX_SWEEPS + 1;
	FAILS(ioctl(fd, PBIT_IOC_SUBMIT, &a), EINVAL);
	parameter_set("max_sweeps", 100);
	CHECK(param(fd, PBIT_PARAM_MAX_SWEEPS) == 100);
	a.sweeps = 101;
	FAILS(ioctl(fd, PBIT_IOC_SUBMIT, &a), EINVAL);
	a.sweeps = 100;
	submit(fd, &a);
	CHECK(event_wait(fd).status == 0);
	/* The module's own limit stands, whatever the parameter says. */
	parameter_set("max_sweeps", UINT32_MAX);
	CHECK(param(fd, PBIT_PARAM_MAX_SWEEPS) == PBM_MAX_SWEEPS);
	a.sweeps = PBM_MAX_SWEEPS + 1;
	FAILS(ioctl(fd, PBIT_IOC_SUBMIT, &a), EINVAL);
	parameter_set("max_sweeps", before);
	job_free(fd, &j);
	close(fd);
}

/* Finished or not, until they are read. */
static void pending(const struct device *d)
{
	int fd = device_open(d, O_NONBLOCK);
	struct job j = job_new(fd, &tiny);
	struct pbit_submit a = job_endless(&j);
	const uint64_t most = param(fd, PBIT_PARAM_MAX_PENDING);
	struct pbit_cancel c = { 0 };
	struct pbit_event e;
	uint64_t first;

	doing = "pending submissions";
	first = submit(fd, &a);
	for (uint64_t k = 1; k < most; k++)
		CHECK(submit(fd, &a) == first + k);
	FAILS(ioctl(fd, PBIT_IOC_SUBMIT, &a), EAGAIN);
	CHECK(fdinfo(fd, "pending") == most);
	CHECK(ioctl(fd, PBIT_IOC_CANCEL, &c) == 0 && c.cancelled == most);
	FAILS(ioctl(fd, PBIT_IOC_SUBMIT, &a), EAGAIN);
	CHECK(event_wait(fd).status == -ECANCELED);
	a.sweeps = 0;
	submit(fd, &a);
	FAILS(ioctl(fd, PBIT_IOC_SUBMIT, &a), EAGAIN);
	for (uint64_t k = 0; k < most; k++) {
		e = event_wait(fd);
		CHECK(e.status == (e.sequence == a.sequence ? 0 : -ECANCELED));
	}
	FAILS(read(fd, &e, sizeof(e)), EAGAIN);
	CHECK(fdinfo(fd, "pending") == 0);
	job_free(fd, &j);
	close(fd);
}

static int set_weight(int fd, uint32_t weight)
{
	return ioctl(fd, PBIT_IOC_SET_WEIGHT, &(struct pbit_weight){ .weight = weight });
}

/* To go above the default takes CAP_SYS_NICE; to go below, or back, nothing. */
static void weights(const struct device *d)
{
	int fd = device_open(d, 0);
	pid_t child;

	doing = "weights";
	CHECK(param(fd, PBIT_PARAM_WEIGHT) == PBIT_WEIGHT_DEFAULT);
	CHECK(param(fd, PBIT_PARAM_MAX_WEIGHT) == 1000);
	CHECK(set_weight(fd, 1000) == 0 && param(fd, PBIT_PARAM_WEIGHT) == 1000);
	FAILS(set_weight(fd, 1001), EINVAL);
	CHECK(set_weight(fd, 1) == 0 && param(fd, PBIT_PARAM_WEIGHT) == 1);
	child = fork();
	if (child == 0) {
		int own;

		become_nobody();
		own = device_open(d, 0);
		for (int k = 0; k < 2; k++) {
			int which = k ? fd : own;

			FAILS(set_weight(which, PBIT_WEIGHT_DEFAULT + 1), EPERM);
			FAILS(set_weight(which, 1000), EPERM);
			FAILS(set_weight(which, 1001), EINVAL);
			FAILS(set_weight(which, 0), EINVAL);
			CHECK(set_weight(which, 1) == 0);
			CHECK(set_weight(which, PBIT_WEIGHT_DEFAULT) == 0);
			CHECK(param(which, PBIT_PARAM_WEIGHT) == PBIT_WEIGHT_DEFAULT);
		}
		_exit(0);
	}
	child_done(child);
	close(fd);
}

/* A device of a million updates a second takes its time, in the device's own account. */
static void rate(void)
{
	struct device d = device_make("slow", "rate_limit=1000000");
	int fd = device_open(&d, 0);
	struct job j = job_new(fd, &(struct job_spec){ .shape = { PBM_NET_RBM, 50, 50, 10, 8 },
						       .sweeps = 300,
						       .every = 100,
						       .amplitude = 9 });
	struct reference r = reference_new(&j);
	struct pbit_event e;
	char path[128];

	doing = "updates a second";
	CHECK(param(fd, PBIT_PARAM_RATE_LIMIT) == 1000000);
	snprintf(path, sizeof(path), "%s/rate_limit", d.item);
	CHECK(try_write_file(path, "0") == -EBUSY);
	e = job_run(fd, &j, &r);
	printf("%llu updates at 1000000 a second: %.3f s of device time\n",
	       (unsigned long long)e.flips, (double)e.device_ns * 1e-9);
	CHECK(e.flips == 300000 && e.device_ns > 280000000); /* sleeps end on ticks */
	reference_free(&r);
	job_free(fd, &j);
	close(fd);
	device_unmake(&d);
}

/* Submits it, and waits until a chunk of it is computed; the device is at that for minutes. */
static void begin_slow(int fd, const struct job *j, uint32_t sweeps)
{
	volatile int64_t *last = (int64_t *)j->energy.mem + j->spec.shape.chains - 1;
	struct pbit_submit a = job_args(j);

	a.flags = PBIT_SUBMIT_ENERGY_TRACE;
	a.sweeps = sweeps;
	*last = INT64_MAX;
	submit(fd, &a);
	while (*last == INT64_MAX)
		sleep_ms(1);
}

/* What is taken back, by cancel or by close, is no time of the device's, and nobody waits for it. */
static void taken_back(void)
{
	const double start = seconds();
	struct device d = device_make("back", "rate_limit=100");
	int fd = device_open(&d, 0), other = device_open(&d, 0);
	struct job slow = job_new(fd, &(struct job_spec){ .shape = { PBM_NET_RBM, 200, 200, 64, 8 },
							  .sweeps = 2,
							  .every = 1,
							  .amplitude = 9 });
	struct job quick =
		job_new(other, &(struct job_spec){ .shape = { PBM_NET_RBM, 10, 10, 1, 8 },
						   .sweeps = 1,
						   .every = 1,
						   .amplitude = 9 });
	struct pbit_cancel c = { 0 };
	struct pbit_submit a;
	struct pbit_event e;

	doing = "work taken back";
	for (uint32_t k = 0; k < 4; k++) {
		/* With work left, or in its last step. */
		begin_slow(fd, &slow, 2 - k % 2);
		CHECK(ioctl(fd, PBIT_IOC_CANCEL, &c) == 0 && c.cancelled == 1);
		e = event_wait(fd);
		CHECK(e.status == (k % 2 ? 0 : -ECANCELED) && e.flips == 25600);
		CHECK((double)e.device_ns * 1e-9 < seconds() - start);
	}
	begin_slow(fd, &slow, 2);
	job_free(fd, &slow);
	close(fd);
	CHECK(device_value(&d, "contexts") == 1);
	a = job_args(&quick);
	submit(other, &a);
	e = event_wait(other);
	CHECK(e.status == 0 && e.flips == 20);
	CHECK((double)device_value(&d, "busy_ns") * 1e-9 < seconds() - start);
	job_free(other, &quick);
	close(other);
	device_unmake(&d);
}

int main(void)
{
	struct device d = device_make("limit", "");

	CHECK(chmod(d.node, 0666) == 0);
	contexts(&d);
	bytes(&d);
	bytes_beside_refusals(&d);
	handles(&d);
	sweeps(&d);
	pending(&d);
	weights(&d);
	rate();
	taken_back();
	CHECK(device_value(&d, "contexts") == 0 && module_areas() == 0);
	device_unmake(&d);
	return 0;
}
