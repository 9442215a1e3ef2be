// SPDX-License-Identifier: MIT
#include "teacher.h"

const double teacher_code[TEACHER_CODES][TEACHER_CODE_DIM] = {
	{ 0.3, -0.8 },
	{ 0.9, 0.4 },
	{ -0.5, 0.7 },
	{ -0.7, -0.6 },
};

static double modes(unsigned int m, unsigned int walsh, size_t state)
{
	double at = 0.5, opposite = 0.5;

	for (unsigned int i = 0; i < m; i++) {
		unsigned int up = !(__builtin_popcount(walsh & i) & 1);
		bool agrees = (state >> i & 1) == up;

		at *= (1 + (agrees ? TEACHER_MU : -TEACHER_MU)) / 2;
		opposite *= (1 - (agrees ? TEACHER_MU : -TEACHER_MU)) / 2;
	}
	return at + opposite;
}

int teacher_law(unsigned int m, unsigned int axis, unsigned int code, double *law, struct err *e)
{
	if (m < 1 || m > TEACHER_MAX_BITS || axis < 1 || axis > TEACHER_AXES ||
	    code >= TEACHER_CODES)
		return err_set(
			e, -EINVAL,
			"there is no teacher of %u spins, axis %u, code %u: at most %d spins, "
			"axes 1 to %d, codes 0 to %d",
			m, axis, code, TEACHER_MAX_BITS, TEACHER_AXES, TEACHER_CODES - 1);
	for (size_t v = 0; v < (size_t)1 << m; v++)
		law[v] = (modes(m, axis - 1, v) + modes(m, (axis - 1) ^ code, v)) / 2;
	return 0;
}
