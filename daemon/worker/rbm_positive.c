// SPDX-License-Identifier: MIT
/*
 * The positive phase of quantised couplings, in integers: fields are scale times integers, and
 * <h | v> is rounded to a multiple of 2^-16. That is off by 2^-17 at most (and 2^-31 by the tanh),
 * far below the noise of the negative phase. What is added up is exact, so that its order does not
 * matter, and the tanh is made of sums, products and a quotient: the bits are the same on every
 * processor and for any number of threads.
 *
 * Both products, v W and v' <h | v>, add up rows of integers with the signs that spins give them.
 * BITS rows have only 2^BITS such sums: these are made once, and each result looks up the one that
 * its spins pick. Columns are taken WIDTH at a time, from their fields to their sums of
 * v_i <h_j | v>; one such block does not look at another, and is a part of a crew's loop.
 */
#include <math.h>
#include <string.h>

#include "crew.h"
#include "machine.h"
#include "rbm_exact.h"
#include "wide.h"

#define CHUNK_ROWS 256 /* taken at a time, their sums at most 2^24 units */
#define BITS	   5   /* rows of a group */
#define PICKS	   (1 << BITS)
#define GROUPS	   8   /* taken at a time: their tables are to stay near */
#define WIDTH	   64  /* of a column block */
#define HEIGHT	   512 /* visible spins whose sums are made at a time */

#define UNIT		 0x1p-16 /* of <h | v> */
#define TANH_IS_ONE	 7.0	 /* from here on, in such units */
#define WORTH_WAKING_FOR (1u << 20)

_Static_assert(PBM_MAX_UNITS <= INT32_MAX / (INT16_MAX + 1), "fields overflow");

struct group {
	int32_t row[BITS][WIDTH] __attribute__((aligned(64)));
};

/* Those of its rows with all signs: sign b is that of bit b of the index. */
struct group_sums {
	int32_t of[PICKS][WIDTH] __attribute__((aligned(64)));
};

struct positive {
	size_t n, m;
	uint8_t *fields; /* [CHUNK_ROWS][groups of n]: signs of visible spins of a row */
	uint8_t *sums;	 /* [groups of CHUNK_ROWS][n]: signs of rows of a visible spin */

	/* The chunk that is worked on. */
	const int16_t *q;
	const int8_t *rows;
	size_t count;
	size_t first; /* column that is a p-bit */
	double unit;  /* the argument of tanh is unit times the integers */
	double *to;
	bool add; /* to what the chunks before left there */
};

/* How many groups count rows make, whole passes of them; group g has the rows g, g + groups, ... */
static size_t groups_of(size_t count)
{
	return (count + BITS * GROUPS - 1) / (BITS * GROUPS) * GROUPS;
}

struct positive *positive_free(struct positive *p)
{
	if (!p)
		return NULL;
	free(p->fields);
	free(p->sums);
	free(p);
	return NULL;
}

int positive_new(size_t n, size_t m, struct positive **ret, struct err *e)
{
	struct positive *p;

	if (!n || !m || n > PBM_MAX_UNITS || m > PBM_MAX_UNITS)
		return err_set(e, -EINVAL, "%zu x %zu spins: give each side 1 to %u", n, m,
			       PBM_MAX_UNITS);
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_oom(e);
	p->n = n;
	p->m = m;
	p->fields = alloc_zeroed(CHUNK_ROWS, groups_of(n));
	p->sums = alloc_zeroed(groups_of(CHUNK_ROWS), n);
	if (!p->fields || !p->sums) {
		positive_free(p);
		return err_oom(e);
	}
	*ret = p;
	return 0;
}

/* Sets bit where the spin is up. */
WIDE_BODY pick_body(const int8_t *spins, size_t count, unsigned int bit, uint8_t *restrict picks)
{
	for (size_t i = 0; i < count; i++)
		picks[i] = (uint8_t)(picks[i] | (spins[i] > 0) << bit);
}
WIDE(pick, (const int8_t *spins, size_t count, unsigned int bit, uint8_t *restrict picks),
     (spins, count, bit, picks))

static void pick_fields(struct positive *p)
{
	size_t groups = groups_of(p->n);

	memset(p->fields, 0, p->count * groups);
	for (size_t k = 0; k < p->count; k++)
		for (size_t i = 0; i < p->n; i += groups)
			pick(p->rows + k * p->n + i, MIN(groups, p->n - i),
			     (unsigned int)(i / groups), p->fields + k * groups);
}

static void pick_sums(struct positive *p)
{
	size_t groups = groups_of(p->count);

	memset(p->sums, 0, groups * p->n);
	for (size_t k = 0; k < p->count; k++)
		pick(p->rows + k * p->n, p->n, (unsigned int)(k / groups),
		     p->sums + k % groups * p->n);
}

WIDE_BODY load_body(const int16_t *from, size_t count, int32_t *restrict to)
{
	for (size_t j = 0; j < count; j++)
		to[j] = from[j];
}
WIDE(load, (const int16_t *from, size_t count, int32_t *restrict to), (from, count, to))

WIDE_BODY make_sums_body(const struct group *x, struct group_sums *restrict t)
{
	for (size_t j = 0; j < WIDTH; j++) {
		int32_t sum = 0;

		for (size_t b = 0; b < BITS; b++)
			sum -= x->row[b][j];
		t->of[0][j] = sum;
	}
	for (size_t b = 0; b < BITS; b++)
		for (size_t k = 0; k < (size_t)1 << b; k++)
			for (size_t j = 0; j < WIDTH; j++)
				t->of[((size_t)1 << b) + k][j] = t->of[k][j] + 2 * x->row[b][j];
}
WIDE(make_sums, (const struct group *x, struct group_sums *restrict t), (x, t))

/* Adds to each of rows the sums that its picks name, GROUPS of them. */
WIDE_BODY add_sums_body(const struct group_sums *t, const uint8_t *picks, size_t by_row,
			size_t by_group, size_t rows, int32_t (*restrict to)[WIDTH])
{
	for (size_t r = 0; r < rows; r++) {
		const int32_t *x[GROUPS];

		for (size_t g = 0; g < GROUPS; g++)
			x[g] = t[g].of[picks[r * by_row + g * by_group]];
		for (size_t j = 0; j < WIDTH; j++) {
			int32_t sum = to[r][j];

			for (size_t g = 0; g < GROUPS; g++)
				sum += x[g][j];
			to[r][j] = sum;
		}
	}
}
WIDE(add_sums,
     (const struct group_sums *t, const uint8_t *picks, size_t by_row, size_t by_group, size_t rows,
      int32_t (*restrict to)[WIDTH]),
     (t, picks, by_row, by_group, rows, to))

/*
 * tanh x = 1 - 2 / (exp(2 x) + 1), where exp(2 x) is the 64th power of exp(x / 32), whose series is
 * cut where the tanh has 2^-31. libm's may differ from one processor to the next.
 */
static inline int32_t mean_of(double x)
{
	double z = (x < TANH_IS_ONE ? x : TANH_IS_ONE) / 32, exp = z * (1.0 / 120) + 1.0 / 24;

	exp = z * exp + 1.0 / 6;
	exp = z * exp + 0.5;
	exp = z * exp + 1;
	exp = z * exp + 1;
	for (unsigned int k = 0; k < 6; k++)
		exp *= exp;
	return (int32_t)((1 - 2 / (exp + 1)) / UNIT + 0.5);
}

WIDE_BODY mean_hidden_body(int32_t (*restrict h)[WIDTH], size_t rows, size_t width, double unit)
{
	for (size_t k = 0; k < rows; k++)
		for (size_t j = 0; j < width; j++) {
			int32_t mean = mean_of(fabs(unit * h[k][j]));

			h[k][j] = (h[k][j] < 0) != (unit < 0) ? -mean : mean;
		}
}
WIDE(mean_hidden, (int32_t(*restrict h)[WIDTH], size_t rows, size_t width, double unit),
     (h, rows, width, unit))

WIDE_BODY to_doubles_body(const int32_t (*from)[WIDTH], size_t rows, size_t width, size_t m,
			  bool add, double *restrict to)
{
	for (size_t i = 0; i < rows; i++, to += m)
		for (size_t j = 0; j < width; j++)
			to[j] = (add ? to[j] : 0) + from[i][j] * UNIT;
}
WIDE(to_doubles,
     (const int32_t (*from)[WIDTH], size_t rows, size_t width, size_t m, bool add,
      double *restrict to),
     (from, rows, width, m, add, to))

/* v W of the columns from at on, where W is q. */
static void add_fields(const struct positive *p, size_t at, size_t width, int32_t (*h)[WIDTH])
{
	size_t groups = groups_of(p->n);
	struct group_sums t[GROUPS];
	struct group x = { 0 };

	for (size_t g = 0; g < groups; g++) {
		for (size_t b = 0; b < BITS; b++) {
			size_t i = g + b * groups;

			if (i < p->n)
				load(p->q + i * p->m + at, width, x.row[b]);
			else
				memset(x.row[b], 0, sizeof(x.row[b]));
		}
		make_sums(&x, &t[g % GROUPS]);
		if (g % GROUPS == GROUPS - 1)
			add_sums(t, p->fields + g - g % GROUPS, groups, 1, p->count, h);
	}
}

/* v' h of rows visible spins, whose picks these are. */
static void add_products(const struct positive *p, const int32_t (*h)[WIDTH], const uint8_t *picks,
			 size_t rows, int32_t (*vh)[WIDTH])
{
	size_t groups = groups_of(p->count);
	struct group_sums t[GROUPS];
	struct group x;

	for (size_t g = 0; g < groups; g++) {
		for (size_t b = 0; b < BITS; b++) {
			size_t k = g + b * groups;

			if (k < p->count)
				memcpy(x.row[b], h[k], sizeof(x.row[b]));
			else
				memset(x.row[b], 0, sizeof(x.row[b]));
		}
		make_sums(&x, &t[g % GROUPS]);
		if (g % GROUPS == GROUPS - 1)
			add_sums(t, picks + (g - g % GROUPS) * p->n, 1, p->n, rows, vh);
	}
}

/* On the stack, so that threads that take turns at a block do not take each other's memory. */
static void column_block(void *data, size_t k)
{
	const struct positive *p = data;
	size_t at = p->first + k * WIDTH, width = MIN(p->m - at, (size_t)WIDTH);
	int32_t h[CHUNK_ROWS][WIDTH] __attribute__((aligned(64)));
	int32_t vh[HEIGHT][WIDTH] __attribute__((aligned(64)));

	memset(h, 0, p->count * sizeof(h[0]));
	add_fields(p, at, width, h);
	mean_hidden(h, p->count, width, p->unit);
	for (size_t i = 0; i < p->n; i += HEIGHT) {
		size_t rows = MIN(p->n - i, (size_t)HEIGHT);

		memset(vh, 0, rows * sizeof(vh[0]));
		add_products(p, (const int32_t(*)[WIDTH])h, p->sums + i, rows, vh);
		to_doubles((const int32_t(*)[WIDTH])vh, rows, width, p->m, p->add,
			   p->to + i * p->m + at);
	}
}

WIDE_BODY add_spins_body(const int8_t *spins, size_t count, int32_t *restrict to)
{
	for (size_t i = 0; i < count; i++)
		to[i] += spins[i];
}
WIDE(add_spins, (const int8_t *spins, size_t count, int32_t *restrict to), (spins, count, to))

/* The hidden reference spin is 1. */
static void reference_column(const struct positive *p)
{
	int32_t sum[HEIGHT];

	for (size_t i = 0; i < p->n; i += HEIGHT) {
		size_t rows = MIN(p->n - i, (size_t)HEIGHT);
		double *to = p->to + i * p->m;

		memset(sum, 0, sizeof(sum));
		for (size_t k = 0; k < p->count; k++)
			add_spins(p->rows + k * p->n + i, rows, sum);
		for (size_t j = 0; j < rows; j++)
			to[j * p->m] = (p->add ? to[j * p->m] : 0) + sum[j];
	}
}

void rbm_positive_quantised(struct positive *p, struct crew *crew, const struct rbm *r,
			    const int16_t *q, double scale, const int8_t *rows, size_t count,
			    double *vh)
{
	p->q = q;
	p->first = r->ref_h;
	p->unit = r->beta * scale;
	p->to = vh;
	for (size_t from = 0; from < count; from += CHUNK_ROWS) {
		p->rows = rows + from * p->n;
		p->count = MIN(count - from, (size_t)CHUNK_ROWS);
		p->add = from > 0;
		pick_fields(p);
		pick_sums(p);
		if (r->ref_h)
			reference_column(p);
		crew_run(p->count * p->n * p->m < WORTH_WAKING_FOR ? NULL : crew,
			 (p->m - p->first + WIDTH - 1) / WIDTH, column_block, p);
	}
	if (!count)
		memset(vh, 0, p->n * p->m * sizeof(*vh));
}
