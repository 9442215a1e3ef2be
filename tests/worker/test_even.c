/* SPDX-License-Identifier: MIT */
/* Models without reference spins: nothing in them tells v from -v. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "independent.h"
#include "likelihood.h"
#include "model_file.h"
#include "splitmix.h"
#include "trainer.h"

#include "../run_suite.h"

#define PIXELS 5
#define COUNT  400

static struct device *device;
static struct dataset *data;

/* All pixels alike, but for one in ten: two modes, of which each is the other's negative. */
static void set_up(void)
{
	struct dataset_options o = { .threshold = 0.5, .holdout = 0.25, .seed = 5, .even = true };
	size_t shape[2] = { COUNT, PIXELS };
	struct array images;
	uint8_t *pixel;

	ck_assert_int_eq(array_new(&images, DT_U8, 2, shape, NULL), 0);
	pixel = images.data;
	for (size_t k = 0; k < COUNT * PIXELS; k++)
		pixel[k] = (splitmix_below(1, k / PIXELS, 2) != 0) ^ (splitmix_uniform(2, k) < 0.1);
	ck_assert_int_eq(dataset_new(&images, "images", NULL, NULL, &o, &data, NULL), 0);
	array_free(&images);
	ck_assert_int_eq(device_open_embedded(1, &device, NULL), 0);
}

static void tear_down(void)
{
	device = device_close(device);
	data = dataset_free(data);
}

static struct spec_train make_spec(void)
{
	struct spec_train s = { 0 };

	s.model.even = true;
	s.model.hidden = 3;
	s.model.n_layers = 1;
	s.model.layers[0] = 4;
	s.device = (struct spec_device){
		.bits = 8, .beta = 1, .scan = SCAN_RANDOM_DIRECTION, .chains = 64, .sweeps = 32
	};
	s.optimizer.epochs = 1;
	s.optimizer.steps = 150;
	s.optimizer.rate = 0.03;
	return s;
}

START_TEST(rows_are_pixels_alone)
{
	_cleanup_independent_ struct independent *b = NULL;
	double log_p[2];
	int8_t rows[2 * PIXELS];

	ck_assert_uint_eq(data->n, PIXELS);
	ck_assert_uint_eq(data->first, 0);
	for (size_t k = 0; k < data->count * data->n; k++)
		ck_assert(data->spins[k] == 1 || data->spins[k] == -1);
	/* The first pixel counts like any other. */
	ck_assert_int_eq(independent_fit(data, &b, NULL), 0);
	memset(rows, 1, sizeof(rows));
	rows[0] = -1;
	independent_log_p(b, 0, rows, 2, log_p);
	ck_assert_double_eq_tol(log_p[1] - log_p[0], b->log_p[1] - b->log_p[0], 1e-12);
	ck_assert_double_gt(fabs(log_p[1] - log_p[0]), 0);
}
END_TEST

/* ln p of all 2^PIXELS rows, in the order of their bits, 1 = +1. */
static void all_log_p(const struct couplings *c, double log_p[1 << PIXELS])
{
	int8_t rows[(1 << PIXELS) * PIXELS];
	struct rbm rbm = couplings_rbm(c, 0);
	double log_z;

	for (size_t s = 0; s < 1 << PIXELS; s++)
		for (size_t i = 0; i < PIXELS; i++)
			rows[s * PIXELS + i] = s >> i & 1 ? 1 : -1;
	ck_assert_int_eq(rbm_log_z(&rbm, 1, &log_z, NULL), 0);
	ck_assert_int_eq(rbm_log_p_star(NULL, &rbm, rows, 1 << PIXELS, log_p, NULL, NULL), 0);
	for (size_t s = 0; s < 1 << PIXELS; s++)
		log_p[s] -= log_z;
}

/*
 * The true law scores -2.29 nats (two modes, five pixels that flip with probability 0.1),
 * independent pixels -3.47, five coins.
 */
START_TEST(learns_two_modes)
{
	struct spec_train s = make_spec();
	struct array no_codes = { 0 };
	struct energy_ledger l = { 0 };
	double log_p[1 << PIXELS], sum = 0, held_out = 0;
	struct couplings c;
	struct trainer *t;
	const int8_t *rows;
	size_t count;

	ck_assert_int_eq(trainer_new(MODEL_HYPERNETWORK, &s, 42, data, &no_codes, device, &t, NULL),
			 0);
	ck_assert_uint_eq(t->n, PIXELS);
	ck_assert_uint_eq(t->m, 3);
	for (unsigned int k = 0; k < s.optimizer.steps; k++)
		ck_assert_int_eq(trainer_step(t, NULL, &l, NULL), 0);
	ck_assert_int_eq(trainer_couplings_new(t, &c, NULL), 0);
	ck_assert_int_eq(trainer_couplings(t, t->optimizer->average, &c, NULL), 0);
	all_log_p(&c, log_p);
	for (size_t k = 0; k < 1 << PIXELS; k++) {
		sum += exp(log_p[k]);
		ck_assert_double_eq_tol(log_p[k], log_p[(1 << PIXELS) - 1 - k], 1e-12);
	}
	ck_assert_double_eq_tol(sum, 1, 1e-12);
	rows = dataset_part(data, PART_HELD_OUT, &count);
	for (size_t k = 0; k < count; k++) {
		size_t state = 0;

		for (size_t i = 0; i < PIXELS; i++)
			state |= (size_t)(rows[k * PIXELS + i] > 0) << i;
		held_out += log_p[state] / (double)count;
	}
	ck_assert_double_gt(held_out, -2.6);
	/* Where reference spins would meet there is a coupling like any other. */
	ck_assert_int_ne(c.q[0], 0);
	couplings_free(&c);
	trainer_free(t);
}
END_TEST

/* Chains start at fair coins on every p-bit, and none is held. */
START_TEST(no_p_bit_is_clamped)
{
	struct spec_device sd = { .beta = 1, .chains = 256, .sweeps = 4 };
	double w[PIXELS * 3] = { 0 }, vh[PIXELS * 3] = { 0 };
	struct energy_ledger ledger = { 0 };
	struct negative_phase p;
	struct couplings c;
	uint64_t first = 0;
	int r;

	ck_assert_int_eq(couplings_new(1, PIXELS, 3, 8, 1, &c, NULL), 0);
	c.even = true;
	ck_assert_int_eq(couplings_quantise(&c, w, 1, NULL), 0);
	ck_assert_int_eq(negative_new(device, &c, &sd, 3, 0, &p, NULL), 0);
	for (size_t k = 0; k < sd.chains; k++)
		first += program_states(p.program[0])[k * 2] & 1;
	/* 256 coins: 128 +- 8. */
	ck_assert(first > 128 - 48 && first < 128 + 48);
	ck_assert_int_eq(negative_load(&p, &c, &ledger, NULL), 0);
	ck_assert_int_eq(negative_begin(&p, &c, 0, NULL), 0);
	while ((r = negative_continue(&p, &c, false, vh, &ledger, NULL)) > 0)
		;
	ck_assert_int_eq(r, 0);
	ck_assert_uint_eq(ledger.flips, 256 * 4 * (PIXELS + 3));
	/* 1024 products of independent coins: 6 standard errors. */
	for (size_t k = 0; k < PIXELS * 3; k++)
		ck_assert_double_lt(fabs(vh[k]), 6 / 32.0);
	negative_free(&p);
	couplings_free(&c);
}
END_TEST

START_TEST(files_say_so)
{
	double w[PIXELS * 3] = { 0.5 };
	struct couplings c;

	ck_assert_int_eq(couplings_new(1, PIXELS, 3, 8, 1, &c, NULL), 0);
	for (int even = 0; even < 2; even++) {
		char path[] = "/tmp/pbit-even-XXXXXX";
		int fd = mkstemp(path);
		struct rbm_file f;
		size_t size;
		void *buf;

		w[0] = 0.5;
		c.even = even;
		ck_assert_int_eq(couplings_quantise(&c, w, 0, NULL), 0);
		ck_assert_int_eq(model_encode(&c, NULL, NULL, NULL, &buf, &size, NULL), 0);
		ck_assert_int_eq(write(fd, buf, size), (ssize_t)size);
		ck_assert_int_eq(model_read(fd, path, 0, &f, NULL), 0);
		ck_assert_int_eq(f.clamped, !even);
		ck_assert_int_eq(f.q[0], even ? 127 : 0);
		rbm_file_free(&f);
		unlink(path);
		close(fd);
		free(buf);
	}
	couplings_free(&c);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("even");
	TCase *t = tcase_create("even");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, rows_are_pixels_alone);
	tcase_add_test(t, learns_two_modes);
	tcase_add_test(t, no_p_bit_is_clamped);
	tcase_add_test(t, files_say_so);
	suite_add_tcase(s, t);
	return run_suite(s);
}
