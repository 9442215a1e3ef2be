/* SPDX-License-Identifier: MIT */
/*
 * ln Z by annealed importance sampling against the sum over all states: within 6 standard errors
 * (two-sided error 2e-9 each), fixed seeds, and standard errors small enough for that to mean
 * something.
 */
#include <check.h>
#include <math.h>

#include "ais.h"
#include "rbm_exact.h"
#include "splitmix.h"

#include "../run_suite.h"

#define N    7
#define M    5
#define BETA 1.25

static struct device *device;

static void open_device(void)
{
	ck_assert_int_eq(device_open_embedded(1, &device, NULL), 0);
}

static void close_device(void)
{
	device = device_close(device);
}

static void make_couplings(struct couplings *c, uint64_t seed, double spread)
{
	double w[N * M];

	for (size_t k = 0; k < N * M; k++)
		w[k] = spread * splitmix_normal(seed, k);
	ck_assert_int_eq(couplings_new(1, N, M, 8, BETA, c, NULL), 0);
	ck_assert_int_eq(couplings_quantise(c, w, 0, NULL), 0);
}

static const struct {
	uint32_t chains, betas;
	double spread, max_error;
} cases[] = {
	{ 256, 400, 0.3, 0.03 },
	{ 512, 1500, 0.7, 0.05 },
	/*
	 * Few betas: an energy paired with the wrong step would shift ln Z by many standard errors,
	 * for the weights are right on average at any number of betas.
	 */
	{ 16384, 12, 0.3, 0.02 },
};

START_TEST(matches_enumeration)
{
	for (uint64_t seed = 1; seed <= 5; seed++) {
		struct ais_options o = {
			.chains = cases[_i].chains,
			.betas = cases[_i].betas,
			.scan = (uint32_t)(seed % 3),
			.seed = 1000 + seed,
		};
		struct energy_ledger ledger = { 0 };
		struct couplings c;
		struct rbm rbm;
		struct ais a;
		double exact;

		make_couplings(&c, seed, cases[_i].spread);
		rbm = couplings_rbm(&c, 0);
		ck_assert_int_eq(rbm_log_z(&rbm, 1, &exact, NULL), 0);
		ck_assert_int_eq(ais_class(device, &c, 0, &o, NULL, &ledger, &a, NULL), 0);
		ck_assert_double_lt(a.error, cases[_i].max_error);
		ck_assert_double_gt(a.error, 0);
		ck_assert_double_lt(fabs(a.log_z - exact), 6 * a.error);
		ck_assert_double_gt(a.ess, 1);
		ck_assert(a.resolved);
		ck_assert_double_le(a.ess, o.chains);
		ck_assert_uint_gt(ledger.flips, 0);
		couplings_free(&c);
	}
}
END_TEST

/* No couplings: every weight is 1, and Z the number of free states. */
START_TEST(no_couplings)
{
	struct ais_options o = { .chains = 16, .betas = 10, .seed = 1 };
	struct energy_ledger ledger = { 0 };
	double w[N * M] = { 0 };
	struct couplings c;
	struct ais a;

	ck_assert_int_eq(couplings_new(1, N, M, 8, BETA, &c, NULL), 0);
	ck_assert_int_eq(couplings_quantise(&c, w, 1, NULL), 0);
	ck_assert_int_eq(ais_class(device, &c, 0, &o, NULL, &ledger, &a, NULL), 0);
	ck_assert_double_eq_tol(a.log_z, (N + M - 2) * log(2), 1e-12);
	ck_assert_double_eq_tol(a.error, 0, 1e-12);
	ck_assert_double_eq_tol(a.ess, 16, 1e-9);
	ck_assert(a.resolved);
	/* Equal as they are, few chains tell no error. */
	o.chains = 9;
	ck_assert_int_eq(ais_class(device, &c, 0, &o, NULL, &ledger, &a, NULL), 0);
	ck_assert(a.resolved);
	o.chains = 8;
	ck_assert_int_eq(ais_class(device, &c, 0, &o, NULL, &ledger, &a, NULL), 0);
	ck_assert(!a.resolved);
	couplings_free(&c);
}
END_TEST

/* From too few betas to enough: some that is not resolved is far off, what is resolved is not. */
START_TEST(resolved_is_right)
{
	unsigned int resolved = 0, off = 0;

	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct ais_options o = { .chains = 32,
					 .betas = 2 + (uint32_t)(seed % 50),
					 .scan = PBM_SCAN_RANDOM_DIRECTION,
					 .seed = seed };
		struct energy_ledger ledger = { 0 };
		double w[64 * 10], exact;
		struct couplings c;
		struct rbm rbm;
		struct ais a;
		bool within;

		for (size_t k = 0; k < ARRAY_SIZE(w); k++)
			w[k] = 0.2 * splitmix_normal(seed, k);
		ck_assert_int_eq(couplings_new(1, 64, 10, 8, 1, &c, NULL), 0);
		ck_assert_int_eq(couplings_quantise(&c, w, 0, NULL), 0);
		rbm = couplings_rbm(&c, 0);
		ck_assert_int_eq(rbm_log_z(&rbm, 1, &exact, NULL), 0);
		ck_assert_int_eq(ais_class(device, &c, 0, &o, NULL, &ledger, &a, NULL), 0);
		within = fabs(a.log_z - exact) < 6 * a.error;
		ck_assert_msg(within || !a.resolved, "seed %ju: %g +- %g, exactly %g, ess %g",
			      (uintmax_t)seed, a.log_z, a.error, exact, a.ess);
		resolved += a.resolved;
		off += !within;
		couplings_free(&c);
	}
	ck_assert_msg(resolved > 50 && off > 0, "%u resolved, %u off", resolved, off);
}
END_TEST

/* The energies come in pieces; the pieces give what one piece gives. */
START_TEST(pieces_agree_with_threads)
{
	struct ais_options o = { .chains = 4096, .betas = 700, .seed = 5, .scan = 2 };
	struct energy_ledger ledger = { 0 };
	struct device *two;
	struct couplings c;
	struct ais a, b;

	make_couplings(&c, 3, 0.4);
	ck_assert_int_eq(device_open_embedded(2, &two, NULL), 0);
	ck_assert_int_eq(ais_class(device, &c, 0, &o, NULL, &ledger, &a, NULL), 0);
	ck_assert_int_eq(ais_class(two, &c, 0, &o, NULL, &ledger, &b, NULL), 0);
	ck_assert_double_eq(a.log_z, b.log_z);
	ck_assert_double_eq(a.error, b.error);
	couplings_free(&c);
	device_close(two);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ais");
	TCase *t = tcase_create("ais");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, open_device, close_device);
	tcase_add_loop_test(t, matches_enumeration, 0, 3);
	tcase_add_test(t, no_couplings);
	tcase_add_test(t, resolved_is_right);
	tcase_add_test(t, pieces_agree_with_threads);
	suite_add_tcase(s, t);
	return run_suite(s);
}
