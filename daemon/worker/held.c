// SPDX-License-Identifier: MIT
#include "held.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* q: the couplings of one p-bit, `count` of them `stride` apart, that of the reference spin first. */
static bool is_held(const int16_t *q, size_t count, size_t stride, double unit)
{
	int64_t lead = abs(q[0]);

	for (size_t k = 1; k < count; k++)
		lead -= abs(q[k * stride]);
	return 2 * unit * (double)lead >= log(HELD_ONE_IN - 1);
}

void held_by_references(const struct pbm_shape *shape, const int16_t *q, double unit,
			uint64_t *held)
{
	size_t n = shape->n, m = shape->m;
	uint64_t *h = held + pbm_side_words(shape->n);

	memset(held, 0, pbm_state_words(shape) * sizeof(*held));
	for (size_t i = 1; i < n; i++)
		held[i / 64] |= (uint64_t)is_held(q + i * m, m, 1, unit) << (i % 64);
	for (size_t j = 1; j < m; j++)
		h[j / 64] |= (uint64_t)is_held(q + j, n, m, unit) << (j % 64);
}
