// SPDX-License-Identifier: MIT
/*
 * The worker's device operations over /dev/pbitN: what every device must do, what the driver's
 * limits may not show, and a device that goes while it is at work.
 */
#include <sys/wait.h>

#include "../../run_suite.h"
#include "../../worker/device_conformance.h"
#include "../../worker/node_support.h"
#include "kernel_device.h"

static struct device *subject(void)
{
	struct device *d = NULL;
	struct err e = { 0 };

	ck_assert_msg(device_open_fd(open_node(0), device_name, &d, &e) == 0, "%s", e.text);
	return d;
}

START_TEST(says_what_it_is)
{
	struct device *d = subject();
	struct device_info info;

	device_get_info(d, &info);
	ck_assert_str_eq(info.name, device_name);
	ck_assert_str_eq(info.backend, "emulated");
	ck_assert_uint_eq(info.threads, 1);
	ck_assert(info.ideal);
	printf("%s: %s, %s\n", info.name, info.backend, info.route);
	device_close(d);
}
END_TEST

/* p-bits that differ are told from ideal ones, and from others that differ otherwise. */
START_TEST(knows_p_bits_that_differ)
{
	static const char *const seeds[] = { "7", "7", "8" };
	_cleanup_input_ struct input in = { 0 };
	_cleanup_outcome_ struct outcome ideal = { 0 }, first = { 0 };
	struct device_info info[3];

	input_random(&in, &shapes[3], true, 1, SEED);
	for (size_t k = 0; k < ARRAY_SIZE(seeds); k++) {
		_cleanup_outcome_ struct outcome o = { 0 };
		struct device *d;

		write_text(ITEM "/live", "0");
		write_text(ITEM "/seed", seeds[k]);
		write_text(ITEM "/offset_spread_milli", "20000");
		write_text(ITEM "/live", "1");
		read_text(ITEM "/dev_name", device_name, sizeof(device_name));
		d = subject();
		device_get_info(d, &info[k]);
		ck_assert(!info[k].ideal);
		run_input(d, &in, k ? &o : &first);
		if (k == 1)
			outcomes_equal(&first, &o);
		if (k == 2)
			ck_assert_mem_ne(first.states, o.states, states_size(&in.shape));
		device_close(d);
	}
	ck_assert_uint_eq(info[0].p_bits_hash, info[1].p_bits_hash);
	ck_assert_uint_ne(info[0].p_bits_hash, info[2].p_bits_hash);
	run_input(open_device(1, PBM_ISA_SCALAR), &in, &ideal);
	ck_assert_mem_ne(first.states, ideal.states, states_size(&in.shape));
}
END_TEST

START_TEST(refuses_what_is_no_device)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), closed = dup(null);
	struct device *d = (struct device *)8;
	struct err e = { 0 };

	close(closed);
	says(device_open_fd(closed, "pbit0", &d, &e), -EBADF, &e, "descriptor");
	says(device_open_fd(null, "pbit0", &d, &e), -ENOTTY, &e, "no p-bit device");
	ck_assert_int_eq(fcntl(null, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC); /* still the caller's */
	ck_assert_ptr_eq(d, (struct device *)8);
	close(null);
}
END_TEST

/* A context that was opened not to wait is waited for all the same. */
START_TEST(takes_a_nonblocking_context)
{
	_cleanup_input_ struct input in = { 0 };
	_cleanup_outcome_ struct outcome o = { 0 };
	struct err e = { 0 };
	struct device *d;

	ck_assert_int_eq(device_open_fd(open_node(O_NONBLOCK), device_name, &d, &e), 0);
	input_random(&in, &shapes[3], false, 0, SEED);
	in.s.sweeps = 2000;
	run_input(d, &in, &o);
	device_close(d);
}
END_TEST

/* So many sweeps at once and no more, records between and across them; and gains of every sweep. */
START_TEST(limits_on_sweeps_do_not_show)
{
	static const uint32_t every[] = { 1, 3, 5, 7, 11, 40 };
	struct device *scalar = open_device(1, PBM_ISA_SCALAR), *d;
	uint64_t gains[23];

	write_text(PARAMETERS "max_sweeps", "5");
	d = subject();
	for (size_t i = 0; i < ARRAY_SIZE(every); i++) {
		_cleanup_input_ struct input in = { 0 };
		_cleanup_outcome_ struct outcome want = { 0 }, got = { 0 };

		input_random(&in, &shapes[2], i & 1, (uint32_t)i % 3, SEED + i);
		in.s.sweeps = ARRAY_SIZE(gains);
		in.s.every = every[i];
		for (size_t t = 0; t < ARRAY_SIZE(gains); t++)
			gains[t] = in.gain / 12 * (t + 1);
		if (_i) {
			in.s.gains = ARRAY_SIZE(gains);
			in.s.gain = gains;
		}
		run_input(scalar, &in, &want);
		run_input(d, &in, &got);
		outcomes_equal(&want, &got);
	}
	device_close(d);
	device_close(scalar);
}
END_TEST

/* Traces above an eighth of the memory that a context may have come in parts. */
START_TEST(limits_on_bytes_do_not_show)
{
	struct device *scalar = open_device(1, PBM_ISA_SCALAR), *d;

	write_text(PARAMETERS "max_bytes", "1048576");
	d = subject();
	for (uint32_t every = 1; every < 4; every++) {
		_cleanup_input_ struct input in = { 0 };
		_cleanup_outcome_ struct outcome want = { 0 }, got = { 0 };

		input_random(&in, &shapes[2], false, every % 3, SEED);
		in.s.sweeps = 200; /* 960 KB of states */
		in.s.every = every;
		run_input(scalar, &in, &want);
		run_input(d, &in, &got);
		outcomes_equal(&want, &got);
	}
	device_close(d);
	device_close(scalar);
}
END_TEST

/* More than the driver takes from one context at once; freed in flight, and in the backlog. */
START_TEST(many_programs_are_in_flight)
{
	enum { COUNT = 400 };
	static struct program *p[COUNT];
	struct device *d = subject(), *scalar = open_device(1, PBM_ISA_SCALAR);
	_cleanup_outcome_ struct outcome want = { 0 };
	_cleanup_input_ struct input in = { 0 };

	input_random(&in, &shapes[0], false, 1, SEED);
	run_input(scalar, &in, &want);
	for (size_t k = 0; k < COUNT; k++)
		p[k] = start(d, &in);
	for (size_t k = 0; k < COUNT; k++)
		submit(p[k], &in);
	for (size_t k = COUNT; k-- > COUNT / 2;) {
		_cleanup_outcome_ struct outcome got = { 0 };

		finish(p[k], &got);
		outcomes_equal(&want, &got);
		pbm_states_random(&in.shape, in.s.seed, 0, in.shape.chains, NULL,
				  program_states(p[k]));
	}
	for (size_t k = COUNT / 2; k < COUNT; k++)
		submit(p[k], &in);
	for (size_t k = COUNT; k-- > 0;)
		program_free(p[k]);
	device_close(d);
	device_close(scalar);
}
END_TEST

static struct program *start_endless(struct device *d, struct input *in)
{
	static const struct pbm_shape shape = { PBM_NET_RBM, 700, 500, 1024, 8 };
	struct program *p;

	input_random(in, &shape, false, 0, SEED);
	in->s.accumulate = ACC_MOMENTS;
	in->s.sweeps = in->s.every = PBM_MAX_SWEEPS;
	p = start(d, in);
	submit(p, in);
	return p;
}

/* Hours of work, cancelled: in the driver's hands, in pieces, and behind another program's. */
START_TEST(runs_are_cancelled)
{
	_cleanup_input_ struct input in = { 0 }, in2 = { 0 };
	_cleanup_outcome_ struct outcome o = { 0 };
	struct program *p, *q;
	struct err e = { 0 };
	struct device *d;

	if (_i)
		write_text(PARAMETERS "max_sweeps", "1000000");
	d = subject();
	p = start_endless(d, &in);
	q = start_endless(d, &in2);
	program_cancel(q);
	says(program_wait(q, NULL, &e), -EINVAL, &e, "failed");
	usleep(200000);
	program_cancel(p);
	says(program_wait(p, NULL, &e), -EINVAL, &e, "failed");
	in.s.sweeps = in.s.every = 3; /* and is as good as new */
	submit(p, &in);
	finish(p, &o);
	submit(q, &in2);
	program_free(q);
	program_free(p);
	device_close(d);
}
END_TEST

START_TEST(refuses_what_the_device_lacks)
{
	static const struct pbm_shape wide = { PBM_NET_RBM, 2000, 49, 1, 8 },
				      many = { PBM_NET_RBM, 5, 5, 1025, 8 },
				      big = { PBM_NET_RBM, 1024, 1024, 1, 8 };
	struct program *p = (struct program *)8;
	struct err e = { 0 };
	struct device *d;

	write_text(PARAMETERS "max_bytes", "1000000");
	d = subject();
	says(program_new(d, &wide, NULL, &p, &e), -E2BIG, &e, "2048 p-bits");
	says(program_new(d, &many, NULL, &p, &e), -E2BIG, &e, "1024 chains");
	says(program_new(d, &big, NULL, &p, &e), -EDQUOT, &e, "max_bytes");
	ck_assert_ptr_eq(p, (struct program *)8);
	device_close(d);
}
END_TEST

/* An empty run costs two calls: one to hand it over, one to hear of its end. */
START_TEST(empty_run)
{
	_cleanup_input_ struct input in = { 0 };
	_cleanup_outcome_ struct outcome o = { 0 };
	struct device *d = subject(), *other = open_device(1, PBM_ISA_SCALAR);
	struct program *p, *foreign;
	struct err e = { 0 };
	uint64_t calls = 0;

	input_random(&in, &shapes[3], false, 0, SEED);
	p = start(d, &in);
	foreign = start(other, &in);
	says(kernel_device_empty_run(p, &calls, &e), -EINVAL, &e, "has run");
	submit(p, &in);
	finish(p, &o);
	submit(foreign, &in);
	outcome_free(&o);
	finish(foreign, &o);
	says(kernel_device_empty_run(foreign, &calls, &e), -EINVAL, &e, "has run");
	ck_assert_int_eq(kernel_device_empty_run(p, &calls, &e), 0);
	ck_assert_uint_eq(calls, 2);
	ck_assert_mem_eq(program_states(p), o.states, states_size(&in.shape));
	program_free(p);
	program_free(foreign);
	device_close(d);
	device_close(other);
}
END_TEST

/* It goes while one program runs, one waits behind it and one has ended. */
START_TEST(device_goes)
{
	_cleanup_input_ struct input in = { 0 }, in2 = { 0 }, in3 = { 0 };
	_cleanup_outcome_ struct outcome o = { 0 };
	struct device *d = subject();
	struct program *running, *waiting, *ended, *none = (struct program *)8;
	struct submission s;
	struct err e = { 0 };
	int status;
	pid_t child;

	input_random(&in, &shapes[3], false, 0, SEED);
	ended = start(d, &in);
	submit(ended, &in);
	finish(ended, &o);
	running = start_endless(d, &in2);
	waiting = start_endless(d, &in3);
	child = fork();
	if (child == 0) {
		usleep(200000);
		_exit(rmdir(ITEM) ? 1 : 0);
	}
	says(program_wait(running, NULL, &e), -ENODEV, &e, "gone");
	says(program_wait(waiting, NULL, &e), -ENODEV, &e, "gone");
	says(program_new(d, &in.shape, NULL, &none, &e), -ENODEV, &e, "gone");
	ck_assert_ptr_eq(none, (struct program *)8);
	/* What had ended is still there, memory and all; it cannot run again. */
	ck_assert_mem_eq(program_states(ended), o.states, states_size(&in.shape));
	ck_assert_int_eq(program_wait(ended, NULL, &e), 0);
	ck_assert_int_eq(program_set_couplings(ended, in.w, &e), 0);
	s = in.s;
	s.gain = &in.gain;
	if (program_submit(ended, &s, &e) == 0)
		program_wait(ended, NULL, &e);
	says(e.code, -ENODEV, &e, "gone");
	program_free(waiting);
	program_free(running);
	program_free(ended);
	device_close(d);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* It went before it was handed over. */
START_TEST(device_went)
{
	struct device *d = (struct device *)8;
	struct err e = { 0 };
	int fd = open_node(0);

	ck_assert_int_eq(rmdir(ITEM), 0);
	says(device_open_fd(fd, device_name, &d, &e), -ENODEV, &e, "gone");
	ck_assert_ptr_eq(d, (struct device *)8);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("backend");
	TCase *t = tcase_create("backend");

	setvbuf(stdout, NULL, _IOLBF, 0);
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, make_device, remove_device);
	add_conformance_tests(t);
	tcase_add_test(t, says_what_it_is);
	tcase_add_test(t, knows_p_bits_that_differ);
	tcase_add_test(t, refuses_what_is_no_device);
	tcase_add_test(t, takes_a_nonblocking_context);
	tcase_add_loop_test(t, limits_on_sweeps_do_not_show, 0, 2);
	tcase_add_test(t, limits_on_bytes_do_not_show);
	tcase_add_test(t, many_programs_are_in_flight);
	tcase_add_loop_test(t, runs_are_cancelled, 0, 2);
	tcase_add_test(t, refuses_what_the_device_lacks);
	tcase_add_test(t, empty_run);
	tcase_add_test(t, device_goes);
	tcase_add_test(t, device_went);
	suite_add_tcase(s, t);
	return run_suite(s);
}
