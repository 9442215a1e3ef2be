/* SPDX-License-Identifier: MIT */
#include "bench_trained.h"

#include <math.h>
#include <string.h>

#include "couplings.h"
#include "quantise.h"
#include "splitmix.h"

#define N      BENCH_TRAINED_N
#define M      BENCH_TRAINED_M
#define SIDE   28
#define SMALL  8
#define IMAGES 1797
#define BATCH  256
#define GREY   8.0 /* of 16 */
#define BITS   8
#define RATE   0.006 /* of the first step; it falls to zero along a line */
#define SPREAD 0.01  /* of the first couplings */
#define LIMIT  1e-2  /* how sure a pixel may be that never changes */

/* The pixels behind the 128 bytes of a header; the assembler refuses a file that is shorter. */
__asm__(".section .rodata\n"
	"bench_digits: .incbin \"client/examples/digits/optdigits_images.npy\", 128, 115008\n"
	".previous\n");
extern const uint8_t bench_digits[IMAGES * SMALL * SMALL] __attribute__((visibility("hidden")));

struct training {
	uint64_t seed;
	struct program *data, *model; /* the two phases */
	double *w;		      /* [N * M] */
	double *wq;
	int16_t *q;
	double scale;
	uint64_t *rows; /* [IMAGES][words of a side]: the images */
};

void bench_trained_text(unsigned int steps, char *buf, size_t size)
{
	snprintf(buf, size,
		 "UCI's %d digits, enlarged to %d x %d, learnt here by %u steps of persistent "
		 "contrastive divergence on the device itself",
		 IMAGES, SIDE, SIDE, steps);
}

/* Bilinear, the corners of both grids in one place: the grey of pixel (y, x), 0 to 16. */
static double grey_at(const uint8_t *image, unsigned int y, unsigned int x)
{
	double sy = (double)y * (SMALL - 1) / (SIDE - 1), sx = (double)x * (SMALL - 1) / (SIDE - 1);
	unsigned int iy = MIN((unsigned int)sy, SMALL - 2u), ix = MIN((unsigned int)sx, SMALL - 2u);
	const uint8_t *p = image + iy * SMALL + ix;
	double fy = sy - iy, fx = sx - ix;

	return (1 - fy) * ((1 - fx) * p[0] + fx * p[1]) +
	       fy * ((1 - fx) * p[SMALL] + fx * p[SMALL + 1]);
}

/* Pixel 0, a corner, makes room for the reference spin. */
static void enlarge(uint64_t *rows, double mean[N])
{
	uint32_t words = pbm_side_words(N);

	for (size_t k = 0; k < IMAGES; k++) {
		uint64_t *row = rows + k * words;

		row[0] |= 1;
		for (unsigned int i = 1; i < N; i++) {
			if (grey_at(bench_digits + k * SMALL * SMALL, i / SIDE, i % SIDE) < GREY)
				continue;
			row[i / 64] |= (uint64_t)1 << i % 64;
			mean[i] += 1.0 / IMAGES;
		}
	}
}

/* Each pixel as often black as in the images, on its own; the rest next to nothing. */
static void begin(struct training *t, const double mean[N])
{
	for (size_t k = 0; k < (size_t)N * M; k++)
		t->w[k] = SPREAD * splitmix_normal(t->seed, k);
	for (size_t i = 0; i < N; i++) {
		double p = fmin(fmax(mean[i], LIMIT), 1 - LIMIT);

		t->w[i * M] = 0.5 * log(p / (1 - p)); /* sigma(2 J) = p */
	}
	t->w[0] = 0;
}

static int make_program(struct training *t, struct device *d, bool data, struct program **ret,
			struct err *e)
{
	const struct pbm_shape shape = {
		.net = PBM_NET_RBM, .n = N, .m = M, .chains = BATCH, .bits = BITS
	};
	uint32_t words = pbm_state_words(&shape), side = pbm_side_words(N);
	_cleanup_free_ uint64_t *clamp = alloc_zeroed(words, sizeof(*clamp));
	int r;

	if (!clamp)
		return err_oom(e);
	couplings_clamp_mask(&shape, clamp);
	for (uint32_t i = 0; data && i < N; i++)
		clamp[i / 64] |= (uint64_t)1 << i % 64;
	r = program_new(d, &shape, clamp, ret, e);
	if (r < 0)
		return r;
	pbm_states_random(&shape, t->seed, 0, BATCH, NULL, program_states(*ret));
	for (size_t k = 0; k < BATCH; k++) {
		program_states(*ret)[k * words] |= 1;
		program_states(*ret)[k * words + side] |= 1;
	}
	return 0;
}

static void training_free(struct training *t)
{
	program_free(t->data);
	program_free(t->model);
	free(t->w);
	free(t->wq);
	free(t->q);
	free(t->rows);
}

static int training_new(struct training *t, struct device *d, struct err *e)
{
	_cleanup_free_ double *mean = alloc_zeroed(N, sizeof(*mean));
	int r;

	t->w = alloc_zeroed((size_t)N * M, sizeof(*t->w));
	t->wq = alloc_zeroed((size_t)N * M, sizeof(*t->wq));
	t->q = alloc_zeroed((size_t)N * M, sizeof(*t->q));
	t->rows = alloc_zeroed((size_t)IMAGES * pbm_side_words(N), sizeof(*t->rows));
	if (!mean || !t->w || !t->wq || !t->q || !t->rows)
		return err_oom(e);
	enlarge(t->rows, mean);
	begin(t, mean);
	r = make_program(t, d, true, &t->data, e);
	if (r == 0)
		r = make_program(t, d, false, &t->model, e);
	if (r == 0)
		program_share_couplings(t->data, t->model);
	return r;
}

/* BATCH images, drawn with repeats, for the phase of the data. */
static void show_images(struct training *t, unsigned int step)
{
	uint32_t words = pbm_state_words(program_shape(t->data)), side = pbm_side_words(N);
	uint64_t *states = program_states(t->data);

	for (size_t k = 0; k < BATCH; k++) {
		size_t image = splitmix_below(t->seed + 1, (uint64_t)step * BATCH + k, IMAGES);

		memcpy(states + k * words, t->rows + image * side, side * sizeof(*states));
	}
}

static int run(struct training *t, struct program *p, unsigned int step, struct results *ret,
	       struct err *e)
{
	uint64_t gain = gain_from_beta(1, t->scale);
	struct submission s = {
		.seed = t->seed + 2 + (p == t->data),
		.sweep0 = step,
		.sweeps = 1,
		.every = 1,
		.scan = PBM_SCAN_ALTERNATING,
		.gains = 1,
		.gain = &gain,
		.accumulate = ACC_MOMENTS,
	};

	return program_run(p, &s, ret, e);
}

static int make_step(struct training *t, unsigned int step, unsigned int steps, struct err *e)
{
	double rate = RATE * (1 - (double)step / steps) / BATCH;
	struct results data, model;
	int r;

	r = quantise(t->w, N, M, BITS, 0, "W", t->q, t->wq, &t->scale, e);
	if (r < 0)
		return r;
	show_images(t, step);
	r = program_set_couplings(t->model, t->q, e);
	if (r == 0)
		r = run(t, t->data, step, &data, e);
	if (r == 0)
		r = run(t, t->model, step, &model, e);
	if (r < 0)
		return r;
	for (size_t k = 1; k < (size_t)N * M; k++)
		t->w[k] += rate * (double)(data.vh[k] - model.vh[k]);
	return 0;
}

int bench_train(struct device *d, unsigned int steps, uint64_t seed, int (*progress)(void *arg),
		void *arg, int16_t *w, double *ret_scale, struct err *e)
{
	_cleanup_(training_free) struct training t = { .seed = seed };
	int r = training_new(&t, d, e);

	for (unsigned int step = 0; r == 0 && step < steps; step++) {
		r = make_step(&t, step, steps, e);
		if (r == 0)
			r = progress(arg);
	}
	return r < 0 ? r : quantise(t.w, N, M, BITS, 0, "W", w, NULL, ret_scale, e);
}
