// SPDX-License-Identifier: MIT
/* Progress that goes forward on the thread that asked, and a stop at any moment. */
#include <pthread.h>

#include "exact/quad.h"
#include "exact/spectrum.h"
#include "support.h"

struct watch {
	pthread_t thread;
	unsigned int calls, stop_at;
	double share;
	const char *what;
	atomic_bool cancel;
};

static void watch(void *data, const char *what, double share)
{
	struct watch *w = data;

	ck_assert(pthread_equal(w->thread, pthread_self()));
	ck_assert(share >= 0 && share <= 1);
	if (w->what && strcmp(w->what, what) == 0 && strcmp(what, "solve") == 0)
		ck_assert_double_ge(share, w->share - 0.34); /* a block behind, at most */
	w->what = what;
	w->share = share;
	if (++w->calls == w->stop_at)
		atomic_store(&w->cancel, true);
}

static int all(struct watch *w, unsigned int threads, enum exact_kernel kernel, struct err *e)
{
	double c[MAX_W];
	struct exact_model mo = { 5, 5, 1, c };
	struct exact_run run = {
		.threads = threads, .cancel = &w->cancel, .progress = watch, .data = w
	};
	struct exact_ask ask = { .kernel = kernel, .gradient = true, .keep_x = true };
	_cleanup_exact_even_ struct exact_even *v = NULL;
	_cleanup_exact_mixing_ struct exact_mixing *x = NULL;
	_cleanup_exact_quad_ struct exact_quad *q = NULL;
	struct exact_spectrum s;
	int r;

	w->thread = pthread_self();
	random_couplings(c, 25, 1, 8);
	r = exact_even_new(&mo, &run, &v, e);
	if (r == 0)
		r = exact_mixing(v, &ask, &run, &x, e);
	if (r == 0)
		r = exact_quad(v, x, &run, &q, e);
	if (r == 0)
		r = exact_spectrum(v, kernel, &run, &s, e);
	return r;
}

START_TEST(test_progress)
{
	struct watch w = { 0 };

	ck_assert_int_eq(all(&w, (unsigned int)_i, EXACT_RANDOM_SCAN, NULL), 0);
	ck_assert_uint_gt(w.calls, 3);
}
END_TEST

/* Stopped at each of its calls in turn. The last ones may come when all is done. */
START_TEST(test_stop)
{
	struct watch whole = { 0 };
	unsigned int stopped = 0;

	ck_assert_int_eq(all(&whole, 2, (enum exact_kernel)_i, NULL), 0);
	for (unsigned int at = 1; at < whole.calls; at++) {
		struct watch w = { .stop_at = at };
		struct err e = { 0 };
		int r = all(&w, 2, (enum exact_kernel)_i, &e);

		if (r == 0)
			continue;
		ck_assert_int_eq(r, -ECANCELED);
		ck_assert_str_eq(e.text, "stopped as asked");
		stopped++;
	}
	ck_assert_uint_gt(stopped, whole.calls / 2);
}
END_TEST

static void add(TCase *t)
{
	tcase_add_loop_test(t, test_progress, 1, 4);
	tcase_add_loop_test(t, test_stop, 0, EXACT_ALTERNATING);
}

int main(void)
{
	return run_cases("run", add);
}
