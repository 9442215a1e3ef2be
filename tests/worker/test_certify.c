/* SPDX-License-Identifier: MIT */
/* Certify jobs: known values, the same bits however they are run, refusals before any memory. */
#include "job_support.h"

#include "checkpoint.h"
#include "exact/family.h"

#include "../run_suite.h"

static int certify_dir(const char *name, size_t n, size_t m, const double *w, const char *more,
		       int threads)
{
	size_t shape[2] = { n, m };
	int dir = job_dir(name);
	struct array W;
	char spec[512];

	ck_assert_int_eq(array_new(&W, DT_F64, 2, shape, NULL), 0);
	memcpy(W.data, w, n * m * sizeof(*w));
	write_array(dir, "input/0", &W);
	snprintf(spec, sizeof(spec), "{\"kind\": \"certify\", \"model\": \"W.npy\"%s}", more);
	write_job(dir, spec, "{\"W.npy\": \"input/0\"}", threads);
	return dir;
}

static int family_dir(const char *name, unsigned int cells, int threads)
{
	int dir = job_dir(name);
	char spec[256];

	snprintf(spec, sizeof(spec),
		 "{\"kind\": \"certify\", \"suite\": \"family\", \"cells\": %u}", cells);
	write_job(dir, spec, "{}", threads);
	return dir;
}

static double number(const json_t *report, const char *key)
{
	const json_t *x = json_object_get(report, key);

	ck_assert_msg(json_is_number(x), "%s is no number", key);
	return json_number_value(x);
}

static const double reference[4] = { -0.165460216688931, -0.503730108081027, -0.136124001192678,
				     -0.608282363834905 };

START_TEST(known_values)
{
	static const double slope[4] = { -0.0529257336, 0.1564308348, 0.3542240721, -0.3752691138 };
	int dir = certify_dir("a", 2, 2, reference, "", 1);
	json_t *report, *grad;
	struct array saved;
	int fd;

	run_to_done(dir);
	report = load_report(dir);
	grad = json_object_get(report, "grad_W");
	ck_assert_double_eq_tol(number(report, "T_O"), 8.331609849209988, 1e-14);
	ck_assert_double_eq_tol(number(report, "sum_var"), 3.402558280482539, 1e-14);
	ck_assert_double_lt(number(report, "value_agreement"), 1e-14);
	ck_assert_double_lt(number(report, "gradient_agreement"), 1e-12);
	ck_assert_double_lt(number(report, "a2_residual"), 1e-15);
	ck_assert(json_is_null(json_object_get(report, "refused")));
	fd = openat(dir, "out/grad.npy", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(npy_read(fd, "grad.npy", &saved, NULL), 0);
	for (size_t k = 0; k < 4; k++) {
		double g = json_number_value(json_array_get(json_array_get(grad, k / 2), k % 2));

		ck_assert_double_eq_tol(g, slope[k], 1e-10);
		ck_assert_double_eq(array_get(&saved, k), g);
	}
	array_free(&saved);
	json_decref(report);
	close(fd);
	close(dir);
}
END_TEST

START_TEST(not_reversible)
{
	int dir = certify_dir("a", 2, 2, reference, ", \"kernel\": \"alternating\"", 1);
	json_t *report;

	run_to_done(dir);
	report = load_report(dir);
	/* Of this very instance 1.0e-2 is known. */
	ck_assert_double_eq_tol(number(report, "a2_residual"), 1.0e-2, 5e-4);
	ck_assert(json_is_null(json_object_get(report, "T_O")));
	ck_assert(json_is_null(json_object_get(report, "grad_W")));
	ck_assert(json_is_string(json_object_get(report, "refused")));
	ck_assert_int_lt(faccessat(dir, "out/grad.npy", F_OK, 0), 0);
	json_decref(report);
	close(dir);
}
END_TEST

/* Threads and stops do not show; where it was is not kept, so that it begins again. */
START_TEST(matrix_to_the_same_bits)
{
	double w[49];
	int a, b, c;

	for (size_t k = 0; k < 49; k++)
		w[k] = 0.5 * splitmix_normal(3, k);
	a = certify_dir("a", 7, 7, w, "", 1);
	b = certify_dir("b", 7, 7, w, "", 1);
	c = certify_dir("c", 7, 7, w, "", 3);
	run_to_done(a);
	run_with_stops(b, SIGTERM, 20000, 4);
	run_to_done(c);
	check_same_file(a, b, "out/grad.npy");
	check_same_file(a, c, "out/grad.npy");
	check_same_report(a, b);
	check_same_report(a, c);
	close(a);
	close(b);
	close(c);
}
END_TEST

START_TEST(family_goes_on_where_it_was)
{
	int a = family_dir("a", 40, 2), b = family_dir("b", 40, 2);
	json_t *report;
	unsigned int stops;

	run_to_done(a);
	stops = run_with_stops(b, SIGTERM, 50000, 5);
	ck_assert_uint_gt(stops, 0);
	check_same_report(a, b);
	report = load_report(b);
	ck_assert_double_eq(number(report, "cells"), 40);
	ck_assert_double_eq(number(report, "constructed"), 40);
	ck_assert_double_le(number(report, "worst_value_agreement"), 1e-14);
	ck_assert_double_le(number(report, "worst_gradient_error"), 1e-7);
	json_decref(report);
	close(a);
	close(b);
}
END_TEST

/* A cell whose error is not a number is the worst, whichever error that is. */
START_TEST(no_number_is_worst)
{
	int dir = family_dir("a", 1, 1), ckpt;
	_cleanup_checkpoint_ struct checkpoint old = { 0 }, changed = { 0 };
	uint64_t identity, sequence, state[2];
	unsigned int refused;
	struct family_cell cell;
	json_t *report;
	size_t size;
	char *file;

	run_to_done(dir);
	ckpt = openat(dir, "ckpt", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	file = slurp(ckpt, "0", &size);
	memcpy(&identity, file + 8, sizeof(identity));
	free(file);
	ck_assert_int_eq(checkpoint_load(ckpt, identity, &old, &sequence, &refused, NULL), 0);
	ck_assert_int_eq(checkpoint_get(&old, "state", state, sizeof(state), NULL), 0);
	ck_assert_int_eq(checkpoint_get(&old, "cells", &cell, sizeof(cell), NULL), 0);
	ck_assert_double_gt(cell.reference_phi, 0);
	*(_i ? &cell.reference_phi : &cell.reference_w) = NAN;
	checkpoint_begin(&changed);
	checkpoint_put(&changed, "state", state, sizeof(state));
	checkpoint_put(&changed, "cells", &cell, sizeof(cell));
	ck_assert_int_eq(checkpoint_save(&changed, ckpt, identity, sequence + 1, NULL), 0);
	ck_assert_int_eq(unlinkat(dir, "out/report.json", 0), 0);
	run_to_done(dir);
	report = load_report(dir);
	ck_assert(json_is_null(json_object_get(report, "worst_reference_error")));
	json_decref(report);
	close(ckpt);
	close(dir);
}
END_TEST

START_TEST(refusals)
{
	static const struct {
		const char *more;
		size_t n;
		double w;
		const char *reason;
	} cases[] = {
		{ ", \"memory\": 1e-6", 2, 0, "GiB of memory; the limit is" },
		{ "", 2, NAN, "W.npy: row 0, value 0, is NaN" },
		{ "", 2, 1e301, "W.npy: " },
		/* 4 / (2 cosh W)^2 is 0 in double precision, and a denormal number with few bits. */
		{ ", \"kernel\": \"mixture\", \"gradient\": \"log-T_O\"", 1, 1000, "frozen" },
		{ ", \"kernel\": \"random-2-block\", \"gradient\": \"tau_max\"", 1, -365,
		  "frozen" },
	};
	double w[4] = { cases[_i].w };
	size_t n = cases[_i].n;
	int dir = certify_dir("a", n, n, w, cases[_i].more, 1);

	run_to_failure(dir, cases[_i].reason);
	close(dir);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("certify");
	TCase *t = tcase_create("certify");

	tcase_set_timeout(t, 600);
	tcase_add_checked_fixture(t, make_root, remove_root);
	tcase_add_test(t, known_values);
	tcase_add_test(t, not_reversible);
	tcase_add_test(t, matrix_to_the_same_bits);
	tcase_add_test(t, family_goes_on_where_it_was);
	tcase_add_loop_test(t, no_number_is_worst, 0, 2);
	tcase_add_loop_test(t, refusals, 0, 5);
	suite_add_tcase(s, t);
	return run_suite(s);
}
