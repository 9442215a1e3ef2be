/* SPDX-License-Identifier: MIT */
/*
 * Training, below the process: the negative phase against exact moments (6 standard errors), the
 * stream of minibatches, resumption and thread counts to the same bits, and that it learns.
 */
#include <check.h>
#include <math.h>
#include <string.h>

#include "likelihood.h"
#include "minibatch.h"
#include "mixing.h"
#include "splitmix.h"
#include "trainer.h"

#include "../run_suite.h"

#define SIDE   3
#define PIXELS (SIDE * SIDE)
#define COUNT  240

static struct device *device;
static struct dataset *data;
static struct array images, labels, no_codes;

/* Class 0: one bright row; class 1: one bright column; both with a few pixels flipped. */
static void make_images(void)
{
	size_t shape[3] = { COUNT, SIDE, SIDE }, count[1] = { COUNT };
	uint8_t *pixel;

	ck_assert_int_eq(array_new(&images, DT_U8, 3, shape, NULL), 0);
	ck_assert_int_eq(array_new(&labels, DT_U8, 1, count, NULL), 0);
	pixel = images.data;
	for (size_t k = 0; k < COUNT; k++) {
		size_t class = k % 2, line = splitmix_below(1, k, SIDE);

		((uint8_t *)labels.data)[k] = (uint8_t) class;
		for (size_t p = 0; p < PIXELS; p++) {
			bool on = (class ? p % SIDE : p / SIDE) == line;

			on ^= splitmix_uniform(2, k * PIXELS + p) < 0.02;
			pixel[k * PIXELS + p] = on ? 16 : 0;
		}
	}
}

static void set_up(void)
{
	struct dataset_options o = { .threshold = 8, .holdout = 0.2, .validation = 0.1, .seed = 5 };

	make_images();
	ck_assert_int_eq(dataset_new(&images, "images", &labels, "labels", &o, &data, NULL), 0);
	ck_assert_int_eq(device_open_embedded(2, &device, NULL), 0);
}

static void tear_down(void)
{
	device = device_close(device);
	data = dataset_free(data);
	array_free(&images);
	array_free(&labels);
}

static struct spec_train make_spec(unsigned int batch)
{
	struct spec_train s = { 0 };

	s.model.hidden = 4;
	s.model.n_layers = 1;
	s.model.layers[0] = 5;
	s.device = (struct spec_device){
		.bits = 8, .beta = 1, .scan = SCAN_RANDOM_DIRECTION, .chains = 32, .sweeps = 16
	};
	s.optimizer.epochs = 10;
	s.optimizer.steps = 20;
	s.optimizer.rate = 0.03;
	s.optimizer.decay = 0.1;
	s.optimizer.batch = batch;
	return s;
}

static struct trainer *make_trainer(enum trainer_model model, const struct spec_train *s,
				    struct device *d)
{
	struct trainer *t;

	ck_assert_int_eq(trainer_new(model, s, 42, data, &no_codes, d, &t, NULL), 0);
	return t;
}

static void steps(struct trainer *t, unsigned int count, struct energy_ledger *l)
{
	struct err e = { 0 };

	for (unsigned int k = 0; k < count; k++)
		ck_assert_msg(trainer_step(t, NULL, l, &e) == 0, "%s", e.text);
}

/* ---- minibatches ---- */

START_TEST(stream_covers_every_image_once_a_pass)
{
	size_t train, size = 7, *seen;
	uint64_t pass = UINT64_MAX;
	uint32_t *order;

	dataset_part(data, PART_TRAIN, &train);
	order = calloc(train, sizeof(*order));
	seen = calloc(train, sizeof(*seen));
	ck_assert_uint_gt(train, size);
	for (uint64_t step = 0; step < train; step++) { /* seven passes */
		struct minibatch b;
		size_t sum = 0;

		ck_assert_int_eq(minibatch_take(data, size, step, 9, order, &pass, &b, NULL), 0);
		ck_assert_uint_eq(b.total, size);
		for (size_t k = 0; k < size; k++) {
			seen[b.place[k]]++;
			ck_assert(!k || b.place[k - 1] <= b.place[k]);
		}
		for (unsigned int u = 0; u < data->classes; u++)
			sum += b.count[u];
		ck_assert_uint_eq(sum, size);
		minibatch_free(&b);
	}
	for (size_t k = 0; k < train; k++)
		ck_assert_uint_eq(seen[k], 7);
	free(order);
	free(seen);
}
END_TEST

START_TEST(rows_belong_to_their_class)
{
	size_t train, size = 50;
	uint64_t pass = UINT64_MAX;
	uint32_t *order;
	int8_t *rows;
	struct minibatch b;

	dataset_part(data, PART_TRAIN, &train);
	order = calloc(train, sizeof(*order));
	rows = calloc(size, data->n);
	ck_assert_int_eq(minibatch_take(data, size, 3, 9, order, &pass, &b, NULL), 0);
	for (unsigned int u = 0; u < data->classes; u++) {
		size_t count, all;
		const int8_t *own = dataset_rows(data, PART_TRAIN, u, &all);
		const int8_t *got = minibatch_class(&b, data, u, rows, &count);

		ck_assert_uint_eq(count, b.count[u]);
		for (size_t k = 0; k < count; k++) {
			bool found = false;

			for (size_t r = 0; r < all; r++)
				found |= !memcmp(got + k * data->n, own + r * data->n, data->n);
			ck_assert(found);
		}
	}
	minibatch_free(&b);
	free(order);
	free(rows);
}
END_TEST

/* ---- the negative phase ---- */

START_TEST(moments_are_those_of_the_model)
{
	struct spec_device sd = {
		.beta = 0.8, .scan = (enum spec_scan)_i, .chains = 256, .sweeps = 400
	};
	size_t n = 6, m = 4;
	struct energy_ledger ledger = { 0 };
	double w[2 * 24], vh[2 * 24], exact[24], log_z;
	struct negative_phase p;
	struct couplings c;

	for (size_t k = 0; k < 48; k++)
		w[k] = 0.3 * splitmix_normal(11, k);
	ck_assert_int_eq(couplings_new(2, n, m, 8, sd.beta, &c, NULL), 0);
	ck_assert_int_eq(couplings_quantise(&c, w, 0, NULL), 0);
	ck_assert_int_eq(negative_new(device, &c, &sd, 3, 0, &p, NULL), 0);
	for (uint64_t step = 0; step < 2; step++) { /* the first is burn-in */
		int r;

		memset(vh, 0, sizeof(vh));
		ck_assert_int_eq(negative_load(&p, &c, &ledger, NULL), 0);
		ck_assert_int_eq(negative_begin(&p, &c, step, NULL), 0);
		while ((r = negative_continue(&p, &c, false, vh, &ledger, NULL)) > 0)
			;
		ck_assert_int_eq(r, 0);
	}
	for (unsigned int u = 0; u < 2; u++) {
		struct rbm rbm = couplings_rbm(&c, u);

		ck_assert_int_eq(rbm_moments(&rbm, 1, exact, &log_z, NULL), 0);
		for (size_t k = 0; k < n * m; k++) {
			/* tau_int of these weak couplings is below 4 sweeps */
			double sd_mean = sqrt((1 - exact[k] * exact[k]) * 4 / (256.0 * 400));

			ck_assert_double_lt(fabs(vh[u * n * m + k] - exact[k]),
					    6 * sd_mean + 1e-12);
		}
	}
	ck_assert_uint_eq(ledger.flips,
			  2 * 2 * 256 * 400 * (n - 1 + m - 1 + (_i == SCAN_PALINDROME) * (n - 1)));
	negative_free(&p);
	couplings_free(&c);
}
END_TEST

/* A long step is cut into pieces; the sums are those of one run. */
START_TEST(pieces_give_the_whole)
{
	struct spec_device sd = { .beta = 1, .chains = 4096, .sweeps = 900 };
	struct energy_ledger ledger = { 0 };
	unsigned int pieces = 0;
	struct submission s;
	struct negative_phase p;
	struct program *whole;
	struct couplings c;
	struct results res;
	double w[24], vh[24] = { 0 };

	for (size_t k = 0; k < 24; k++)
		w[k] = 0.3 * splitmix_normal(12, k);
	ck_assert_int_eq(couplings_new(1, 6, 4, 8, 1, &c, NULL), 0);
	ck_assert_int_eq(couplings_quantise(&c, w, 0, NULL), 0);
	ck_assert_int_eq(negative_new(device, &c, &sd, 3, 0, &p, NULL), 0);
	ck_assert_int_eq(couplings_program(&c, device, sd.chains, &whole, NULL), 0);
	memcpy(program_states(whole), program_states(p.program[0]), negative_states_size(&p));
	s = (struct submission){ .seed = p.seed[0],
				 .sweep0 = 5 * 900,
				 .sweeps = 900,
				 .every = 1,
				 .gains = 1,
				 .gain = c.gain,
				 .accumulate = ACC_MOMENTS };
	ck_assert_int_eq(program_set_couplings(whole, c.q, NULL), 0);
	ck_assert_int_eq(program_run(whole, &s, &res, NULL), 0);

	ck_assert_int_eq(negative_load(&p, &c, &ledger, NULL), 0);
	ck_assert_int_eq(negative_begin(&p, &c, 5, NULL), 0);
	do
		pieces++;
	while (negative_continue(&p, &c, false, vh, &ledger, NULL) > 0);
	ck_assert_uint_gt(pieces, 1);
	for (size_t k = 0; k < 24; k++)
		ck_assert_double_eq(vh[k], (double)res.vh[k] / (double)res.samples);
	ck_assert_mem_eq(program_states(whole), program_states(p.program[0]),
			 negative_states_size(&p));
	program_free(whole);
	negative_free(&p);
	couplings_free(&c);
}
END_TEST

START_TEST(classes_and_models_use_different_words)
{
	struct spec_device sd = { .beta = 1, .chains = 64, .sweeps = 1 };
	double w[2 * 24] = { 0 };
	struct negative_phase a, b;
	struct couplings c;
	uint64_t *x, *y;
	size_t half;

	ck_assert_int_eq(couplings_new(2, 6, 4, 8, 1, &c, NULL), 0);
	ck_assert_int_eq(couplings_quantise(&c, w, 1, NULL), 0);
	ck_assert_int_eq(negative_new(device, &c, &sd, 3, 0, &a, NULL), 0);
	ck_assert_int_eq(negative_new(device, &c, &sd, 3, 1, &b, NULL), 0);
	half = negative_states_size(&a) / 2;
	x = malloc(2 * half);
	y = malloc(2 * half);
	negative_get_states(&a, x);
	negative_get_states(&b, y);
	ck_assert_int_ne(memcmp(x, y, 2 * half), 0);
	ck_assert_int_ne(memcmp(x, (char *)x + half, half), 0);
	free(x);
	free(y);
	negative_free(&a);
	negative_free(&b);
	couplings_free(&c);
}
END_TEST

/* ---- the positive phase on the device ---- */

/* Sums over many steps, against the exact ones; a chain's v_i h_j varies by 1 - <h_j | v>^2. */
START_TEST(sampled_sums_are_those_of_the_images)
{
	struct spec_device sd = { .beta = 0.7, .chains = 8, .sweeps = 1 };
	size_t m = 5, size = data->n * m, all;
	double *w = calloc(2 * size, sizeof(*w)), *vh = calloc(2 * size, sizeof(*vh));
	double *sum = calloc(2 * size, sizeof(*sum)), *exact = calloc(size, sizeof(*exact));
	struct energy_ledger ledger = { 0 };
	struct positive_sampled p;
	struct negative_phase negative;
	struct couplings c;
	const unsigned int rounds = 500;

	dataset_part(data, PART_TRAIN, &all);
	for (size_t k = 0; k < 2 * size; k++)
		w[k] = 0.2 * splitmix_normal(13, k);
	ck_assert_int_eq(couplings_new(2, data->n, m, 8, sd.beta, &c, NULL), 0);
	ck_assert_int_eq(couplings_quantise(&c, w, 0, NULL), 0);
	ck_assert_int_eq(negative_new(device, &c, &sd, 3, 0, &negative, NULL), 0);
	ck_assert_int_eq(positive_sampled_new(device, &c, data, 0, &negative, 3, 0, &p, NULL), 0);
	ck_assert_int_eq(negative_load(&negative, &c, &ledger, NULL), 0);
	for (uint64_t step = 0; step < rounds; step++) {
		_cleanup_(minibatch_free) struct minibatch b = { 0 };

		ck_assert_int_eq(minibatch_take(data, 0, step, 1, NULL, NULL, &b, NULL), 0);
		ck_assert_int_eq(positive_sampled_run(&p, &c, data, &b, step, vh, &ledger, NULL),
				 0);
		for (size_t k = 0; k < 2 * size; k++)
			sum[k] += p.near[k / size] ? p.near[k / size][k % size] : vh[k];
	}
	ck_assert_uint_eq(ledger.flips, (uint64_t)rounds * all * (m - 1));
	/* Couplings once, and of each image what is visible: the device draws the rest. */
	ck_assert_uint_eq(ledger.writes, 2 * size + (uint64_t)rounds * all * data->n);
	for (unsigned int u = 0; u < 2; u++) {
		struct rbm rbm = couplings_rbm(&c, u);
		size_t count;
		const int8_t *rows = dataset_rows(data, PART_TRAIN, u, &count);

		ck_assert_int_eq(rbm_positive(&rbm, rows, count, exact, NULL), 0);
		for (size_t k = 0; k < size; k++) {
			double difference = sum[u * size + k] - rounds * exact[k];

			ck_assert_double_le(fabs(difference), 6 * sqrt((double)count * rounds));
			if (k % m == 0) /* the hidden reference spin */
				ck_assert_double_eq(difference, 0);
		}
	}
	positive_sampled_free(&p);
	negative_free(&negative);
	couplings_free(&c);
	free(w);
	free(vh);
	free(sum);
	free(exact);
}
END_TEST

/* Minibatches of several classes have now more, now fewer of each. */
START_TEST(sampled_takes_as_many_each_time)
{
	struct spec_train s = make_spec(23);
	struct trainer *t;
	struct err e = { 0 };

	s.optimizer.positive = POSITIVE_SAMPLED;
	ck_assert_int_eq(trainer_new(MODEL_HYPERNETWORK, &s, 1, data, &no_codes, device, &t, &e),
			 -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "optimizer.positive"));
	ck_assert_ptr_nonnull(strstr(e.text, "give optimizer.batch 0"));
}
END_TEST

/* ---- the trainer ---- */

static void check_same(const struct trainer *a, const struct trainer *b)
{
	size_t bytes = a->mlp->params * sizeof(double), size = negative_states_size(&a->negative);
	uint64_t *x = malloc(size), *y = malloc(size);

	ck_assert_uint_eq(a->step, b->step);
	ck_assert_mem_eq(a->mlp->phi, b->mlp->phi, bytes);
	if (a->optimizer->method == METHOD_ADAM) {
		ck_assert_mem_eq(a->optimizer->m, b->optimizer->m, bytes);
		ck_assert_mem_eq(a->optimizer->v, b->optimizer->v, bytes);
	}
	ck_assert_mem_eq(a->optimizer->average, b->optimizer->average, bytes);
	negative_get_states(&a->negative, x);
	negative_get_states(&b->negative, y);
	ck_assert_mem_eq(x, y, size);
	free(x);
	free(y);
}

static const struct {
	enum trainer_model model;
	unsigned int batch;
	enum spec_method method;
	enum spec_positive positive;
} ways[] = {
	{ MODEL_HYPERNETWORK, 0, METHOD_ADAM, POSITIVE_EXACT },
	{ MODEL_HYPERNETWORK, 23, METHOD_ADAM, POSITIVE_EXACT },
	{ MODEL_SEPARATE, 23, METHOD_ADAM, POSITIVE_EXACT },
	{ MODEL_HYPERNETWORK, 23, METHOD_DESCENT, POSITIVE_EXACT },
	{ MODEL_HYPERNETWORK, 0, METHOD_DESCENT, POSITIVE_SAMPLED },
};

static struct spec_train spec_of(int way)
{
	struct spec_train s = make_spec(ways[way].batch);

	s.optimizer.method = ways[way].method;
	s.optimizer.positive = ways[way].positive;
	return s;
}

START_TEST(resumes_to_the_same_bits)
{
	struct spec_train s = spec_of(_i);
	struct trainer *whole = make_trainer(ways[_i].model, &s, device);
	struct trainer *first = make_trainer(ways[_i].model, &s, device);
	struct trainer *second = make_trainer(ways[_i].model, &s, device);
	struct energy_ledger a = { 0 }, b = { 0 };
	struct checkpoint c;

	steps(whole, 30, &a);
	steps(first, 13, &b);
	checkpoint_begin(&c);
	trainer_save(first, &c);
	ck_assert_int_eq(trainer_load(second, &c, NULL), 0);
	checkpoint_free(&c);
	steps(second, 17, &b);
	check_same(whole, second);
	ck_assert_uint_eq(a.flips, b.flips);
	ck_assert_uint_eq(a.reads, b.reads);
	ck_assert_uint_eq(a.writes, b.writes);
	trainer_free(whole);
	trainer_free(first);
	trainer_free(second);
}
END_TEST

START_TEST(threads_do_not_show)
{
	struct spec_train s = spec_of(_i);
	struct energy_ledger l = { 0 };
	struct trainer *one, *two;
	struct device *single;

	ck_assert_int_eq(device_open_embedded(1, &single, NULL), 0);
	one = make_trainer(ways[_i].model, &s, single);
	two = make_trainer(ways[_i].model, &s, device);
	steps(one, 20, &l);
	steps(two, 20, &l);
	check_same(one, two);
	trainer_free(one);
	trainer_free(two);
	device_close(single);
}
END_TEST

/* The same of a model whose loops the threads share. */
START_TEST(threads_do_not_show_in_large_models)
{
	struct dataset_options o = { .threshold = 8, .holdout = 0.2, .seed = 5 };
	struct spec_train s = spec_of(_i);
	size_t shape[2] = { 60, 500 };
	struct energy_ledger l = { 0 };
	struct trainer *t[3];
	struct device *d[3];
	struct dataset *large;
	struct array many;

	ck_assert_int_eq(array_new(&many, DT_U8, 2, shape, NULL), 0);
	for (size_t k = 0; k < 60 * 500; k++)
		((uint8_t *)many.data)[k] = splitmix_uniform(17, k) < 0.3 ? 16 : 0;
	ck_assert_int_eq(dataset_new(&many, "images", NULL, NULL, &o, &large, NULL), 0);
	s.model.hidden = 200;
	s.model.n_layers = _i == 0;
	s.device.sweeps = 2;
	for (unsigned int k = 0; k < 3; k++) {
		ck_assert_int_eq(device_open_embedded(k + 1, &d[k], NULL), 0);
		ck_assert_int_eq(
			trainer_new(ways[_i].model, &s, 42, large, &no_codes, d[k], &t[k], NULL),
			0);
		ck_assert_uint_gt(crew_parts(t[k]->n * t[k]->m), 2);
		steps(t[k], 4, &l);
	}
	check_same(t[0], t[1]);
	check_same(t[0], t[2]);
	for (unsigned int k = 0; k < 3; k++) {
		trainer_free(t[k]);
		device_close(d[k]);
	}
	dataset_free(large);
	array_free(&many);
}
END_TEST

/* A damaged or foreign section is named and refused. */
START_TEST(refuses_a_checkpoint_that_does_not_fit)
{
	struct spec_train s = make_spec(0), other = make_spec(0);
	struct trainer *a, *b;
	struct err e = { 0 };
	struct checkpoint c;

	other.model.hidden = 5;
	a = make_trainer(MODEL_HYPERNETWORK, &s, device);
	b = make_trainer(MODEL_HYPERNETWORK, &other, device);
	checkpoint_begin(&c);
	trainer_save(a, &c);
	ck_assert_int_eq(trainer_load(b, &c, &e), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "phi"));
	checkpoint_free(&c);
	trainer_free(a);
	trainer_free(b);
}
END_TEST

static double log_likelihood(struct trainer *t, enum dataset_part part)
{
	struct partition_options o = { .threads = 1 };
	struct energy_ledger l = { 0 };
	struct likelihood like;
	struct partition z;
	struct couplings c;
	double all;

	ck_assert_int_eq(couplings_new(data->classes, t->n, t->m, 8, 1, &c, NULL), 0);
	ck_assert_int_eq(trainer_couplings(t, t->optimizer->average, &c, NULL), 0);
	ck_assert_int_eq(partition_measure(device, &c, &o, NULL, &l, &z, NULL), 0);
	ck_assert(z.exact);
	ck_assert_int_eq(likelihood_measure(&c, &z, data, part, &like, NULL, NULL), 0);
	ck_assert_double_eq(like.error, 0);
	all = like.all;
	likelihood_free(&like);
	partition_free(&z);
	couplings_free(&c);
	return all;
}

/*
 * Independent pixels score -5.6 nats on these images, the true law -2.9: three lines, and nine
 * pixels that flip with probability 0.02.
 */
START_TEST(learns)
{
	struct spec_train s = make_spec(0);
	struct energy_ledger l = { 0 };
	struct trainer *t = make_trainer(ways[_i].model, &s, device);
	double before = log_likelihood(t, PART_HELD_OUT), after;

	steps(t, 200, &l);
	after = log_likelihood(t, PART_HELD_OUT);
	ck_assert_double_lt(before, -5);
	ck_assert_double_gt(after, -4);
	trainer_free(t);
}
END_TEST

/* A gradient taken with exact moments in the negative phase's place is the slope of the loss. */
START_TEST(first_step_goes_down_the_loss)
{
	struct spec_train s = make_spec(0);
	struct energy_ledger l = { 0 };
	struct trainer *t;
	double before, after;

	s.optimizer.rate = 0.005;
	s.optimizer.decay = 0;
	s.device.chains = 512;
	s.device.sweeps = 64;
	t = make_trainer(MODEL_HYPERNETWORK, &s, device);
	before = log_likelihood(t, PART_TRAIN);
	for (unsigned int k = 0; k < 5; k++) {
		steps(t, 1, &l);
		memcpy(t->optimizer->average, t->mlp->phi, t->mlp->params * sizeof(double));
		after = log_likelihood(t, PART_TRAIN);
		ck_assert_double_gt(after, before);
		before = after;
	}
	trainer_free(t);
}
END_TEST

/* A fixed scale bounds the couplings; training goes on at the bound. */
/*
 * One class and nothing between its code and W: W itself is trained, from independent pixels of
 * which none is surer than 1 in 1000, however many images there are.
 */
START_TEST(one_class_is_its_own_parameters)
{
	struct dataset_options o = { .threshold = 8, .holdout = 0.2, .seed = 5 };
	size_t shape[2] = { 6000, 3 };
	struct spec_train s = make_spec(0);
	struct energy_ledger l = { 0 };
	struct dataset *alone;
	struct array many;
	struct trainer *t;

	ck_assert_int_eq(array_new(&many, DT_U8, 2, shape, NULL), 0);
	for (size_t k = 0; k < 6000; k++)
		((uint8_t *)many.data)[3 * k] = k % 2 ? 16 : 0;
	ck_assert_int_eq(dataset_new(&many, "images", NULL, NULL, &o, &alone, NULL), 0);
	s.model.n_layers = 0;
	ck_assert_int_eq(
		trainer_new(MODEL_HYPERNETWORK, &s, 42, alone, &no_codes, device, &t, NULL), 0);
	ck_assert(t->mlp->table);
	ck_assert_uint_eq(t->mlp->params, 4 * 5);
	/* Pixel 2 is never on, in 4800 images: 4.8 pseudo-counts each way. */
	ck_assert_double_le(fabs(t->mlp->phi[3 * 5] - atanh(-4800 / 4809.6)), 6 * 0.1);
	steps(t, 3, &l);
	ck_assert_int_eq(trainer_couplings(t, t->mlp->phi, &t->couplings, NULL), 0);
	for (size_t k = 1; k < t->mlp->params; k++)
		ck_assert_double_eq(t->w[k], t->mlp->phi[k]);
	trainer_free(t);
	dataset_free(alone);
	array_free(&many);
}
END_TEST

START_TEST(a_fixed_scale_saturates)
{
	struct spec_train s = make_spec(0);
	struct energy_ledger l = { 0 };
	struct trainer *t;
	int most = 0;

	s.device.scale = 0x1p-7;
	t = make_trainer(MODEL_HYPERNETWORK, &s, device);
	steps(t, 60, &l);
	for (size_t k = 0; k < data->classes * t->n * t->m; k++)
		most = MAX(most, abs(t->couplings.q[k]));
	ck_assert_int_eq(most, 127);
	ck_assert_double_eq(t->couplings.scale[0], 0x1p-7);
	trainer_free(t);
}
END_TEST

/* ---- the verdict on A6 ---- */

START_TEST(mixing_verdicts)
{
	struct spec_device sd = { .beta = 1, .scan = SCAN_RANDOM_DIRECTION, .chains = 64 };
	struct mixing_options o = { .tau_sweeps = 2048, .ratio = 10, .seed = 1 };
	struct energy_ledger ledger = { 0 };
	double w[2 * 24] = { 0 };
	struct negative_phase p;
	struct couplings c;
	struct mixing x;

	/* No couplings: tau is 1. */
	o.scan = sd.scan;
	sd.sweeps = 32;
	ck_assert_int_eq(couplings_new(2, 6, 4, 8, 1, &c, NULL), 0);
	ck_assert_int_eq(couplings_quantise(&c, w, 1, NULL), 0);
	ck_assert_int_eq(negative_new(device, &c, &sd, 3, 0, &p, NULL), 0);
	ck_assert_int_eq(mixing_measure(device, &c, &p, &o, NULL, &ledger, &x, NULL), 0);
	ck_assert(x.tau.resolved);
	ck_assert_double_eq_tol(x.tau.tau, 1, 6 * x.tau.error);
	ck_assert_int_eq(x.a6, A6_HOLDS);
	/* The same chains, a K that is too short. */
	p.sweeps = 5;
	ck_assert_int_eq(mixing_measure(device, &c, &p, &o, NULL, &ledger, &x, NULL), 0);
	ck_assert_int_eq(x.a6, A6_FAILS);
	/* A trace that is too short to tell: no verdict, whatever K is. */
	p.sweeps = 1000000;
	o.tau_sweeps = 16;
	ck_assert_int_eq(mixing_measure(device, &c, &p, &o, NULL, &ledger, &x, NULL), 0);
	ck_assert_int_eq(x.a6, A6_NOT_RESOLVED);
	/* Two modes that are never left, in one class of two. */
	for (size_t k = 24; k < 48; k++)
		w[k] = k % 4 ? 3 : 0;
	o.tau_sweeps = 2048;
	ck_assert_int_eq(couplings_quantise(&c, w, 0, NULL), 0);
	ck_assert_int_eq(mixing_measure(device, &c, &p, &o, NULL, &ledger, &x, NULL), 0);
	ck_assert_int_eq(x.a6, A6_NOT_RESOLVED);
	/* A pixel that its reference spin holds is never seen to move, and nothing is amiss. */
	memset(w, 0, sizeof(w));
	w[24 + 4] = -12;
	ck_assert_int_eq(couplings_quantise(&c, w, 0, NULL), 0);
	ck_assert_int_eq(mixing_measure(device, &c, &p, &o, NULL, &ledger, &x, NULL), 0);
	ck_assert_uint_gt(x.tau.constant, 0);
	ck_assert_int_eq(x.a6, A6_HOLDS);
	negative_free(&p);
	/* Two that hold each other, in one class of two: all that is seen to move is fast. */
	c.even = true;
	memset(w, 0, sizeof(w));
	w[24] = 12;
	ck_assert_int_eq(couplings_quantise(&c, w, 0, NULL), 0);
	ck_assert_int_eq(negative_new(device, &c, &sd, 3, 0, &p, NULL), 0);
	p.sweeps = 1000000;
	o.burn = 10;
	ck_assert_int_eq(mixing_measure(device, &c, &p, &o, NULL, &ledger, &x, NULL), 0);
	ck_assert_double_lt(x.tau.tau, 1.5);
	ck_assert_int_eq(x.a6, A6_NOT_RESOLVED);
	negative_free(&p);
	couplings_free(&c);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("train");
	TCase *t = tcase_create("train");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, stream_covers_every_image_once_a_pass);
	tcase_add_test(t, rows_belong_to_their_class);
	tcase_add_loop_test(t, moments_are_those_of_the_model, 0, SCAN_COUNT);
	tcase_add_test(t, pieces_give_the_whole);
	tcase_add_test(t, classes_and_models_use_different_words);
	tcase_add_loop_test(t, resumes_to_the_same_bits, 0, 3);
	tcase_add_loop_test(t, threads_do_not_show, 0, 3);
	tcase_add_test(t, refuses_a_checkpoint_that_does_not_fit);
	tcase_add_loop_test(t, learns, 0, 3);
	tcase_add_test(t, first_step_goes_down_the_loss);
	tcase_add_test(t, sampled_sums_are_those_of_the_images);
	tcase_add_test(t, sampled_takes_as_many_each_time);
	tcase_add_loop_test(t, threads_do_not_show_in_large_models, 0, ARRAY_SIZE(ways));
	tcase_add_test(t, one_class_is_its_own_parameters);
	tcase_add_test(t, a_fixed_scale_saturates);
	tcase_add_test(t, mixing_verdicts);
	suite_add_tcase(s, t);
	return run_suite(s);
}
