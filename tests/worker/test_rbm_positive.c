// SPDX-License-Identifier: MIT
/* The positive phase of quantised couplings has the bits of that of any couplings. */
#include <check.h>
#include <string.h>

#include "rbm_exact.h"
#include "splitmix.h"

#define ROWS 300 /* more than one chunk */

struct shape {
	size_t n, m;
	int limit; /* of a coupling */
	double scale, beta;
	bool references;
};

static const struct shape shapes[] = {
	{ 7, 5, 127, 0x1.234566p-4, 1, true },
	{ 130, 66, 127, 0x1.fffffep-7, 0.7, true },
	{ 65, 64, 3, 0x1p-3, 1, false },
	{ 33, 20, 127, 0x1.8p-20, 1.5, true },	    /* fields so small that all differ */
	{ 33, 20, 127, 4, 3, true },		    /* and so large that none is below 1 */
	{ 20, 20, 127, 0x1p-5, 0, false },	    /* at no temperature */
	{ 500, 9, 32767, 0x1.abcdeep-12, 1, true }, /* sums just fit a float */
	{ 600, 9, 32767, 0x1.abcdeep-12, 1, true }, /* and might not */
};

START_TEST(bits_are_the_same)
{
	const struct shape *s = &shapes[_i];
	size_t size = s->n * s->m;
	int16_t *q = calloc(size, sizeof(*q));
	double *w = calloc(size, sizeof(*w)), *want = calloc(size, sizeof(*want));
	double *got = calloc(size, sizeof(*got));
	int8_t *rows = calloc(ROWS, s->n);
	struct rbm r = { .n = s->n,
			 .m = s->m,
			 .ref_v = s->references,
			 .ref_h = s->references,
			 .beta = s->beta,
			 .w = w };

	ck_assert(q && w && want && got && rows);
	for (size_t k = 0; k < size; k++) {
		q[k] = (int16_t)((int)splitmix_below(1, k, 2 * (uint32_t)s->limit + 1) - s->limit);
		w[k] = s->scale * q[k];
		got[k] = 77;
	}
	for (size_t k = 0; k < ROWS * s->n; k++)
		rows[k] = splitmix_below(2, k, 2) ? 1 : -1;
	for (size_t k = 0; k < ROWS; k++)
		rows[k * s->n] = 1;
	for (size_t count = 0; count <= ROWS; count += 100) {
		ck_assert_int_eq(rbm_positive(&r, rows, count, want, NULL), 0);
		ck_assert_int_eq(rbm_positive_quantised(&r, q, s->scale, rows, count, got, NULL),
				 0);
		for (size_t k = 0; k < size; k++) /* zeros of either sign */
			ck_assert_msg(got[k] == want[k], "%zu rows, %zu: %a is not %a", count, k,
				      got[k], want[k]);
	}
	free(q);
	free(w);
	free(want);
	free(got);
	free(rows);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rbm_positive");
	TCase *t = tcase_create("rbm_positive");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, bits_are_the_same, 0, sizeof(shapes) / sizeof(shapes[0]));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
