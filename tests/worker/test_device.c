/* SPDX-License-Identifier: MIT */
/* The embedded device: what every device must do, and what threads and routes may not show. */
#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "device_conformance.h"

#include "../run_suite.h"

static struct device *subject(void)
{
	return open_device(3, pbm_isa_best());
}

START_TEST(threads_and_routes_do_not_show)
{
	static const unsigned int threads[] = { 1, 2, 3, 5 };
	uint32_t scan = (uint32_t)_i % 3;
	bool clamped = _i >= 3;
	unsigned int isa, t, k;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		_cleanup_input_ struct input in = { 0 };
		_cleanup_outcome_ struct outcome want = { 0 };
		struct device *d = open_device(1, PBM_ISA_SCALAR);

		input_random(&in, &shapes[i], clamped, scan, SEED + i);
		run_input(d, &in, &want);
		device_close(d);
		for (isa = 0; isa <= (unsigned int)pbm_isa_best(); isa++) {
			for (t = 0; t < ARRAY_SIZE(threads); t++) {
				d = open_device(threads[t], (enum pbm_isa)isa);
				for (k = 0; k < 2; k++) { /* the second finds used scratch */
					_cleanup_outcome_ struct outcome got = { 0 };

					run_input(d, &in, &got);
					outcomes_equal(&want, &got);
				}
				device_close(d);
			}
		}
	}
}
END_TEST

/* Moments as s16 are those as s64; where they might not fit, they come as s64. */
START_TEST(near_moments)
{
	static const uint32_t sweeps[] = { 1, 40, 2000, 3000 };
	struct device *d = open_device((unsigned int)_i, pbm_isa_best());
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(sweeps); i++) {
		const struct pbm_shape shape = { PBM_NET_RBM, 70, 66, 16, 8 };
		size_t size = (size_t)shape.n * shape.m;
		_cleanup_input_ struct input in = { 0 };
		_cleanup_free_ int64_t *want = calloc(size, sizeof(*want));
		struct results got;
		struct program *p;

		input_random(&in, &shape, false, PBM_SCAN_ALTERNATING, SEED);
		in.s.sweeps = sweeps[i];
		in.s.every = 1;
		in.s.accumulate = ACC_MOMENTS;
		p = start(d, &in);
		submit(p, &in);
		ck_assert_int_eq(program_wait(p, &got, NULL), 0);
		ck_assert_ptr_null(got.near);
		memcpy(want, got.vh, size * sizeof(*want));
		program_free(p);

		in.s.accumulate |= ACC_NEAR;
		p = start(d, &in);
		submit(p, &in);
		ck_assert_int_eq(program_wait(p, &got, NULL), 0);
		ck_assert(!got.vh == (16 * sweeps[i] <= PBM_MOST_NEAR));
		ck_assert(!got.near == !!got.vh);
		for (k = 0; k < size; k++)
			ck_assert_int_eq(got.near ? got.near[k] : got.vh[k], want[k]);
		program_free(p);
	}
	device_close(d);
}
END_TEST

START_TEST(refuses_devices_and_shapes)
{
	static const struct pbm_shape good = { PBM_NET_RBM, 5, 3, 2, 8 };
	struct device *d = (struct device *)8;
	struct program *p = (struct program *)8;
	uint64_t clamp[2] = { 32, 0 };
	struct pbm_shape s;
	struct err e = { 0 };

	says(device_open_embedded(0, &d, &e), -EINVAL, &e, "0 threads");
	says(device_open_embedded(100000, &d, &e), -EINVAL, &e, "1 to 1024");
	says(device_open_embedded_isa(1, (enum pbm_isa)(pbm_isa_best() + 1), &d, &e), -EOPNOTSUPP,
	     &e, "lacks");
	ck_assert_ptr_eq(d, (struct device *)8);

	d = open_device(1, pbm_isa_best());
	s = good;
	s.n = PBM_MAX_UNITS + 1;
	says(program_new(d, &s, NULL, &p, &e), -EINVAL, &e, "16385 x 3");
	s = good;
	s.m = 0;
	says(program_new(d, &s, NULL, &p, &e), -EINVAL, &e, "5 x 0");
	s = good;
	s.chains = 0;
	says(program_new(d, &s, NULL, &p, &e), -EINVAL, &e, "0 chains");
	s = good;
	s.bits = 4;
	says(program_new(d, &s, NULL, &p, &e), -EINVAL, &e, "4 bits");
	s = good;
	s.net = 99;
	says(program_new(d, &s, NULL, &p, &e), -EINVAL, &e, "kind 99");
	says(program_new(d, &good, clamp, &p, &e), -EINVAL, &e, "clamp");
	ck_assert_ptr_eq(p, (struct program *)8);
	device_close(d);
}
END_TEST

START_TEST(says_what_it_is)
{
	struct device *d = open_device(2, PBM_ISA_SCALAR);
	struct device_info info;

	device_get_info(d, &info);
	ck_assert_str_eq(info.name, "embedded0");
	ck_assert_str_eq(info.backend, "embedded");
	ck_assert_str_eq(info.route, "scalar");
	ck_assert_uint_eq(info.threads, 2);
	device_close(d);
}
END_TEST

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CAN_LIMIT_MEMORY 1
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#undef CAN_LIMIT_MEMORY /* the sanitizers need address space of their own */
#endif
#endif
#endif

#ifdef CAN_LIMIT_MEMORY
/* Leaves so much address space to be had. */
static void limit_memory(size_t more)
{
	struct rlimit limit;
	unsigned long pages;
	FILE *f = fopen("/proc/self/statm", "re");

	ck_assert(f && fscanf(f, "%lu", &pages) == 1);
	fclose(f);
	ck_assert_int_eq(getrlimit(RLIMIT_AS, &limit), 0);
	limit.rlim_cur = more == SIZE_MAX ? limit.rlim_max : pages * 4096 + more;
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
}

/* Memory gives out at every stage of a run, and comes back: one sentence, then the right bits. */
START_TEST(survives_lack_of_memory)
{
	struct pbm_shape s = { PBM_NET_RBM, 700, 900, 64, 8 };
	_cleanup_input_ struct input in = { 0 };
	_cleanup_outcome_ struct outcome want = { 0 };
	struct device *d = open_device(2, pbm_isa_best());
	bool failed_submit = false, failed_wait = false;
	size_t left;

	mallopt(M_MMAP_THRESHOLD, 1 << 16); /* what is freed goes back, */
	mallopt(M_ARENA_MAX, 1);	    /* and no thread hoards */
	input_random(&in, &s, false, 0, SEED);
	in.s.accumulate &= ~(unsigned int)ACC_STATE_TRACE;
	run_input(d, &in, &want);
	device_close(d);
	for (left = 0; left < (size_t)96 << 20; left += (size_t)1 << 20) {
		_cleanup_outcome_ struct outcome got = { 0 };
		struct submission submission = in.s;
		struct program *p;
		struct err e = { 0 };
		int r;

		d = open_device(2, pbm_isa_best());
		p = start(d, &in);
		submission.gain = &in.gain;
		limit_memory(left);
		r = program_submit(p, &submission, &e);
		failed_submit |= r < 0;
		if (r == 0) {
			r = program_wait(p, NULL, &e);
			failed_wait |= r < 0;
		}
		limit_memory(SIZE_MAX);
		if (r < 0)
			says(r, -ENOMEM, &e, "memory");
		pbm_states_random(&s, in.s.seed, 0, s.chains, NULL, program_states(p));
		submit(p, &in);
		finish(p, &got);
		outcomes_equal(&want, &got);
		program_free(p);
		device_close(d);
		if (r == 0)
			break;
	}
	ck_assert(failed_submit && failed_wait);
}
END_TEST

START_TEST(leaves_no_thread_behind)
{
	struct device *d = NULL;
	struct err e = { 0 };
	int i, r;

	limit_memory((size_t)100 << 20);
	r = device_open_embedded(1024, &d, &e); /* 8 MiB of stack each */
	limit_memory(SIZE_MAX);
	ck_assert_ptr_null(d);
	says(r, -EAGAIN, &e, "could not be started");
	for (i = 0; i < 100000; i++) {
		struct stat st;

		ck_assert_int_eq(stat("/proc/self/task", &st), 0);
		if (st.st_nlink == 3) /* ".", "..", and one thread */
			break;
		usleep(1000); /* a thread that was joined may still be leaving */
	}
	ck_assert_int_lt(i, 100000);
}
END_TEST
#endif

int main(void)
{
	Suite *s = suite_create("device");
	TCase *t = tcase_create("device");

	tcase_set_timeout(t, 60);
	add_conformance_tests(t);
	tcase_add_loop_test(t, threads_and_routes_do_not_show, 0, 6);
	tcase_add_loop_test(t, near_moments, 1, 4);
	tcase_add_test(t, refuses_devices_and_shapes);
	tcase_add_test(t, says_what_it_is);
#ifdef CAN_LIMIT_MEMORY
	tcase_add_test(t, survives_lack_of_memory);
	tcase_add_test(t, leaves_no_thread_behind);
#endif
	suite_add_tcase(s, t);
	return run_suite(s);
}
